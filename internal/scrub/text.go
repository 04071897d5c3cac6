package scrub

import (
	"encoding/base64"
	"strings"
)

// Filtered stands where a secret was.
const Filtered = "[Filtered]"

// secrets returns t without the secrets that can be recognised in it: values beside a secret name, and well-known formats.
//
// It is one pass over the bytes that stops at the few that can be part of a secret's pattern. What begins or goes on in
// letters is found by a rarer byte inside it, as "_" in ghp_…; look-backs and look-aheads that may fail are bounded, so
// that the cost stays linear in the length of t. Nothing is allocated when nothing is found.
func (s *Scrubber) secrets(t string) string {
	ed := editor{text: t}
	for i := 0; i < len(t); {
		c := secretTriggers[t[i]]
		if c == 0 {
			i++
			continue
		}
		next := 0
		switch c {
		case triggerAssign:
			next = s.assignment(&ed, i)
		case triggerDash:
			if next = ed.pem(i); next == 0 {
				if next = ed.prefixed(i); next == 0 {
					if next = s.flag(&ed, i); next == 0 {
						next = ed.grouped(i)
					}
				}
			}
		case triggerDelimiter:
			next = ed.prefixed(i)
		case triggerLetter:
			next = ed.lettered(i)
		case triggerAt:
			next = ed.userinfo(i)
		case triggerElement:
			next = s.element(&ed, i)
		case triggerPercent:
			next = s.encoded(&ed, i)
		}
		i = max(next, i+1)
	}
	return ed.done()
}

const (
	triggerAssign = iota + 1
	triggerDash
	triggerDelimiter
	triggerLetter
	triggerAt
	triggerElement
	triggerPercent
)

var secretTriggers = [256]uint8{
	':': triggerAssign, '=': triggerAssign,
	'-': triggerDash,
	'_': triggerDelimiter, '.': triggerDelimiter,
	'A': triggerLetter, 'B': triggerLetter, 'J': triggerLetter, 'S': triggerLetter, 'b': triggerLetter,
	'@': triggerAt,
	'>': triggerElement,
	'%': triggerPercent,
}

// An editor replaces parts of a text, from left to right.
type editor struct {
	text string
	out  []byte
	last int // what of text is in out
	noAt int // url found no "@" in what it read so far; it needn't read it again
}

// replace puts with in place of text[from:to], unless it stands there already, cut perhaps, and returns to.
func (e *editor) replace(from, to int, with string) int {
	from = max(from, e.last)
	if to <= from || e.text[from:to] == with {
		return to
	}
	if begun, cut := strings.CutSuffix(e.text[from:to], cutMark); cut && strings.HasPrefix(with, begun) {
		return to
	}
	if e.out == nil {
		e.out = make([]byte, 0, len(e.text)+len(with))
	}
	e.out = append(e.out, e.text[e.last:from]...)
	e.out = append(e.out, with...)
	e.last = to
	return to
}

func (e *editor) done() string {
	if e.out == nil {
		return e.text
	}
	return string(append(e.out, e.text[e.last:]...))
}

// How far back a name is looked for, and how far ahead the end of a pattern that may not be there.
const (
	maxLookBack  = maxNameBytes
	maxLookAhead = 4096
	maxBlanks    = 32 // between a name and its sign: tools align them
)

// A valueRule says how a value in a text ends.
type valueRule struct {
	name      string
	sep       byte // ':' or '=', 0 after a flag
	spaced    bool // a blank follows sep
	enclosing byte // the quote that opened before the name, 0 if none
	bare      bool // the name isn't quoted
	query     bool // ?name= or &name=
	chain     bool // ;name=, as in connection strings: the value may hold blanks
	path      bool // /name: the last element of a path
	start     int  // where the name begins
}

// assignment handles the ":" or "=" at i: a URL's password, or the value of a secret name.
func (s *Scrubber) assignment(ed *editor, i int) int {
	t := ed.text
	if t[i] == ':' {
		if strings.HasPrefix(t[i+1:], "//") {
			return ed.url(i)
		}
		if next := ed.telegram(i); next > 0 {
			return next
		}
	}
	name, start, quoted := nameBefore(t, ed.last, i)
	if name == "" {
		return 0
	}
	if t[i] == ':' && !quoted && start > 1 && (t[start-1] == '/' && t[start-2] == '/' || t[start-1] == '@') {
		return 0 // a host and its port
	}
	last := lastComponent(name)
	rule := valueRule{name: last, sep: t[i], bare: !quoted, start: start}
	if !s.names.secret(last) {
		switch {
		case equalFold(last, "key") || equalFold(last, "keys") || equalFold(last, "string") || equalFold(last, "content") || equalFold(last, "phrase"):
			// "API key: …" in two words
			if quoted || start == 0 || t[start-1] != ' ' {
				return s.pair(ed, i, last)
			}
			before, from, _ := nameBefore(t, ed.last, start-1)
			if before == "" || !s.names.secret(lastComponent(before)+"_"+last) {
				return s.pair(ed, i, last)
			}
			start, rule.start = from, from
		case equalFold(last, "name"):
			return s.pair(ed, i, last)
		case len(last) == 3 && equalFold(last, "sig") && start > 0 && (t[start-1] == '?' || t[start-1] == '&'):
			// the signature of an Azure URL
		default:
			return 0
		}
	}
	if start > 0 {
		switch p := t[start-1]; p {
		case '"', '\'', '`':
			if !quoted {
				rule.enclosing = p
			}
		case '/':
			rule.path = true
		case '?', '&':
			rule.query = t[i] == '='
		case ';':
			rule.chain = t[i] == '='
		case ' ':
			rule.chain = t[i] == '=' && start > 1 && t[start-2] == ';'
		}
	}
	k := i + 1
	for n := 0; k < len(t) && n < 2 && (t[k] == '=' || t[k] == '>' || t[k] == ':'); n++ { // := == =>
		k++
	}
	return s.value(ed, k, rule)
}

