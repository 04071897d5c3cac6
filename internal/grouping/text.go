package grouping

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the length of a class that is a text, in characters. A longer text keeps headText of its beginning and the
// rest of its end: errors that wrap others by their text alone have the cause there.
const maxText, headText = 100, 40

// maxMessage is how much of a message is looked at, in bytes. What a command printed into it costs no more than this.
const maxMessage = 4 << 10

// What Text puts in place of what differs between two events of one problem.
const (
	holderNumber = "<n>"      // also IDs, hex, versions, dates, times, durations and sizes
	holderPath   = "<path>"   // of a file, with line and column
	holderAddr   = "<addr>"   // IP, MAC and e-mail addresses, host names, with port
	holderURL    = "<url>"    // also ARNs
	holderQuoted = "<quoted>" // with its quotation marks
)

// Excerpt returns the beginning and the end of a message that is longer than maxMessage bytes: more than Text looks at.
func Excerpt(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	const gap, half = "\n…\n", (maxMessage - len("\n…\n")) / 2
	return message[:half] + gap + message[len(message)-half:]
}

// Text makes the messages of one problem one text: numbers, paths, addresses, identifiers and quoted text become
// placeholders, one for several of a kind in a row, and white space single spaces. Words stay, and numbers that say
// what happened. The result has at most maxText characters, no line break, and is valid UTF-8. Of a long message only
// the beginning and the end are read: as much as a class has room for.
func Text(message string) string {
	n := normalizer{in: strings.TrimSpace(message), lastAt: -1}
	n.out = make([]byte, 0, min(len(n.in)+len(holderQuoted), 2*maxText))
	first := "" // the beginning of a text that is too long
	for i := 0; i < len(n.in); {
		if i = n.next(i); first != "" || len(n.out) <= maxText || utf8.RuneCount(n.out) <= maxText {
			continue
		}
		head, _ := cut(n.out, headText-1)
		first = string(head)
		if tail := tailStart(n.in); tail > i {
			i = tail
			n.out, n.gap, n.lastAt, n.line = n.out[:0], false, -1, 0
		}
	}
	if first == "" {
		return string(n.out)
	}
	_, tail := cut(n.out, utf8.RuneCount(n.out)-(maxText-headText))
	return first + "…" + string(tail)
}

// tailStart returns where the words begin that fill the end of a class, whatever becomes of them there.
func tailStart(s string) int {
	const wanted, perWord, longest = 70, 8, 256 // characters; of a word, which may become a placeholder; bytes of one
	i, quoted := len(s), strings.Contains(s[max(0, len(s)-8*longest):], `"`)
	for chars := 0; i > 0 && chars < wanted; {
		word := s[max(0, i-longest):i]
		space := strings.LastIndexByte(word, ' ')
		if quoted && space > 0 && strings.Count(word[space:], `"`)%2 == 1 { // quoted words are one
			if quote := strings.LastIndexByte(word[:space], '"'); quote >= 0 {
				space = strings.LastIndexByte(word[:quote], ' ')
			}
		}
		if space < 0 {
			return i - len(strings.TrimLeftFunc(word, func(r rune) bool { return r == utf8.RuneError }))
		}
		chars += min(len(word)-space-1, perWord) + 1
		i -= len(word) - space
	}
	return i
}

// cut cuts a text behind its first n characters. A word or placeholder that is in both parts is left out of them.
func cut(text []byte, n int) (head, tail []byte) {
	at := max(n, 0)
	for missing := at; missing > 0; at += missing {
		for at < len(text) && !utf8.RuneStart(text[at]) {
			at++
		}
		missing = n - utf8.RuneCount(text[:at])
	}
	head, tail = text[:at], text[at:]
	if at > 0 && text[at-1] != ' ' && text[at] != ' ' {
		if start := bytes.LastIndexByte(head, ' ') + 1; at-start < len(holderQuoted)-1 {
			head = text[:start]
		}
		if end := bytes.IndexByte(tail, ' '); 0 <= end && end < len(holderQuoted) {
			tail = tail[end:]
		}
	}
	return bytes.TrimRight(head, " "), bytes.TrimLeft(tail, " ")
}

