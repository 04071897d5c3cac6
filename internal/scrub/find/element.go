package find

import "strings"

// element handles the ">" at i of <Password>…</Password>, of <string name="password">…, or of what names the secret in
// the element behind it: <name>password</name><value>….
func (s *Finder) element(ed *editor, i int) int {
	t, open := ed.text, ed.tagOpen
	ed.tagOpen = 0 // it begins no tag for a later ">"
	if open <= max(ed.last, i-maxLookBack) || t[i-1] == '/' {
		return 0
	}
	end := ed.span(open, i, className|classColon)
	tag := t[open:end]
	named := s.names.secret(tag[strings.LastIndexByte(tag, ':')+1:])
	switch {
	case end == open && t[open] == '/': // </name>
		if tag = t[open+1 : i]; equalFold(tag, "name") || equalFold(tag, "key") {
			name, _, quoted := ed.nameBefore(ed.last, open-1)
			named = !quoted && s.names.secret(name)
		}
	case end < i && t[end] != ' ':
		return 0
	case end < i && !named:
		ed.steps += i - end
		for _, attribute := range [...]string{` name="`, ` key="`, ` id="`, ` Name="`, ` Key="`, ` N="`} {
			if _, value, found := strings.Cut(t[end:i], attribute); found {
				value, _, _ = strings.Cut(value, `"`)
				named = named || s.names.secret(value)
			}
		}
	}
	if !named {
		return 0
	}
	if end > open && i >= ed.noTagEnd {
		limit := min(len(t), i+maxLookAhead)
		if end := ed.index(i+1, max(i+1, limit), "</"+tag); end >= 0 {
			return ed.replace(i+1, end, Filtered)
		}
		ed.noTagEnd = limit
	}
	return ed.elementText(i + 1)
}

// maxNested is how many tags may open between that of a secret and its text.
const maxNested = 3

// elementText replaces the text of the first element that has some, from k on, blanks and tags that open others left
// out.
func (e *editor) elementText(k int) int {
	t := e.text
	limit := min(len(t), k+maxLookAhead)
	for range maxNested {
		k = e.span(k, limit, classWhitespace)
		if k+1 >= limit || t[k] != '<' || t[k+1] == '/' {
			break
		}
		end := e.index(k, min(limit, k+maxLookBack), ">")
		if end < 0 {
			return 0
		}
		k = end + 1
	}
	end := e.index(k, max(k, limit), "<")
	if end < 0 {
		return 0
	}
	return e.replace(k, end, Filtered)
}
