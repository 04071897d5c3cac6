package sentryconfig

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
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

// A probe reads one aspect of the machine into contexts: name -> key -> value. It runs once at a time, in a goroutine
// of its own, and may panic or never return.
type probe struct {
	name  string
	every time.Duration // 0: its values never change, it is read once
	read  func() map[string]sentry.Context
}

type collectorOptions struct {
	pii         bool
	environment string // detected
	logger      *slog.Logger
	probes      []probe // nil: the platform's
	idle        bool    // nobody wants to know
}

func (c *Client) collectorOptions() collectorOptions {
	p := c.policy.Load()
	opts := collectorOptions{pii: p.pii, environment: c.detected, logger: c.logger}
	if !p.systemInfo {
		opts.probes = []probe{} // it asks nothing, and gives the tasks' signs of life
		opts.idle = c.outboxDir == ""
	}
	return opts
}

// addedProbes are asked beside the platform's: tests add some that hang.
var addedProbes []probe

// A collector keeps the newest reading of the machine. Nothing of it runs while no task runs.
type collector struct {
	newest atomic.Pointer[map[string]sentry.Context]
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
	opts   collectorOptions
	probes []*probeState
	first  chan struct{} // closed with the first snapshot
	whole  chan struct{} // closed with the end of a reading, when all probes have answered or had their time
	settle func()        // closes whole, once
}

func newInquiry(opts collectorOptions) inquiry {
	if opts.probes == nil {
		opts.probes = slices.Concat(commonProbes(opts), platformProbes(opts.pii), addedProbes)
	}
	q := inquiry{opts: opts, first: make(chan struct{}), whole: make(chan struct{})}
	q.settle = sync.OnceFunc(func() { close(q.whole) })
	if opts.idle {
		q.settle()
	}
	for _, p := range opts.probes {
		q.probes = append(q.probes, &probeState{probe: p})
	}
	return q
}

type probeState struct {
	probe
	mu      sync.Mutex
	busy    chan struct{} // closed when its goroutine comes back; nil while there is none
	readAt  time.Time     // when it was last asked
	values  map[string]sentry.Context
	overdue bool // it didn't answer, or not in time, when last asked
}

