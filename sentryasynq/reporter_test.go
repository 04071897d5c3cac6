package sentryasynq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

var errMailbox = errors.New("mailbox full")

// A row is a line of the contract's table.
type row struct {
	name     string
	retries  int
	handle   func(ctx context.Context, attempt int) error
	config   func(*asynq.Config)
	state    asynq.TaskState // 0: gone
	events   string          // level of each
	outcomes string          // status/outcome of each transaction
	checkIns string
}

func TestTable(t *testing.T) {
	fails := func(context.Context, int) error { return errMailbox }
	for _, row := range []row{
		{"success", 2, func(context.Context, int) error { return nil }, nil, 0, "", "ok/ok", "in_progress ok"},
		{"second attempt", 2, func(_ context.Context, n int) error {
			if n == 1 {
				return errMailbox
			}
			return nil
		}, nil, 0, "warning", "internal_error/retried ok/ok", "in_progress in_progress in_progress ok"},
		{"all attempts", 2, fails, nil, asynq.TaskStateArchived, "warning error",
			"internal_error/retried internal_error/retried internal_error/failed",
			"in_progress in_progress in_progress in_progress in_progress error"},
		{"panics", 1, func(context.Context, int) error { panic("boom") }, nil, asynq.TaskStateArchived, "warning fatal",
			"internal_error/retried internal_error/failed", "in_progress in_progress in_progress error"},
		{"skip retry", 5, func(context.Context, int) error { return fmt.Errorf("%w: %w", errMailbox, asynq.SkipRetry) }, nil,
			asynq.TaskStateArchived, "error", "internal_error/failed", "in_progress error"},
		{"revoked", 5, func(context.Context, int) error { return asynq.RevokeTask }, nil, 0, "", "cancelled/cancelled",
			"in_progress ok"},
		{"no failure", 1, func(_ context.Context, n int) error {
			if n < 3 {
				return errMailbox
			}
			return nil
		}, func(c *asynq.Config) { c.IsFailure = func(err error) bool { return err != errMailbox } }, 0, "",
			"ok/postponed ok/postponed ok/ok", "in_progress in_progress in_progress in_progress in_progress ok"},
		{"no failure but archived", 0, fails, func(c *asynq.Config) { c.IsFailure = func(error) bool { return false } },
			asynq.TaskStateArchived, "error", "internal_error/failed", "in_progress error"},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t) })
	}
}

func (r row) test(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	cfg := quickConfig()
	if r.config != nil {
		r.config(&cfg)
	}
	attempts := 0
	b.start(cfg, sentryasynq.Options{Monitors: map[string]sentryconfig.Monitor{"send": {Slug: "send"}}},
		func(ctx context.Context, _ *asynq.Task) error { // of one task: never at the same time
			attempts++
			return r.handle(ctx, attempts)
		})
	info := b.enqueue(asynq.MaxRetry(r.retries))
	if r.state == 0 {
		b.ended(info)
	} else {
		b.ended(info, r.state)
	}
	b.shutdown()
	b.flush()
	var levels, outcomes, checkIns []string
	for _, e := range b.sentry.Events() {
		levels = append(levels, e.Level)
		if (e.Tags["will_retry"] == "true") != (e.Level == "warning") || e.Contexts["task"]["id"] != info.ID ||
			e.Tags["queue"] != "default" || strings.Contains(fmt.Sprint(e.Fingerprint), "skip retry") {
			t.Errorf("event %v %v %v", e.Fingerprint, e.Tags, e.Contexts["task"])
		}
	}
	for _, tx := range b.sentry.Transactions() {
		outcomes = append(outcomes, fmt.Sprint(tx.Contexts["trace"]["status"], "/", dataOf(tx)["task.outcome"]))
	}
	for _, c := range b.sentry.CheckIns() {
		checkIns = append(checkIns, c.Status)
	}
	if got := strings.Join(levels, " "); got != r.events {
		t.Errorf("events %q, want %q", got, r.events)
	}
	if got := strings.Join(outcomes, " "); got != r.outcomes {
		t.Errorf("outcomes %q, want %q", got, r.outcomes)
	}
	if got := strings.Join(checkIns, " "); got != r.checkIns {
		t.Errorf("check-ins %q, want %q", got, r.checkIns)
	}
	if n := len(b.sentry.Issues()); n > 1 {
		t.Errorf("%d issues", n)
	}
}

