package sentryconfig

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
	"github.com/autoservice/sentryconfig/internal/outbox"
)

// Over MaxPerMinute events of one fingerprint in a minute, an event is held back. The newest of each fingerprint is
// kept, for when no other passes that could tell how many there were.

const (
	// noiseSets and noiseWays make the table of fingerprints: 4,096 of them, in 128 KiB. Each belongs to one set, where
	// it pushes out the one with the fewest events: a loud one stays, however many others there are.
	noiseSets = 512
	noiseWays = 8

	// maxKept is how many events that were held back are kept at once. An event takes some 20 kB. Of further
	// fingerprints the number alone is kept, for the next event that passes.
	maxKept = 256
)

// heldBack stands for an event ID of an error that was held back: it has been seen to, but there is no event to name.
const heldBack sentry.EventID = "held back"

// toldID is the ID to return to a caller.
func toldID(id sentry.EventID) sentry.EventID {
	if id == heldBack {
		return ""
	}
	return id
}

// noise counts events by fingerprint.
type noise struct {
	total atomic.Uint64 // held back since the Client was made
	seed  maphash.Seed

	mu   sync.Mutex
	sets *[noiseSets][noiseWays]loudness // nil until there is a limit
	kept int                             // events that are kept
	due  time.Duration                   // when to look for events to send; clock.Never while none is kept
}

// A loudness is what is known of one fingerprint. A key of 0 is a place that is free.
type loudness struct {
	key    uint64
	newest *keptEvent // of those held back; nil if it isn't kept
	minute int32      // since the Client's start, that passed is of, and held if that isn't 0
	passed int32
	held   int32 // since the last one passed
}

// A keptEvent was held back, and goes out all the same when no other can tell of it.
type keptEvent struct {
	event    *sentry.Event
	personal bool // it has personal data
	held     int  // when it goes out
}

func newNoise() noise { return noise{seed: maphash.MakeSeed(), due: clock.Never} }

// holdBack reports whether e is over the limit and held back. If not, and others were before it, e gets their number.
func (c *Client) holdBack(e *sentry.Event, p *policy) bool {
	if p.maxPerMinute == 0 {
		return false
	}
	n := &c.noise
	key, now := n.key(e), c.clock.Now()
	n.mu.Lock()
	l, pushedOut := n.find(key, now)
	hold := int(l.passed) >= p.maxPerMinute
	held, unsent, wake := 0, 0, false
	if hold {
		unsent, wake = n.hold(l, e, p.pii)
	} else {
		l.passed++
		held = int(l.held)
		unsent = n.forget(l)
	}
	n.mu.Unlock()

	if held > 0 {
		tellHeld(e, held)
	}
	if hold {
		n.total.Add(1)
	}
	c.discardHeld(unsent)
	if wake {
		c.keeper.Kick()
	}
	if pushedOut != nil {
		c.sendKept(pushedOut)
	}
	return hold
}

// key is the hash of what Sentry groups e by: its fingerprint, or where it has none, about what Sentry would go by.
func (n *noise) key(e *sentry.Event) uint64 {
	var sum uint64
	for _, part := range e.Fingerprint {
		sum = n.add(sum, part)
	}
	if len(e.Fingerprint) == 0 {
		sum = n.add(sum, e.Message)
		for i := range e.Exception {
			sum = n.add(n.add(sum, e.Exception[i].Type), e.Exception[i].Value)
		}
	}
	return max(sum, 1)
}

// add adds a text to a sum, in which the order counts.
func (n *noise) add(sum uint64, text string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // of 2^64, divided by the golden ratio
	return bits.RotateLeft64(sum, 1)*odd ^ maphash.String(n.seed, text)
}

// find returns the place of a fingerprint, in the minute of now. Who had to leave for it with an event that was kept is
// returned too. n.mu is held.
func (n *noise) find(key uint64, now time.Duration) (l *loudness, pushedOut *keptEvent) {
	if n.sets == nil {
		n.sets = new([noiseSets][noiseWays]loudness)
	}
	minute := int32(now / time.Minute)
	set := &n.sets[key%noiseSets]
	l = &set[0]
	for i := range set {
		other := &set[i]
		if other.key == key {
			if other.minute != minute {
				other.minute, other.passed = minute, 0
			}
			return other, nil
		}
		if other.weight(minute) < l.weight(minute) {
			l = other
		}
	}
	pushedOut = n.take(l)
	*l = loudness{key: key, minute: minute}
	return l, pushedOut
}

