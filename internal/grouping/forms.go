package grouping

import (
	"net"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isWordByte reports whether c is part of a word, which those of other scripts, beyond ASCII, all may be.
func isWordByte(c byte) bool { return isAlnum(c) || c >= utf8.RuneSelf }

// isUnspaced reports whether r is of a script that puts no spaces between words: a path ends where one begins.
func isUnspaced(r rune) bool {
	return r >= 0x2e80 && r != utf8.RuneError || // Chinese, Japanese and all behind them
		0x0e00 <= r && r < 0x0f00 || 0x1000 <= r && r < 0x10a0 || 0x1780 <= r && r < 0x1800 // Thai, Lao, Burmese, Khmer
}

// inWord reports whether what begins at i goes on with a word before it.
func inWord(s string, i int) bool {
	if i == 0 || !isWordByte(s[i-1]) {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return r < utf8.RuneSelf || unicode.IsLetter(r) && !isUnspaced(r)
}

func lettersEnd(s string, i int) int {
	for i < len(s) && isLetter(s[i]) {
		i++
	}
	return i
}

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// What lookAt finds in a token.
const (
	isNumeric = 1 << iota
	isDotted
	isColoned
	isSlashed // either slash
	isDashed
	isMarked // @ * % ~ and the like
)

func lookAt(s string) (has int) {
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c):
		case isDigit(c):
			has |= isNumeric
		case c == '.':
			has |= isDotted
		case c == ':':
			has |= isColoned
		case c == '/' || c == '\\':
			has |= isSlashed
		case c == '-':
			has |= isDashed
		case c == '@' || c == '*' || c == '%' || c == '+' || c == '~':
			has |= isMarked
		}
	}
	return has
}

// quotes are quotation marks, and what closes them.
var quotes = [...]struct{ open, close string }{
	{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"„", "”“\""}, {"‘", "’"}, {"«", "»"}, {"»", "«"}, {"‹", "›"},
	{"「", "」"}, {"『", "』"},
}

// quotedEnd returns the end of the quoted text that begins at i, quotation marks included, or i. An apostrophe is a
// quotation mark at the edge of a word only.
func (n *normalizer) quotedEnd(i int) int {
	s := n.in
	if c := s[i]; c != '"' && c != '\'' && c != '`' && (c < 0xc2 || c > 0xe3) {
		return i
	}
	for k, q := range &quotes {
		if !strings.HasPrefix(s[i:], q.open) || len(q.open) == 1 && q.open != `"` && inWord(s, i) {
			continue
		}
		if n.open&(1<<k) != 0 {
			return i
		}
		if end := closingEnd(s, i+len(q.open), q.close); end > 0 {
			return end
		}
		if n.cut {
			n.quote = q.close
			return len(s) // it goes on in what isn't looked at
		}
		n.open |= 1 << k
	}
	return i
}

// closingEnd returns where the first of the closing quotation marks ends that stands behind i, 0 for none.
func closingEnd(s string, i int, closing string) int {
	for i < len(s) {
		size := 1
		if s[i] >= utf8.RuneSelf {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case s[i] == '\\' && closing == `"`:
			size++
		case !strings.Contains(closing, s[i:i+size]):
		case closing == "'" && i+1 < len(s) && isWordByte(s[i+1]): // don't
		default:
			return i + size
		}
		i += size
	}
	return 0
}

// bracketAddressEnd returns the end of an IPv6 address in brackets, and its port, that begins at i, or i.
func bracketAddressEnd(s string, i int) int {
	const longest = 64 // with a zone
	end := strings.IndexByte(s[i:min(len(s), i+longest)], ']')
	if end < 0 || !isAddress(s[i+1:i+end]) {
		return i
	}
	return portEnd(s, i+end+1)
}

// portEnd returns where the port that begins at i ends, or i.
func portEnd(s string, i int) int {
	if i >= len(s) || s[i] != ':' {
		return i
	}
	end := digitsEnd(s, i+1)
	if end == i+1 || end-i > 6 || end < len(s) && isAlnum(s[end]) {
		return i
	}
	return end
}

// startsWindowsPath reports whether a drive or a share's path begins at i.
func startsWindowsPath(s string, i int) bool {
	if rest := s[i:]; len(rest) < 3 || !(isLetter(rest[0]) && rest[1] == ':' && rest[2] == '\\' ||
		rest[0] == '\\' && rest[1] == '\\' && (isAlnum(rest[2]) || rest[2] == '?' || rest[2] == '.')) {
		return false
	}
	return !inWord(s, i) && (i == 0 || s[i-1] != '\\')
}

