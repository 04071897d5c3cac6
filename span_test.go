package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func transactions(t *testing.T, server *sentrytest.Server, n int) []sentrytest.Event {
	t.Helper()
	flush(t)
	list := server.WaitTransactions(n, time.Minute)
	if len(list) != n {
		t.Fatalf("got %d transactions, want %d", len(list), n)
	}
	return inOrder(list)
}

func status(tx sentrytest.Event) string { return fmt.Sprint(tx.Contexts["trace"]["status"]) }

func TestTransaction(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "ping", 0, 3, map[string]any{"host": "h"})
	child := sentry.StartSpan(ctx, "exec")
	_, nested := sentryconfig.CreateTaskSpan(child.Context(), "resolve", 1, 2, "data")
	nested.SetData("answer", 42)
	nested.Finish()
	child.Finish()
	span.Finish()
	span.Finish()
	_, unknown := sentryconfig.CreateTaskSpan(t.Context(), "", 0, 0, nil)
	unknown.Finish()
	list := transactions(t, server, 2)
	tx := list[0]
	trace := tx.Contexts["trace"]
	if tx.Transaction != "task.ping" || trace["op"] != "task" || trace["description"] != "Execute ping (1/3)" ||
		status(tx) != "ok" {
		t.Errorf("transaction %q, trace %v", tx.Transaction, trace)
	}
	for tag, want := range map[string]string{"task_type": "ping", "task_index": "0", "total_tasks": "3",
		"environment_detected": "development"} {
		if tx.Tags[tag] != want {
			t.Errorf("tag %s = %q, want %q", tag, tx.Tags[tag], want)
		}
	}
	if got := fmt.Sprint(tx.Contexts["task"]); got != "map[data:map[host:h] index:0 task_type:ping total:3]" {
		t.Errorf("context task = %s", got)
	}
	if tx.Contexts["os"]["name"] == nil || tx.Contexts["memory"] == nil {
		t.Error("no system context")
	}
	if len(tx.Spans) != 2 {
		t.Fatalf("%d spans, want 2", len(tx.Spans))
	}
	if tx = list[1]; tx.Transaction != "task.unknown" || tx.Contexts["trace"]["description"] != "Execute unknown" ||
		tx.Tags["total_tasks"] != "" || tx.Contexts["task"]["total"] != nil {
		t.Errorf("without a total: %q, %v, %v", tx.Transaction, tx.Contexts["trace"], tx.Tags)
	}
}

type errorList []string

func (l errorList) Error() string { return strings.Join(l, ", ") }

