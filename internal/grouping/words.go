package grouping

import (
	"net/http"
	"strconv"
	"strings"
)

// Words that say what the number, host or path beside them is. Each has spaces around it.
const (
	// openWords stand before a path, even one that looks like words with a slash between them.
	openWords = " open read load stat lstat file path folder directory dir mkdir unlink chdir remove rename create "

	// hostWords stand before a host of one word with a port.
	hostWords = " dial tcp udp connect connecting connected to from at on host server broker node with via proxy " +
		"reach lookup resolve ping endpoint addr address peer "

	// technical words have digits behind them that are part of a name: IPv6, sha256, x86.
	technical = " ipv sha md x arm amd utf ucs base int uint float http win aes rsa crc tls ssl oauth ntlmv smb h " +
		"mp ext fat exfat usb python log ed rs hs es ps tcp udp "

	// domains end the names of hosts, and are no words of programs: not name, info, id.
	domains = " com net org edu gov mil io dev app cloud ai me co tv xyz eu uk de at ch fr nl it es pl se dk fi be " +
		"cz ru ua cn jp kr hk tw sg br mx ar cl au nz ca us ie pt hu tr il za svc local lan home internal corp arpa " +
		"localhost localdomain invalid example test "

	extensions = " txt log json jsonl ndjson yaml yml xml csv tsv ini conf cfg toml md html htm css js ts go py rs " +
		"c h cpp java rb php sh bat cmd ps1 sql exe dll so dylib sys msi cab reg bin jar wasm zip gz tgz xz bz2 zst " +
		"7z rar tar iso img tmp temp bak old part lock pid sock dat db sqlite pem crt cer pfx p12 pdf doc docx xls " +
		"xlsx ppt pptx odt rtf jpg jpeg png gif bmp svg ico webp tif tiff mp3 mp4 mkv wav avi mov evtx etl dmp lnk " +
		"rpm deb apk dmg pkg vhd vhdx vmdk qcow2 parquet avro orc service "
)

// isUnit reports whether s is what numbers count in, or stands behind them: time, data, the half of a day, a zone, the
// ending of an ordinal.
func isUnit(s string) bool {
	switch s {
	case "ns", "us", "µs", "μs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
		"h", "hr", "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year", "years",
		"millisecond", "milliseconds", "microseconds", "nanoseconds",
		"B", "byte", "bytes", "bit", "bits", "bps", "Hz", "K", "k", "M", "G", "T",
		"px", "dpi", "rpm", "°C", "°F", "V", "W", "A", "mV", "mA", "AM", "PM", "am", "pm", "st", "nd", "rd", "th", "Z",
		"x", "UTC", "GMT", "CET", "CEST", "EET", "EEST", "WET", "WEST", "BST", "MSK", "IST", "JST", "KST", "EST",
		"EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AEST", "AEDT":
		return true
	}
	if s != "" && strings.IndexByte("kKMGTP", s[0]) >= 0 {
		switch s[1:] {
		case "B", "iB", "i", "bit", "bits", "bps", "byte", "bytes", "Byte", "Bytes", "Hz":
			return true
		}
	}
	return isDate(s)
}

// isDate reports whether s is the name of a month or a day: a number or another of these beside it makes a date.
func isDate(s string) bool {
	switch s {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "January", "February",
		"March", "April", "June", "July", "August", "September", "October", "November", "December", "Mon", "Tue", "Wed",
		"Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday":
		return true
	}
	return false
}

// isNumberWord reports whether s[i:end] is a number in letters, but for those of a compound word: three-way. One is as
// often no number.
func isNumberWord(s string, i, end int) bool {
	switch s[i:end] {
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve":
		return (i == 0 || s[i-1] != '-') && (end == len(s) || s[end] != '-')
	case "true", "false", "null", "nil": // behind a name
		return i > 0 && (s[i-1] == '=' || s[i-1] == ':')
	case "NaN", "Inf":
		return true
	}
	return false
}

// isOneOf reports whether word is in the list, in any case.
func isOneOf(word, list string) bool {
	const longest = 16 // with spaces around it, it is a string that needs no allocation
	return len(word) <= longest && strings.Contains(list, " "+strings.ToLower(word)+" ")
}

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
	for start > 0 && isLetter(s[start-1]) {
		start--
	}
	return s[start:end]
}