// windowsPathEnd returns the end of the Windows path that begins at i, or i. Its folders may have spaces in their
// names; its last part ends at a space, unless it is a file's name to its end or a colon ends the path.
func windowsPathEnd(s string, i int) int {
	if !startsWindowsPath(s, i) {
		return i
	}
	const longest = 1 << 10
	end, name := i+3, i+3 // name is where the last part begins
	colon := false
scan:
	for end < len(s) && end-i < longest {
		r, size := rune(s[end]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[end:])
		}
		switch {
		case r == '\\':
			name = end + 1
		case r < ' ', strings.ContainsRune("\"'<>|*;,", r), r == '?' && end > i+3: // not that of \\?\
			break scan
		case r == ':':
			colon = end+1 == len(s) || s[end+1] == ' ' || s[end+1] == '\n'
			if colon || strings.HasPrefix(s[end:], "://") {
				break scan
			}
		case r == ' ' || r == '(':
			if startsWindowsPath(s, end+1) {
				break scan
			}
		case isUnspaced(r) && end > name && !isUnspaced(lastRune(s[:end])):
			break scan
		}
		end += size
	}
	return i + len(strings.TrimRight(s[i:nameEnd(s, name, end, colon)], ".:!) "))
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// nameEnd returns where the name that begins at i ends: at end, or at a space before it.
func nameEnd(s string, i, end int, colon bool) int {
	const mostWords = 4
	words := strings.SplitAfterN(s[i:end], " ", mostWords+1)
	if len(words) == 1 || colon && len(words) <= mostWords {
		return end
	}
	length := 0
	for _, word := range words[:min(len(words), mostWords)] {
		length += len(word)
		if name := strings.TrimRight(word, " .!)"); hasExtension(name) {
			return i + length - len(word) + len(name)
		}
	}
	return i + len(strings.TrimSuffix(words[0], " "))
}

// hasExtension reports whether s ends like a file's name: .txt.
func hasExtension(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 || len(s)-dot < 2 || len(s)-dot > 6 {
		return false
	}
	for i := dot + 1; i < len(s); i++ {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return true
}

// urlEnd returns the end of the URL that begins at i, or i.
func urlEnd(s string, i int) int {
	if !isLetter(s[i]) || inWord(s, i) {
		return i
	}
	j := i
	for j < len(s) && (isAlnum(s[j]) || s[j] == '+' || s[j] == '-' || s[j] == '.') {
		j++
	}
	if !strings.HasPrefix(s[j:], "://") {
		return i
	}
	end := j + len("://")
	for end < len(s) && s[end] > ' ' && strings.IndexByte("\"'`<>", s[end]) < 0 {
		r, size := utf8.DecodeRuneInString(s[end:])
		if isUnspaced(r) {
			break
		}
		end += size
	}
	return i + len(strings.TrimRight(s[i:end], ".,:;!?)]}"))
}

// tokenEnd returns where the token ends that begins at i.
func tokenEnd(s string, i int) int {
	start, unspaced := i, false
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if endsAny(r) || !unspaced && endsSpaced(s, start, i, r) {
				return i
			}
			unspaced = unspaced || i == start && isUnspaced(r)
			i += size
			continue
		}
		if i > start {
			switch {
			case unspaced,
				(c == '\\' || i+1 < len(s) && s[i+1] == ':') && startsWindowsPath(s, i),
				c == '-' && i+1 < len(s) && s[i+1] == '>': // from one address to another
				return i
			}
		}
		if !isAlnum(c) && endsToken(s, start, i) {
			return i
		}
		i++
	}
	return i
}

// endsAny reports whether the character r, beyond ASCII, is in no token.
func endsAny(r rune) bool {
	return unicode.IsSpace(r) || r == utf8.RuneError || unicode.In(r, unicode.Pi, unicode.Pf, unicode.Ps)
}

// endsSpaced reports whether r, at i, ends the token that begins at start in a script with spaces: as a character of
// one without, but for that of a name in a path.
func endsSpaced(s string, start, i int, r rune) bool {
	return isUnspaced(r) && (unicode.IsPunct(r) || i > start && s[i-1] != '/')
}

// endsToken reports whether the ASCII character at i isn't of the token that begins at start.
func endsToken(s string, start, i int) bool {
	switch c := s[i]; c {
	case '"', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '=', '|', 0x7f:
		return true
	case '\'':
		return i == start || i+1 == len(s) || !isWordByte(s[i-1]) || !isWordByte(s[i+1])
	default:
		return c <= ' '
	}
}

// isNumber reports whether s is a number in the widest sense: with a sign, a unit, or parts as versions, dates and
// times have them.
func isNumber(s string) bool {
	i := 0
	if c := s[0]; c == '-' || c == '+' || c == '~' {
		i = 1
	}
	if i == len(s) || !isDigit(s[i]) {
		return false
	}
	for i < len(s) && isDigit(s[i]) { // 1m30s
		end := numberEnd(s, i)
		if end == i {
			return false
		}
		i = end
	}
	return i == len(s)
}

