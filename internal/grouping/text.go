package grouping

import (
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

// MaxMessage is how much of a message is looked at, in bytes. What a command printed into it costs no more than this.
const MaxMessage = 4 << 10

// Of a message longer than wholeMessage bytes the normalizer reads headMessage of the beginning, or as much as fills
// a class, and the last tailMessage.
const (
	wholeMessage = 512
	headMessage  = 256
	tailMessage  = 160
)

// What Text puts in place of what differs between two events of one problem.
const (
	holderNumber = "<n>"      // also IDs, hex, versions, dates, times, durations and sizes
	holderPath   = "<path>"   // of a file, with line and column
	holderAddr   = "<addr>"   // IP, MAC and e-mail addresses, host names, with port
	holderURL    = "<url>"    //
	holderQuoted = "<quoted>" // with its quotation marks
)

// Excerpt returns the beginning and the end of a message that is longer than MaxMessage bytes: all that Text looks
// at.
func Excerpt(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	const gap = "\n…\n"
	head, tail := (MaxMessage-len(gap))/2, len(message)-(MaxMessage-len(gap))/2
	for head > 0 && !utf8.RuneStart(message[head]) && head > (MaxMessage-len(gap))/2-utf8.UTFMax {
		head--
	}
	for tail < len(message)-1 && !utf8.RuneStart(message[tail]) {
		tail++
	}
	return message[:head] + gap + message[tail:]
}

// Text makes the messages of one problem one text: numbers, paths, addresses, identifiers and quoted text become
// placeholders, white space becomes single spaces, and from the same placeholders in a row one is left. Words stay, and
// so do numbers that say what happened. The result has at most maxText characters, is valid UTF-8 and has no line
// break. The cost is a few nanoseconds a byte, for at most wholeMessage bytes.
func Text(message string) string {
	message = strings.TrimSpace(message)
	n := normalizer{in: message}
	if len(message) <= wholeMessage {
		n.run()
		return shorten(n.out)
	}
	n.in, n.cut = runes(message[:headMessage]), true
	n.run()
	tail := message[len(message)-tailMessage:]
	if n.quote != "" {
		end := closingEnd(tail, 0, n.quote)
		if end == 0 {
			return shorten(n.out)
		}
		tail = tail[end:]
	} else if space := strings.IndexAny(tail, " \n"); space >= 0 {
		tail = tail[space:]
	}
	rest := normalizer{in: tail, out: append(n.out, "…"...)}
	rest.run()
	return shorten(rest.out)
}

// runes cuts a rune that isn't whole off the end of s.
func runes(s string) string {
	for i := 1; i <= min(len(s), utf8.UTFMax); i++ {
		if utf8.RuneStart(s[len(s)-i]) {
			if !utf8.FullRuneInString(s[len(s)-i:]) {
				return s[:len(s)-i]
			}
			break
		}
	}
	return s
}

// run appends what stands for in to out. Of a message that is cut it takes as much as fills a class.
func (n *normalizer) run() {
	n.in, n.lastAt = visible(n.in), -1
	if n.out == nil {
		n.out = make([]byte, 0, min(len(n.in)+len(holderQuoted), 3*maxText))
	}
	for i := 0; i < len(n.in) && (!n.cut || len(n.out) < headText || utf8.RuneCount(n.out) < headText); {
		i = n.next(i)
	}
}

// shorten cuts a text to maxText characters: it keeps the beginning and the end, and no part of a placeholder.
func shorten(text []byte) string {
	if len(text) <= maxText || utf8.RuneCount(text) <= maxText {
		return string(text)
	}
	head, tail := 0, len(text)
	for range headText - 1 {
		_, size := utf8.DecodeRune(text[head:])
		head += size
	}
	for range maxText - headText {
		_, size := utf8.DecodeLastRune(text[:tail])
		tail -= size
	}
	if i := strings.LastIndexByte(string(text[:head]), '<'); i >= 0 && !strings.Contains(string(text[i:head]), ">") {
		if end := strings.IndexByte(string(text[i:]), '>'); end > 0 && end < len(holderQuoted) {
			head = i
		}
	}
	rest := string(text[tail:])
	if end := strings.IndexByte(rest, '>'); end >= 0 && end < len(holderQuoted)-1 && !strings.Contains(rest[:end], "<") {
		rest = rest[end+1:]
	}
	return strings.TrimRight(string(text[:head]), " ") + "…" + strings.TrimLeft(rest, " ")
}

// visible returns what a person sees of a message: without the sequences that tell a terminal to use colours, without
// what a carriage return overwrote, without format characters.
func visible(s string) string {
	i := 0
	for i < len(s) && s[i] >= ' ' && s[i] < 0x7f || i < len(s) && s[i] == '\n' {
		i++
	}
	if i == len(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	line := 0 // where the line begins in b
	for i = 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\x1b':
			i = escapeEnd(s, i)
			continue
		case r == '\r':
			if rest := strings.TrimLeft(s[i:], "\r"); rest != "" && rest[0] != '\n' {
				b = b[:line]
			}
		case r == '\n':
			b = append(b, '\n')
			line = len(b)
		case r == utf8.RuneError:
			b = append(b, "�"...)
		case r < utf8.RuneSelf || !unicode.Is(unicode.Cf, r):
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return string(b)
}

// escapeEnd returns where the terminal's sequence ends that begins with the escape at i.
func escapeEnd(s string, i int) int {
	if i++; i == len(s) {
		return i
	}
	switch s[i] {
	case '[': // parameters, then a letter
		for i++; i < len(s) && s[i] >= ' ' && s[i] < '@'; i++ {
		}
		return min(i+1, len(s))
	case ']': // a text such as the window's title, up to a bell or another escape
		for i++; i < len(s) && s[i] != '\a' && s[i] != '\x1b' && s[i] != '\n'; i++ {
		}
		if strings.HasPrefix(s[i:], "\x1b\\") {
			i++
		}
		return min(i+1, len(s))
	}
	return i + 1
}

type normalizer struct {
	in     string
	out    []byte
	cut    bool   // in is not the whole message
	gap    bool   // white space that goes before what comes next
	last   string // the last placeholder,
	lastAt int    // and where it ends in out
	quote  string // closes the quoted text that goes on behind a cut
	open   uint   // a bit for each quotation mark that isn't closed in the rest of in
}

// put appends s as it is.
func (n *normalizer) put(s string) {
	if n.gap && len(n.out) > 0 {
		n.out = append(n.out, ' ')
	}
	n.gap = false
	n.out = append(n.out, s...)
}

// literal appends s, in which white space may be.
func (n *normalizer) literal(s string) {
	for s != "" {
		i := 0
		for i < len(s) && s[i] > ' ' && s[i] < 0x7f {
			i++
		}
		if i > 0 {
			n.put(s[:i])
			s = s[i:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			n.gap = true
		case r >= utf8.RuneSelf && unicode.IsDigit(r):
			n.hold(holderNumber)
		default:
			n.put(s[:size])
		}
		s = s[size:]
	}
}

// hold appends a placeholder, unless only a separator stands between it and the same one: a list, a range, the parts of
// an ID.
func (n *normalizer) hold(holder string) {
	if n.last == holder {
		between := n.out[n.lastAt:]
		if len(between) == 0 || len(between) == 1 && strings.IndexByte(",-:./_+|*", between[0]) >= 0 {
			n.out, n.gap = n.out[:n.lastAt], false
			return
		}
	}
	n.put(holder)
	n.last, n.lastAt = holder, len(n.out)
}

// afterNumber reports whether the last thing in out is a number.
func (n *normalizer) afterNumber() bool { return n.last == holderNumber && n.lastAt == len(n.out) }

// next takes what stands at i and returns where it ends.
func (n *normalizer) next(i int) int {
	c := n.in[i]
	if c == ' ' {
		n.gap = true
		return i + 1
	}
	if end := lettersEnd(n.in, i); end > i && (end == len(n.in) || n.in[end] == ' ') { // most words, at once
		return n.word(i, end)
	}
	end, holder := n.quotedEnd(i), holderQuoted
	if end == i && c == '[' {
		end, holder = bracketAddressEnd(n.in, i), holderAddr
	}
	if end == i {
		end, holder = windowsPathEnd(n.in, i), holderPath
	}
	if end == i {
		end, holder = urlEnd(n.in, i), holderURL
	}
	if end > i {
		n.hold(holder)
		return end
	}
	if end = tokenEnd(n.in, i); end > i {
		return n.token(i, end)
	}
	_, size := utf8.DecodeRuneInString(n.in[i:])
	n.literal(n.in[i : i+size])
	return i + size
}

// word takes letters that stand for themselves, and returns where to go on.
func (n *normalizer) word(i, end int) int {
	s := n.in[i:end]
	if n.afterNumber() {
		switch {
		case isUnit(s), isMonth(s), isZone(s):
			n.gap = false
			return end
		}
		s = singular(s)
	}
	if len(s) == 2 && isHex(s) {
		if dump := hexDumpEnd(n.in, i); dump > i {
			n.hold(holderNumber)
			return dump
		}
	}
	switch {
	case isNumberWord(s), len(s) >= 8 && isHex(s), isDatePart(n.in, i, end), n.isValue(s):
		n.hold(holderNumber)
	default:
		n.put(s)
	}
	return end
}

// isValue reports whether s is a truth value after an equals sign or a colon.
func (n *normalizer) isValue(s string) bool {
	if n.gap || len(n.out) == 0 {
		return false
	}
	if c := n.out[len(n.out)-1]; c != '=' && c != ':' {
		return false
	}
	return s == "true" || s == "false" || s == "null" || s == "nil"
}

// token takes what stands between spaces, brackets, commas and the like, and returns where to go on.
func (n *normalizer) token(i, end int) int {
	s := n.in[i:end]
	core := strings.TrimRight(s, ".:!?")
	if len(core) == 1 && core[0] >= 'A' && core[0] <= 'Z' && len(s) == 2 && s[1] == ':' && (i == 0 || n.in[i-1] <= ' ') {
		n.hold(holderPath) // a drive
		return end
	}
	if dump := hexDumpEnd(n.in, i); dump > i {
		n.hold(holderNumber)
		return dump
	}
	n.core(core, i)
	if n.afterNumber() && len(core) < len(s) && len(core) > 0 {
		n.literal(s[len(core):])
		return end
	}
	n.literal(s[len(core):])
	if n.afterNumber() {
		return n.unit(end)
	}
	return end
}

// unit skips what belongs to the number that ends at i: a unit behind a space, the clock of a process.
func (n *normalizer) unit(i int) int {
	j := i
	if j < len(n.in) && n.in[j] == '=' { // the filling of an ID in base 64
		for j < len(n.in) && n.in[j] == '=' && j < i+2 {
			j++
		}
		if j == len(n.in) || !isWordByte(n.in[j]) {
			return j
		}
		return i
	}
	if j < len(n.in) && n.in[j] == ' ' {
		if rest := n.in[j+1:]; strings.HasPrefix(rest, "m=+") || strings.HasPrefix(rest, "m=-") {
			if digits := j + len(" m=+"); digits < len(n.in) && isDigit(n.in[digits]) {
				return max(i, numberEnd(n.in, digits))
			}
		}
		if end := unitEnd(n.in, j+1); end > j+1 {
			return end
		}
	}
	return i
}

// core takes a token at i without the punctuation around it.
func (n *normalizer) core(s string, i int) {
	if s == "" {
		return
	}
	if j := strings.Index(s, ":/"); j > 1 { // not C:/
		n.core(s[:j], i)
		n.literal(":")
		n.core(s[j+1:], i+j+1)
		return
	}
	has := lookAt(s)
	if has&(isNumeric|isDotted|isSlashed|isColoned|isMarked) == 0 {
		switch end := lettersEnd(s, 0); {
		case end == len(s):
			n.word(i, i+end)
		case isRandom(s):
			n.hold(holderNumber)
		default:
			n.runs(s, i)
		}
		return
	}
	if j := lettersEnd(s, 0) + 1; j > 2 && j < len(s) && s[j-1] == '_' && has == isNumeric { // the kind of an ID: req_8fK3
		n.put(s[:j])
		n.core(s[j:], i+j)
		return
	}
	switch {
	case has&isNumeric != 0 && n.says(s, i):
		n.put(strings.ToLower(s))
	case has&(isColoned|isDotted|isDashed) != 0 && isAddress(s):
		n.hold(holderAddr)
	case has&isNumeric != 0 && (isNumber(s) || isUUID(s)), isRandom(s), isPattern(s), isNumberWord(s[1:]):
		n.hold(holderNumber)
	case has&isMarked != 0 && strings.IndexByte(s[1:], '@') >= 0 && s[len(s)-1] != '@':
		n.hold(holderAddr)
	case has&(isColoned|isDotted) != 0 && (isHost(s) || isNamedHost(s, wordBefore(n.in, i))):
		n.hold(holderAddr)
	case has&(isDotted|isSlashed|isMarked) != 0 && (isPath(s) || has&isSlashed != 0 && opens(wordBefore(n.in, i))):
		n.hold(holderPath)
	default:
		n.runs(s, i)
	}
}

// says reports whether s, a token with digits at i, says what happened: a status, an exit code and the like.
func (n *normalizer) says(s string, i int) bool {
	return isResult(s) || isReply(n.in, s, i) || isCode(s) && isCodeName(wordBefore(n.in, i))
}

// runs keeps the words of a token and replaces the identifiers and numbers among them.
func (n *normalizer) runs(s string, at int) {
	drawn := false // the run before was drawn by chance
	for i := 0; i < len(s); {
		if !isAlnum(s[i]) {
			end := i + 1
			for end < len(s) && !isAlnum(s[end]) {
				end++
			}
			n.literal(unsigned(s, i, end))
			i = end
			continue
		}
		end := i
		for end < len(s) && isAlnum(s[end]) {
			end++
		}
		run := s[i:end]
		letters := lettersEnd(run, 0)
		switch {
		case isUUID(s[i:min(len(s), i+uuidLength)]) && (i+uuidLength == len(s) || !isAlnum(s[i+uuidLength])):
			end = i + uuidLength
			n.hold(holderNumber)
		case letters == 0 && i > 0 && isCode(run) && isCodeName(wordBefore(n.in, at+i)): // ORA-00942, status:404
			n.put(run)
		case isPodPart(s, i, end, drawn), letters == len(run) && (len(run) >= 8 && isHex(run) || n.isHexPart(s, i, end)):
			n.hold(holderNumber)
			drawn = true
		case letters == len(run) && n.isValue(run):
			n.hold(holderNumber)
		case letters == len(run):
			n.put(run)
			drawn = false
		case digitsEnd(run, 0) < len(run) && isDrawn(run, letters):
			n.hold(holderNumber)
			drawn = true
		default:
			end = i + n.lettersAndDigits(s[i:], run)
		}
		i = end
	}
}

// isHexPart reports whether the letters s[i:end] are hex like what stands beside them: bc in 00:bc:1f.
func (n *normalizer) isHexPart(s string, i, end int) bool {
	if size := end - i; size != 2 && size != 4 || !isHex(s[i:end]) {
		return false
	}
	if i > 0 && n.last == holderNumber && n.lastAt == len(n.out)-1 {
		return strings.IndexByte(":-_.", s[i-1]) >= 0
	}
	next := end + 1
	return next < len(s) && s[end] == ':' && next+end-i <= len(s) && isHex(s[next:next+end-i]) &&
		lettersEnd(s, next) < next+end-i
}

// isDrawn reports whether a run of letters and digits is an identifier as a whole.
func isDrawn(run string, letters int) bool {
	return isMixed(run) || len(run) >= 12 && strings.ToUpper(run) == run && digitsEnd(run, letters) < len(run) ||
		(letters == 0 || len(run) >= 4) && isHex(strings.TrimSuffix(run, "h"))
}

// lettersAndDigits takes a run of both, at the beginning of s, and returns where it ends.
func (n *normalizer) lettersAndDigits(s, run string) int {
	letters := lettersEnd(run, 0)
	if technical(run, letters) {
		n.put(run)
		return len(run)
	}
	i := 0
	if letters > 1 {
		n.put(run[:letters])
	}
	for i = letters; i < len(run); {
		if isDigit(s[i]) {
			end := max(i+1, numberEnd(s, i))
			if strings.Count(s[i:end], ".") > 1 { // a version: what it is a version of follows
				for end < len(s) && (isAlnum(s[end]) || strings.IndexByte("-+.", s[end]) >= 0) {
					end++
				}
			}
			n.hold(holderNumber)
			i = end
			continue
		}
		end := lettersEnd(s, i)
		n.put(s[i:end])
		i = end
	}
	return i
}

// unsigned returns s[i:end], symbols between words, without the sign or currency of a number that follows.
func unsigned(s string, i, end int) string {
	if end < len(s) && isDigit(s[end]) {
		switch c := s[end-1]; {
		case (c == '-' || c == '+') && end-1 > i, c == '$', c == '~':
			return s[i : end-1]
		}
		for _, currency := range [...]string{"€", "£", "¥", "±", "−"} {
			if strings.HasSuffix(s[i:end], currency) {
				return s[i : end-len(currency)]
			}
		}
	}
	return s[i:end]
}
