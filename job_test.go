package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/sentrytest"
)

var hourly = &sentryconfig.Monitor{Slug: "hourly", Config: &sentry.MonitorConfig{
	Schedule: sentry.IntervalSchedule(1, sentry.MonitorScheduleUnitHour)}}

func jobOf(attempt, maximum int) *sentryconfig.Job {
	return &sentryconfig.Job{System: "asynq", Queue: "mail", ID: "j1", Attempt: attempt, MaxAttempts: maximum}
}

func says(o sentryconfig.Outcome) func(context.Context, error) sentryconfig.Outcome {
	return func(context.Context, error) sentryconfig.Outcome { return o }
}

// TestJobOutcomes goes through the contract's table.
func TestJobOutcomes(t *testing.T) {
	broken := func(context.Context) error { return fs.ErrNotExist }
	panics := func(context.Context) error { panic("boom") }
	for _, test := range []struct {
		name       string
		attempt    int
		max        int
		classify   func(context.Context, error) sentryconfig.Outcome
		run        func(context.Context) error
		level      string // "": no event
		status     string
		outcome    string
		checkIns   string
		wantsRetry bool
	}{
		{"success", 1, 3, nil, func(context.Context) error { return nil }, "", "ok", "ok", "in_progress ok", false},
		{"first", 1, 3, nil, broken, "warning", "internal_error", "retried", "in_progress in_progress", true},
		{"second", 2, 3, nil, broken, "", "internal_error", "retried", "in_progress in_progress", false},
		{"last", 3, 3, nil, broken, "error", "internal_error", "failed", "in_progress error", false},
		{"only", 1, 1, nil, broken, "error", "internal_error", "failed", "in_progress error", false},
		{"no end", 9, 0, nil, broken, "", "internal_error", "retried", "in_progress in_progress", false},
		{"first panic", 1, 3, nil, panics, "warning", "internal_error", "retried", "in_progress in_progress", true},
		{"second panic", 2, 3, nil, panics, "", "internal_error", "retried", "in_progress in_progress", false},
		{"last panic", 3, 3, nil, panics, "fatal", "internal_error", "failed", "in_progress error", false},
		{"given up", 1, 3, says(sentryconfig.OutcomeFailed), broken, "error", "internal_error", "failed",
			"in_progress error", false},
		{"postponed", 1, 3, says(sentryconfig.OutcomePostponed), broken, "", "ok", "postponed",
			"in_progress in_progress", false},
		{"cancelled", 1, 3, says(sentryconfig.OutcomeCancelled), broken, "", "cancelled", "cancelled",
			"in_progress ok", false},
		{"rubbish", 1, 3, says(77), broken, "warning", "internal_error", "retried", "in_progress in_progress", true},
		{"panic in Classify", 3, 3, func(context.Context, error) sentryconfig.Outcome { panic("oh") }, broken, "error",
			"internal_error", "failed", "in_progress error", false},
		{"failure", 1, 3, nil, func(context.Context) error { return &sentryconfig.TaskFailure{Reason: "no"} }, "warning",
			"failed_precondition", "retried", "in_progress in_progress", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := newClient(t, sentryconfig.Options{})
			job := jobOf(test.attempt, test.max)
			job.Classify = test.classify
			_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Job: job, Monitor: hourly},
				test.run)
			flushClient(t, client)
			tx := transactions(t, server, 1)[0]
			if status(tx) != test.status || dataOf(tx)["task.outcome"] != test.outcome {
				t.Errorf("status %s, data %v, want %s, %s", status(tx), dataOf(tx), test.status, test.outcome)
			}
			if got := checkInStatuses(server); got != test.checkIns {
				t.Errorf("check-ins %q, want %q", got, test.checkIns)
			}
			checkJobEvent(t, server.Events(), test.level, test.wantsRetry)
		})
	}
}

