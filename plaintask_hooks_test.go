package sentryconfig_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// integration installs an event processor of the Client's.
type integration struct{ process sentry.EventProcessor }

func (integration) Name() string                 { return "host's" }
func (i integration) SetupOnce(c *sentry.Client) { c.AddEventProcessor(i.process) }

// TestPlainTaskHooked: whatever a hook or an event processor does to the transaction of a plain task, it becomes what
// it would have become had the task had a span all along.
func TestPlainTaskHooked(t *testing.T) {
	type hook = func(*sentry.Event, *sentry.EventHint) *sentry.Event
	for name, does := range map[string]func(*sentry.Event, context.Context, *sentryconfig.TaskSpan) *sentry.Event{
		"changes it": func(e *sentry.Event, _ context.Context, _ *sentryconfig.TaskSpan) *sentry.Event {
			e.Transaction, e.Tags["new"], e.Contexts["trace"]["status"] = "renamed", "x", "unknown"
			e.TransactionInfo.Source, e.Contexts["more"] = sentry.SourceURL, sentry.Context{"a": 1}
			return e
		},
		"copies it": func(e *sentry.Event, _ context.Context, _ *sentryconfig.TaskSpan) *sentry.Event {
			c := *e
			return &c
		},
		"drops it": func(*sentry.Event, context.Context, *sentryconfig.TaskSpan) *sentry.Event { return nil },
		"panics":   func(*sentry.Event, context.Context, *sentryconfig.TaskSpan) *sentry.Event { panic("hook") },
		"ends the task again": func(e *sentry.Event, _ context.Context, task *sentryconfig.TaskSpan) *sentry.Event {
			task.SetStatus(sentry.SpanStatusAborted)
			task.SetData("late", 1)
			task.Finish()
			return e
		},
		"captures an error": func(e *sentry.Event, ctx context.Context, _ *sentryconfig.TaskSpan) *sentry.Event {
			sentryconfig.CaptureTaskException(ctx, errors.New("found by a hook"), "", nil, nil)
			sentry.GetHubFromContext(ctx).Clone().CaptureMessage("by sentry-go")
			return e
		},
	} {
		for where, install := range map[string]func(*sentry.ClientOptions, hook){
			"BeforeSendTransaction": func(o *sentry.ClientOptions, h hook) { o.BeforeSendTransaction = h },
			"event processor": func(o *sentry.ClientOptions, h hook) {
				o.Integrations = func(list []sentry.Integration) []sentry.Integration {
					return append(list, integration{h})
				}
			},
		} {
			t.Run(name+"/"+where, func(t *testing.T) {
				transactions, events := bothWays(t, func(o *sentry.ClientOptions, running func() (context.Context,
					*sentryconfig.TaskSpan)) {
					install(o, func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
						if e.Type != "transaction" {
							return e
						}
						ctx, task := running()
						return does(e, ctx, task)
					})
				})
				if !reflect.DeepEqual(transactions[0], transactions[1]) || events[0] != events[1] {
					t.Errorf("without a span %d events and:\n%v\nwith one %d and:\n%v", events[0], transactions[0],
						events[1], transactions[1])
				}
			})
		}
	}
}

// bothWays runs a task that nobody asks for its span, and one that somebody does, and returns for each the transactions
// that arrived, but for their times and IDs, and the number of events.
func bothWays(t *testing.T, options func(o *sentry.ClientOptions, running func() (context.Context,
	*sentryconfig.TaskSpan))) (transactions [2][][2]map[string]any, events [2]int) {
	var ctx context.Context
	var task *sentryconfig.TaskSpan
	server := start(t, sentryconfig.Options{Release: "shop@1", Environment: "test", SendSystemInfo: sentry.Set(false),
		ClientOptions: func(o *sentry.ClientOptions) {
			options(o, func() (context.Context, *sentryconfig.TaskSpan) { return ctx, task })
		}})
	seen, seenEvents := 0, 0
	for i := range transactions {
		ctx, task = sentryconfig.CreateTaskSpan(context.Background(), "hooked", 1, 3, map[string]any{"token": "x"})
		if i == 1 {
			sentry.SpanFromContext(ctx)
		}
		task.Finish()
		sentryconfig.Flush(time.Minute)
		all := server.Transactions()
		for _, e := range all[seen:] {
			transactions[i] = append(transactions[i], timeless(t, e))
		}
		events[i] = len(server.Events()) - seenEvents
		seen, seenEvents = len(all), len(server.Events())
	}
	return transactions, events
}

