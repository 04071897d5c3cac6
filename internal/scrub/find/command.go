package find

import "strings"

// A wordRule is a pattern that begins with letters of its own.
type wordRule struct {
	text    string
	open    bool // it goes on in letters and digits, as AKIA does; otherwise it is a word
	fold    bool // in any case
	pattern wordPattern
	row     int  // of the pattern's table
	third   byte // of text, in lower case; 0 if it has none
}

type wordPattern int

const (
	wordJWT wordPattern = iota
	wordBearer
	wordBasic
	wordNet
	wordSetx
	wordFormat  // row of letterFormats
	wordCommand // row of commands
)

// wordRules has the rules of words by their first byte.
var wordRules = func() (rules [256][]wordRule) {
	add := func(r wordRule) {
		if len(r.text) > 2 {
			r.third = lowered(r.text[2])
		}
		rules[r.text[0]] = append(rules[r.text[0]], r)
		if r.fold {
			rules[r.text[0]^0x20] = append(rules[r.text[0]^0x20], r)
		}
	}
	add(wordRule{text: "eyJ", open: true, pattern: wordJWT})
	add(wordRule{text: "bearer", open: true, fold: true, pattern: wordBearer})
	add(wordRule{text: "basic", open: true, fold: true, pattern: wordBasic})
	add(wordRule{text: "net", fold: true, pattern: wordNet})
	add(wordRule{text: "setx", fold: true, pattern: wordSetx})
	for i, f := range letterFormats {
		add(wordRule{text: f.prefix, open: true, pattern: wordFormat, row: i})
	}
	for i, c := range commands {
		first, _, _ := strings.Cut(c.words, " ")
		add(wordRule{text: first, fold: !c.exact, pattern: wordCommand, row: i})
	}
	return rules
}()

// found handles the pattern whose letters are ed.text[i:end].
func (r *wordRule) found(s *Finder, ed *secretEditor, i, end int) int {
	switch r.pattern {
	case wordJWT:
		return ed.jwt(i)
	case wordBearer:
		return ed.bearer(end)
	case wordBasic:
		return ed.basic(end)
	case wordNet:
		return s.netUse(ed, end)
	case wordSetx:
		return s.setx(ed, end)
	case wordFormat:
		return letterFormats[r.row].find(ed, i, end)
	default:
		return commands[r.row].find(ed, end)
	}
}

// wordSeconds returns the second bytes of the words that begin with first.
func wordSeconds(first byte) (seconds string) {
	for _, r := range wordRules[first] {
		if seconds += r.text[1:2]; r.fold {
			seconds += strings.ToUpper(r.text[1:2]) + strings.ToLower(r.text[1:2])
		}
	}
	return seconds
}

// word handles the pattern that begins with the letter at i.
func (s *Finder) word(ed *secretEditor, i int) int {
	t := ed.text
	if i+2 >= len(t) || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
		return 0
	}
	rules, third := wordRules[t[i]], lowered(t[i+2])
	for n := range rules {
		r := &rules[n]
		if r.third != third && r.third != 0 { // most: it saves the comparison
			continue
		}
		end := i + len(r.text)
		if end > len(t) || t[i:end] != r.text && (!r.fold || !equalFold(t[i:end], r.text)) {
			continue
		}
		if !r.open && (end < len(t) && isNameByte(t[end]) && !hasPrefixFold(t[end:], ".exe") || inWord(t, i)) {
			continue
		}
		if next := r.found(s, ed, i, end); next > 0 {
			return next
		}
	}
	return 0
}

// A command takes a secret as an argument that no flag announces.
type command struct {
	words string // the program and its subcommand
	exact bool   // in this case only
	at    int    // which of the arguments that are no flags it is
	login bool   // it is the password of user/password
	weak  bool   // only what looks like a secret is one
}

var commands = [...]command{
	{words: "net user", at: 1},
	{words: "rasdial", at: 2},
	{words: "wpa_passphrase", at: 1},
	{words: "net1 user", at: 1},
	{words: "autologon", at: 2},
	{words: "rabbitmqctl add_user", at: 1},
	{words: "rabbitmqctl change_password", at: 1},
	{words: "vault login", weak: true},
	{words: "bw unlock", weak: true},
	{words: "htpasswd", at: 2, weak: true},
	{words: "ConvertTo-SecureString"},
	{words: "sqlplus", login: true},
	{words: "sqlldr", login: true},
	{words: "imp", login: true},
	{words: "exp", login: true},
	{words: "impdp", login: true},
	{words: "expdp", login: true},
	{words: "AUTH PLAIN", exact: true, weak: true},
	{words: "AUTH LOGIN", exact: true, weak: true},
	{words: "AUTH CRAM-MD5", exact: true, weak: true},
	{words: "PASS", exact: true, weak: true},
}

// maxArguments is how many arguments of a command are read.
const maxArguments = 8