func newCollector(opts collectorOptions) *collector {
	c := &collector{inquiry: newInquiry(opts), stop: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh()
	return c
}

// ask has the machine read by other options from now on. What was read by the old ones is forgotten.
func (c *collector) ask(opts collectorOptions) {
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
func (c *collector) snapshot(wait time.Duration) map[string]sentry.Context {
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
func (c *collector) settled() map[string]sentry.Context {
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
func (c *collector) notify(f func(memoryTotal, memoryAvailable, appMemory uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notice = f
}

func (c *collector) taskStarted() {
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

func (c *collector) taskFinished() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running--; c.running == 0 && c.timer != nil {
		c.timer.Stop()
	}
}

// tick reads the machine again after a while, as long as tasks run. c.mu is held.
func (c *collector) tick() {
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
func (c *collector) close() {
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
func (c *collector) refresh() {
	if c.closed || c.inquiry.opts.idle {
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
func (c *collector) read(now time.Time, q inquiry) {
	answered := make(chan *probeState, len(q.probes))
	waiting := 0
	for _, p := range q.probes {
		if p.start(now, q.opts.logger, answered) {
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
	if p.busy != nil || p.values != nil && (p.every == 0 || now.Sub(p.readAt) < p.every) {
		return false
	}
	p.busy, p.readAt = make(chan struct{}), now
	go func() {
		var values map[string]sentry.Context
		defer func() {
			if v := recover(); v != nil {
				logger.Warn("sentryconfig: a probe of the system context panicked", "probe", p.name, "panic", fmt.Sprint(v))
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
		values = p.read()
	}()
	return true
}

func (c *collector) publish(q inquiry) {
	s := make(map[string]sentry.Context, 10)
	stale := false
	for _, p := range q.probes {
		p.mu.Lock()
		values, overdue := p.values, p.overdue
		p.mu.Unlock()
		stale = stale || overdue
		for name, context := range values {
			if s[name] == nil {
				s[name] = make(sentry.Context, len(context))
			}
			maps.Copy(s[name], context)
		}
	}
	noted := s[notedMemory]
	delete(s, notedMemory)
	system := sentry.Context{"collected_at": time.Unix(0, c.readAt.Load()).UTC().Format(time.RFC3339Nano)}
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

// processStart is about when the process began.
var processStart = time.Now()

// commonProbes are those of every platform: what Go itself knows.
func commonProbes(opts collectorOptions) []probe {
	return []probe{
		{name: "program", read: func() map[string]sentry.Context { return readProgram(opts) }},
		{name: "runtime", every: staleAfter, read: readRuntime},
	}
}

func readProgram(opts collectorOptions) map[string]sentry.Context {
	app := sentry.Context{"app_start_time": processStart.UTC().Format(time.RFC3339)}
	app["app_name"] = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path != "" && info.Main.Path != "command-line-arguments" { // which is what go run FILE.go calls it
			app["app_name"] = info.Main.Path
		}
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			app["app_version"] = info.Main.Version
		}
		var revision, dirty string
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+dirty"
			}
		}
		if revision != "" {
			app["app_build"] = revision + dirty
		}
	}
	process := sentry.Context{"pid": os.Getpid(), "parent_pid": os.Getppid()}
	environment := sentry.Context{"detected": opts.environment}
	device := sentry.Context{"arch": runtime.GOARCH, "processor_count": runtime.NumCPU()}
	if opts.pii {
		if wd, err := os.Getwd(); err == nil {
			process["cwd"] = wd
		}
		if exe, err := os.Executable(); err == nil {
			process["executable"], environment["executable_path"] = exe, exe
		}
		process["cmdline"] = cutText(strings.Join(os.Args, " "), 2<<10)
		if name, err := os.Hostname(); err == nil {
			device["name"] = name
		}
	}
	return map[string]sentry.Context{
		"app": app, "process": process, "environment": environment, "device": device,
		"runtime": {"name": "go", "version": runtime.Version(), "compiler": runtime.Compiler},
		"cpu":     {"count_logical": runtime.NumCPU()},
	}
}

func readRuntime() map[string]sentry.Context {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/sched/threads/total:threads"},
	}
	metrics.Read(samples)
	app, process := sentry.Context{}, sentry.Context{}
	if samples[0].Value.Kind() == metrics.KindUint64 && samples[1].Value.Kind() == metrics.KindUint64 {
		app["app_memory"] = samples[0].Value.Uint64() - samples[1].Value.Uint64()
	}
	if samples[2].Value.Kind() == metrics.KindUint64 { // since Go 1.26
		process["threads"] = samples[2].Value.Uint64()
	}
	return map[string]sentry.Context{
		"runtime": {"gomaxprocs": runtime.GOMAXPROCS(0), "goroutines": runtime.NumGoroutine()},
		"app":     app, "process": process,
	}
}

// A share turns readings of two growing numbers, time spent and time passed, into a percentage.
type share struct {
	mu           sync.Mutex
	at           time.Time
	used, passed float64
	percent      float64
	known        bool
}

// next takes the newest readings and returns the share since the last ones, if they are far enough apart.
func (s *share) next(used, passed float64) (percent float64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.at.IsZero() || now.Sub(s.at) >= minCPUInterval {
		if !s.at.IsZero() && passed > s.passed && used >= s.used {
			s.percent, s.known = percentOf(used-s.used, passed-s.passed)
		}
		s.at, s.used, s.passed = now, used, passed
	}
	return s.percent, s.known
}

// percentOf is used/total in percent, from 0 to 100 with two decimals; not ok when there is no such number.
func percentOf(used, total float64) (float64, bool) {
	p := used / total * 100
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return 0, false
	}
	return round(min(max(p, 0), 100)), true
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

func gigabytes(bytes uint64) float64 { return round(float64(bytes) / (1 << 30)) }

// notedMemory is what a probe says for the notes of running tasks, in bytes. It is no context of an event.
const notedMemory = "noted memory"

// memoryContexts fills memory and device from the numbers every platform has, in bytes.
func memoryContexts(total, available uint64) map[string]sentry.Context {
	if total == 0 {
		return nil
	}
	available = min(available, total)
	memory := sentry.Context{
		"total_gb": gigabytes(total), "available_gb": gigabytes(available), "used_gb": gigabytes(total - available),
	}
	if p, ok := percentOf(float64(total-available), float64(total)); ok {
		memory["percent_used"] = p
	}
	return map[string]sentry.Context{
		"memory": memory, "device": {"memory_size": total, "free_memory": available},
		notedMemory: {"total": total, "available": available},
	}
}

// maxDisks is how many mount points are reported: a drive for each letter.
const maxDisks = 26

// diskContext describes one file system, from its numbers in bytes.
func diskContext(device, fstype string, total, free, available uint64) map[string]any {
	used := total - min(free, total)
	d := map[string]any{
		"device": device, "fstype": fstype,
		"total_gb": gigabytes(total), "used_gb": gigabytes(used), "free_gb": gigabytes(available),
	}
	if p, ok := percentOf(float64(used), float64(used+available)); ok { // as df: what is reserved doesn't count
		d["percent_used"] = p
	}
	return d
}
