// Package machine reads the state of the machine and of this process, which Sentry shows as the contexts os, device,
// cpu, memory, disks, process and others. It is independent of sentry-go.
//
// A Probe reads one aspect. A Collector runs the probes while tasks run, and keeps their newest answers as a snapshot.
package machine

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoservice/sentryconfig/internal/resident"
)

const (
	staleAfter   = time.Second      // the start of a task triggers a reading if the last one is older
	disksAfter   = 30 * time.Second // disks change slowly and cost the most
	refreshEvery = 5 * time.Second  // while a task runs

	// quickAnswer is how long a new snapshot waits for slow probes. Then it is published with their old values.
	quickAnswer = 20 * time.Millisecond
	// probeDeadline is how long a reading waits for a probe that doesn't answer, such as one of a dead network drive or
	// a hanging service.
	probeDeadline = 2 * time.Second
	// closeWait is how long after the start of a reading Close still waits for its probes. Healthy ones answer within
	// milliseconds.
	closeWait = 100 * time.Millisecond
)

// Values describe one aspect of the machine, under Sentry's names: numbers, strings and, for disks, maps of these.
type Values = map[string]any

// A Probe reads one aspect of the machine into contexts: name -> key -> value. It runs in its own goroutine, never
// twice at the same time. It may panic or never return.
type Probe struct {
	Name  string
	Every time.Duration            // least time between two readings; 0: read once, because the values never change
	Read  func() map[string]Values // nil if nothing is known; the Collector owns the result
}

// Memory is the result of a reading, in bytes; 0 is unknown.
type Memory struct {
	Total, Available uint64 // the machine's, or the container's limit if that is smaller
	App              uint64 // the part that the Go runtime holds
}

// Options configures a Collector. Without Probes and Notice it reads nothing.
type Options struct {
	Logger *slog.Logger // logs panics of probes; must not be nil
	Probes []Probe
	// Notice is called after each snapshot, in its own goroutine, never twice at the same time. While a call is
	// running, later snapshots are merged into one call with the newest figures.
	Notice func(Memory)
}

// A Collector keeps the newest snapshot of the machine. It reads when it is made, at the start of a task if the last
// reading is older than a second, and every five seconds while a task runs. In between it costs one parked goroutine.
// Its methods are safe for concurrent use, except by probes and Notice.
//
// A Collector that was made outside a synctest bubble may be used inside. One that was made inside follows the bubble's
// clock.
type Collector struct {
	resident *resident.Resident // decides when to read and when to publish; see work
	newest   atomic.Pointer[map[string]Values]

	mu      sync.Mutex
	inquiry *inquiry
	running int       // number of running tasks
	started bool      // a task has begun whose clock said that the last reading was old
	readAt  time.Time // start of the last reading
	tick    time.Time // start of the next reading if a task runs then; zero: refreshEvery after the last one
	closed  bool
	untold  *Memory // figures that Notice hasn't got yet
	telling bool
}

// New returns a Collector that starts its first reading. The caller must Close it.
func New(opts Options) *Collector {
	c := &Collector{inquiry: newInquiry(opts)} // makes its channels where the resident will live
	c.started = true                           // makes the resident start the first reading without a caller waiting
	c.resident = resident.New(c.work)
	c.resident.Kick()
	return c
}

// Ask switches to other options and starts a reading with them. It discards the values read with the old ones. After
// Close it does nothing.
func (c *Collector) Ask(opts Options) {
	c.resident.Do(func() { // in the resident, which makes the inquiry's channels where the Collector lives
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

// Snapshot returns the newest snapshot: context -> key -> value. Its maps are shared and must not be changed. If there
// is none yet, it waits for the first, at most for wait, and then returns nil. Otherwise it costs one atomic load.
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

// Settled returns the snapshot of a complete reading: all probes have answered, or had two seconds for it, or the
// Collector was closed. If the options change meanwhile, it waits for a reading with the new ones. The maps are shared
// and must not be changed.
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

// TaskStarted counts a running task, and triggers a reading if the last one is old. It doesn't wait for it.
func (c *Collector) TaskStarted() {
	c.mu.Lock()
	if c.running++; c.running == 1 {
		c.tick = time.Time{}
	}
	// The resident decides by its own clock. The caller's clock only avoids waking it; inside a bubble it is arbitrary.
	age := time.Since(c.readAt)
	old := (age < 0 || age >= staleAfter) && !c.inquiry.idle()
	c.started = c.started || old
	c.mu.Unlock()
	if old {
		c.resident.Kick()
	}
}

// TaskFinished reverts one TaskStarted.
func (c *Collector) TaskFinished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// Close stops the Collector and waits for its goroutines, at most 100 ms. A goroutine whose probe or Notice hangs stays
// until that returns. Snapshot keeps returning the last snapshot. A second Close does nothing.
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

// work runs in the resident. It starts a reading and publishes a snapshot when they are due, and returns the time until
// the next check.
func (c *Collector) work() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, q := time.Now(), c.inquiry
	if c.closed && q.news { // whoever waits for a complete reading gets what is known
		c.publish()
	}
	if c.closed || q.idle() {
		q.complete()
		return resident.Never
	}
	if c.tick.IsZero() { // tasks run again after a pause
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