type normalizer struct {
	in     string
	out    []byte
	line   int  // where the last line begins in out
	gap    bool // white space that goes before what comes next
	last   byte // the first letter of the last placeholder,
	lastAt int  // and where it ends in out
}

// put appends s as it is.
func (n *normalizer) put(s string) {
	if s == "" {
		return
	}
	out := n.out
	if n.gap && len(out) > 0 {
		out = append(out, ' ')
	}
	n.out, n.gap = append(out, s...), false
}

// hold appends a placeholder, unless at most a separator stands between it and the same one. Columns are filled with
// spaces: none stays behind a bracket, or an equals sign behind a name.
func (n *normalizer) hold(holder string) {
	if n.lastAt >= max(0, len(n.out)-1) && n.last == holder[1] &&
		strings.Contains(",-:./_+|*'", string(n.out[n.lastAt:])) {
		n.out, n.gap = n.out[:n.lastAt], false
		return
	}
	if i := len(n.out) - 1; i >= 0 && (n.out[i] == '(' || n.out[i] == '[' ||
		n.out[i] == '=' && i > 0 && isWordByte(n.out[i-1])) {
		n.gap = false
	}
	n.put(holder)
	n.last, n.lastAt = holder[1], len(n.out)
}

// afterNumber reports whether the last thing in out is a number.
func (n *normalizer) afterNumber() bool { return n.lastAt == len(n.out) && n.last == 'n' }

// next takes what stands at i and returns where it ends.
func (n *normalizer) next(i int) int {
	for n.in[i] == ' ' { // the last character is none
		n.gap = true
		i++
	}
	s, c := n.in, n.in[i]
	if isHexDigit(c) && i+2 < len(s) && s[i+2] == ' ' {
		if end := hexDumpEnd(s, i); end > i {
			n.hold(holderNumber)
			return end
		}
	}
	if isLetter(c) { // most words, at once
		end := lettersEnd(s, i+1)
		if end == len(s) || s[end] <= ' ' || s[end] == ',' ||
			s[end] == ':' && end > i+1 && (end+1 == len(s) || s[end+1] == ' ') {
			return n.word(i, end)
		}
	}
	if end, holder := span(s, i); end > i {
		if program, _, _ := strings.Cut(s[i+1:end-1], " "); holder == holderQuoted && namesProgram(s, i) &&
			isMadeOf(program, alnum+"-_.") {
			n.put(program)
			n.gap = true
		}
		n.hold(holder)
		return end
	}
	if end := tokenEnd(s, i); end > i {
		return n.token(i, end)
	}
	return n.char(i)
}

// char takes a character that is in no token: what a person sees of it. Format characters, sequences that tell a
// terminal to use colours, and what a carriage return overwrote are not seen.
func (n *normalizer) char(i int) int {
	r, size := utf8.DecodeRuneInString(n.in[i:])
	i += size
	rest := n.in[i:]
	switch {
	case 0x3040 <= r && r <= 0xd7ff: // letters from Japanese to Korean, at once
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return 0x3040 <= r && r <= 0xd7ff })
		n.put(n.in[i-size : len(n.in)-len(rest)])
		i = len(n.in) - len(rest)
	case r == '\x1b' && strings.HasPrefix(rest, "["): // parameters, then a letter
		i = min(len(n.in)-len(strings.TrimLeft(rest[1:], "0123456789;:?"))+1, len(n.in))
	case r == '\r' && strings.Trim(rest, "\r") != "" && strings.TrimLeft(rest, "\r")[0] != '\n':
		n.out, n.gap = n.out[:n.line], n.line > 0
		n.lastAt = min(n.lastAt, n.line)
	case unicode.IsSpace(r) || unicode.IsControl(r):
		n.gap = true
		if r == '\n' {
			n.line = len(n.out)
		}
	case r == '=' && n.afterNumber() && (rest == "" || strings.IndexByte(" =,)&+-", rest[0]) >= 0): // ends base 64
	case r == '<' && !n.gap && len(n.out) > 0 && isWordByte(n.out[len(n.out)-1]) && digitsEnd(rest, 0) > 0:
		n.put("=") // time<1ms
	case unicode.IsDigit(r):
		n.hold(holderNumber)
	case !unicode.Is(unicode.Cf, r):
		n.put(string(r))
	}
	return i
}

