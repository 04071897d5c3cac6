package find

import (
	"encoding/base64"
	"strings"
)

// What a block of PEM begins and ends with; a label and dashes follow either.
const (
	pemBegins = "-----BEGIN "
	pemEnds   = "-----END "
	pemDashes = "-----"
	pemKey    = "PRIVATE KEY" // ends the label of what is secret
)

// maxPEMLabel is how far the dashes behind a label are looked for, in bytes.
const maxPEMLabel = 80

// pemLabel returns the end of the line that names a private key, from k on; 0 if it names something else.
func (x *scanner) pemLabel(k int) int {
	limit := min(len(x.text), k+maxPEMLabel)
	stop := x.index(k, limit, pemDashes)
	cut := stop < 0
	if cut {
		if stop = limit; stop < len(x.text) {
			return 0
		}
	}
	if x.index(k, stop, pemKey) < 0 {
		return 0
	}
	if cut {
		return stop
	}
	return stop + len(pemDashes)
}

// pem handles the dash at i when a private key in PEM begins, or, where its beginning was cut off, ends there.
func (e *editor) pem(i int) int {
	t := e.text
	switch {
	case strings.HasPrefix(t[i:], pemBegins):
		body := e.pemLabel(i + len(pemBegins))
		if body == 0 {
			return 0
		}
		stop := e.index(body, len(t), pemEnds)
		if stop < 0 {
			return e.replace(i, len(t), Filtered) // cut off: what follows may be the key
		}
		if after := e.pemLabel(stop + len(pemEnds)); after > 0 {
			return e.replace(i, after, Filtered)
		}
		return e.replace(i, stop, Filtered)
	case strings.HasPrefix(t[i:], pemEnds):
		after := e.pemLabel(i + len(pemEnds))
		if after == 0 {
			return 0
		}
		start := i
		for start > e.last && (isAlnum(t[start-1]) || strings.IndexByte("+/=\r\n\\", t[start-1]) >= 0) {
			start--
		}
		e.steps += i - start
		return e.replace(start, after, Filtered)
	}
	return 0
}

// A tokenFormat is a well-known form of keys: a prefix that ends in a delimiter, and at least so many bytes of letters,
// digits, "-" and "_" (and "." where dots is set).
type tokenFormat struct {
	prefix string
	min    int
	dots   bool
	word   bool // the prefix is short: it must begin a word, and the rest hold a random part
}

var tokenFormats = [...]tokenFormat{
	// GitHub, GitLab
	{"ghp_", 16, false, false}, {"gho_", 16, false, false}, {"ghu_", 16, false, false}, {"ghs_", 16, false, false}, {"ghr_", 16, false, false}, {"github_pat_", 16, false, false},
	{"glpat-", 16, true, false}, {"gldt-", 16, true, false}, {"glrt-", 16, true, false}, {"glcbt-", 16, true, false}, {"glptt-", 16, true, false}, {"glsoat-", 16, true, false},
	{"glft-", 16, true, false}, {"glimt-", 16, true, false}, {"glagent-", 16, true, false}, {"gloas-", 16, true, false},
	// Slack, Stripe, Shopify, Square
	{"xoxa-", 10, false, false}, {"xoxb-", 10, false, false}, {"xoxp-", 10, false, false}, {"xoxr-", 10, false, false}, {"xoxs-", 10, false, false}, {"xoxe-", 10, true, false}, {"xoxe.xoxp-", 10, true, false}, {"xapp-", 10, false, false},
	{"sk_live_", 10, false, false}, {"rk_live_", 10, false, false}, {"sk_test_", 10, false, false}, {"rk_test_", 10, false, false}, {"whsec_", 16, false, false},
	{"shpat_", 24, false, false}, {"shpca_", 24, false, false}, {"shppa_", 24, false, false}, {"shpss_", 24, false, false}, {"sq0csp-", 20, false, false}, {"sq0atp-", 20, false, false},
	// Google, OpenAI, Anthropic and others
	{"ya29.", 20, true, false}, {"GOCSPX-", 16, false, false}, {"sk-", 16, false, true}, {"gsk_", 24, false, true}, {"xai-", 24, false, true}, {"pplx-", 24, false, true}, {"hf_", 24, false, true}, {"r8_", 24, false, true},
	// Registries and clouds
	{"npm_", 24, false, true}, {"pypi-", 16, false, true}, {"dckr_pat_", 16, false, false}, {"dop_v1_", 24, false, false}, {"doo_v1_", 24, false, false}, {"dor_v1_", 24, false, false},
	{"hvs.", 16, false, false}, {"hvb.", 16, false, false}, {"hvr.", 16, false, false}, {"SG.", 16, true, true}, {"AGE-SECRET-KEY-", 16, false, false}, {"HRKU-", 24, false, false},
	{"glsa_", 24, false, false}, {"glc_", 24, false, true}, {"NRAK-", 20, false, false}, {"PMAK-", 20, false, false}, {"lin_api_", 20, false, false}, {"figd_", 20, false, false}, {"nfp_", 24, false, false},
	{"sntrys_", 20, false, false}, {"sntryu_", 20, false, false}, {"pscale_tkn_", 16, false, false}, {"pscale_pw_", 16, false, false}, {"sbp_", 32, false, true},
}