func TestRunTaskOutcomes(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		name   string
		run    func(context.Context) error
		cancel bool
		status string
		events int
		level  string
	}{
		{"ok", func(context.Context) error { return nil }, false, "ok", 0, ""},
		{"error", func(context.Context) error { return boom }, false, "internal_error", 1, "error"},
		{"wrapped failure", func(context.Context) error {
			return fmt.Errorf("w: %w", &sentryconfig.TaskFailure{Reason: "bad", Err: boom})
		}, false, "failed_precondition", 1, "error"},
		{"deadline", func(context.Context) error { return fmt.Errorf("x: %w", context.DeadlineExceeded) }, false, "deadline_exceeded", 1, "error"},
		{"cancelled", func(ctx context.Context) error { return ctx.Err() }, true, "cancelled", 0, ""},
		{"says cancelled but isn't", func(context.Context) error { return context.Canceled }, false, "internal_error", 1, "error"},
		{"panic", func(context.Context) error { panic("boom") }, false, "internal_error", 1, "fatal"},
		{"panic with error", func(context.Context) error { panic(boom) }, false, "internal_error", 1, "fatal"},
		{"nil panic", func(context.Context) error { panic(nil) }, false, "internal_error", 1, "fatal"},
		{"runtime error", func(context.Context) error { var m map[string]int; m["x"] = 1; return nil }, false, "internal_error", 1, "fatal"},
		{"captured by hand", func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, boom, "", nil, nil)
			return fmt.Errorf("more: %w", boom)
		}, false, "internal_error", 1, "error"},
		{"nested RunTask", func(ctx context.Context) error {
			return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"},
				func(context.Context) error { return boom })
		}, false, "internal_error", 1, "error"},
		{"nested panic", func(ctx context.Context) error {
			return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"},
				func(context.Context) error { panic("boom") })
		}, false, "internal_error", 1, "fatal"},
		{"panic through spans", func(ctx context.Context) error {
			ctx, a := sentryconfig.CreateTaskSpan(ctx, "a", 0, 1, nil)
			defer a.Finish()
			_, b := sentryconfig.CreateTaskSpan(ctx, "b", 0, 1, nil)
			defer b.Finish()
			panic("boom")
		}, false, "internal_error", 1, "fatal"},
		{"two panics, one value", func(ctx context.Context) error {
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"},
				func(context.Context) error { panic("boom") })
			panic("boom")
		}, false, "internal_error", 2, "fatal"},
		{"captured by hand, of a type that can't be compared", func(ctx context.Context) error {
			err := errorList{"a", "b"}
			sentryconfig.CaptureTaskException(ctx, err, "", nil, nil)
			return fmt.Errorf("more: %w", err)
		}, false, "internal_error", 1, "error"},
		{"captured by hand, then another of that type", func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, errorList{"a", "b"}, "", nil, nil)
			return errorList{"a", "b"}
		}, false, "internal_error", 2, "error"},
		{"captured by hand, wrapped beside a sentinel", func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, boom, "", nil, nil)
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, boom)
		}, false, "internal_error", 1, "error"},
		{"captured by hand, joined with another", func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, boom, "", nil, nil)
			return fmt.Errorf("more: %w", errors.Join(boom, errors.New("close")))
		}, false, "internal_error", 2, "error"},
		{"nested tasks, joined", func(ctx context.Context) error {
			fail := func(context.Context) error { return boom }
			return errors.Join(sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "a"}, fail), nil,
				sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "b"}, fail))
		}, false, "internal_error", 2, ""},
		{"panic recovered and returned", func(ctx context.Context) (err error) {
			defer func() { err = fmt.Errorf("recovered: %w", recover().(error)) }()
			_, span := sentryconfig.CreateTaskSpan(ctx, "a", 0, 1, nil)
			defer span.Finish()
			panic(boom)
		}, false, "internal_error", 1, "fatal"},
		{"panic raised again on its way", func(ctx context.Context) error {
			defer func() { panic(recover()) }()
			_, span := sentryconfig.CreateTaskSpan(ctx, "a", 0, 1, nil)
			defer span.Finish()
			panic([]string{"boom"})
		}, false, "internal_error", 1, "fatal"},
		{"panic during a panic", func(ctx context.Context) error {
			defer func() { panic("cleaning up") }()
			_, span := sentryconfig.CreateTaskSpan(ctx, "a", 0, 1, nil)
			defer span.Finish()
			panic("boom")
		}, false, "internal_error", 2, "fatal"},
		{"two panics, one error", func(ctx context.Context) error {
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"}, func(context.Context) error { panic(boom) })
			panic(boom)
		}, false, "internal_error", 2, "fatal"},
		{"status taken back", func(ctx context.Context) error {
			sentryconfig.TaskSpanFromContext(ctx).SetStatus(sentry.SpanStatusDataLoss)
			sentryconfig.TaskSpanFromContext(ctx).SetStatus(sentry.SpanStatusUndefined)
			return boom
		}, false, "internal_error", 1, "error"},
		{"status set by hand", func(ctx context.Context) error {
			sentryconfig.TaskSpanFromContext(ctx).SetStatus(sentry.SpanStatusDataLoss)
			return boom
		}, false, "data_loss", 1, "error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel {
				cancel()
			}
			err := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "outer", Index: 0, Total: 1}, test.run)
			tx := transactions(t, server, 1)[0]
			if status(tx) != test.status {
				t.Errorf("status %s, want %s", status(tx), test.status)
			}
			events := inOrder(server.Events())
			if len(events) != test.events {
				t.Fatalf("%d events, want %d", len(events), test.events)
			}
			if test.status == "ok" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			var te *sentryconfig.TaskError
			if !errors.As(err, &te) || te.Task.Type != "outer" || !strings.HasPrefix(err.Error(), "outer: ") {
				t.Fatalf("error %v, want a TaskError of outer", err)
			}
			if test.events == 0 {
				if te.EventID != "" {
					t.Errorf("EventID %s for no event", te.EventID)
				}
				return
			}
			if test.level == "" { // reported by tasks within it
				return
			}
			last := events[len(events)-1]
			if string(te.EventID) != last.ID || last.Level != test.level {
				t.Errorf("EventID %q, event %q; level %q, want %q", te.EventID, last.ID, last.Level, test.level)
			}
			if test.level == "fatal" {
				checkPanic(t, last)
			}
		})
	}
}

