package machine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var discardLogger = slog.New(slog.DiscardHandler)

// firstWait is how long the first capture waits.
const firstWait = 50 * time.Millisecond

// counter is a probe that tells how often it was asked.
type counter struct{ n atomic.Int64 }

func (c *counter) read() map[string]Values {
	return map[string]Values{"counted": {"n": c.n.Add(1)}}
}

// The machine is read at Init, at the start of a task when the last reading is older than a second, every five seconds
// while one runs, and never else.
func TestCollectorSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changing, disks, fixed counter
		c := New(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "changing", Every: staleAfter, Read: changing.read},
			{Name: "disks", Every: disksAfter, Read: disks.read},
			{Name: "fixed", Read: fixed.read},
		}})
		check := func(when string, wantChanging, wantDisks int64) {
			t.Helper()
			synctest.Wait()
			if n := changing.n.Load(); n != wantChanging {
				t.Errorf("%s: changing values were read %d times, want %d", when, n, wantChanging)
			}
			if n := disks.n.Load(); n != wantDisks {
				t.Errorf("%s: disks were read %d times, want %d", when, n, wantDisks)
			}
			if n := fixed.n.Load(); n != 1 {
				t.Errorf("%s: what never changes was read %d times", when, n)
			}
		}
		check("at Init", 1, 1)
		time.Sleep(time.Hour)
		check("without a task", 1, 1)
		c.TaskStarted()
		check("at a task's start", 2, 2)
		c.TaskStarted()
		time.Sleep(time.Second - 1)
		c.TaskStarted()
		check("at a task's start within a second", 2, 2)
		time.Sleep(time.Nanosecond)
		c.TaskStarted()
		check("at a task's start after a second", 3, 2)
		time.Sleep(4 * time.Second)
		check("after 5 s", 4, 2)
		time.Sleep(20 * time.Second)
		check("after 25 s", 8, 2)
		time.Sleep(5 * time.Second)
		check("after 30 s", 9, 3)
		for range 4 {
			c.TaskFinished()
		}
		time.Sleep(time.Hour)
		check("when all tasks have finished", 9, 3)
		c.TaskStarted()
		check("at the next task", 10, 4)
		c.Close()
		time.Sleep(time.Hour)
		c.TaskStarted()
		check("when it is closed", 10, 4)
	}) // which fails if a goroutine is left
}

type badProbe struct {
	name string
	read func(n int64, release <-chan struct{}) map[string]Values
	old  bool // the values of its first reading are there still
}

var badProbes = []badProbe{
	{"hangs from the start", func(_ int64, release <-chan struct{}) map[string]Values { <-release; return nil }, false},
	{"panics from the start", func(int64, <-chan struct{}) map[string]Values { panic("boom") }, false},
	{"knows nothing", func(int64, <-chan struct{}) map[string]Values { return nil }, false},
	{"hangs later", func(n int64, release <-chan struct{}) map[string]Values {
		if n > 1 {
			<-release
		}
		return map[string]Values{"bad": {"n": n}}
	}, true},
	{"panics later", func(n int64, _ <-chan struct{}) map[string]Values {
		if n > 1 {
			panic("boom")
		}
		return map[string]Values{"bad": {"n": n}}
	}, true},
	{"fails later", func(n int64, _ <-chan struct{}) map[string]Values {
		if n > 1 {
			return nil
		}
		return map[string]Values{"bad": {"n": n}}
	}, true},
	{"ends its goroutine", func(int64, <-chan struct{}) map[string]Values { runtime.Goexit(); return nil }, false},
}

// A probe that fails costs its own values and nothing else.
func TestCollectorWithBadProbes(t *testing.T) {
	for _, test := range badProbes {
		t.Run(test.name, func(t *testing.T) { synctest.Test(t, test.check) })
	}
}

func (test badProbe) check(t *testing.T) {
	var good, bad counter
	var running atomic.Int64
	release := make(chan struct{})
	c := New(Options{Logger: discardLogger, Probes: []Probe{
		{Name: "bad", Every: staleAfter, Read: func() map[string]Values {
			if running.Add(1) > 1 {
				t.Error("the probe runs twice at once")
			}
			defer running.Add(-1)
			return test.read(bad.n.Add(1), release)
		}},
		{Name: "good", Every: staleAfter, Read: good.read},
	}})
	begun := time.Now()
	if s := c.Snapshot(firstWait); s["counted"]["n"] != int64(1) {
		t.Errorf("the first snapshot has %v, want the good probe's values", s)
	}
	if took := time.Since(begun); took > firstWait {
		t.Errorf("the first snapshot took %v", took)
	}
	c.TaskStarted()
	for n := int64(2); n < 5; n++ {
		// Other tasks begin while the reading waits for the bad probe.
		time.Sleep(staleAfter)
		c.TaskStarted()
		synctest.Wait()
		time.Sleep(quickAnswer)
		synctest.Wait()
		s := c.Snapshot(0)
		if s["counted"]["n"] != n {
			t.Errorf("reading %d: the good probe's values are %v", n, s["counted"])
		}
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(s["system"]["collected_at"]))
		if err != nil || time.Since(at) > 2*quickAnswer {
			t.Errorf("reading %d: collected_at %v, %v ago: %v", n, at, time.Since(at), err)
		}
	}
	time.Sleep(probeDeadline)
	synctest.Wait()
	s := c.Snapshot(0)
	if _, there := s["bad"]; there != test.old {
		t.Errorf("the bad probe's values are %v", s["bad"])
	}
	if stale := s["system"]["stale"] == true; stale != (test.old || test.name == "hangs from the start") {
		t.Errorf("stale is %v", s["system"]["stale"])
	}
	begun = time.Now()
	c.Close()
	if took := time.Since(begun); took > closeWait {
		t.Errorf("close took %v", took)
	}
	close(release)
}

