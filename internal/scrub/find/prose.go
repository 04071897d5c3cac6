package find

import "strings"

// nothings are values that say that there is none.
var nothings = [...]string{"no", "nil", "yes", "null", "none", "true", "false", "<nil>", "undefined"}

func isNothing(word string) bool { return isAny(word, nothings[:]) }

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

// maxHarmless is longer than the paths of files, in bytes. A value that stays is read again from each name in it.
const maxHarmless = 1024

// isHarmless reports whether the value word of a name isn't a secret, whatever follows it.
func isHarmless(word string, rule valueRule) bool {
	if len(word) > maxHarmless {
		return false
	}
	if isReference(strings.TrimRight(word, ".,:;")) {
		return true
	}
	word = strings.Trim(word, ".,:!?;()[]<>")
	name := rule.name
	cookie, _, isCookie := strings.Cut(word, "=")
	working := strings.HasSuffix(name, "pwd") && len(name) <= len("oldpwd") // a folder
	switch {
	case isReference(word), isMask(word), isNothing(word), isProseWord(word), isPunctuation(word),
		strings.HasPrefix(word, "S-1-"), // a SID names a person, perhaps
		isSmall(word) && !strings.HasPrefix(name, "cv"),
		rule.sep == ':' && rule.spaced && fileKinds[word[strings.LastIndexByte(word, '.')+1:]], // Wrong password: a.zip
		isCookie && harmlessCookies[strings.ToLower(cookie)] && strings.Contains(name, "cookie"),
		name == "oauth2" && rule.sep == ':', // the package with its errors
		(working || places[name]) && isPath(word, working),
		linkNames[name] && !strings.ContainsAny(word, ":@=/"),
		numberedPackages[word], name == "mnemonic" && isConstant(word), // password_hash=argon2, of an assembler
		rule.sep == '=' && (name == "secret" || strings.HasSuffix(name, "session")) && isIdentifier(word):
		return true
	}
	return false
}

// isSmall reports whether word is a number of up to three digits, with a unit perhaps, or a code of an error.
func isSmall(word string) bool {
	word = strings.TrimSuffix(strings.TrimPrefix(word, "-"), "%")
	number, isCode := strings.CutPrefix(word, "0x") // 0x80070005
	return word == "" || len(word) <= 3 && only(word, classDigit) ||
		isCode && len(number) <= 8 && only(number, classHex)
}

func isPunctuation(word string) bool {
	return len(word) <= 3 && kinds(word)&(classAlnum|classHigh) == 0
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
	call, argument, called := strings.Cut(word, "(")
	if called && isIdentifier(call) && (argument == "" || argument[0] == ')') {
		return true
	}
	switch word[0] {
	case '*', '&': // a type of C's or Go's
		kind, _, _ := strings.Cut(word[1:], "{")
		return isIdentifier(kind) && !strings.ContainsAny(kind, digits)
	case '#': // a colour
		return (len(word) == len("#fff") || len(word) == len("#ffffff")) && only(word[1:], classHex)
	case '$':
		return isIdentifier(strings.Trim(word[1:], "{}")) || strings.HasPrefix(word, "${") ||
			strings.HasPrefix(word, "$(")
	case '%':
		return len(word) <= len("%+v") || word[len(word)-1] == '%' && isIdentifier(word[1:len(word)-1])
	case '{':
		return strings.HasPrefix(word, "{{")
	case '!':
		return word == "!vault" || word == "!secret" || word == "!reference"
	}
	verb, noun, _ := strings.Cut(word, "-") // PowerShell's Verb-Noun
	return len(verb) > 2 && len(noun) > 2 && only(verb[:1]+noun[:1], classUpper) && isLower(verb[1]) &&
		isIdentifier(word)
}

// isPath reports whether word is an absolute path as files have; a working folder may be any.
func isPath(word string, any bool) bool {
	switch {
	case len(word) > 2 && isDrive(word[:2]) && (word[2] == '\\' || word[2] == '/'):
		return true
	case word == "" || word[0] != '/':
		return strings.Count(word, "/") > 1 && strings.ToLower(word) == word && !strings.ContainsAny(word, "+=@:")
	}
	return any || strings.IndexByte(word[1:], '/') > 0 && !strings.ContainsAny(word, "+=")
}

// isIdentifier reports whether word has letters, and dashes between them, alone: db-credentials, invalid_grant, ENOENT.
func isIdentifier(word string) bool {
	return only(word, classLetter|classDash|classDot|classSlash) && kinds(word)&classLetter != 0
}

func isConstant(word string) bool {
	return isIdentifier(word) && strings.ToUpper(word) == word && len(word) > 2
}

// isSecretive reports whether word looks like a secret by itself: letters and others mixed.
func isSecretive(word string) bool {
	return len(word) >= 6 && kinds(word)&classLetter != 0 && strings.ContainsAny(word, digits+"!#$%&*+?@^~") &&
		!strings.ContainsAny(word, `/\(,:`)
}

