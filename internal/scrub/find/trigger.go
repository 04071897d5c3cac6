package find

import (
	"math/bits"
	"strings"
)

// A trigger is where a pattern is looked for: at one of the bytes at, behind one of after and before one of before. The
// beginning of a text counts as the end of a line, its end as a NUL.
type trigger struct {
	at     string
	after  string // "" is any byte
	before string // "" is any byte
}

// What stands before a flag, and before a word.
const (
	lower        = "abcdefghijklmnopqrstuvwxyz"
	upper        = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits       = "0123456789"
	letters      = lower + upper
	beforeFlag   = " \t\r\n\"'`[({,;=|"
	beforeSlash  = " \"'`"
	nameEnds     = "dDnNtTsSwWeEyY"   // the last bytes of what passwords, tokens and keys are called
	nameEndsHigh = "\xb3\xc4\xbe\xc5" // and of some in other languages
)

// The patterns, in the order in which they are looked for where several triggers hold.
const (
	onAssign = iota
	onPEM
	onDelimiter
	onFlag
	onSlash
	onGroups
	onAt
	onTag
	onElement
	onPercent
	onEscape
	onStar
	onPassword
	onPass
	onKey
	onSeparator
	onArrow
	onCellEnd
	onLineEnd
	onAngle
	onPipe
	onCard
	onIBAN
	onDisguise
	onWide
	onWord // and on: one for each first letter of wordRules
)

var triggers = [onWord]trigger{
	onAssign:    {at: ":="},
	onPEM:       {at: "BE", after: "- ", before: "EN"},
	onDelimiter: {at: "-_", after: delimitedEnds},
	onFlag:      {at: "-", after: beforeFlag},
	onSlash:     {at: "/", after: beforeSlash},
	onGroups:    {at: "-", after: digits + upper, before: digits + upper},
	onAt:        {at: "@"},
	onTag:       {at: "<"},
	onElement:   {at: ">", after: letters + digits + `"'/`},
	onPercent:   {at: "%", before: digits},
	onEscape:    {at: `\`, before: "nrt"},
	onStar:      {at: "*", after: " \t", before: " \t"},
	onPassword:  {at: "wW", after: "sSpPnN"},
	onPass:      {at: "sS", after: "sS", before: " \t"},
	onKey:       {at: "yY", after: "eE", before: " \t"},
	onSeparator: {at: "~|,;\t({[/", after: nameEnds + nameEndsHigh + `"'`},
	onArrow:     {at: ">", after: "-"},
	onCellEnd:   {at: " ", after: nameEnds, before: " |"},
	onLineEnd:   {at: "\r\n", after: nameEnds + `"'`},
	onAngle:     {at: "<", after: " "},
	onPipe:      {at: "|"},
	onCard:      {at: "23456", after: " \t\r\n\"':=([,;", before: digits},
	onIBAN:      {at: digits, after: upper, before: digits},
	onDisguise:  {at: "\x00\x1b"},
	onWide:      {at: "\xef\xc2", before: "\xbc\xa0"},
}

// found handles the pattern that may be at i: it returns where reading goes on, 0 if there is none. (A table of
// functions would make each editor an allocation.)
func (s *Finder) found(pattern int, ed *editor, i int) int {
	switch pattern {
	case onAssign:
		return s.assignment(ed, i)
	case onPEM:
		return ed.pem(i)
	case onDelimiter:
		return ed.prefixed(i)
	case onFlag, onSlash:
		return s.flag(ed, i)
	case onGroups:
		return ed.grouped(i)
	case onAt:
		return ed.userinfo(i)
	case onTag:
		ed.tagOpen = i + 1
	case onElement:
		return s.element(ed, i)
	case onPercent:
		if end := s.encoded(ed, i); end > 0 {
			return end
		}
		return s.word(ed, i+len("%3D"))
	case onEscape:
		ed.escaped = true
		return s.word(ed, i+len(`\n`))
	case onStar:
		return ed.papSecret(i)
	case onPassword, onPass, onKey:
		return s.passWord(ed, i)
	case onSeparator, onArrow, onAngle:
		return s.apart(ed, i)
	case onCellEnd, onLineEnd:
		name, _, _ := ed.nameBefore(ed.last, i)
		ed.headed = ed.headed || s.names.secret(name)
	case onPipe:
		return s.piped(ed, i)
	case onCard:
		return ed.card(i)
	case onIBAN:
		return ed.iban(i - 2)
	case onDisguise, onWide:
		ed.disguised = true
	default:
		return s.word(ed, i)
	}
	return 0
}

// Each of triggers has a bit in three tables, and so has each first letter of words.
var triggersAt, triggersAfter, triggersBefore = func() (at, after, before [256]uint64) {
	all := append(triggers[:], wordTriggers()...)
	if len(all) > 64 {
		panic("find: more triggers than bits")
	}
	has := func(list string, c int) uint64 {
		if list == "" || strings.IndexByte(list, byte(c)) >= 0 {
			return 1
		}
		return 0
	}
	for bit, t := range all {
		for c := range 256 {
			at[c] |= has(t.at, c) << bit
			after[c] |= has(t.after, c) << bit
			before[c] |= has(t.before, c) << bit
		}
	}
	return at, after, before
}()

// findSecrets replaces the secrets that begin in ed.text[from:to].
func (s *Finder) findSecrets(ed *editor, from, to int) {
	t := ed.text[:to]
	for i := from; i < len(t); {
		prev := byte('\n')
		if i > 0 {
			prev = t[i-1]
		}
		hits, c := uint64(0), t[i]
		for next := byte(0); hits == 0 && i < len(t); i++ {
			if next = 0; i+1 < len(t) {
				next = t[i+1]
			}
			hits = triggersAt[c] & triggersAfter[prev] & triggersBefore[next]
			prev, c = c, next
		}
		i--
		end := 0
		for ; hits != 0 && end == 0; hits &= hits - 1 {
			if hits&(1<<onWord-1) == 0 { // most: it saves a call
				end = s.word(ed, i)
				break
			}
			end = s.found(bits.TrailingZeros64(hits), ed, i)
		}
		i = max(end, i+1)
	}
}
