package find

import (
	"unicode"
	"unicode/utf8"
)

// A names decides which names hold secrets. It is immutable after newNames.
//
// A name is split into words (snake_case, kebab-case, dotted, camelCase, digits apart) and looked up by single words, by
// two and three neighbours joined (api_key is apikey), and joined as a whole (pAssWord). What follows or precedes the secret word may
// show that the value is a property of the secret, not the secret: token_count, password_expires_at, has_cookie.
type names struct {
	words map[string]wordKind
	// lengths has bit n set for a first byte when words holds one of n bytes: it saves nearly all look-ups.
	lengths [256]uint64
}

type wordKind uint8

const (
	kindSecret     wordKind = 1 << iota // secret unless a neighbour makes it a property
	kindPass                            // "pass": alone, or last after db, user, …; not first_pass
	kindSession                         // alone, or before id, key, …; not session_count
	kindTokens                          // "tokens" are counted as often as they are kept; secret after access, refresh, …
	kindConfigured                      // Config.SecretKeys: always
	kindAspect                          // a property of a secret when it comes after it
	kindAmount                          // a property of a secret when it comes before it
)

const (
	maxNameBytes = 128 // what is longer is a text, not a name
	maxWordBytes = 63  // bits of lengths
	maxNameWords = 16
)

// secretWords are the names of secrets, in lower case and without separators.
var secretWords = []string{
	"password", "passwords", "passwd", "passwds", "pwd", "pwds", "pswd", "pswds", "passphrase", "passphrases", "passcode", "passcodes", "passkey",
	"passwort", "kennwort", "contraseña", "contrasena", "motdepasse", "senha", "htpasswd", "pgpass",
	"dbpass", "userpass", "mypass", "smtppass", "mysqlpass", "rootpass", "adminpass", "loginpass", "authpass", "ftppass", "mailpass", "sshpass",
	"secret", "secrets", "secretkey", "secretkeys", "clientsecret", "credential", "credentials", "cred", "creds",
	"token", "authtoken", "authtokens", "accesstokens", "refreshtokens", "apitokens", "jwt", "jwts", "bearer", "otp", "totp",
	"apikey", "apikeys", "accesskey", "accesskeys", "authkey", "authkeys", "privatekey", "privatekeys", "privkey", "signingkey",
	"encryptionkey", "decryptionkey", "masterkey", "accountkey", "sharedkey", "sharedaccesskey", "sharedaccesssignature",
	"presharedkey", "psk", "sshkey", "sshkeys", "licensekey", "licencekey", "activationkey", "productkey", "recoverykey", "storagekey", "sessionkey",
	"deploykey", "hmackey", "jwtkey", "rsakey", "pgpkey", "gpgkey", "aeskey", "symmetrickey", "wifikey", "wpakey", "wepkey", "keymaterial", "keycontent",
	"subscriptionkey", "vaultkey", "webhookkey", "saskey", "adminkey", "rootkey", "serviceaccountkey", "appkey", "consumerkey",
	"auth", "oauth", "xauth", "basicauth", "proxyauth", "httpauth", "authorization", "authorisation", "xamzsignature", "xamzcredential",
	"cookie", "cookies", "setcookie", "cookiejar", "sessionid", "sessionids", "sessid", "sid", "phpsessid", "jsessionid", "usersession",
	"csrf", "xsrf", "csrftoken", "xsrftoken", "dsn", "dsns", "connectionstring", "connectionstrings", "connstring", "connstr", "connectionstr", "connectionuri",
	"mnemonic", "seedphrase", "recoveryphrase", "cvv", "cvc", "pincode", "ssn", "creditcard", "cardnumber",
}

// aspectWords make a name innocent when they follow the secret word: the value then describes the secret.
var aspectWords = []string{
	"count", "counts", "counter", "length", "len", "size", "sizes", "bytes", "chars", "characters", "bits", "type", "types", "kind", "kinds", "class", "limit", "limits",
	"expires", "expired", "expiry", "expiration", "expire", "expiring", "lifetime", "ttl", "age", "validity", "date", "time", "timestamp", "timeout",
	"at", "in", "seconds", "secs", "minutes", "hours", "days", "ms", "duration", "since", "until",
	"name", "names", "field", "fields", "column", "policy", "policies", "rule", "rules", "required", "optional", "enabled", "disabled",
	"valid", "invalid", "validated", "verified", "status", "error", "errors", "failed", "failure", "failures", "attempts", "retries",
	"index", "position", "offset", "usage", "used", "total", "number", "num", "min", "max", "budget", "bucket", "ratio", "rate",
	"cost", "price", "url", "uri", "urls", "endpoint", "host", "hostname", "server", "port", "domain", "path", "file", "filename", "dir", "folder",
	"format", "algorithm", "alg", "method", "methods", "scheme", "mode", "version", "provider", "manager", "user", "username",
	"strength", "level", "changed", "updated", "created", "present", "exists", "missing", "needed", "protected", "less",
	"prompt", "samesite", "secure", "parser", "service", "allowed", "remaining",
}

