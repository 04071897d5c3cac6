// Package noise holds back events of a fingerprint of which there are too many in a minute. The newest of each
// fingerprint is kept, for when no other passes that could tell how many there were.
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
	// sets and ways make the table of fingerprints: 4,096 of them, in 128 KiB. Each belongs to one set, where
	// it pushes out the one with the fewest events: a loud one stays, however many others there are.
	sets = 512
	ways = 8

	// maxKept is how many events that were held back are kept at once. An event takes some 20 kB. Of further
	// fingerprints the number alone is kept, for the next event that passes.
	maxKept = 256
)

// A Limiter counts events by fingerprint. Its methods may be called from many goroutines at once. Times are those of
// one [clock.Clock].
type Limiter struct {
	total atomic.Uint64 // held back since it was made
	seed  maphash.Seed

	mu   sync.Mutex
	sets *[sets][ways]loudness // nil until there is a limit
	kept int                   // events that are kept
	due  time.Duration         // when to look for events to send; clock.Never while none is kept
}

// New makes a Limiter. It takes its memory with the first event.
func New() *Limiter { return &Limiter{seed: maphash.MakeSeed(), due: clock.Never} }

// A Kept event was held back, and goes out all the same since no other can tell of it. It is scrubbed and complete, and
// has the number of those held back.
type Kept struct {
	Event    *sentry.Event
	Personal bool // it has personal data
}

// A Decision is what becomes of an event, and of those before it.
type Decision struct {
	Held      bool  // it is held back
	Sooner    bool  // Due has events sooner than it has said
	Unsent    int   // how many that were held back will not be sent: the client reports count them
	PushedOut *Kept // goes out now, since there is no room for it; nil: none
}

// Count counts e, which is scrubbed already, and holds it back when limit of its fingerprint have passed in this
// minute. If it passes, and others were held back before it, e gets their number.
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
		tell(e, held)
	}
	return d
}

// Due takes out the events that are due by now, and returns when the next are.
func (l *Limiter) Due(now time.Duration) (kept []*Kept, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now >= l.due {
		kept = l.takeDue(now)
	}
	return kept, l.due
}

// All takes out all events that are kept.
func (l *Limiter) All() []*Kept {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeDue(clock.Never)
}

// Total is how many events were held back.
func (l *Limiter) Total() uint64 { return l.total.Load() }

// A loudness is what is known of one fingerprint. A key of 0 is a place that is free.
type loudness struct {
	key    uint64
	newest *Kept // of those held back; nil if it isn't kept
	minute int32 // since the Clock was made, that passed is of, and held if that isn't 0
	passed int32
	held   int32 // since the last one passed
}

// key is the hash of what Sentry groups e by: its fingerprint, or where it has none, about what Sentry would go by.
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

// add adds a text to a sum, in which the order counts.
func (l *Limiter) add(sum uint64, text string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // of 2^64, divided by the golden ratio
	return bits.RotateLeft64(sum, 1)*odd ^ maphash.String(l.seed, text)
}

// find returns the place of a fingerprint, in the minute of now. Who had to leave for it with an event that was kept is
// returned too. l.mu is held.
func (l *Limiter) find(key uint64, now time.Duration) (f *loudness, pushedOut *Kept) {
	if l.sets == nil {
		l.sets = new([sets][ways]loudness)
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
	*f = loudness{key: key, minute: minute}
	return f, pushedOut
}

// weight says how little f can be missed.
func (f *loudness) weight(minute int32) int64 {
	switch {
	case f.held > 0:
		return math.MaxInt32 + int64(f.held)
	case f.key == 0 || f.minute != minute:
		return 0
	}
	return int64(f.passed)
}

// until is when the event that f keeps is sent: at the end of the minute that follows.
func (f *loudness) until() time.Duration { return time.Duration(f.minute+2) * time.Minute }

// hold counts e as held back, and keeps it in place of the one before it if there is room. It returns how many events
// will not be sent because of that, and whether the keeper has to be told. l.mu is held.
func (l *Limiter) hold(f *loudness, e *sentry.Event, personal bool) (unsent int, wake bool) {
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

// forget drops what f holds, and returns how many events will not be sent because of that. l.mu is held.
func (l *Limiter) forget(f *loudness) (unsent int) {
	if f.newest != nil {
		l.kept--
		unsent = 1
	}
	f.newest, f.held = nil, 0
	return unsent
}

// take takes the event that f has kept out of it, nil if there is none. l.mu is held.
func (l *Limiter) take(f *loudness) *Kept {
	if f.newest == nil {
		return nil
	}
	k := f.newest
	tell(k.Event, int(f.held))
	l.forget(f)
	return k
}

// takeDue takes out the events that are due by now, and sets when the next are. l.mu is held.
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

// tell gives e the number of events that were held back. e is scrubbed already; its tags may be shared.
func tell(e *sentry.Event, held int) {
	tags := make(map[string]string, len(e.Tags)+1)
	maps.Copy(tags, e.Tags)
	tags["held_back"] = strconv.Itoa(held)
	e.Tags = tags
}

// detached is e without what the program may still write to: maps of its own may hang on scopes, and e may be the
// program's own. e is scrubbed, so its values are maps, lists and what can't change.
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

// copied is a copy of a value that is safe.
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