// token takes what stands between spaces, brackets, commas and the like. It returns where to go on: behind a name with
// a colon, load:/a/b, at what that is the name of.
func (n *normalizer) token(i, end int) int {
	core := n.in[i:end]
	for core != "" && strings.IndexByte(".:!?", core[len(core)-1]) >= 0 {
		core = core[:len(core)-1]
	}
	if j := strings.IndexByte(core, ':'); j >= 0 && j != 1 && core[j+1] != ':' && (core[j+1] == '/' ||
		lettersEnd(core, 0) == j && (!isHex(core[j+1:]) || namesCode(n.in, i+j+1)) && (j%2 == 1 || !isHex(core[:j]))) {
		n.core(core[:j], i)
		n.put(":")
		return i + j + 1
	}
	if len(core) == 1 && 'A' <= core[0] && core[0] <= 'Z' && n.in[i+1:min(end, i+2)] == ":" && !n.afterNumber() {
		n.hold(holderPath) // a drive
		return i + len("C:")
	}
	n.core(core, i)
	n.put(n.in[i+len(core) : end])
	return end
}

// core takes s, a token at i without the punctuation behind it.
func (n *normalizer) core(s string, i int) {
	switch at, digit, dotted := strings.IndexByte(s, '@'), wordEnd(s), strings.IndexByte(s, '.') >= 0; {
	case s == "":
	case lettersEnd(s, 0) == len(s):
		n.word(i, i+len(s))
	case digit < len(s) && says(n.in, s, i), strings.HasSuffix(s, "-bit"),
		len(s) <= digit+3 && digit == len("utf-") && isOneOf(s[:digit], " utf- sha- aes- "):
		if isHex(s) {
			s = strings.ToLower(s)
		}
		n.put(s)
	case digit < len(s) && isAddress(s), at > 0 && at < len(s)-1 && s[0] != '/',
		(dotted || strings.IndexByte(s, ':') > 0) && isHost(s, n.in, i):
		n.hold(holderAddr)
	case (digit == 0 || s[0] == '*') && isMadeOf(s, "0123456789*.:/TZ+-"), // a time, or */5 of a schedule
		len(s) == len("-rw-r--r--") && isMadeOf(s, "-dlrwxstST"):
		n.hold(holderNumber)
	case dotted && (hasExtension(s) || s[0] == '.' && (i == 0 || n.in[i-1] == ' ') && isMadeOf(s[1:], small)), // .env
		strings.IndexByte(s, '/') > 0 && isOneOf(wordBefore(n.in, i), openWords):
		n.hold(holderPath)
	default:
		n.runs(i, i+len(s))
	}
}

// runs keeps the words of the token in[from:to], which may be a path, and replaces the numbers and identifiers among
// them. What follows words may be one identifier: req_8fK3jd9Q.
func (n *normalizer) runs(from, to int) {
	s, words := n.in[:to], true // only words stand before
	for i, end := from, from; i < to; i = end {
		for end < to && isWordByte(s[end]) {
			end++
		}
		run := s[i:end]
		letters := wordEnd(run)
		if words && (i == from || end > i) {
			words = letters == end-i && end < to && (letters >= 3 || s[end] == '-') &&
				(isMadeOf(run, small) || isMadeOf(run, capitals))
			if !words && isDrawn(s[i:], 2*strings.Count(s[max(from, i-1):i], "_")) {
				n.hold(holderNumber)
				return
			} else if i == from && isPath(s[i:]) {
				n.hold(holderPath)
				return
			}
		}
		switch {
		case end == i:
			end = n.symbols(s, i, i == from)
		case isPodPart(s[from:], i-from, end-from), n.isHexPart(s, i, end),
			letters < len(run) && digitsEnd(run, 0) < len(run) &&
				(isHex(strings.TrimSuffix(run, "h")) || isDrawn(run, 0)):
			n.hold(holderNumber)
		case letters == len(run):
			n.word(i, end)
		case letters > 0 && isTechnical(run, letters):
			n.put(run)
		default:
			end = n.mixed(s, i, end)
		}
	}
}

