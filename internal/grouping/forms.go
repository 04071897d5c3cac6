package grouping

import (
	"net"
	"net/netip"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isLetter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool    { return isDigit(c) || isLetter(c) }
func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isWordByte reports whether c is part of a word, which those of other scripts, beyond ASCII, all may be.
func isWordByte(c byte) bool { return isAlnum(c) || c >= utf8.RuneSelf }

// isUnspaced reports whether r is of a script that puts no spaces between words: a path ends where one begins.
func isUnspaced(r rune) bool {
	return r >= 0x2e80 && r != utf8.RuneError || // Chinese, Japanese and all behind them
		0x0e00 <= r && r < 0x0f00 || 0x1000 <= r && r < 0x10a0 || 0x1780 <= r && r < 0x1800 // Thai, Lao, Burmese, Khmer
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

// wordEnd returns where the first digit of s is, or its end.
func wordEnd(s string) (i int) {
	for i < len(s) && !isDigit(s[i]) {
		i++
	}
	return i
}

const (
	small    = "abcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum    = small + capitals + "0123456789"
)

// isMadeOf reports whether s has no other characters than those of set.
func isMadeOf(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// tokenEnd returns where the token ends that begins at i.
func tokenEnd(s string, i int) int {
	for start := i; i < len(s); i++ {
		switch c := s[i]; {
		case isAlnum(c), c == '=' && strings.IndexByte(s[start:i], '?') > 0: // also in /a?b=c
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if isUnspaced(r) && (i == start || s[i-1] != '/' && s[i-1] < utf8.RuneSelf) ||
				r == utf8.RuneError || unicode.IsSpace(r) || unicode.In(r, unicode.P, unicode.Cf, unicode.Nd) {
				return i
			}
			i += size - 1
		case c <= ' ', strings.IndexByte("\"`()[]{}<>,;=|\x7f", c) >= 0, c == '-' && strings.HasPrefix(s[i:], "->"),
			c == '\'' && (i == start || !isWordByte(s[i-1])): // don't
			return i
		}
	}
	return i
}

// span returns the end of a form that begins at i and may have spaces or brackets in it, and its placeholder; else i.
func span(s string, i int) (end int, holder string) {
	switch c := s[i]; {
	case isLetter(c), c == '\\':
		if end := urlEnd(s, i); end > i {
			return end, holderURL
		}
		return windowsPathEnd(s, i), holderPath
	case c == '[':
		return bracketAddressEnd(s, i), holderAddr
	case c == '"' || c == '\'' || c == '`' || c == 0xc2 || c == 0xe2 || c == 0xe3:
		return quotedEnd(s, i), holderQuoted
	}
	return i, ""
}

// closers has for each quotation mark those that close it, and the escape before one that doesn't.
var closers = map[rune]string{'"': `"\`, '\'': "'", '`': "`", '“': "”", '„': `”“"`, '‘': "’", '«': "»", '»': "«",
	'‹': "›", '「': "」", '『': "』", '《': "》", '‚': "‘’"}

// quotedEnd returns the end of the quoted text that begins at i, quotation marks included, or i. An apostrophe in a
// word closes none. Where a long text has no end, it has been cut.
func quotedEnd(s string, i int) int {
	const long = 400
	open, size := utf8.DecodeRuneInString(s[i:])
	text := s[i:]
	if open != '"' {
		text = text[:min(len(text), long)]
	}
	for end, marks := size, closers[open]; marks != "" && end < len(text); {
		at := strings.IndexAny(text[end:], marks)
		if at < 0 {
			break
		}
		end += at
		closing, size := utf8.DecodeRuneInString(text[end:])
		if end += size; closing == '\\' {
			end++
		} else if r, _ := utf8.DecodeRuneInString(text[end:]); open != '\'' || end == len(text) ||
			!isWordByte(text[end]) || isUnspaced(r) { // don't
			return i + end
		}
	}
	if open == '"' && len(text) > long {
		return len(s)
	}
	return i
}

// bracketAddressEnd returns the end of an IPv6 address in brackets, and its port, that begins at i, or i.
func bracketAddressEnd(s string, i int) int {
	end := i + strings.IndexByte(s[i:min(len(s), i+64)], ']') + 1 // with a zone
	if end <= i || strings.Count(s[i:end], ":") < 2 || !isAddress(s[i+1:end-1]) && s[i:end] != "[::]" {
		return i
	}
	if port := digitsEnd(s, end+1); port > end+1 && s[end] == ':' {
		return port
	}
	return end
}

// startsWindowsPath reports whether a drive or a share's path begins at i.
func startsWindowsPath(s string, i int) bool {
	if i > 0 && (isAlnum(s[i-1]) || s[i-1] == '\\') || len(s)-i < 3 {
		return false
	}
	s = s[i:]
	return isLetter(s[0]) && s[1] == ':' && s[2] == '\\' ||
		s[0] == '\\' && s[1] == '\\' && (isAlnum(s[2]) || s[2] == '?' || s[2] == '.')
}

// windowsPathEnd returns the end of the Windows path that begins at i, or i. Its folders may have spaces in their
// names; its last part ends at a space, unless it is a file's name to its end or a colon ends the path.
func windowsPathEnd(s string, i int) int {
	if !startsWindowsPath(s, i) {
		return i
	}
	end, last := i+3, '\\'
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		drive := r == ':' && s[end-2] == '\\' && strings.HasPrefix(s[end+1:], `\`) // in \\?\C:\
		if r < ' ' || strings.ContainsRune("\"'<>|*?;,:", r) && !drive ||
			r == '\\' && last == ' ' || isUnspaced(r) && last != '\\' && !isUnspaced(last) {
			break
		}
		end, last = end+size, r
	}
	name := i + strings.LastIndexByte(s[i:end], '\\') + 1
	colon := strings.HasPrefix(s[end:], ": ") || s[end:] == ":"
	return i + len(strings.TrimRight(s[i:name+nameEnd(s[name:end], colon)], ".!)]} "))
}

// nameEnd returns the length of the file's name that s begins with: up to an extension or the colon, or one word.
func nameEnd(s string, colon bool) int {
	const mostWords = 4
	words := strings.SplitAfterN(s, " ", mostWords+1)
	whole, size := colon && len(words) <= mostWords, 0
	for _, word := range words[:min(len(words), mostWords)] {
		size += len(word)
		ext := path.Ext(strings.TrimRight(word, ".!)]} "))
		if len(ext) > 1 && (isOneOf(ext[1:], extensions) || !whole && len(ext) <= 6 && isMadeOf(ext[1:], alnum)) {
			return size
		}
	}
	if whole {
		return len(s)
	}
	return len(words[0])
}

// urlEnd returns the end of the URL, or the name of a thing at Amazon, that begins at i, or i.
func urlEnd(s string, i int) int {
	end := i
	for end < len(s) && (isAlnum(s[end]) || s[end] == '+' || s[end] == '-' || s[end] == '.') {
		end++
	}
	if !strings.HasPrefix(s[end:], "://") && !strings.HasPrefix(s[i:], "arn:") {
		return i
	}
	url := s[i:]
	if stop := strings.IndexFunc(s[end:], func(r rune) bool {
		return r <= ' ' || isUnspaced(r) || strings.ContainsRune("\"'`<>", r)
	}); stop >= 0 {
		url = s[i : end+stop]
	}
	return i + len(strings.TrimRight(url, ".,:;!?)]}"))
}

// isAddress reports whether s is an IP address, with a port, prefix length or zone, or that of a network card.
func isAddress(s string) bool {
	var err error
	dots, colons := strings.Count(s, "."), strings.Count(s, ":")
	switch ip := dots == 3 || colons == 7 || strings.Contains(s, "::"); {
	case !ip && len(s) != len("00:00:5e:00:53:01") && len(s) != len("0000.5e00.5301") || wordEnd(s) == len(s):
		return false
	case !ip:
		_, err = net.ParseMAC(s)
	case strings.IndexByte(s, '/') >= 0:
		_, err = netip.ParsePrefix(s)
	case dots == 3 && colons == 1:
		_, err = netip.ParseAddrPort(s)
	default:
		_, err = netip.ParseAddr(s)
	}
	return err == nil
}

// isHost reports whether s, at i of in, is a host's name, with a port or without. Words with dots between them may be a
// field or a function: a name without a port is one by its ending only, one without dots by the word before it.
func isHost(s, in string, i int) bool {
	host, port, _ := strings.Cut(s, ":")
	dot := strings.LastIndexByte(host, '.')
	ending := host[dot+1:]
	switch {
	case dot == 0, len(port) > 5, digitsEnd(port, 0) < len(port), !isMadeOf(host, alnum+".-_"):
		return false
	case dot < 0:
		return host == "localhost" || len(port) > 1 && host != "line" &&
			(isOneOf(wordBefore(in, i), hostWords) || strings.HasSuffix(in[:i], "->"))
	}
	return lettersEnd(ending, 0) == len(ending) &&
		(port != "" && !isOneOf(ending, extensions) || isOneOf(ending, domains))
}

// isPath reports whether s is a path by its beginning, two slashes, a pattern, or an escape of URLs. One slash between
// words is no path: read/write, text/html.
func isPath(s string) bool {
	slash, back, star := strings.IndexByte(s, '/'), strings.IndexByte(s, '\\'), strings.IndexByte(s, '*')
	escape := strings.IndexByte(s, '%') + 1
	return 0 <= slash && slash < len(s)-1 && isMadeOf(s[:slash], ".~") || 0 <= back && back < len(s)-1 ||
		slash > 0 && !isDigit(s[0]) && // not 02/Jan/2006
			(strings.Count(s, "/") > 1 || s[0] == '$' || isHost(s[:slash], "", 0)) ||
		escape > 0 && escape+2 <= len(s) && isHex(s[escape:escape+2]) ||
		star >= 0 && (slash >= 0 || strings.IndexByte(s, '.') >= 0) && (star > 0 || !isLetter(s[1])) // no *os.File
}

// hasExtension reports whether s is the name of a file by its ending, perhaps with line and column: file.go:12:3.
func hasExtension(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	ending, _, _ := strings.Cut(s[dot+1:], ":")
	return dot > 0 && isOneOf(ending, extensions)
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
	end := i - 1
	for end+3 <= len(s) && (end < i || s[end] == ' ') && isHex(s[end+1:end+3]) &&
		(end+3 == len(s) || !isWordByte(s[end+3])) {
		end += 3
	}
	if end-i < len("00 11 22 33") {
		return i
	}
	return end
}
