package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// shownHead and shownTail are what a summary keeps of each output, in bytes: a program says at the beginning what
	// it is and at the end how it went. Both outputs fit into one context of a Sentry event.
	shownHead, shownTail = 1 << 10, 2 << 10
	// readHead and readTail are what is kept for reading messages from it.
	readHead, readTail = 64 << 10, 64 << 10
	// maxLine is the longest line kept whole, in characters; longer ones are broken.
	maxLine = 4 << 10
)

// An output keeps what a program writes as a person would see it on a terminal: decoded, without colours, and of a line
// that overwrites itself the last state alone. It keeps the head and the tail, in bounded memory. It is for concurrent
// use.
type output struct {
	mu    sync.Mutex
	size  int64            // bytes written
	raw   []byte           // not decoded yet: less than a line, or the bytes that tell the encoding
	known bool             // the encoding
	order binary.ByteOrder // of UTF-16; nil: bytes

	screen screen
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	written := len(b)
	o.size += int64(written)
	for len(b) > 0 {
		n := min(len(b), maxLine) // so that raw stays small
		o.raw = append(o.raw, b[:n]...)
		b = b[n:]
		o.decode(false)
	}
	return written, nil
}

// decode moves what is complete in raw onto the screen: characters of UTF-16, or stretches of bytes between control
// characters, which are no part of a character in any code page. In the end all is complete. It is one switch over what
// comes next: taken apart, the state between the parts would be harder to follow.
func (o *output) decode(end bool) {
	if !o.known {
		if len(o.raw) < sniffed && !end {
			return
		}
		var mark int
		o.order, mark = utf16Order(o.raw)
		o.raw, o.known = o.raw[mark:], true
		if o.order == nil && len(o.raw) >= 3 && string(o.raw[:3]) == "\xef\xbb\xbf" {
			o.raw = o.raw[3:]
		}
	}
	if o.order != nil {
		whole := len(o.raw) &^ 1
		if n := whole; n >= 2 && !end && o.order.Uint16(o.raw[n-2:n])&0xfc00 == 0xd800 {
			whole -= 2 // the first half of a character
		}
		o.screen.write(decodeUTF16(o.raw[:whole], o.order))
		o.raw = append(o.raw[:0], o.raw[whole:]...)
		return
	}
	start := 0
	for i, c := range o.raw {
		if c < ' ' {
			if i > start {
				o.screen.write(decodeBytes(o.raw[start:i]))
			}
			o.screen.next(rune(c))
			start = i + 1
		}
	}
	rest := o.raw[start:]
	if end || len(rest) > maxLine {
		n := len(rest)
		for back := 1; !end && back < utf8.UTFMax && back < n; back++ { // not in the middle of a character
			if utf8.RuneStart(rest[n-back]) {
				if !utf8.FullRune(rest[n-back:]) {
					n -= back
				}
				break
			}
		}
		o.screen.write(decodeBytes(rest[:n]))
		rest = rest[n:]
	}
	o.raw = append(o.raw[:0], rest...)
}

// text returns what is on the screen, at most head and tail bytes of it.
func (o *output) text(head, tail int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.decode(true)
	return o.screen.text(head, tail)
}

// String returns what a summary shows.
func (o *output) String() string { return o.text(shownHead, shownTail) }

func (o *output) written() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}

// A screen plays what a terminal does with the control characters of one line. Sequences that lead to other lines are
// left out.
type screen struct {
	line   []rune
	column int
	escape []rune // an escape sequence that isn't complete
	head   strings.Builder
	tail   []byte
	cut    int      // bytes between head and tail that are gone
	hidden []string // values that stay out of it
}

const (
	escape = '\x1b'
	bell   = '\a'
	// maxEscapeLength is how long a sequence may be; a longer one is text that happens to follow an escape.
	maxEscapeLength = 512
)

func (s *screen) write(text []rune) {
	for _, r := range text {
		s.next(r)
	}
}

func (s *screen) next(r rune) {
	switch {
	case len(s.escape) > 0:
		s.continueEscape(r)
	case r == escape:
		s.escape = append(s.escape, r)
	case r == '\n':
		s.endLine("\n")
	case r == '\r':
		s.column = 0
	case r == '\b':
		s.column = max(0, s.column-1)
	case r == '\t':
		s.put(r)
	case unicode.IsControl(r), r == '\ufeff':
	default:
		s.put(r)
	}
}

