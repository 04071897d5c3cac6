package find

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	pemKey      = "PRIVATE KEY" // is in the label of what is secret
	pemDashes   = "----"        // are around a label, at least
	maxPEMLabel = 80            // how far the dashes behind a label are looked for, in bytes
)

// pem handles the word BEGIN or END at i of the lines around a private key, PEM's or SSH2's. Where the beginning was
// cut off, what is before the end may be the key.
func (e *editor) pem(i int) int {
	t := e.text
	begins, body := strings.HasPrefix(t[i:], "BEGIN "), e.labelEnd(i)
	dashes := len(strings.TrimSuffix(t[:i], " "))
	from := e.spanBack(dashes, 0, classDash)
	if body == 0 || dashes-from < len(pemDashes) || !begins && !strings.HasPrefix(t[i:], "END ") {
		return 0
	}
	if !begins {
		from = e.spanBack(from, e.last, classAlnum|classBase64|classEqual|classBreak|classBackslash)
		return e.replace(from, body, Filtered)
	}
	if end := e.index(body, len(t), "END "); end >= 0 {
		return e.replace(from, max(end, e.labelEnd(end)), Filtered)
	}
	return e.replace(from, len(t), Filtered) // cut off: what follows may be the key
}

// labelEnd returns where the line ends that names a private key, from k on; 0 if it names something else.
func (x *scanner) labelEnd(k int) int {
	limit := min(len(x.text), k+maxPEMLabel)
	dashes := x.index(k, limit, pemDashes)
	if dashes < 0 {
		dashes = limit // cut off
	}
	if x.index(k, dashes, pemKey) < 0 {
		return 0
	}
	return x.span(dashes, len(x.text), classDash)
}

// puttyLines handles what follows "Private-Lines:", from k on, in a key of PuTTY's: a number of lines, and those.
func (e *editor) puttyLines(k int) int {
	t := e.text
	from := e.span(e.skipBlanks(k), len(t), classDigit)
	end := e.span(from, len(t), classAlnum|classBase64|classEqual|classBreak)
	if end-from < minPuttyBytes {
		return 0
	}
	if strings.HasSuffix(t[from:end], "\nPrivate") { // -MAC
		end -= len("\nPrivate")
	}
	return e.replace(from, end, "\n"+Filtered)
}

const minPuttyBytes = 32

// A tokenFormat is a well-known form of keys: a prefix, and at least min bytes of the class of.
type tokenFormat struct {
	prefix   string
	of       class // 0: letters, digits, "-" and "_"
	min, max int   // bytes; a max of 0 is any
	random   bool  // the prefix is short: it must begin a word, and the rest hold a random part
	example  string
}

const (
	dotted = classToken | classDot
	// crypted is what the hash of a password consists of, as crypt(3) writes it.
	crypted = dotted | classSign | classBase64 | classEqual | classComma
)