func dataOf(tx sentrytest.Event) map[string]any {
	data, _ := tx.Contexts["trace"]["data"].(map[string]any)
	return data
}

// TestDeadline: asynq gives up at the deadline, while the handler runs on.
func TestDeadline(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	release, told := make(chan struct{}), make(chan error, 1)
	cfg := quickConfig()
	cfg.ErrorHandler = asynq.ErrorHandlerFunc(func(_ context.Context, _ *asynq.Task, err error) { told <- err })
	b.start(cfg, sentryasynq.Options{}, func(context.Context, *asynq.Task) error { <-release; return nil })
	b.ended(b.enqueue(asynq.MaxRetry(0), asynq.Timeout(time.Second)), asynq.TaskStateArchived)
	if err := <-told; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the user's handler got %v", err)
	}
	e := b.sentry.WaitEvents(1, patience)[0]
	if e.Level != "error" || e.Tags["error_condition"] != "timeout" || len(b.sentry.Transactions()) > 0 {
		t.Errorf("level %s, tags %v", e.Level, e.Tags)
	}
	close(release)
	tx := b.sentry.WaitTransactions(1, patience)[0]
	if tx.Contexts["trace"]["status"] != "deadline_exceeded" || dataOf(tx)["task.outcome"] != "failed" {
		t.Errorf("trace %v", tx.Contexts["trace"])
	}
	b.flush()
	if n := len(b.sentry.Events()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// TestTooLateToStart: a task whose deadline is over fails without its handler.
func TestTooLateToStart(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	b.start(quickConfig(), sentryasynq.Options{}, func(context.Context, *asynq.Task) error { return nil })
	b.ended(b.enqueue(asynq.MaxRetry(1), asynq.Deadline(time.Now().Add(-time.Hour))), asynq.TaskStateArchived)
	b.shutdown()
	b.flush()
	events := b.sentry.Events()
	if len(events) != 2 || events[0].Level != "warning" || events[1].Level != "error" || len(b.sentry.Issues()) != 1 {
		t.Errorf("events %v", events)
	}
}

// TestNoHandler: a task of a type that nobody handles.
func TestNoHandler(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	b.start(quickConfig(), sentryasynq.Options{}, nil)
	b.ended(b.enqueue(asynq.MaxRetry(1)), asynq.TaskStateArchived)
	b.shutdown()
	b.flush()
	events, tx := b.sentry.Events(), b.sentry.Transactions()
	if len(events) != 2 || events[1].Level != "error" || len(tx) != 2 ||
		tx[1].Contexts["trace"]["status"] != "internal_error" {
		t.Errorf("events %v, transactions %v", events, tx)
	}
}

// TestShutdown: what asynq hands back, or an operator cancels, is no trouble.
func TestShutdown(t *testing.T) {
	for name, end := range map[string]func(*bench, *asynq.TaskInfo){
		"shutdown": func(b *bench, _ *asynq.TaskInfo) { b.shutdown() },
		"cancelled": func(b *bench, info *asynq.TaskInfo) {
			inspector := asynq.NewInspector(b.redis)
			defer inspector.Close()
			b.wait("the server to listen", func() bool {
				err := inspector.CancelProcessing(info.ID)
				return err != nil || len(b.sentry.Transactions()) > 0 || !b.client.Flush(patience)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sentryconfig.Options{})
			running := make(chan struct{}, 10)
			monitors := map[string]sentryconfig.Monitor{"send": {Slug: "send"}}
			b.start(quickConfig(), sentryasynq.Options{Monitors: monitors},
				func(ctx context.Context, _ *asynq.Task) error {
					running <- struct{}{}
					<-ctx.Done()
					return errMailbox // whatever it makes of that: asynq doesn't wait for it
				})
			info := b.enqueue(asynq.MaxRetry(0))
			<-running
			end(b, info)
			tx := b.sentry.WaitTransactions(1, patience)[0]
			if tx.Contexts["trace"]["status"] != "cancelled" || dataOf(tx)["task.outcome"] != "cancelled" {
				t.Errorf("trace %v", tx.Contexts["trace"])
			}
			b.shutdown()
			b.flush()
			b.sentry.RequireNoEvents()
			if list := b.sentry.CheckIns(); name == "shutdown" && len(list) != 1 {
				t.Errorf("check-ins %v", list)
			}
		})
	}
}

// TestTraces: the worker continues the enqueuer's trace, in each attempt, unless it is told not to.
func TestTraces(t *testing.T) {
	for _, newTrace := range []bool{false, true} {
		b := newBench(t, sentryconfig.Options{})
		ctx, span := b.client.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
		task := sentryasynq.NewTask(ctx, "send", []byte("12345"), asynq.MaxRetry(1))
		info, err := sentryasynq.Enqueue(ctx, b.queue, task, asynq.Queue("mail"))
		if err != nil {
			t.Fatal(err)
		}
		span.Finish()
		cfg := quickConfig()
		cfg.Queues = map[string]int{"mail": 1, "default": 1}
		b.start(cfg, sentryasynq.Options{NewTrace: newTrace, Payload: true},
			func(context.Context, *asynq.Task) error { return errMailbox })
		b.ended(info, asynq.TaskStateArchived)
		b.shutdown()
		b.flush()
		list := b.sentry.Transactions()
		shop := list[slices.IndexFunc(list, func(e sentrytest.Event) bool { return e.Transaction == "task.shop" })]
		checkPublish(t, shop, info)
		attempts := 0
		for _, tx := range list {
			if tx.Transaction != "task.send" {
				continue
			}
			attempts++
			trace := tx.Contexts["trace"]
			same := trace["trace_id"] == shop.Contexts["trace"]["trace_id"]
			if same == newTrace || trace["op"] != "queue.process" || trace["origin"] != "auto.queue.asynq" {
				t.Errorf("new trace %v: %v, enqueued in %v", newTrace, trace, shop.Contexts["trace"])
			}
			data := dataOf(tx)
			_, waited := data["messaging.message.receive.latency"]
			if data["messaging.destination.name"] != "mail" || data["messaging.message.body.size"] != 5.0 ||
				waited != (data["messaging.message.retry.count"] == 0.0) || tx.Contexts["task"]["data"] != 12345.0 {
				t.Errorf("data %v, task %v", data, tx.Contexts["task"])
			}
		}
		if attempts != 2 {
			t.Errorf("%d attempts", attempts)
		}
	}
}

func checkPublish(t *testing.T, tx sentrytest.Event, info *asynq.TaskInfo) {
	t.Helper()
	if len(tx.Spans) != 1 {
		t.Fatalf("%d spans", len(tx.Spans))
	}
	span := tx.Spans[0]
	if span.Op != "queue.publish" || span.Data["messaging.message.id"] != info.ID ||
		span.Data["messaging.destination.name"] != "mail" || span.Data["messaging.system"] != "asynq" {
		t.Errorf("span %+v", span)
	}
}

// TestSampling: a task whose enqueuer samples has its transaction in the same trace, whatever the worker's rate is, one
// whose enqueuer doesn't has none, and one without a trace goes by the worker's rate. Events come all the same, and in
// the enqueuer's trace.
func TestSampling(t *testing.T) {
	for working := range 2 {
		b := newBench(t, sentryconfig.Options{TracesSampleRate: sentry.Set(float64(working))})
		b.start(quickConfig(), sentryasynq.Options{}, func(context.Context, *asynq.Task) error { return errMailbox })
		for enqueuing := range 2 {
			producer, err := sentryconfig.New(sentryconfig.Options{DSN: b.sentry.DSN(),
				TracesSampleRate: sentry.Set(float64(enqueuing))})
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := producer.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
			b.checkTask(ctx, fmt.Sprintf("rates %d and %d", enqueuing, working), enqueuing)
			span.Finish()
			producer.Close(patience)
		}
		b.checkTask(context.Background(), fmt.Sprintf("no trace and rate %d", working), working)
	}
}

// checkTask enqueues a task, waits for it, and looks at its event, its transactions, and their trace.
func (b *bench) checkTask(ctx context.Context, name string, sampled int) {
	b.t.Helper()
	info, err := sentryasynq.Enqueue(ctx, b.queue, sentryasynq.NewTask(ctx, "send", nil, asynq.MaxRetry(0)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.ended(info, asynq.TaskStateArchived)
	b.flush()
	other := func(e sentrytest.Event) bool { return e.Contexts["task"]["id"] != info.ID }
	events := slices.DeleteFunc(b.sentry.Events(), other)
	transactions := slices.DeleteFunc(b.sentry.Transactions(), other)
	if len(events) != 1 || len(transactions) != sampled {
		b.t.Errorf("%s: %d events, %d transactions", name, len(events), len(transactions))
	}
	trace := sentryconfig.TraceHeaders(ctx)["sentry-trace"]
	for _, e := range append(events, transactions...) {
		if id := fmt.Sprint(e.Contexts["trace"]["trace_id"]); trace != "" && id != trace[:32] {
			b.t.Errorf("%s: in trace %s, enqueued in %s", name, id, trace)
		}
	}
}

// TestUsersHandlers: the engine's error handler and retry policy get what they would get without us.
func TestUsersHandlers(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	cfg := quickConfig()
	var got []error
	var delays []int
	cfg.ErrorHandler = asynq.ErrorHandlerFunc(func(_ context.Context, _ *asynq.Task, err error) {
		got = append(got, err)
	})
	cfg.RetryDelayFunc = func(n int, _ error, _ *asynq.Task) time.Duration { delays = append(delays, n); return 0 }
	cfg.BaseContext = func() context.Context { return context.WithValue(context.Background(), ctxKey{}, "mine") }
	original := fmt.Errorf("x: %w", errMailbox)
	n := 0
	b.start(cfg, sentryasynq.Options{Quiet: func(int, int, error) bool { panic("quiet") }},
		func(ctx context.Context, _ *asynq.Task) error {
			if ctx.Value(ctxKey{}) != "mine" {
				t.Error("the base context is lost")
			}
			if n++; n == 1 {
				return original
			}
			panic("boom")
		})
	b.ended(b.enqueue(asynq.MaxRetry(1)), asynq.TaskStateArchived)
	b.shutdown()
	if len(got) != 2 || got[0] != original || !asynq.IsPanicError(got[1]) || len(delays) != 1 {
		t.Errorf("errors %v, delays %v", got, delays)
	}
	b.flush()
	if n := len(b.sentry.Events()); n != 2 {
		t.Errorf("%d events", n)
	}
}

type ctxKey struct{}

// TestManyWorkers is for the race detector: 50 workers, and tasks that end in every way.
func TestManyWorkers(t *testing.T) {
	b := newBench(t, sentryconfig.Options{OutboxDir: t.TempDir()})
	cfg := quickConfig()
	cfg.Concurrency = 50
	b.start(cfg, sentryasynq.Options{Monitors: map[string]sentryconfig.Monitor{"send": {Slug: "send"}}, Payload: true},
		func(ctx context.Context, task *asynq.Task) error {
			_, span := b.client.CreateTaskSpan(ctx, "part", 0, 0, nil)
			defer span.Finish()
			switch id, _ := asynq.GetTaskID(ctx); id[0] % 4 {
			case 0:
				return errMailbox
			case 1:
				panic("boom")
			case 2:
				return asynq.SkipRetry
			}
			return nil
		})
	for range 500 {
		b.enqueue(asynq.MaxRetry(1))
	}
	inspector := asynq.NewInspector(b.redis)
	defer inspector.Close()
	b.wait("all to be done", func() bool {
		info, err := inspector.GetQueueInfo("default")
		return err == nil && info.Pending+info.Active+info.Retry+info.Scheduled == 0
	})
	b.shutdown()
	b.flush()
	if len(b.sentry.Refused()) > 0 {
		t.Errorf("refused: %v", b.sentry.Refused())
	}
}
