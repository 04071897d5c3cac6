package envelope

import (
	"maps"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// Shared are contexts that many events have: those of one snapshot of the machine, scrubbed and encoded once. An event
// that has them as they are has their mark in their place, until Encode. They are immutable.
type Shared struct {
	contexts map[string]sentry.Context
	json     []byte                    // the members of an object; nil: they could not be encoded
	mark     map[string]sentry.Context // one context, markName, which leads back to the Shared
}

// markName is the name of a context that each snapshot has, so that there is no other of that name beside the mark.
const markName = "system"

// NewShared returns contexts, which nobody writes to any more, for events to share.
func NewShared(contexts map[string]sentry.Context) *Shared {
	s := &Shared{contexts: contexts}
	if encoded, err := safe.AppendJSON(nil, contexts); err == nil && contexts[markName] != nil {
		s.json = replaceNULs(encoded[1 : len(encoded)-1])
		s.mark = map[string]sentry.Context{markName: {"": s}}
	}
	return s
}

// JSON returns the bytes that each envelope of an event with s's mark holds.
func (s *Shared) JSON() []byte {
	if s == nil {
		return nil
	}
	return s.json
}

// AddTo merges s into e's contexts: what the host's scope set wins, key by key. private asks for copies, for a hook or
// a transport that may write to them.
func (s *Shared) AddTo(e *sentry.Event, private bool) {
	if s == nil {
		return
	}
	if e.Contexts == nil {
		e.Contexts = make(map[string]sentry.Context, len(s.contexts))
	}
	if !private && s.mark != nil && !s.overlap(e.Contexts) {
		e.Contexts[markName] = s.mark[markName]
		return
	}
	for name, ours := range s.contexts {
		theirs := e.Contexts[name]
		if len(theirs) == 0 && !private {
			e.Contexts[name] = ours
			continue
		}
		merged := cloneValues(ours)
		maps.Copy(merged, theirs)
		e.Contexts[name] = merged
	}
}

// overlap reports whether m has a context of a name of s's.
func (s *Shared) overlap(m map[string]sentry.Context) bool {
	for name := range m {
		if _, ok := s.contexts[name]; ok {
			return true
		}
	}
	return false
}

// Reclaim puts s's mark in the place of the copies in e, if a hook has left all as they were.
func (s *Shared) Reclaim(e *sentry.Event) {
	if s == nil || s.mark == nil {
		return
	}
	for name, ours := range s.contexts {
		if !sameValues(e.Contexts[name], ours) {
			return
		}
	}
	for name := range s.contexts {
		delete(e.Contexts, name)
	}
	e.Contexts[markName] = s.mark[markName]
}

// Marks returns what the scrubber passes over.
func (s *Shared) Marks() map[string]sentry.Context {
	if s == nil {
		return nil
	}
	return s.mark
}

// SharedOf returns the Shared whose mark e has, or nil.
func SharedOf(e *sentry.Event) *Shared {
	s, _ := e.Contexts[markName][""].(*Shared)
	return s
}

// spellOut puts the contexts themselves in the place of the mark in e, if there is one.
func spellOut(e *sentry.Event) {
	if s := SharedOf(e); s != nil {
		e.Contexts = maps.Clone(e.Contexts)
		maps.Copy(e.Contexts, s.contexts)
	}
}

// Unmark takes the mark out of e, which may be the host program's and captured again.
func Unmark(e *sentry.Event) {
	if SharedOf(e) != nil {
		delete(e.Contexts, markName)
	}
}

func cloneValues(m map[string]any) map[string]any {
	m = maps.Clone(m)
	for key, v := range m {
		if inner, ok := v.(map[string]any); ok {
			m[key] = cloneValues(inner)
		}
	}
	return m
}

// sameValues reports whether a and b hold the same numbers, texts and maps of these. Other values are the same as none.
func sameValues(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for key, v := range b {
		switch v := v.(type) {
		case string, bool, int, int32, int64, uint32, uint64, float64:
			if a[key] != v {
				return false
			}
		case map[string]any:
			if inner, ok := a[key].(map[string]any); !ok || !sameValues(inner, v) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