// pair handles a name given as a value: {"name": "password", "value": "…"}.
func (s *Scrubber) pair(ed *editor, i int, what string) int {
	t := ed.text
	if !equalFold(what, "name") && !equalFold(what, "key") {
		return 0
	}
	k := skipBlanks(t, i+1)
	from, quote, escapes := opening(t, k)
	if quote == 0 {
		return 0
	}
	end := closing(t[:min(len(t), from+maxLookBack)], from, quote, escapes)
	if end < 0 || !s.names.secret(t[from:end]) {
		return 0
	}
	for _, blank := range [...]string{"\r\n\r\n", "\n\n"} { // a part of a multipart form
		if from := end + 1 + len(blank); strings.HasPrefix(t[end+1:], blank) {
			to := strings.Index(t[from:], blank[:len(blank)/2]+"--")
			if to < 0 {
				to = len(t) - from
			}
			return ed.replace(from, from+to, Filtered)
		}
	}
	k = end
	for k < len(t) && (t[k] == '\\' || t[k] == quote || t[k] == ',' || t[k] == ' ' || t[k] == '\n' || t[k] == '\r' || t[k] == '\t') {
		k++
	}
	if _, q, _ := opening(t, k); q != 0 {
		k, _, _ = opening(t, k)
	}
	if !hasPrefixFold(t[k:], "value") {
		return 0
	}
	k += len("value")
	for k < len(t) && (t[k] == '\\' || t[k] == '"' || t[k] == '\'' || t[k] == ' ') {
		k++
	}
	if k >= len(t) || t[k] != ':' && t[k] != '=' {
		return 0
	}
	return s.value(ed, k+1, valueRule{name: t[from:end], sep: t[k]})
}

// value replaces the value that begins at k, after blanks, and returns its end, or 0 if there is none to replace.
func (s *Scrubber) value(ed *editor, k int, rule valueRule) int {
	t := ed.text
	start := skipBlanks(t, k)
	if rule.sep == ':' && rule.bare {
		if from, end := block(t, rule.start, start); end > from {
			return ed.replace(from, end, Filtered)
		}
	}
	if rule.sep == ':' && !rule.bare {
		start = jsonValue(t, start)
	}
	rule.spaced = start > k || rule.sep == 0
	k = start
	if k >= len(t) {
		return 0
	}
	if strings.HasPrefix(t[k:], Filtered) {
		return k + len(Filtered)
	}
	if rule.bare && rule.sep == ':' && rule.spaced && (equalFold(rule.name, "pass") || equalFold(rule.name, "oauth2")) {
		return 0 // PASS: 12, FAIL: 3; and the package with its errors
	}
	if from, quote, escapes := opening(t, k); quote != 0 && quote != rule.enclosing {
		end := closing(t, from, quote, escapes)
		if end < 0 {
			end = len(t) // cut off
		}
		return ed.replace(from, end, Filtered)
	}
	if end := composite(t, k); end > 0 {
		return ed.replace(k, end, Filtered)
	}
	end := wordEnd(t, k, rule)
	if end == k || rule.enclosing != 0 && end+1 < len(t) && t[end] == rule.enclosing && t[end+1] == ':' { // a name in quotes: "Passwords:Default":
		return 0
	}
	word := t[k:end]
	if isNothing(word) {
		return end
	}
	if long := headerEnd(t, k, end, rule); long > end {
		return ed.replace(k, long, Filtered)
	}
	if rule.sep != '=' && rule.spaced && isProse(t, k, end, rule) {
		return 0
	}
	if t[end-1] == ':' && end < len(t) && end-1 > k { // "password: hunter2: rejected"
		end--
	} else if rule.isPhrase(t) {
		end = phraseEnd(t, end, rule)
	}
	return ed.replace(k, end, Filtered)
}

// jsonValue returns where the value of a name in quotes begins: at k, or on a line below it if there is what can be nothing but a
// value, a text in quotes that isn't a name itself or something in brackets.
func jsonValue(t string, k int) int {
	next := k
	for next < len(t) && strings.IndexByte(" \t\r\n", t[next]) >= 0 {
		next++
	}
	if next == len(t) {
		return k
	}
	if t[next] == '{' || t[next] == '[' {
		return next
	}
	if _, quote, _ := opening(t, next); quote == 0 || isQuotedName(t, next) {
		return k
	}
	return next
}

// isQuotedName reports whether the text in quotes at k has a value of its own.
func isQuotedName(t string, k int) bool {
	from, quote, escapes := opening(t, k)
	if quote == 0 {
		return false
	}
	end := closing(t, from, quote, escapes)
	if end < 0 {
		return false
	}
	after := skipBlanks(t, end+escapes+1)
	return after < len(t) && t[after] == ':'
}

// isPhrase reports whether the value may be of several words: that of a password which has a line to itself.
func (r valueRule) isPhrase(t string) bool {
	if !r.bare || !r.spaced || r.sep == 0 || !containsFold(r.name, "pass") && !containsFold(r.name, "phrase") && !containsFold(r.name, "mnemonic") {
		return false
	}
	_, ok := indent(t, r.start)
	return ok
}

// phraseEnd returns the end of the phrase whose first word ends at end: of its line, or where another name follows.
func phraseEnd(t string, end int, rule valueRule) int {
	for end < len(t) && (t[end] == ' ' || t[end] == '\t') {
		next := skipBlanks(t, end)
		after := wordEnd(t, next, rule)
		if after == next || t[next] == '#' || t[next] == '(' || pairFollows(t, next) {
			break
		}
		end = after
	}
	return end
}

// indent returns how far the name at start is from the beginning of its line; false if something stands before it but the
// dash of a list.
func indent(t string, start int) (n int, ok bool) {
	for n = 0; n < start && n < maxLookBack; n++ {
		switch t[start-n-1] {
		case ' ', '-':
		case '\n':
			return n, true
		default:
			return 0, false
		}
	}
	return n, n == start
}

