package sentryconfig

import (
	"maps"
	"reflect"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/safe"
	"github.com/autoservice/sentryconfig/internal/scrub"
)

// addedProbes are asked beside the platform's: tests add some that hang.
var addedProbes []machine.Probe

// collectorOptions say what is read of the machine: nothing without system information. With an outbox on disk each
// reading, an empty one too, is a sign of life of the running tasks.
func (c *Client) collectorOptions() machine.Options {
	p := c.policy.Load()
	opts := machine.Options{Logger: c.logger}
	if p.systemInfo {
		opts.Probes = append(machine.Probes(p.pii, c.detected), addedProbes...)
	}
	if c.outboxDir != "" {
		opts.Notice = c.noteMachine
	}
	return opts
}

// firstSnapshotWait is how long the first capture waits for the first reading of the machine.
const firstSnapshotWait = 50 * time.Millisecond

// systemContexts are one snapshot of the machine as events have it by one policy: scrubbed and encoded once, and shared
// by all events. On its way from finish to our own transport, an event that has them as they are has their mark in
// their place. They are immutable.
type systemContexts struct {
	snapshot map[string]machine.Values // what they were made of
	scrubber *scrub.Scrubber           // and by
	contexts map[string]sentry.Context
	json     []byte                    // the members of an object; nil: they could not be encoded
	mark     map[string]sentry.Context // one context, markName, which leads back to the systemContexts
}

// markName is the name of a context that each snapshot has, so that there is no other of that name beside the mark.
const markName = "system"

// systemContexts returns those of the newest snapshot and of p; nil without system information.
func (c *Client) systemContexts(p *policy) *systemContexts {
	if !p.systemInfo {
		return nil
	}
	snapshot := c.collector.Snapshot(firstSnapshotWait)
	if len(snapshot) == 0 {
		return nil
	}
	s := c.system.Load()
	if s != nil && s.scrubber == p.scrubber && sameMap(s.snapshot, snapshot) {
		return s
	}
	s = newSystemContexts(snapshot, p.scrubber)
	c.system.Store(s)
	return s
}

func newSystemContexts(snapshot map[string]machine.Values, scrubber *scrub.Scrubber) *systemContexts {
	s := &systemContexts{snapshot: snapshot, scrubber: scrubber, contexts: scrubber.Contexts(snapshot)}
	if encoded, err := safe.AppendJSON(nil, s.contexts); err == nil && s.contexts[markName] != nil {
		s.json = replaceNULs(encoded[1 : len(encoded)-1])
		s.mark = map[string]sentry.Context{markName: {"": s}}
	}
	return s
}

func sameMap[A, B ~map[string]E, E any](a A, b B) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}

// addTo merges s into e's contexts: what the host's scope set wins, key by key. private asks for copies, for a hook or
// a transport that may write to them.
func (s *systemContexts) addTo(e *sentry.Event, private bool) {
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
func (s *systemContexts) overlap(m map[string]sentry.Context) bool {
	for name := range m {
		if _, ok := s.contexts[name]; ok {
			return true
		}
	}
	return false
}

// reclaim puts s's mark in the place of the copies in e, if a hook has left all as they were.
func (s *systemContexts) reclaim(e *sentry.Event) {
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

// marks are what the scrubber passes over.
func (s *systemContexts) marks() map[string]sentry.Context {
	if s == nil {
		return nil
	}
	return s.mark
}

// systemOf returns those whose mark e has, or nil.
func systemOf(e *sentry.Event) *systemContexts {
	s, _ := e.Contexts[markName][""].(*systemContexts)
	return s
}

// spellOut puts the contexts themselves in the place of the mark in e, if there is one.
func spellOut(e *sentry.Event) {
	if s := systemOf(e); s != nil {
		e.Contexts = maps.Clone(e.Contexts)
		maps.Copy(e.Contexts, s.contexts)
	}
}

// unmark takes the mark out of e, which may be the host program's and captured again.
func unmark(e *sentry.Event) {
	if systemOf(e) != nil {
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
