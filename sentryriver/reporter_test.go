//go:build unix

package sentryriver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
	"github.com/autoservice/sentryconfig/sentrytest"
)

type pgxTx = pgx.Tx

var errMailbox = errors.New("mailbox full")

// A row is a line of the contract's table.
type row struct {
	name     string
	attempts int
	work     func(ctx context.Context, attempt int) error
	config   func(*river.Config)
	state    rivertype.JobState
	events   string // level of each
	outcomes string // status/outcome of each transaction
	checkIns string
}

func TestTable(t *testing.T) {
	fails := func(context.Context, int) error { return errMailbox }
	once := func(err error) func(context.Context, int) error {
		return func(_ context.Context, n int) error {
			if n == 1 {
				return err
			}
			return nil
		}
	}
	for _, row := range []row{
		{"success", 2, func(context.Context, int) error { return nil }, nil, rivertype.JobStateCompleted, "", "ok/ok",
			"in_progress ok"},
		{"second attempt", 2, once(errMailbox), nil, rivertype.JobStateCompleted, "warning",
			"internal_error/retried ok/ok", "in_progress in_progress in_progress ok"},
		{"all attempts", 3, fails, nil, rivertype.JobStateDiscarded, "warning error",
			"internal_error/retried internal_error/retried internal_error/failed",
			"in_progress in_progress in_progress in_progress in_progress error"},
		{"panics", 2, func(context.Context, int) error { panic("boom") }, nil, rivertype.JobStateDiscarded,
			"warning fatal", "internal_error/retried internal_error/failed", "in_progress in_progress in_progress error"},
		{"JobCancel", 5, func(context.Context, int) error { return river.JobCancel(errMailbox) }, nil,
			rivertype.JobStateCancelled, "error", "internal_error/failed", "in_progress error"},
		{"snoozed", 1, once(river.JobSnooze(0)), nil, rivertype.JobStateCompleted, "", "ok/postponed ok/ok",
			"in_progress in_progress in_progress ok"},
		{"timeout", 1, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() },
			func(c *river.Config) { c.JobTimeout = time.Millisecond }, rivertype.JobStateDiscarded, "error",
			"deadline_exceeded/failed", "in_progress error"},
		{"cancelled by the user's handler", 5, fails, func(c *river.Config) { c.ErrorHandler = canceller{} },
			rivertype.JobStateCancelled, "warning error", "internal_error/retried",
			"in_progress in_progress in_progress error"},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t) })
	}
}

type canceller struct{}

func (canceller) HandleError(context.Context, *rivertype.JobRow, error) *river.ErrorHandlerResult {
	return &river.ErrorHandlerResult{SetCancelled: true}
}

func (canceller) HandlePanic(context.Context, *rivertype.JobRow, any, string) *river.ErrorHandlerResult {
	return nil
}

