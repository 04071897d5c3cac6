package find

import "strings"

// isNothing reports whether a value says that there is none.
func isNothing(word string) bool {
	switch len(word) {
	case 2:
		return equalFold(word, "no")
	case 3:
		return equalFold(word, "nil") || equalFold(word, "yes")
	case 4:
		return equalFold(word, "null") || equalFold(word, "none") || equalFold(word, "true")
	case 5:
		return equalFold(word, "false") || equalFold(word, "<nil>")
	case 9:
		return equalFold(word, "undefined")
	}
	return false
}

// What a name without quotes may have beside it that is no secret, though others have one there.
var (
	// weakNames are those of what is often only named, counted or described: a plain word beside them is no secret.
	weakNames = setOf("auth oauth authorization session cookie cookies cred creds credential credentials jwt csrf " +
		"xsrf secret secrets basicauth setcookie sid mnemonic key hash content token tokens psk otp")
	// places are names of what may be a file.
	places = setOf("token secret key session cookie cookies credential credentials auth sock authority ssn jwt creds " +
		"sid")
	// linkNames hold a secret only in what has several parts: a DSN, a connection string.
	linkNames = setOf("dsn dsns connectionstring connection_string connstr")
)

// isHarmless reports whether the value word of a name isn't a secret, whatever follows it.
func isHarmless(word string, rule valueRule) bool {
	if isReference(strings.TrimRight(word, ".,:;")) {
		return true
	}
	word = strings.Trim(word, ".,:!?;()[]<>")
	name := strings.ToLower(rule.name)
	if isReference(word) || isMask(word) || isNothing(word) {
		return true
	}
	if containsFold(name, "cookie") {
		if cookie, _, found := strings.Cut(word, "="); found && harmlessCookies[strings.ToLower(cookie)] {
			return true
		}
	}
	if name == "oauth2" && rule.sep == ':' { // the package with its errors
		return true
	}
	if strings.HasPrefix(word, "S-1-") { // a SID names a person, perhaps, but is no secret
		return true
	}
	if isProseWord(word) || isSmall(word) && !strings.HasPrefix(name, "cv") || isPunctuation(word) {
		return true
	}
	if strings.HasSuffix(name, "pwd") && len(name) <= len("oldpwd") || places[name] || rule.path {
		if isPath(word, name == "pwd" || name == "oldpwd") {
			return true
		}
	}
	if linkNames[name] && !strings.ContainsAny(word, ":@=/") {
		return true
	}
	if rule.sep == '=' {
		return (name == "secret" || name == "session" || name == "desktop_session") && isIdentifier(word)
	}
	return false
}

// isSmall reports whether word is a number of up to three digits, with a unit perhaps.
func isSmall(word string) bool {
	word = strings.TrimSuffix(word, "%")
	return word == "" || len(word) <= 3 && isDigits(word)
}

func isPunctuation(word string) bool {
	for i := range len(word) {
		if isAlnum(word[i]) || word[i] >= 0x80 {
			return false
		}
	}
	return len(word) <= 3
}

// isMask reports whether word is one sign again and again, as stands for a password that isn't shown.
func isMask(word string) bool {
	return len(word) > 3 && strings.Trim(word, word[:1]) == "" || strings.Trim(word, "•●") == ""
}

// isReference reports whether word names what the secret is in: a variable, a call, a template, another command.
func isReference(word string) bool {
	if word == "" {
		return false
	}
	call := strings.IndexByte(word, '(')
	if call > 0 && isIdentifier(word[:call]) && (call == len(word)-1 || word[call+1] == ')') {
		return true
	}
	switch word[0] {
	case '$':
		return isIdentifier(strings.Trim(word[1:], "{}")) || strings.HasPrefix(word, "${")
	case '%':
		return len(word) > 2 && word[len(word)-1] == '%' && isIdentifier(word[1:len(word)-1])
	case '{':
		return strings.HasPrefix(word, "{{")
	case '!':
		return word == "!vault" || word == "!secret" || word == "!reference"
	}
	verb, noun, found := strings.Cut(word, "-") // PowerShell's Verb-Noun
	return found && len(verb) > 2 && verb[0] >= 'A' && verb[0] <= 'Z' && isLower(verb[1]) &&
		len(noun) > 2 && noun[0] >= 'A' && noun[0] <= 'Z' && isIdentifier(word)
}

// isPath reports whether word is an absolute path as files have; a working folder may be any.
func isPath(word string, any bool) bool {
	if len(word) > 2 && isDrive(word[:2]) && (word[2] == '\\' || word[2] == '/') {
		return true
	}
	if strings.HasPrefix(word, "file:///") {
		return true
	}
	if word == "" || word[0] != '/' {
		return strings.Count(word, "/") > 1 && strings.ToLower(word) == word && !strings.ContainsAny(word, "+=@:")
	}
	return any || strings.IndexByte(word[1:], '/') > 0 && !strings.ContainsAny(word, "+=") && len(word) < 128
}

