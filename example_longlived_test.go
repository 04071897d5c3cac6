package sentryconfig_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// exampleClient is exampleServer with options; the caller calls stop.
func exampleClient(opts sentryconfig.Options) (server *sentrytest.Server, stop func()) {
	server = sentrytest.NewServer(nil)
	opts.DSN, opts.Release, opts.Environment = server.DSN(), "runner@1.0.0", "production"
	if err := sentryconfig.Init(opts); err != nil {
		fmt.Println(err)
	}
	return server, func() {
		sentryconfig.Close(5 * time.Second)
		server.Close()
	}
}

// One error in a tight loop makes a few events and one that tells the number, not thousands.
func ExampleOptions_maxPerMinute() {
	server, stop := exampleClient(sentryconfig.Options{MaxPerMinute: 2})
	defer stop()

	for range 3000 {
		sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	}
	fmt.Println("held back:", sentryconfig.ReadStats().HeldBack)
	sentryconfig.Close(10 * time.Second)
	for _, e := range server.Events() {
		fmt.Printf("%s %q\n", e.Message, e.Tag("held_back"))
	}
	// Output:
	// held back: 2998
	// backup: the disk is full ""
	// backup: the disk is full ""
	// backup: the disk is full "2998"
}

// A task that hangs is reported while it hangs.
func ExampleOptions_stuckAfter() {
	server, stop := exampleClient(sentryconfig.Options{StuckAfter: 10 * time.Millisecond})
	defer stop()

	task := sentryconfig.Task{Type: "backup"}
	_ = sentryconfig.RunTask(context.Background(), task, func(context.Context) error {
		for _, e := range server.WaitEvents(1, 10*time.Second) { // it hangs until this has arrived
			stack := e.Threads[0].Frames
			fmt.Println(e.Level, e.Message, strings.Contains(fmt.Sprint(stack), "ExampleOptions_stuckAfter"))
		}
		return nil
	})
	// Output: warning backup: stuck true
}

// Who works through a queue at night wants one word about a hundred failures, and one when they are over.
func ExampleAlert() {
	server, stop := exampleClient(sentryconfig.Options{
		Expected: func(err error) bool { return errors.Is(err, os.ErrNotExist) },
		Alerts:   []sentryconfig.Alert{{Window: 15 * time.Minute, MinRuns: 10, MaxFailureRate: 0.5}}, // of any type
	})
	defer stop()

	run := func(err error, times int) {
		for range times {
			_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"},
				func(context.Context) error { return err })
		}
	}
	run(os.ErrNotExist, 4) // as good as a success
	run(errors.New("the disk is full"), 6)
	run(nil, 2)
	sentryconfig.Flush(10 * time.Second)
	for _, e := range server.Events() {
		if e.Tag("failure_type") == "failure_rate" {
			fmt.Println(e.Level, e.Message)
		}
	}
	// Unordered output:
	// warning backup: failure rate 60 % (6 of 10 in 15m)
	// info backup: failure rate 50 % (6 of 12 in 15m)
}

// What a person says of an error, with a screenshot.
func ExampleCaptureFeedback() {
	server, stop := exampleServer()
	defer stop()

	id := sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	sentryconfig.CaptureFeedback(context.Background(), sentryconfig.Feedback{
		EventID: id,
		Message: "It always stops at 80 %.",
		Name:    "Jane Doe",
		Email:   "jane@example.com",
		Attachments: []*sentry.Attachment{
			{Filename: "screen.png", ContentType: "image/png", Payload: []byte("\x89PNG\r\n\x1a\n")},
		},
	})
	sentryconfig.Flush(10 * time.Second)
	for _, f := range server.Feedback() {
		said := f.Contexts["feedback"]
		fmt.Println(said["message"], said["name"], said["associated_event_id"] == string(id), f.Attachments[0].Filename)
	}
	// Output: It always stops at 80 %. Jane Doe true screen.png
}

// The settings file holds at run time: look at it before each task.
func ExampleReconfigure_settingsFile() {
	server, stop := exampleServer()
	defer stop()

	path := filepath.Join(os.TempDir(), fmt.Sprintf("runner_settings-%d.json", os.Getpid()))
	defer func() { _ = os.Remove(path) }()
	follow := func(settings string) {
		if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
			fmt.Println(err)
		}
		opts, err := sentryconfig.LoadOptions(path)
		if err == nil {
			// What the program itself sets stays as it was; only the rest may change.
			opts.DSN, opts.Release, opts.Environment = server.DSN(), "runner@1.0.0", "production"
			err = sentryconfig.Reconfigure(opts)
		}
		if err != nil {
			fmt.Println("the last good settings stay") // Options of an error are switched off: they are for a start
			return
		}
		fmt.Println(sentryconfig.CaptureTaskFailure(context.Background(), "backup", "full", nil, nil) != "")
	}
	follow(`{"sentry_enabled": false}`)
	follow(`{"sentry_enabled": true, "sentry": {"max_per_minute": 10, "stuck_after": "10m"}}`)
	follow(``) // an editor is just writing it
	// Output:
	// false
	// true
	// the last good settings stay
}