func (r row) test(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	attempts := 0
	config := quickConfig(&worker{work: func(ctx context.Context, _ *river.Job[sendArgs]) error {
		attempts++ // of one job: never at the same time
		return r.work(ctx, attempts)
	}})
	if r.config != nil {
		r.config(&config)
	}
	b.start(config, sentryriver.Options{Monitors: map[string]sentryconfig.Monitor{"send": {Slug: "send"}}})
	id := b.insert(r.attempts)
	b.ended(id, r.state)
	b.stop()
	b.flush()
	var levels, outcomes, checkIns []string
	for _, e := range b.sentry.Events() {
		levels = append(levels, e.Level)
		if (e.Tags["will_retry"] == "true") != (e.Level == "warning") || e.Tags["queue"] != "default" ||
			e.Contexts["task"]["id"] != fmt.Sprint(id) || strings.Contains(fmt.Sprint(e.Fingerprint), "JobCancel") {
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

// TestEndedFromOutside: what River hands back when it stops, or somebody cancels, is no trouble.
func TestEndedFromOutside(t *testing.T) {
	for name, test := range map[string]struct {
		end   func(*bench, int64)
		state rivertype.JobState
	}{
		"stopped": {func(b *bench, _ int64) { b.stop() }, rivertype.JobStateAvailable},
		"cancelled": {func(b *bench, id int64) {
			if _, err := b.river.JobCancel(context.Background(), id); err != nil {
				b.t.Error(err)
			}
		}, rivertype.JobStateCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sentryconfig.Options{})
			running := make(chan struct{}, 100) // a client that stops may fetch the job that it has handed back
			b.start(quickConfig(&worker{work: func(ctx context.Context, _ *river.Job[sendArgs]) error {
				running <- struct{}{}
				<-ctx.Done()
				return fmt.Errorf("sending: %w", ctx.Err())
			}}), sentryriver.Options{Monitors: map[string]sentryconfig.Monitor{"send": {Slug: "send"}}})
			id := b.insert(1)
			<-running
			test.end(b, id)
			b.ended(id, test.state)
			b.stop()
			b.flush()
			b.sentry.RequireNoEvents()
			tx := b.sentry.WaitTransactions(1, patience)[0]
			if tx.Contexts["trace"]["status"] != "cancelled" || dataOf(tx)["task.outcome"] != "cancelled" {
				t.Errorf("trace %v", tx.Contexts["trace"])
			}
			for i, c := range b.sentry.CheckIns() {
				if (c.Status == "in_progress") != (name == "stopped" || i == 0) {
					t.Errorf("check-in %d: %s", i, c.Status)
				}
			}
		})
	}
}

// TestStuck: a job that runs past its timeout is told while it runs, once.
func TestStuck(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	release, told := make(chan struct{}), make(chan int64, 1)
	config := quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { <-release; return nil }})
	config.JobTimeout, config.JobStuckThreshold = time.Millisecond, time.Millisecond
	config.JobStuckHandler = func(_ context.Context, p river.JobStuckHandlerParams) river.JobStuckHandlerResult {
		told <- p.ID
		return river.JobStuckHandlerResult{}
	}
	b.start(config, sentryriver.Options{})
	id := b.insert(1)
	e := b.sentry.WaitEvents(1, patience)[0]
	if e.Level != "error" || e.Tags["error_condition"] != "timeout" || <-told != id {
		t.Errorf("level %s, tags %v", e.Level, e.Tags)
	}
	close(release)
	b.ended(id, rivertype.JobStateCompleted)
	b.stop()
	b.flush()
	tx := b.sentry.WaitTransactions(1, patience)[0]
	if n := len(b.sentry.Events()); n != 1 || tx.Contexts["trace"]["status"] != "deadline_exceeded" {
		t.Errorf("%d events, trace %v", n, tx.Contexts["trace"])
	}
}

// TestNoMiddleware: what reaches no middleware is reported by the error handler: kinds without a worker, as well as
// arguments that the worker can't decode, which the middleware sees.
func TestNoMiddleware(t *testing.T) {
	for name, change := range map[string]string{
		"unknown kind":  `UPDATE river_job SET kind = 'other', state = 'available'`,
		"bad arguments": `UPDATE river_job SET args = '{"n": "one"}', state = 'available'`,
		"row of no shape": `UPDATE river_job SET errors = ARRAY[(repeat('[', 10001) || repeat(']', 10001))::jsonb],
			state = 'available'`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sentryconfig.Options{})
			b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return nil }}),
				sentryriver.Options{})
			result, err := b.river.Insert(context.Background(), sendArgs{},
				&river.InsertOpts{MaxAttempts: 2, Pending: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.pool.Exec(context.Background(), change); err != nil {
				t.Fatal(err)
			}
			b.ended(result.Job.ID, rivertype.JobStateDiscarded)
			b.stop()
			b.flush()
			events, list := b.sentry.Events(), b.sentry.Transactions()
			if len(events) != 2 || events[0].Level != "warning" || events[1].Level != "error" ||
				len(b.sentry.Issues()) != 1 || len(list) != 2 ||
				list[1].Contexts["trace"]["status"] != "internal_error" {
				t.Errorf("events %v, transactions %v", events, list)
			}
		})
	}
}

// TestErrorAboveTheMiddleware: a worker's own middleware stands above ours; its errors and panics are told, too.
func TestErrorAboveTheMiddleware(t *testing.T) {
	for _, panics := range []bool{false, true} {
		b := newBench(t, sentryconfig.Options{})
		config := quickConfig(nil)
		river.AddWorker(config.Workers, &wrappedWorker{panics: panics})
		b.start(config, sentryriver.Options{})
		b.ended(b.insert(1), rivertype.JobStateDiscarded)
		b.stop()
		b.flush()
		level := map[bool]string{false: "error", true: "fatal"}[panics]
		if events := b.sentry.Events(); len(events) != 1 || events[0].Level != level {
			t.Errorf("panics %v: events %v", panics, events)
		}
	}
}

type wrappedWorker struct {
	river.WorkerDefaults[sendArgs]
	panics bool
}

func (*wrappedWorker) Work(context.Context, *river.Job[sendArgs]) error { return nil }

func (w *wrappedWorker) Middleware(*rivertype.JobRow) []rivertype.WorkerMiddleware {
	return []rivertype.WorkerMiddleware{river.WorkerMiddlewareFunc(
		func(ctx context.Context, _ *rivertype.JobRow, doInner func(context.Context) error) error {
			if err := doInner(ctx); err != nil {
				return err
			}
			if w.panics {
				panic("above")
			}
			return errMailbox
		})}
}