// isIdentifier reports whether word has letters, and dashes between them, alone: db-credentials, invalid_grant, ENOENT.
func isIdentifier(word string) bool {
	letters := 0
	for i := range len(word) {
		switch c := word[i]; {
		case isLetter(c):
			letters++
		case c != '-' && c != '_' && c != '.' && c != '/':
			return false
		}
	}
	return letters > 0
}

func isConstant(word string) bool {
	return isIdentifier(word) && strings.ToUpper(word) == word && len(word) > 2
}

// isSecretive reports whether word looks like a secret by itself: letters and others mixed.
func isSecretive(word string) bool {
	letters, others, mixed := 0, 0, 0
	for i := range len(word) {
		switch c := word[i]; {
		case isLetter(c):
			letters++
		case c >= '0' && c <= '9' || strings.IndexByte("!#$%&*+?@^~", c) >= 0:
			others++
		case c == '/' || c == '\\' || c == '(' || c == ',' || c == ':':
			return false
		default:
			mixed++
		}
	}
	return len(word) >= 6 && letters > 0 && others > 0
}

// isProse tells "token: unexpected end of input" from "token: hunter2", by the word t[k:end] and what follows it.
func (x *scanner) isProse(k, end int, rule valueRule) bool {
	t := x.text
	word := strings.TrimRight(t[k:end], ".,:!")
	name := strings.ToLower(rule.name)
	more := end+1 < len(t) && t[end] == ' ' && (isAlnum(t[end+1]) || t[end+1] >= 0x80)
	switch {
	case strings.HasPrefix(word, "0x") && len(word) <= len("0x80070005"), isDate(word):
		return true
	case t[end-1] == ':' && end < len(t) && t[end] == ' ' && isPackage(word): // asn1: structure error
		return true
	case rule.sep == 0:
		return !rule.flag && !isSecretive(word)
	case rule.sep == ':' && (isConstant(word) || weakNames[name] && isJoined(word)):
		return true
	case rule.path || !rule.bare: // /etc/passwd: device busy; exec: "passwd": broken link; JSON would have quotes
		return more && isPlainWord(word)
	case rule.sep != ':':
		return false
	}
	if isOperation(word) && takesOperand(t[end:]) { // the error of Go's that follows
		return true
	}
	if first, _, parts := strings.Cut(word, "_"); parts && isIdentifier(word) && isProseWord(first) { // invalid_grant
		return true
	}
	if !isWords(word) {
		return word == "i/o" || more && numberedPackages[strings.ToLower(word)]
	}
	if weakNames[name] && (more || !wordNames[name]) {
		return true
	}
	return more && x.isSentence(k, end, rule)
}

// wordNames are those of weakNames that may have a plain word for their secret, when it stands alone.
var wordNames = setOf("token secret psk otp key content")

// isJoined reports whether word is made of words in lower case with dashes between them: db-credentials.
func isJoined(word string) bool {
	return strings.ContainsAny(word, "_-") && isIdentifier(word) && strings.ToLower(word) == word
}

// takesOperand reports whether t goes on as after an operation, with a blank and a path or a URL in quotes: open /…,
// Get "…", stat C:\….
func takesOperand(t string) bool {
	if len(t) < 2 || t[0] != ' ' {
		return false
	}
	return strings.IndexByte(`/\".`, t[1]) >= 0 || len(t) > 3 && t[2] == ':' && t[3] == '\\'
}

// isSentence reports whether the words from t[k:end] on are a sentence rather than the words of a phrase that is a
// secret: one that has a line of its own and no word of messages.
func (x *scanner) isSentence(k, end int, rule valueRule) bool {
	if _, alone := x.indent(rule.start); !alone {
		return true
	}
	t, words := x.text, 1
	limit := min(len(t), k+maxLookBack)
	for end+1 < limit && t[end] == ' ' {
		next := end + 1
		end = x.wordEnd(next, rule)
		word := strings.TrimRight(t[next:end], ".,:!")
		if end == next || !isWords(word) || isProseWord(word) {
			return end > next && t[next] != '#'
		}
		words++
	}
	return words < 3
}

// isPackage reports whether word is what packages begin their errors with: strconv.Atoi, fork/exec, asn1.
func isPackage(word string) bool {
	return isIdentifier(word) && strings.ToLower(word) == word ||
		strings.ContainsAny(word, "./") && isIdentifier(strings.TrimRight(word, "0123456789")) ||
		numberedPackages[word] || len(word) > 2 && isErrnoText(word)
}

func isErrnoText(word string) bool { return isConstant(word) }