// amountWords make a name innocent when they precede the secret word.
var amountWords = []string{"has", "have", "is", "are", "num", "max", "min", "total", "avg", "mean", "no", "n", "requires", "require",
	"required", "allow", "allows", "allowed", "skip", "needs", "remaining", "public", "enable", "disable"}

// passOwners stand before "pass" where it is a password.
var passOwners = map[string]bool{"db": true, "database": true, "user": true, "my": true, "admin": true, "root": true, "smtp": true,
	"imap": true, "mysql": true, "pg": true, "postgres": true, "redis": true, "mongo": true, "rabbitmq": true, "amqp": true, "mqtt": true,
	"proxy": true, "ftp": true, "sftp": true, "mail": true, "email": true, "http": true, "basic": true, "auth": true, "login": true,
	"sudo": true, "ssh": true, "ldap": true, "key": true, "keystore": true, "truststore": true, "wifi": true, "vpn": true, "rdp": true, "cert": true, "service": true}

// tokenOwners stand before "tokens" where they are not counted.
var tokenOwners = map[string]bool{"access": true, "refresh": true, "auth": true, "api": true, "bearer": true, "session": true,
	"device": true, "reset": true, "oauth": true, "id": true, "user": true, "secret": true, "csrf": true, "jwt": true}

// sessionParts stand after "session" where the value lets somebody take the session over.
var sessionParts = map[string]bool{"id": true, "ids": true, "key": true, "token": true, "cookie": true, "secret": true, "hash": true, "data": true}

func newNames(configured []string) *names {
	n := &names{words: make(map[string]wordKind, len(secretWords)+len(aspectWords)+len(amountWords)+len(configured)+8)}
	add := func(kind wordKind, list ...string) {
		for _, w := range list {
			if w != "" && len(w) <= maxWordBytes {
				n.words[w] |= kind
				n.lengths[w[0]] |= 1 << len(w)
			}
		}
	}
	add(kindAmount, amountWords...)
	add(kindAspect, aspectWords...)
	add(kindSecret, secretWords...)
	add(kindPass, "pass")
	add(kindSession, "session")
	add(kindTokens, "tokens")
	for _, key := range configured {
		var s splitName
		if s.split(key) {
			add(kindConfigured, string(s.buf[:s.len]))
		}
	}
	return n
}

// A splitName is a name in lower case without separators, and where its words end.
type splitName struct {
	buf   [maxNameBytes + 2*utf8.UTFMax]byte
	ends  [maxNameWords]uint8
	len   int
	words int
}

func (s *splitName) start(word int) int {
	if word == 0 {
		return 0
	}
	return int(s.ends[word-1])
}

func (s *splitName) join(from, to int) []byte { return s.buf[s.start(from):s.ends[to]] }

// split reports whether name has words at all. More words than fit are joined into the last one.
func (s *splitName) split(name string) bool {
	if len(name) > maxNameBytes {
		return false
	}
	const (
		other = iota
		lower
		upper
		digit
	)
	last := other
	end := func() {
		if s.len > s.start(s.words) && s.words < maxNameWords-1 {
			s.ends[s.words] = uint8(s.len)
			s.words++
		}
	}
	for i := 0; i < len(name); {
		c := name[i]
		kind, size := other, 1
		switch {
		case c >= 'a' && c <= 'z':
			kind = lower
		case c >= 'A' && c <= 'Z':
			kind, c = upper, c|0x20
		case c >= '0' && c <= '9':
			kind = digit
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(name[i:])
			if unicode.IsLetter(r) {
				kind = lower
				if unicode.IsUpper(r) {
					kind = upper
				}
				if last != kind && (last == digit || last == lower) {
					end()
				}
				s.len += utf8.EncodeRune(s.buf[s.len:], unicode.ToLower(r))
			} else {
				end()
			}
			i += size
			last = kind
			if s.len > maxNameBytes {
				return false
			}
			continue
		}
		switch {
		case kind == other:
			end()
		case last == other || kind == last && kind != upper:
		case kind == upper && last == upper:
			// The last capital of a run belongs to the next word: APIKey.
			if i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z' && !(name[i+1] == 's' && (i+2 == len(name) || !isLower(name[i+2]))) {
				end()
			}
		case kind == lower && last == upper:
		default:
			end()
		}
		if kind != other {
			s.buf[s.len] = c
			s.len++
		}
		last = kind
		i += size
	}
	if s.len > s.start(s.words) {
		s.ends[s.words] = uint8(s.len)
		s.words++
	}
	return s.words > 0
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func (n *names) kind(word []byte) wordKind {
	if len(word) == 0 || len(word) > maxWordBytes || n.lengths[word[0]]>>len(word)&1 == 0 {
		return 0
	}
	return n.words[string(word)]
}