// weight says how little l can be missed.
func (l *loudness) weight(minute int32) int64 {
	switch {
	case l.held > 0:
		return math.MaxInt32 + int64(l.held)
	case l.key == 0 || l.minute != minute:
		return 0
	}
	return int64(l.passed)
}

// until is when the event that l keeps is sent: at the end of the minute that follows.
func (l *loudness) until() time.Duration { return time.Duration(l.minute+2) * time.Minute }

// hold counts e as held back, and keeps it in place of the one before it if there is room. It returns how many events
// will not be sent because of that, and whether the keeper has to be told. n.mu is held.
func (n *noise) hold(l *loudness, e *sentry.Event, personal bool) (unsent int, wake bool) {
	l.held++
	if l.newest == nil && n.kept == maxKept {
		return 1, false
	}
	if l.newest == nil {
		n.kept++
	} else {
		unsent = 1
	}
	l.newest = &keptEvent{event: detached(e), personal: personal}
	if until := l.until(); until < n.due {
		n.due, wake = until, true
	}
	return unsent, wake
}

// forget drops what l holds, and returns how many events will not be sent because of that. n.mu is held.
func (n *noise) forget(l *loudness) (unsent int) {
	if l.newest != nil {
		n.kept--
		unsent = 1
	}
	l.newest, l.held = nil, 0
	return unsent
}

// take takes the event that l has kept out of it, nil if there is none. n.mu is held.
func (n *noise) take(l *loudness) *keptEvent {
	if l.newest == nil {
		return nil
	}
	k := l.newest
	k.held = int(l.held)
	n.forget(l)
	return k
}

// turn is the keeper's part: it has the events sent whose time has come, and returns when the next are due.
func (n *noise) turn(c *Client, now time.Duration) time.Duration {
	n.mu.Lock()
	var kept []*keptEvent
	if now >= n.due {
		kept = n.takeDue(now)
	}
	due := n.due
	n.mu.Unlock()
	if len(kept) > 0 {
		c.keeper.Go(func() { c.sendKept(kept...) })
	}
	return due
}

// takeDue takes out the events that are due by now, and sets when the next are. n.mu is held.
func (n *noise) takeDue(now time.Duration) (kept []*keptEvent) {
	n.due = clock.Never
	if n.kept == 0 {
		return nil
	}
	for s := range n.sets {
		for w := range n.sets[s] {
			l := &n.sets[s][w]
			if l.newest == nil {
				continue
			}
			if until := l.until(); until > now {
				n.due = min(n.due, until)
				continue
			}
			kept = append(kept, n.take(l))
			l.minute, l.passed = int32(now/time.Minute), 1
		}
	}
	return kept
}

// takeAll takes out all events that are kept.
func (n *noise) takeAll() []*keptEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.takeDue(clock.Never)
}

// dropKept drops the events that are kept, as PurgeOutbox does with those that wait in the outbox.
func (c *Client) dropKept() { c.discard(reasonPurged, len(c.noise.takeAll())) }

// sendKept sends events that were held back. Scrubbed and completed they are already.
func (c *Client) sendKept(kept ...*keptEvent) {
	for _, k := range kept {
		switch {
		case k.personal && !c.policy.Load().pii: // since it was captured
			c.discard(reasonPurged, 1)
		case !c.active():
			c.discardHeld(1)
		default:
			tellHeld(k.event, k.held)
			c.call("ClientOptions.Transport", func() { c.client.Transport.SendEvent(k.event) })
		}
	}
}

// tellHeld gives e the number of events that were held back. e is scrubbed already; its tags may be shared.
func tellHeld(e *sentry.Event, held int) {
	tags := make(map[string]string, len(e.Tags)+1)
	maps.Copy(tags, e.Tags)
	tags["held_back"] = strconv.Itoa(held)
	e.Tags = tags
}

// reasonPurged is the reason in client reports for what personal data or a purge keeps from being sent, as in the
// outbox.
const reasonPurged = "before_send"

// discardHeld counts n events that were held back and will not be sent.
func (c *Client) discardHeld(n int) { c.discard("sample_rate", n) }

// discard counts n events for the client reports.
func (c *Client) discard(reason string, n int) {
	if c.box != nil {
		c.box.Discard(reason, outbox.CategoryError, n)
	}
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
