package grouping

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the length of a class that is a text, in characters. A longer text keeps headText of its beginning and the
// rest of its end: errors that wrap others by their text alone have the cause there.
const (
	maxText  = 100
	headText = 40
)

// maxMessage is how much of a message is looked at, in bytes. What a command printed into it costs no more than this.
const maxMessage = 4 << 10

// What Text puts in place of what differs between two events of one problem.
const (
	holderNumber = "<n>"      // also IDs, hex, versions, dates, times, durations and sizes
	holderPath   = "<path>"   // of a file, with line and column
	holderAddr   = "<addr>"   // IP, MAC and e-mail addresses, host names, with port
	holderURL    = "<url>"    //
	holderQuoted = "<quoted>" // with its quotation marks
)

// Excerpt returns the beginning and the end of a message that is longer than maxMessage bytes: more than Text looks at.
func Excerpt(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	const gap = "\n…\n"
	const half = (maxMessage - len(gap)) / 2
	return message[:half] + gap + message[len(message)-half:]
}

// Text makes the messages of one problem one text: numbers, paths, addresses, identifiers and quoted text become
// placeholders, white space becomes single spaces, and from the same placeholders in a row one is left. Words stay, and
// so do numbers that say what happened. The result has at most maxText characters, is valid UTF-8 and has no line
// break. Of a long message only the beginning and the end are read: as much as a class has room for.
func Text(message string) string {
	n := normalizer{in: strings.TrimSpace(message), lastAt: -1}
	n.out = make([]byte, 0, min(len(n.in)+len(holderQuoted), 2*maxText))
	first := "" // the beginning of a text that is too long
	for i := 0; i < len(n.in); {
		if i = n.next(i); first != "" || len(n.out) <= maxText || utf8.RuneCount(n.out) <= maxText {
			continue
		}
		first = string(head(n.out))
		if end := tailStart(n.in); end > i {
			i = end
			n.out, n.gap, n.lastAt, n.line = n.out[:0], false, -1, 0
		}
	}
	if first == "" {
		return string(n.out)
	}
	return first + "…" + string(tail(n.out))
}

// tailStart returns where the words begin that fill the end of a class, whatever becomes of them there.
func tailStart(s string) int {
	const wanted, perWord, longest = 70, 8, 256 // characters; of a word, which may become a placeholder; bytes of one
	i := len(s)
	for chars := 0; i > 0 && chars < wanted; {
		from := max(0, i-longest)
		space := from + strings.LastIndexByte(s[from:i], ' ')
		if space > from && strings.Count(s[space:i], `"`)%2 == 1 { // quoted words are one
			if quote := strings.LastIndexByte(s[from:space], '"'); quote >= 0 {
				space = from + strings.LastIndexByte(s[from:from+quote], ' ')
			}
		}
		if space < from {
			for !utf8.RuneStart(s[from]) && from < i-1 {
				from++
			}
			return from
		}
		chars += min(i-space-1, perWord) + 1
		i = space
	}
	return i
}

// head returns the beginning of a long text for its class, without a part of a word or placeholder at its end.
func head(text []byte) []byte {
	end := 0
	for chars := 0; chars < headText; end++ {
		if utf8.RuneStart(text[end]) {
			chars++
		}
	}
	end--
	if space := bytes.LastIndexByte(text[:end], ' '); text[end] != ' ' && end-space < len(holderQuoted) {
		end = space
	}
	return bytes.TrimRight(text[:end], " ")
}

// tail returns the end of a long text for its class, without a part of a word or placeholder at its beginning.
func tail(text []byte) []byte {
	start := len(text)
	for chars := 0; start > 0 && chars < maxText-headText; {
		if start--; utf8.RuneStart(text[start]) {
			chars++
		}
	}
	space := bytes.IndexByte(text[start:], ' ')
	if start > 0 && text[start-1] != ' ' && 0 <= space && space < len(holderQuoted) {
		start += space
	}
	return bytes.TrimLeft(text[start:], " ")
}

type normalizer struct {
	in     string
	out    []byte
	line   int    // where the last line begins in out
	gap    bool   // white space that goes before what comes next
	last   string // the last placeholder,
	lastAt int    // and where it ends in out
}

// put appends s as it is.
func (n *normalizer) put(s string) {
	if n.gap && len(n.out) > 0 {
		n.out = append(n.out, ' ')
	}
	n.gap = false
	n.out = append(n.out, s...)
}

// hold appends a placeholder, unless only a separator stands between it and the same one: a list, a range, the parts of
// an ID. Columns are filled with spaces: none stays behind a bracket, or an equals sign behind a name.
func (n *normalizer) hold(holder string) {
	if n.lastAt >= 0 && n.last == holder {
		between := n.out[n.lastAt:]
		if len(between) == 0 || len(between) == 1 && strings.IndexByte(",-:./_+|*", between[0]) >= 0 {
			n.out, n.gap = n.out[:n.lastAt], false
			return
		}
	}
	if i := len(n.out) - 1; i >= 0 && (n.out[i] == '(' || n.out[i] == '[' ||
		n.out[i] == '=' && i > 0 && isWordByte(n.out[i-1])) {
		n.gap = false
	}
	n.put(holder)
	n.last, n.lastAt = holder, len(n.out)
}

