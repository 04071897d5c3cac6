package find

import "strings"

// A wordRule is a pattern that begins with letters of its own.
type wordRule struct {
	text    string
	open    bool // it goes on in letters and digits, as AKIA does; otherwise it is a word
	fold    bool // in any case
	pattern wordPattern
	row     int // of tokenFormats
}

type wordPattern int

const (
	wordJWT wordPattern = iota
	wordBearer
	wordBasic
	wordFormat
	wordSaid
	wordCommand
)

// saidNames are words for passwords that their value may follow behind a blank or in a sentence, beside those that end
// in "w", "ss" and "key".
const saidNames = "passwort kennwort passphrase passe passwd psk psksecret wpa-psk eap xauth contraseña contrasena " +
	"senha wachtwoord lösenord пароль"

// wordRules has the rules of words by their first two letters, wordBegins their third letters as bits; a word of two
// has all. They are compared in full afterwards.
var wordRules, wordBegins = func() (rules [1 << 10][]wordRule, thirds [1 << 10]uint32) {
	add := func(r wordRule) {
		key, bits := wordKey(r.text), ^uint32(0)
		if len(r.text) > 2 {
			bits = 1 << (r.text[2] & 31)
		}
		rules[key] = append(rules[key], r)
		thirds[key] |= bits
	}
	add(wordRule{text: "eyJ", open: true, pattern: wordJWT})
	add(wordRule{text: "bearer", open: true, fold: true, pattern: wordBearer})
	add(wordRule{text: "basic", open: true, fold: true, pattern: wordBasic})
	for i, f := range tokenFormats {
		if !f.delimited() {
			add(wordRule{text: f.prefix, open: true, pattern: wordFormat, row: i})
		}
	}
	for name := range strings.FieldsSeq(saidNames) {
		add(wordRule{text: name, fold: true, pattern: wordSaid})
	}
	for first := range invocations {
		add(wordRule{text: first, fold: strings.ToLower(first) == first, pattern: wordCommand})
	}
	return rules, thirds
}()

func wordKey(word string) int { return int(word[0]&31)<<5 | int(word[1]&31) }

// wordTriggers returns a trigger for each first letter of words.
func wordTriggers() (list []trigger) {
	notInWords, seconds := "", make(map[byte]string)
	for c := range 256 {
		if !isAlnum(byte(c)) {
			notInWords += string([]byte{byte(c)})
		}
	}
	for _, rules := range wordRules {
		for _, r := range rules {
			seconds[lowered(r.text[0])] += r.text[1:2]
			if r.fold {
				seconds[lowered(r.text[0])] += strings.ToUpper(r.text)[1:2]
			}
		}
	}
	for first, second := range seconds {
		list = append(list, trigger{string([]byte{first, first &^ 0x20}), notInWords, second})
	}
	return list
}

// word handles the pattern that begins with the letter at i.
func (s *Finder) word(ed *editor, i int) int {
	t := ed.text
	if i+2 >= len(t) || wordBegins[wordKey(t[i:])]>>(t[i+2]&31)&1 == 0 || inWord(t, i) && isAlnum(t[i-1]) {
		return 0
	}
	rules := wordRules[wordKey(t[i:])]
	for n := range rules {
		r := &rules[n]
		if len(r.text) > 2 && (t[i+2]^r.text[2])&31 != 0 { // most
			continue
		}
		if end := r.end(t, i); end > 0 {
			if next := s.byRule(ed, r, i, end); next > 0 {
				return next
			}
		}
	}
	return 0
}

// end returns where the word of r ends that begins at i; 0 if it is another.
func (r *wordRule) end(t string, i int) int {
	end := i + len(r.text)
	if end > len(t) || t[i:end] != r.text && (!r.fold || !equalFold(t[i:end], r.text)) || !r.open && (inWord(t, i) ||
		end < len(t) && (isNameByte(t[end]) || t[end] == ':') && !hasPrefixFold(t[end:], ".exe")) {
		return 0
	}
	return end
}

// byRule handles the word in text[i:end].
func (s *Finder) byRule(ed *editor, r *wordRule, i, end int) int {
	t := ed.text
	switch k := ed.skipBlanks(end); {
	case r.pattern == wordJWT:
		return ed.jwt(i)
	case r.pattern == wordFormat:
		return tokenFormats[r.row].find(ed, i, end)
	case r.pattern == wordBearer && k > end:
		return ed.bearer(k)
	case r.pattern == wordBasic && k > end:
		return ed.basic(k)
	case r.pattern == wordSaid && (i == 0 || t[i-1] != '/' || r.text != "passwd"): // /etc/passwd
		return ed.said(end, false)
	case r.pattern == wordCommand && (strings.HasPrefix(t[end:], "+") || strings.HasPrefix(t[end:], "%20")):
		return s.urlPart(ed, i, unescapedQuery) // ?q=net+user+bob
	case r.pattern == wordCommand:
		return s.commandLine(ed, i)
	}
	return 0
}