// block returns the lines that YAML gives to the name at start, whose sign is followed by the text at k: those below it that
// are indented deeper, after "|" or ">", or when they look like a value, a list or a mapping. end is 0 if there are none.
func block(t string, start, k int) (from, end int) {
	from = k
	literal := k < len(t) && (t[k] == '|' || t[k] == '>')
	for literal && k < len(t) && strings.IndexByte("|>+-123456789 ", t[k]) >= 0 {
		k++
	}
	if strings.HasPrefix(t[k:], "\r\n") {
		k++
	}
	if k == len(t) || t[k] != '\n' {
		return 0, 0
	}
	outer, ok := indent(t, start)
	if !ok {
		return 0, 0
	}
	for k < len(t) {
		line := k + 1
		content := line
		for content < len(t) && t[content] == ' ' {
			content++
		}
		next := len(t)
		if n := strings.IndexByte(t[content:], '\n'); n >= 0 {
			next = content + n
		}
		text := strings.TrimRight(t[content:next], "\r")
		switch {
		case text == "" && end > 0:
		case content-line < outer || content-line == outer && !strings.HasPrefix(text, "- ") || text == "":
			return from, end
		case end == 0 && !literal:
			if !strings.HasPrefix(text, "- ") && strings.IndexByte(text, ' ') >= 0 && !pairFollows(text, 0) {
				return 0, 0 // a sentence
			}
			from = content
			fallthrough
		default:
			end = content + len(text)
		}
		k = next
	}
	return from, end
}

// composite returns the end of the value at k when it has brackets, in JSON or as fmt writes it: {…}, […], map[…], &{…}, and
// with types []string{…}, &main.T{…}, []byte(nil). It returns 0 for any other.
func composite(t string, k int) (end int) {
	i := k
	for i < len(t) && (t[i] == '&' || t[i] == '*') {
		i++
	}
	for {
		name := i
		for i < len(t) && i-name < maxLookBack && (isNameByte(t[i]) || t[i] == '*') {
			i++
		}
		if i == len(t) {
			return end
		}
		named := t[name:i]
		switch c := t[i]; {
		case c == '(' && end > 0 && i > name:
			if n := strings.IndexByte(t[i:min(len(t), i+maxLookBack)], ')'); n > 0 {
				return i + n + 1
			}
			return end
		case c != '{' && c != '[', end == 0 && named != "" && (named != "map" || c != '[') && !strings.Contains(named, "."):
			return end
		}
		closed := balanced(t, i)
		if end = closed; t[i] == '{' {
			return end
		}
		i = end
	}
}

// nameBefore returns the name that ends before i, where it starts, and whether it stands in quotes. It doesn't look
// before from.
func nameBefore(t string, from, i int) (name string, start int, quoted bool) {
	from = max(from, i-maxLookBack)
	j := i
	for n := 0; n < maxBlanks && j > from && (t[j-1] == ' ' || t[j-1] == '\t'); n++ {
		j--
	}
	if j > from && t[j-1] == ']' { // config["password"] =
		j--
	} else if j > from+3 && equalFold(t[j-3:j], "%5d") { // user%5Bpassword%5D=
		j -= 3
	}
	if j <= from {
		return "", 0, false
	}
	switch q := t[j-1]; {
	case q == '"' || q == '\'' || q == '`':
		end := j - 1
		for end > from && t[end-1] == '\\' {
			end--
		}
		start = end
		for start > from && (isNameByte(t[start-1]) || strings.IndexByte(" []:$@*#", t[start-1]) >= 0) {
			start--
		}
		if start == end || start == 0 || t[start-1] != q {
			return "", 0, false
		}
		return t[start:end], start, true
	case isNameByte(q):
		start = j
		for start > from && isNameByte(t[start-1]) {
			start--
		}
		if start > from && t[start-1] == '%' && j-start >= 2 && isHex(t[start]) && isHex(t[start+1]) { // %26name
			start += 2
		}
		for start < j && (t[start] == '-' || t[start] == '.') {
			start++
		}
		return t[start:j], start, false
	}
	return "", 0, false
}

func isNameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// lastComponent is what counts of a dotted name: token.go isn't a token, datasource.password is a password.
func lastComponent(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name
	}
	last := name[dot+1:]
	if equalFold(last, "value") || equalFold(last, "default") || equalFold(last, "string") {
		if before := strings.LastIndexByte(name[:dot], '.'); before < dot {
			return name[before+1:]
		}
	}
	return last
}

func skipBlanks(t string, k int) int {
	for k < len(t) && (t[k] == ' ' || t[k] == '\t') {
		k++
	}
	return k
}

// opening returns the quote at k and the number of backslashes before it, and where the quoted text begins.
func opening(t string, k int) (from int, quote byte, escapes int) {
	for k+escapes < len(t) && t[k+escapes] == '\\' {
		escapes++
	}
	if k+escapes >= len(t) {
		return k, 0, 0
	}
	switch q := t[k+escapes]; q {
	case '"', '\'', '`':
		return k + escapes + 1, q, escapes
	}
	return k, 0, 0
}

// closing returns where the text that begins at from, after a quote behind escapes backslashes, ends, or -1.
func closing(t string, from int, quote byte, escapes int) int {
	for i := from; i < len(t); i++ {
		if t[i] != quote {
			continue
		}
		n := 0
		for i-n > from && t[i-n-1] == '\\' {
			n++
		}
		if n <= escapes && (escapes > 0 || n == 0) || escapes == 0 && n%2 == 0 {
			return i - min(n, escapes)
		}
	}
	return -1
}

// balanced returns the end of the bracketed text that begins at k; the end of t if it is cut off.
func balanced(t string, k int) int {
	depth := 0
	var quote byte
	for i := k; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"':
			quote = c
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(t)
}

