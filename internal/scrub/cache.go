package scrub

import (
	"hash/maphash"
	"sync/atomic"
)

// A cache remembers what became of short texts that come again in every event: names of values, functions and files. It
// has a pair of places for each hash, the newer text in the first, so that it can't grow, and two that meet don't push
// out each other in every event. It has no lock. The zero value is empty.
type cache struct {
	places [cachePlaces]atomic.Pointer[cached]
}

const (
	cachePlaces    = 1024 // about what a program's stacks and contexts hold; a power of two
	maxCachedBytes = 256  // of one text: 1024 of them are 256 KiB at most
)

var cacheSeed = maphash.MakeSeed()

type cached struct {
	in, out string
	secret  bool // in is the name of a secret
}

// known is what Text says of t, and SecretName of t or of what becomes of it.
func (s *Scrubber) known(t string) (text string, secret bool) {
	if len(t) > maxCachedBytes {
		text = s.Text(t)
		return text, s.SecretName(text)
	}
	at := maphash.String(cacheSeed, t) % (cachePlaces / 2) * 2
	first, second := &s.cache.places[at], &s.cache.places[at+1]
	newer := first.Load()
	if newer != nil && newer.in == t {
		return newer.out, newer.secret
	}
	if c := second.Load(); c != nil && c.in == t {
		return c.out, c.secret
	}
	c := &cached{in: t, out: s.Text(t)}
	c.secret = s.SecretName(t) || c.out != t && s.SecretName(c.out)
	first.Store(c)
	second.Store(newer)
	return c.out, c.secret
}
