package sentryconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// counter is a probe that tells how often it was asked.
type counter struct{ n atomic.Int64 }

func (c *counter) read() map[string]sentry.Context {
	return map[string]sentry.Context{"counted": {"n": c.n.Add(1)}}
}

// The machine is read at Init, at the start of a task when the last reading is older than a second, every five seconds
// while one runs, and never else.
func TestCollectorSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changing, disks, fixed counter
		c := newCollector(collectorOptions{logger: discardLogger, probes: []probe{
			{name: "changing", every: staleAfter, read: changing.read}, {name: "disks", every: disksAfter, read: disks.read}, {name: "fixed", read: fixed.read},
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
		c.taskStarted()
		check("at a task's start", 2, 2)
		c.taskStarted()
		time.Sleep(time.Second - 1)
		c.taskStarted()
		check("at a task's start within a second", 2, 2)
		time.Sleep(time.Nanosecond)
		c.taskStarted()
		check("at a task's start after a second", 3, 2)
		time.Sleep(4 * time.Second)
		check("after 5 s", 4, 2)
		time.Sleep(20 * time.Second)
		check("after 25 s", 8, 2)
		time.Sleep(5 * time.Second)
		check("after 30 s", 9, 3)
		for range 4 {
			c.taskFinished()
		}
		time.Sleep(time.Hour)
		check("when all tasks have finished", 9, 3)
		c.taskStarted()
		check("at the next task", 10, 4)
		c.close()
		time.Sleep(time.Hour)
		c.taskStarted()
		check("when it is closed", 10, 4)
	}) // which fails if a goroutine is left
}

// A probe that fails costs its own values and nothing else.
func TestCollectorWithBadProbes(t *testing.T) {
	for _, test := range []struct {
		name string
		read func(n int64, release <-chan struct{}) map[string]sentry.Context
		old  bool // the values of its first reading are there still
	}{
		{"hangs from the start", func(_ int64, release <-chan struct{}) map[string]sentry.Context { <-release; return nil }, false},
		{"panics from the start", func(int64, <-chan struct{}) map[string]sentry.Context { panic("boom") }, false},
		{"knows nothing", func(int64, <-chan struct{}) map[string]sentry.Context { return nil }, false},
		{"hangs later", func(n int64, release <-chan struct{}) map[string]sentry.Context {
			if n > 1 {
				<-release
			}
			return map[string]sentry.Context{"bad": {"n": n}}
		}, true},
		{"panics later", func(n int64, _ <-chan struct{}) map[string]sentry.Context {
			if n > 1 {
				panic("boom")
			}
			return map[string]sentry.Context{"bad": {"n": n}}
		}, true},
		{"fails later", func(n int64, _ <-chan struct{}) map[string]sentry.Context {
			if n > 1 {
				return nil
			}
			return map[string]sentry.Context{"bad": {"n": n}}
		}, true},
		{"ends its goroutine", func(int64, <-chan struct{}) map[string]sentry.Context { runtime.Goexit(); return nil }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var good, bad counter
				var running atomic.Int64
				release := make(chan struct{})
				c := newCollector(collectorOptions{logger: discardLogger, probes: []probe{
					{name: "bad", every: staleAfter, read: func() map[string]sentry.Context {
						if running.Add(1) > 1 {
							t.Error("the probe runs twice at once")
						}
						defer running.Add(-1)
						return test.read(bad.n.Add(1), release)
					}},
					{name: "good", every: staleAfter, read: good.read},
				}})
				begun := time.Now()
				if s := c.snapshot(firstSnapshotWait); s["counted"]["n"] != int64(1) {
					t.Errorf("the first snapshot has %v, want the good probe's values", s)
				}
				if took := time.Since(begun); took > firstSnapshotWait {
					t.Errorf("the first snapshot took %v", took)
				}
				atOnce := func(what string, f func()) {
					t.Helper()
					begun := time.Now()
					if f(); time.Since(begun) != 0 {
						t.Errorf("%s took %v", what, time.Since(begun))
					}
				}
				atOnce("taskStarted", c.taskStarted)
				for n := int64(2); n < 5; n++ {
					// Other tasks begin while the reading waits for the bad probe.
					time.Sleep(staleAfter)
					atOnce("taskStarted", c.taskStarted)
					synctest.Wait()
					time.Sleep(quickAnswer)
					synctest.Wait()
					var s map[string]sentry.Context
					atOnce("snapshot", func() { s = c.snapshot(0) })
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
				s := c.snapshot(0)
				if _, there := s["bad"]; there != test.old {
					t.Errorf("the bad probe's values are %v", s["bad"])
				}
				if stale := s["system"]["stale"] == true; stale != (test.old || test.name == "hangs from the start") {
					t.Errorf("stale is %v", s["system"]["stale"])
				}
				begun = time.Now()
				c.close()
				if took := time.Since(begun); took > hanging {
					t.Errorf("close took %v", took)
				}
				close(release)
			})
		})
	}
}