func checkPanic(t *testing.T, e sentrytest.Event) {
	t.Helper()
	x := e.Exceptions[len(e.Exceptions)-1]
	if x.Mechanism == nil || x.Mechanism.Handled == nil || *x.Mechanism.Handled {
		t.Errorf("mechanism %+v, want handled=false", x.Mechanism)
	}
	if len(x.Frames) == 0 {
		t.Fatal("no stack trace")
	}
	top := x.Frames[len(x.Frames)-1]
	if !strings.Contains(top.Function, "TestRunTaskOutcomes") && !strings.Contains(top.Function, "TestDeferredFinish") {
		t.Errorf("the stack trace ends in %s.%s, want where the panic was raised", top.Module, top.Function)
	}
}

func TestDeferredFinishPanicsAgain(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	value := &struct{ x int }{7}
	func() {
		defer func() {
			if v := recover(); v != value {
				t.Errorf("recovered %v, want the same value", v)
			}
		}()
		_, span := sentryconfig.CreateTaskSpan(t.Context(), "p", 0, 1, nil)
		defer span.Finish()
		panic(value)
	}()
	checkPanic(t, one(t, server))
	if tx := transactions(t, server, 1)[0]; status(tx) != "internal_error" {
		t.Errorf("status %s", status(tx))
	}
}

func TestGoexit(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "run"}, func(context.Context) error {
			runtime.Goexit()
			return nil
		})
	})
	wg.Go(func() {
		_, span := sentryconfig.CreateTaskSpan(context.Background(), "span", 0, 1, nil)
		defer span.Finish()
		runtime.Goexit()
	})
	wg.Wait()
	for _, tx := range transactions(t, server, 2) {
		if status(tx) != "aborted" {
			t.Errorf("%s: status %s, want aborted", tx.Transaction, status(tx))
		}
	}
	if n := len(server.Events()); n != 0 {
		t.Errorf("%d events", n)
	}
}

// A task that runs while another part of the program cleans up after its own panic is not itself in a panic.
func TestTaskDuringCleanup(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	func() {
		defer func() { _ = recover() }()
		defer func() {
			_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "cleanup"},
				func(context.Context) error { return nil })
		}()
		panic("somebody else's")
	}()
	if tx := transactions(t, server, 1)[0]; status(tx) != "ok" {
		t.Errorf("status %s, want ok", status(tx))
	}
	if n := len(server.Events()); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestCloseCancelsRunningTasks(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	_, span := sentryconfig.CreateTaskSpan(t.Context(), "slow", 0, 1, nil)
	if !sentryconfig.Close(time.Minute) {
		t.Error("Close = false")
	}
	span.Finish()
	list := server.WaitTransactions(1, 0)
	if len(list) != 1 || status(list[0]) != "cancelled" {
		t.Errorf("transactions %v", list)
	}
}

