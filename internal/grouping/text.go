package grouping

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTextClass is the length of a class that is a text, in characters.
const maxTextClass = 100

// MaxMessage is how much of a message is looked at, in bytes. Placeholders are shorter than what they stand for, so a
// class may need more of a message than its own length; what a command printed into it costs no more than this.
const MaxMessage = 4 << 10

// What Normalize puts in place of what differs between two events of one problem.
const (
	holderNumber = "<n>"      // also versions, times, durations and sizes
	holderHex    = "<hex>"    // from 7 digits on, or after 0x
	holderID     = "<id>"     // digits and letters in turn
	holderUUID   = "<uuid>"   //
	holderPath   = "<path>"   // of a file, with line and column
	holderAddr   = "<addr>"   // IP, MAC and e-mail addresses, host names, with port
	holderURL    = "<url>"    //
	holderQuoted = "<quoted>" // with its quotation marks
)

// Normalize makes the messages of one problem one text: numbers, paths, addresses, identifiers and quoted text become
// placeholders, white space becomes single spaces, and from the same placeholders in a row one is left. Words stay. The
// result has at most maxTextClass characters, is valid UTF-8 and has no line break. The cost is a few nanoseconds a byte.
func Normalize(message string) string {
	n := normalizer{in: message}
	if len(message) > MaxMessage {
		n.in, n.cut = message[:MaxMessage], true
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(n.in[len(n.in)-min(len(n.in), utf8.UTFMax):]); i++ {
			n.in = n.in[:len(n.in)-1]
		}
	}
	var room [3 * maxTextClass]byte
	n.out = room[:0]
	n.run()
	return n.result()
}

type normalizer struct {
	in  string
	cut bool // in is not the whole message

	out  []byte
	len  int  // characters in out
	fits int  // bytes of out that leave room for an ellipsis
	gap  bool // white space that goes before what comes next

	last    string // the last placeholder
	lastEnd int    // where it ends in out, in bytes,
	lastLen int    // and in characters
}

func (n *normalizer) full() bool { return n.len > maxTextClass }

func (n *normalizer) result() string {
	if n.full() {
		return strings.TrimRight(string(n.out[:n.fits]), " ") + "…"
	}
	return string(n.out)
}

// put appends s, of chars characters, as a whole: it is in the result with all its characters or not at all.
func (n *normalizer) put(s string, chars int) {
	n.space()
	n.out = append(n.out, s...)
	n.len += chars
	if n.len < maxTextClass {
		n.fits = len(n.out)
	}
}

func (n *normalizer) space() {
	if n.gap {
		n.gap = false
		if n.len > 0 {
			n.out = append(n.out, ' ')
			n.len++
		}
	}
}

// ascii appends s, which is printable ASCII without spaces.
func (n *normalizer) ascii(s string) {
	n.space()
	s = s[:min(len(s), max(0, maxTextClass+1-n.len))]
	if n.len < maxTextClass {
		n.fits = len(n.out) + min(len(s), maxTextClass-1-n.len)
	}
	n.out = append(n.out, s...)
	n.len += len(s)
}

func (n *normalizer) char(r rune, s string) {
	switch {
	case r == utf8.RuneError && len(s) == 1:
		n.put("�", 1)
	case unicode.IsSpace(r) || unicode.IsControl(r):
		n.gap = true
	default:
		n.put(s, 1)
	}
}

// literal appends s as it is.
func (n *normalizer) literal(s string) {
	plain := 0
	for plain < len(s) && '!' <= s[plain] && s[plain] <= '~' {
		plain++
	}
	if plain > 0 {
		n.ascii(s[:plain])
		s = s[plain:]
	}
	for i := 0; i < len(s) && !n.full(); {
		r, size := utf8.DecodeRuneInString(s[i:])
		n.char(r, s[i:i+size])
		i += size
	}
}

