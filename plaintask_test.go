package sentryconfig_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A plain task is one whose span nobody asks for. Its transaction is made without one.

// TestPlainTask: the transaction of a plain task is the one that sentry-go makes of a task's span, to the letter, but
// for its times and IDs.
func TestPlainTask(t *testing.T) {
	server := start(t, sentryconfig.Options{Release: "shop@1", Environment: "test", SendSystemInfo: sentry.Set(false),
		ClientOptions: func(o *sentry.ClientOptions) { o.OrgID = 7 }})
	scope := sentry.CurrentHub().PushScope()
	t.Cleanup(sentry.CurrentHub().PopScope)
	scope.SetTag("region", "eu")
	scope.SetContext("shop", sentry.Context{"name": "x"})
	scope.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		e.Tags["seen"] = e.Transaction
		e.Contexts["shop"]["status"] = e.Contexts["trace"]["status"]
		return e
	})
	sent := 0
	for name, task := range map[string]sentryconfig.Task{
		"plain":    {Type: "copy"},
		"numbered": {Type: "copy", Index: 2, Total: 5},
		"data":     {Type: "copy", Data: map[string]any{"password": "hunter2", "path": "/x", "n": 1}},
		"tags":     {Type: "copy", Tags: map[string]string{"customer": "7", "region": "us"}},
		"check-in": {Type: "copy", Monitor: &sentryconfig.Monitor{Slug: "nightly"}},
		"no name":  {},
		"of a job": {Type: "copy", Job: jobOf(2, 3), Data: []int{1}},
	} {
		for status, end := range map[string]func(*sentryconfig.TaskSpan){
			"ok":      func(*sentryconfig.TaskSpan) {},
			"aborted": func(s *sentryconfig.TaskSpan) { s.SetStatus(sentry.SpanStatusAborted) },
			"unknown": func(s *sentryconfig.TaskSpan) { s.SetStatus(sentry.SpanStatusUnknown) },
		} {
			t.Run(name+"/"+status, func(t *testing.T) {
				for _, ask := range []func(context.Context){func(context.Context) {},
					func(ctx context.Context) { sentry.SpanFromContext(ctx) }} {
					_ = sentryconfig.RunTask(t.Context(), task, func(ctx context.Context) error {
						ask(ctx)
						end(sentryconfig.TaskSpanFromContext(ctx))
						return nil
					})
				}
				list := server.WaitTransactions(sent+2, time.Minute)[sent:]
				sent += 2
				slices.SortFunc(list, func(a, b sentrytest.Event) int { return a.Start.Compare(b.Start) })
				plain, asked := timeless(t, list[0]), timeless(t, list[1])
				if !reflect.DeepEqual(plain, asked) {
					t.Errorf("without a span:\n%v\nwith one:\n%v", plain, asked)
				}
			})
		}
	}
}

// timeless returns the envelope's header and the transaction's JSON with their times and IDs blotted out.
func timeless(t *testing.T, e sentrytest.Event) [2]map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(e.Raw, &body); err != nil {
		t.Fatal(err)
	}
	contexts, _ := body["contexts"].(map[string]any)
	e.Header = maps.Clone(e.Header) // the server reads its own still
	header, _ := e.Header["trace"].(map[string]any)
	header = maps.Clone(header)
	e.Header["trace"] = header
	trace, _ := contexts["trace"].(map[string]any)
	if id := trace["trace_id"]; id == nil || header["trace_id"] != id || body["event_id"] != e.Header["event_id"] ||
		e.Time.Before(e.Start) || time.Since(e.Start) > time.Hour {
		t.Errorf("header %v, transaction %s", e.Header, e.Raw)
	}
	for _, part := range []map[string]any{e.Header, body, header, trace} {
		for _, key := range []string{"event_id", "trace_id", "span_id", "sent_at", "timestamp", "start_timestamp"} {
			if part[key] != nil {
				part[key] = key
			}
		}
	}
	return [2]map[string]any{e.Header, body}
}

