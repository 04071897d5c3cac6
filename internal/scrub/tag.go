package scrub

import (
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// identifier is Text for a release or an environment. One that is all of a name stays: a service often runs as a user
// of its own name, a machine is called staging, and events would no longer be found under it.
func (s *Scrubber) identifier(t string) string {
	name, _, _ := strings.Cut(t, "@")
	if s.OwnName(name) {
		return t
	}
	return s.short(t)
}

// release is identifier without what Relay drops a release for; environment the same.
func (s *Scrubber) release(t string) string {
	return s.cache.release.of(t, func() string {
		t := name(t, s.identifier, releaseChar, protocol.MaxTagChars)
		if t == "." || t == ".." || strings.EqualFold(t, "latest") { // which Relay takes for no name
			t += "_"
		}
		return t
	})
}

func (s *Scrubber) environment(t string) string {
	return s.cache.environment.of(t, func() string {
		t := name(t, s.identifier, releaseChar, protocol.MaxNameChars)
		if strings.EqualFold(t, "none") {
			t += "_"
		}
		return t
	})
}

// name is t of allowed characters, after clean, and once more for what the others' replacements have brought together.
func name(t string, clean func(string) string, allowed func(rune) rune, maxBytes int) string {
	if t == "" {
		return ""
	}
	for range 2 {
		t = strings.Map(allowed, clean(t))
	}
	return strings.TrimSpace(cutBytes(strings.TrimSpace(t), maxBytes))
}

func releaseChar(r rune) rune {
	if r < ' ' || r == '/' || r == '\\' || r == '\x7f' {
		return '-'
	}
	return r
}

func distChar(r rune) rune {
	if r < utf8.RuneSelf && isTagByte(byte(r)) && r != ':' {
		return r
	}
	return '_'
}

// cutBytes returns the beginning of t, without a mark, for names that may not hold one and are counted in bytes.
func cutBytes(t string, limit int) string {
	if len(t) <= limit {
		return t
	}
	return t[:runeStart(t, limit)]
}

// tags returns what an event's tags become: Relay drops those that don't follow its rules.
func (s *Scrubber) tags(tags map[string]string) (map[string]string, bool) {
	out, changed := tags, false
	for k, v := range tags {
		key, secret := s.known(k)
		if key != k && protocol.ReservedKey(k) {
			key = k
		}
		if valid := tagKey(key); valid != key { // what looked harmless may be a name and its secret now
			known, also := s.known(valid)
			key, secret = tagKey(known), secret || also
		}
		nv := Filtered
		if !secret {
			nv = s.line(v, protocol.MaxTagChars)
		}
		if nv == v && key == k && v != "" && key != "" {
			continue
		}
		if !changed {
			out, changed = maps.Clone(tags), true
		}
		if key == "" || nv == "" || v == "" {
			delete(out, k)
			continue
		}
		out[freeKey(out, k, key)] = nv
	}
	return out, changed
}

// tagKey makes key one that Relay takes; "" for none.
func tagKey(key string) string {
	valid := len(key) <= protocol.MaxTagChars
	for i := 0; valid && i < len(key); i++ {
		valid = isTagByte(key[i])
	}
	if !valid {
		b := make([]byte, 0, len(key))
		for i := 0; i < len(key) && len(b) < protocol.MaxTagChars-8; i++ { // freeKey may add to it
			if c := key[i]; isTagByte(c) {
				b = append(b, c)
			} else if len(b) > 0 && b[len(b)-1] != '_' {
				b = append(b, '_')
			}
		}
		key = strings.Trim(string(b), "_")
	}
	switch key {
	case "release", "dist", "environment", "user": // Relay keeps these for itself and drops them
		key += "_"
	}
	return key
}

func isTagByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == ':' || c == '-'
}
