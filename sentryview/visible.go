package sentryview

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible returns b with those characters as escapes that a reader wouldn't see, or that make a text look like another:
// control characters but for line feed and tab, those that change the direction of text, those of no width. It is
// applied to whole pages, so that no text can be forgotten. JSON stays the same JSON by it: its own grammar has none of
// them outside of strings, but the carriage return, which is left where a line feed follows.
func visible(b []byte) []byte {
	i := firstHidden(b)
	if i < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	for i >= 0 {
		out = append(out, b[:i]...)
		r, n := utf8.DecodeRune(b[i:])
		out = appendEscape(out, r)
		b = b[i+n:]
		i = firstHidden(b)
	}
	return append(out, b...)
}

func firstHidden(b []byte) int {
	for i := 0; i < len(b); {
		c := b[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if c == '\r' && bytes.HasPrefix(b[i:], []byte("\r\n")) {
			i++
			continue
		}
		if hidden(r) || r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// hidden says whether r can't be seen. The joiners that emoji and some scripts need are no risk by themselves.
func hidden(r rune) bool {
	switch {
	case r == 0x200c || r == 0x200d:
		return false
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return true
	}
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800: // fillers, blank though letters or symbols
		return true
	}
	return false
}

// appendEscape appends r in the form that JSON knows.
func appendEscape(b []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
