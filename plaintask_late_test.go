package sentryconfig_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// TestLateCapture: what goroutines of a task report after its end is the same whether the task had a span or not, for
// sentry-go's hub and span of the task, too.
func TestLateCapture(t *testing.T) {
	for name, late := range map[string]func(ctx context.Context){
		"ours":      func(ctx context.Context) { sentryconfig.CaptureTaskFailure(ctx, "", "late", nil, nil) },
		"the hub's": func(ctx context.Context) { sentry.GetHubFromContext(ctx).CaptureMessage("late") },
		"that of the span's hub": func(ctx context.Context) {
			sentry.GetHubFromContext(sentry.SpanFromContext(ctx).Context()).CaptureMessage("late")
		},
		"in a child of the span": func(ctx context.Context) {
			child := sentry.SpanFromContext(ctx).StartChild("db")
			sentryconfig.CaptureTaskFailure(child.Context(), "copy", "late", nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{Release: "shop@1", Environment: "test",
				SendSystemInfo: sentry.Set(false)})
			for _, ask := range []func(context.Context){func(context.Context) {},
				func(ctx context.Context) { sentry.SpanFromContext(ctx) }} {
				var kept context.Context
				task := sentryconfig.Task{Type: "copy", Tags: map[string]string{"customer": "7"}}
				_ = sentryconfig.RunTask(t.Context(), task, func(ctx context.Context) error {
					kept = ctx
					ask(ctx)
					sentryconfig.AddBreadcrumb(ctx, "step", "copy", "", nil)
					return nil
				})
				late(kept)
			}
			list := server.WaitEvents(2, time.Minute)
			told := [2]string{}
			for i, e := range list {
				header, _ := e.Header["trace"].(map[string]any)
				told[i] = fmt.Sprint(e.Tags, len(e.Breadcrumbs), len(header),
					header["trace_id"] == e.Contexts["trace"]["trace_id"])
			}
			if told[0] != told[1] {
				t.Errorf("without a span:\n%s\nwith one:\n%s", told[0], told[1])
			}
		})
	}
}

// TestLateScopeSpan: the span that the scope of an ended task has is one that sentry-go can use.
func TestLateScopeSpan(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{})
	ctx, task := client.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
	task.Finish()
	hub, span := sentry.GetHubFromContext(ctx), sentry.SpanFromContext(ctx)
	if hub.GetTraceparent() != span.ToSentryTrace() || hub.GetBaggage() == "" {
		t.Errorf("the hub's headers %q and %q, the span's %q", hub.GetTraceparent(), hub.GetBaggage(),
			span.ToSentryTrace())
	}
	if got := hub.Scope().GetSpan(); got.Context() == nil || got.GetTransaction() != span {
		t.Fatalf("context %v, transaction %v", got.Context(), got.GetTransaction())
	}
	hub.Scope().GetSpan().StartChild("db").Finish() // panics with a span that has no context
}

// TestHookMeetsPlainTask: what a hook captures with its hint is in a trace of its own.
func TestHookMeetsPlainTask(t *testing.T) {
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSendTransaction = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
			sentry.CurrentHub().CaptureEventWithHint(&sentry.Event{Message: "found by a hook"}, hint)
			return e
		}
	}})
	_, task := sentryconfig.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
	task.Finish()
	e := server.WaitEvents(1, time.Minute)[0]
	header, _ := e.Header["trace"].(map[string]any)
	if header["trace_id"] != e.Contexts["trace"]["trace_id"] {
		t.Errorf("the envelope's trace %v, the event's %v", header, e.Contexts["trace"])
	}
}

// TestKeepsNoText: a task's type or a tag that is cut from a large text doesn't keep that text in memory.
func TestKeepsNoText(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)})
	const tasks, size = 500, 256 << 10
	for i := range tasks {
		words := strings.Fields(fmt.Sprintf("customer-%d copy-%d ", i, i) + strings.Repeat("x", size))
		task := sentryconfig.Task{Type: words[1], Tags: map[string]string{"customer": words[0]},
			Monitor: &sentryconfig.Monitor{Slug: "§" + words[0]}}
		_ = client.RunTask(t.Context(), task, func(context.Context) error { return nil })
	}
	flushClient(t, client)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > tasks*size/4 {
		t.Errorf("%d MiB are in use after %d tasks", m.HeapAlloc>>20, tasks)
	}
	runtime.KeepAlive(client)
}

// TestNotedUntilStored: a task is noted as running until its transaction is on disk, so that a kill while it ends loses
// neither.
func TestNotedUntilStored(t *testing.T) {
	for name, ask := range map[string]func(context.Context){
		"plain":       func(context.Context) {},
		"with a span": func(ctx context.Context) { sentry.SpanFromContext(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, during := t.TempDir(), -1
			running := func() int {
				projects, err := disk.Look(dir)
				if err != nil || len(projects) != 1 || len(projects[0].Left) != 1 {
					t.Fatalf("%v, %+v", err, projects)
				}
				return len(projects[0].Left[0].Tasks)
			}
			var client *sentryconfig.Client
			client, _ = newClient(t, sentryconfig.Options{OutboxDir: dir,
				ClientOptions: func(o *sentry.ClientOptions) {
					o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
						// Whatever was to be written before this is written after it.
						client.CaptureTaskFailure(context.Background(), "other", "x", nil, nil)
						during = running()
						return e
					}
				}})
			ctx, task := client.CreateTaskSpan(context.Background(), "copy", 0, 1, nil)
			ask(ctx)
			task.Finish()
			if after := running(); during != 1 || after != 0 {
				t.Errorf("while the task ends, %d are noted, and %d after it", during, after)
			}
		})
	}
}