// TestPlainTaskIsCheap: a span, and what sentry-go makes of it, are some 20 allocations more.
func TestPlainTaskIsCheap(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)})
	allocations := func(ask func(context.Context)) float64 {
		return testing.AllocsPerRun(200, func() {
			ctx, task := client.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
			ask(ctx)
			client.AddBreadcrumb(ctx, "step", "copy", sentry.LevelInfo, nil) // asks for none
			task.Finish()
		})
	}
	plain := allocations(func(context.Context) {})
	asked := allocations(func(ctx context.Context) { sentry.SpanFromContext(ctx) })
	if plain > asked-10 {
		t.Errorf("%v allocations, with a span %v", plain, asked)
	}
}

// TestPlainTaskAsked: whoever asks for the span while the transaction is on its way, under a lock of sentry-go's too,
// or after that, gets one that tells of the task, and a Finish of it sends nothing.
func TestPlainTaskAsked(t *testing.T) {
	var kept context.Context
	ask := func() {
		span := sentry.SpanFromContext(kept)
		if span.Op != "task" || span.Status != sentry.SpanStatusOK || !span.Sampled.Bool() {
			t.Errorf("span %+v", span)
		}
		if sentryconfig.TraceHeaders(kept)["sentry-trace"] != span.ToSentryTrace() {
			t.Errorf("headers %v of span %s", sentryconfig.TraceHeaders(kept), span.ToSentryTrace())
		}
		span.Finish()
	}
	asked := map[string]func(){"before it is sent": ask, "by an event processor": ask}
	call := func(e *sentry.Event, when string) *sentry.Event {
		if e.Transaction == "task."+when && e.Type == "transaction" {
			asked[when]()
		}
		return e
	}
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			return call(e, "before it is sent")
		}
	}})
	scope := sentry.CurrentHub().PushScope()
	t.Cleanup(sentry.CurrentHub().PopScope)
	scope.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		return call(e, "by an event processor")
	})
	for i, when := range []string{"before it is sent", "by an event processor", "after its end"} {
		t.Run(when, func(t *testing.T) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				var task *sentryconfig.TaskSpan
				kept, task = sentryconfig.CreateTaskSpan(context.Background(), when, 0, 1, nil)
				task.Finish()
				ask()
				sentryconfig.CaptureTaskFailure(kept, "", "too late", nil, nil)
			}()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Fatal("it hangs")
			}
			trace := server.WaitTransactions(i+1, time.Minute)[i].Contexts["trace"]
			late := server.WaitEvents(i+1, time.Minute)[i].Contexts["trace"]
			if trace["span_id"] == nil || late["trace_id"] != trace["trace_id"] || late["span_id"] != trace["span_id"] {
				t.Errorf("the transaction's trace %v, that of an event after its end %v", trace, late)
			}
			if !sentryconfig.Flush(time.Minute) || len(server.Transactions()) != i+1 {
				t.Errorf("%d transactions", len(server.Transactions()))
			}
		})
	}
}

// TestPlainTaskAtOnce: each task is sent once, whoever asks for its span while it ends.
func TestPlainTaskAtOnce(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)})
	const tasks = 300
	var wg sync.WaitGroup
	for i := range tasks {
		ctx, task := client.CreateTaskSpan(context.Background(), "copy", i, tasks, nil)
		for range 2 {
			wg.Go(func() {
				sentry.SpanFromContext(ctx).SetTag("asked", "yes")
				sentry.GetHubFromContext(ctx).Scope().SetTag("asked", "yes")
				sentry.StartSpan(ctx, "db").Finish()
			})
		}
		task.Finish()
	}
	wg.Wait()
	flushClient(t, client)
	oneEach(t, server, tasks)
}

// oneEach checks that each of so many tasks was sent once, and returns their traces.
func oneEach(t *testing.T, server *sentrytest.Server, tasks int) map[any]bool {
	t.Helper()
	seen := map[any]bool{}
	for _, e := range server.Transactions() {
		seen[e.Contexts["trace"]["trace_id"]] = true
	}
	if len(seen) != tasks || len(server.Transactions()) != tasks {
		t.Errorf("%d transactions of %d traces, want %d", len(server.Transactions()), len(seen), tasks)
	}
	return seen
}
