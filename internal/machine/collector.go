package machine

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	staleAfter   = time.Second      // a task's start reads the machine again when the last reading is older
	disksAfter   = 30 * time.Second // disks change slowly and cost most
	refreshEvery = 5 * time.Second  // while a task runs
	// probeDeadline is what the others wait for a probe that doesn't answer: a dead network drive, a hanging service.
	probeDeadline = 2 * time.Second
	// minCPUInterval is the shortest time over which a share of the CPU means anything.
	minCPUInterval = 100 * time.Millisecond
)

// Values are what a Collector says of one aspect of the machine, by Sentry's names of contexts and keys.
type Values = map[string]any

// A Probe reads one aspect of the machine into contexts: name -> key -> value. It runs once at a time, in a goroutine
// of its own, and may panic or never return.
type Probe struct {
	Name  string
	Every time.Duration // 0: its values never change, it is read once
	Read  func() map[string]Values
}

// Options say what a Collector reads.

type Options struct {
	PII         bool
	Environment string // detected
	Logger      *slog.Logger
	Probes      []Probe // nil: the platform's and Added
	Added       []Probe // asked beside the platform's
	Idle        bool    // nobody wants to know
}

// A Collector keeps the newest reading of the machine. Nothing of it runs while no task runs.
type Collector struct {
	newest atomic.Pointer[map[string]Values]
	readAt atomic.Int64  // nanoseconds since 1970, when the last reading began
	stop   chan struct{} // closed by close

	mu      sync.Mutex
	inquiry inquiry
	retired []*probeState // of earlier inquiries
	running int           // tasks
	closed  bool
	timer   *time.Timer
	done    sync.WaitGroup // readings under way
	notice  func(memoryTotal, memoryAvailable, appMemory uint64)
}

// An inquiry is what a collector asks, and of whom. Another one takes its place when the options change.
type inquiry struct {
	opts   Options
	probes []*probeState
	first  chan struct{} // closed with the first snapshot
	whole  chan struct{} // closed with the end of a reading, when all probes have answered or had their time
	settle func()        // closes whole, once
}

func newInquiry(opts Options) inquiry {
	if opts.Probes == nil {
		opts.Probes = slices.Concat(commonProbes(opts), platformProbes(opts.PII), opts.Added)
	}
	q := inquiry{opts: opts, first: make(chan struct{}), whole: make(chan struct{})}
	q.settle = sync.OnceFunc(func() { close(q.whole) })
	if opts.Idle {
		q.settle()
	}
	for _, p := range opts.Probes {
		q.probes = append(q.probes, &probeState{Probe: p})
	}
	return q
}

type probeState struct {
	Probe
	mu      sync.Mutex
	busy    chan struct{} // closed when its goroutine comes back; nil while there is none
	readAt  time.Time     // when it was last asked
	values  map[string]Values
	overdue bool // it didn't answer, or not in time, when last asked
}

func New(opts Options) *Collector {
	c := &Collector{inquiry: newInquiry(opts), stop: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh()
	return c
}

// ask has the machine read by other options from now on. What was read by the old ones is forgotten.
func (c *Collector) Ask(opts Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.retired = append(c.retired, c.inquiry.probes...)
	c.inquiry = newInquiry(opts)
	c.newest.Store(nil)
	c.refresh()
}

// snapshot returns the newest reading, whose maps are shared and must not be written to. It waits at most wait for the
// very first, and returns nil when there is none.
func (c *Collector) Snapshot(wait time.Duration) map[string]Values {
	if s := c.newest.Load(); s != nil {
		return *s
	}
	c.mu.Lock()
	first := c.inquiry.first
	c.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-first:
		if s := c.newest.Load(); s != nil {
			return *s
		}
	case <-timer.C:
	}
	return nil
}

// settled returns the newest reading, once one was completed, as far as the probes answered. It waits for that at most
// probeDeadline, for close as well. It must not be called in the collector's own goroutine.
func (c *Collector) Settled() map[string]Values {
	c.mu.Lock()
	whole := c.inquiry.whole
	c.mu.Unlock()
	<-whole
	if s := c.newest.Load(); s != nil {
		return *s
	}
	return nil
}

// notify has f called after each reading, in the collector's goroutine.
func (c *Collector) Notify(f func(memoryTotal, memoryAvailable, appMemory uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice = f
}

func (c *Collector) TaskStarted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
	if time.Now().UnixNano()-c.readAt.Load() >= int64(staleAfter) {
		c.refresh()
	}
	if c.running == 1 && !c.closed {
		c.tick()
	}
}

