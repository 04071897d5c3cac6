package sentryconfig_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// A talkative value is an error, a Logger, data and a way to the server, and tells f of each method that is called.
type talkative struct{ f func(string) }

func (h talkative) Error() string                             { h.f("Error"); return "talkative" }
func (h talkative) LogValue() slog.Value                      { h.f("LogValue"); return slog.StringValue("talkative") }
func (h talkative) Unwrap() error                             { h.f("Unwrap"); return nil }
func (h talkative) Is(error) bool                             { h.f("Is"); return false }
func (h talkative) As(any) bool                               { h.f("As"); return false }
func (h talkative) ErrorClass() string                        { h.f("ErrorClass()"); return "talkative" }
func (h talkative) Code() string                              { h.f("Code"); return "c" }
func (h talkative) Format(s fmt.State, _ rune)                { h.f("Format"); _, _ = io.WriteString(s, "talkative") }
func (h talkative) Enabled(context.Context, slog.Level) bool  { h.f("Enabled"); return true }
func (h talkative) Handle(context.Context, slog.Record) error { h.f("Handle"); return nil }
func (h talkative) WithAttrs([]slog.Attr) slog.Handler        { h.f("WithAttrs"); return h }
func (h talkative) WithGroup(string) slog.Handler             { h.f("WithGroup"); return h }
func (h talkative) RoundTrip(r *http.Request) (*http.Response, error) {
	h.f("RoundTrip")
	return http.DefaultTransport.RoundTrip(r)
}

// talkativeOptions tell f of each callback that is called.
func talkativeOptions(f func(string)) sentryconfig.Options {
	h := talkative{f}
	return sentryconfig.Options{
		Expected:   func(error) bool { f("Expected"); return false },
		ErrorClass: func(error) string { f("ErrorClass"); return "" },
		Logger:     slog.New(h),
		ClientOptions: func(o *sentry.ClientOptions) {

			o.HTTPTransport = h
			o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { f("BeforeSend"); return e }
			o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
				f("BeforeSendTransaction")
				return e
			}
			o.BeforeSendLog = func(e *sentry.Log) *sentry.Log { f("BeforeSendLog"); return e }
			o.BeforeSendMetric = func(e *sentry.Metric) *sentry.Metric { f("BeforeSendMetric"); return e }
			o.BeforeBreadcrumb = func(b *sentry.Breadcrumb, _ *sentry.BreadcrumbHint) *sentry.Breadcrumb {
				f("BeforeBreadcrumb")
				return b
			}
			o.TracesSampler = func(sentry.SamplingContext) float64 { f("TracesSampler"); return 1 }
		},
	}
}

// callbackNames are the callbacks that talkativeTask leads to.
var callbackNames = []string{
	"Error", "Format", "LogValue", "Expected", "ErrorClass", "BeforeSend", "BeforeSendTransaction", "BeforeBreadcrumb",
	"TracesSampler", "SpanOption", "ErrorClass()", "Unwrap", "Is", "As", "Code", "Handle", "Enabled", "RoundTrip",
	"BeforeSendLog", "BeforeSendMetric",
}

// talkativeTask makes two events, a transaction, a log and a metric.
func talkativeTask(c *sentryconfig.Client, f func(string)) (failure sentry.EventID, err error) {
	value := talkative{f}
	task := sentryconfig.Task{Type: "talks", Data: value,
		SpanOptions: []sentry.SpanOption{func(*sentry.Span) { f("SpanOption") }}}
	err = c.RunTask(context.Background(), task, func(ctx context.Context) error {
		data := map[string]any{"value": value}
		c.AddBreadcrumb(ctx, "step", "", "", data)
		slog.New(c.NewLogHandler(nil)).InfoContext(ctx, "step", "value", value)
		failure = c.CaptureTaskFailure(ctx, "", "found", value, data)
		sentry.NewLogger(ctx).Info().Emit("log")
		sentry.NewMeter(ctx).Count("metric", 1)
		return value
	})
	return failure, err
}

// Whichever callback panics, each time it is called, all that was captured arrives.
// TestEventProcessorPanics: what a panicking event processor of the host program costs is counted.
func TestEventProcessorPanics(t *testing.T) {
	var logs bytes.Buffer
	server := start(t, sentryconfig.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	sentry.CurrentHub().Client().AddEventProcessor(func(*sentry.Event, *sentry.EventHint) *sentry.Event {
		panic("a processor that panics")
	})
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "backup", 0, 1, nil)
	if id := sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", nil, nil); id != "" {
		t.Errorf("ID %s of an event that is lost", id)
	}
	span.Finish()
	if s := sentryconfig.ReadStats(); s.DroppedBy["event_processor"] != 2 || s.Captured != 0 {
		t.Errorf("an event and a transaction are lost: %+v", s)
	}
	if !strings.Contains(logs.String(), "a processor that panics") || len(server.Events()) > 0 {
		t.Errorf("events %d, log %s", len(server.Events()), &logs)
	}
}

func TestCallbacksThatPanic(t *testing.T) {
	for _, name := range callbackNames {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			var requests atomic.Int32
			f := func(called string) {
				if called == name && (name != "RoundTrip" || requests.Add(1) <= 2) { // the third one gets through
					panic(called)
				}
			}
			opts := talkativeOptions(f)
			opts.DSN = server.DSN()
			client, err := sentryconfig.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			failure, err := talkativeTask(client, f)
			if te, ok := err.(*sentryconfig.TaskError); !ok || te.EventID == "" || failure == "" {
				t.Errorf("the failure is %q, the task's error %#v", failure, te)
			}
			if !client.Close(time.Minute) {
				t.Errorf("Close = false; stats %+v", client.Stats())
			}
			counts := [...]int{len(server.Events()), len(server.Transactions()), len(server.Items("log")),
				len(server.Items("trace_metric"))}
			if counts != [...]int{2, 1, 1, 1} {
				t.Errorf("events, transactions, logs, metrics: %v", counts)
			}
		})
	}
}

// A callback that ends its goroutine, as t.FailNow does in a hook, leaves no lock behind.
func TestCallbacksThatEndTheirGoroutine(t *testing.T) {
	for _, name := range callbackNames {
		if name == "Handle" || name == "Enabled" || name == "RoundTrip" {
			continue // of goroutines of ours, which aren't a test's to end
		}
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			var ending atomic.Bool
			f := func(called string) {
				if called == name && ending.CompareAndSwap(true, false) {
					runtime.Goexit()
				}
			}
			opts := talkativeOptions(f)
			opts.DSN, opts.OutboxDir = server.DSN(), t.TempDir()
			client, err := sentryconfig.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			ending.Store(true)
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = talkativeTask(client, f) })
			wg.Wait()
			ending.Store(false)
			if failure, err := talkativeTask(client, f); failure == "" || err == nil {
				t.Errorf("afterwards the failure is %q, the task's error %v", failure, err)
			}
			if !client.Close(time.Minute) {
				t.Errorf("Close = false; stats %+v", client.Stats())
			}
		})
	}
}