func TestSideBySideTasksNeverMix(t *testing.T) {
	const n = 64
	server := start(t, sentryconfig.Options{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("t%02d", i)
			_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: name, Index: i, Total: n},
				func(ctx context.Context) error {
					sentryconfig.TaskSpanFromContext(ctx).SetTag("own", name)
					sentryconfig.AddBreadcrumb(ctx, name, "step", "", map[string]any{"name": name})
					child := sentry.StartSpan(ctx, name)
					runtime.Gosched()
					child.Finish()
					return errors.New(name)
				})
		})
	}
	wg.Wait()
	flush(t)
	for _, e := range append(server.WaitEvents(n, 0), server.WaitTransactions(n, 0)...) {
		name := e.Tags["task_type"]
		if e.Tags["own"] != name || len(e.Breadcrumbs) != 1 || e.Breadcrumbs[0].Message != name {
			t.Errorf("event of %s: own %q, breadcrumbs %v", name, e.Tags["own"], e.Breadcrumbs)
		}
		for _, s := range e.Spans {
			if s.Op != name {
				t.Errorf("span %s in the transaction of %s", s.Op, name)
			}
		}
	}
}

func TestOnlyRunningTask(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	_, a := sentryconfig.CreateTaskSpan(t.Context(), "a", 0, 2, nil)
	sentryconfig.AddBreadcrumb(context.Background(), "for a", "", "", nil)
	sentryconfig.CaptureTaskFailure(nil, "", "one runs", nil, nil) //nolint:staticcheck // a nil ctx is allowed
	_, b := sentryconfig.CreateTaskSpan(t.Context(), "b", 1, 2, nil)
	sentryconfig.AddBreadcrumb(context.Background(), "for nobody", "", "", nil)
	sentryconfig.CaptureTaskFailure(context.Background(), "", "two run", nil, nil)
	b.Finish()
	// Tasks have run side by side: from now on nobody knows whose a call without a task is.
	sentryconfig.CaptureTaskFailure(context.Background(), "", "one again", nil, nil)
	a.Finish()
	flush(t)
	events := inOrder(server.WaitEvents(3, 0))
	for i, want := range []string{"a: one runs", "unknown: two run", "unknown: one again"} {
		if events[i].Message != want {
			t.Errorf("event %d: %q, want %q", i, events[i].Message, want)
		}
	}
	if crumbs := events[0].Breadcrumbs; len(crumbs) != 1 || crumbs[0].Message != "for a" {
		t.Errorf("breadcrumbs of a: %v", crumbs)
	}
	if crumbs := events[2].Breadcrumbs; len(crumbs) != 1 || crumbs[0].Message != "for nobody" {
		t.Errorf("breadcrumbs of nobody: %v", crumbs)
	}
}

func TestContinueTrace(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	const trace = "0123456789abcdef0123456789abcdef"
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, nil,
		sentry.ContinueTrace(sentry.CurrentHub(), trace+"-0123456789abcdef-1", ""))
	sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", nil, nil)
	span.Finish()
	for _, e := range append(transactions(t, server, 1), one(t, server)) {
		if e.Contexts["trace"]["trace_id"] != trace {
			t.Errorf("trace %v, want %s", e.Contexts["trace"], trace)
		}
	}
}

