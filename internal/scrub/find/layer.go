package find

import "strings"

// layer finds the secrets in what text[from:to] says under an encoding.
func (s *Finder) layer(ed *editor, from, to int, decode func(string) (string, int)) {
	if ed.depth == maxLayers {
		return
	}
	text, at := decoded(ed.text[from:to], decode)
	inner := editor{scanner: scanner{text: text}, depth: ed.depth + 1}
	s.findSecrets(&inner, 0, len(text))
	ed.steps += to - from + inner.steps
	for _, f := range inner.found {
		ed.replace(from+at[f.from], from+at[f.to], f.with)
	}
}

// escapedLines returns t without the secrets whose names begin right behind an escape, as JSON and %q write the break
// of a line: what stands in "\nToken=…" is no name nToken.
func (s *Finder) escapedLines(t string) string {
	ed := editor{scanner: scanner{text: t}}
	for from := nextEscape(t, 0); from < len(t); {
		from += len(`\n`)
		end := nextEscape(t, from)
		line := editor{scanner: scanner{text: strings.TrimRight(t[from:end], `\`)}}
		name := line.span(0, min(len(line.text), maxLineName), className|classBlank|classQuote)
		s.findSecrets(&line, 0, min(len(line.text), name+len(": ")))
		for _, f := range line.found {
			ed.replace(from+f.from, from+f.to, f.with)
		}
		from = end
	}
	return ed.done()
}

// maxLineName is how many bytes a name has at most that a line begins with, of several words perhaps.
const maxLineName = 64

// nextEscape returns where the next line break or tab is, from k on, that is written as an escape; the end of t if
// there is none.
func nextEscape(t string, k int) int {
	for {
		n := strings.IndexByte(t[k:], '\\')
		if k += n; n < 0 || k+1 == len(t) {
			return len(t)
		}
		if strings.IndexByte("nrt", t[k+1]) >= 0 {
			return k
		}
		k++
	}
}

// decoded returns what t says under an encoding, and where in t each of its bytes stands. decode returns what stands at
// the beginning of a text, and how many bytes it takes there.
func decoded(t string, decode func(string) (string, int)) (text string, at []int) {
	var b strings.Builder
	for i := 0; i < len(t); {
		char, n := decode(t[i:])
		b.WriteString(char)
		for range len(char) {
			at = append(at, i)
		}
		i += n
	}
	return b.String(), append(at, len(t))
}

// maxLayers is how often a text may be encoded: a URL that is a part of one that is a part of another.
const maxLayers = 3

// disguises stand between a name and its value, or inside them, unseen: the NULs of UTF-16, blanks and signs that
// aren't ASCII's, and the colours of a terminal.
var disguises = [...]struct{ hidden, plain string }{
	{"\x00", ""}, {"\x1b", ""}, {"：", ": "}, {"＝", "="}, {"\u00a0", " "},
}

func undisguised(t string) (string, int) {
	if strings.HasPrefix(t, "\x1b[") {
		return "", min(len(t)-len(strings.TrimLeft(t[2:], digits+";:?"))+1, len(t))
	}
	for _, d := range disguises {
		if strings.HasPrefix(t, d.hidden) {
			return d.plain, len(d.hidden)
		}
	}
	return t[:1], 1
}

// urlEscapes are the signs beside names and values in a URL that was escaped to be a part of another, perhaps more than
// once; urlPartEnds end such a part.
var urlEscapes = [...]string{"3D", "3A", "22", "25", "26", "5B", "7B"}

const urlPartEnds = " \t\r\n\"'`<>&?#"

// encoded handles the "%" at i of a part of a URL: next=%2F%3Ftoken%3Dabc.
func (s *Finder) encoded(ed *editor, i int) int {
	if len(ed.text) < i+len("%3D") || !isAny(ed.text[i+1:i+len("%3D")], urlEscapes[:]) {
		return 0
	}
	from := max(ed.last, i-maxLookBack)
	ed.steps += i - from
	return s.urlPart(ed, from+strings.LastIndexAny(ed.text[from:i], urlPartEnds)+1, unescapedURL)
}

// urlPart finds the secrets in the part of a URL that begins at k, and returns its end.
func (s *Finder) urlPart(ed *editor, k int, decode func(string) (string, int)) int {
	end := len(ed.text)
	if n := strings.IndexAny(ed.text[k:], urlPartEnds); n >= 0 {
		end = k + n
	}
	s.layer(ed, k, end, decode)
	return end
}

func unescapedURL(t string) (string, int) {
	if t[0] == '+' {
		return "+", 1
	}
	return unescapedQuery(t)
}

func unescapedQuery(t string) (string, int) {
	if r, n := unescaped(t, 0); n > 0 {
		return string(r), n
	}
	return t[:1], 1
}