// namesCode reports whether a number at i says what happened, as opposed to how often or how long, by the word before.
func namesCode(s string, i int) bool {
	word := wordBefore(s, i)
	if word == "is" {
		word = wordBefore(s, strings.LastIndex(s[:i], word))
	}
	switch strings.ToLower(word) {
	case "code", "statuscode", "errorcode", "exitcode", "returncode", "resultcode", "status", "ntstatus", "hresult",
		"http", "error", "errno", "winerror", "exit", "signal", "sqlstate", "sqlcode":
		return true
	}
	return false
}

// namesProgram reports whether what is quoted at i is a command that exists, whose program says what went wrong.
func namesProgram(s string, i int) bool {
	word := wordBefore(s, i)
	before := wordBefore(s, strings.LastIndex(s[:i], word))
	return isOneOf(word, " command ") && !isOneOf(before, " unknown invalid such ")
}

// isCode reports whether s can be the code behind such a word: an integer, hex, or capitals and digits.
func isCode(s string) bool {
	const longest = 12
	s = strings.TrimPrefix(s, "-")
	hex := strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X")
	return s != "" && len(s) <= longest && (hex && isHex(s) || isMadeOf(s, capitals+"0123456789"))
}

// says reports whether s, a token with digits at i of in, says what happened: a result code of Windows (0x8… or 0xC… of
// eight digits), a code by the word before it, a server's answer by the words or the code that follow (404 Not Found,
// 550 5.1.1).
func says(in, s string, i int) bool {
	if len(s) == len("0x80070005") && s[0] == '0' && s[1]|0x20 == 'x' &&
		(s[2] == '8' || s[2]|0x20 == 'c') && isHex(s) ||
		isCode(s) && namesCode(in, i) {
		return true
	}
	if len(s) == len("5.1.1") { // an enhanced status code behind a reply
		return s[1] == '.' && s[3] == '.' && strings.IndexByte("245", s[0]) >= 0 && i >= 4 && in[i-4] == s[0]
	}
	if len(s) != 3 || i+4 >= len(in) || in[i+3] != ' ' {
		return false
	}
	rest := in[i+4:]
	if len(rest) >= 5 && rest[0] == s[0] && rest[1] == '.' && isDigit(rest[2]) && rest[3] == '.' {
		return true
	}
	status, err := strconv.Atoi(s)
	text := http.StatusText(status)
	return err == nil && text != "" && len(rest) >= len(text) && strings.EqualFold(rest[:len(text)], text)
}

// isTechnical reports whether the digits in run, behind letters, are part of a name: IPv6, sha256, x86.
func isTechnical(run string, letters int) bool {
	digits := digitsEnd(run, letters) - letters
	return letters > 0 && digits <= 3 && (letters+digits == len(run) || digits <= 2) &&
		isOneOf(run[:letters], technical)
}

// singular returns a word behind a number as it is behind 1.
func singular(s string) string {
	stem, plural := strings.CutSuffix(s, "s")
	switch {
	case !plural || len(s) < 4 || s == "does" || strings.IndexByte("siu", stem[len(stem)-1]) >= 0:
		return s
	case strings.HasSuffix(stem, "ie"):
		return stem[:len(stem)-len("ie")] + "y"
	case strings.HasSuffix(stem, "che"), strings.HasSuffix(stem, "she"), strings.HasSuffix(stem, "xe"),
		strings.HasSuffix(stem, "sse"):
		return stem[:len(stem)-len("e")]
	}
	return stem
}

// isDatePart reports whether the word in[i:end] is a month or a day with a number or another of these behind it.
func isDatePart(in string, i, end int) bool {
	if !isDate(in[i:end]) {
		return false
	}
	next := end
	for next < len(in) && strings.IndexByte(" ,-/", in[next]) >= 0 {
		next++
	}
	return next < len(in) && (isDigit(in[next]) || next > end && isDate(in[next:lettersEnd(in, next)]))
}

// isOracle reports whether s is a code in the manner of Oracle: ORA-00942, TNS-12541.
func isOracle(s string) bool {
	dash := len(s) - len("-00942")
	return 3 <= dash && dash <= 5 && s[dash] == '-' && isMadeOf(s[:dash], capitals) && digitsEnd(s, dash+1) == len(s)
}