func (c *Collector) TaskFinished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running--; c.running == 0 && c.timer != nil {
		c.timer.Stop()
	}
}

// tick reads the machine again after a while, as long as tasks run. c.mu is held.
func (c *Collector) tick() {
	if c.timer != nil {
		c.timer.Reset(refreshEvery)
		return
	}
	c.timer = time.AfterFunc(refreshEvery, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running > 0 && !c.closed {
			c.refresh()
			c.tick()
		}
	})
}

// close stops the collector and waits for its goroutines, but for that of a probe that hangs.
func (c *Collector) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.stop)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	probes := slices.Concat(c.retired, c.inquiry.probes)
	c.mu.Unlock()
	c.done.Wait()
	for _, p := range probes {
		p.wait()
	}
}

// wait waits until the probe has come back, unless it hangs.
func (p *probeState) wait() {
	p.mu.Lock()
	busy, left := p.busy, hanging-time.Since(p.readAt)
	p.mu.Unlock()
	if busy == nil || left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-busy:
	case <-timer.C:
	}
}

// hanging is what a probe that has taken so long is taken for: one that works takes a few milliseconds.
const hanging = 100 * time.Millisecond

// refresh starts a reading. One before it may still wait for a probe that hangs. c.mu is held.
func (c *Collector) refresh() {
	if c.closed || c.inquiry.opts.Idle {
		return
	}
	now, q := time.Now(), c.inquiry
	c.readAt.Store(now.UnixNano())
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		defer q.settle()
		c.read(now, q)
	}()
}

// read asks all probes that are due, side by side, and publishes what is known when they have answered; those that take
// longer are waited for up to the deadline and make a snapshot of their own.
func (c *Collector) read(now time.Time, q inquiry) {
	answered := make(chan *probeState, len(q.probes))
	waiting := 0
	for _, p := range q.probes {
		if p.start(now, q.opts.Logger, answered) {
			waiting++
		}
	}
	deadline := time.NewTimer(probeDeadline)
	defer deadline.Stop()
	quick := time.NewTimer(quickAnswer)
	defer quick.Stop()
	for waiting > 0 {
		select {
		case <-answered:
			waiting--
			continue
		case <-quick.C:
			c.publish(q)
			continue
		case <-deadline.C:
		case <-c.stop:
		}
		break
	}
	for _, p := range q.probes {
		p.mu.Lock()
		p.overdue = p.overdue || p.busy != nil
		p.mu.Unlock()
	}
	c.publish(q)
}

// quickAnswer is how long a snapshot waits for slow probes before it is published without their new values.
const quickAnswer = 20 * time.Millisecond

// start runs the probe if it is due, and reports whether an answer will come.
func (p *probeState) start(now time.Time, logger *slog.Logger, answered chan<- *probeState) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy != nil || p.values != nil && (p.Every == 0 || now.Sub(p.readAt) < p.Every) {
		return false
	}
	p.busy, p.readAt = make(chan struct{}), now
	go func() {
		var values map[string]Values
		defer func() {
			if v := recover(); v != nil {
				logger.Warn("sentryconfig: a probe of the system context panicked", "probe", p.Name, "panic", fmt.Sprint(v))
			}
			p.mu.Lock()
			close(p.busy)
			p.busy, p.overdue = nil, values == nil && p.values != nil
			if values != nil {
				p.values = values
			}
			p.mu.Unlock()
			answered <- p
		}()
		values = p.Read()
	}()
	return true
}

func (c *Collector) publish(q inquiry) {
	s := make(map[string]Values, 10)
	stale := false
	for _, p := range q.probes {
		p.mu.Lock()
		values, overdue := p.values, p.overdue
		p.mu.Unlock()
		stale = stale || overdue
		for name, context := range values {
			if s[name] == nil {
				s[name] = make(Values, len(context))
			}
			maps.Copy(s[name], context)
		}
	}
	noted := s[notedMemory]
	delete(s, notedMemory)
	system := Values{"collected_at": time.Unix(0, c.readAt.Load()).UTC().Format(time.RFC3339Nano)}
	if stale {
		system["stale"] = true
	}
	s["system"] = system
	c.mu.Lock()
	notice, current := c.notice, c.inquiry.first == q.first
	if current && c.newest.Swap(&s) == nil {
		close(q.first)
	}
	c.mu.Unlock()
	if notice != nil && current {
		total, _ := noted["total"].(uint64)
		free, _ := noted["available"].(uint64)
		app, _ := s["app"]["app_memory"].(uint64)
		notice(total, free, app)
	}
}
