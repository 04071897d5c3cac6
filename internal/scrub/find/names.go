package find

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A names decides which names hold secrets. It is immutable after newNames.
//
// A name is split into words (snake_case, kebab-case, dotted, camelCase, without digits) and looked up by single words,
// by two and three neighbours joined (api_key is apikey), and joined as a whole (pAssWord). What follows or precedes
// the secret word may show that the value is a property of the secret, not the secret: token_count,
// password_expires_at, has_cookie.
type names struct {
	words  vocabulary // of secrets, and roles
	around vocabulary // what makes a name innocent beside them
}

// A vocabulary holds words and their kinds.
type vocabulary struct {
	kinds map[string]wordKind
	// lengths has bit n set for a first and a last byte when there is a word of n bytes: it saves nearly all look-ups.
	lengths [1024]uint64
}

func (v *vocabulary) add(kind wordKind, list ...string) {
	if v.kinds == nil {
		v.kinds = make(map[string]wordKind, len(list))
	}
	for _, w := range list {
		if w != "" && len(w) <= maxWordBytes {
			v.kinds[w] |= kind
			v.lengths[endsOf(w)] |= 1 << len(w)
		}
	}
}

type wordKind uint16

const (
	kindSecret     wordKind = 1 << iota // secret unless a neighbour makes it a property
	kindPass                            // "pass": alone, or last after db, user, …; not first_pass
	kindSession                         // alone, or before id, key, …; not session_count
	kindConfigured                      // Config.SecretKeys: always
	kindAspect                          // a property of a secret when it comes after it
	kindAmount                          // a property of a secret when it comes before it

	kindAddress // of somebody on the network: always

	// What a name that is no secret's may be in a text.
	kindTail      // the last word of one: API key
	kindPair      // "name": it is given as a value
	kindSignature // of a URL
	kindPIN
	kindLogin // user and password
	kindLines // a number, and the lines of a private key

	kindRoles = kindTail | kindPair | kindSignature | kindPIN | kindLogin | kindLines
)

const (
	maxNameBytes = 128 // what is longer is a text, not a name
	maxWordBytes = 63  // bits of lengths
	maxNameWords = 16
)

// secretWords are the names of secrets, in lower case and without separators.
var secretWords = strings.Fields(`
	password passwords passwd passwds pwd pwds pswd pswds passphrase passphrases passcode passcodes passkey pw pws
	passwrd pasword passwrod pwrd psw passin passout storepass keypass htpasswd pgpass passwordd machinepassword
	passwort passwörter kennwort kennwörter kennung losung zugangscode zugangsdaten anmeldedaten
	sicherheitsschlüssel netzwerkschlüssel wlanschlüssel schlüsselinhalt wiederherstellungsschlüssel lizenzschlüssel
	produktschlüssel freischaltcode geheimnis wlankey contraseña contrasena contraseñas clavedeacceso motdepasse
	motsdepasse mdp codedacces contenudelaclé contenudelacle contenidodelaclave contenutochiave cléderécupération
	cléréseau senha senhas palavrapasse palavrachave paroladordine parola parole parolachiave wachtwoord
	wachtwoorden toegangscode salasana adgangskode kodeord lösenord losenord passord heslo hesla hasło haslo jelszó
	jelszo şifre sifre lozinka geslo slaptažodis parool пароль пароля пароли 密码 密碼 口令 パスワード 暗証番号 비밀번호 암호 סיסמה
	κωδικός رمزعبور mậtkhẩu katasandi รหัสผ่าน secret secrets secretkey secretkeys clientsecret credential
	credentials cred creds token authtok authtoken authtokens accesstokens refreshtokens apitokens jwt jwts bearer otp
	totp
	apikey apikeys accesskey accesskeys authkey authkeys privatekey privatekeys privkey signingkey encryptionkey
	decryptionkey validationkey masterkey accountkey sharedkey sharedaccesskey sharedaccesssignature presharedkey psk
	sshkey sshkeys licensekey licencekey activationkey productkey recoverykey storagekey sessionkey securitykey
	networkkey networksecuritykey bitlockerkey ntlmhash nthash lmhash accesscode securitycode logincode unlockcode
	otpcode deploykey hmackey jwtkey rsakey pgpkey gpgkey aeskey symmetrickey wifikey wpakey wepkey keymaterial
	keycontent zawartośćklucza sleutelinhoud conteúdodachave nøgleindhold nyckelinnehåll nøkkelinnhold
	avaimensisältö obsahklíče obsahkľúča kulcstartalma содержимоеключа вмістключа anahtariçeriği conținutcheie
	περιεχόμενοκλειδιού 主要なコンテンツ 关键内容 金鑰內容 키콘텐츠
	subscriptionkey applicationkey functionskey clientkey codeverifier clientassertion samlresponse symfony vaultkey
	webhookkey saskey adminkey rootkey serviceaccountkey appkey consumerkey auth oauth xauth basicauth proxyauth
	httpauth authorization authorisation xamzsignature xamzcredential cookie cookies setcookie cookiejar sessionid
	sessionids sessid sid phpsessid jsessionid usersession csrf xsrf csrftoken xsrftoken dsn dsns connectionstring
	connectionstrings connstring connstr connectionstr connectionuri mnemonic seedphrase recoveryphrase cvv cvc
	pincode ssn creditcard cardnumber`)

