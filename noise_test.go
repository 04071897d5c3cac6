package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// inBubble runs f with a Client that was made in a bubble of testing/synctest, whose server is outside.
func inBubble(t *testing.T, opts sentryconfig.Options, f func(*testing.T, *sentryconfig.Client, *sentrytest.Server)) {
	t.Helper()
	server := newServer(t)
	opts.DSN = server.DSN()
	synctest.Test(t, func(t *testing.T) {
		client, err := sentryconfig.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close(time.Minute)
		f(t, client, server)
	})
}

// limited are Options with a limit, and no system context, which costs most of a capture.
func limited(perMinute int) sentryconfig.Options {
	return sentryconfig.Options{MaxPerMinute: perMinute, SendSystemInfo: sentry.Set(false)}
}

// heldBack returns the tag of each event, in the order of arrival.
func heldBack(events []sentrytest.Event) (tags []string) {
	for _, e := range events {
		tags = append(tags, e.Tag("held_back"))
	}
	return tags
}

// 3,000 captures of one error make MaxPerMinute events and one that tells the number.
func TestMaxPerMinute(t *testing.T) {
	const captures, limit = 3000, 5
	inBubble(t, limited(limit), func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		for i := range captures {
			id := client.CaptureTaskException(t.Context(), fmt.Errorf("disk %d", i), "backup", nil, nil)
			if (id != "") != (i < limit) {
				t.Fatalf("capture %d: ID %q", i, id)
			}
		}
		other := client.CaptureTaskFailure(t.Context(), "backup", "another fingerprint", nil, nil)
		flushClient(t, client)
		events := server.WaitEvents(limit+1, time.Minute)
		if len(events) != limit+1 || other == "" {
			t.Fatalf("%d events", len(events))
		}
		if s := client.Stats(); s.HeldBack != captures-limit || s.DroppedBy["sample_rate"] != captures-limit-1 {
			t.Errorf("stats %+v", s)
		}
		client.Close(time.Minute)
		events = server.WaitEvents(limit+2, time.Minute)
		last := events[len(events)-1]
		if len(events) != limit+2 || last.Tag("held_back") != strconv.Itoa(captures-limit) ||
			last.Exceptions[0].Value != fmt.Sprintf("disk %d", captures-1) {
			t.Errorf("%d events, the last: %s", len(events), last.Raw)
		}
		if s := client.Stats(); s.HeldBack != captures-limit || s.Pending != 0 || s.Captured != s.Delivered {
			t.Errorf("stats %+v", s)
		}
		reports := server.ClientReports()
		if reports["sample_rate"]["error"] != captures-limit-1 || reports["before_send"] != nil {
			t.Errorf("client reports %v", reports)
		}
	})
}

// The next one that passes tells how many were held back; without a next one, the newest of them does.
func TestHeldBackIsTold(t *testing.T) {
	inBubble(t, limited(2), func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		capture := func(n int) {
			for range n {
				client.CaptureTaskFailure(t.Context(), "backup", "full", nil, nil)
			}
		}
		want := func(tags ...string) {
			t.Helper()
			synctest.Wait()
			flushClient(t, client)
			if got := heldBack(server.WaitEvents(len(tags), time.Minute)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q",
				tags) {
				t.Fatalf("held_back %q, want %q", got, tags)
			}
		}
		capture(10)
		want("", "")
		time.Sleep(time.Minute) // the next minute
		capture(1)
		want("", "", "8")
		capture(3) // of which one passes
		time.Sleep(time.Minute)
		want("", "", "8", "")
		time.Sleep(59 * time.Second) // a minute in which none passes
		want("", "", "8", "")
		time.Sleep(time.Second)
		want("", "", "8", "", "2")
		time.Sleep(time.Hour)
		capture(3)
		want("", "", "8", "", "2", "", "")
		client.Close(time.Minute)
		if got := heldBack(server.Events()); len(got) != 8 || got[7] != "1" {
			t.Errorf("after Close: %q", got)
		}
		if n := client.Stats().HeldBack; n != 8+2+1 {
			t.Errorf("HeldBack = %d", n)
		}
	})
}

