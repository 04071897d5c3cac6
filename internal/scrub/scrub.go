// Package scrub removes secrets and personal data from what is about to leave the machine.
//
// Package find finds them in texts. Whole events (event.go, and a file for each of its larger parts) are cut at the
// same time to what Sentry takes.
package scrub

import (
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/scrub/find"
)

// Config says what is secret and what is personal, beside what always is.
type Config = find.Config

// Filtered stands where a secret was, Dir where the working folder or the program's was, Host where the machine's name
// was.
const (
	Filtered = find.Filtered
	Dir      = find.Dir
	Host     = find.Host
)

// A Scrubber removes secrets and, unless Config.PII was set, personal data. It is immutable and for concurrent use.
type Scrubber struct {
	*find.Finder
	cache *cache
}

// New returns a Scrubber for c, of which it keeps nothing. It costs some 50 µs.
func New(c Config) *Scrubber { return &Scrubber{find.New(c), new(cache)} }

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

const cutMark = find.CutMark

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