// A program that uses Sentry itself keeps its client, its hub and its transaction; ours ride beside them.
func TestHostWithItsOwnSentry(t *testing.T) {
	theirs := newServer(t)
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: theirs.DSN(), EnableTracing: true, TracesSampleRate: 1,
		Transport: sentry.NewHTTPSyncTransport()})
	if err != nil {
		t.Fatal(err)
	}
	sentry.CurrentHub().BindClient(client)
	defer client.Close()
	defer sentry.CurrentHub().BindClient(nil)
	ours := start(t, sentryconfig.Options{})
	if sentry.CurrentHub().Client() != client {
		t.Fatal("Init bound another client")
	}

	hub := sentry.CurrentHub().Clone()
	hub.Scope().SetTag("whose", "theirs")
	hostCtx := sentry.SetHubOnContext(t.Context(), hub)
	host := sentry.StartTransaction(hostCtx, "host")
	_ = sentryconfig.RunTask(host.Context(), sentryconfig.Task{Type: "ours", Total: 1},
		func(ctx context.Context) error {
			if sentry.GetHubFromContext(ctx) != hub {
				t.Error("the host's hub isn't in the task's context any more")
			}
			sentry.StartSpan(ctx, "host.child").Finish()
			sentry.GetHubFromContext(ctx).CaptureMessage("host message")
			_, nested := sentryconfig.CreateTaskSpan(ctx, "nested", 0, 1, nil)
			nested.Finish()
			return errors.New("ours")
		})
	host.Finish()
	sentry.CaptureMessage("plain")
	flush(t)

	if list := theirs.WaitEvents(2, 0); len(theirs.Events()) != 2 || list[0].Message != "host message" ||
		list[1].Message != "plain" {
		t.Errorf("the host's server got %v", list)
	}
	hostTx := theirs.WaitTransactions(1, 0)
	if len(theirs.Transactions()) != 1 || hostTx[0].Transaction != "host" || len(hostTx[0].Spans) != 1 ||
		hostTx[0].Spans[0].Op != "host.child" {
		t.Errorf("the host's server got the transactions %v", hostTx)
	}
	e, tx := one(t, ours), transactions(t, ours, 1)[0]
	if e.Tags["task_type"] != "ours" || e.Tags["whose"] != "" || tx.Transaction != "task.ours" || len(tx.Spans) != 1 {
		t.Errorf("our server got %v and %q with %d spans", e.Tags, tx.Transaction, len(tx.Spans))
	}
	want := host.TraceID.String()
	if e.Contexts["trace"]["trace_id"] != want || tx.Contexts["trace"]["trace_id"] != want {
		t.Errorf("traces %v and %v, want the host's %s", e.Contexts["trace"]["trace_id"],
			tx.Contexts["trace"]["trace_id"], want)
	}
	sentryconfig.Close(time.Minute)
	if sentry.CurrentHub().Client() != client {
		t.Error("Close unbound the host's client")
	}
}

// Programs that write ctx, span = CreateTaskSpan(ctx, …) in a loop begin each task with the context of the one before.
func TestTaskInEndedTask(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	ctx, first := sentryconfig.CreateTaskSpan(t.Context(), "first", 0, 3, nil)
	inner, nested := sentryconfig.CreateTaskSpan(ctx, "nested", 0, 1, nil)
	nested.Finish()
	_, beside := sentryconfig.CreateTaskSpan(inner, "beside", 0, 1, nil) // its task runs on
	beside.Finish()
	first.Finish()
	second, span := sentryconfig.CreateTaskSpan(sentry.StartSpan(inner, "exec").Context(), "second", 1, 3, nil)
	_, within := sentryconfig.CreateTaskSpan(second, "within", 0, 1, nil)
	within.Finish()
	span.Finish()
	list := transactions(t, server, 2)
	if list[0].Transaction != "task.first" || len(list[0].Spans) != 2 || list[1].Transaction != "task.second" ||
		len(list[1].Spans) != 1 {
		t.Errorf("transactions %q with %d spans, %q with %d", list[0].Transaction, len(list[0].Spans),
			list[1].Transaction, len(list[1].Spans))
	}
}

// Run with -race: a goroutine of a task may go on capturing while the task, or the one around it, ends.
func TestCapturesWhileTasksEnd(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	const rounds = 20
	for range rounds {
		captureWhileTasksEnd(t)
	}
	traces := make(map[any]bool)
	for _, tx := range transactions(t, server, rounds) {
		traces[tx.Contexts["trace"]["trace_id"]] = true
	}
	for _, e := range server.Events() {
		if !traces[e.Contexts["trace"]["trace_id"]] {
			t.Errorf("an event of another trace: %v", e.Contexts["trace"])
		}
	}
}