// An error that was held back is seen to: it is no event of an outer task either.
func TestHeldBackOnce(t *testing.T) {
	client, server := newClient(t, limited(1))
	for i := range 3 {
		err := client.RunTask(t.Context(), sentryconfig.Task{Type: "outer"}, func(ctx context.Context) error {
			return client.RunTask(ctx, sentryconfig.Task{Type: "inner"}, func(ctx context.Context) error {
				if i == 2 {
					panic("x")
				}
				err := fmt.Errorf("number %d", i)
				client.CaptureTaskException(ctx, err, "", nil, nil)
				return err
			})
		})
		var task *sentryconfig.TaskError
		if !errors.As(err, &task) || (task.EventID != "") != (i != 1) || len(task.EventID) > 32 {
			t.Errorf("run %d: %+v", i, task)
		}
	}
	if n := client.Stats().HeldBack; n != 1 {
		t.Errorf("HeldBack = %d", n)
	}
	if n := client.Stats().Tasks["outer"].Failures; n != 3 {
		t.Errorf("%d failures", n)
	}
	flushClient(t, client)
	for _, e := range server.WaitEvents(2, time.Minute) {
		if e.Tag("task_type") != "inner" {
			t.Errorf("event of %s", e.Tag("task_type"))
		}
	}
}

// The next event that passes has the number also when the limit is gone by then.
func TestHeldBackIsToldWithoutALimit(t *testing.T) {
	inBubble(t, limited(1), func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		capture := func(taskType string) { client.CaptureTaskFailure(t.Context(), taskType, "full", nil, nil) }
		for range 4 {
			capture("backup")
		}
		opts := limited(0)
		opts.DSN = server.DSN()
		if err := client.Reconfigure(opts); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			capture("backup")
			capture("scan")
		}
		client.Close(time.Minute)
		tags := heldBack(server.Events())
		slices.Sort(tags) // requests overtake each other
		if want := []string{"", "", "", "", "", "", "3"}; !slices.Equal(tags, want) {
			t.Errorf("held back: %q, want %q", tags, want)
		}
	})
}

// What is held back has no more personal data, and isn't sent at all, once the user has withdrawn it.
func TestHeldBackPrivately(t *testing.T) {
	client, server := newClient(t, limited(1))
	capture := func(secret string) {
		client.CaptureTaskFailure(t.Context(), "backup", "full", map[string]any{"password": secret}, nil)
	}
	capture("s3cr3t-1")
	capture("s3cr3t-2")
	opts := limited(1)
	opts.DSN, opts.SendPII = server.DSN(), sentry.Set(false)
	if err := client.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	client.Close(time.Minute)
	if s := client.Stats(); s.DroppedBy["before_send"] == 0 {
		t.Errorf("stats %+v", s)
	}
	for _, e := range server.Events() {
		if e.Tag("held_back") != "" {
			t.Errorf("sent: %s", e.Raw)
		}
	}
}

// What was captured is what is sent, whatever the program does with its values since then.
func TestHeldBackIsDetached(t *testing.T) {
	client, server := newClient(t, limited(1))
	ctx, span := client.CreateTaskSpan(t.Context(), "backup", 0, 0, nil)
	inner := map[string]any{"state": "then"}
	sentry.GetHubFromContext(ctx).Scope().SetContext("machine_room", map[string]any{"list": []any{inner}})
	for range 2 {
		client.CaptureTaskFailure(ctx, "", "full", nil, nil)
	}
	inner["state"] = "later"
	span.Finish()
	client.Close(time.Minute)
	events := server.WaitEvents(2, time.Minute)
	if got := fmt.Sprint(events[1].Contexts["machine_room"]); got != "map[list:[map[state:then]]]" {
		t.Errorf("sent %s", got)
	}
}

