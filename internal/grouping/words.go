package grouping

import (
	"strings"
	"unicode/utf8"
)

// Words that say what the number, host or path beside them is. Each has spaces around it.
const (
	// openWords stand before a path, even one that looks like words with a slash between them.
	openWords = " open read load stat lstat file path folder directory dir mkdir unlink chdir remove rename create "
	// hostWords stand before a host of one word with a port.
	hostWords = " dial tcp udp connect connecting connected to from at on host server broker node with via proxy " +
		"reach lookup resolve ping endpoint addr address peer "
	// technical words have digits behind them that are part of a name: IPv6, sha256, x86.
	technical = " ipv sha x arm amd utf ucs base int uint float http win aes rsa crc tls ssl oauth ntlmv smb h " +
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

// wordKind tells what s may be: a number in letters ('n'; one is as often none), a truth or nothing ('t'), a month or a
// day ('d'), behind a number what it counts in, the half of a day, a zone, an ordinal's ending ('u'), else a word (0).
func wordKind(s string) byte {
	switch s {
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "NaN", "Inf":
		return 'n'
	case "true", "false", "True", "False", "TRUE", "FALSE", "null", "nil", "NULL":
		return 't'
	case "ns", "us", "µs", "μs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
		"h", "hr", "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year", "years",
		"millisecond", "milliseconds", "microseconds", "nanoseconds", "B", "byte", "bytes", "bit", "bits", "bps", "Hz",
		"K", "k", "M", "G", "T", "px", "dpi", "rpm", "°C", "°F", "V", "W", "A", "mV", "mA", "mm", "cm", "km", "kg",
		"dB", "ppm", "AM", "PM", "am", "pm", "st", "nd", "rd", "th", "Z", "x", "UTC", "GMT", "CET", "CEST", "EET",
		"EEST", "WET", "WEST", "BST", "MSK", "IST", "JST", "KST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST",
		"PDT", "AEST", "AEDT":
		return 'u'
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "January", "February",
		"March", "April", "June", "July", "August", "September", "October", "November", "December", "Mon", "Tue", "Wed",
		"Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
		"Januar", "Februar", "März", "Mai", "Juni", "Juli", "Okt", "Oktober", "Dez", "Dezember", "janvier", "février",
		"mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre":
		return 'd'
	}
	if s != "" && strings.IndexByte("kKMGTP", s[0]) >= 0 && isOneOf(s[1:], " b ib i bit bits bps byte bytes hz ") {
		return 'u'
	}
	return 0
}

// isOneOf reports whether word is in the list, in any case.
func isOneOf(word, list string) bool {
	const longest = 16 // with spaces around it, it is a string that needs no allocation
	return len(word) <= longest && strings.Contains(list, " "+strings.ToLower(word)+" ")
}

// wordBefore returns the word before i, behind at most a few symbols: code in "code: 7", in `"code":7` and in "code=7".
func wordBefore(s string, i int) string {
	end := i
	for end > 0 && strings.IndexByte(" :=(#\"-'[", s[end-1]) >= 0 {
		if end--; i-end > 3 {
			return ""
		}
	}
	end = len(strings.TrimSuffix(s[:end], "："))
	start := end
	for start > 0 && (isLetter(s[start-1]) || s[start-1] >= utf8.RuneSelf) {
		start--
	}
	return s[start:end]
}

// namesCode reports whether a number at i says what happened, as opposed to how often or how long, by the word before,
// or by one further off where the number ends a clause.
func namesCode(s string, i int) bool {
	end, near := digitsEnd(s, i+1), s[max(0, i-40):i] // behind a sign
	alone := end == len(s) || strings.IndexByte(":;.!)", s[end]) >= 0
	switch strings.ToLower(wordBefore(s, i)) {
	case "code", "statuscode", "errorcode", "exitcode", "returncode", "resultcode", "status", "ntstatus", "hresult",
		"http", "errno", "winerror", "exit", "signal", "sqlstate", "sqlcode", "fehlercode", "foutcode", "código",
		"codice", "kod", "kodu", "kód", "felkod", "код", "错误代码", "错误码", "エラーコード", "코드", "exception",
		"rc", "ret", "helpmsg":
		return true
	case "error", "fehler", "systemfehler", "erreur", "système", "errore", "erro", "sistema", "fout", "błąd", "błędu",
		"fel", "fejl", "feil", "hata", "chyba", "chyby", "hiba", "virhe", "ошибка", "ошибки", "错误", "系统错误", "发生系统错误",
		"エラー", "오류":
		return strings.TrimLeft(s[i:], "-.x0123456789abcdefABCDEF") == "" ||
			!strings.Contains(s[max(0, i-2):i], ":") // else it tells of what follows, and doesn't name it
	case "returned": // fewer digits may be how many
		return alone && (end-i >= 3 || s[i] == '-')
	case "with": // failed with 1603
		return alone && strings.HasSuffix(near, "ed with ")
	case "is", "was": // the code that was returned is 5
		return strings.Contains(near, "code ") || strings.Contains(near, "check ") || strings.Contains(near, "tatus ")
	}
	return (alone || s[end] == ',') && end-i == 3 && s[i] <= '5' && (strings.Contains(near, "tatus ") ||
		strings.Contains(near, "HTTP ") || strings.HasSuffix(strings.TrimRight(near, " :("), "response"))
}

// namesProgram reports whether what is quoted at i is a command that exists, whose program says what went wrong.
func namesProgram(s string, i int) bool {
	word := wordBefore(s, i)
	return isOneOf(word, " command ") &&
		!isOneOf(wordBefore(s, strings.LastIndex(s[:i], word)), " unknown invalid such ")
}

// isCode reports whether s can be the code behind such a word: an integer, hex, or capitals and digits.
func isCode(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && len(s) <= len("0x80070005") &&
		(isMadeOf(s, capitals+"0123456789") || s[0] == '0' && s[1] > '9' && isHex(s))
}

// says reports whether s, a token with digits at i of in, says what happened: a result code of Windows (0x8… or 0xC… of
// eight digits), a code by the word before it or in it (ORA-00942, E1001, ERR-1001), a mail server's reply (550 5.1.1).
func says(in, s string, i int) bool {
	before, behind := in[:i], in[i+len(s):]
	return isCode(s) && (namesCode(in, i) || strings.HasSuffix(before, ": (") && strings.HasPrefix(behind, ")")) ||
		i >= 4 && len(s) == 5 && isEnhanced(s, in[i-4]) ||
		len(s) == 3 && isEnhanced(strings.TrimPrefix(behind, " "), s[0]) ||
		len(s) > 8 && s[len(s)-6] == '-' && isMadeOf(s[:len(s)-6], capitals) && isMadeOf(s[len(s)-5:], "0123456789") ||
		len(s) > len("E100") && s[0] == 'E' && isMadeOf(strings.TrimLeft(s, "ERO-_"), "0123456789") ||
		len(s) == 10 && s[1]|0x20 == 'x' && (s[2] == '8' || s[2]|0x20 == 'c') && isHex(s)
}

// isEnhanced reports whether s begins with an enhanced status code that belongs to a reply with the same first digit.
func isEnhanced(s string, first byte) bool {
	return len(s) >= len("5.1.1") && s[0] == first && s[1] == '.' && s[3] == '.' && isDigit(s[2])
}

// isTechnical reports whether the digits in run, behind letters, are part of a name: IPv6, sha256, x86.
func isTechnical(run string, letters int) bool {
	digits := digitsEnd(run, letters) - letters
	return digits <= 3 && (letters+digits == len(run) || digits <= 2) &&
		(isOneOf(run[:letters], technical) || isOneOf(run, " md5 s3 "))
}

// singular returns a word behind a number as it is behind 1.
func singular(s string) string {
	stem, plural := strings.CutSuffix(s, "s")
	switch {
	case !plural || len(s) < 4 || s == "does" || strings.IndexByte("siu", stem[len(stem)-1]) >= 0:
		return s
	case strings.HasSuffix(stem, "ie"):
		return stem[:len(stem)-len("ie")] + "y"
	case strings.Contains("che she sse axe exe ixe oxe", stem[len(stem)-3:]):
		return stem[:len(stem)-len("e")]
	}
	return stem
}

// followers has for each letter, from a to z, a bit for each that follows it in words: they make 96 of 100 pairs of the
// letters in Go's own documentation, and 39 of 100 that were drawn by chance.
var followers = [26]uint32{
	0x13ebd6e, 0x164911, 0x1e4d95, 0x164919, 0xfff97f, 0x1e4931, 0x1669d1, 0xa4111, 0x2aef87f, 0x0, 0x40110, 0x11c4919,
	0x14d113, 0x3c6d7d, 0x7efd6f, 0x1ec991, 0x100000, 0x13efd7d, 0x15cdd95, 0x11ec995, 0xeb97f, 0x4111, 0x26191,
	0x88110, 0x4b100, 0x10,
}

// isDrawn reports whether the letters and digits of s were drawn by chance, as those of base 64 and its kin are: they
// break too often what makes words. Breaks are a digit beside a letter, a capital behind a small letter, and a pair of
// letters that is rare in words; some stand before s. Half of the pairs are enough, if they are several.
func isDrawn(s string, breaks int) bool {
	var last byte // the character before, 0 for a separator
	digits, chars, pairs, turns, humps := 0, 0, 0, 0, 0
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) {
			if strings.IndexByte("-_+/.", c) < 0 || i == 0 && (c == '/' || c == '.') {
				return false
			}
			last = 0
			continue
		}
		chars++
		if isDigit(c) {
			digits++
		}
		if last != 0 && !(isDigit(last) && isDigit(c)) {
			pairs++
			switch {
			case isDigit(last) || isDigit(c):
				turns++
			case last >= 'a' && c < 'a':
				humps++
			case followers[last|0x20-'a']>>(c|0x20-'a')&1 == 0:
				breaks++
			}
		}
		last = c
	}
	switch breaks += turns + humps; {
	case digits == chars, 2*breaks < pairs:
		return false
	case digits == 0: // also long words of languages with other pairs, but for those with humps
		return chars >= 12 && humps > 0
	}
	return turns >= 3 || breaks >= 5
}

// isPodPart reports whether s[i:end] is a part of a name that Kubernetes has drawn: behind a dash, without vowels.
func isPodPart(s string, i, end int) bool {
	return i > 0 && s[i-1] == '-' && (end-i == 5 || end-i >= 8) &&
		isMadeOf(s[i:end], "bcdfghjklmnpqrstvwxz2456789") && !strings.HasPrefix(s[i:end], "http")
}
