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
	{"sntrys_", 20, false, false}, {"sntryu_", 20, false, false}, {"pscale_tkn_", 16, false, false}, {"pscale_pw_", 16, false, false}, {"sbp_", 32, false, true}, {"ATATT", 0, false, false},
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

// letteredPrefixes are what lettered knows: by the first letter, or by one inside it that is rarer.
var letteredPrefixes = [...]string{
	"AKIA", "ASIA", "ABIA", "ACCA", "AIza", "ATAT", "eyJ", "SK", "bearer", "Bearer", "basic", "Basic",
}

// lettered handles the formats that have no delimiter near their beginning, by the letter at i.
func (e *editor) lettered(i int) int {
	t := e.text
	switch t[i] {
	case 'J': // eyJ: {" in base64
		if i < 2 || t[i-1] != 'y' || t[i-2] != 'e' || i > 2 && isAlnum(t[i-3]) && inWord(t, i-2) {
			return 0
		}
		return e.jwt(i - 2)
	case 'A':
		if i+20 > len(t) || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		switch t[i : i+4] {
		case "AKIA", "ASIA", "ABIA", "ACCA":
			end := e.span(i+4, len(t), classUpper|classDigit)
			if end-i >= 20 && (end == len(t) || !isAlnum(t[end])) {
				return e.replace(i, end, Filtered)
			}
		case "AIza", "ATAT":
			end := e.span(i+4, len(t), classToken)
			if end-i >= 34 {
				return e.replace(i, end, Filtered)
			}
		}
	case 'S': // Twilio
		if i+34 > len(t) || t[i+1] != 'K' || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		end := e.span(i+2, len(t), classHex)
		if end-i == 34 && (end == len(t) || !isAlnum(t[end])) {
			return e.replace(i, end, Filtered)
		}
	case 'b', 'B':
		if i+7 >= len(t) || t[i+1]|0x20 != 'e' && t[i+1]|0x20 != 'a' || i > 0 && isAlnum(t[i-1]) && inWord(t, i) {
			return 0
		}
		switch {
		case hasPrefixFold(t[i:], "bearer"):
			return e.bearer(i + len("bearer"))
		case hasPrefixFold(t[i:], "basic"):
			return e.basic(i + len("basic"))
		}
	}
	return 0
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