// find handles the arguments of c, whose first word ends at k.
func (c *command) find(ed *secretEditor, k int) int {
	k = ed.programEnd(k)
	if _, rest, more := strings.Cut(c.words, " "); more {
		from, end, next := ed.nextWord(k)
		if end < next && ed.text[end] == ':' || !equalFold(ed.text[from:end], rest) {
			return 0
		}
		k = next
	}
	for n := 0; n <= c.at+maxArguments; {
		from, end, next := ed.nextWord(k)
		if end == from {
			return 0
		}
		arg := ed.text[from:end]
		if k = next; arg[0] == '-' || arg[0] == '/' {
			continue
		}
		if n == c.at {
			return c.secret(ed, from, end)
		}
		n++
	}
	return 0
}

func (c *command) secret(ed *secretEditor, from, end int) int {
	arg := ed.text[from:end]
	switch {
	case c.login:
		user, password, _ := strings.Cut(arg, "/")
		password, _, at := strings.Cut(password, "@")
		if user == "" || password == "" || !isIdentifier(user) || !at && !isSecretive(password) {
			return 0
		}
		from += len(user) + 1
		end = from + len(password)
	case c.weak && !isSecretive(arg) && !strings.HasSuffix(arg, "="), arg == "*", isReference(arg), isProseWord(arg),
		strings.HasPrefix(Filtered, arg):
		return 0
	}
	return ed.replace(from, end, Filtered)
}

// programEnd returns where the arguments of the program begin whose name ends at k.
func (x *scanner) programEnd(k int) int {
	if hasPrefixFold(x.text[k:], ".exe") {
		k += len(".exe")
	}
	if k < len(x.text) && classes[x.text[k]]&classQuote != 0 {
		k++
	}
	return k
}

// nextWord returns the argument that begins behind k and blanks, without its quotes, and where it ends with them. There
// is none if it is empty.
func (x *scanner) nextWord(k int) (from, end, next int) {
	t := x.text
	if k < len(t) && classes[t[k]]&(classBlank|classComma|classQuote) == 0 {
		return k, k, k
	}
	from = x.skipBlanks(k)
	limit := min(len(t), from+maxLookBack)
	if q, quote, escapes := x.opening(from); quote != 0 {
		if end = x.closing(q, limit, quote, escapes); end >= 0 {
			return q, end, end + escapes + 1
		}
		return from, from, from
	}
	const stops = classWhitespace | classQuote | classSemicolon
	for end = from; end < limit && classes[t[end]]&stops == 0 && t[end] != '|'; end++ {
		if t[end] == '\\' && end+1 < limit && end > from && strings.IndexByte("rn", t[end+1]) >= 0 &&
			(end+2 == len(t) || t[end+2] == '\\' || classes[t[end+2]]&classUpper != 0) { // a line's end, escaped
			break
		}
	}
	x.steps += end - from
	next = end
	for end > from && strings.IndexByte(":,)]}", t[end-1]) >= 0 {
		end--
	}
	return from, end, next
}

// netUse handles "net use": the password stands behind the share or behind the user.
func (s *Finder) netUse(ed *secretEditor, k int) int {
	from, end, k := ed.nextWord(ed.programEnd(k))
	if !equalFold(ed.text[from:end], "use") {
		return 0
	}
	share := false
	for range maxArguments {
		from, end, k = ed.nextWord(k)
		if end == from {
			return 0
		}
		switch arg := ed.text[from:end]; {
		case strings.HasPrefix(arg, `\\`):
			share = true
		case arg[0] == '/' || arg == "*" || !share || isNothing(arg):
		case isProseWord(arg):
			return 0
		default:
			return ed.replace(from, end, Filtered)
		}
	}
	return 0
}

// setx handles "setx NAME value".
func (s *Finder) setx(ed *secretEditor, k int) int {
	from, end, k := ed.nextWord(k)
	if end == from || !s.names.secret(ed.text[from:end]) {
		return 0
	}
	if from, end, _ = ed.nextWord(k); end == from {
		return 0
	}
	return ed.replace(from, end, Filtered)
}

// stdinFlags and stdinPrograms read a secret from what is piped to them.
var (
	stdinFlags = [...]string{
		"sudo -S", "--stdin", "--password-stdin", "--set-password", "--passphrase-fd 0", "-passin stdin", "-pass stdin",
	}
	stdinPrograms = [...]string{"chpasswd", "cryptsetup", "smbpasswd", "sshpass"}
)

// piped handles the "|" at i behind "echo secret".
func (s *Finder) piped(ed *secretEditor, i int) int {
	t := ed.text
	limit := min(len(t), i+maxLookBack)
	line, _, _ := strings.Cut(t[i:limit], "\n")
	ed.steps += len(line)
	line = strings.Replace(line, "sudo -k -S", "sudo -S", 1)
	reads := func(list []string) bool {
		for _, part := range list {
			if strings.Contains(line, part) {
				return true
			}
		}
		return false
	}
	if !reads(stdinFlags[:]) && !reads(stdinPrograms[:]) {
		return s.apart(ed, i)
	}
	from := max(ed.last, i-maxLookBack)
	ed.steps += i - from
	echo := strings.LastIndex(t[from:i], "echo ")
	if printf := strings.LastIndex(t[from:i], "printf "); printf > echo {
		echo = printf + len("printf") - len("echo")
	}
	if echo < 0 {
		return 0
	}
	from, end, _ := ed.nextWord(from + echo + len("echo"))
	if end == from || end > i {
		return 0
	}
	return ed.replace(from, end, Filtered)
}