// afterNumber reports whether the last thing in out is a number.
func (n *normalizer) afterNumber() bool { return n.lastAt == len(n.out) && n.last == holderNumber }

// next takes what stands at i and returns where it ends.
func (n *normalizer) next(i int) int {
	c := n.in[i]
	if c == ' ' {
		n.gap = true
		return i + 1
	}
	if isLetter(c) { // most words, at once
		end := lettersEnd(n.in, i+1)
		if end == len(n.in) || n.in[end] <= ' ' || n.in[end] == ',' ||
			n.in[end] == ':' && end > i+1 && (end+1 == len(n.in) || n.in[end+1] == ' ') {
			return n.word(n.in, i, end)
		}
	}
	if end := ideographsEnd(n.in, i); end > i {
		n.put(n.in[i:end])
		return end
	}
	if end, holder := span(n.in, i); end > i {
		if holder == holderQuoted && namesProgram(n.in, i) {
			if program, _, _ := strings.Cut(n.in[i+1:end-1], " "); program != "" && isMadeOf(program, alnum+"-_.") {
				n.put(program)
				n.gap = true
			}
		}
		n.hold(holder)
		return end
	}
	if end := tokenEnd(n.in, i); end > i {
		return n.token(n.in[i:end], i)
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
	case r == '\x1b':
		if strings.HasPrefix(rest, "[") { // parameters, then a letter
			end := strings.IndexFunc(rest[1:], func(r rune) bool { return r >= '@' || r < ' ' })
			i = min(i+1+max(end, 0)+1, len(n.in))
		}
	case r == '\r' && strings.Trim(rest, "\r") != "" && strings.TrimLeft(rest, "\r")[0] != '\n':
		n.out, n.gap = n.out[:n.line], n.line > 0
		n.lastAt = min(n.lastAt, n.line)
	case unicode.IsSpace(r) || unicode.IsControl(r):
		n.gap = true
		if r == '\n' {
			n.line = len(n.out)
		}
	case r == '=' && n.afterNumber() && (rest == "" || strings.IndexByte(" =,)&", rest[0]) >= 0): // the end of base 64
	case unicode.IsDigit(r):
		n.hold(holderNumber)
	case !unicode.Is(unicode.Cf, r):
		n.put(string(r))
	}
	return i
}

// token takes what stands between spaces, brackets, commas and the like, at i. It returns where to go on: behind a name
// with a colon, load:/a/b, at what that is the name of.
func (n *normalizer) token(s string, i int) int {
	core := s
	for core != "" && strings.IndexByte(".:!?", core[len(core)-1]) >= 0 {
		core = core[:len(core)-1]
	}
	if j := strings.IndexByte(core, ':'); j >= 0 && j != 1 && s[j+1] != ':' &&
		(s[j+1] == '/' || lettersEnd(s, 0) == j && (!isHex(core[j+1:]) || namesCode(n.in, i+j+1)) && !isAddress(core)) {
		n.core(s[:j], i)
		n.put(":")
		return i + j + 1
	}
	if len(core) == 1 && 'A' <= core[0] && core[0] <= 'Z' && strings.HasPrefix(s[1:], ":") && !n.afterNumber() {
		n.hold(holderPath) // a drive
		return i + len("C:")
	}
	n.core(core, i)
	if len(core) < len(s) {
		n.put(s[len(core):])
	}
	return i + len(s)
}

// core takes a token without the punctuation behind it.
func (n *normalizer) core(s string, i int) {
	if s == "" {
		return
	}
	if lettersEnd(s, 0) == len(s) {
		n.word(n.in, i, i+len(s))
		return
	}
	at, digit, dotted := strings.IndexByte(s, '@'), wordEnd(s), strings.IndexByte(s, '.') >= 0
	switch {
	case digit < len(s) && says(n.in, s, i):
		n.put(strings.ToLower(s))
	case digit < len(s) && isAddress(s), at > 0 && at < len(s)-1,
		(dotted || strings.IndexByte(s, ':') > 0) && isHost(s, n.in, i):
		n.hold(holderAddr)
	case (digit == 0 || s[0] == '*') && isMadeOf(s, "0123456789*.:/TZ+-"): // a time, or */5 of a schedule
		n.hold(holderNumber)
	case dotted && hasExtension(s), strings.IndexByte(s, '/') > 0 && isOneOf(wordBefore(n.in, i), openWords):
		n.hold(holderPath)
	case n.drawn(s):
	case isPath(s):
		n.hold(holderPath)
	default:
		n.runs(s, i)
	}
}

