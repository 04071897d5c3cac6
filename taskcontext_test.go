package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestUnsampledJobIsCheap: an attempt that succeeds without a transaction makes no hub and no span: those are some 40
// allocations more.
func TestUnsampledJobIsCheap(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)})
	for name, header := range map[string]string{"trace of its own": "", "continued": producer + "-0"} {
		job := jobOf(1, 3)
		job.Trace = header
		n := testing.AllocsPerRun(100, func() {
			_ = client.RunTask(context.Background(), sentryconfig.Task{Type: "send", Job: job},
				func(context.Context) error { return nil })
		})
		if n > 8 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// producer is the trace of whoever has enqueued a job, and its span.
const producer = "0123456789abcdef0123456789abcdef-fedcba9876543210"

// TestUnsampledTask: what a task without a transaction makes only when it is asked for is as in one that has it from
// the start: one hub and one span, in one trace, which the journal has noted already, with what the task began with.
func TestUnsampledTask(t *testing.T) {
	for name, test := range map[string]struct {
		header, baggage string
		strict          bool // ClientOptions.StrictTraceContinuation
		continued       bool
	}{
		"trace of its own":    {},
		"continued":           {header: producer + "-0", continued: true},
		"undecided":           {header: producer, baggage: "sentry-release=x", continued: true},
		"no trace":            {header: "nonsense"},
		"trace of ours":       {header: producer + "-0", baggage: "sentry-org_id=7,sentry-release=x", continued: true},
		"trace of a stranger": {header: producer + "-0", baggage: "sentry-release=x,sentry-org_id=77"},
		"two organisations":   {header: producer + "-0", baggage: "sentry-org_id=7,sentry-org_id=77"},
		"a blank":             {header: producer + "-0", baggage: "sentry-org_id =77"},
		"strict":              {header: producer + "-0", baggage: "sentry-release=x", strict: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, seen := t.TempDir(), make(chan *sentry.Event, 1)
			client, err := sentryconfig.New(sentryconfig.Options{DSN: "http://key@o7.ingest.localhost/1",
				OutboxDir:        dir,
				TracesSampleRate: sentry.Set(0.0), ClientOptions: func(o *sentry.ClientOptions) {
					o.HTTPTransport, o.StrictTraceContinuation = discard{}, test.strict
					o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { seen <- e; return e }
				}})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close(time.Minute)
			job := jobOf(1, 3)
			job.Trace, job.Baggage = test.header, test.baggage
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: job,
				Tags: map[string]string{"shop": "x"}},
				func(ctx context.Context) error {
					checkUnsampled(t, ctx, dir, test.continued)
					return errors.New("x")
				})
			e := <-seen
			trace := e.Contexts["trace"]
			id, parent := fmt.Sprint(trace["trace_id"]), fmt.Sprint(trace["parent_span_id"])
			if (id+"-"+parent == producer) != test.continued || !strings.Contains(journal(t, dir), id) {
				t.Errorf("trace %v", trace)
			}
			if e.Tags["shop"] != "x" || e.Tags["queue"] != "mail" || e.Tags["from"] != "within" ||
				trace["op"] != "queue.process" {
				t.Errorf("tags %v, trace %v", e.Tags, trace)
			}
		})
	}
}

// checkUnsampled looks at a task from within.
func checkUnsampled(t *testing.T, ctx context.Context, dir string, continued bool) {
	now, noted := time.Now(), journal(t, dir)
	headers, span := sentryconfig.TraceHeaders(ctx), sentry.SpanFromContext(ctx)
	trace := span.TraceID.String()
	if !strings.Contains(noted, trace) || !strings.Contains(noted, span.SpanID.String()) {
		t.Errorf("trace %s isn't noted: %s", trace, noted)
	}
	if (trace == producer[:32]) != continued || !strings.HasPrefix(headers["sentry-trace"], trace) {
		t.Errorf("trace %s, headers %v", trace, headers)
	}
	if span.StartTime.After(now) || span.Sampled.Bool() {
		t.Errorf("span %+v", span)
	}
	if child := sentry.StartSpan(ctx, "db"); child.ParentSpanID != span.SpanID || child.Sampled.Bool() {
		t.Errorf("a span within: %+v", child)
	} else {
		child.Finish()
	}
	sentry.GetHubFromContext(ctx).Scope().SetTag("from", "within")
}

// journal is what the only process of an outbox has noted.
func journal(t *testing.T, dir string) string {
	t.Helper()
	journals, err := filepath.Glob(filepath.Join(dir, "*", "*.journal"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	noted, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(noted), "\x00", "")
}

// TestUnsampledTaskAtOnce: goroutines of a task, and its end, may ask for its hub and its span at the same time.
func TestUnsampledTaskAtOnce(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)})
	for range 100 {
		var wg sync.WaitGroup
		hubs, spans := make([]*sentry.Hub, 4), make([]*sentry.Span, 4)
		_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: jobOf(1, 3)},
			func(ctx context.Context) error {
				for i := range hubs {
					wg.Go(func() {
						hubs[i], spans[i] = sentry.GetHubFromContext(ctx), sentry.SpanFromContext(ctx)
						sentryconfig.TaskSpanFromContext(ctx).SetTag("a", "b")
					})
				}
				return nil
			})
		wg.Wait()
		for i := range hubs {
			if hubs[i] == nil || hubs[i] != hubs[0] || spans[i] == nil || spans[i] != spans[0] {
				t.Fatal("two hubs or two spans of one task")
			}
		}
	}
	flushClient(t, client)
	if list := server.Transactions(); len(list) > 0 {
		t.Errorf("%d transactions", len(list))
	}
}

