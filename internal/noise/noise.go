// Package noise limits the events per fingerprint and minute, and holds back the rest. It keeps the newest held-back
// event of each fingerprint, to send it with their number if no other event of the fingerprint passes soon.
package noise

import (
	"hash/maphash"
	"maps"
	"math"
	"math/bits"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
)

const (
	// sets and ways are the dimensions of the fingerprint table: 4,096 entries, in 128 KiB. A fingerprint belongs to
	// one set. There it replaces the entry with the fewest events, so that a frequent one stays, however many others
	// there are.
	sets = 512
	ways = 8

	// maxKept limits how many held-back events are kept. An event takes some 20 kB. For further fingerprints only the
	// number is kept, for the next event that passes.
	maxKept = 256
)

// A Limiter counts events by fingerprint. Its methods are safe for concurrent use. All times are those of one
// [clock.Clock].
type Limiter struct {
	total atomic.Uint64 // events held back since New
	seed  maphash.Seed

	mu   sync.Mutex
	sets *[sets][ways]entry // nil until the first Count
	kept int                // events kept, at most maxKept
	due  time.Duration      // when Due has events to send; clock.Never while none is kept
}

// New makes a Limiter. The first Count allocates its table.
func New() *Limiter { return &Limiter{seed: maphash.MakeSeed(), due: clock.Never} }

// A Kept event was held back, and is sent after all because no later event can report the number. It is scrubbed and
// complete, and its tag held_back has the number.
type Kept struct {
	Event    *sentry.Event
	Personal bool // it contains personal data
}

// A Decision is the outcome of Count.
type Decision struct {
	Held      bool  // the event is held back
	Sooner    bool  // the next events are due sooner than Due has said
	Unsent    int   // held-back events that will never be sent, for the client reports
	PushedOut *Kept // an earlier event to send now, because its table entry was replaced; nil for none
}

// Count counts e and decides whether it passes: limit events of a fingerprint pass per minute, the others are held
// back. e must be scrubbed. If e passes after others were held back, Count sets its tag held_back to their number. It
// replaces e.Tags and keeps a copy of a held-back e, so the caller goes on owning e.
func (l *Limiter) Count(e *sentry.Event, limit int, personal bool, now time.Duration) (d Decision) {
	key, held := l.key(e), 0
	l.mu.Lock()
	f, pushedOut := l.find(key, now)
	d.PushedOut, d.Held = pushedOut, int(f.passed) >= limit
	if d.Held {
		l.total.Add(1)
		d.Unsent, d.Sooner = l.hold(f, e, personal)
	} else {
		f.passed++
		held = int(f.held)
		d.Unsent = l.forget(f)
	}
	l.mu.Unlock()
	if held > 0 {
		setHeldBack(e, held)
	}
	return d
}

// Due removes and returns the kept events that are due, and returns when the next ones are.
func (l *Limiter) Due(now time.Duration) (kept []*Kept, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now >= l.due {
		kept = l.takeDue(now)
	}
	return kept, l.due
}

// All removes and returns all kept events.
func (l *Limiter) All() []*Kept {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeDue(clock.Never)
}

// Total returns the number of events held back since New.
func (l *Limiter) Total() uint64 { return l.total.Load() }

// An entry holds the counts of one fingerprint. Key 0 marks a free one.
type entry struct {
	key    uint64
	newest *Kept // the newest held-back event; nil if it isn't kept
	minute int32 // minute of the Clock that passed belongs to, and held unless that is 0
	passed int32
	held   int32 // since the last event that passed
}

// key returns a hash of what Sentry groups e by: the fingerprint, or without one, roughly Sentry's own choice.
func (l *Limiter) key(e *sentry.Event) uint64 {
	var sum uint64
	for _, part := range e.Fingerprint {
		sum = l.add(sum, part)
	}
	if len(e.Fingerprint) == 0 {
		sum = l.add(sum, e.Message)
		for i := range e.Exception {
			sum = l.add(l.add(sum, e.Exception[i].Type), e.Exception[i].Value)
		}
	}
	return max(sum, 1)
}

// add adds a string to a hash; the order counts.
func (l *Limiter) add(sum uint64, text string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return bits.RotateLeft64(sum, 1)*odd ^ maphash.String(l.seed, text)
}