// wordEnd returns the end of the unquoted value at k.
func wordEnd(t string, k int, rule valueRule) int {
	open := 0
	i := k
loop:
	for ; i < len(t); i++ {
		switch c := t[i]; c {
		case '\n', '\r', ';', '"', '`', '<':
			break loop
		case ' ', '\t':
			if !rule.chain {
				break loop
			}
		case '\'':
			if rule.enclosing == c || i+1 == len(t) || !isAlnum(t[i+1]) {
				break loop
			}
		case '&':
			if rule.query || pairFollows(t, i+1) {
				break loop
			}
		case '#':
			if rule.query {
				break loop
			}
		case ',':
			if i+1 == len(t) || t[i+1] == ' ' || t[i+1] == '"' || t[i+1] == '\'' || t[i+1] == '\n' || pairFollows(t, i+1) {
				break loop
			}
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			if open > 0 {
				open--
			} else if i+1 == len(t) || strings.IndexByte(" \t\r\n,;:.)]}>\"'`&", t[i+1]) >= 0 {
				break loop
			}
		case '>':
			if i+1 == len(t) {
				break loop
			}
		}
	}
	for i > k && t[i-1] == '\\' && i < len(t) && t[i] == '"' { // the escape belongs to the quote
		i--
	}
	for rule.chain && i > k && t[i-1] == ' ' {
		i--
	}
	return i
}

// pairFollows reports whether the text at k goes on with name= or name:.
func pairFollows(t string, k int) bool {
	i := k
	for i < len(t) && i-k < maxLookBack && (isNameByte(t[i]) || t[i] == '%' || t[i] == '[' || t[i] == ']') {
		i++
	}
	return i > k && i < len(t) && (t[i] == '=' || t[i] == ':')
}

// headerEnd returns where the value of an HTTP header such as "Authorization: Basic …" ends, whose first word is t[k:end];
// 0 if it isn't one.
func headerEnd(t string, k, end int, rule valueRule) int {
	line := func() int {
		i := end
		for i < len(t) && t[i] != '\n' && t[i] != '\r' && (rule.enclosing == 0 || t[i] != rule.enclosing) {
			i++
		}
		return i
	}
	word := strings.TrimRight(t[k:end], ";")
	if rule.sep == ':' && len(rule.name) >= 6 && containsFold(rule.name, "cookie") {
		if strings.IndexByte(word, '=') > 0 {
			return line()
		}
		return 0
	}
	next := skipBlanks(t, end)
	if next == end || next >= len(t) {
		return 0
	}
	for _, scheme := range [...]string{"digest", "aws4-hmac-sha256", "signature", "hmac", "hawk", "oauth"} {
		if equalFold(word, scheme) {
			return line()
		}
	}
	if containsFold(rule.name, "authori") && isPlainWord(word) { // a scheme of somebody's own
		if after := wordEnd(t, next, rule); after > next && !isPlainWord(t[next:after]) && !isProseWord(word) {
			return after
		}
	}
	for _, scheme := range [...]string{"basic", "bearer", "negotiate", "ntlm", "token", "apikey", "key", "bot", "sharedkey", "splunk"} {
		if equalFold(word, scheme) {
			after := wordEnd(t, next, rule)
			if t[next] == '"' || t[next] == '\'' || after == next || strings.HasPrefix(t[next:], Filtered) || isProseWord(t[next:after]) {
				return 0
			}
			return after
		}
	}
	return 0
}

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

// isProse tells "token: unexpected end of input" from "token: hunter2". A name that is a common prefix of error messages is
// taken for one when two plain words follow; others only before words that messages begin with.
func isProse(t string, k, end int, rule valueRule) bool {
	word := strings.TrimRight(t[k:end], ".,:!")
	if isProseWord(word) {
		return true
	}
	if rule.sep != ':' || end+1 >= len(t) || t[end] != ' ' {
		return false
	}
	next := t[end+1]
	if isOperation(word) && strings.IndexByte(`/\".`, next) >= 0 || end+3 < len(t) && t[end+2] == ':' && t[end+3] == '\\' {
		return true // open /…: the error of Go's that follows
	}
	status := len(word) == 3 && word[0] >= '3' && word[0] <= '5' && isDigits(word) && next >= 'A' && next <= 'Z' // 401 Unauthorized
	if !isPlainWord(word) && !status || !isAlnum(next) {
		return false
	}
	if rule.path || !rule.bare { // /etc/passwd: device busy; exec: "passwd": broken link; JSON would have quotes
		return !status
	}
	for _, prefix := range [...]string{"auth", "authorization", "oauth", "session", "cookie", "cookies", "credentials", "creds", "token", "dsn"} {
		if equalFold(rule.name, prefix) {
			return true
		}
	}
	return false
}

// isOperation reports whether word is what package os or net/http begins its errors with.
func isOperation(word string) bool {
	switch word {
	case "open", "stat", "lstat", "read", "write", "mkdir", "remove", "rename", "exec", "parse", "dial", "Get", "Post", "Put", "Head", "Delete", "Patch":
		return true
	}
	return false
}

func isDigits(word string) bool {
	for i := range len(word) {
		if word[i] < '0' || word[i] > '9' {
			return false
		}
	}
	return true
}

func isPlainWord(word string) bool {
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && (i > 0 || c < 'A' || c > 'Z') {
			return false
		}
	}
	return word != ""
}

func isProseWord(word string) bool {
	if len(word) > 16 || !isPlainWord(word) {
		return word == "EOF"
	}
	var low [16]byte
	n := copy(low[:], word)
	low[0] |= 0x20
	return proseWords[string(low[:n])]
}

var proseWords = map[string]bool{"must": true, "is": true, "was": true, "were": true, "are": true, "be": true, "been": true, "not": true, "the": true, "a": true, "an": true,
	"to": true, "of": true, "for": true, "from": true, "in": true, "on": true, "at": true, "by": true, "with": true, "without": true, "and": true, "or": true, "but": true, "if": true,
	"when": true, "while": true, "that": true, "this": true, "it": true, "has": true, "have": true, "had": true, "cannot": true, "can": true, "could": true, "should": true, "will": true,
	"would": true, "may": true, "does": true, "did": true, "do": true, "invalid": true, "incorrect": true, "wrong": true, "missing": true, "required": true, "empty": true,
	"expired": true, "failed": true, "denied": true, "unexpected": true, "expected": true, "unknown": true, "unable": true, "too": true, "permission": true, "connection": true,
	"unauthorized": true, "forbidden": true, "rejected": true, "revoked": true, "error": true, "context": true, "illegal": true, "malformed": true, "unsupported": true,
	"authentication": true, "authorization": true, "auth": true, "token": true, "tokens": true, "scheme": true, "header": true, "headers": true, "credentials": true, "challenge": true,
	"no": true, "access": true, "already": true, "closed": true, "refused": true, "canceled": true, "cancelled": true, "timeout": true, "executable": true,
	"flag": true, "realm": true, "scope": true, "understanding": true, "functionality": true}