// formatsByEnd has tokenFormats by the byte before their delimiter.
var formatsByEnd = func() (formats [256][]*tokenFormat) {
	for i := range tokenFormats {
		f := &tokenFormats[i]
		before := f.prefix[len(f.prefix)-2]
		formats[before] = append(formats[before], f)
	}
	return formats
}()

// prefixEnds returns the bytes that stand before delimiter in tokenFormats.
func prefixEnds(delimiter byte) (ends string) {
	for _, f := range tokenFormats {
		if n := len(f.prefix); f.prefix[n-1] == delimiter {
			ends += f.prefix[n-2 : n-1]
		}
	}
	return ends
}

// prefixed handles the delimiter at i when it ends the prefix of a well-known key format.
func (e *editor) prefixed(i int) int {
	t := e.text
	if i < 2 || i+10 >= len(t) || !isTokenByte(t[i+1]) {
		return 0
	}
	for _, format := range formatsByEnd[t[i-1]] {
		p := format.prefix
		if p[len(p)-1] != t[i] || i+1 < len(p) || t[i+1-len(p):i+1] != p {
			continue
		}
		start := i + 1 - len(p)
		if format.word && (inWord(t, start) || format.dots && i < e.notRandom) {
			continue
		}
		end := i + 1
		for end < len(t) && (isTokenByte(t[end]) || t[end] == '.' && format.dots && end+1 < len(t) && isTokenByte(t[end+1])) {
			end++
		}
		e.steps += end - i
		if end-i-1 < format.min {
			continue
		}
		if format.word {
			e.steps += end - i
			if !isRandom(t[i+1 : end]) {
				if format.dots {
					e.notRandom = end
				}
				continue
			}
		}
		return e.replace(start, end, Filtered)
	}
	return 0
}

func isTokenByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// inWord reports whether the byte at i goes on a word or a hyphenated name. What is escaped before it (%3D, \n) is no word.
func inWord(t string, i int) bool {
	if i == 0 || !isTokenByte(t[i-1]) {
		return false
	}
	if i >= 2 && t[i-2] == '\\' && strings.IndexByte("nrt", t[i-1]) >= 0 {
		return false
	}
	return i < 3 || t[i-3] != '%' || !isHex(t[i-2]) || !isHex(t[i-1])
}

// isRandom reports whether one part of t, between dashes, looks random: 16 letters and digits mixed. Words joined by
// dashes don't.
func isRandom(t string) bool {
	length, digits, letters := 0, 0, 0
	for i := range len(t) {
		switch c := t[i]; {
		case c >= '0' && c <= '9':
			digits++
		case isAlnum(c):
			letters++
		default:
			length, digits, letters = 0, 0, 0
			continue
		}
		if length++; length >= 16 && digits > 0 && letters > 0 {
			return true
		}
	}
	return false
}

// A letterFormat is a form of keys that begins with letters of its own, without a delimiter.
type letterFormat struct {
	prefix   string
	of       class // of what follows
	min, max int   // how much, in bytes
	example  string
}

var letterFormats = [...]letterFormat{
	{"AKIA", classUpper | classDigit, 16, 60, "AKIAQ3EGRIYVOXAPLW5T"}, {"ASIA", classUpper | classDigit, 16, 60, "ASIAQ3EGRIYVOXAPLW5T"},
	{"ABIA", classUpper | classDigit, 16, 60, "ABIAQ3EGRIYVOXAPLW5T"}, {"ACCA", classUpper | classDigit, 16, 60, "ACCAQ3EGRIYVOXAPLW5T"},
	{"AIza", classToken, 30, 60, "AIzaSyA1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q"},
	{"ATATT", classToken | classEqual, 29, 300, "ATATT3xFfGF0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"},
	{"ATCTT", classToken | classEqual, 29, 300, "ATCTT3xFfGN0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"},
	{"SK", classHex, 32, 32, "SK0123456789abcdef0123456789abcdef"},
	{"LTAI", classAlnum, 12, 32, "LTAIa1B2c3D4e5F6g7H8"},
	{"AKCp", classAlnum, 64, 80, "AKCpa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5"},
	{"EZAK", classAlnum, 50, 60, "EZAKa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8"},
	{"EZTK", classAlnum, 50, 60, "EZTKa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8"},
}

