package grouping

import (
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

// quotedEnd returns the end of the quoted text that begins at i, quotation marks included, or i. An apostrophe is a
// quotation mark at the edge of a word only.
func quotedEnd(s string, i int, cut bool) int {
	var closing string
	switch s[i] {
	case '"':
		closing = `"`
	case '\'', '`':
		if i > 0 && isWordByte(s[i-1]) {
			return i
		}
		closing = s[i : i+1]
	case 0xe2, 0xc2:
		switch {
		case strings.HasPrefix(s[i:], "“"), strings.HasPrefix(s[i:], "„"):
			closing = "”"
			if s[i+2] == 0x9e { // „ is closed by “ in German
				closing = "“"
			}
		case strings.HasPrefix(s[i:], "‘"):
			closing = "’"
		case strings.HasPrefix(s[i:], "«"):
			closing = "»"
		default:
			return i
		}
	default:
		return i
	}
	start := i + 1
	for start < len(s) && !utf8.RuneStart(s[start]) {
		start++
	}
	for j := start; j < len(s); j++ {
		switch {
		case s[j] == '\\' && closing == `"`:
			j++
		case s[j] == closing[0] && strings.HasPrefix(s[j:], closing):
			end := j + len(closing)
			if closing == "'" && end < len(s) && isWordByte(s[end]) { // don't
				continue
			}
			return end
		}
	}
	if cut {
		return len(s) // it goes on in what isn't looked at
	}
	return i
}

// bracketAddressEnd returns the end of an IPv6 address in brackets, and its port, that begins at i, or i.
func bracketAddressEnd(s string, i int) int {
	if s[i] != '[' {
		return i
	}
	const longest = 64 // with a zone
	end := strings.IndexByte(s[i:min(len(s), i+longest)], ']')
	if end < 0 || !isIPAddress(s[i+1:i+end]) {
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
	if end == i+1 || end-i > 6 || end < len(s) && isWordByte(s[end]) {
		return i
	}
	return end
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

// startsWindowsPath reports whether a drive or a share's path begins at i.
func startsWindowsPath(s string, i int) bool {
	if i > 0 && (isWordByte(s[i-1]) || s[i-1] == '\\') {
		return false
	}
	rest := s[i:]
	if len(rest) < 3 {
		return false
	}
	return isLetter(rest[0]) && rest[1] == ':' && rest[2] == '\\' || rest[0] == '\\' && rest[1] == '\\' && (isAlnum(rest[2]) || rest[2] == '?' || rest[2] == '.')
}

// windowsPathEnd returns the end of the Windows path that begins at i, or i. Its folders may have spaces in their names;
// its last part ends at a space unless what follows ends like a file's name.
func windowsPathEnd(s string, i int) int {
	if !startsWindowsPath(s, i) {
		return i
	}
	end, lastSlash := i+2, i+2
scan:
	for ; end < len(s); end++ {
		switch c := s[end]; {
		case c == '\\' || c == '/':
			lastSlash = end
		case c < ' ' || strings.IndexByte("\"'<>|*;,", c) >= 0:
			break scan
		case c == '?' && end > i+3: // not that of \\?\
			break scan
		case c == ':':
			if end+1 == len(s) || s[end+1] == ' ' || s[end+1] == '\n' || s[end+1] == '\r' {
				break scan
			}
		case (c == ' ' || c == '(') && startsWindowsPath(s, end+1):
			break scan
		}
	}
	name := s[lastSlash:end]
	if space := strings.IndexByte(name, ' '); space >= 0 && !hasShortExtension(name) {
		end = lastSlash + space
	}
	return i + len(strings.TrimRight(s[i:end], ".:!) "))
}

// hasShortExtension reports whether s ends like a file's name: .txt.
func hasShortExtension(s string) bool {
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
	if !isLetter(s[i]) || i > 0 && isWordByte(s[i-1]) {
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
		end++
	}
	return i + len(strings.TrimRight(s[i:end], ".,:;!?)]}"))
}

// tokenEnd returns where the token ends that begins at i.
func tokenEnd(s string, i int) int {
	start := i
	for i < len(s) {
		c := s[i]
		if c <= ' ' || c == 0x7f {
			return i
		}
		if isAlnum(c) {
			if i > start && startsWindowsPath(s, i) {
				return i
			}
			i++
			continue
		}
		switch c {
		case '"', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '=', '|':
			return i
		case '\'':
			if i == start || i+1 == len(s) || !isWordByte(s[i-1]) || !isWordByte(s[i+1]) {
				return i
			}
		case '\\':
			if i > start && startsWindowsPath(s, i) {
				return i
			}
		case '-':
			if i > start && strings.HasPrefix(s[i:], "->") { // from one address to another
				return i
			}
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) || r == utf8.RuneError || unicode.In(r, unicode.Pi, unicode.Pf, unicode.Ps) {
			return i
		}
		i += size
	}
	return i
}

// isNumber reports whether s is a number in the widest sense: with a sign, a unit, or parts as versions, dates and times
// have them.
func isNumber(s string) bool {
	i := 0
	if s[0] == '-' || s[0] == '+' || s[0] == '~' {
		i = 1
	}
	if i >= len(s) || !isDigit(s[i]) {
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

// numberEnd returns the end of the number that begins with the digit at i: 12, 1.5ms, 1.2.3, 2024-01-02T15:04:05Z, 1e-9.
// It returns i for a number in hex.
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
			date = date || c == '-' || c == ':'
		case c == 'T' && date:
		case c == '+' && date:
		case c|0x20 == 'e':
			if s[next] == '-' || s[next] == '+' {
				next++
			}
		default:
			return unitEnd(s, end)
		}
		if next >= len(s) || !isDigit(s[next]) {
			break
		}
		digits := digitsEnd(s, next)
		if digits < len(s) && isWordByte(s[digits]) && unitEnd(s, digits) == digits && (s[digits] != 'T' && s[digits] != 'Z' || !date) && s[digits]|0x20 != 'e' {
			break // 12-9f86d0 is no number, but for its beginning
		}
		end = digits
	}
	if end < len(s) && s[end] == 'Z' && date && (end+1 == len(s) || !isWordByte(s[end+1])) {
		return end + 1
	}
	return unitEnd(s, end)
}

// unitEnd returns the end of the unit that begins at i, or i: those which Go's durations and most programs write without
// a space.
func unitEnd(s string, i int) int {
	for _, unit := range [...]string{"ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "%"} {
		if strings.HasPrefix(s[i:], unit) {
			end := i + len(unit)
			if end == len(s) || !isWordByte(s[end]) || isDigit(s[end]) {
				return end
			}
		}
	}
	return i
}

// isIPAddress reports whether s is an IPv4 or IPv6 address; the former with port or prefix length.
func isIPAddress(s string) bool {
	if len(s) < 2 || !isHexDigit(s[0]) && s[0] != ':' {
		return false
	}
	return isIPv4(s) || isIPv6(s)
}

func isIPv4(s string) bool {
	i := 0
	for part := range 4 {
		if part > 0 {
			if i >= len(s) || s[i] != '.' {
				return false
			}
			i++
		}
		end := digitsEnd(s, i)
		if end == i || end-i > 3 {
			return false
		}
		i = end
	}
	if i < len(s) && s[i] == '/' {
		return i+1 < len(s) && digitsEnd(s, i+1) == len(s)
	}
	return portEnd(s, i) == len(s)
}

func isIPv6(s string) bool {
	colons, digits, double := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			colons++
			double = double || i > 0 && s[i-1] == ':'
		case c == '%' && colons > 1 || c == '/' && colons > 1: // a zone, a prefix length
			i = len(s)
		case isDigit(c):
			digits++
		case !isHexDigit(c) && (c != '.' || colons < 2): // ::ffff:1.2.3.4
			return false
		}
	}
	return double && colons <= 8 && digits > 0 || colons == 7
}

