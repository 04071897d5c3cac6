// Package scrub removes secrets and personal data from what is about to leave the machine.
//
// Secrets are found by the name beside a value (names.go for the names, value.go for values, assignment.go, flag.go and
// extent.go for texts) and by their form in a text (token.go, url.go), and become [Filtered]. Unless it may be sent, personal
// data becomes ~, [dir], [host] and [user] (personal.go). Whole events (event.go, and a file for each of its larger parts) are
// cut at the same time to what Sentry takes.
package scrub

import "unicode/utf8"

// Config says what is secret and what is personal, beside what always is.
type Config struct {
	SecretKeys []string // names of values to filter, in any notation
	PII        bool     // personal data may be sent: the fields below are not used
	Homes      []string // this user's home folders
	Hosts      []string // this machine's names
	Users      []string // this user's names; DOMAIN\name is split
	Dirs       []string // working folder, executable's folder
}

// A Scrubber removes secrets and, unless Config.PII was set, personal data. It is immutable and for concurrent use.
type Scrubber struct {
	names    *names
	personal *personal // nil: personal data stays
	cache    *cache
}

// New returns a Scrubber for c, of which it keeps nothing. It costs some 50 µs.
func New(c Config) *Scrubber {
	s := &Scrubber{names: newNames(c.SecretKeys), cache: new(cache)}
	if !c.PII {
		s.personal = newPersonal(c)
	}
	return s
}

// SecretName reports whether values under name are secrets. It allocates nothing.
func (s *Scrubber) SecretName(name string) bool { return s.names.secret(name) }

// Text returns t without what is secret or personal in it, t itself when there is nothing. Valid UTF-8 stays valid, and
// scrubbing twice is scrubbing once.
func (s *Scrubber) Text(t string) string {
	if len(t) < minTextBytes {
		return t
	}
	t = s.secrets(t)
	if s.personal != nil {
		t = s.personal.text(t)
	}
	return t
}

// minTextBytes is the length of the shortest text that can hold anything to remove: "~" for /root.
const minTextBytes = 4

// text is Text for a place that takes at most limit characters.
func (s *Scrubber) text(t string, limit int) string {
	// What is cut off anyway needn't be read; a secret at the new end may be no longer recognisable, hence the margin.
	if room := limit*utf8.UTFMax + textMargin; len(t) > room {
		t = t[:runeStart(t, room)]
	}
	return cutRunes(s.Text(t), limit)
}

// textMargin is longer than any secret, in bytes, but a large PEM key, which is recognised by its beginning.
const textMargin = 8 << 10

const cutMark = "…"

// cutRunes returns t when it has at most limit characters, otherwise its beginning and a mark.
func cutRunes(t string, limit int) string {
	if len(t) <= limit || utf8.RuneCountInString(t) <= limit {
		return t
	}
	n := 0
	for i := range t {
		if n == limit-1 {
			return t[:i] + cutMark
		}
		n++
	}
	return t
}

// runeStart returns the last beginning of a character at or before i.
func runeStart(t string, i int) int {
	for n := 0; n < utf8.UTFMax && i > 0 && i < len(t) && !utf8.RuneStart(t[i]); n++ {
		i--
	}
	return i
}