func (s *screen) put(r rune) {
	if s.column >= maxLine {
		s.endLine("")
	}
	for s.column > len(s.line) { // a sequence has moved beyond the end
		s.line = append(s.line, ' ')
	}
	if s.column == len(s.line) {
		s.line = append(s.line, r)
	} else {
		s.line[s.column] = r
	}
	s.column++
}

// continueEscape collects a sequence until it is complete, and does what it says within the line.
func (s *screen) continueEscape(r rune) {
	if r == escape { // the one before was cut off
		s.escape = append(s.escape[:0], r)
		return
	}
	s.escape = append(s.escape, r)
	done := false
	switch second := s.escape[1]; second {
	case '[': // CSI: parameters, then a letter
		if done = len(s.escape) > 2 && r >= '@' && r <= '~'; done {
			s.control(r, string(s.escape[2:len(s.escape)-1]))
		}
	case ']', 'P', 'X', '^', '_': // OSC and the like: up to BEL, or ST, which begins with an escape of its own
		done = r == bell
	case '(', ')', '#', '%':
		done = len(s.escape) > 2
	default:
		done = true
	}
	if done || len(s.escape) > maxEscapeLength || r == '\n' {
		s.escape = s.escape[:0]
		if r == '\n' {
			s.endLine("\n")
		}
	}
}

// control does what a control sequence with the final letter says, as far as it concerns the line.
func (s *screen) control(letter rune, parameters string) {
	n := 0
	_, _ = fmt.Sscanf(parameters, "%d", &n)
	count := min(max(n, 1), maxLine)
	switch letter {
	case 'K': // erase: 0 to the end, 1 from the beginning, 2 all
		switch n {
		case 0:
			s.line = s.line[:min(s.column, len(s.line))]
		case 1:
			for i := range min(s.column+1, len(s.line)) {
				s.line[i] = ' '
			}
		default:
			s.line = s.line[:0]
		}
	case 'G':
		s.column = count - 1
	case 'C':
		s.column = min(s.column+count, maxLine)
	case 'D':
		s.column = max(0, s.column-count)
	}
}

func (s *screen) endLine(end string) {
	s.keep(hide(strings.TrimRight(string(s.line), " "), s.hidden) + end)
	s.line, s.column = s.line[:0], 0
}

func (s *screen) keep(text string) {
	if room := readHead - s.head.Len(); room > 0 && s.cut == 0 && len(s.tail) == 0 {
		n := len(text)
		if n > room {
			n = runeStart(text, room)
		}
		s.head.WriteString(text[:n])
		text = text[n:]
	}
	s.tail = append(s.tail, text...)
	if over := len(s.tail) - readTail; over > readTail { // not with each line
		for over < len(s.tail) && !utf8.RuneStart(s.tail[over]) {
			over++
		}
		s.cut += over
		s.tail = append(s.tail[:0], s.tail[over:]...)
	}
}

// runeStart returns the last start of a character at or before i.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// text returns at most head and tail bytes of what was kept, the unfinished line included.
func (s *screen) text(head, tail int) string {
	all := s.head.String()
	if s.cut == 0 {
		all += string(s.tail)
	}
	rest := hide(strings.TrimRight(string(s.line), " "), s.hidden)
	if s.cut == 0 && len(all)+len(rest) <= head+tail {
		return all + rest
	}
	end := all
	if s.cut > 0 {
		end = string(s.tail)
	}
	end += rest
	first := all[:runeStart(all, min(head, len(all)))]
	// Whole lines are easier to read, and half a line could hold a secret without the name it is known by.
	if i := strings.LastIndexByte(first, '\n'); i >= len(first)/2 {
		first = first[:i]
	}
	from := max(0, len(end)-tail)
	if i := strings.IndexByte(end[from:], '\n'); i >= 0 && i < tail/2 {
		from += i + 1
	}
	for from < len(end) && !utf8.RuneStart(end[from]) {
		from++
	}
	gone := s.cut + s.head.Len() + len(s.tail) + len(rest) - len(first) - (len(end) - from)
	return fmt.Sprintf("%s\n… %d bytes left out …\n%s",
		strings.TrimRight(first, "\n"), gone, strings.TrimLeft(end[from:], "\n"))
}