// drawn takes a token that was drawn by chance, behind words that weren't: req_8fK3jd9Q.
func (n *normalizer) drawn(s string) bool {
	words := 0
	for end := lettersEnd(s, 0); end >= words+3 && end < len(s) && !isAlnum(s[end]); end = lettersEnd(s, words) {
		word := s[words:end]
		if word != strings.ToLower(word) && word != strings.ToUpper(word) || isPodPart(s, words, end, false) {
			break
		}
		words = end + 1
	}
	if !isDrawn(s[words:]) {
		return false
	}
	if words > 0 {
		n.put(s[:words])
	}
	n.hold(holderNumber)
	return true
}

// runs keeps the words of a token and replaces the numbers and identifiers among them.
func (n *normalizer) runs(s string, at int) {
	drawn := false // the run before was an identifier
	for i, end := 0, 0; i < len(s); i = end {
		for end < len(s) && isWordByte(s[end]) {
			end++
		}
		if end == i {
			for end < len(s) && !isWordByte(s[end]) {
				end++
			}
			n.symbols(s, i, end)
			continue
		}
		run := s[i:end]
		letters := wordEnd(run)
		switch {
		case isOracle(s, i, end):
			n.put(run)
			continue
		case isPodPart(s, i, end, drawn), n.isHexPart(s, i, end):
			n.hold(holderNumber)
		case letters == len(run):
			drawn = false
			n.word(n.in, at+i, at+end)
			continue
		case digitsEnd(run, 0) < len(run) && (isHex(strings.TrimSuffix(run, "h")) || isDrawn(run)):
			n.hold(holderNumber)
		default:
			end = i + n.mixed(s[i:], run, letters)
			continue
		}
		drawn = true
	}
}

// symbols puts s[i:end], which stands between words, without the sign or currency of a number that follows, or the sign
// of a share.
func (n *normalizer) symbols(s string, i, end int) {
	symbols := s[i:end]
	if n.afterNumber() && symbols[0] == '%' {
		n.gap = false
		symbols = symbols[1:]
	}
	if end < len(s) && (isDigit(s[end]) || s[end:] == "Inf") {
		if signless := strings.TrimRight(symbols, "-+~$"); signless != "" || i == 0 {
			symbols = signless
		}
	}
	if symbols != "" {
		n.put(symbols)
	}
}

// mixed takes a run of letters and digits, at the beginning of s, and returns where it ends.
func (n *normalizer) mixed(s, run string, letters int) int {
	if isTechnical(run, letters) {
		n.put(run)
		return len(run)
	}
	if prefix := strings.TrimRight(run[:letters], "€£¥±−"); len(prefix) > 1 {
		n.put(prefix)
	}
	for i := letters; i < len(run); {
		if end := i + wordEnd(run[i:]); end > i {
			if !isUnit(run[i:end]) {
				n.put(run[i:end])
			}
			i = end
			continue
		}
		n.hold(holderNumber)
		end := i
		for end < len(s) && (isDigit(s[end]) || s[end] == '.') {
			end++
		}
		if strings.Count(s[i:end], ".") > 1 { // a version: what it is a version of follows
			for end < len(s) && (isAlnum(s[end]) || strings.IndexByte("-+.", s[end]) >= 0) {
				end++
			}
			return end
		}
		i = digitsEnd(run, i)
	}
	return len(run)
}

// word takes the letters s[i:end] and returns where to go on.
func (n *normalizer) word(s string, i, end int) int {
	word := s[i:end]
	if n.afterNumber() {
		if isUnit(word) {
			n.gap = false
			return end
		}
		word = singular(word)
	}
	if len(word) == 2 && isHexDigit(word[0]) {
		if dump := hexDumpEnd(s, i); dump > i {
			n.hold(holderNumber)
			return dump
		}
	}
	if isNumberWord(s, i, end) || len(word) >= 8 && isHex(word) || word[0] < 'a' && isDatePart(s, i, end) ||
		len(word) >= 16 && isDrawn(word) || n.isValue(word) {
		n.hold(holderNumber)
	} else {
		n.put(word)
	}
	return end
}

// isValue reports whether s is a truth value after an equals sign or a colon.
func (n *normalizer) isValue(s string) bool {
	if n.gap || len(n.out) == 0 || n.out[len(n.out)-1] != '=' && n.out[len(n.out)-1] != ':' {
		return false
	}
	return s == "true" || s == "false" || s == "null" || s == "nil"
}

// isHexPart reports whether the letters s[i:end] are hex like what stands beside them: bc in 00:bc:1f.
func (n *normalizer) isHexPart(s string, i, end int) bool {
	size := end - i
	if size != 2 && size != 4 || !isHex(s[i:end]) {
		return false
	}
	if i > 0 && n.last == holderNumber && n.lastAt == len(n.out)-1 {
		return strings.IndexByte(":-_.", s[i-1]) >= 0
	}
	next := end + 1
	return next+size <= len(s) && s[end] == ':' && isHex(s[next:next+size])
}