// aspectWords make a name innocent when they follow the secret word: the value then describes the secret.
var aspectWords = strings.Fields(`
	count counts counter length len size sizes bytes chars characters bits type types kind kinds class limit limits
	expires expired expiry expiration expire expiring lifetime ttl age validity date time timestamp timeout at in
	seconds secs minutes hours days ms duration since until name names field fields column policy policies rule
	rules required optional enabled disabled valid invalid validated verified status error errors failed failure
	failures attempts retries index position offset usage used total number num min max budget bucket ratio rate
	cost price url uri urls endpoint host hostname server port domain path file filename dir folder format algorithm
	alg method methods scheme mode version provider manager user username strength level changed updated created
	present exists missing needed protected less last never set history complexity reset attempt state bus sock
	revision sequence generation iterations rounds quality score hint question filter
	socket login ref refs reference prompt samesite secure parser service allowed remaining`)

// amountWords make a name innocent when they precede the secret word.
var amountWords = strings.Fields(`
	has have is are num max min total avg mean no n requires require required allow allows allowed skip needs
	remaining public enable disable`)

// passages stand before "pass" where something passes, or is one of several; passed are words that end in it.
var (
	passages = setOf("first second third fourth last next prev previous final one two single multi multiple dry full " +
		"both each test tests check build render compile optimization num no n this that by did do does will can to " +
		"if on render scan")
	passed = setOf("compass bypass trespass overpass underpass surpass encompass firstpass onepass twopass multipass " +
		"singlepass")
	// stages may follow "pass" and the like: DB_PASS_PROD.
	stages = setOf("prod production dev development test testing stage staging live old new local int uat qa default " +
		"backup")
)

// sessionParts stand after "session" where the value lets somebody take the session over.
var sessionParts = setOf("id ids key token cookie secret hash data")

// otherWords are names, or parts of them, that only their neighbours or their role make those of secrets.
var otherWords = map[wordKind][]string{
	kindPass: {"pass"}, kindSession: {"session"}, kindPair: {"name"}, kindSignature: {"sig", "signature"},
	kindPIN: {"pin", "puk", "tan"}, kindLines: {"private-lines"},
	kindLogin: {"login", "logon", "anmeldung", "zugang", "account", "konto", "user"},
	kindTail: {
		"p", "key", "keys", "string", "content", "phrase", "hash", "code", "passe", "clé", "cle", "chiave", "clave",
		"ordine", "provided", "given", "used", "entered", "received", "acceso", "schlüssel", "accès", "acces", "chave",
		"khẩu", "klucza", "klíče", "kľúča", "sisältö", "tartalma", "ключа", "içeriği", "İçeriği", "cheie", "κλειδιού"},
}

