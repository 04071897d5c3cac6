package find

import "strings"

// A scanner reads a text. Whatever reads a stretch of unknown length from a place in the text adds what it has read to
// steps: tests compare the steps of a text with those of a longer one, to see that the cost stays linear.
type scanner struct {
	text  string
	steps int // bytes read beyond the pass over the text itself
}

// A class is a set of bytes; classes join with |.
type class uint32

const (
	classBlank class = 1 << iota // blank and tab
	classBreak                   // end of a line
	classDigit
	classUpper
	classLower
	classDash       // - and _
	classDot        // .
	classHigh       // beyond ASCII
	classQuote      // " ' `
	classBackslash  // \
	classHex        // of either case
	classBase64     // + and /
	classTilde      // ~
	classComma      // ,
	classEqual      // =
	classSemicolon  // ;
	classAngle      // < >
	classColon      // :
	classOpen       // ( [ {
	classClose      // ) ] }
	classQuery      // ? #
	classPipe       // |
	classSign       // ! # $ % * + ? ^ ~
	classSlash      // /
	classLetter     = classUpper | classLower
	classAlnum      = classDigit | classUpper | classLower
	classToken      = classAlnum | classDash
	className       = classToken | classDot | classHigh
	classWhitespace = classBlank | classBreak
	classAfterURL   = classWhitespace | classQuote | classAngle // what is in no URL
)

var classBytes = map[class]string{
	classBlank: " \t", classBreak: "\r\n", classDigit: digits, classUpper: upper, classLower: lower, classDash: "-_",
	classDot: ".", classQuote: "\"'`", classBackslash: `\`, classHex: digits + "abcdefABCDEF", classBase64: "+/",
	classTilde: "~", classComma: ",", classEqual: "=", classSemicolon: ";", classAngle: "<>", classColon: ":",
	classOpen: "([{", classClose: ")]}", classQuery: "?#", classPipe: "|", classSlash: "/", classSign: "!#$%*+?^~",
}

var classes = func() (table [256]class) {
	for c, set := range classBytes {
		for i := range len(set) {
			table[set[i]] |= c
		}
	}
	for c := 0x80; c < len(table); c++ {
		table[c] |= classHigh
	}
	return table
}()

// span returns the end of the bytes of class c that begin at k, at most at limit.
func (x *scanner) span(k, limit int, c class) int {
	end := k
	for end < limit && classes[x.text[end]]&c != 0 {
		end++
	}
	x.steps += end - k
	return end
}

// until returns where the first byte of class c is from k on, at most at limit.
func (x *scanner) until(k, limit int, c class) int {
	end := k
	for end < limit && classes[x.text[end]]&c == 0 {
		end++
	}
	x.steps += end - k
	return end
}

// spanBack returns where the bytes of class c begin that end before k, at least at limit.
func (x *scanner) spanBack(k, limit int, c class) int {
	start := k
	for start > limit && classes[x.text[start-1]]&c != 0 {
		start--
	}
	x.steps += k - start
	return start
}

// index returns where part begins in text[k:limit], -1 if it isn't there.
func (x *scanner) index(k, limit int, part string) int {
	n := strings.Index(x.text[k:limit], part)
	if n < 0 {
		x.steps += limit - k
		return -1
	}
	x.steps += n
	return k + n
}

func (x *scanner) skipBlanks(k int) int { return x.span(k, len(x.text), classBlank) }

// kinds returns the classes of the bytes in t.
func kinds(t string) (c class) {
	for i := range len(t) {
		c |= classes[t[i]]
	}
	return c
}

// only reports whether t has bytes of class c alone, and some.
func only(t string, c class) bool {
	for i := range len(t) {
		if classes[t[i]]&c == 0 {
			return false
		}
	}
	return t != ""
}

func isAlnum(b byte) bool     { return classes[b]&classAlnum != 0 }
func isDigit(b byte) bool     { return classes[b]&classDigit != 0 }
func isLetter(b byte) bool    { return classes[b]&classLetter != 0 }
func isLower(b byte) bool     { return classes[b]&classLower != 0 }
func isHex(b byte) bool       { return classes[b]&classHex != 0 }
func isTokenByte(b byte) bool { return classes[b]&classToken != 0 }
func isNameByte(b byte) bool  { return classes[b]&className != 0 }

// isAny reports whether word is one of list, in any case.
func isAny(word string, list []string) bool {
	for _, w := range list {
		if equalFold(word, w) {
			return true
		}
	}
	return false
}

func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func hasPrefixFold(t, prefix string) bool {
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}

// indexBy has the values of list by a byte of each: a look at that saves the comparisons.
func indexBy[T any](list []T, key func(T) byte) (table [256][]T) {
	for _, v := range list {
		table[key(v)] = append(table[key(v)], v)
	}
	return table
}

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