// Transactions by task type: of each error there is an event, whatever the sampler says.
func ExampleOptions_tracesSampler() {
	rates := map[string]float64{"task.ping": 0, "task.backup": 1}
	server, stop := exampleClient(sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.TracesSampler = func(ctx sentry.SamplingContext) float64 {
			switch ctx.ParentSampled { // a continued trace keeps its decision
			case sentry.SampledTrue:
				return 1
			case sentry.SampledFalse:
				return 0
			}
			return rates[ctx.Span.Name]
		}
	}})
	defer stop()

	for _, taskType := range []string{"ping", "backup"} {
		_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: taskType},
			func(context.Context) error { return errors.New("no answer") })
	}
	showIssues(server)
	for _, tx := range server.Transactions() {
		fmt.Println(tx.Transaction)
	}
	// Unordered output:
	// 1 x error: no answer ["ping" "no answer"]
	// 1 x error: no answer ["backup" "no answer"]
	// task.backup
}

// A retry that later succeeds reports nothing: each attempt is a child span, and the last error is returned.
func ExampleRunTask_retry() {
	server, stop := exampleServer()
	defer stop()

	download := func(fails int) error {
		return sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "download"},
			func(ctx context.Context) (err error) {
				for attempt := 1; attempt <= 3; attempt++ {
					span := sentry.StartSpan(ctx, "attempt",
						sentry.WithDescription(fmt.Sprintf("attempt %d of 3", attempt)))
					if err = nil; attempt <= fails {
						err = errors.New("connection lost")
						span.Status = sentry.SpanStatusUnavailable
					}
					span.Finish()
					if err == nil {
						return nil
					}
					// A step on the way, not an event. Here the program would wait.
					sentryconfig.AddBreadcrumb(ctx, err.Error(), "retry", sentry.LevelWarning,
						map[string]any{"attempt": attempt})
				}
				return fmt.Errorf("after 3 attempts: %w", err)
			})
	}
	fmt.Println(download(2))
	fmt.Println(download(3))
	showIssues(server)
	for _, tx := range server.Transactions() {
		fmt.Println(tx.Contexts["trace"]["status"], len(tx.Spans), "attempts")
	}
	// Unordered output:
	// <nil>
	// download: after 3 attempts: connection lost
	// 1 x error: after 3 attempts: connection lost ["download" "connection lost"]
	// ok 3 attempts
	// internal_error 3 attempts
}

// A measurement of a task carries its trace. In Sentry it is under Explore, Metrics.
func ExampleRunTask_measurements() {
	server, stop := exampleServer()
	defer stop()

	_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"}, func(ctx context.Context) error {
		meter := sentry.NewMeter(ctx)
		meter.Count("backup.files", 12)
		meter.Distribution("backup.size", 3.5, sentry.WithUnit(sentry.UnitMegabyte))
		return nil
	})
	sentryconfig.Flush(10 * time.Second)
	task := server.Transactions()[0]
	for _, m := range metricsOf(server) {
		fmt.Println(m.Name, m.Value, m.TraceID == task.Contexts["trace"]["trace_id"])
	}
	// Output:
	// backup.files 12 true
	// backup.size 3.5 true
}

// A log entry of a task carries its trace. In Sentry it is under Explore, Logs, and beside the task's trace.
func ExampleRunTask_logs() {
	server, stop := exampleServer()
	defer stop()

	_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"}, func(ctx context.Context) error {
		sentry.NewLogger(ctx).Warn().Int("free_mb", 12).Emit("the disk is nearly full")
		return nil
	})
	sentryconfig.Flush(10 * time.Second)
	task := server.Transactions()[0]
	for _, l := range logsOf(server) {
		fmt.Println(l.Level, l.Body, l.TraceID == task.Contexts["trace"]["trace_id"])
	}
	// Output: warn the disk is nearly full true
}

// A telemetryItem is a log entry or a metric as the server got it.
type telemetryItem struct {
	Name, Level, Body string
	Value             any
	TraceID           string `json:"trace_id"`
}

func metricsOf(server *sentrytest.Server) []telemetryItem { return telemetry(server, "trace_metric") }
func logsOf(server *sentrytest.Server) []telemetryItem    { return telemetry(server, "log") }