func isHardwareAddress(s string) bool {
	if len(s) != len("00:00:00:00:00:00") {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != s[2] || s[i] != ':' && s[i] != '-' {
				return false
			}
		} else if !isHexDigit(s[i]) {
			return false
		}
	}
	return true
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
	return port > 0 || isTopDomain(host[dot+1:])
}

// isTopDomain knows the endings of hosts that are no words of programs: not name, info, id.
func isTopDomain(s string) bool {
	switch strings.ToLower(s) {
	case "com", "net", "org", "edu", "gov", "io", "dev", "cloud", "eu", "uk", "de", "at", "ch", "fr", "nl", "it", "es", "pl", "se",
		"ru", "cn", "jp", "br", "au", "ca", "us", "local", "lan", "home", "internal", "corp", "arpa", "localhost", "localdomain",
		"invalid", "example", "test":
		return true
	}
	return false
}

func isFileExtension(s string) bool {
	switch strings.ToLower(s) {
	case "txt", "log", "json", "jsonl", "yaml", "yml", "xml", "csv", "tsv", "ini", "conf", "cfg", "toml", "md", "html", "htm", "css", "js", "ts",
		"go", "py", "rs", "c", "h", "cpp", "java", "sh", "bat", "cmd", "ps1", "sql", "exe", "dll", "so", "dylib", "sys", "msi", "cab", "reg", "bin",
		"zip", "gz", "tgz", "xz", "bz2", "zst", "7z", "rar", "tar", "iso", "img", "tmp", "temp", "bak", "old", "part", "lock", "pid", "sock", "dat", "db",
		"sqlite", "pem", "crt", "cer", "pfx", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "jpg", "jpeg", "png", "gif", "bmp", "svg", "ico",
		"mp3", "mp4", "wav", "avi", "mov", "evtx", "etl", "dmp", "lnk", "rpm", "deb", "apk", "dmg", "pkg", "vhd", "vhdx":
		return true
	}
	return false
}