// With probes that hang and panic every call takes what it takes without, and only their values are missing.
func TestHangingProbeHoldsNothingUp(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Int64
	addedProbes = []probe{
		{name: "hanging", every: staleAfter, read: func() map[string]sentry.Context {
			asked.Add(1)
			<-release
			return map[string]sentry.Context{"never": {"seen": 1}}
		}},
		{name: "panicking", every: staleAfter, read: func() map[string]sentry.Context { panic("boom") }},
	}
	defer func() {
		addedProbes = nil
		close(release)
	}()
	server := sentrytest.NewServer(t)
	// TestCollectorWithBadProbes looks at the collector's own deadlines, in a time of its own. Here the machine may be busy.
	quick := func(what string, limit time.Duration, f func()) {
		t.Helper()
		begun := time.Now()
		f()
		if took := time.Since(begun); took > limit {
			t.Errorf("%s took %v", what, took)
		}
	}
	const limit = time.Minute // the probe hangs for ever
	quick("Init", limit, func() {
		if err := Init(Options{DSN: server.DSN()}); err != nil {
			t.Fatal(err)
		}
	})
	var ctx context.Context
	var span *TaskSpan
	quick("CreateTaskSpan", limit, func() { ctx, span = CreateTaskSpan(t.Context(), "hang", 0, 1, nil) })
	quick("CaptureTaskException", limit, func() { CaptureTaskException(ctx, errors.New("x"), "", nil, nil) })
	quick("CaptureTaskFailure", limit, func() { CaptureTaskFailure(ctx, "", "x", nil, nil) })
	quick("Finish", limit, span.Finish)
	if !Flush(time.Minute) {
		t.Error("Flush = false")
	}
	quick("Close", limit, func() { Close(time.Minute) })
	if n := asked.Load(); n != 1 {
		t.Errorf("the hanging probe was asked %d times", n)
	}
	events := append(server.Events(), server.Transactions()...)
	if len(events) != 3 {
		t.Fatalf("%d events, want 3", len(events))
	}
	for _, e := range events {
		for _, name := range []string{"os", "device", "runtime", "app", "cpu", "memory", "process", "system"} {
			if len(e.Contexts[name]) == 0 {
				t.Errorf("%s: the context %s is missing", e.Title(), name)
			}
		}
		if e.Contexts["never"] != nil {
			t.Errorf("%s: the hanging probe's values are there", e.Title())
		}
	}
}

// While nothing happens, nothing runs; and after Close there is nothing left.
func TestIdleHasNoGoroutine(t *testing.T) {
	stacks := func() string {
		buf := make([]byte, 1<<20)
		return string(buf[:runtime.Stack(buf, true)])
	}
	await := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
			all := stacks()
			if !strings.Contains(all, "(*collector)") && !strings.Contains(all, "(*probeState)") {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s a goroutine of the collector runs:\n%s", what, all)
			}
		}
	}
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	await("after Init")
	_, span := CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	await("while a task runs, between two readings,")
	span.Finish()
	await("after a task")
	Close(time.Minute)
	if all := stacks(); strings.Contains(all, "(*collector)") || strings.Contains(all, "(*probeState)") {
		t.Errorf("after Close a goroutine of the collector runs:\n%s", all)
	}
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
		{"reserved for root", 10 * gb, 5 * gb, 4 * gb, "map[device:d free_gb:4 fstype:f percent_used:55.56 total_gb:10 used_gb:5]"},
		{"empty", 0, 0, 0, "map[device:d free_gb:0 fstype:f total_gb:0 used_gb:0]"},
		{"more free than there is", gb, 2 * gb, gb, "map[device:d free_gb:1 fstype:f percent_used:0 total_gb:1 used_gb:0]"},
		{"full", 3 * gb, 0, 0, "map[device:d free_gb:0 fstype:f percent_used:100 total_gb:3 used_gb:3]"},
	} {
		if got := fmt.Sprint(diskContext("d", "f", test.total, test.free, test.available)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