// A probe that is slow but answers has a snapshot of its own, and isn't waited for by the one before.
func TestCollectorWithSlowProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(name string, d time.Duration) Probe {
			return Probe{Name: name, Read: func() map[string]Values {
				time.Sleep(d)
				return map[string]Values{name: {"n": 1}}
			}}
		}
		c := New(Options{Logger: discardLogger, Probes: []Probe{
			slow("quick", quickAnswer/2), slow("slow", 10*quickAnswer), slow("hopeless", 2*probeDeadline),
		}})
		start := time.Now()
		for _, at := range []struct {
			after time.Duration
			want  string
		}{
			{quickAnswer, "[quick system]"},
			{10*quickAnswer + 1, "[quick system]"}, // with what else the reading brings
			{probeDeadline, "[quick slow system] stale"},
			{2*probeDeadline + 1, "[hopeless quick slow system]"},
		} {
			time.Sleep(at.after - time.Since(start))
			synctest.Wait()
			s := c.Snapshot(0)
			got := fmt.Sprint(slices.Sorted(maps.Keys(s)))
			if s["system"]["stale"] == true {
				got += " stale"
			}
			if got != at.want {
				t.Errorf("after %v: %s, want %s", at.after, got, at.want)
			}
		}
		c.Close()
	})
}

// A Logger that hangs is like a probe that does: it keeps one goroutine, and the others go on.
func TestCollectorWithHangingLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var good counter
		var calls atomic.Int64
		c := New(Options{Logger: slog.New(hangingHandler{release: release, calls: &calls}), Probes: []Probe{
			{Name: "panicking", Every: staleAfter, Read: func() map[string]Values { panic("boom") }},
			{Name: "good", Every: staleAfter, Read: good.read},
		}})
		c.TaskStarted()
		time.Sleep(10 * refreshEvery)
		synctest.Wait()
		if n := good.n.Load(); n != 11 || calls.Load() != 1 {
			t.Errorf("the machine was read %d times, want 11; %d calls of the Logger", n, calls.Load())
		}
		start := time.Now()
		c.Close()
		if took := time.Since(start); took > closeWait {
			t.Errorf("Close took %v", took)
		}
		close(release)
	})
}

type hangingHandler struct {
	slog.Handler
	release chan struct{}
	calls   *atomic.Int64
}

func (hangingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h hangingHandler) Handle(context.Context, slog.Record) error {
	h.calls.Add(1)
	<-h.release
	return nil
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s share
		for _, test := range []struct {
			name         string
			after        time.Duration
			used, passed float64
			percent      float64
			ok           bool
		}{
			{"first", 0, 10, 100, 0, false},
			{"too early", minCPUInterval - 1, 20, 120, 0, false},
			{"half", 1, 20, 120, 50, true},
			{"too early again", time.Millisecond, 50, 121, 50, true},
			{"more than all", time.Second, 70, 130, 100, true},
			{"none", time.Second, 70, 140, 0, true},
			{"no time has passed: the last one", time.Second, 80, 140, 0, true},
			{"the counter was reset: the last one", time.Second, 0, 160, 0, true},
			{"two thirds", time.Second, 2, 163, 66.67, true},
		} {
			time.Sleep(test.after)
			if percent, ok := s.next(test.used, test.passed); percent != test.percent || ok != test.ok {
				t.Errorf("%s: %v, %v; want %v, %v", test.name, percent, ok, test.percent, test.ok)
			}
		}
	})
}

func TestDiskContext(t *testing.T) {
	const gb = 1 << 30
	for _, test := range []struct {
		name                   string
		total, free, available uint64
		want                   string
	}{
		{"half", 10 * gb, 5 * gb, 5 * gb, "map[device:d free_gb:5 fstype:f percent_used:50 total_gb:10 used_gb:5]"},
		{"reserved for root", 10 * gb, 5 * gb, 4 * gb,
			"map[device:d free_gb:4 fstype:f percent_used:55.56 total_gb:10 used_gb:5]"},
		{"empty", 0, 0, 0, "map[device:d free_gb:0 fstype:f total_gb:0 used_gb:0]"},
		{"more free than there is", gb, 2 * gb, gb,
			"map[device:d free_gb:1 fstype:f percent_used:0 total_gb:1 used_gb:0]"},
		{"full", 3 * gb, 0, 0, "map[device:d free_gb:0 fstype:f percent_used:100 total_gb:3 used_gb:3]"},
	} {
		if got := fmt.Sprint(diskContext("d", "f", test.total, test.free, test.available)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
