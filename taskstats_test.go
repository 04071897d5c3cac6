package sentryconfig_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func TestTaskStats(t *testing.T) {
	opts := sentryconfig.Options{Expected: func(err error) bool { return errors.Is(err, errors.ErrUnsupported) }}
	client, _ := newClient(t, opts)
	run := func(f func(context.Context) error) {
		_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "backup"}, f)
	}
	began := time.Now()
	run(func(context.Context) error {
		if s := client.Stats().Tasks["backup"]; s != (sentryconfig.TaskStats{Running: 1}) {
			t.Errorf("while it runs: %+v", s)
		}
		return nil
	})
	s := client.Stats().Tasks["backup"]
	if s.Runs != 1 || s.Failures != 0 || s.Running != 0 ||
		s.LastSuccess.Before(began.Add(-time.Millisecond)) || !s.LastFailure.IsZero() {
		t.Errorf("after a success: %+v", s)
	}
	run(func(context.Context) error { return errors.New("x") })
	run(func(context.Context) error { panic("x") })
	run(func(context.Context) error { return &sentryconfig.TaskFailure{Reason: "x"} })
	run(func(context.Context) error { return errors.ErrUnsupported })
	func() {
		ctx, cancel := context.WithCancel(t.Context())
		_ = client.RunTask(ctx, sentryconfig.Task{Type: "backup"}, func(ctx context.Context) error {
			cancel()
			return ctx.Err()
		})
	}()
	inner, span := client.CreateTaskSpan(t.Context(), "outer", 0, 0, nil)
	_ = client.RunTask(inner, sentryconfig.Task{Type: "backup"}, func(context.Context) error { return nil })
	span.SetStatus(sentry.SpanStatusNotFound)
	span.Finish()
	span.Finish()
	all := client.Stats().Tasks
	if s := all["backup"]; s.Runs != 7 || s.Failures != 3 || s.Running != 0 || s.LastFailure.Before(began) {
		t.Errorf("backup: %+v", s)
	}
	if s := all["outer"]; s.Runs != 1 || s.Failures != 1 || len(all) != 2 {
		t.Errorf("%+v", all)
	}
	text, err := json.Marshal(client.Stats())
	want := `"Tasks":{"backup":{"Runs":7,"Failures":3,"Running":0,"LastSuccess":"20`
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s, %v", text, err)
	}

	_, span = client.CreateTaskSpan(t.Context(), "outer", 0, 0, nil)
	client.SetEnabled(false)
	client.SetEnabled(true)
	span.Finish()
	if s := client.Stats().Tasks["outer"]; s.Runs != 1 || s.Running != 0 {
		t.Errorf("a task that was off: %+v", s)
	}
	_, _ = client.CreateTaskSpan(t.Context(), "left", 0, 0, nil)
	client.Close(time.Minute)
	if s := client.Stats().Tasks["left"]; s.Runs != 1 || s.Running != 0 || s.Failures != 0 {
		t.Errorf("a task that Close ended: %+v", s)
	}
}

// What an engine makes of an attempt: a postponed one is neither, and one that will be tried again has failed.
func TestTaskStatsOfJobs(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{})
	for _, outcome := range []sentryconfig.Outcome{sentryconfig.OutcomePostponed, sentryconfig.OutcomeCancelled,
		sentryconfig.OutcomeRetried, sentryconfig.OutcomeRetriedQuietly, sentryconfig.OutcomeFailed} {
		job := &sentryconfig.Job{System: "asynq", Queue: "q", ID: outcome.String(), Attempt: 1, MaxAttempts: 3,
			Classify: func(context.Context, error) sentryconfig.Outcome { return outcome }}
		_ = client.RunTask(t.Context(), sentryconfig.Task{Type: outcome.String(), Job: job},
			func(context.Context) error { return errors.New("x") })
	}
	got := make(map[string]string)
	for name, s := range client.Stats().Tasks {
		got[name] = fmt.Sprint(s.Runs, s.Failures, !s.LastSuccess.IsZero(), !s.LastFailure.IsZero())
	}
	want := map[string]string{"postponed": "1 0 false false", "cancelled": "1 0 false false",
		"retried": "2 2 false true",
		"failed":  "1 1 false true"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A type that varies costs no memory without end.
func TestTaskStatsOfManyTypes(t *testing.T) {
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0),
		Alerts: []sentryconfig.Alert{{Window: time.Hour, MaxFailureRate: 1}}}
	client, _ := newClient(t, opts)
	for i := range 1500 {
		_, span := client.CreateTaskSpan(t.Context(), "type "+strconv.Itoa(i), 0, 0, nil)
		span.Finish()
	}
	all := client.Stats().Tasks
	if len(all) != 1000 || all["type 0"].Runs != 1 || all["type 999"].Runs != 1 {
		t.Errorf("%d types", len(all))
	}
}

// rateEvents are the events of alerts, as level and message.
func rateEvents(events []sentrytest.Event) (list []string) {
	for _, e := range events {
		if e.Tag("failure_type") == "failure_rate" {
			list = append(list, e.Level+" "+e.Message)
		}
	}
	return list
}