// find handles the format whose prefix is ed.text[i:end].
func (f *letterFormat) find(ed *secretEditor, i, end int) int {
	after := ed.span(end, min(len(ed.text), end+f.max+1), f.of)
	if n := after - end; n < f.min || n > f.max || f.of&classDash == 0 && after < len(ed.text) && isAlnum(ed.text[after]) {
		return 0
	}
	return ed.replace(i, after, Filtered)
}

// jwt handles the beginning of a JWT at start, whose first part is one of many in vain: its end is remembered.
func (e *editor) jwt(start int) int {
	t := e.text
	if start >= e.tokenEnd {
		e.tokenEnd = e.span(start, len(t), classToken)
	}
	end := e.tokenEnd
	first := end - start
	if first < 10 || end == len(t) || t[end] != '.' {
		return 0
	}
	for dots := 0; end < len(t); end++ {
		if t[end] == '.' {
			if dots++; end+1 < len(t) && t[end+1] == '.' && dots < 4 { // an empty part, as in JWE
				continue
			}
			if end+1 == len(t) || !isTokenByte(t[end+1]) || dots > 4 {
				break
			}
		} else if !isTokenByte(t[end]) {
			break
		}
	}
	e.steps += end - start - first
	if end-start-first < 4 {
		return 0
	}
	return e.replace(start, end, Filtered)
}

// gap skips what stands between the name of an authentication scheme and its value, at k; 0 if it isn't one.
func (x *scanner) gap(k int) int {
	t, start := x.text, k
	k = x.skipBlanks(k)
	if k == start && strings.HasPrefix(t[k:], "%20") {
		k += 3
	}
	if k == start || k == len(t) {
		return 0
	}
	return k
}

func (e *editor) bearer(k int) int {
	t := e.text
	if k = e.gap(k); k == 0 {
		return 0
	}
	end := e.span(k, len(t), classToken|classDot|classBase64|classTilde|classEqual)
	for end > k && t[end-1] == '.' {
		end--
	}
	word := t[k:end]
	if name, _, found := strings.Cut(word, "="); found && isProseWord(name) {
		return 0
	}
	if len(word) < 4 || isProseWord(word) {
		return 0
	}
	return e.replace(k, end, Filtered)
}

// basic takes for a secret what decodes to name:password.
func (e *editor) basic(k int) int {
	t := e.text
	if k = e.gap(k); k == 0 {
		return 0
	}
	end := e.span(k, min(len(t), k+maxLookAhead), classToken|classBase64)
	word := t[k:end]
	if len(word) < 4 {
		return 0
	}
	word = word[:len(word)/4*4]
	var buf [256]byte
	part := word[:min(len(word), 256)]
	n, err := base64.StdEncoding.Decode(buf[:], []byte(part))
	if err != nil {
		if n, err = base64.URLEncoding.Decode(buf[:], []byte(part)); err != nil {
			return 0
		}
	}
	colon := false
	for _, c := range buf[:n] {
		if c < 0x20 {
			return 0
		}
		colon = colon || c == ':'
	}
	if !colon {
		return 0
	}
	return e.replace(k, e.span(end, len(t), classEqual), Filtered)
}

// telegram handles the ":" at i of a bot's token.
func (e *editor) telegram(i int) int {
	t := e.text
	if i < 8 || i+31 > len(t) || t[i-1] < '0' || t[i-1] > '9' || t[i+1] != 'A' || t[i+2] != 'A' {
		return 0
	}
	start, end := e.spanBack(i, 0, classDigit), e.span(i+1, len(t), classToken)
	if i-start < 8 || i-start > 12 || end-i < 31 {
		return 0
	}
	return e.replace(start, end, Filtered)
}

// grouped handles the dash at i when it is the first of a Windows product key (5 groups of 5 letters and digits) or of
// a BitLocker recovery key (8 groups of 6 digits).
func (e *editor) grouped(i int) int {
	t := e.text
	for _, g := range [...]struct{ groups, size int }{{5, 5}, {8, 6}} {
		start, end := i-g.size, i-g.size+g.groups*(g.size+1)-1
		if start < 0 || end > len(t) || t[i+g.size+1] != '-' || start > 0 && (isTokenByte(t[start-1]) && inWord(t, start)) || end < len(t) && isTokenByte(t[end]) {
			continue
		}
		letters, digits, ok := 0, 0, true
		for k := start; k < end && ok; k++ {
			switch c := t[k]; {
			case (k-start)%(g.size+1) == g.size:
				ok = c == '-'
			case c >= '0' && c <= '9':
				digits++
			case c >= 'A' && c <= 'Z':
				letters++
			default:
				ok = false
			}
		}
		if ok && digits > 0 && (letters > 0) == (g.size == 5) {
			return e.replace(start, end, Filtered)
		}
	}
	return 0
}
