//go:build unix

package sentryriver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/getsentry/sentry-go"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
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
// whose inserter doesn't has none, and one without a trace goes by the worker's rate. Errors come all the same, and of
// the inserter's trace.
func TestProducers(t *testing.T) {
	for _, working := range []float64{0, 1} {
		b := newBench(t, sentryconfig.Options{TracesSampleRate: sentry.Set(working)})
		b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return errMailbox }}),
			sentryriver.Options{})
		traces := make(map[string]string) // of the jobs, by their IDs
		sampled := make(map[string]bool)
		for _, inserting := range []float64{0, 1} {
			producer, err := sentryconfig.New(sentryconfig.Options{DSN: b.sentry.DSN(),
				TracesSampleRate: sentry.Set(inserting)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := producer.CreateTaskSpan(context.Background(), "shop", 0, 0, nil)
			result, err := b.river.Insert(ctx, sendArgs{N: 1}, &river.InsertOpts{MaxAttempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint(result.Job.ID)
			traces[id], sampled[id] = sentryconfig.TraceHeaders(ctx)["sentry-trace"][:32], inserting == 1
			span.Finish()
			producer.Close(patience)
			b.ended(result.Job.ID, rivertype.JobStateDiscarded)
		}
		plain := b.insert(1)
		sampled[fmt.Sprint(plain)] = working == 1
		b.ended(plain, rivertype.JobStateDiscarded)
		b.stop()
		b.flush()
		for _, tx := range b.sentry.Transactions() {
			id := fmt.Sprint(tx.Contexts["task"]["id"])
			if tx.Transaction != "task.send" {
				continue
			}
			if !sampled[id] || traces[id] != "" && tx.Contexts["trace"]["trace_id"] != traces[id] {
				t.Errorf("worker's rate %v: job %s has a transaction in trace %v", working, id, tx.Contexts["trace"])
			}
			delete(sampled, id)
		}
		for id, missing := range sampled {
			if missing {
				t.Errorf("worker's rate %v: job %s has no transaction", working, id)
			}
		}
		if n := len(b.sentry.Events()); n != 3 {
			t.Errorf("worker's rate %v: %d events", working, n)
		}
		for _, e := range b.sentry.Events() {
			trace := e.Contexts["trace"]["trace_id"]
			if want := traces[fmt.Sprint(e.Contexts["task"]["id"])]; want != "" && trace != want {
				t.Errorf("worker's rate %v: an event in trace %v, want %s", working, trace, want)
			}
		}
	}
}

// TestTwoDatabases: jobs of two databases have the same IDs, and are told apart in what Sentry keeps once: attempts that
// were lost, and check-ins.
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
