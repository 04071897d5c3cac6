// Package machine reads the state of the machine and of this process: what Sentry shows as the contexts os, device,
// cpu, memory, disks, process and the like. It knows nothing of sentry-go.
//
// Probes read one aspect each. A Collector asks them while tasks run, and keeps their newest answers as a snapshot.
package machine

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoservice/sentryconfig/internal/resident"
)

const (
	staleAfter   = time.Second      // a task's start reads the machine again when the last reading is older
	disksAfter   = 30 * time.Second // disks change slowly and cost most
	refreshEvery = 5 * time.Second  // while a task runs

	// quickAnswer is how long a snapshot waits for slow probes before it is published without their new values.
	quickAnswer = 20 * time.Millisecond
	// probeDeadline is how long a reading waits for a probe that doesn't answer: a dead network drive, a hanging
	// service.
	probeDeadline = 2 * time.Second
	// closeWait is how long after a reading has begun Close still waits for its probes: healthy ones answer within
	// milliseconds.
	closeWait = 100 * time.Millisecond
)

// Values are what is known of one aspect of the machine, by Sentry's names: numbers, texts and, for disks, maps of
// these.
type Values = map[string]any

// A Probe reads one aspect of the machine into contexts: name -> key -> value. It runs once at a time, in a goroutine
// of its own, and may panic or never return.
type Probe struct {
	Name  string
	Every time.Duration            // the least time between two readings; 0: its values never change, it is read once
	Read  func() map[string]Values // nil: nothing is known; the Collector owns what it returns
}

// Memory is what a reading found out about memory, in bytes; 0 is unknown.
type Memory struct {
	Total, Available uint64 // of the machine, or of the container's limit where that is smaller
	App              uint64 // what the Go runtime has of it
}

// Options say what a Collector reads, and for whom. Without Probes and Notice it reads nothing.
type Options struct {
	Logger *slog.Logger // gets the panics of probes; must not be nil
	Probes []Probe
	// Notice is called after each snapshot, in a goroutine of its own, never twice at the same time. While a call takes
	// its time, the snapshots after it are one call, with the newest figures.
	Notice func(Memory)
}

// A Collector keeps the newest snapshot of the machine: read when it is made, at the start of a task when the last
// reading is older than a second, and every five seconds while a task runs. Between readings it costs a parked
// goroutine. Its methods may be called from many goroutines at once, but not by probes and Notice. One that was made
// outside a synctest bubble may be used inside; one that was made inside lives by the bubble's clock.
type Collector struct {
	resident *resident.Resident // decides when to read and when to publish: see work
	newest   atomic.Pointer[map[string]Values]

	mu      sync.Mutex
	inquiry *inquiry
	running int       // tasks
	started bool      // a task has, when the last reading looked too old to it
	readAt  time.Time // when the last reading began
	tick    time.Time // when the next one begins if a task runs then; zero: counted from the last reading
	closed  bool
	untold  *Memory // for Notice
	telling bool
}

// New returns a Collector that begins its first reading. The caller closes it.
func New(opts Options) *Collector {
	c := &Collector{inquiry: newInquiry(opts)} // its channels are made where the resident will live
	c.started = true                           // the resident begins the first reading: nobody waits for it
	c.resident = resident.New(c.work)
	c.resident.Kick()
	return c
}

// Ask has the machine read by other options from now on, and begins with it. What was read by the old ones is
// forgotten. After Close it does nothing.
func (c *Collector) Ask(opts Options) {
	c.resident.Do(func() { // which makes the inquiry's channels where the collector lives
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return
		}
		if c.inquiry != nil {
			c.inquiry.complete()
		}
		c.inquiry = newInquiry(opts)
		c.newest.Store(nil)
		if !c.inquiry.idle() {
			c.read(time.Now())
		}
	})
}

// Snapshot returns the newest snapshot: context -> key -> value. Its maps are shared and must not be written to. It
// waits at most wait for the very first, and returns nil when there is none. It costs one atomic load once there is
// one.
func (c *Collector) Snapshot(wait time.Duration) map[string]Values {
	if s := c.newest.Load(); s != nil {
		return *s
	}
	ctx, cancel := c.resident.Timeout(wait)
	defer cancel()
	select {
	case <-c.current().first:
	case <-ctx.Done():
	}
	return c.known()
}

// Settled returns what Snapshot does, once a reading is complete: when all probes have answered or had two seconds for
// it, or at Close. When the options change meanwhile, it waits for a reading by the new ones.
func (c *Collector) Settled() map[string]Values {
	for {
		q := c.current()
		<-q.whole
		if c.current() == q {
			return c.known()
		}
	}
}

func (c *Collector) current() *inquiry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inquiry
}

func (c *Collector) known() map[string]Values {
	if s := c.newest.Load(); s != nil {
		return *s
	}
	return nil
}

// TaskStarted counts a task that runs. It never waits for a reading.
func (c *Collector) TaskStarted() {
	c.mu.Lock()
	if c.running++; c.running == 1 {
		c.tick = time.Time{}
	}
	// The resident decides by its own clock. The caller's only spares it a look: in a bubble it may say anything.
	age := time.Since(c.readAt)
	old := (age < 0 || age >= staleAfter) && !c.inquiry.idle()
	c.started = c.started || old
	c.mu.Unlock()
	if old {
		c.resident.Kick()
	}
}

// TaskFinished takes back one TaskStarted.
func (c *Collector) TaskFinished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// Close stops the Collector and waits for its goroutines, but at most 100 ms: one in which a probe or Notice hangs
// stays until that returns. Snapshot goes on returning the last one. A second Close does nothing.
func (c *Collector) Close() {
	var patience time.Duration
	c.resident.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closed = true
		if patience = closeWait - time.Since(c.readAt); c.telling {
			patience = closeWait
		}
	})
	c.resident.Close(max(patience, 0))
}

// work is what the resident does: it begins a reading when one is due, publishes what is known when that is due, and
// says when to look again.
func (c *Collector) work() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, q := time.Now(), c.inquiry
	if c.closed && q.news { // who waits for a whole reading gets what is known of it
		c.publish()
	}
	if c.closed || q.idle() {
		q.complete()
		return resident.Never
	}
	if c.tick.IsZero() { // tasks run again after a while without one
		c.tick = c.readAt.Add(refreshEvery)
	}
	if c.running > 0 && !now.Before(c.tick) || c.started && now.Sub(c.readAt) >= staleAfter {
		c.read(now)
	}
	c.started = false
	next := resident.Never
	lookAt := func(at time.Time) {
		if d := at.Sub(now); d > 0 && (next == resident.Never || d < next) {
			next = d
		}
	}
	waiting := q.waiting(now)
	quick := c.readAt.Add(quickAnswer)
	if q.news && (waiting == 0 || !q.early && !now.Before(quick)) {
		c.publish()
		q.early = true
	}
	switch {
	case waiting == 0:
		q.complete()
	case q.early:
		lookAt(c.readAt.Add(probeDeadline))
	default:
		lookAt(quick)
	}
	lookAt(c.tick)
	return next
}