// secret reports whether values under name are secrets. It costs some 20 to 150 ns and no allocation.
func (n *names) secret(name string) bool {
	if len(name) < 1 {
		return false
	}
	var s splitName
	if !s.split(name) {
		return false
	}
	for i := range s.words {
		for j := i; j < s.words && j < i+4; j++ {
			if n.match(&s, i, j) {
				return true
			}
		}
	}
	// Joined as a whole: a name in strange capitals.
	return s.words > 4 && n.match(&s, 0, s.words-1)
}

func (n *names) match(s *splitName, from, to int) bool {
	word := s.join(from, to)
	switch kind := n.kind(word); {
	case kind&kindConfigured != 0:
		return true
	case kind&kindSecret != 0:
		return !n.innocent(s, from, to)
	case kind&kindPass != 0:
		return s.lastWord() == to && (from == 0 || passOwners[string(s.join(from-1, from-1))])
	case kind&kindSession != 0:
		return from == s.lastWord() && !n.innocent(s, from, to) || to+1 < s.words && sessionParts[string(s.join(to+1, to+1))] && !n.innocent(s, from, to+1)
	case kind&kindTokens != 0:
		return from > 0 && tokenOwners[string(s.join(from-1, from-1))] && !n.innocent(s, from, to)
	case kind == 0:
		return from == to && joinedSecret(word) && !n.innocent(s, from, to)
	}
	return false
}

// lastWord is the index of the last word that isn't a number: password2.
func (s *splitName) lastWord() int {
	last := s.words - 1
	for last > 0 && s.buf[s.start(last)] <= '9' {
		last--
	}
	return last
}

// innocent reports whether the words around the secret one make the value a property of it.
func (n *names) innocent(s *splitName, from, to int) bool {
	for i := range from {
		if n.kind(s.join(i, i))&kindAmount != 0 {
			return true
		}
	}
	for i := to + 1; i < s.words; i++ {
		if n.kind(s.join(i, i))&kindAspect != 0 {
			return true
		}
	}
	return false
}

// joinedSecret finds names written without separators, such as dbpassword and passwordhash.
func joinedSecret(word []byte) bool {
	if len(word) < 5 {
		return false
	}
	switch word[len(word)-1] { // a look at the last letter saves the comparisons
	case 'd':
		if hasSuffix(word, "password") || hasSuffix(word, "passwd") || hasSuffix(word, "pwd") {
			return true
		}
	case 't':
		if hasSuffix(word, "secret") {
			return true
		}
	case 'n':
		if hasSuffix(word, "token") || hasSuffix(word, "dsn") || hasSuffix(word, "authorization") {
			return true
		}
	case 'y':
		if hasSuffix(word, "apikey") || hasSuffix(word, "secretkey") || hasSuffix(word, "privatekey") || hasSuffix(word, "accesskey") {
			return true
		}
	case 'e':
		if hasSuffix(word, "cookie") || hasSuffix(word, "passphrase") {
			return true
		}
	case 'l':
		if hasSuffix(word, "credential") {
			return true
		}
	case 's':
		if hasSuffix(word, "credentials") || hasSuffix(word, "passwords") || hasSuffix(word, "secrets") || hasSuffix(word, "apikeys") || hasSuffix(word, "cookies") {
			return true
		}
	case 'g':
		if hasSuffix(word, "connectionstring") {
			return true
		}
	case 'f':
		if hasSuffix(word, "csrf") || hasSuffix(word, "xsrf") {
			return true
		}
	}
	for _, stem := range [...]string{"password", "passwd", "passphrase", "apikey", "privatekey", "secretkey", "accesskey", "connectionstring"} {
		if len(word) > len(stem) && string(word[:len(stem)]) == stem {
			switch string(word[len(stem):]) {
			case "count", "length", "len", "less", "limit", "type", "policy":
				return false
			}
			return true
		}
	}
	return false
}

func hasSuffix(word []byte, suffix string) bool {
	return len(word) >= len(suffix) && string(word[len(word)-len(suffix):]) == suffix
}