// runsOf returns a function that runs tasks of a type, some of which fail.
func runsOf(t *testing.T, client *sentryconfig.Client, taskType string) func(failures, successes int) {
	return func(failures, successes int) {
		for i := range failures + successes {
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: taskType}, func(context.Context) error {
				if i < failures {
					return errors.New("x")
				}
				return nil
			})
		}
	}
}

func TestAlerts(t *testing.T) {
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0), SendSystemInfo: sentry.Set(false),
		Alerts: []sentryconfig.Alert{{TaskType: "backup", Window: 15 * time.Minute, MinRuns: 10, MaxFailureRate: 0.5}}}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		backup, other := runsOf(t, client, "backup"), runsOf(t, client, "other")
		want := func(list ...string) {
			t.Helper()
			flushClient(t, client)
			if got := rateEvents(server.Events()); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", list) {
				t.Fatalf("alerts %q, want %q", got, list)
			}
		}
		other(20, 0) // of another type
		backup(5, 0)
		want() // too few
		backup(0, 4)
		want()
		backup(1, 0)
		raised := "warning backup: failure rate 60 % (6 of 10 in 15m)"
		want(raised)
		backup(3, 0)
		want(raised) // once
		backup(0, 5)
		over := "info backup: failure rate 50 % (9 of 18 in 15m)"
		want(raised, over)
		for range 30 { // around the limit
			backup(1, 0)
			backup(0, 1)
		}
		want(raised, over)
		time.Sleep(16 * time.Minute) // all of these are forgotten
		backup(7, 2)
		want(raised, over)
		backup(1, 0)
		again := "warning backup: failure rate 80 % (8 of 10 in 15m)"
		want(raised, over, again)
		time.Sleep(16 * time.Minute)
		backup(0, 1)
		want(raised, over, again, "info backup: failure rate 0 % (0 of 1 in 15m)")
		for _, e := range server.Events() {
			if e.Tag("failure_type") == "failure_rate" && (fmt.Sprint(e.Fingerprint) != "[backup failure_rate]" ||
				e.Tag("task_type") != "backup" || e.Transaction != "task.backup" ||
				e.Contexts["failure_rate"]["runs"] == nil) {
				t.Errorf("event %s", e.Raw)
			}
		}
	})
}

// An alert without a type watches each by itself; one that is changed begins anew, and one that stays goes on.
func TestAlertsReconfigured(t *testing.T) {
	any := sentryconfig.Alert{Window: time.Hour, MinRuns: 4, MaxFailureRate: 0}
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0), Alerts: []sentryconfig.Alert{any}}
	client, server := newClient(t, opts)
	opts.DSN = server.DSN()
	for i := range 3 {
		runsOf(t, client, "t"+strconv.Itoa(i))(i, 3-i)
	}
	opts.Alerts = []sentryconfig.Alert{{TaskType: "t1", Window: time.Minute, MaxFailureRate: 0.5}, any}
	if err := client.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		runsOf(t, client, "t"+strconv.Itoa(i))(0, 1)
	}
	runsOf(t, client, "t1")(2, 0)
	opts.Alerts = nil
	if err := client.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	runsOf(t, client, "t0")(9, 0)
	flushClient(t, client)
	got := rateEvents(server.Events())
	slices.Sort(got)
	want := []string{"warning t1: failure rate 25 % (1 of 4 in 1h)", "warning t1: failure rate 67 % (2 of 3 in 1m)",
		"warning t2: failure rate 50 % (2 of 4 in 1h)"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("alerts %q, want %q", got, want)
	}
}

// A thousand types are watched in bounded memory, and alerts work with a transport of the user's own.
func TestAlertsOfManyTypes(t *testing.T) {
	events := make(map[string]int)
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0), SendSystemInfo: sentry.Set(false),
		Alerts: []sentryconfig.Alert{{Window: time.Hour, MinRuns: 2, MaxFailureRate: 0.9}},
		ClientOptions: func(o *sentry.ClientOptions) {
			o.Transport = transportFunc(func(e *sentry.Event) { events[e.Message]++ })
		}}
	client, _ := newClient(t, opts)
	before := heapInUse()
	for i := range 1000 {
		runsOf(t, client, "t"+strconv.Itoa(i))(2, 0)
	}
	if grown := heapInUse() - before; grown > 2<<20 {
		t.Errorf("1,000 types took %d bytes", grown)
	}
	for i := range 1000 {
		if n := events[fmt.Sprintf("t%d: failure rate 100 %% (2 of 2 in 1h)", i)]; n != 1 {
			t.Fatalf("type %d: %d alerts", i, n)
		}
	}
	runtime.KeepAlive(client)
	if s := client.Stats(); s.Tasks != nil || s.HeldBack != 0 {
		t.Errorf("stats %+v", s)
	}
}

// What is due wakes the Client's own goroutine, and nothing else does.
func TestNothingIsDueWithoutTasks(t *testing.T) {
	opts := sentryconfig.Options{StuckAfter: time.Minute, MaxPerMinute: 1,
		Alerts: []sentryconfig.Alert{{Window: time.Minute}}}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, _ *sentrytest.Server) {
		synctest.Wait()
		before := time.Now()
		time.Sleep(100 * 24 * time.Hour)
		if time.Since(before) != 100*24*time.Hour || client.Stats().Captured != 0 {
			t.Errorf("stats %+v", client.Stats())
		}
	})
}
