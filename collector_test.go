package sentryconfig

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/sentrytest"
)

var machineContexts = []string{
	"os", "device", "runtime", "app", "cpu", "memory", "process", "environment", "system",
}

// AwaitMachine waits until each of a Client's contexts of the machine has been read. On a busy machine that takes
// longer than an event waits for it.
func AwaitMachine(c *Client) {
	missing := func(name string) bool { return len(c.collector.Snapshot(time.Minute)[name]) == 0 }
	for slices.ContainsFunc(machineContexts, missing) {
		runtime.Gosched()
	}
}

// With probes that hang and panic every call takes what it takes without, and only their values are missing.
func TestHangingProbeHoldsNothingUp(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Int64
	addedProbes = []machine.Probe{
		{Name: "hanging", Every: time.Second, Read: func() map[string]machine.Values {
			asked.Add(1)
			<-release
			return map[string]machine.Values{"never": {"seen": 1}}
		}},
		{Name: "panicking", Every: time.Second, Read: func() map[string]machine.Values { panic("boom") }},
	}
	defer func() {
		addedProbes = nil
		close(release)
	}()
	server := sentrytest.NewServer(t)
	// TestCollectorWithBadProbes looks at the collector's own deadlines, in a time of its own. Here the machine may be
	// busy.
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
	AwaitMachine(Default())
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
		for _, name := range machineContexts {
			if len(e.Contexts[name]) == 0 {
				t.Errorf("%s: the context %s is missing", e.Title(), name)
			}
		}
		if e.Contexts["never"] != nil {
			t.Errorf("%s: the hanging probe's values are there", e.Title())
		}
	}
}

// While nothing happens, the collector's goroutine is parked, and no other is there; after Close there is none.
func TestIdleHasNoGoroutine(t *testing.T) {
	stacks := func() string {
		buf := make([]byte, 1<<20)
		return string(buf[:runtime.Stack(buf, true)])
	}
	await := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
			all := stacks()
			if !strings.Contains(all, "(*Collector)") && !strings.Contains(all, "(*probeState)") {
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
	if all := stacks(); strings.Contains(all, "(*Collector)") || strings.Contains(all, "(*probeState)") {
		t.Errorf("after Close a goroutine of the collector runs:\n%s", all)
	}
}