// symbols puts what stands between words, without the signs and the currency of a number, and returns where it ends.
func (n *normalizer) symbols(s string, i int, first bool) (end int) {
	for end = i; end < len(s) && !isWordByte(s[end]); end++ {
	}
	symbols := s[i:end]
	if n.afterNumber() && symbols[0] == '%' {
		n.gap = false
		symbols = symbols[1:]
	}
	if end < len(s) && (isDigit(s[end]) || s[end:] == "Inf") {
		if signless := strings.TrimRight(symbols, "-+~$"); signless != "" || first {
			symbols = signless
		}
	}
	n.put(symbols)
	return end
}

// mixed takes the letters and digits s[i:end] and returns where to go on: behind a version, and what it is one of.
func (n *normalizer) mixed(s string, i, end int) int {
	word := i + wordEnd(s[i:end])
	if prefix := strings.TrimRight(s[i:word], "€£¥±−"); len(prefix) > 1 {
		n.put(prefix)
	}
	for i = word; i < end; i = word {
		n.hold(holderNumber)
		i = digitsEnd(s, i)
		if rest := strings.TrimLeft(s[i:], "0123456789."); strings.Count(s[i:len(s)-len(rest)], ".") > 1 {
			return len(s) - len(strings.TrimLeft(rest, alnum+"-+."))
		}
		word = i + wordEnd(s[i:end])
		if kind := wordKind(s[i:word]); kind != 'u' && kind != 'd' {
			n.put(s[i:word])
		}
	}
	return end
}

// word takes the letters in[i:end] and returns where to go on. A truth is a value behind a name or among others, a date
// with a number or another date behind it, a number where it is no part of a compound word.
func (n *normalizer) word(i, end int) int {
	word, after, value := n.in[i:end], n.afterNumber(), false
	if c := word[0]; after || c < 'a' || len(word) >= 3 && len(word) <= 5 && // two, false
		(c == 't' || c == 'f' || c == 's' || c == 'e' || c == 'n') {
		before, behind := n.in[:i], n.in[end:]
		switch kind := wordKind(word); {
		case after && (kind == 'u' || kind == 'd'):
			n.gap = false
			return end
		case kind == 'd' && c < 'a':
			rest := strings.TrimLeft(behind, " ,-/")
			value = digitsEnd(rest, 0) > 0 || rest != behind && wordKind(rest[:lettersEnd(rest, 0)]) == 'd'
		case kind == 'n':
			value = !strings.HasSuffix(before, "-") && !strings.HasPrefix(behind, "-")
		case kind == 't':
			value = strings.HasSuffix(before, ":") || strings.HasSuffix(before, "=") ||
				c != 'n' && (after || strings.HasSuffix(before, ": "))
		case after:
			word = singular(word)
		}
	}
	if value || len(word) >= 8 && isHex(word) || len(word) >= 12 && isDrawn(word, 0) {
		n.hold(holderNumber)
	} else {
		n.put(word)
	}
	return end
}

// isHexPart reports whether the letters s[i:end] are hex like what stands beside them: bc in 00:bc:1f.
func (n *normalizer) isHexPart(s string, i, end int) bool {
	behind := n.last == 'n' && n.lastAt == len(n.out)-1
	return (end-i == 2 || end-i == 4) && isHex(s[i:end]) &&
		(behind || end+3 <= len(s) && s[end] == ':' && isHex(s[end+1:end+3]))
}