func captureWhileTasksEnd(t *testing.T) {
	ctx, outer := sentryconfig.CreateTaskSpan(t.Context(), "outer", 0, 1, nil)
	innerCtx, inner := sentryconfig.CreateTaskSpan(ctx, "inner", 0, 1, nil)
	captured, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for _, ctx := range []context.Context{ctx, innerCtx} {
		wg.Go(func() {
			for {
				sentryconfig.CaptureTaskFailure(ctx, "", "late", nil, nil)
				select {
				case captured <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	for _, end := range []func(){func() {}, inner.Finish, outer.Finish} {
		end()
		for range 4 {
			<-captured
		}
	}
	close(stop)
	wg.Wait()
}

// A host that calls sentry.Init after Init takes the current hub for itself; what is ours still goes to our server
// only.
func TestHostBindsItsClientLater(t *testing.T) {
	ours, theirs := start(t, sentryconfig.Options{}), newServer(t)
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: theirs.DSN(), EnableTracing: true, TracesSampleRate: 1,
		Transport: sentry.NewHTTPSyncTransport()})
	if err != nil {
		t.Fatal(err)
	}
	sentry.CurrentHub().BindClient(client)
	defer client.Close()
	defer sentry.CurrentHub().BindClient(nil)

	if id := sentryconfig.CaptureTaskException(t.Context(), errors.New("no task"), "a", nil, nil); id == "" {
		t.Error("without a task: no ID")
	}
	err = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "b"},
		func(context.Context) error { return errors.New("in a task") })
	var te *sentryconfig.TaskError
	if !errors.As(err, &te) || te.EventID == "" {
		t.Errorf("in a task: no ID, %v", err)
	}
	sentry.CaptureMessage("host")
	transactions(t, ours, 1)
	if list := ours.Events(); len(list) != 2 {
		t.Errorf("our server got %d events, want 2", len(list))
	}
	if list := theirs.Events(); len(list) != 1 || list[0].Message != "host" || len(theirs.Transactions()) != 0 {
		t.Errorf("the host's server got %v and %v", list, theirs.Transactions())
	}
	sentryconfig.Close(time.Minute)
	if sentry.CurrentHub().Client() != client {
		t.Error("Close unbound the host's client")
	}
}

func TestPlainSentryCallsReport(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	sentry.CaptureMessage("plain")
	if e := one(t, server); e.Message != "plain" || e.Contexts["os"]["name"] == nil {
		t.Errorf("event %v", e)
	}
	if !sentry.Flush(time.Second) {
		t.Error("sentry.Flush = false")
	}
	sentryconfig.Close(time.Minute)
	if sentry.CurrentHub().Client().IsEnabled() {
		t.Error("Close left our client bound")
	}
}

// Keys of tags that fall together once they are as Sentry takes them keep their values.
func TestTagKeysThatFallTogether(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	_, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	long := strings.Repeat("k", 200)
	values := make(map[string]bool)
	for i, key := range []string{"disk c", "disk/c", "disk_c", "disk\nc", long, long + "1", long + "2"} {
		value := fmt.Sprint("value ", i)
		values[value] = true
		span.SetTag(key, value)
	}
	span.Finish()
	for _, value := range transactions(t, server, 1)[0].Tags {
		delete(values, value)
	}
	if len(values) > 0 {
		t.Errorf("tags lost: %v", values)
	}
}

// An event of an inner task names the one around it, as long as that is the same Client's.
func TestParentInContextTask(t *testing.T) {
	server, other := start(t, sentryconfig.Options{}), newServer(t)
	b, err := sentryconfig.New(sentryconfig.Options{DSN: other.DSN()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(time.Minute)
	boom := func(ctx context.Context) error {
		sentryconfig.CaptureTaskFailure(ctx, "", "by hand", nil, nil)
		return errors.New("boom")
	}
	ctx, outer := sentryconfig.CreateTaskSpan(t.Context(), "outer", 2, 5, nil)
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "middle", Index: 3}, func(ctx context.Context) error {
		_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner", Total: 1}, boom)
		_ = b.RunTask(ctx, sentryconfig.Task{Type: "another Client's", Total: 1}, boom)
		return nil
	})
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "second", Total: 1}, boom)
	_ = boom(ctx)
	outer.Finish()
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "after it", Total: 1}, boom)
	flush(t)
	if !b.Flush(time.Minute) {
		t.Error("Flush = false")
	}
	want := map[any]string{"inner": "map[type:middle]", "second": "map[index:2 type:outer]",
		"outer": "<nil>", "another Client's": "<nil>", "after it": "<nil>"}
	events := append(server.WaitEvents(7, time.Minute), other.WaitEvents(2, time.Minute)...)
	for _, e := range events {
		task := e.Contexts["task"]
		if got := fmt.Sprint(task["parent"]); got != want[task["task_type"]] {
			t.Errorf("%v: parent %s, want %s", task["task_type"], got, want[task["task_type"]])
		}
	}
	for _, tx := range append(transactions(t, server, 2), other.WaitTransactions(1, time.Minute)...) {
		if task := tx.Contexts["task"]; task["parent"] != nil {
			t.Errorf("a transaction's context task: %v", task)
		}
	}
}