// find returns the entry of a fingerprint in the minute of now. It may replace another entry, whose kept event it then
// returns. l.mu is held.
func (l *Limiter) find(key uint64, now time.Duration) (f *entry, pushedOut *Kept) {
	if l.sets == nil {
		l.sets = new([sets][ways]entry)
	}
	minute := int32(now / time.Minute)
	set := &l.sets[key%sets]
	f = &set[0]
	for i := range set {
		other := &set[i]
		if other.key == key {
			if other.minute != minute {
				other.minute, other.passed = minute, 0
			}
			return other, nil
		}
		if other.weight(minute) < f.weight(minute) {
			f = other
		}
	}
	pushedOut = l.take(f)
	*f = entry{key: key, minute: minute}
	return f, pushedOut
}

// weight ranks entries: find replaces the one with the lowest weight.
func (f *entry) weight(minute int32) int64 {
	switch {
	case f.held > 0:
		return math.MaxInt32 + int64(f.held)
	case f.key == 0 || f.minute != minute:
		return 0
	}
	return int64(f.passed)
}

// until returns when the event that f keeps is sent: at the end of the following minute.
func (f *entry) until() time.Duration { return time.Duration(f.minute+2) * time.Minute }

// hold counts e as held back, and keeps it in place of the previous one if there is room. It returns how many events
// will never be sent because of that, and whether an event is now due sooner. l.mu is held.
func (l *Limiter) hold(f *entry, e *sentry.Event, personal bool) (unsent int, wake bool) {
	f.held++
	if f.newest == nil && l.kept == maxKept {
		return 1, false
	}
	if f.newest == nil {
		l.kept++
	} else {
		unsent = 1
	}
	f.newest = &Kept{Event: detached(e), Personal: personal}
	if until := f.until(); until < l.due {
		l.due, wake = until, true
	}
	return unsent, wake
}

// forget resets what f holds, and returns how many events will never be sent because of that. l.mu is held.
func (l *Limiter) forget(f *entry) (unsent int) {
	if f.newest != nil {
		l.kept--
		unsent = 1
	}
	f.newest, f.held = nil, 0
	return unsent
}

// take removes and returns the event that f keeps, nil if there is none. l.mu is held.
func (l *Limiter) take(f *entry) *Kept {
	if f.newest == nil {
		return nil
	}
	k := f.newest
	setHeldBack(k.Event, int(f.held))
	l.forget(f)
	return k
}

// takeDue removes and returns the events that are due, and sets l.due. l.mu is held.
func (l *Limiter) takeDue(now time.Duration) (kept []*Kept) {
	l.due = clock.Never
	if l.kept == 0 {
		return nil
	}
	for s := range l.sets {
		for w := range l.sets[s] {
			f := &l.sets[s][w]
			if f.newest == nil {
				continue
			}
			if until := f.until(); until > now {
				l.due = min(l.due, until)
				continue
			}
			kept = append(kept, l.take(f))
			f.minute, f.passed = int32(now/time.Minute), 1
		}
	}
	return kept
}

// setHeldBack sets the tag held_back of e. It makes a new map, because e's tags may be shared.
func setHeldBack(e *sentry.Event, held int) {
	tags := make(map[string]string, len(e.Tags)+1)
	maps.Copy(tags, e.Tags)
	tags["held_back"] = strconv.Itoa(held)
	e.Tags = tags
}

// detached returns a copy of e without anything that the program may still change. e's maps may be shared with scopes
// or the caller. e is scrubbed, so its values are maps, lists and immutable ones.
func detached(e *sentry.Event) *sentry.Event {
	d := *e
	d.Tags, d.User.Data = maps.Clone(e.Tags), maps.Clone(e.User.Data)
	d.Contexts = make(map[string]sentry.Context, len(e.Contexts))
	for name, c := range e.Contexts {
		d.Contexts[name], _ = copied(c).(map[string]any)
	}
	d.Breadcrumbs = make([]*sentry.Breadcrumb, len(e.Breadcrumbs))
	for i, b := range e.Breadcrumbs {
		crumb := *b
		crumb.Data, _ = copied(b.Data).(map[string]any)
		d.Breadcrumbs[i] = &crumb
	}
	return &d
}

// copied returns a deep copy of a value that is safe.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = copied(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = copied(value)
		}
		return list
	}
	return v
}