// isPath reports whether s is a path or the name of a file, perhaps with line and column: by its beginning, two slashes, or
// a file's ending. One slash between words is no path: read/write, text/html.
func isPath(s string) bool {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < utf8.RuneSelf && isAlnum(byte(r)) || r >= utf8.RuneSelf }) {
		return false
	}
	for _, start := range [...]string{"/", "./", "../", "~/", `\`, `.\`, `..\`, `~\`} {
		if strings.HasPrefix(s, start) {
			return len(s) > len(start)
		}
	}
	name := s
	for range 2 { // file.go:12:3
		if colon := strings.LastIndexByte(name, ':'); colon > 0 && digitsEnd(name, colon+1) == len(name) {
			name = name[:colon]
		}
	}
	slashes := strings.Count(name, "/")
	if slashes > 1 || slashes == 1 && name[0] == '$' {
		return true
	}
	if i := strings.IndexByte(name, '\\'); i > 0 && i < len(name)-1 {
		return isWordByte(name[i-1]) || name[i-1] == '%'
	}
	if slashes == 1 && isHost(name[:strings.IndexByte(name, '/')]) {
		return true
	}
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && isFileExtension(name[dot+1:])
}

const uuidLength = 36

func isUUID(s string) bool {
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

// isHex reports whether s is a number in hex: after 0x, or so long that it is no word.
func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
		for i := range len(s) {
			if !isHexDigit(s[i]) {
				return false
			}
		}
		return true
	}
	if len(s) < 7 {
		return false
	}
	digits := 0
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
		if isDigit(s[i]) {
			digits++
		}
	}
	return digits < len(s) && (digits > 0 || len(s) > 7)
}

// isMixed reports whether letters and digits take turns in s as they do in identifiers that were drawn by chance.
func isMixed(s string) bool {
	const shortest, turns = 6, 3
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