// TestPlainTaskReconfigured: it was decided when the task began that it is sampled; what is secret, when it ends.
func TestPlainTaskReconfigured(t *testing.T) {
	options := sentryconfig.Options{SendSystemInfo: sentry.Set(false)}
	client, server := newClient(t, options)
	options.DSN = server.DSN()
	_, task := client.CreateTaskSpan(context.Background(), "copy", 0, 1, map[string]any{"grape": "seed"})
	options.TracesSampleRate, options.SecretKeys = sentry.Set(0.0), []string{"grape"}
	if err := client.Reconfigure(options); err != nil {
		t.Fatal(err)
	}
	task.Finish()
	_, task = client.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
	task.Finish()
	flushClient(t, client)
	list := server.Transactions()
	if len(list) != 1 {
		t.Fatalf("%d transactions", len(list))
	}
	data, _ := list[0].Contexts["task"]["data"].(map[string]any)
	header, _ := list[0].Header["trace"].(map[string]any)
	if data["grape"] != "[Filtered]" || header["sampled"] != "true" || header["sample_rate"] != "1" {
		t.Errorf("data %v, header %v", data, list[0].Header)
	}
}

// TestPlainTaskSwitchedOff: a plain task that was off half-way is dropped, and asking for its span later sends nothing.
func TestPlainTaskSwitchedOff(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	ctx, task := client.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
	client.SetEnabled(false)
	client.SetEnabled(true)
	task.Finish()
	task.SetTag("late", "yes")
	sentryconfig.TraceHeaders(ctx)
	sentry.StartSpan(ctx, "db").Finish()
	flushClient(t, client)
	if n := len(server.Transactions()); n != 0 {
		t.Errorf("%d transactions", n)
	}
}

// TestPlainTaskByMany: whatever goroutines do with a task while it ends, its trace has one transaction, and each event
// that a call has an ID for arrives in it. With -race it tells of values that two write.
func TestPlainTaskByMany(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)})
	does := []func(context.Context, *sentryconfig.TaskSpan){
		func(_ context.Context, task *sentryconfig.TaskSpan) { task.SetTag("a", "b") },
		func(_ context.Context, task *sentryconfig.TaskSpan) { task.SetData("token", "x") },
		func(_ context.Context, task *sentryconfig.TaskSpan) { task.SetStatus(sentry.SpanStatusAborted) },
		func(_ context.Context, task *sentryconfig.TaskSpan) { task.Finish() },
		func(ctx context.Context, _ *sentryconfig.TaskSpan) { sentryconfig.TraceHeaders(ctx) },
		func(ctx context.Context, _ *sentryconfig.TaskSpan) { client.AddBreadcrumb(ctx, "step", "", "", nil) },
		func(ctx context.Context, _ *sentryconfig.TaskSpan) { sentry.StartSpan(ctx, "db").Finish() },
		func(ctx context.Context, _ *sentryconfig.TaskSpan) {
			sentry.GetHubFromContext(ctx).Clone().CaptureMessage("by sentry-go")
		},
	}
	const tasks = 100
	var mu sync.Mutex
	trace := map[string]any{} // by event ID
	var wg sync.WaitGroup
	for i := range tasks {
		job := jobOf(1, 1)
		job.ID = "i@example.com"
		task := sentryconfig.Task{Type: "copy", Job: job}
		_ = client.RunTask(context.Background(), task, func(ctx context.Context) error {
			task := sentryconfig.TaskSpanFromContext(ctx)
			for n := range 3 {
				wg.Go(func() { does[(i+n*3)%len(does)](ctx, task) })
			}
			wg.Go(func() {
				id := client.CaptureTaskFailure(ctx, "", "failed", nil, nil)
				mu.Lock()
				defer mu.Unlock()
				trace[string(id)] = sentry.SpanFromContext(ctx).TraceID.String()
			})
			return nil
		})
	}
	wg.Wait()
	flushClient(t, client)
	seen := oneEach(t, server, tasks)
	told := 0
	for _, e := range server.Events() {
		if want, ok := trace[e.ID]; ok {
			told++
			if id := e.Contexts["trace"]["trace_id"]; id != want || !seen[id] {
				t.Errorf("event %s has the trace %v, its task %v", e.ID, e.Contexts["trace"], want)
			}
		}
	}
	if told != tasks {
		t.Errorf("%d of %d events arrived", told, tasks)
	}
}