func checkJobEvent(t *testing.T, events []sentrytest.Event, level string, willRetry bool) {
	t.Helper()
	if level == "" {
		if len(events) > 0 {
			t.Errorf("%d events", len(events))
		}
		return
	}
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	if e.Level != level || (e.Tags["will_retry"] == "true") != willRetry || e.Tags["queue"] != "mail" {
		t.Errorf("level %s, tags %v", e.Level, e.Tags)
	}
	if task := e.Contexts["task"]; task["queue"] != "mail" || task["id"] != "j1" {
		t.Errorf("context task %v", task)
	}
}

func dataOf(tx sentrytest.Event) map[string]any {
	data, _ := tx.Contexts["trace"]["data"].(map[string]any)
	return data
}

func checkInStatuses(server *sentrytest.Server) string {
	var list []string
	for _, c := range server.CheckIns() {
		list = append(list, c.Status)
	}
	return strings.Join(list, " ")
}

// TestJobTransaction: what Sentry's Queues page reads, and the enqueuer's trace.
func TestJobTransaction(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	job := jobOf(2, 5)
	job.Size, job.Wait = 17, 1500*time.Microsecond
	for i := range 12 {
		job.EarlierErrors = append(job.EarlierErrors, fmt.Sprint("error ", i))
	}
	enqueue, span := client.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
	headers := sentryconfig.TraceHeaders(enqueue)
	job.Trace, job.Baggage = headers["sentry-trace"], headers["baggage"]
	span.Finish()
	_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Index: 3, Total: 4, Job: job,
		Tags: map[string]string{"shop": "x"}}, func(context.Context) error { return nil })
	flushClient(t, client)
	both := transactions(t, server, 2)
	shop, tx := both[0], both[1]
	trace := tx.Contexts["trace"]
	if tx.Transaction != "task.send" || trace["op"] != "queue.process" || trace["origin"] != "auto.queue.asynq" ||
		trace["trace_id"] != shop.Contexts["trace"]["trace_id"] ||
		trace["parent_span_id"] != shop.Contexts["trace"]["span_id"] {
		t.Errorf("transaction %s, trace %v, enqueuer's %v", tx.Transaction, trace, shop.Contexts["trace"])
	}
	want := map[string]any{"messaging.system": "asynq", "messaging.destination.name": "mail",
		"messaging.message.id":          "j1",
		"messaging.message.retry.count": 1.0, "messaging.message.body.size": 17.0, "messaging.message.receive.latency": 1.5,
		"task.outcome": "ok"}
	if fmt.Sprint(dataOf(tx)) != fmt.Sprint(want) {
		t.Errorf("data %v\nwant %v", dataOf(tx), want)
	}
	if tx.Tags["queue"] != "mail" || tx.Tags["shop"] != "x" || tx.Tags["task_index"] != "" {
		t.Errorf("tags %v", tx.Tags)
	}
	task := tx.Contexts["task"]
	earlier, _ := task["earlier_errors"].([]any)
	if task["attempt"] != 2.0 || task["max_attempts"] != 5.0 || task["index"] != nil ||
		len(earlier) != 10 || earlier[9] != "error 11" {
		t.Errorf("context task %v", task)
	}
}

// TestCheckIns: one ID for all attempts, the duration at the end, the trace of the task.
func TestCheckIns(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	run := func(job *sentryconfig.Job, err error) {
		_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Job: job, Monitor: hourly},
			func(context.Context) error {
				for begun := time.Now(); time.Since(begun) < time.Millisecond; { // less than clocks tell would be 0
					runtime.Gosched()
				}
				return err
			})
	}
	run(jobOf(1, 2), fs.ErrNotExist)
	run(jobOf(2, 2), nil)
	run(nil, nil)
	run(nil, fs.ErrNotExist)
	flushClient(t, client)
	list := server.CheckIns()
	want := "in_progress in_progress in_progress ok in_progress ok in_progress error"
	if got := checkInStatuses(server); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, c := range list {
		if sameAsFirst := c.ID == list[0].ID; sameAsFirst != (i < 4) {
			t.Errorf("check-in %d has the ID %s, the first %s", i, c.ID, list[0].ID)
		}
		if (c.Duration > 0) != (c.Status != "in_progress") || c.MonitorSlug != "hourly" || c.TraceID == "" ||
			c.MonitorConfig == nil {
			t.Errorf("check-in %d: %+v", i, c)
		}
	}
	if list[4].ID == list[6].ID {
		t.Error("two runs share an ID")
	}
}

