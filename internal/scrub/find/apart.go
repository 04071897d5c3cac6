package find

import "strings"

// apart handles a name and its value that stand apart by what isn't ":" or "=": in tables, lists, brackets and calls. i
// is at the separator. As names stand so in prose and code too, the value must look like a secret.
func (s *Finder) apart(ed *secretEditor, i int) int {
	t := ed.text
	at := i
	if t[i] == '>' { // ->
		at--
	}
	name, start, quoted := ed.nameBefore(ed.last, at)
	if name == "" || !s.names.secret(lastComponent(name)) || start > 0 && t[start-1] == '/' {
		return 0
	}
	k := ed.skipBlanks(i + 1)
	from, quote, escapes := ed.opening(k)
	if quote == 0 && t[i] == '(' && start > 0 && t[start-1] == '.' { // a method
		return 0
	}
	var end int
	if quote != 0 {
		if end = ed.closing(from, min(len(t), from+maxLookBack), quote, escapes); end < 0 {
			return 0
		}
	} else {
		limit := min(len(t), from+maxLookBack)
		for end = from; end < limit && strings.IndexByte(" \t\r\n,;|\"'`<>()[]{}", t[end]) < 0; {
			end++
		}
		ed.steps += end - from
	}
	word := t[from:end]
	called := quoted && start > 1 && t[start-2] == '(' && quote != 0 && t[i] == ','
	if end == from || s.names.secret(word) || isProseWord(word) || !called && !isSecretive(word) {
		return 0
	}
	return ed.replace(from, end, Filtered)
}

// passWord handles the "w" at i of a password that its value follows behind a blank or in a sentence.
func (s *Finder) passWord(ed *secretEditor, i int) int {
	t := ed.text
	end := ed.span(i, min(len(t), i+maxLookBack), className)
	k := ed.skipBlanks(end)
	if k == end || k == len(t) {
		return 0
	}
	start := ed.spanBack(i, max(ed.last, i-maxLookBack), className)
	name := t[start:end]
	if !s.names.secret(lastComponent(strings.TrimLeft(name, "-."))) {
		return 0
	}
	if value := ed.registryValue(k); value > 0 {
		from, end, _ := ed.nextWord(value)
		return ed.replace(from, end, Filtered)
	}
	if start > 0 && strings.IndexByte("-/", t[start-1]) >= 0 || name[0] == '-' { // a flag
		return 0
	}
	return ed.said(k, len(name) < len("password") || name[len(name)-1]|0x20 == 'w')
}

// registryValue returns where the value begins that follows a name of the registry, behind its type at k or behind the
// flags of reg add and Set-ItemProperty; 0 if there is none.
func (x *scanner) registryValue(k int) int {
	for range 3 {
		from, end, next := x.nextWord(k - 1)
		switch arg := x.text[from:end]; {
		case strings.HasPrefix(arg, "REG_"):
			if after := x.skipBlanks(next); after < len(x.text) && x.text[after] != '/' {
				return next
			}
		case equalFold(arg, "/d"), equalFold(arg, "-Value"):
			return next
		case !equalFold(arg, "/t"):
			return 0
		}
		k = x.skipBlanks(next)
	}
	return 0
}

// What stands in a sentence between a password and its value, and before whose password it is.
var (
	copulas = setOf("is was to ist lautet war auf est es")
	owners  = setOf("for of für von pour de")
)

// said handles what follows "password" at k in a sentence; setting says that a line of settings may consist of name and
// value.
func (e *editor) said(k int, setting bool) int {
	t := e.text
	from, end, next := e.nextWord(k - 1)
	word := t[from:end]
	if word == "" || word[0] == '-' || word[0] == '/' {
		return 0
	}
	if owners[word] {
		limit := min(len(t), next+maxLookBack)
		for colon := next; colon < limit && t[colon] != '\n'; colon++ {
			e.steps++
			if t[colon] == ':' && colon+1 < len(t) && t[colon+1] == ' ' {
				from, end, _ = e.nextWord(colon + 1)
				value := t[from:end]
				if isSecretive(value) && !isPackage(value) && !strings.HasPrefix(value, "0x") {
					return e.replace(from, end, Filtered)
				}
				return 0
			}
		}
		return 0
	}
	if copulas[word] {
		from, end, _ = e.nextWord(next)
		word = t[from:end]
	}
	quoted := from > 0 && end < len(t) && classes[t[from-1]]&classQuote != 0 && t[from-1] == t[end]
	if end > from && (isSecretive(strings.TrimRight(word, ".")) || quoted && setting) {
		return e.replace(from, end, Filtered)
	}
	return 0
}