// tokenFormats are those of forges, chats, payment and shops; of models; of registries, clouds and tools, as gitleaks
// knows them.
var tokenFormats = [...]tokenFormat{
	{prefix: "ghp_", min: 16}, {prefix: "gho_", min: 16}, {prefix: "ghu_", min: 16}, {prefix: "ghs_", min: 16},
	{prefix: "ghr_", min: 16}, {prefix: "github_pat_", min: 16},
	{prefix: "glpat-", min: 16, of: dotted}, {prefix: "glptt-", min: 16}, {prefix: "gldt-", min: 16, of: dotted},
	{prefix: "glrt-", min: 16, of: dotted}, {prefix: "glcbt-", min: 16, of: dotted},
	{prefix: "glsoat-", min: 16, of: dotted}, {prefix: "glft-", min: 16, of: dotted},
	{prefix: "glimt-", min: 16, of: dotted}, {prefix: "glagent-", min: 16, of: dotted},
	{prefix: "gloas-", min: 16, of: dotted}, {prefix: "glffct-", min: 16, of: dotted},
	{prefix: "xoxa-", min: 10}, {prefix: "xoxb-", min: 10}, {prefix: "xoxp-", min: 10},
	{prefix: "xoxr-", min: 10}, {prefix: "xoxs-", min: 10}, {prefix: "xoxe-", min: 10, of: dotted},
	{prefix: "xoxe.xoxp-", min: 10, of: dotted}, {prefix: "xoxe.xoxb-", min: 10, of: dotted},
	{prefix: "xapp-", min: 10},
	{prefix: "sk_live_", min: 10}, {prefix: "rk_live_", min: 10}, {prefix: "sk_test_", min: 10},
	{prefix: "rk_test_", min: 10}, {prefix: "sk_prod_", min: 10}, {prefix: "rk_prod_", min: 10},
	{prefix: "whsec_", min: 16},
	{prefix: "shpat_", min: 24}, {prefix: "shpca_", min: 24}, {prefix: "shppa_", min: 24},
	{prefix: "shpss_", min: 24}, {prefix: "sq0csp-", min: 20}, {prefix: "sq0atp-", min: 20},
	{prefix: "shippo_live_", min: 24}, {prefix: "shippo_test_", min: 24},
	{prefix: "ya29.", min: 20, of: dotted}, {prefix: "GOCSPX-", min: 16}, {prefix: "sk-", min: 16, random: true},
	{prefix: "gsk_", min: 24, random: true}, {prefix: "xai-", min: 24, random: true},
	{prefix: "pplx-", min: 24, random: true}, {prefix: "hf_", min: 24, random: true},
	{prefix: "r8_", min: 24, random: true}, {prefix: "api_org_", min: 24, random: true},
	{prefix: "lsv2_pt_", min: 20}, {prefix: "lsv2_sk_", min: 20},
	{prefix: "npm_", min: 24, random: true}, {prefix: "pypi-", min: 16, random: true},
	{prefix: "dckr_pat_", min: 16}, {prefix: "dckr_oat_", min: 16}, {prefix: "dop_v1_", min: 24},
	{prefix: "doo_v1_", min: 24}, {prefix: "dor_v1_", min: 24}, {prefix: "rubygems_", min: 24, random: true},
	{prefix: "CLOJARS_", min: 24},
	{prefix: "hvs.", min: 16}, {prefix: "hvb.", min: 16}, {prefix: "hvr.", min: 16},
	{prefix: "SG.", min: 16, of: dotted, random: true}, {prefix: "AGE-SECRET-KEY-", min: 16},
	{prefix: "HRKU-", min: 24},
	{prefix: "glsa_", min: 24}, {prefix: "glc_", min: 24, random: true}, {prefix: "NRAK-", min: 20},
	{prefix: "NRJS-", min: 16}, {prefix: "NRII-", min: 20}, {prefix: "NRIQ-", min: 20},
	{prefix: "PMAK-", min: 20}, {prefix: "lin_api_", min: 20}, {prefix: "lin_oauth_", min: 20},
	{prefix: "figd_", min: 20}, {prefix: "nfp_", min: 24},
	{prefix: "sntrys_", min: 20}, {prefix: "sntryu_", min: 20}, {prefix: "pscale_tkn_", min: 16},
	{prefix: "pscale_pw_", min: 16}, {prefix: "pscale_oauth_", min: 16}, {prefix: "sbp_", min: 32, random: true},
	{prefix: "sb_secret_", min: 16}, {prefix: "dp.pt.", min: 24}, {prefix: "dp.st.", min: 24},
	{prefix: "dp.ct.", min: 24}, {prefix: "dp.sa.", min: 24},
	{prefix: "p8e-", min: 24, random: true}, {prefix: "CFPAT-", min: 24}, {prefix: "duffel_test_", min: 24},
	{prefix: "duffel_live_", min: 24}, {prefix: "dt0c01.", min: 24, of: dotted},
	{prefix: "FLWSECK_TEST-", min: 16}, {prefix: "FLWPUBK_TEST-", min: 16}, {prefix: "FLWSECK-", min: 16},
	{prefix: "fo1_", min: 32, random: true}, {prefix: "fm1a_", min: 32}, {prefix: "fm1r_", min: 32},
	{prefix: "fm2_", min: 32, random: true}, {prefix: "fio-u-", min: 32}, {prefix: "ico-", min: 24, random: true},
	{prefix: "ntn_", min: 32, random: true}, {prefix: "pul-", min: 32, random: true},
	{prefix: "rdme_", min: 32, random: true}, {prefix: "xkeysib-", min: 32}, {prefix: "xsmtpsib-", min: 32},
	{prefix: "sm_aat_", min: 16}, {prefix: "sm_pat_", min: 16}, {prefix: "sm_sat_", min: 16},
	{prefix: "sgp_", min: 32, random: true}, {prefix: "slk_", min: 32, random: true},
	{prefix: "tskey-", min: 16, random: true}, {prefix: "tfp_", min: 32, random: true},
	{prefix: "ccipat_", min: 24}, {prefix: "CCIPRJ_", min: 24}, {prefix: "bkua_", min: 24, random: true},
	{prefix: "vcp_", min: 24, random: true}, {prefix: "ddp_", min: 24, random: true},
	{prefix: "sqp_", min: 32, random: true}, {prefix: "squ_", min: 32, random: true},
	{prefix: "sqa_", min: 32, random: true}, {prefix: "snyk_uat.", min: 24, of: dotted},
	{prefix: "re_", min: 24, random: true}, {prefix: "s-s4t2ud-", min: 32}, {prefix: "s-s4t2af-", min: 32},
	{prefix: "API-", min: 25, random: true}, {prefix: "key-", min: 32, random: true},
	{prefix: "pnu_", min: 32, random: true}, {prefix: "tk-us-", min: 32},
	{prefix: "v1.0-", min: 100, random: true}, {prefix: "sl.", min: 64, random: true},
	{prefix: "pat.", min: 24, of: dotted, random: true}, {prefix: "sat.", min: 24, of: dotted, random: true},
	{prefix: "AKIA", of: classUpper | classDigit, min: 16, max: 60, example: "AKIAQ3EGRIYVOXAPLW5T"},
	{prefix: "ASIA", of: classUpper | classDigit, min: 16, max: 60, example: "ASIAQ3EGRIYVOXAPLW5T"},
	{prefix: "ABIA", of: classUpper | classDigit, min: 16, max: 60, example: "ABIAQ3EGRIYVOXAPLW5T"},
	{prefix: "ACCA", of: classUpper | classDigit, min: 16, max: 60, example: "ACCAQ3EGRIYVOXAPLW5T"},
	{prefix: "AIza", of: classToken, min: 30, max: 60, example: "AIzaSyA1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q"},
	{prefix: "ATATT", of: crypted, min: 29, example: "ATATT3xFfGF0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"},
	{prefix: "ATCTT", of: crypted, min: 29, example: "ATCTT3xFfGN0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"},
	{prefix: "SK", of: classHex, min: 32, max: 32, example: "SK0123456789abcdef0123456789abcdef"},
	{prefix: "LTAI", of: classAlnum, min: 12, max: 32, example: "LTAIa1B2c3D4e5F6g7H8"},
	{prefix: "AKCp", of: classAlnum, min: 64, max: 80,
		example: "AKCpa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5"},
	{prefix: "51:b:", of: crypted, min: 6, example: "51:b:01000000D08C9DDF0115D1118C7A00C0"},
	{prefix: "EZAK", of: classAlnum, min: 50, max: 60,
		example: "EZAKa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8"},
	{prefix: "EZTK", of: classAlnum, min: 50, max: 60,
		example: "EZTKa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8a1B2c3D4e5F6g7H8"},
	{prefix: "$1$", of: crypted, min: 22, example: "$1$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$5$", of: crypted, min: 22, example: "$5$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$6$", of: crypted, min: 22, example: "$6$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$7$", of: crypted, min: 22, example: "$7$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$y$", of: crypted, min: 22, example: "$y$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$gy$", of: crypted, min: 22, example: "$gy$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$2a$", of: crypted, min: 22, example: "$2a$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$2b$", of: crypted, min: 22, example: "$2b$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$2y$", of: crypted, min: 22, example: "$2y$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$apr1$", of: crypted, min: 22, example: "$apr1$" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "$argon2", of: crypted, min: 22, example: "$argon2" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
	{prefix: "{SSHA}", of: crypted, min: 22, example: "{SSHA}" + "rounds=5000$saltsalt$a1B2c3D4e5F6g7H8i9J0."},
}

// delimited reports whether the prefix of f ends in "-" or "_", which are rare: it is looked for there.
func (f *tokenFormat) delimited() bool { return classes[f.prefix[len(f.prefix)-1]]&classDash != 0 }

// delimitedFormats has those by the byte before the delimiter.
var delimitedFormats, delimitedEnds = func() (formats [256][]*tokenFormat, ends string) {
	for i := range tokenFormats {
		if f := &tokenFormats[i]; f.delimited() {
			end := f.prefix[len(f.prefix)-2]
			formats[end] = append(formats[end], f)
			ends += string([]byte{end})
		}
	}
	return formats, ends
}()

// prefixed handles the delimiter at i when it ends the prefix of a format.
func (e *editor) prefixed(i int) int {
	for _, f := range delimitedFormats[e.text[i-1]] {
		start := i + 1 - len(f.prefix)
		if start >= 0 && e.text[start:i+1] == f.prefix {
			if next := f.find(e, start, i+1); next > 0 {
				return next
			}
		}
	}
	return 0
}

// find handles the format whose prefix is ed.text[i:end].
func (f *tokenFormat) find(ed *editor, i, end int) int {
	t, of := ed.text, f.of
	if of == 0 {
		of = classToken
	}
	if f.random && (inWord(t, i) || !isRandom(t[end:ed.span(end, min(len(t), end+maxLookBack), of)])) {
		return 0
	}
	limit := len(t)
	if f.max > 0 {
		limit = min(limit, end+f.max+1)
	}
	after := ed.span(end, limit, of)
	for after > end && t[after-1] == '.' { // the sentence's
		after--
	}
	if after < end+f.min || f.max > 0 && after > end+f.max ||
		of&classDash == 0 && after < len(t) && isAlnum(t[after]) {
		return 0
	}
	return ed.replace(i, after, Filtered)
}

// inWord reports whether the byte at i goes on a word or a hyphenated name. What is escaped before it (%3D, \n) is no
// word.
func inWord(t string, i int) bool {
	return i > 0 && isTokenByte(t[i-1]) && !escapedBefore(t, i)
}

// isRandom reports whether one part of t, between dashes, looks random: 16 letters and digits mixed, or 24 letters of
// both cases. Words joined by dashes don't.
func isRandom(t string) bool {
	for part := range strings.FieldsFuncSeq(t, func(r rune) bool { return r >= utf8.RuneSelf || !isAlnum(byte(r)) }) {
		kind := kinds(part) & classAlnum
		if len(part) >= 16 && kind&classDigit != 0 && kind != classDigit ||
			len(part) >= 24 && kind == classUpper|classLower {
			return true
		}
	}
	return false
}

// jwt handles the beginning of a JWT at start, whose first part is one of many in vain: its end is remembered.
func (e *editor) jwt(start int) int {
	t := e.text
	if start >= e.tokenEnd {
		e.tokenEnd = e.span(start, len(t), classToken)
	}
	first := e.tokenEnd
	if first-start < 10 || first == len(t) || t[first] != '.' {
		return 0
	}
	end := e.span(first, len(t), dotted) // a part may be empty, as in JWE
	end = first + len(strings.TrimRight(t[first:end], "."))
	if end-first < minPayload {
		return 0
	}
	return e.replace(start, end, Filtered)
}

const minPayload = 8 // bytes; a file's name has fewer behind its dot

// bearer handles what follows the word "bearer", at k.
func (e *editor) bearer(k int) int {
	t := e.text
	end := e.span(k, len(t), classToken|classDot|classBase64|classTilde|classEqual)
	word := strings.TrimRight(t[k:end], ".")
	name, _, found := strings.Cut(word, "=")
	if len(word) < 4 || isProseWord(word) || found && isProseWord(name) {
		return 0
	}
	return e.replace(k, k+len(word), Filtered)
}

// basic takes for a secret what decodes to name:password.
func (e *editor) basic(k int) int {
	end := e.span(k, min(len(e.text), k+maxLookAhead), classToken|classBase64)
	var login [256]byte
	n, err := base64.StdEncoding.Decode(login[:], []byte(e.text[k:k+min(end-k, len(login))/4*4]))
	if err != nil || !slices.Contains(login[:n], ':') || slices.Min(login[:n]) < ' ' {
		return 0
	}
	return e.replace(k, e.span(end, len(e.text), classEqual), Filtered)
}

// telegram handles the ":" at i of a bot's token.
func (e *editor) telegram(i int) int {
	t := e.text
	if i < 8 || i+31 > len(t) {
		return 0
	}
	start, end := e.spanBack(i, 0, classDigit), e.span(i+1, len(t), classToken)
	if i-start < 8 || i-start > 12 || end-i < 31 {
		return 0
	}
	return e.replace(start, end, Filtered)
}

// keyShapes are a Windows product key and a BitLocker recovery key: A is a capital or a digit, 9 a digit.
var keyShapes = [...]string{
	"AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", "999999-999999-999999-999999-999999-999999-999999-999999",
}

// grouped handles the dash at i when it is the first of keyShapes.
func (e *editor) grouped(i int) int {
	t := e.text
	for _, shape := range keyShapes {
		start := i - strings.IndexByte(shape, '-')
		end := start + len(shape)
		if start < 0 || !hasShape(t[start:], shape) || inWord(t, start) || end < len(t) && isTokenByte(t[end]) {
			continue
		}
		if kind := kinds(t[start:end]); kind&classDigit != 0 && (kind&classUpper != 0) == (shape[0] == 'A') {
			return e.replace(start, end, Filtered)
		}
	}
	return 0
}

// hasShape reports whether t begins with what shape describes: A is a capital or a digit, 9 a digit, F a hex digit, and
// others are themselves.
func hasShape(t, shape string) bool {
	for i := range len(shape) {
		if i == len(t) || t[i] != shape[i] && classes[t[i]]&shapeClasses[shape[i]] == 0 {
			return false
		}
	}
	return true
}

var shapeClasses = [256]class{'A': classUpper | classDigit, '9': classDigit, 'F': classHex}