// isCurlLogin reports whether curl takes user:password after this flag.
func isCurlLogin(flag string) bool {
	return flag == "-u" || flag == "--user" || flag == "-U" || flag == "--proxy-user"
}

func isCurl(command string) bool { return strings.Contains(command, "curl") }

// login handles the user:password at k, an argument that may be in quotes.
func (e *editor) login(k int) int {
	t := e.text
	end := len(t)
	if from, quote, escapes := opening(t, k); quote != 0 {
		if k = from; closing(t, from, quote, escapes) > 0 {
			end = closing(t, from, quote, escapes)
		}
	} else if i := strings.IndexAny(t[k:], " \t\r\n\"'`"); i >= 0 {
		end = k + i
	}
	if colon := strings.IndexByte(t[k:end], ':'); colon >= 0 {
		return e.replace(k+colon+1, end, Filtered)
	}
	return 0
}

// flag handles the command-line flag that may begin with the dash at i and has its value in the next argument.
func (s *Scrubber) flag(ed *editor, i int) int {
	t := ed.text
	if i > 0 && strings.IndexByte(" \t\r\n\"'`[({,;=|", t[i-1]) < 0 {
		return 0
	}
	j := i + 1
	if j < len(t) && t[j] == '-' {
		j++
	}
	end := j
	for end < len(t) && (isAlnum(t[end]) || t[end] == '-' || t[end] == '_' || t[end] == '.') {
		end++
	}
	if end == j || end >= len(t) || end-j > maxNameBytes || t[end] == '=' || t[end] == ':' || !isAlnum(t[j]) {
		return 0
	}
	k := end
	for k < len(t) && (t[k] == '"' || t[k] == '\'' || t[k] == '\\' || t[k] == '`') { // ["--password", "x"]
		k++
	}
	gap := k
	for k < len(t) && (t[k] == ' ' || t[k] == '\t' || t[k] == ',' || t[k] == '\r' || t[k] == '\n') {
		k++
	}
	if k > gap && isCurlLogin(t[i:end]) && isCurl(t[max(0, i-maxLookBack):i]) {
		return ed.login(k)
	}
	if k == gap || k == len(t) || t[k] == '-' || !s.names.secret(t[j:end]) || strings.ContainsAny(t[gap:k], "\r\n") && isQuotedName(t, k) {
		return 0
	}
	return s.value(ed, k, valueRule{name: t[j:end], spaced: true})
}

// url handles the "://" at i: the password in the userinfo, and webhooks whose path is the secret.
func (e *editor) url(i int) int {
	t := e.text
	start := i + len("://")
	if start < e.noAt {
		return start // in the path or query of another
	}
	end, slash := start, -1
	at, atBeforeSlash, colon := -1, -1, -1
loop:
	for ; end < len(t) && end-start < maxLookAhead; end++ {
		switch c := t[end]; c {
		case ' ', '\t', '\n', '\r', '"', '\'', '`', '<', '>':
			break loop
		case '/', '?', '#':
			if slash < 0 {
				slash = end
			}
		case '@':
			if at = end; slash < 0 {
				atBeforeSlash = end
			}
		case ':':
			if colon < 0 && at < 0 {
				colon = end
			}
		}
	}
	switch {
	case atBeforeSlash >= 0:
		at = atBeforeSlash
	case at >= 0 && colon >= 0 && (slash < 0 || colon < slash) && !isPort(t[colon+1:end]):
		// A password with an unescaped slash.
	default:
		at = -1
		e.noAt = end
	}
	if at >= 0 && colon >= 0 && colon < at {
		if at > colon+1 {
			return e.replace(colon+1, at, Filtered)
		}
		return at
	}
	if slash > 0 && at < 0 {
		host := t[start:slash]
		for _, hook := range [...]struct{ host, path string }{
			{"hooks.slack.com", "/services/"}, {"hooks.slack.com", "/workflows/"}, {"discord.com", "/api/webhooks/"}, {"discordapp.com", "/api/webhooks/"},
		} {
			if equalFold(host, hook.host) && strings.HasPrefix(t[slash:end], hook.path) {
				return e.replace(slash+len(hook.path), end, Filtered)
			}
		}
	}
	return start
}

func isPort(t string) bool {
	i := 0
	for i < len(t) && t[i] >= '0' && t[i] <= '9' {
		i++
	}
	return i > 0 && (i == len(t) || t[i] == '/' || t[i] == '?' || t[i] == '#')
}

// userinfo handles the "@" at i of user:password@tcp(host) and user:password@host:port without a scheme.
func (e *editor) userinfo(i int) int {
	t := e.text
	driver, host, port := hostAfter(t, i)
	if !driver && !host {
		return 0
	}
	from := max(e.last, i-maxLookBack)
	start, colon := i, -1
	for start > from && !endsUserinfo(t[start-1]) && (driver || t[start-1] != '/' && t[start-1] != '=') {
		if start--; t[start] == ':' {
			colon = start
		}
	}
	if colon <= start || colon+1 >= i {
		return 0
	}
	if !driver && !port && (!isRandomish(t[colon+1:i]) || mailWords[strings.ToLower(t[start:colon])]) { // mailto:bob@example.com
		return 0
	}
	// A password may hold an "@": it ends at the last.
	to, path := i, false
	for k := i + 1; k < len(t) && k < i+maxLookBack && !endsUserinfo(t[k]); k++ {
		switch t[k] {
		case '/', '=':
			path = true
		case '@':
			if driver, host, _ := hostAfter(t, k); driver || host && !path {
				to = k
			}
		}
	}
	return e.replace(colon+1, to, Filtered)
}

