//go:build unix

package sentryriver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/getsentry/sentry-go"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestThreeWorkers side by side tell of each attempt once.
func TestThreeWorkers(t *testing.T) {
	b := newBench(t, sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)})
	fails := func(context.Context, *river.Job[sendArgs]) error { return errors.New("no luck") }
	workers := make([]*river.Client[pgxTx], 3)
	for i := range workers {
		b.start(quickConfig(&worker{work: fails}), sentryriver.Options{})
		workers[i] = b.river
	}
	var ids []int64
	for range 30 {
		ids = append(ids, b.insert(3))
	}
	for _, id := range ids {
		b.ended(id, rivertype.JobStateDiscarded)
	}
	for _, w := range workers {
		if err := w.StopAndCancel(context.Background()); err != nil {
			t.Error(err)
		}
	}
	b.river = nil
	b.flush()
	told := make(map[string]int)
	for _, e := range b.sentry.Events() {
		told[fmt.Sprint(e.Contexts["task"]["id"], " ", e.Level)]++
	}
	for _, id := range ids {
		for _, level := range []string{"warning", "error"} {
			if n := told[fmt.Sprint(id, " ", level)]; n != 1 {
				t.Errorf("job %d: %d events of level %s", id, n, level)
			}
		}
	}
	if n := len(b.sentry.Events()); n != 2*len(ids) {
		t.Errorf("%d events of %d jobs", n, len(ids))
	}
}

// TestProducers: a job whose inserter samples has its transaction in the same trace, whatever the worker's rate is, one
// whose inserter doesn't has none, and one without a trace goes by the worker's rate. Errors come all the same, and in
// the inserter's trace.
func TestProducers(t *testing.T) {
	for working := range 2 {
		b := newBench(t, sentryconfig.Options{TracesSampleRate: sentry.Set(float64(working))})
		b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return errMailbox }}),
			sentryriver.Options{})
		for inserting := range 2 {
			producer, err := sentryconfig.New(sentryconfig.Options{DSN: b.sentry.DSN(),
				TracesSampleRate: sentry.Set(float64(inserting))})
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := producer.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
			b.checkJob(ctx, fmt.Sprintf("rates %d and %d", inserting, working), inserting)
			span.Finish()
			producer.Close(patience)
		}
		b.checkJob(context.Background(), fmt.Sprintf("no trace and rate %d", working), working)
	}
}

// checkJob inserts a job, waits for it, and looks at its event, its transactions, and their trace.
func (b *bench) checkJob(ctx context.Context, name string, sampled int) {
	b.t.Helper()
	result, err := b.river.Insert(ctx, sendArgs{N: 1}, &river.InsertOpts{MaxAttempts: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	b.ended(result.Job.ID, rivertype.JobStateDiscarded)
	b.flush()
	other := func(e sentrytest.Event) bool { return e.Contexts["task"]["id"] != fmt.Sprint(result.Job.ID) }
	events := slices.DeleteFunc(b.sentry.Events(), other)
	transactions := slices.DeleteFunc(b.sentry.Transactions(), other)
	if len(events) != 1 || len(transactions) != sampled {
		b.t.Errorf("%s: %d events, %d transactions", name, len(events), len(transactions))
	}
	trace := sentryconfig.TraceHeaders(ctx)["sentry-trace"]
	for _, e := range append(events, transactions...) {
		if id := fmt.Sprint(e.Contexts["trace"]["trace_id"]); trace != "" && id != trace[:32] {
			b.t.Errorf("%s: in trace %s, inserted in %s", name, id, trace)
		}
	}
}

// TestTwoDatabases: jobs of two databases have the same IDs, and are told apart in what Sentry keeps once: attempts
// that were lost, and check-ins.
func TestTwoDatabases(t *testing.T) {
	b, monitor := newBench(t, sentryconfig.Options{}), sentryconfig.Monitor{Slug: "send"}
	for range 2 {
		b.url = database(t)
		pool, err := pgxpool.New(t.Context(), b.url)
		if err != nil {
			t.Fatal(err)
		}
		b.pool.Close()
		b.pool = pool
		inserter, err := river.NewClient(riverpgxv5.New(b.pool), &river.Config{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := inserter.Insert(t.Context(), sendArgs{N: 1}, &river.InsertOpts{MaxAttempts: 2})
		if err != nil || result.Job.ID != 1 {
			t.Fatal(result, err)
		}
		killed := startWorker(t, "send", b.sentry.DSN(), t.TempDir(), b.url)
		killed.expect("working")
		killed.kill()
		b.rescue(1)
		b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return nil }}),
			sentryriver.Options{Monitors: map[string]sentryconfig.Monitor{"send": monitor}})
		b.ended(1, rivertype.JobStateCompleted)
		b.stop()
	}
	b.flush()
	if events := b.sentry.Events(); len(events) != 2 || b.sentry.Duplicates() != 0 {
		t.Errorf("%d events, %d of an ID that was there", len(events), b.sentry.Duplicates())
	}
	ids := make(map[any]int)
	for _, c := range b.sentry.CheckIns() {
		ids[c.ID]++
	}
	if len(ids) != 2 {
		t.Errorf("check-ins by ID: %v", ids)
	}
}