// numberEnd returns the end of the number that begins with the digit at i: 12, 1.5ms, 1.2.3, 2024-01-02T15:04:05Z,
// 1e-9, 02/Jan/2006:15:04:05. It returns i for a number in hex.
func numberEnd(s string, i int) int {
	if s[i] == '0' && i+2 < len(s) && s[i+1]|0x20 == 'x' && isHexDigit(s[i+2]) {
		return i
	}
	end := digitsEnd(s, i)
	date := false
	for end+1 < len(s) {
		next := end + 1
		switch c := s[end]; {
		case strings.IndexByte(".,:/_-", c) >= 0:
			date = date || c == '-' || c == ':' || c == '/'
			month := lettersEnd(s, next)
			if month == next+3 && month < len(s) && s[month] == c && isMonth(s[next:month]) {
				next = month + 1
			}
		case c == 'T' && date:
		case c == '+' && date:
		case isExponent(s, end):
			if !isDigit(s[next]) {
				next++
			}
		default:
			return unitEnd(s, end)
		}
		if next >= len(s) || !isDigit(s[next]) {
			break
		}
		digits := digitsEnd(s, next)
		if digits < len(s) && isWordByte(s[digits]) && unitEnd(s, digits) == digits &&
			(s[digits] != 'T' && s[digits] != 'Z' || !date) && !isExponent(s, digits) {
			break // 12-9f86d0 is no number, but for its beginning
		}
		end = digits
	}
	return unitEnd(s, end)
}

// isExponent reports whether that of a number begins at i.
func isExponent(s string, i int) bool {
	if s[i]|0x20 != 'e' || i+1 == len(s) {
		return false
	}
	return isDigit(s[i+1]) || (s[i+1] == '-' || s[i+1] == '+') && i+2 < len(s) && isDigit(s[i+2])
}

