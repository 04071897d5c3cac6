package find

import "strings"

// flag handles the command-line flag that may begin with the dash or slash at i: its value is the next argument.
func (s *Finder) flag(ed *secretEditor, i int) int {
	t := ed.text
	if i > 0 && strings.IndexByte(" \t\r\n\"'`[({,;=|", t[i-1]) < 0 {
		return 0
	}
	j := i + 1
	if j < len(t) && t[j] == '-' {
		j++
	}
	end := ed.span(j, len(t), classToken|classDot)
	if end == j || end >= len(t) || end-j > maxNameBytes || t[end] == '=' || t[end] == ':' || !isAlnum(t[j]) {
		return 0
	}
	k := ed.valueOfFlag(end)
	if k == 0 || !s.names.secret(t[j:end]) || t[i] == '/' && ed.isRoute(i, k) {
		return 0
	}
	return s.value(&ed.editor, k, valueRule{name: t[j:end], flag: true})
}

// valueOfFlag returns where the argument after the one that ends at end begins, in a command line or in a list; 0 if
// there is none, or it is a flag.
func (x *scanner) valueOfFlag(end int) int {
	t := x.text
	gap := x.span(end, len(t), classQuote|classBackslash) // ["--password", "x"]
	k := x.span(gap, len(t), classWhitespace|classComma)
	if k == gap || k == len(t) || t[k] == '-' || strings.ContainsAny(t[gap:k], "\r\n") && x.isQuotedName(k) {
		return 0
	}
	return k
}

// isRoute tells "GET /token 401", "request to /token took 3 s" from "prog /password hunter2": whether the slash at i,
// before the word at k, begins a path.
func (x *scanner) isRoute(i, k int) bool {
	t := x.text
	if t[i-1] != ' ' {
		return false
	}
	before := t[:i-1]
	for _, method := range [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if strings.HasSuffix(before, method) {
			return true
		}
	}
	word := t[k:x.wordEnd(k, valueRule{})]
	return isPlainWord(word) || len(word) == 3 && isDigits(word)
}