// isProse tells "token: unexpected end of input" from "token: hunter2", by the word t[k:end] and what follows it.
func (x *scanner) isProse(k, end int, rule valueRule) bool {
	t := x.text
	word := strings.TrimRight(t[k:end], ".,:!")
	more := end+1 < len(t) && t[end] == ' ' && classes[t[end+1]]&(classAlnum|classHigh) != 0
	switch {
	case t[end-1] == ':' && end < len(t) && t[end] == ' ' && isPackage(word): // asn1: structure error
		return true
	case only(word, classDigit) && units[x.nextWord(end)]: // private key: 4096 bits
		return true
	case rule.sep == 0:
		// "using --password via the command line"; no --password swordfish --host x
		return !isSecretive(word) && (!rule.flag || more && isProseWord(x.nextWord(end)))
	case rule.sep == ':' && (isConstant(word) || weakNames[rule.name] && isJoined(word)):
		return true
	case !rule.bare: // exec: "passwd": broken link; JSON would have quotes
		return more && isPlainWord(word)
	case rule.sep != ':':
		return false
	case operations[word] && end+1 < len(t) && t[end] == ' ' && strings.IndexByte(`/\".C`, t[end+1]) >= 0:
		return true // the error of Go's that follows: open /…, Get "…", stat C:\…
	case !isWords(word):
		first, _, parts := strings.Cut(word, "_") // invalid_grant
		return parts && isIdentifier(word) && isProseWord(first) ||
			word == "i/o" || more && numberedPackages[strings.ToLower(word)]
	case weakNames[rule.name] && (more || !wordNames[rule.name]):
		return true
	}
	return more && x.isSentence(k, end, rule)
}

// units are what numbers beside a name count.
var units = setOf("bit bits byte bytes char chars characters days hours minutes seconds")

// wordNames are those of weakNames that may have a plain word for their secret, when it stands alone.
var wordNames = setOf("token secret psk otp key content")

// isJoined reports whether word is made of words in lower case with dashes between them: db-credentials.
func isJoined(word string) bool {
	return strings.ContainsAny(word, "_-") && isIdentifier(word) && strings.ToLower(word) == word
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
	return isIdentifier(word) && strings.ToLower(word) == word || numberedPackages[word] || isConstant(word) ||
		strings.ContainsAny(word, "./") && isIdentifier(strings.TrimRight(word, digits))
}

var numberedPackages = setOf("asn1 x509 base64 base32 md5 sha1 sha256 sha512 pkcs1 pkcs7 pkcs8 pkcs11 pkcs12 ed25519 " +
	"oauth2 http2 h2 k8s s3 ec2 sqlite3 utf8 utf16 krb5 ntlmv2 smb2 smb3 ext4 x25519 argon2 argon2id " +
	"bcrypt scrypt yescrypt sha512 win32 crypto/x509 " +
	"crypto/sha1 encoding/asn1 encoding/base64 encoding/base32 crypto/md5")

// operations are what package os or net/http begins its errors with.
var operations = setOf("open stat lstat read write mkdir remove rename exec parse dial readlink chmod chown create " +
	"truncate unlink symlink link seek sync close CreateFile fork/exec Get Post Put Head Delete Patch Options")

// isPlainWord reports whether word has letters alone, and perhaps a capital for its first.
func isPlainWord(word string) bool {
	return only(word, classLetter) && (len(word) == 1 || only(word[1:], classLower))
}

// isWords is isPlainWord for words of all languages, and those of a small number: 401 Unauthorized.
func isWords(word string) bool {
	if word == "" || len(word) <= 3 && only(word, classDigit) {
		return word != ""
	}
	for i := 1; i < len(word); i++ {
		if classes[word[i]]&(classLower|classHigh) == 0 && word[i] != '\'' && word[i] != '-' {
			return false
		}
	}
	return classes[word[0]]&(classLetter|classHigh) != 0
}

func isProseWord(word string) bool {
	var low [maxWord]byte
	return (isWords(word) || isConstant(word)) && proseWords[string(lowerTo(low[:], word))]
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
	via per
	falsch falsches ungültig ungültiges abgelaufen verweigert gesperrt fehlt fehlgeschlagen zugriff das der die den kein
	keine nicht ist wurde wird unbekannt
	leer vorhanden erforderlich geändert gesetzt läuft unzulässig datei aktiviert deaktiviert
	incorrecto incorrecta inválido inválida caducado caducada vencida acceso denegado faltante vacía errónea
	incorrect incorrecte invalide expiré expirée accès refusé refusée manquant manquante erroné non est vide
	errata errato scaduta scaduto negato mancante accesso vuota non
	onjuist ongeldig verlopen geweigerd ontbreekt toegang
	eof enoent eacces eperm einval`)