// TestUnsampledTaskKeepsItsHub: a task has what the program has set on the current hub before it, and not what is set
// there while it runs.
func TestUnsampledTaskKeepsItsHub(t *testing.T) {
	server := start(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)})
	sentry.CurrentHub().Scope().SetTag("region", "eu")
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: jobOf(1, 1)},
		func(context.Context) error {
			sentry.CurrentHub().Scope().SetTag("customer", "somebody else's")
			return errors.New("x")
		})
	sentry.CurrentHub().Scope().RemoveTag("customer")
	sentry.CurrentHub().Scope().RemoveTag("region")
	tags := server.WaitEvents(1, time.Minute)[0].Tags
	if tags["customer"] != "" || tags["region"] != "eu" || tags["queue"] != "mail" {
		t.Errorf("tags %v", tags)
	}
}

// TestUnsampledTaskStaysUnsampled: the decision of a task holds, whatever the rate is when its span is made.
func TestUnsampledTaskStaysUnsampled(t *testing.T) {
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)}
	client, server := newClient(t, opts)
	for name, header := range map[string]string{"trace of its own": "", "undecided": producer} {
		job := jobOf(1, 1)
		job.Trace = header
		_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: job}, func(ctx context.Context) error {
			reconfigureRate(t, client, server, opts, 1)
			span := sentry.StartSpan(ctx, "db")
			defer span.Finish()
			sent := sentryconfig.TraceHeaders(ctx)["sentry-trace"]
			if span.Sampled.Bool() || !strings.HasSuffix(sent, "-0") {
				t.Errorf("%s: a span within is %v, the header %s", name, span.Sampled, sent)
			}
			return errors.New("x")
		})
		reconfigureRate(t, client, server, opts, 0)
	}
	flushClient(t, client)
	if list := server.Transactions(); len(list) > 0 {
		t.Errorf("%d transactions", len(list))
	}
}

func reconfigureRate(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server, opts sentryconfig.Options,
	rate float64) {
	t.Helper()
	opts.DSN, opts.TracesSampleRate = server.DSN(), sentry.Set(rate)
	if err := client.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
}

// TestUnsampledTaskAfterItsEnd: what a goroutine of a task reports after the task's end tells how the task ended.
func TestUnsampledTaskAfterItsEnd(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)})
	var kept context.Context
	_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: jobOf(1, 3)},
		func(ctx context.Context) error { kept = ctx; return nil })
	client.CaptureTaskException(kept, errors.New("too late"), "", nil, nil)
	flushClient(t, client)
	trace := server.WaitEvents(1, time.Minute)[0].Contexts["trace"]
	if data, _ := trace["data"].(map[string]any); trace["status"] != "ok" || data["task.outcome"] != "ok" {
		t.Errorf("trace %v", trace)
	}
}

// TestUnsampledTaskDebugged: sentry-go's debug output may go to a log that keeps breadcrumbs of the only task running,
// while the span of that task is made.
func TestUnsampledTaskDebugged(t *testing.T) {
	var logger atomic.Pointer[slog.Logger]
	client, server := newClient(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0),
		ClientOptions: func(o *sentry.ClientOptions) { o.Debug, o.DebugWriter = true, debugLog{&logger} }})
	logger.Store(slog.New(client.NewLogHandler(nil)))
	ended := make(chan error, 1)
	go func() {
		ended <- client.RunTask(context.Background(), sentryconfig.Task{Type: "send"},
			func(ctx context.Context) error { return errors.New("x") })
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(time.Minute):
		t.Fatal("the task hangs")
	}
	logger.Store(nil)
	flushClient(t, client)
	e := server.WaitEvents(1, time.Minute)[0]
	if len(e.Breadcrumbs) == 0 || e.Contexts["trace"]["op"] != "task" {
		t.Errorf("event %s", e.Raw)
	}
}

// debugLog makes a record of each line of sentry-go's.
type debugLog struct{ to *atomic.Pointer[slog.Logger] }

func (l debugLog) Write(line []byte) (int, error) {
	if logger := l.to.Load(); logger != nil {
		logger.Info(string(line))
	}
	return len(line), nil
}

// TestJobWithoutTrace: a job whose header names no trace begins one.
func TestJobWithoutTrace(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	job := jobOf(1, 1)
	job.Trace = strings.Repeat("0", 32) + "-" + strings.Repeat("0", 16) + "-1"
	_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "send", Job: job},
		func(context.Context) error { return nil })
	flushClient(t, client)
	if list, refused := server.Transactions(), server.Refused(); len(list) != 1 || len(refused) > 0 {
		t.Errorf("%d transactions, refused %v", len(list), refused)
	}
}