// hold appends a placeholder, unless it would repeat the one before it in a list.
func (n *normalizer) hold(holder string) {
	if n.last == holder {
		if between := string(n.out[n.lastEnd:]); between == "" || between == "," {
			n.out, n.len, n.gap = n.out[:n.lastEnd], n.lastLen, false
			n.fits = min(n.fits, len(n.out))
			return
		}
	}
	n.put(holder, len(holder))
	n.last, n.lastEnd, n.lastLen = holder, len(n.out), n.len
}

func (n *normalizer) run() {
	for i := 0; i < len(n.in) && !n.full(); {
		if end := lettersEnd(n.in, i); end > i && (end == len(n.in) || n.in[end] == ' ') { // most words, at once
			if isHex(n.in[i:end]) {
				n.hold(holderHex)
			} else {
				n.ascii(n.in[i:end])
			}
			i = end
		} else if end := quotedEnd(n.in, i, n.cut); end > i {
			n.hold(holderQuoted)
			i = end
		} else if end := bracketAddressEnd(n.in, i); end > i {
			n.hold(holderAddr)
			i = end
		} else if end := windowsPathEnd(n.in, i); end > i {
			n.hold(holderPath)
			i = end
		} else if end := urlEnd(n.in, i); end > i {
			n.hold(holderURL)
			i = end
		} else if end := tokenEnd(n.in, i); end > i {
			n.token(n.in[i:end])
			i = end
		} else {
			r, size := utf8.DecodeRuneInString(n.in[i:])
			n.char(r, n.in[i:i+size])
			i += size
		}
	}
}

// token takes what stands between spaces, brackets, commas and the like.
func (n *normalizer) token(s string) {
	core := strings.TrimRight(s, ".:!?")
	n.core(core)
	n.literal(s[len(core):])
}

func (n *normalizer) core(s string) {
	if s == "" || n.full() {
		return
	}
	if i := strings.Index(s, ":/"); i > 1 { // not C:/
		n.core(s[:i])
		n.literal(":")
		n.core(s[i+1:])
		return
	}
	switch {
	case isIPAddress(s) || isHardwareAddress(s):
		n.hold(holderAddr)
	case len(s) == uuidLength && isUUID(s): // one of zeros is no number
		n.hold(holderUUID)
	case isNumber(s):
		n.hold(holderNumber)
	case isHost(s):
		n.hold(holderAddr)
	case strings.IndexByte(s[1:], '@') >= 0 && s[len(s)-1] != '@':
		n.hold(holderAddr)
	case isPath(s):
		n.hold(holderPath)
	default:
		n.word(s)
	}
}

// word keeps words and replaces the identifiers and numbers among them.
func (n *normalizer) word(s string) {
	for i := 0; i < len(s) && !n.full(); {
		if !isAlnum(s[i]) {
			end := i + 1
			for end < len(s) && !isAlnum(s[end]) {
				end++
			}
			n.symbols(s[i:end])
			i = end
			continue
		}
		if end := i + uuidLength; end <= len(s) && isUUID(s[i:end]) && (end == len(s) || !isAlnum(s[end])) {
			n.hold(holderUUID)
			i = end
			continue
		}
		end := i
		for end < len(s) && isAlnum(s[end]) {
			end++
		}
		run := s[i:end]
		switch {
		case isHex(run):
			n.hold(holderHex)
			i = end
		case isMixed(run):
			n.hold(holderID)
			i = end
		default:
			for i < end {
				if isDigit(s[i]) {
					i = max(i+1, numberEnd(s, i))
					n.hold(holderNumber)
					continue
				}
				letters := i
				for i < end && !isDigit(s[i]) {
					i++
				}
				n.literal(s[letters:i])
			}
		}
	}
}

// symbols takes what is no ASCII letter or digit; other scripts have digits, too.
func (n *normalizer) symbols(s string) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && unicode.IsDigit(r) {
			n.hold(holderNumber)
		} else {
			n.char(r, s[i:i+size])
		}
		i += size
	}
}