func endsUserinfo(c byte) bool { return strings.IndexByte(" \t\r\n\"'`<>,;", c) >= 0 }

// hostAfter says what follows the "@" at i: the network of a database driver's DSN, or a host, with or without a port.
func hostAfter(t string, i int) (driver, host, port bool) {
	rest := t[i+1:]
	if strings.HasPrefix(rest, "tcp(") || strings.HasPrefix(rest, "tcp6(") || strings.HasPrefix(rest, "unix(") || strings.HasPrefix(rest, "udp(") {
		return true, false, false
	}
	k := 0
	for k < len(rest) && k < maxLookBack && (isAlnum(rest[k]) || rest[k] == '.' || rest[k] == '-') {
		k++
	}
	if k > 0 && k < len(rest) && rest[k] == ':' {
		end := k + 1
		for end < len(rest) && isAlnum(rest[end]) {
			end++
		}
		if end-k-1 <= len("65535") && isPort(rest[k+1:end]) {
			return false, true, true
		}
		return false, false, false
	}
	return false, k > 0 && isHostname(rest[:k]), false
}

// isHostname reports whether t is a name rather than a version, or an IPv4 address.
func isHostname(t string) bool {
	return isLetter(t[0]) || strings.Count(t, ".") == 3
}

// isRandomish reports whether t, which may be the name in a mail address, is more like a password.
func isRandomish(t string) bool {
	letters, others := 0, 0
	for i := range len(t) {
		switch c := t[i]; {
		case isLetter(c):
			letters++
		case c != '.' && c != '-' && c != '_' && c != '+':
			others++
		}
	}
	return len(t) >= 6 && letters > 0 && others > 0
}

// mailWords stand before a colon and a mail address.
var mailWords = setOf("mailto from to cc bcc sender reply-to acct sip sips xmpp mail email e-mail user owner contact author by")

// encoded handles the "%" at i where it begins the "=" or the "://" of a URL that was escaped to be a part of another,
// perhaps more than once: next=%2F%3Ftoken%3Dabc.
func (s *Scrubber) encoded(ed *editor, i int) int {
	t := ed.text
	k := i + 1
	for strings.HasPrefix(t[k:], "25") {
		k += 2
	}
	escape := t[i:k]
	// escaped returns the two digits at j when an escape begins there, and where it ends.
	escaped := func(j int) (code string, end int) {
		if end = j + len(escape) + 2; end > len(t) || !strings.HasPrefix(t[j:], escape) {
			return "", j + 1
		}
		return t[end-2 : end], end
	}
	switch code, from := escaped(i); {
	case equalFold(code, "3d"):
		name, _, quoted := nameBefore(t, ed.last, i)
		if name == "" || quoted || !s.names.secret(lastComponent(name)) {
			return 0
		}
		end := from
		for end < len(t) && (isTokenByte(t[end]) || strings.IndexByte(".~+*!%", t[end]) >= 0) {
			code, next := escaped(end)
			if code == "26" || code == "23" || code == "22" {
				break
			}
			end = next
		}
		return ed.replace(from, end, Filtered)
	case equalFold(code, "3a") && hasPrefixFold(t[from:], escape+"2f"+escape+"2f"):
		from += 2 * (len(escape) + 2)
		colon := -1
		for j := from; j < len(t) && j-from < maxLookAhead && (isTokenByte(t[j]) || strings.IndexByte(".~+*!%:", t[j]) >= 0); {
			code, next := escaped(j)
			switch {
			case colon < 0 && (t[j] == ':' || equalFold(code, "3a")):
				colon = next
			case code == "40" && colon > 0:
				return ed.replace(colon, j, Filtered)
			case code == "40" || equalFold(code, "2f"):
				return from
			}
			j = next
		}
		return from
	}
	return 0
}

// element handles the ">" at i of <Password>…</Password>.
func (s *Scrubber) element(ed *editor, i int) int {
	t := ed.text
	from := max(ed.last, i-maxLookBack)
	open := strings.LastIndexByte(t[from:i], '<')
	if open < 0 {
		return 0
	}
	open += from + 1
	end := open
	for end < i && (isNameByte(t[end]) || t[end] == ':') {
		end++
	}
	name := t[open:end]
	if end == open || end < i && t[end] != ' ' || t[i-1] == '/' || !s.names.secret(name[strings.LastIndexByte(name, ':')+1:]) {
		return 0
	}
	close := strings.Index(t[i+1:min(len(t), i+1+maxLookAhead)], "</"+name)
	if close < 0 {
		if close = strings.IndexByte(t[i+1:], '<'); close < 0 {
			return 0
		}
	}
	return ed.replace(i+1, i+1+close, Filtered)
}

// pem handles the dash at i when a private key in PEM begins, or, where its beginning was cut off, ends there.
func (e *editor) pem(i int) int {
	t := e.text
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	label := func(k int) int { // the end of the line that names a private key, or 0
		line := t[k:min(len(t), k+80)]
		stop := strings.Index(line, dashes)
		if stop < 0 {
			if stop = len(line); k+stop < len(t) {
				return 0
			}
			if !strings.Contains(line, "PRIVATE KEY") {
				return 0
			}
			return k + stop
		}
		if !strings.Contains(line[:stop], "PRIVATE KEY") {
			return 0
		}
		return k + stop + len(dashes)
	}
	switch {
	case strings.HasPrefix(t[i:], begin):
		body := label(i + len(begin))
		if body == 0 {
			return 0
		}
		stop := strings.Index(t[body:], end)
		if stop < 0 {
			return e.replace(i, len(t), Filtered) // cut off: what follows may be the key
		}
		stop += body
		if after := label(stop + len(end)); after > 0 {
			return e.replace(i, after, Filtered)
		}
		return e.replace(i, stop, Filtered)
	case strings.HasPrefix(t[i:], end):
		after := label(i + len(end))
		if after == 0 {
			return 0
		}
		start := i
		for start > e.last && (isAlnum(t[start-1]) || strings.IndexByte("+/=\r\n\\", t[start-1]) >= 0) {
			start--
		}
		return e.replace(start, after, Filtered)
	}
	return 0
}