// TestCheckInStays: a task that is cancelled says nothing, for it may be run again.
func TestCheckInStays(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.RunTask(ctx, sentryconfig.Task{Type: "send", Job: jobOf(1, 1), Monitor: hourly},
		func(ctx context.Context) error { return ctx.Err() })
	flushClient(t, client)
	if got := checkInStatuses(server); got != "in_progress" {
		t.Errorf("check-ins %q", got)
	}
	server.RequireNoEvents()
	if tx := transactions(t, server, 1)[0]; status(tx) != "cancelled" || dataOf(tx)["task.outcome"] != "cancelled" {
		t.Errorf("status %s, data %v", status(tx), dataOf(tx))
	}
}

// TestCheckInOfGoexit: a scheduled run that ends its goroutine has failed. The end of a job is for its engine to say.
func TestCheckInOfGoexit(t *testing.T) {
	for want, job := range map[string]*sentryconfig.Job{"in_progress error": nil, "in_progress": jobOf(1, 3)} {
		client, server := newClient(t, sentryconfig.Options{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Job: job, Monitor: hourly},
				func(context.Context) error {
					runtime.Goexit()
					return nil
				})
		})
		wg.Wait()
		flushClient(t, client)
		if got := checkInStatuses(server); got != want {
			t.Errorf("check-ins %q, want %q", got, want)
		}
	}
}

// TestBadSlug: one that Sentry refuses is a warning and no check-in.
func TestBadSlug(t *testing.T) {
	for _, slug := range []string{"", "UPPER", "a b", "ä", strings.Repeat("x", 51)} {
		log := &recorder{}
		client, server := newClient(t, sentryconfig.Options{Logger: slog.New(log)})
		monitor := &sentryconfig.Monitor{Slug: slug}
		_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Monitor: monitor},
			func(context.Context) error { return nil })
		flushClient(t, client)
		if n := len(server.CheckIns()); n > 0 || !strings.Contains(log.text(), "slug") {
			t.Errorf("slug %q: %d check-ins, logged %s", slug, n, log.text())
		}
	}
}

// TestBadMonitorConfig: Relay drops a check-in whose monitor has a schedule that it can't read, or a number below 0.
func TestBadMonitorConfig(t *testing.T) {
	crontab := sentry.CrontabSchedule("0 3 * * *")
	for name, test := range map[string]struct {
		config sentry.MonitorConfig
		warned bool
	}{
		"no schedule":  {sentry.MonitorConfig{Timezone: "UTC"}, true},
		"no crontab":   {sentry.MonitorConfig{Schedule: sentry.CrontabSchedule("")}, true},
		"no interval":  {sentry.MonitorConfig{Schedule: sentry.IntervalSchedule(0, sentry.MonitorScheduleUnitDay)}, true},
		"below 0":      {sentry.MonitorConfig{Schedule: sentry.IntervalSchedule(-1, sentry.MonitorScheduleUnitDay)}, true},
		"unknown unit": {sentry.MonitorConfig{Schedule: sentry.IntervalSchedule(1, "second")}, true},
		"margin":       {sentry.MonitorConfig{Schedule: crontab, CheckInMargin: -1}, false},
		"runtime":      {sentry.MonitorConfig{Schedule: crontab, MaxRuntime: -1}, false},
		"thresholds":   {sentry.MonitorConfig{Schedule: crontab, FailureIssueThreshold: -1, RecoveryThreshold: -1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := &recorder{}
			client, server := newClient(t, sentryconfig.Options{Logger: slog.New(log)})
			given := test.config
			_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send",
				Monitor: &sentryconfig.Monitor{Slug: "nightly", Config: &given}},
				func(context.Context) error { return nil })
			flushClient(t, client)
			checkIns := server.CheckIns()
			if len(checkIns) != 2 || (checkIns[0].MonitorConfig == nil) != test.warned {
				t.Fatalf("check-ins %v", checkIns)
			}
			for name, value := range checkIns[0].MonitorConfig {
				if n, ok := value.(float64); ok && n < 0 {
					t.Errorf("%s is %v", name, n)
				}
			}
			if n := strings.Count(log.text(), "schedule"); n > 1 || (n == 1) != test.warned {
				t.Errorf("logged %s", log.text())
			}
			if given != test.config {
				t.Error("the caller's configuration has changed")
			}
		})
	}
}

