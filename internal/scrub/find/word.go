package find

import "strings"

// A wordRule is a pattern that begins with letters of its own.
type wordRule struct {
	text    string
	open    bool // it goes on in letters and digits, as AKIA does; otherwise it is a word
	fold    bool // in any case
	pattern wordPattern
	row     int // of letterFormats
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
	"senha wachtwoord lösenord"

// wordRules has the rules of words by their first byte, in lower case.
var wordRules = func() (rules [256][]wordRule) {
	add := func(r wordRule) { rules[lowered(r.text[0])] = append(rules[lowered(r.text[0])], r) }
	add(wordRule{text: "eyJ", open: true, pattern: wordJWT})
	add(wordRule{text: "bearer", open: true, fold: true, pattern: wordBearer})
	add(wordRule{text: "basic", open: true, fold: true, pattern: wordBasic})
	for i, f := range letterFormats {
		add(wordRule{text: f.prefix, open: true, pattern: wordFormat, row: i})
	}
	for name := range strings.FieldsSeq(saidNames) {
		add(wordRule{text: name, fold: true, pattern: wordSaid})
	}
	for first := range invocations {
		add(wordRule{text: first, fold: strings.ToLower(first) == first, pattern: wordCommand})
	}
	return rules
}()

// wordBegins has the third letters of wordRules as bits, by the first two, each in 5 bits. A word of two has all.
var wordBegins = func() (thirds [1 << 10]uint32) {
	for _, rules := range wordRules {
		for _, r := range rules {
			if text := r.text; len(text) > 2 {
				thirds[wordKey(text[0], text[1])] |= 1 << (text[2] & 31)
			} else {
				thirds[wordKey(text[0], text[1])] = ^uint32(0)
			}
		}
	}
	return thirds
}()

func wordKey(first, second byte) int { return int(first&31)<<5 | int(second&31) }

// wordSeconds returns the second bytes of the words that begin with first.
func wordSeconds(first byte) (seconds string) {
	for _, r := range wordRules[lowered(first)] {
		seconds += r.text[1:2]
		if r.fold {
			seconds += strings.ToUpper(r.text[1:2])
		}
	}
	return seconds
}

// word handles the pattern that begins with the letter at i.
func (s *Finder) word(ed *editor, i int) int {
	t := ed.text
	if i+2 >= len(t) || wordBegins[wordKey(t[i], t[i+1])]>>(t[i+2]&31)&1 == 0 || inWord(t, i) && isAlnum(t[i-1]) {
		return 0
	}
	rules := wordRules[lowered(t[i])]
	for n := range rules {
		r := &rules[n]
		end := i + len(r.text)
		if end > len(t) || t[i:end] != r.text && (!r.fold || !equalFold(t[i:end], r.text)) {
			continue
		}
		if !r.open && (inWord(t, i) ||
			end < len(t) && (isNameByte(t[end]) || t[end] == ':') && !hasPrefixFold(t[end:], ".exe")) {
			continue
		}
		next := 0
		switch r.pattern {
		case wordJWT:
			next = ed.jwt(i)
		case wordBearer:
			next = ed.bearer(end)
		case wordBasic:
			next = ed.basic(end)
		case wordFormat:
			next = letterFormats[r.row].find(ed, i, end)
		case wordSaid:
			if i == 0 || t[i-1] != '/' { // /etc/passwd
				next = ed.said(end, false)
			}
		default:
			next = s.commandLine(ed, i)
		}
		if next > 0 {
			return next
		}
	}
	return 0
}
