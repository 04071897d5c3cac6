package find

import "strings"

// assignment handles the ":" or "=" at i: a URL's password, or the value of a secret name.
func (s *Finder) assignment(ed *editor, i int) int {
	t := ed.text
	if t[i] == ':' && i+1 < len(t) {
		next := 0
		switch c := t[i+1]; {
		case c == '/' && strings.HasPrefix(t[i+2:], "/"):
			return ed.url(i)
		case c == 'A':
			next = ed.telegram(i)
		case c == '*', isDigit(c):
			next = ed.pgpass(i)
		}
		if next > 0 {
			return next
		}
	}
	sign := i
	if t[i] == '=' && i > 1 && (t[i-1] == '+' || t[i-1] == '?') && t[i-2] == ' ' { // += ?=
		sign--
	}
	name, start, quoted := ed.nameBefore(ed.last, sign)
	if name == "" || t[i] == ':' && !quoted && start > 1 &&
		(t[start-1] == '/' && t[start-2] == '/' || t[start-1] == '@') {
		return 0 // no name, or a host and its port
	}
	last, role := lastComponent(name), wordKind(0)
	if s.names.plain(last) {
		return 0
	}
	if !s.names.secret(last) {
		if role = s.names.role(last); role == 0 {
			return 0
		}
	}
	return s.assigned(ed, i, role, valueRule{name: last, sep: t[i], bare: !quoted, start: start}, start+len(name))
}

// pgpass handles the first ":" of host:port:database:user:password.
func (e *editor) pgpass(i int) int {
	t := e.text
	port := max(e.span(i+1, min(len(t), i+1+maxPort), classDigit), i+1+len("*"))
	if i == 0 || port == len(t) || t[port] != ':' || t[i+1] != '*' && port-i-1 < minPort {
		return 0
	}
	end := e.until(port+1, min(len(t), port+maxLookBack), classWhitespace|classQuote)
	_, login, _ := strings.Cut(t[port+1:end], ":")
	_, password, _ := strings.Cut(login, ":")
	if !isSecretive(password) {
		return 0
	}
	return e.replace(end-len(password), end, Filtered)
}

// minPort is how many digits the port of a database has at least: a line's number has fewer.
const minPort = 4

// assigned handles the value behind the sign at i of a name that ends at end, a secret's or of another role.
func (s *Finder) assigned(ed *editor, i int, role wordKind, rule valueRule, end int) int {
	t, k := ed.text, i+1
	for n := 0; k < len(t) && n < 2 && (t[k] == '=' || t[k] == '>' || t[k] == ':'); n++ { // := == =>
		k++
	}
	if role != 0 {
		if next, secret := s.inRole(ed, role, i, k, &rule, end); !secret {
			return next
		}
	}
	rule.chain = rule.sep == '=' && rule.start > 0 && t[rule.start-1] == ';'
	return s.value(ed, k, rule)
}

// inRole handles the sign at i, and the value at k, of a name that ends at end and is a secret's only in its role.
// Whether it is one here, it says itself.
func (s *Finder) inRole(ed *editor, role wordKind, i, k int, rule *valueRule, end int) (next int, secret bool) {
	t, start := ed.text, rule.start
	inQuery := start > 0 && (t[start-1] == '?' || t[start-1] == '&')
	switch role {
	case kindTail: // "API key: …" in several words
		if whole := s.nameOfWords(ed, start, end); rule.bare && whole >= 0 {
			rule.start = whole
			return 0, true
		}
		if inQuery && equalFold(rule.name, "key") || ed.lineHas(start, networkWords[:]) { // a URL's, or SSID: x Key: y
			value, _, _ := ed.opening(ed.skipBlanks(k))
			end := ed.span(value, min(len(t), value+maxLookBack), classToken|classDot|classSign)
			return 0, isSecretive(t[value:end])
		}
		return s.pair(ed, i), false
	case kindPair:
		return s.pair(ed, i), false
	case kindSignature: // of a signed URL
		return 0, inQuery && len(t)-k >= minSignature
	case kindPIN:
		from := ed.skipBlanks(k)
		return 0, ed.span(from, len(t), classDigit)-from >= minPIN
	case kindLogin: // login: bob / password; user: bob password
		password := ed.nextArgument(ed.argument(ed.skipBlanks(k)).next)
		last := password.next == len(t) || classes[t[password.next]]&classBreak != 0
		if t[password.from:password.end] == "/" {
			password, last = ed.nextArgument(password.next), true
		}
		if last && isSecretive(t[password.from:password.end]) {
			return ed.replace(password.from, password.end, Filtered), false
		}
	case kindLines:
		return ed.puttyLines(k), false
	}
	return 0, false
}