func newNames(configured []string) *names {
	n := new(names)
	n.around.add(kindAmount, amountWords...)
	n.around.add(kindAspect, aspectWords...)
	n.words.add(kindSecret, secretWords...)
	for kind, words := range otherWords {
		n.words.add(kind, words...)
	}
	for _, key := range configured {
		var s splitName
		if s.split(key) {
			n.words.add(kindConfigured, string(s.buf[:s.len]))
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

// A letterKind is what a character is in a name.
type letterKind uint8

const (
	otherKind letterKind = iota // it parts words
	lowerKind
	upperKind
)

func kindOfLetter(r rune) letterKind {
	switch {
	case r >= 'a' && r <= 'z':
		return lowerKind
	case r >= 'A' && r <= 'Z':
		return upperKind
	case r < utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsMark(r):
		return otherKind
	}
	return lowerKind
}

// split reports whether name has words at all. More words than fit are joined into the last one.
func (s *splitName) split(name string) bool {
	if len(name) > maxNameBytes {
		return false
	}
	last := otherKind
	for i := 0; i < len(name) && s.len <= maxNameBytes; {
		r, size := rune(name[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(name[i:])
		}
		kind := kindOfLetter(r)
		if s.words < maxNameWords-1 && beginsWord(last, kind, name[i+size:]) {
			s.end()
		}
		switch {
		case kind == otherKind:
		case r < utf8.RuneSelf:
			s.buf[s.len] = lowered(byte(r))
			s.len++
		default:
			s.len += utf8.EncodeRune(s.buf[s.len:], unicode.ToLower(r))
		}
		i, last = i+size, kind
	}
	s.end()
	return s.words > 0 && s.len <= maxNameBytes
}

// end ends the word that was begun, if one was.
func (s *splitName) end() {
	if s.len > s.start(s.words) {
		s.ends[s.words] = uint8(s.len)
		s.words++
	}
}

// beginsWord reports whether a character of a kind, behind one of the kind last and before rest, begins a word.
func beginsWord(last, kind letterKind, rest string) bool {
	switch {
	case kind == otherKind:
		return true
	case last == otherKind, kind == last && kind != upperKind, kind == lowerKind && last == upperKind:
		return false
	case kind == upperKind && last == upperKind:
		// The last capital of a run belongs to the next word: APIKey, not APIKeys of APIs.
		return rest != "" && isLower(rest[0]) && (rest[0] != 's' || len(rest) > 1 && isLower(rest[1]))
	}
	return true
}

// endsOf is the place in lengths of a word that isn't empty.
func endsOf[T string | []byte](word T) int { return (int(word[0])<<5 ^ int(word[len(word)-1])) & 1023 }

func kindOf[T string | []byte](v *vocabulary, word T) wordKind {
	if len(word) == 0 || len(word) > maxWordBytes || v.lengths[endsOf(word)]>>len(word)&1 == 0 {
		return 0
	}
	return v.kinds[string(word)]
}

// address reports whether values under name are addresses of somebody on the network.
func (n *names) address(name string) bool {
	var s splitName
	return s.split(name) && kindOf(&n.words, s.join(0, s.words-1))&kindAddress != 0
}

// role says what a name in a text may be that is no secret's.
func (n *names) role(name string) wordKind {
	var low [maxWord]byte
	return kindOf(&n.words, lowerTo(low[:], name)) & kindRoles
}

// maxWord is longer than any word that is looked up in lower case, in bytes.
const maxWord = 32

// lowerTo returns word in lower case, in low; nothing if it is too long. It saves an allocation.
func lowerTo(low []byte, word string) []byte {
	if len(word) > len(low) {
		return nil
	}
	for i := range len(word) {
		low[i] = lowered(word[i])
	}
	return low[:len(word)]
}

func lowered(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// plain reports whether name is a word that means nothing here, as most names are: it saves the splitting.
func (n *names) plain(name string) bool {
	return only(name, classLower) && kindOf(&n.words, name) == 0 && !joinedSecret(name)
}

// secret reports whether values under name are secrets. It costs some 20 to 150 ns and no allocation.
func (n *names) secret(name string) bool {
	var s splitName
	if n.plain(name) || !s.split(name) {
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
	switch kind := kindOf(&n.words, word); {
	case kind&(kindConfigured|kindAddress) != 0:
		return true
	case kind&kindSecret != 0:
		return !n.innocent(s, from, to)
	case kind&kindPass != 0:
		last := s.words - 1
		return (last == to || last == to+1 && stages[string(s.join(last, last))]) &&
			(from == 0 || !passages[string(s.join(from-1, from-1))])
	case kind&kindSession != 0:
		if from == s.words-1 && !n.innocent(s, from, to) {
			return true
		}
		return to+1 < s.words && sessionParts[string(s.join(to+1, to+1))] && !n.innocent(s, from, to+1)
	case kind == 0:
		return from == to && joinedSecret(word) && !n.innocent(s, from, to)
	}
	return false
}

// innocent reports whether the words around the secret one make the value a property of it.
func (n *names) innocent(s *splitName, from, to int) bool {
	for i := range from {
		if kindOf(&n.around, s.join(i, i))&kindAmount != 0 {
			return true
		}
	}
	for i := to + 1; i < s.words; i++ {
		if kindOf(&n.around, s.join(i, i))&kindAspect != 0 {
			return true
		}
	}
	return false
}

// joinedSecret finds names written without separators, such as dbpassword and passwordhash.
func joinedSecret[T string | []byte](word T) bool {
	for _, suffix := range secretSuffixes[word[len(word)-1]] {
		if hasSuffix(word, suffix) {
			return !passed[string(word)]
		}
	}
	for _, stem := range secretStems[word[0]] {
		if len(word) > len(stem) && string(word[:len(stem)]) == stem {
			return !harmlessEnds[string(word[len(stem):])]
		}
	}
	return false
}

// secretSuffixes end names of secrets, secretStems begin them, unless harmlessEnds follow. They are by their last and
// first letters.
var (
	secretSuffixes = indexBy(strings.Fields("password passwords passwd pwd pw pass secret secrets token dsn "+
		"authorization apikey apikeys secretkey privatekey accesskey cookie cookies passphrase credential "+
		"credentials connectionstring csrf xsrf passwort kennwort wachtwoord lösenord"),
		func(w string) byte { return w[len(w)-1] })
	secretStems = indexBy(strings.Fields("password passwd passphrase apikey privatekey secretkey accesskey "+
		"connectionstring"), func(w string) byte { return w[0] })
	harmlessEnds = setOf("count length len less limit type policy s")
)

func hasSuffix[T string | []byte](word T, suffix string) bool {
	return len(word) >= len(suffix) && string(word[len(word)-len(suffix):]) == suffix
}