// TestOddCheckIn: an ID and a duration that Sentry would drop a check-in for.
func TestOddCheckIn(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send"}, func(ctx context.Context) error {
		for _, id := range []sentry.EventID{"run 7", "run 7", "run 8", "F2DFA9A0-3B5B-4E1C-8D2A-0123456789AB"} {
			sentry.GetHubFromContext(ctx).CaptureCheckIn(&sentry.CheckIn{ID: id, MonitorSlug: "nightly",
				Status: sentry.CheckInStatusOK, Duration: -time.Second}, nil)
		}
		return nil
	})
	flushClient(t, client)
	c := server.CheckIns()
	if len(c) != 4 || c[0].ID != c[1].ID || c[0].ID == c[2].ID || c[3].ID != "f2dfa9a03b5b4e1c8d2a0123456789ab" {
		t.Errorf("check-ins %v", c)
	}
}

// TestOverdue: an engine's verdict while the handler runs is told at once, and the handler's own isn't.
func TestOverdue(t *testing.T) {
	for name, run := range map[string]func() error{
		"nil": func() error { return nil }, "error": func() error { return fs.ErrNotExist },
		"panic": func() error { panic("late") },
	} {
		t.Run(name, func(t *testing.T) {
			client, server := newClient(t, sentryconfig.Options{})
			a := &engine.Attempt{}
			recovered := any(nil)
			func() {
				defer func() { recovered = recover() }()
				_ = client.RunTask(engine.With(context.Background(), a),
					sentryconfig.Task{Type: "send", Job: jobOf(3, 3),
						Monitor: hourly}, func(context.Context) error {
						a.Overdue(context.Background(), context.DeadlineExceeded)
						a.Overdue(context.Background(), context.DeadlineExceeded)
						flushClient(t, client)
						if e := server.Events(); len(e) != 1 || e[0].Level != "error" ||
							e[0].Tags["error_condition"] != "timeout" {
							t.Errorf("while it runs: %v", e)
						}
						return run()
					})
			}()
			if (recovered != nil) != (name == "panic") {
				t.Errorf("recovered %v", recovered)
			}
			flushClient(t, client)
			tx := transactions(t, server, 1)[0]
			if len(server.Events()) != 1 || status(tx) != "deadline_exceeded" ||
				dataOf(tx)["task.outcome"] != "failed" ||
				checkInStatuses(server) != "in_progress error" {
				t.Errorf("%d events, status %s, data %v, check-ins %s", len(server.Events()), status(tx), dataOf(tx),
					checkInStatuses(server))
			}
		})
	}
}