// Each fingerprint has a limit of its own, and memory for them is bounded.
func TestManyFingerprints(t *testing.T) {
	var loud atomic.Int64
	opts := limited(2)
	opts.ClientOptions = func(o *sentry.ClientOptions) {
		o.Transport = transportFunc(func(e *sentry.Event) {
			if e.Tags["task_type"] == "loud" {
				loud.Add(1)
			}
		})
	}
	client, _ := newClient(t, opts)
	started := time.Now()
	n := 50_000
	if raceDetector {
		n = 10_000
	}
	capture := func(i int) {
		if client.CaptureTaskFailure(t.Context(), "t"+strconv.Itoa(i), "", nil, nil) == "" {
			t.Fatalf("the only one of fingerprint %d is held back", i)
		}
		if i%10 == 0 {
			client.CaptureTaskFailure(t.Context(), "loud", "", nil, nil)
		}
	}
	for i := range n {
		capture(i)
	}
	before := heapInUse()
	for i := range n {
		capture(n + i)
	}
	if grown := heapInUse() - before; grown > 1<<20 {
		t.Errorf("%d more fingerprints took %d bytes", n, grown)
	}
	if minutes := int64(time.Since(started)/time.Minute) + 2; loud.Load() > 3*minutes {
		t.Errorf("%d events of one error in less than %d minutes", loud.Load(), minutes)
	}
}

// transportFunc is a transport of the user's own.
type transportFunc func(*sentry.Event)

func (f transportFunc) SendEvent(e *sentry.Event)           { f(e) }
func (transportFunc) Configure(sentry.ClientOptions)        {}
func (transportFunc) Flush(time.Duration) bool              { return true }
func (transportFunc) FlushWithContext(context.Context) bool { return true }
func (transportFunc) Close()                                {}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Many goroutines, many fingerprints, a limit that changes: nothing is uncounted.
func TestMaxPerMinuteConcurrently(t *testing.T) {
	client, server := newClient(t, limited(3))
	const workers, each = 8, 200
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				client.CaptureTaskFailure(t.Context(), "t"+strconv.Itoa(i%20), "x", nil, nil)
				if w == 0 && i%50 == 0 {
					opts := limited(3 + i/50)
					opts.DSN = server.DSN()
					if err := client.Reconfigure(opts); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	client.Close(time.Minute)
	s := client.Stats()
	if s.Delivered+s.DroppedBy["sample_rate"] != workers*each || s.Pending != 0 {
		t.Errorf("%d captures; stats %+v", workers*each, s)
	}
	told := 0
	for _, e := range server.Events() {
		n, _ := strconv.Atoi(e.Tag("held_back"))
		told += n
	}
	if uint64(told) != s.HeldBack {
		t.Errorf("events tell of %d held back, Stats of %d", told, s.HeldBack)
	}
}

// With a transport of the user's own the limit holds as well.
func TestMaxPerMinuteOwnTransport(t *testing.T) {
	mock := &sentry.MockTransport{}
	opts := limited(1)
	opts.ClientOptions = func(o *sentry.ClientOptions) { o.Transport = mock }
	client, _ := newClient(t, opts)
	for range 5 {
		client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	}
	client.Close(time.Minute)
	if events := mock.Events(); len(events) != 2 || events[1].Tags["held_back"] != "4" {
		t.Errorf("%d events", len(events))
	}
}

// A transport of the user's own that panics is no trouble of the program's.
func TestHeldBackTransportPanics(t *testing.T) {
	opts := limited(1)
	opts.ClientOptions = func(o *sentry.ClientOptions) {
		o.Transport = transportFunc(func(*sentry.Event) { panic("transport") })
	}
	client, _ := newClient(t, opts)
	for range 3 {
		client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	}
	client.Close(time.Minute)
}

// PurgeOutbox deletes what is held back too.
func TestHeldBackIsPurged(t *testing.T) {
	opts := limited(1)
	opts.OutboxDir = t.TempDir()
	client, server := newClient(t, opts)
	for range 3 {
		client.CaptureTaskFailure(t.Context(), "backup", "full", nil, nil)
	}
	flushClient(t, client)
	if err := sentryconfig.PurgeOutbox(opts.OutboxDir); err != nil {
		t.Fatal(err)
	}
	client.Close(time.Minute)
	if n := len(server.Events()); n != 1 {
		t.Errorf("%d events", n)
	}
	if s := client.Stats(); s.DroppedBy["before_send"] != 1 || s.DroppedBy["sample_rate"] != 1 || s.HeldBack != 2 {
		t.Errorf("stats %+v", s)
	}
}
