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

// BenchmarkNoOp is what a job costs that does nothing, through one client with 10 workers: by River alone, with
// reporting but without transactions, and with a transaction each. CPU is that of the whole process, the sending of
// transactions included; PostgreSQL shares the machine.
func BenchmarkNoOp(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkNoOp(b, -1) })
	b.Run("errors", func(b *testing.B) { benchmarkNoOp(b, 0) })
	b.Run("transactions", func(b *testing.B) { benchmarkNoOp(b, 1) })
}

func benchmarkNoOp(b *testing.B, rate float64) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, database(b))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	var jobs sync.WaitGroup
	jobs.Add(b.N)
	config := quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { jobs.Done(); return nil }})
	config.Queues = map[string]river.QueueConfig{"default": {MaxWorkers: 10}}
	var client *sentryconfig.Client
	if rate >= 0 {
		// A Sentry that looks at nothing, so that the benchmark doesn't measure it.
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		defer server.Close()
		dsn := strings.Replace(server.URL, "http://", "http://0123456789abcdef0123456789abcdef@", 1) + "/1"
		client, err = sentryconfig.New(sentryconfig.Options{DSN: dsn, OutboxDir: b.TempDir(),
			TracesSampleRate: sentry.Set(rate)})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close(patience)
		config = sentryriver.New(sentryriver.Options{Client: client}).Config(config)
	}
	working, err := river.NewClient(riverpgxv5.New(pool), &config)
	if err != nil {
		b.Fatal(err)
	}
	for left := b.N; left > 0; left -= 1000 {
		batch := make([]river.InsertManyParams, min(left, 1000))
		for i := range batch {
			batch[i].Args = sendArgs{i}
		}
		if _, err := working.InsertMany(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	before := cpuTime(b)
	b.ResetTimer()
	if err := working.Start(ctx); err != nil {
		b.Fatal(err)
	}
	jobs.Wait()
	b.StopTimer()
	if client != nil && !client.Flush(patience) {
		b.Fatal("not delivered")
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/job")
	if err := working.Stop(ctx); err != nil {
		b.Fatal(err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