var numberedPackages = setOf("asn1 x509 base64 base32 md5 sha1 sha256 sha512 pkcs1 pkcs7 pkcs8 pkcs11 pkcs12 ed25519 " +
	"oauth2 http2 h2 k8s s3 ec2 sqlite3 utf8 utf16 krb5 ntlmv2 smb2 smb3 ext4 x25519 argon2 win32 crypto/x509 " +
	"crypto/sha1 encoding/asn1 encoding/base64 encoding/base32 crypto/md5")

// isOperation reports whether word is what package os or net/http begins its errors with.
func isOperation(word string) bool { return operations[word] }

var operations = setOf("open stat lstat read write mkdir remove rename exec parse dial readlink chmod chown create " +
	"truncate unlink symlink link seek sync close CreateFile fork/exec Get Post Put Head Delete Patch Options")

func isPlainWord(word string) bool {
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && (i > 0 || c < 'A' || c > 'Z') {
			return false
		}
	}
	return word != ""
}

// isWords is isPlainWord for words of all languages, and those of a small number: 401 Unauthorized.
func isWords(word string) bool {
	if len(word) <= 3 && isDigits(word) {
		return true
	}
	for i := range len(word) {
		switch c := word[i]; {
		case c >= 0x80, c >= 'a' && c <= 'z', i == 0 && c >= 'A' && c <= 'Z', i > 0 && (c == '\'' || c == '-'):
		default:
			return false
		}
	}
	return word != ""
}

// isDate reports whether word has the digits of a date or a time.
func isDate(word string) bool {
	digits, marks := 0, 0
	for i := range len(word) {
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			digits++
		case strings.IndexByte("-.:/TZ+", c) >= 0:
			marks++
		default:
			return false
		}
	}
	return digits >= 4 && digits <= 17 && marks >= 2 && strings.Count(word, ".") < 3 && word[0] <= '9' && word[0] >= '0'
}

func isProseWord(word string) bool {
	if len(word) > 24 || !isWords(word) {
		return word == "EOF"
	}
	var low [24]byte
	n := copy(low[:], word)
	low[0] |= 0x20
	if isUpperWord(word) {
		for i := range n {
			low[i] |= 0x20
		}
	}
	return proseWords[string(low[:n])]
}

func isUpperWord(word string) bool {
	for i := range len(word) {
		if word[i] < 'A' || word[i] > 'Z' {
			return false
		}
	}
	return true
}

// proseWords are what errors begin with, and what states are called.
var proseWords = setOf(`
	must is was were are be been not the a an to of for from in on at by with without and or but if as
	when while that this it has have had cannot can could should will would may does did do no off ok okay
	invalid incorrect wrong missing required optional empty expired expires failed fails failure denied unexpected
	expected unknown unable too permission
	connection unauthorized forbidden rejected revoked error errors context illegal malformed unsupported unavailable
	authentication authorization auth token tokens scheme header headers credentials challenge access already closed
	refused canceled cancelled timeout timed executable flag realm scope understanding functionality
	cached disabled enabled rotated refreshed renewed loaded found set unset changed reset created deleted removed
	updated
	skipped ignored accepted granted verified valid present absent available supported unsupported installed
	redacted hidden masked filtered removed stored saved locked unlocked blocked throttled limited exceeded quota
	short long small large weak strong old new bad good broken corrupt corrupted damaged mismatch mismatched
	file files directory folder device disk path host server client user system data line bytes byte size length
	exit signal status code http https rpc service request response unhandled internal operation process
	read write open close dial get post put delete stat parse decode encode decrypt decryption encrypt
	checksum magic illegal busy retry retrying remote local network unreachable reached
	last never always only just still yet none null nothing any all other another default
	prompt entered given provided supplied specified needed accessible readable writable
	identifier keyword operator literal punctuation symbol comma colon semicolon unchanged returned
	ended began begun started stopped opened active inactive pending done complete completed success successful ready
	succeeded passed pass generated imported exported configured unconfigured initialized
	basic digest bearer negotiate ntlm kerberos publickey public private absent north daily weekly monthly once
	insufficient inconsistent incomplete duplicate conflict existing exists signature audience
	item items record records entry entries value values string number integer type types field
	falsch falsches ungültig ungültiges abgelaufen verweigert gesperrt fehlt fehlgeschlagen zugriff das der die den kein
	keine nicht ist wurde wird unbekannt
	leer vorhanden erforderlich geändert gesetzt läuft unzulässig datei aktiviert deaktiviert
	incorrecto incorrecta inválido inválida caducado caducada vencida acceso denegado faltante vacía errónea
	incorrect incorrecte invalide expiré expirée accès refusé refusée manquant manquante erroné non est vide
	errata errato scaduta scaduto negato mancante accesso vuota non
	onjuist ongeldig verlopen geweigerd ontbreekt toegang
	eof enoent eacces eperm einval`)
