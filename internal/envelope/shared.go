package envelope

import (
	"maps"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// Shared holds contexts that many events have: one snapshot of the machine, scrubbed and encoded once. An event with
// unchanged contexts holds a mark in their place until Encode. A Shared is immutable and safe for concurrent use.
type Shared struct {
	contexts map[string]sentry.Context
	json     []byte                    // the members of an object; nil if they couldn't be encoded
	mark     map[string]sentry.Context // a single context, markName, that leads back to the Shared
}

// markName is the name of a context that every snapshot has, so an event with the mark has no other context of that
// name.
const markName = "system"

// NewShared returns contexts for events to share. It takes ownership: nobody may write to contexts any more.
func NewShared(contexts map[string]sentry.Context) *Shared {
	s := &Shared{contexts: contexts}
	if encoded, err := safe.AppendJSON(nil, contexts); err == nil && contexts[markName] != nil {
		s.json = replaceNULs(encoded[1 : len(encoded)-1])
		s.mark = map[string]sentry.Context{markName: {"": s}}
	}
	return s
}

// JSON returns the bytes that the envelope of each event with s's mark contains. They must not be changed.
func (s *Shared) JSON() []byte {
	if s == nil {
		return nil
	}
	return s.json
}

// AddTo merges s into e's contexts. What the host program's scope has set wins, key by key. private adds copies instead
// of the mark, for a hook or a transport that may write to them.
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

// overlap reports whether m and s have a context name in common.
func (s *Shared) overlap(m map[string]sentry.Context) bool {
	for name := range m {
		if _, ok := s.contexts[name]; ok {
			return true
		}
	}
	return false
}

// Reclaim replaces the copies in e by s's mark, if a hook left all of them unchanged.
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

// Marks returns the contexts that the scrubber skips; nil for a nil s.
func (s *Shared) Marks() map[string]sentry.Context {
	if s == nil {
		return nil
	}
	return s.mark
}

// SharedOf returns the Shared whose mark e has, nil without one.
func SharedOf(e *sentry.Event) *Shared {
	s, _ := e.Contexts[markName][""].(*Shared)
	return s
}

// spellOut replaces the mark in e, if there is one, by the contexts.
func spellOut(e *sentry.Event) {
	if s := SharedOf(e); s != nil {
		e.Contexts = maps.Clone(e.Contexts)
		maps.Copy(e.Contexts, s.contexts)
	}
}

// Unmark removes the mark from e. The host program may own e and capture it again.
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

// sameValues reports whether a and b hold the same numbers, strings and maps of these. Any other value counts as
// different.
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