// Run with -race: a task in a goroutine may go on, and end, while the transaction that it is part of is sent.
func TestInnerTasksThatOutliveTheirRoot(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	const rounds, goroutines = 200, 3
	for range rounds {
		ctx, outer := sentryconfig.CreateTaskSpan(t.Context(), "outer", 0, 1, nil)
		var begun, ended sync.WaitGroup
		begun.Add(goroutines)
		ending := make(chan struct{})
		for range goroutines {
			ended.Go(func() {
				_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"}, func(ctx context.Context) error {
					begun.Done()
					<-ending
					span := sentryconfig.TaskSpanFromContext(ctx)
					for i := range 10 {
						span.SetTag("round", fmt.Sprint(i))
						span.SetData("round", i)
						span.SetStatus(sentry.SpanStatusDataLoss)
					}
					return nil
				})
			})
		}
		begun.Wait()
		close(ending)
		outer.Finish()
		ended.Wait()
	}
	for _, tx := range transactions(t, server, rounds) {
		for _, s := range tx.Spans {
			if s.Status != "data_loss" || s.Tags["round"] != "9" {
				t.Errorf("a span that had not ended is in its transaction: %v", s)
			}
		}
	}
}

// A hook may use the tasks within the one that is being sent; for their spans it is too late then.
func TestInnerTasksInHooks(t *testing.T) {
	var inner *sentryconfig.TaskSpan
	mock := &sentry.MockTransport{}
	start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.Transport = mock
		o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			inner.SetTag("late", "x")
			inner.SetData("late", "x")
			inner.Finish()
			return e
		}
	}})
	ctx, outer := sentryconfig.CreateTaskSpan(t.Context(), "outer", 0, 1, nil)
	innerCtx, span := sentryconfig.CreateTaskSpan(ctx, "inner", 0, 1, nil)
	inner = span
	own := sentry.SpanFromContext(innerCtx)
	outer.Finish()
	if events := mock.Events(); len(events) != 1 || len(events[0].Spans) != 0 {
		t.Errorf("events %v", events)
	}
	if own.Status != 0 || !own.EndTime.IsZero() || own.Tags["late"] != "" || own.Data["late"] != nil {
		t.Errorf("the span was changed: %v, %v, %v, %v", own.Status, own.EndTime, own.Tags, own.Data)
	}
	sentryconfig.CaptureTaskFailure(innerCtx, "", "after it all", nil, nil)
	events := mock.Events()
	if e := events[len(events)-1]; e.Tags["late"] != "x" || e.Contexts["trace"]["span_id"] != own.SpanID {
		t.Errorf("tags %v, trace %v", e.Tags, e.Contexts["trace"])
	}
}