// TestLostLease: the event for an attempt that lost its lease has the ID of that for an interrupted one, so that
// whoever reports it, Sentry keeps one; also when the handler has returned since it was cancelled.
func TestLostLease(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	a := &engine.Attempt{Identity: "ours"}
	ctx, cancel := context.WithCancel(engine.With(context.Background(), a))
	cancel()
	task := sentryconfig.Task{Type: "send", Job: jobOf(1, 3)}
	_ = client.RunTask(ctx, task, func(ctx context.Context) error { return ctx.Err() })
	a.Overdue(ctx, errors.New("lease expired"))
	flushClient(t, client)
	events := server.Events()
	if len(events) != 1 || events[0].Level != "warning" {
		t.Fatalf("events %v", events)
	}
	unqueued := jobOf(1, 3)
	unqueued.Queue, unqueued.ID = "", "" // the engine doesn't tell
	again := client.CaptureInterrupted(engine.With(context.Background(), &engine.Attempt{Identity: "ours"}),
		sentryconfig.Task{Type: "send", Job: unqueued})
	if string(again) != events[0].ID {
		t.Errorf("ID %s, then %s", events[0].ID, again)
	}
}

// TestPanicGoesOnForAdapters: the engine sees the panic, with its stack.
func TestPanicGoesOnForAdapters(t *testing.T) {
	for _, enabled := range []bool{true, false} {
		client, server := newClient(t, sentryconfig.Options{Enabled: sentry.Set(enabled)})
		ctx := engine.With(context.Background(), &engine.Attempt{})
		inner, outer := any(nil), any(nil)
		func() {
			defer func() { outer = recover() }()
			_ = client.RunTask(ctx, sentryconfig.Task{Type: "send", Job: jobOf(1, 1)}, func(ctx context.Context) error {
				part := sentryconfig.Task{Type: "part", Job: jobOf(1, 1)}
				inner = client.RunTask(ctx, part, func(context.Context) error { panic("in") })
				panic("out")
			})
		}()
		if outer != "out" || inner == nil {
			t.Errorf("recovered %v, from the task inside %v", outer, inner)
		}
		flushClient(t, client)
		if want := map[bool]int{true: 2}[enabled]; len(server.Events()) != want {
			t.Errorf("enabled %v: %d events, want %d", enabled, len(server.Events()), want)
		}
	}
}

// TestJobIsNotTheOnlyTask: logs without a context aren't a job's, even when it is the only task.
func TestJobIsNotTheOnlyTask(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	task := sentryconfig.Task{Type: "send", Job: jobOf(1, 1)}
	_ = client.RunTask(context.Background(), task, func(ctx context.Context) error {
		client.AddBreadcrumb(context.Background(), "whose?", "log", "", nil)
		client.CaptureTaskFailure(context.Background(), "", "nobody's", nil, nil)
		client.AddBreadcrumb(ctx, "mine", "log", "", nil)
		return fs.ErrNotExist
	})
	flushClient(t, client)
	for _, e := range server.WaitEvents(2, time.Minute) {
		if e.Message == "" && len(e.Breadcrumbs) != 1 || e.Message != "" && e.Message != "unknown: nobody's" {
			t.Errorf("%s: breadcrumbs %v", e.Message, e.Breadcrumbs)
		}
	}
}