// TestTraces: the worker continues the inserter's trace, in each attempt, unless it is told not to.
func TestTraces(t *testing.T) {
	for _, newTrace := range []bool{false, true} {
		b := newBench(t, sentryconfig.Options{})
		b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return errMailbox }}),
			sentryriver.Options{NewTrace: newTrace, Args: true})
		ctx, span := b.client.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
		result, err := b.river.Insert(ctx, sendArgs{N: 5}, &river.InsertOpts{MaxAttempts: 2, Metadata: []byte(`{"mine": 1}`)})
		if err != nil {
			t.Fatal(err)
		}
		span.Finish()
		b.ended(result.Job.ID, rivertype.JobStateDiscarded)
		b.stop()
		b.flush()
		list := b.sentry.Transactions()
		shop := list[slices.IndexFunc(list, func(e sentrytest.Event) bool { return e.Transaction == "task.shop" })]
		if len(shop.Spans) != 1 || shop.Spans[0].Op != "queue.publish" ||
			shop.Spans[0].Data["messaging.message.id"] != fmt.Sprint(result.Job.ID) {
			t.Fatalf("spans %+v", shop.Spans)
		}
		attempts := 0
		for _, tx := range list {
			if tx.Transaction != "task.send" {
				continue
			}
			attempts++
			trace := tx.Contexts["trace"]
			same := trace["trace_id"] == shop.Contexts["trace"]["trace_id"] &&
				trace["parent_span_id"] == shop.Spans[0].SpanID
			if same == newTrace || trace["op"] != "queue.process" || trace["origin"] != "auto.queue.river" {
				t.Errorf("new trace %v: %v, inserted in %v", newTrace, trace, shop.Spans[0])
			}
			if data := dataOf(tx); data["messaging.destination.name"] != "default" ||
				data["messaging.message.receive.latency"] == nil ||
				fmt.Sprint(tx.Contexts["task"]["data"]) != "map[n:5]" {
				t.Errorf("data %v, task %v", data, tx.Contexts["task"])
			}
		}
		if !strings.Contains(string(result.Job.Metadata), `"mine"`) || attempts != 2 {
			t.Errorf("%d attempts, metadata %s", attempts, result.Job.Metadata)
		}
	}
}

// TestBatch: one span for a call, whatever it inserts.
func TestBatch(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return nil }}),
		sentryriver.Options{})
	ctx, span := b.client.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
	batch := []river.InsertManyParams{{Args: sendArgs{1}}, {Args: sendArgs{2}}, {Args: sendArgs{3}}}
	_, err := b.river.InsertMany(ctx, batch)
	if err != nil {
		t.Fatal(err)
	}
	span.Finish()
	list := b.sentry.WaitTransactions(4, patience)
	shop := list[slices.IndexFunc(list, func(e sentrytest.Event) bool { return e.Transaction == "task.shop" })]
	if len(shop.Spans) != 1 || shop.Spans[0].Data["messaging.batch.message_count"] != 3.0 ||
		shop.Spans[0].Data["messaging.destination.name"] != "default" {
		t.Errorf("spans %+v", shop.Spans)
	}
}

// TestManyWorkers is for the race detector: 50 workers, and jobs that end in every way.
func TestManyWorkers(t *testing.T) {
	b := newBench(t, sentryconfig.Options{OutboxDir: t.TempDir()})
	config := quickConfig(&worker{work: func(ctx context.Context, job *river.Job[sendArgs]) error {
		_, span := b.client.CreateTaskSpan(ctx, "part", 0, 0, nil)
		defer span.Finish()
		switch job.ID % 4 {
		case 0:
			return errMailbox
		case 1:
			panic("boom")
		case 2:
			return river.JobCancel(errMailbox)
		}
		return nil
	}})
	config.Queues = map[string]river.QueueConfig{"default": {MaxWorkers: 50}}
	b.start(config, sentryriver.Options{Monitors: map[string]sentryconfig.Monitor{"send": {Slug: "send"}}, Args: true})
	batch := make([]river.InsertManyParams, 500)
	for i := range batch {
		batch[i] = river.InsertManyParams{Args: sendArgs{i}, InsertOpts: &river.InsertOpts{MaxAttempts: 2}}
	}
	if _, err := b.river.InsertMany(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all to be done", func() bool {
		open := 0
		err := b.pool.QueryRow(context.Background(), `SELECT count(*) FROM river_job WHERE state NOT IN
			('completed', 'discarded', 'cancelled')`).Scan(&open)
		return err == nil && open == 0
	})
	b.stop()
	b.flush()
	if len(b.sentry.Refused()) > 0 {
		t.Errorf("refused: %v", b.sentry.Refused())
	}
}
