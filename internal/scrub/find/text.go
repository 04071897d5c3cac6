package find

import "strings"

// secrets returns t without the secrets that can be recognised in it: values beside a secret name, and well-known
// formats.
//
// It is one pass over the bytes that stops at the few that can be part of a secret's pattern. What begins or goes on in
// letters is found by a rarer byte inside it, as "_" in ghp_…; look-backs and look-aheads that may fail are bounded or
// remembered, so that the cost stays linear in the length of t. Nothing is allocated when nothing is found.
func (s *Finder) secrets(t string) string {
	ed := editor{scanner: scanner{text: t}}
	s.findSecrets(&ed, 0, len(t))
	out := ed.done()
	if ed.escaped {
		out = s.escapedLines(out)
	}
	if ed.headed {
		out = s.columns(out)
	}
	if !ed.disguised {
		return out
	}
	text, _ := decoded(out, undisguised)
	ed = editor{scanner: scanner{text: text}}
	if s.findSecrets(&ed, 0, len(text)); len(ed.found) == 0 {
		return out
	}
	return ed.done() // without the disguise
}

// An editor replaces parts of a text, from left to right.
type editor struct {
	scanner
	found []finding
	last  int // where the last one ends

	// What was read in vain, so that it isn't read again from the next byte where a pattern may begin.
	noAt     int // url found no "@" before
	tokenEnd int // where the letters, digits and dashes end that jwt read
	noTagEnd int // element found no end of a tag before

	tagOpen    int  // behind the last "<"; 0 once it can't begin the tag of a secret
	commandEnd int  // where the arguments end that commandLine read
	depth      int  // how many layers there are around this one
	disguised  bool // the text has bytes that may hide a secret, see undisguised
	escaped    bool // the text has line breaks or tabs as \n and the like
	headed     bool // the name of a secret may be the head of a column
}

// A finding is a part of a text, and what is to stand in its place.
type finding struct {
	from, to int
	with     string
}

// replace puts with in place of text[from:to], unless it stands there already, cut perhaps, and returns to.
func (e *editor) replace(from, to int, with string) int {
	from = max(from, e.last)
	if to <= from || e.text[from:to] == with {
		return to
	}
	if end := from + len(with); to < end && strings.HasPrefix(e.text[from:], with) {
		return end // the beginning of ours, of an earlier time
	}
	if begun, cut := strings.CutSuffix(e.text[from:to], CutMark); cut && strings.HasPrefix(with, begun) {
		return to
	}
	e.found = append(e.found, finding{from, to, with})
	e.last = to
	return to
}

// done returns the text with what was replaced in it.
func (e *editor) done() string {
	if len(e.found) == 0 {
		return e.text
	}
	var b strings.Builder
	b.Grow(len(e.text))
	last := 0
	for _, f := range e.found {
		b.WriteString(e.text[last:f.from])
		b.WriteString(f.with)
		last = f.to
	}
	b.WriteString(e.text[last:])
	return b.String()
}

// How far back a name is looked for, and how far ahead the end of a pattern that may not be there.
const (
	maxLookBack  = maxNameBytes
	maxLookAhead = 4096
	maxBlanks    = 32 // between a name and its sign: tools align them
)