// isAddress reports whether s is an IP address, with a port, prefix length or zone, or that of a network card.
func isAddress(s string) bool {
	dots, colons, double := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
			double = double || i > 0 && s[i-1] == ':'
		case c == '%' || c == '/': // a zone, a prefix length
			if dots != 3 && colons < 2 {
				return false
			}
		case !isHexDigit(c) && c != '-' && colons < 2:
			return false
		}
	}
	switch len(s) {
	case len("0011.2233.4455"), len("00:00:00:00:00:00"), len("0011.2233.4455.6677"), len("00:00:00:00:00:00:00:00"):
		if _, err := net.ParseMAC(s); err == nil {
			return true
		}
	}
	if dots != 3 && colons != 7 && (!double || colons > 8 || !strings.ContainsAny(s, "0123456789")) {
		return false
	}
	if address, length, found := strings.Cut(s, "/"); found {
		_, err := netip.ParseAddr(address)
		return err == nil && digitsEnd(length, 0) == len(length)
	}
	if dots == 3 && colons == 1 {
		_, err := netip.ParseAddrPort(s)
		return err == nil
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isHost reports whether s is a host's name, with a port or without. Words with dots between them may be a field or a
// function: a name without a port is one by its ending only.
func isHost(s string) bool {
	host := s
	port := strings.LastIndexByte(s, ':')
	if port > 0 && portEnd(s, port) == len(s) {
		host = s[:port]
	} else {
		port = -1
	}
	if host == "localhost" {
		return true
	}
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || dot == len(host)-1 {
		return false
	}
	letter := false
	for i := range len(host) {
		if !isAlnum(host[i]) && host[i] != '.' && host[i] != '-' && host[i] != '_' {
			return false
		}
		letter = letter || isLetter(host[i])
	}
	if !letter || isFileExtension(host[dot+1:]) {
		return false
	}
	return port > 0 || isTopDomain(host[dot+1:]) || isCountry(host[:dot], host[dot+1:])
}

// isCountry reports whether the ending of a host is a country's, by the part before it: .co.uk.
func isCountry(host, ending string) bool {
	if len(ending) != 2 || lettersEnd(ending, 0) != 2 {
		return false
	}
	switch host[strings.LastIndexByte(host, '.')+1:] {
	case "co", "com", "ac", "edu", "gov", "org", "net":
		return strings.IndexByte(host, '.') > 0
	}
	return false
}

// isNamedHost reports whether s is a host of one word with a port, behind a word that says so: dial redis:6379.
func isNamedHost(s, before string) bool {
	port := strings.LastIndexByte(s, ':')
	if port < 1 || len(s)-port < 3 || portEnd(s, port) != len(s) || !isLetter(s[0]) {
		return false
	}
	for i := range port {
		if !isAlnum(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return connects(before)
}

// isPath reports whether s is a path or the name of a file, perhaps with line and column: by its beginning, two
// slashes, a pattern, an escape of URLs, or a file's ending. One slash between words is no path: read/write, text/html.
func isPath(s string) bool {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || isAlnum(byte(r)) }) < 0 {
		return false
	}
	for _, start := range [...]string{"/", "./", "../", "~/", `\`, `.\`, `..\`, `~\`} {
		if strings.HasPrefix(s, start) {
			return len(s) > len(start)
		}
	}
	if i := strings.IndexByte(s, '%'); i >= 0 && i+2 < len(s) && isHexDigit(s[i+1]) && isHexDigit(s[i+2]) {
		return true
	}
	name := s
	for range 2 { // file.go:12:3
		if colon := strings.LastIndexByte(name, ':'); colon > 0 && digitsEnd(name, colon+1) == len(name) {
			name = name[:colon]
		}
	}
	slashes := strings.Count(name, "/")
	if slashes > 1 || slashes == 1 && (name[0] == '$' || isHost(name[:strings.IndexByte(name, '/')])) {
		return true
	}
	if i := strings.IndexByte(name, '\\'); i > 0 && i < len(name)-1 {
		return isWordByte(name[i-1]) || name[i-1] == '%'
	}
	if i := strings.IndexByte(name, '*'); i >= 0 && strings.ContainsAny(name, "./") {
		return i > 0 || !isLetter(name[1]) // else a type: *os.File
	}
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && isFileExtension(name[dot+1:])
}

// isPattern reports whether s is a number in a schedule: *, */5.
func isPattern(s string) bool {
	return s[0] == '*' && strings.Trim(s, "*/0123456789,-") == ""
}

const uuidLength = 36

func isUUID(s string) bool {
	if len(s) != uuidLength {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHexDigit(s[i]) {
				return false
			}
		}
	}
	return true
}

// isHex reports whether s is a number in hex, after 0x or not.
func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// hexDumpEnd returns the end of the bytes in hex, four or more with spaces between them, that begin at i, or i.
func hexDumpEnd(s string, i int) int {
	end, bytes := i, 0
	for j := i; j+2 <= len(s) && isHexDigit(s[j]) && isHexDigit(s[j+1]); j += 3 {
		if j+2 < len(s) && isWordByte(s[j+2]) {
			break
		}
		bytes++
		end = j + 2
		if end == len(s) || s[end] != ' ' {
			break
		}
	}
	if bytes < 4 {
		return i
	}
	return end
}

// isMixed reports whether letters and digits take turns in s as they do in identifiers that were drawn by chance.
func isMixed(s string) bool {
	const shortest, turns = 5, 3
	if len(s) < shortest {
		return false
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if isDigit(s[i]) != isDigit(s[i-1]) {
			n++
		}
	}
	return n >= turns
}

// isRandom reports whether capitals, small letters and digits take turns in s as they do in base 64 and its kin, and
// not as in names of programs: these are made of words, each with a capital at most at its beginning.
func isRandom(s string) bool {
	const shortest, shortestLetters = 10, 16
	if len(s) < shortest || strings.IndexByte("/.~", s[0]) >= 0 {
		return false
	}
	const upper, lower, digit = 'A', 'a', '0'
	last, words, chars, digits, small := byte(0), 0, 0, 0, 0
	for i := range len(s) {
		kind := byte(digit)
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case isLetter(c):
			kind = upper | c&0x20
			small += int(c&0x20) >> 5
		case strings.IndexByte("-_+/.", c) >= 0:
			continue
		default:
			return false
		}
		chars++
		if kind != last && (last != upper || kind != lower || i > 1 && isLetter(s[i-2]) && s[i-2]&0x20 == 0) {
			words++
		}
		last = kind
	}
	if small == 0 || small+digits == chars {
		return false
	}
	return digits > 0 && words*28 >= chars*10 || chars >= shortestLetters && words*25 >= chars*10
}

// isPodPart reports whether s[i:end], the last or a long part of a name with dashes, is one that Kubernetes has drawn:
// without vowels, so that it makes no words.
func isPodPart(s string, i, end int, drawn bool) bool {
	const short, long = 5, 8
	if i == 0 || s[i-1] != '-' || end-i != short && end-i < long || end-i == short && end < len(s) {
		return false
	}
	if drawn && end-i == short {
		return true
	}
	run := s[i:end]
	return strings.Trim(run, "bcdfghjklmnpqrstvwxz2456789") == "" && !strings.HasPrefix(run, "http")
}
