package scrub

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// A cache remembers what became of short texts that come again in every event: names of values, functions and files. It
// has a pair of places for each hash, the newer text in the first, so that it can't grow, and two that meet don't push
// out each other in every event. It has no lock. The zero value is empty.
type cache struct {
	places               [cachePlaces]atomic.Pointer[cached]
	release, environment newest
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
	if t == "" {
		return "", false
	}
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
	t = strings.Clone(t) // which may be a part of a much larger text
	c := &cached{in: t, out: s.Text(t)}
	c.secret = s.SecretName(t) || c.out != t && s.SecretName(c.out)
	first.Store(c)
	second.Store(newer)
	return c.out, c.secret
}

// newest remembers what became of the newest text of a kind that hardly ever changes.
type newest struct{ atomic.Pointer[cached] }

// of returns what t becomes; make finds it out.
func (n *newest) of(t string, make func() string) string {
	c := n.Load()
	if c == nil || c.in != t {
		c = &cached{in: strings.Clone(t), out: strings.Clone(make())}
		n.Store(c)
	}
	return c.out
}
