package grouping

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Words that say what the number, host or path beside them is.

// wordBefore returns the word before i, behind at most a few symbols: code in "code: 7", in `"code":7` and in "code=7".
// An error with a colon tells of what follows, and doesn't name it.
func wordBefore(s string, i int) string {
	end := i
	for end > 0 && i-end < 3 && strings.IndexByte(" :=(#\"-'[", s[end-1]) >= 0 {
		end--
	}
	if strings.HasPrefix(s[end:], ":") && strings.HasSuffix(s[:end], "rror") {
		return ""
	}
	start := end
	for start > 0 && end-start < 20 && isLetter(s[start-1]) {
		start--
	}
	return s[start:end]
}

// isCodeName reports whether a number behind the word says what happened, as opposed to how often or how long.
func isCodeName(word string) bool {
	const longest = 20
	if len(word) < len("ora") || len(word) > longest {
		return false
	}
	word = strings.ToLower(word)
	switch word {
	case "code", "statuscode", "errorcode", "exitcode", "returncode", "resultcode", "status", "ntstatus", "hresult",
		"http",
		"error", "errno", "winerror", "exit", "signal", "sqlstate", "sqlcode", "ora":
		return true
	}
	return false
}

// isCode reports whether s can be the code behind such a word: an integer, hex, or capitals and digits.
func isCode(s string) bool {
	const longest = 12
	if s[0] == '-' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > longest || s[0] == '0' && len(s) > 2 && s[1]|0x20 == 'x' && isHex(s) {
		return len(s) > 0 && len(s) <= longest
	}
	for i := range len(s) {
		if !isDigit(s[i]) && (s[i] < 'A' || s[i] > 'Z') {
			return false
		}
	}
	return true
}

// isResult reports whether s is a result code of Windows: 0x8… or 0xC… of eight digits.
func isResult(s string) bool {
	return len(s) == len("0x80070005") && s[0] == '0' && s[1]|0x20 == 'x' && (s[2] == '8' || s[2]|0x20 == 'c') && isHex(s)
}

// isReply reports whether the number s at i of in is a server's answer, told by the words or the code that follow: 404
// Not Found, 550 5.1.1.
func isReply(in, s string, i int) bool {
	if len(s) == len("5.1.1") { // an enhanced status code behind a reply
		return s[1] == '.' && s[3] == '.' && strings.IndexByte("245", s[0]) >= 0 && i >= 4 && in[i-4] == s[0]
	}
	if len(s) != 3 || i+4 >= len(in) || in[i+3] != ' ' {
		return false
	}
	status, err := strconv.Atoi(s)
	if err != nil || status < 100 {
		return false
	}
	rest := in[i+4:]
	if len(rest) >= 5 && rest[0] == s[0] && rest[1] == '.' && isDigit(rest[2]) && rest[3] == '.' {
		return true
	}
	text := http.StatusText(status)
	return text != "" && len(rest) >= len(text) && strings.EqualFold(rest[:len(text)], text)
}

// opens reports whether a path stands behind the word, even one that looks like words with a slash between them.
func opens(word string) bool {
	switch strings.ToLower(word) {
	case "open", "read", "load", "stat", "lstat", "file", "path", "folder", "directory", "dir", "mkdir", "unlink", "chdir",
		"remove", "rename", "create":
		return true
	}
	return false
}

// connects reports whether a host stands behind the word.
func connects(word string) bool {
	switch strings.ToLower(word) {
	case "dial", "tcp", "udp", "connect", "connecting", "connected", "to", "from", "at", "on", "host", "server",
		"broker", "node",
		"with", "via", "proxy", "reach", "lookup", "resolve", "ping", "endpoint", "addr", "address", "peer":
		return true
	}
	return false
}

// technical reports whether the digits in run, behind letters, are part of a name: IPv6, sha256, x86.
func technical(run string, letters int) bool {
	if digits := digitsEnd(run, letters); digits-letters > 3 || digits < len(run) && digits-letters > 2 {
		return false
	}
	switch strings.ToLower(run[:letters]) {
	case "ipv", "sha", "md", "x", "arm", "amd", "utf", "ucs", "base", "int", "uint", "float", "http", "win", "aes",
		"rsa", "crc",
		"tls", "ssl", "oauth", "ntlmv", "smb", "h", "mp", "ext", "fat", "exfat", "usb", "python", "log", "ed", "rs", "hs",
		"es", "ps":
		return true
	}
	return false
}

// isNumberWord knows the numbers that programs write in letters. One is as often no number.
func isNumberWord(s string) bool {
	switch s {
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"NaN", "Inf":
		return true
	}
	return false
}

// singular returns a word behind a number as it is behind 1.
func singular(s string) string {
	switch {
	case len(s) < 4 || s[len(s)-1] != 's' || s == "does":
		return s
	case strings.HasSuffix(s, "ies"):
		return s[:len(s)-len("ies")] + "y"
	case strings.HasSuffix(s, "ss"), strings.HasSuffix(s, "us"), strings.HasSuffix(s, "is"):
		return s
	case strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"), strings.HasSuffix(s, "xes"),
		strings.HasSuffix(s, "sses"):
		return s[:len(s)-len("es")]
	}
	return s[:len(s)-1]
}