const (
	minSignature = 6 // bytes; shorter ones are of something else
	minPIN       = 4
)

// maxNameParts is how many words before its last one the name of a secret may have: "contenu de la clé".
const maxNameParts = 3

// nameOfWords returns where the name of a secret begins whose last word is in text[start:end]; -1 if it is none.
func (s *Finder) nameOfWords(ed *editor, start, end int) int {
	t := ed.text
	for range maxNameParts {
		if start == 0 || t[start-1] != ' ' && t[start-1] != '\'' {
			return -1
		}
		before, from, quoted := ed.nameBefore(ed.last, start-1)
		if before == "" || quoted {
			return -1
		}
		if start = from; s.names.secret(t[start:end]) {
			return start
		}
	}
	return -1
}

// pair handles a name given as a value: {"name": "password", "value": "…"}.
func (s *Finder) pair(ed *editor, i int) int {
	t := ed.text
	k := ed.skipBlanks(i + 1)
	a := ed.argument(k)
	if !s.names.secret(t[a.from:a.end]) {
		return 0
	}
	for _, blank := range [...]string{"\r\n\r\n", "\n\n"} { // a part of a multipart form
		if from := a.next + len(blank); strings.HasPrefix(t[a.next:], blank) {
			to := ed.index(from, len(t), blank[:len(blank)/2]+"--")
			if to < 0 {
				to = len(t)
			}
			return ed.replace(from, to, Filtered)
		}
	}
	const between = classQuote | classBackslash | classComma | classWhitespace
	k = ed.span(a.next, len(t), between)
	if !hasPrefixFold(t[k:], "value") {
		return 0
	}
	k = ed.span(k+len("value"), len(t), between)
	if k == len(t) || t[k] != ':' && t[k] != '=' {
		return 0
	}
	return s.value(ed, k+1, valueRule{name: t[a.from:a.end], sep: t[k]})
}

// nameBefore returns the name that ends before i, where it starts, and whether it stands in quotes. It doesn't look
// before from.
func (x *scanner) nameBefore(from, i int) (name string, start int, quoted bool) {
	t := x.text
	from = max(from, i-maxLookBack)
	j := x.spanBack(i, max(from, i-maxBlanks), classBlank)
	if j > from && t[j-1] == ']' { // config["password"] =
		j--
	}
	if j <= from {
		return "", 0, false
	}
	switch q := t[j-1]; {
	case q == '"' || q == '\'' || q == '`':
		end := x.spanBack(j-1, from, classBackslash)
		start = end
		for start > from && (isNameByte(t[start-1]) || strings.IndexByte(" []:$@*#", t[start-1]) >= 0) {
			start--
		}
		x.steps += end - start
		if start == end || start == 0 || t[start-1] != q {
			return "", 0, false
		}
		return t[start:end], start, true
	case isNameByte(q):
		start = x.spanBack(j, from, className)
		for start < j && (t[start] == '-' || t[start] == '.') {
			start++
		}
		return t[start:j], start, false
	}
	return "", 0, false
}

// lastComponent is what counts of a dotted name: token.go isn't a token, datasource.password is a password.
func lastComponent(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