// A tokenFormat is a well-known form of keys: a prefix that ends in a delimiter, and at least so many bytes of letters,
// digits, "-" and "_" (and "." where dots is set).
type tokenFormat struct {
	prefix string
	min    int
	dots   bool
	word   bool // the prefix is short: it must begin a word, and the rest hold a random part
}

var tokenFormats = [...]tokenFormat{
	// GitHub, GitLab
	{"ghp_", 16, false, false}, {"gho_", 16, false, false}, {"ghu_", 16, false, false}, {"ghs_", 16, false, false}, {"ghr_", 16, false, false}, {"github_pat_", 16, false, false},
	{"glpat-", 16, true, false}, {"gldt-", 16, true, false}, {"glrt-", 16, true, false}, {"glcbt-", 16, true, false}, {"glptt-", 16, true, false}, {"glsoat-", 16, true, false},
	{"glft-", 16, true, false}, {"glimt-", 16, true, false}, {"glagent-", 16, true, false}, {"gloas-", 16, true, false},
	// Slack, Stripe, Shopify, Square
	{"xoxa-", 10, false, false}, {"xoxb-", 10, false, false}, {"xoxp-", 10, false, false}, {"xoxr-", 10, false, false}, {"xoxs-", 10, false, false}, {"xoxe-", 10, true, false}, {"xoxe.xoxp-", 10, true, false}, {"xapp-", 10, false, false},
	{"sk_live_", 10, false, false}, {"rk_live_", 10, false, false}, {"sk_test_", 10, false, false}, {"rk_test_", 10, false, false}, {"whsec_", 16, false, false},
	{"shpat_", 24, false, false}, {"shpca_", 24, false, false}, {"shppa_", 24, false, false}, {"shpss_", 24, false, false}, {"sq0csp-", 20, false, false}, {"sq0atp-", 20, false, false},
	// Google, OpenAI, Anthropic and others
	{"ya29.", 20, true, false}, {"GOCSPX-", 16, false, false}, {"sk-", 16, false, true}, {"gsk_", 24, false, true}, {"xai-", 24, false, true}, {"pplx-", 24, false, true}, {"hf_", 24, false, true}, {"r8_", 24, false, true},
	// Registries and clouds
	{"npm_", 24, false, true}, {"pypi-", 16, false, true}, {"dckr_pat_", 16, false, false}, {"dop_v1_", 24, false, false}, {"doo_v1_", 24, false, false}, {"dor_v1_", 24, false, false},
	{"hvs.", 16, false, false}, {"hvb.", 16, false, false}, {"hvr.", 16, false, false}, {"SG.", 16, true, true}, {"AGE-SECRET-KEY-", 16, false, false}, {"HRKU-", 24, false, false},
	{"glsa_", 24, false, false}, {"glc_", 24, false, true}, {"NRAK-", 20, false, false}, {"PMAK-", 20, false, false}, {"lin_api_", 20, false, false}, {"figd_", 20, false, false}, {"nfp_", 24, false, false},
	{"sntrys_", 20, false, false}, {"sntryu_", 20, false, false}, {"pscale_tkn_", 16, false, false}, {"pscale_pw_", 16, false, false}, {"sbp_", 32, false, true}, {"ATATT", 0, false, false},
}

// prefixed handles the delimiter at i when it ends the prefix of a well-known key format.
func (e *editor) prefixed(i int) int {
	t := e.text
	if i < 2 || i+10 >= len(t) || !isTokenByte(t[i+1]) {
		return 0
	}
	for f := range tokenFormats {
		format := &tokenFormats[f]
		p := format.prefix
		if p[len(p)-1] != t[i] || p[len(p)-2] != t[i-1] || i+1 < len(p) || t[i+1-len(p):i+1] != p {
			continue
		}
		start := i + 1 - len(p)
		if format.word && inWord(t, start) {
			continue
		}
		end := i + 1
		for end < len(t) && (isTokenByte(t[end]) || t[end] == '.' && format.dots && end+1 < len(t) && isTokenByte(t[end+1])) {
			end++
		}
		if end-i-1 < format.min {
			continue
		}
		if format.word && !isRandom(t[i+1:end]) {
			continue
		}
		return e.replace(start, end, Filtered)
	}
	return 0
}

func isTokenByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// inWord reports whether the byte at i goes on a word or a hyphenated name. What is escaped before it (%3D, \n) is no word.
func inWord(t string, i int) bool {
	if i == 0 || !isTokenByte(t[i-1]) {
		return false
	}
	if i >= 2 && t[i-2] == '\\' && strings.IndexByte("nrt", t[i-1]) >= 0 {
		return false
	}
	return i < 3 || t[i-3] != '%' || !isHex(t[i-2]) || !isHex(t[i-1])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isRandom reports whether one part of t, between dashes, looks random: 16 letters and digits mixed. Words joined by
// dashes don't.
func isRandom(t string) bool {
	length, digits, letters := 0, 0, 0
	for i := range len(t) {
		switch c := t[i]; {
		case c >= '0' && c <= '9':
			digits++
		case isAlnum(c):
			letters++
		default:
			length, digits, letters = 0, 0, 0
			continue
		}
		if length++; length >= 16 && digits > 0 && letters > 0 {
			return true
		}
	}
	return false
}

// lettered handles the formats that have no delimiter near their beginning, by the letter at i.
func (e *editor) lettered(i int) int {
	t := e.text
	switch t[i] {
	case 'J': // eyJ: {" in base64
		if i < 2 || t[i-1] != 'y' || t[i-2] != 'e' || i > 2 && isAlnum(t[i-3]) && inWord(t, i-2) {
			return 0
		}
		return e.jwt(i - 2)
	case 'A':
		if i+20 > len(t) || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		switch t[i : i+4] {
		case "AKIA", "ASIA", "ABIA", "ACCA":
			end := i + 4
			for end < len(t) && (t[end] >= 'A' && t[end] <= 'Z' || t[end] >= '0' && t[end] <= '9') {
				end++
			}
			if end-i >= 20 && (end == len(t) || !isAlnum(t[end])) {
				return e.replace(i, end, Filtered)
			}
		case "AIza", "ATAT":
			end := i + 4
			for end < len(t) && isTokenByte(t[end]) {
				end++
			}
			if end-i >= 34 {
				return e.replace(i, end, Filtered)
			}
		}
	case 'S': // Twilio
		if i+34 > len(t) || t[i+1] != 'K' || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		end := i + 2
		for end < len(t) && isHex(t[end]) {
			end++
		}
		if end-i == 34 && (end == len(t) || !isAlnum(t[end])) {
			return e.replace(i, end, Filtered)
		}
	case 'b', 'B':
		if i+7 >= len(t) || t[i+1]|0x20 != 'e' && t[i+1]|0x20 != 'a' || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		switch {
		case hasPrefixFold(t[i:], "bearer"):
			return e.bearer(i + len("bearer"))
		case hasPrefixFold(t[i:], "basic"):
			return e.basic(i + len("basic"))
		}
	}
	return 0
}

func (e *editor) jwt(start int) int {
	t := e.text
	end, dots, first := start, 0, 0
	for ; end < len(t); end++ {
		if t[end] == '.' {
			if dots == 0 {
				first = end - start
			}
			if dots++; end+1 < len(t) && t[end+1] == '.' && dots < 4 { // an empty part, as in JWE
				continue
			}
			if end+1 == len(t) || !isTokenByte(t[end+1]) || dots > 4 {
				break
			}
		} else if !isTokenByte(t[end]) {
			break
		}
	}
	if dots == 0 || first < 10 || end-start-first < 4 {
		return 0
	}
	return e.replace(start, end, Filtered)
}

// gap skips what stands between the name of an authentication scheme and its value, at k; 0 if it isn't one.
func gap(t string, k int) int {
	start := k
	for k < len(t) && (t[k] == ' ' || t[k] == '\t') {
		k++
	}
	if k == start && strings.HasPrefix(t[k:], "%20") {
		k += 3
	}
	if k == start || k == len(t) {
		return 0
	}
	return k
}

func (e *editor) bearer(k int) int {
	t := e.text
	if k = gap(t, k); k == 0 {
		return 0
	}
	end := k
	for end < len(t) && (isTokenByte(t[end]) || strings.IndexByte(".~+/=", t[end]) >= 0) {
		end++
	}
	for end > k && t[end-1] == '.' {
		end--
	}
	word := t[k:end]
	if name, _, found := strings.Cut(word, "="); found && isProseWord(name) {
		return 0
	}
	if len(word) < 4 || isProseWord(word) {
		return 0
	}
	return e.replace(k, end, Filtered)
}

// basic takes for a secret what decodes to name:password.
func (e *editor) basic(k int) int {
	t := e.text
	if k = gap(t, k); k == 0 {
		return 0
	}
	end := k
	for end < len(t) && end-k < maxLookAhead && (isAlnum(t[end]) || t[end] == '+' || t[end] == '/' || t[end] == '-' || t[end] == '_') {
		end++
	}
	word := t[k:end]
	if len(word) < 4 {
		return 0
	}
	word = word[:len(word)/4*4]
	var buf [256]byte
	part := word[:min(len(word), 256)]
	n, err := base64.StdEncoding.Decode(buf[:], []byte(part))
	if err != nil {
		if n, err = base64.URLEncoding.Decode(buf[:], []byte(part)); err != nil {
			return 0
		}
	}
	colon := false
	for _, c := range buf[:n] {
		if c < 0x20 {
			return 0
		}
		colon = colon || c == ':'
	}
	if !colon {
		return 0
	}
	for end < len(t) && t[end] == '=' {
		end++
	}
	return e.replace(k, end, Filtered)
}

// telegram handles the ":" at i of a bot's token.
func (e *editor) telegram(i int) int {
	t := e.text
	if i < 8 || i+31 > len(t) || t[i-1] < '0' || t[i-1] > '9' || t[i+1] != 'A' || t[i+2] != 'A' {
		return 0
	}
	start := i
	for start > 0 && t[start-1] >= '0' && t[start-1] <= '9' {
		start--
	}
	end := i + 1
	for end < len(t) && isTokenByte(t[end]) {
		end++
	}
	if i-start < 8 || i-start > 12 || end-i < 31 {
		return 0
	}
	return e.replace(start, end, Filtered)
}

// grouped handles the dash at i when it is the first of a Windows product key (5 groups of 5 letters and digits) or of
// a BitLocker recovery key (8 groups of 6 digits).
func (e *editor) grouped(i int) int {
	t := e.text
	for _, g := range [...]struct{ groups, size int }{{5, 5}, {8, 6}} {
		start, end := i-g.size, i-g.size+g.groups*(g.size+1)-1
		if start < 0 || end > len(t) || t[i+g.size+1] != '-' || start > 0 && (isTokenByte(t[start-1]) && inWord(t, start)) || end < len(t) && isTokenByte(t[end]) {
			continue
		}
		letters, digits, ok := 0, 0, true
		for k := start; k < end && ok; k++ {
			switch c := t[k]; {
			case (k-start)%(g.size+1) == g.size:
				ok = c == '-'
			case c >= '0' && c <= '9':
				digits++
			case c >= 'A' && c <= 'Z':
				letters++
			default:
				ok = false
			}
		}
		if ok && digits > 0 && (letters > 0) == (g.size == 5) {
			return e.replace(start, end, Filtered)
		}
	}
	return 0
}

func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func hasPrefixFold(t, prefix string) bool {
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}

// containsFold reports whether t contains part, which is in lower case.
func containsFold(t, part string) bool {
	for i := 0; i+len(part) <= len(t); i++ {
		if hasPrefixFold(t[i:], part) {
			return true
		}
	}
	return false
}