// TestCaptureInterrupted: the event of another process's lost attempt.
func TestCaptureInterrupted(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{Environment: "production", Release: "mine@1"})
	job := jobOf(2, 3)
	job.Trace = "d49d9bf66f13450b81f65bc51cf49c03-1cc4b26ab9094ef0-1"
	task := sentryconfig.Task{Type: "send", Job: job, Tags: map[string]string{"shop": "x"}, Data: "d"}
	id := client.CaptureInterrupted(context.Background(), task)
	last := *job
	last.Attempt = 3
	lastID := client.CaptureInterrupted(nil, //nolint:staticcheck // nil works
		sentryconfig.Task{Type: "send", Job: &last})
	other := *job
	other.Queue = "other"
	otherID := client.CaptureInterrupted(context.Background(), sentryconfig.Task{Job: &other})
	if otherID == id || otherID == "" {
		t.Errorf("another queue's ID %s", otherID)
	}
	plain := client.CaptureInterrupted(context.Background(), sentryconfig.Task{Type: "plain", Total: 2})
	flushClient(t, client)
	byID := make(map[string]sentrytest.Event)
	for _, e := range server.WaitEvents(4, time.Minute) {
		byID[e.ID] = e
	}
	e := byID[string(id)]
	if e.Level != "warning" || e.Message != "send: interrupted" ||
		fmt.Sprint(e.Fingerprint) != "[send task_interrupted]" ||
		e.Tags["failure_type"] != "task_interrupted" || e.Tags["will_retry"] != "true" || e.Tags["shop"] != "x" ||
		e.Contexts["task"]["attempt"] != 2.0 || e.Contexts["task"]["data"] != "d" ||
		e.Contexts["trace"]["trace_id"] != "d49d9bf66f13450b81f65bc51cf49c03" ||
		e.Contexts["trace"]["op"] != "queue.process" {
		t.Errorf("event %s: %s %v %v %v", id, e.Level, e.Tags, e.Contexts["task"], e.Contexts["trace"])
	}
	for _, context := range []string{"process", "memory", "os", "device"} {
		if e.Contexts[context] != nil {
			t.Errorf("context %s: %v", context, e.Contexts[context])
		}
	}
	if e := byID[string(lastID)]; e.Level != "fatal" || e.Tags["will_retry"] != "" {
		t.Errorf("last attempt: %s %v", e.Level, e.Tags)
	}
	if e := byID[string(plain)]; e.Level != "fatal" || e.Contexts["task"]["total"] != 2.0 {
		t.Errorf("plain task: %s %v", e.Level, e.Contexts["task"])
	}
	var none *sentryconfig.Client
	if id := none.CaptureInterrupted(context.Background(), task); id != "" {
		t.Errorf("ID %s from nobody", id)
	}
}

// TestTraceHeaders: of the span in the context, else of its task; whoever asks at the same time.
func TestTraceHeaders(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{Environment: "production"})
	if h := sentryconfig.TraceHeaders(context.Background()); h != nil {
		t.Errorf("without a trace: %v", h)
	}
	if h := sentryconfig.TraceHeaders(nil); h != nil { //nolint:staticcheck // nil works
		t.Errorf("without a context: %v", h)
	}
	ctx, span := client.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
	child := sentry.StartSpan(ctx, "queue.publish")
	got := make(chan map[string]string, 8)
	for range cap(got) {
		go func() { got <- sentryconfig.TraceHeaders(child.Context()) }()
	}
	for range cap(got) {
		h := <-got
		if h["sentry-trace"] != child.ToSentryTrace() ||
			!strings.Contains(h["baggage"], "sentry-environment=production") {
			t.Errorf("headers %v", h)
		}
	}
	child.Finish()
	span.Finish()
	if h := sentryconfig.TraceHeaders(ctx); !strings.Contains(h["baggage"], child.TraceID.String()) {
		t.Errorf("of an ended task: %v", h)
	}
	flushClient(t, client)
	transactions(t, server, 1)
}

// BenchmarkRunTaskOfJob is what an attempt at a job costs that succeeds: without a transaction, with none that might
// have been, and with one.
func BenchmarkRunTaskOfJob(b *testing.B) {
	for _, bench := range []struct {
		name string
		dir  string // of the outbox
		rate float64
	}{{"memory", "", 0}, {"rarely sampled", "", 1e-9}, {"disk", b.TempDir(), 0}, {"transaction", b.TempDir(), 1}} {
		b.Run(bench.name, func(b *testing.B) {
			server := sentrytest.NewServer(b)
			server.Respond(func(int, http.ResponseWriter, *http.Request) bool { return true })
			client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: bench.dir,
				TracesSampleRate: sentry.Set(bench.rate)})
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close(time.Minute)
			b.ReportAllocs()
			for b.Loop() {
				_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Job: jobOf(1, 3)},
					func(context.Context) error { return nil })
			}
		})
	}
}
