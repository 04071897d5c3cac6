//go:build unix

package sentryriver_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
)

// throughputJobs is how many jobs a client works before it is another's turn: so many that the reading of the machine's
// state at the start of a turn, which a worker that is always busy makes every five seconds, counts for little.
const throughputJobs = 10_000

// BenchmarkThroughput compares clients with 10 workers whose jobs do nothing: River alone, with reporting but without
// transactions, with an outbox in memory and on disk, and with a transaction for each job. They take turns in one
// process, and the best turn of each counts, so that a busy machine is the same to all. ratio is the share of
// River's own throughput, cpu what the worker's process spends on a job, the sending of transactions included.
//
//	go test -run '^$' -bench Throughput -benchtime 10x .
func BenchmarkThroughput(b *testing.B) {
	pool, err := pgxpool.New(b.Context(), database(b))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	kinds := [...]struct {
		name   string
		client *sentryconfig.Client // nil: River alone
	}{
		{"plain", nil}, {"memory", benchClient(b, "", 0)}, {"disk", benchClient(b, b.TempDir(), 0)},
		{"transactions", benchClient(b, b.TempDir(), 1)},
	}
	var took, used [4]time.Duration // of the best turn
	for b.Loop() {
		for i, kind := range kinds {
			wall, cpu := runJobs(b, pool, kind.client)
			if took[i] == 0 || wall < took[i] {
				took[i] = wall
			}
			if used[i] == 0 || cpu < used[i] {
				used[i] = cpu
			}
		}
	}
	b.ReportMetric(0, "ns/op") // of a turn of each: means nothing
	for i, kind := range kinds {
		b.ReportMetric(float64(used[i].Nanoseconds())/1000/throughputJobs, "cpu-µs/"+kind.name)
		if i > 0 {
			b.ReportMetric(took[0].Seconds()/took[i].Seconds(), "ratio/"+kind.name)
		}
	}
}

func benchClient(b *testing.B, dir string, rate float64) *sentryconfig.Client {
	// A Sentry that looks at nothing, so that the benchmark doesn't measure it.
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(server.Close)
	dsn := strings.Replace(server.URL, "http://", "http://0123456789abcdef0123456789abcdef@", 1) + "/1"
	client, err := sentryconfig.New(sentryconfig.Options{DSN: dsn, OutboxDir: dir,
		TracesSampleRate: sentry.Set(rate)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close(patience) })
	return client
}

// runJobs has a client work throughputJobs jobs, and returns how long that took it and what it cost the process.
func runJobs(b *testing.B, pool *pgxpool.Pool, client *sentryconfig.Client) (took, used time.Duration) {
	ctx := context.Background()
	var jobs sync.WaitGroup
	jobs.Add(throughputJobs)
	config := quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { jobs.Done(); return nil }})
	config.Queues = map[string]river.QueueConfig{"default": {MaxWorkers: 10}}
	if client != nil {
		config = sentryriver.New(sentryriver.Options{Client: client}).Config(config)
	}
	working, err := river.NewClient(riverpgxv5.New(pool), &config)
	if err != nil {
		b.Fatal(err)
	}
	batch := make([]river.InsertManyParams, 1000)
	for range throughputJobs / len(batch) {
		for i := range batch {
			batch[i].Args = sendArgs{i}
		}
		if _, err := working.InsertMany(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	begun, before := time.Now(), cpuTime(b)
	if err := working.Start(ctx); err != nil {
		b.Fatal(err)
	}
	jobs.Wait()
	took = time.Since(begun)
	if client != nil && !client.Flush(patience) {
		b.Fatal("not delivered")
	}
	used = cpuTime(b) - before
	if err := working.Stop(ctx); err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(ctx, "TRUNCATE river_job"); err != nil { // so that the next turn meets the same table
		b.Fatal(err)
	}
	return took, used
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