func telemetry(server *sentrytest.Server, itemType string) (all []telemetryItem) {
	for _, item := range server.WaitItems(itemType, 1, 10*time.Second) {
		var batch struct{ Items []telemetryItem }
		if err := json.Unmarshal(item.Payload, &batch); err != nil {
			fmt.Println(err)
		}
		all = append(all, batch.Items...)
	}
	slices.SortFunc(all, func(a, b telemetryItem) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// What has run since the start, for a page of one's own.
func ExampleTaskStats() {
	_, stop := exampleServer()
	defer stop()

	for _, err := range []error{nil, errors.New("the disk is full"), nil} {
		_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"},
			func(context.Context) error { return err })
	}
	backups := sentryconfig.ReadStats().Tasks["backup"]
	fmt.Printf("%d of %d failed, %d running\n", backups.Failures, backups.Runs, backups.Running)
	fmt.Println("well again:", !backups.LastSuccess.Before(backups.LastFailure))
	// Output:
	// 1 of 3 failed, 0 running
	// well again: true
}

// A health page of expvar: /debug/vars shows it beside the memory.
func ExampleReadStats_expvar() {
	_, stop := exampleServer()
	defer stop()

	if expvar.Get("sentry") == nil { // a name can be published once
		expvar.Publish("sentry", expvar.Func(func() any { return sentryconfig.ReadStats() }))
	}
	_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"},
		func(context.Context) error { return errors.New("the disk is full") })
	sentryconfig.Flush(10 * time.Second)

	page := httptest.NewRecorder()
	expvar.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/debug/vars", nil))
	var vars struct {
		Sentry struct {
			Delivered int
			Tasks     map[string]struct{ Runs, Failures int }
		}
	}
	fmt.Println(json.Unmarshal(page.Body.Bytes(), &vars), vars.Sentry.Delivered, vars.Sentry.Tasks)
	// Output: <nil> 2 map[backup:{1 1}]
}

// writePrometheus writes the counts in the text format that Prometheus scrapes.
func writePrometheus(w io.Writer, s sentryconfig.Stats) {
	metric := func(name, kind string, value any) {
		fmt.Fprintf(w, "# TYPE sentry_%s %s\nsentry_%s %v\n", name, kind, name, value)
	}
	metric("captured_total", "counter", s.Captured)
	metric("delivered_total", "counter", s.Delivered)
	metric("held_back_total", "counter", s.HeldBack)
	metric("pending", "gauge", s.Pending)
	metric("pending_bytes", "gauge", s.PendingBytes)
	up := 1
	if s.LastError != nil {
		up = 0
	}
	metric("up", "gauge", up)

	label := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	fmt.Fprintln(w, "# TYPE sentry_dropped_total counter")
	for _, reason := range slices.Sorted(maps.Keys(s.DroppedBy)) {
		fmt.Fprintf(w, "sentry_dropped_total{reason=\"%s\"} %d\n", label.Replace(reason), s.DroppedBy[reason])
	}
	for _, series := range []struct {
		name, kind string
		value      func(sentryconfig.TaskStats) int64
	}{
		{"runs_total", "counter", func(t sentryconfig.TaskStats) int64 { return int64(t.Runs) }},
		{"failures_total", "counter", func(t sentryconfig.TaskStats) int64 { return int64(t.Failures) }},
		{"running", "gauge", func(t sentryconfig.TaskStats) int64 { return int64(t.Running) }},
		{"last_success_seconds", "gauge", func(t sentryconfig.TaskStats) int64 { return max(t.LastSuccess.Unix(), 0) }},
	} {
		fmt.Fprintf(w, "# TYPE task_%s %s\n", series.name, series.kind)
		for _, taskType := range slices.Sorted(maps.Keys(s.Tasks)) {
			fmt.Fprintf(w, "task_%s{type=\"%s\"} %d\n", series.name, label.Replace(taskType),
				series.value(s.Tasks[taskType]))
		}
	}
}

// A health page for Prometheus, without its library: the text format is a line for each value.
func ExampleReadStats_prometheus() {
	_, stop := exampleServer()
	defer stop()

	_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"},
		func(context.Context) error { return errors.New("the disk is full") })
	sentryconfig.Flush(10 * time.Second)

	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		writePrometheus(w, sentryconfig.ReadStats())
	})
	page := httptest.NewRecorder()
	handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	fmt.Print(page.Body)
	// Output:
	// # TYPE sentry_captured_total counter
	// sentry_captured_total 2
	// # TYPE sentry_delivered_total counter
	// sentry_delivered_total 2
	// # TYPE sentry_held_back_total counter
	// sentry_held_back_total 0
	// # TYPE sentry_pending gauge
	// sentry_pending 0
	// # TYPE sentry_pending_bytes gauge
	// sentry_pending_bytes 0
	// # TYPE sentry_up gauge
	// sentry_up 1
	// # TYPE sentry_dropped_total counter
	// # TYPE task_runs_total counter
	// task_runs_total{type="backup"} 1
	// # TYPE task_failures_total counter
	// task_failures_total{type="backup"} 1
	// # TYPE task_running gauge
	// task_running{type="backup"} 0
	// # TYPE task_last_success_seconds gauge
	// task_last_success_seconds{type="backup"} 0
}