// isMonth reports whether s is a month's name, in full or its first three letters.
func isMonth(s string) bool {
	return isNameOf(s, 12, func(i int) string { return time.Month(i + 1).String() })
}

func isDay(s string) bool {
	return isNameOf(s, 7, func(i int) string { return time.Weekday(i).String() })
}

func isNameOf(s string, count int, name func(int) string) bool {
	if len(s) < 3 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range count {
		if full := name(i); s == full || s == full[:3] {
			return true
		}
	}
	return false
}

// isDatePart reports whether the word in[i:end] is a month or a day with a number or another of these behind it.
func isDatePart(in string, i, end int) bool {
	s := in[i:end]
	if !isMonth(s) && !isDay(s) {
		return false
	}
	for end < len(in) && (in[end] == ' ' || in[end] == ',') {
		end++
	}
	if end < len(in) && isDigit(in[end]) {
		return true
	}
	return isMonth(in[end:lettersEnd(in, end)])
}

// isZone reports whether s is a time zone.
func isZone(s string) bool {
	switch s {
	case "UTC", "GMT", "CET", "CEST", "EET", "EEST", "WET", "WEST", "BST", "MSK", "IST", "JST", "KST", "EST", "EDT",
		"CST", "CDT",
		"MST", "MDT", "PST", "PDT", "AEST", "AEDT":
		return true
	}
	return false
}

// isUnit reports whether s is what numbers count in: time, data, shares, the half of a day, the ending of an ordinal.
func isUnit(s string) bool {
	switch s {
	case "ns", "us", "µs", "μs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
		"h", "hr", "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year", "years",
		"millisecond", "milliseconds", "microseconds", "nanoseconds",
		"B", "byte", "bytes", "kB", "KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "PiB", "K", "k", "M", "G", "T",
		"Ki", "Mi", "Gi", "Ti", "bit", "bits", "bps", "kbps", "Kbps", "Mbps", "Gbps", "Hz", "kHz", "MHz", "GHz", "px",
		"dpi", "rpm",
		"%", "°C", "°F", "V", "W", "A", "mV", "mA",
		"AM", "PM", "am", "pm", "st", "nd", "rd", "th", "Z", "x":
		return true
	}
	return false
}

// unitEnd returns the end of the unit that begins at i, a rate's second part included, or i.
func unitEnd(s string, i int) int {
	const longest = len("milliseconds")
	end := i
	for end < len(s) && end-i <= longest && (isLetter(s[end]) || s[end] == '%' || s[end] >= 0x80) {
		end++
	}
	if end == i || !isUnit(s[i:end]) || end < len(s) && isDigit(s[end]) && len(s[i:end]) > 2 {
		return i
	}
	if end+1 < len(s) && s[end] == '/' {
		if rate := lettersEnd(s, end+1); isUnit(s[end+1 : rate]) {
			return rate
		}
	}
	return end
}

// isTopDomain knows the endings of hosts that are no words of programs: not name, info, id.
func isTopDomain(s string) bool {
	switch strings.ToLower(s) {
	case "com", "net", "org", "edu", "gov", "mil", "io", "dev", "app", "cloud", "ai", "me", "co", "tv", "xyz", "eu",
		"uk", "de",
		"at", "ch", "fr", "nl", "it", "es", "pl", "se", "dk", "fi", "be", "cz", "ru", "ua", "cn", "jp", "kr", "hk", "tw",
		"sg",
		"br", "mx", "ar", "cl", "au", "nz", "ca", "us", "ie", "pt", "hu", "tr", "il", "za",
		"svc", "local", "lan", "home", "internal", "corp", "arpa", "localhost", "localdomain", "invalid", "example", "test":
		return true
	}
	return false
}

func isFileExtension(s string) bool {
	switch strings.ToLower(s) {
	case "txt", "log", "json", "jsonl", "ndjson", "yaml", "yml", "xml", "csv", "tsv", "ini", "conf", "cfg", "toml", "md",
		"html",
		"htm", "css", "js", "ts", "go", "py", "rs", "c", "h", "cpp", "java", "rb", "php", "sh", "bat", "cmd", "ps1", "sql",
		"exe",
		"dll", "so", "dylib", "sys", "msi", "cab", "reg", "bin", "jar", "wasm", "zip", "gz", "tgz", "xz", "bz2", "zst",
		"7z", "rar",
		"tar", "iso", "img", "tmp", "temp", "bak", "old", "part", "lock", "pid", "sock", "dat", "db", "sqlite", "pem",
		"crt", "cer",
		"pfx", "p12", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "rtf", "jpg", "jpeg", "png", "gif", "bmp",
		"svg", "ico", "webp", "tif", "tiff", "mp3", "mp4", "mkv", "wav", "avi", "mov", "evtx", "etl", "dmp", "lnk", "rpm",
		"deb",
		"apk", "dmg", "pkg", "vhd", "vhdx", "vmdk", "qcow2", "parquet", "avro", "orc", "service":
		return true
	}
	return false
}
