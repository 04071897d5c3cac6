//go:build unix

package sentryasynq_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
)

// BenchmarkNoOp is what a job costs that does nothing, through one server with 10 workers: by asynq alone, with
// reporting but without transactions, and with a transaction each. CPU is that of the whole process, the sending of
// transactions included. Compare them by -count: redis-server shares the machine.
func BenchmarkNoOp(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkNoOp(b, -1) })
	b.Run("errors", func(b *testing.B) { benchmarkNoOp(b, 0) })
	b.Run("transactions", func(b *testing.B) { benchmarkNoOp(b, 1) })
}

func benchmarkNoOp(b *testing.B, rate float64) {
	opt := database(b)
	queue := asynq.NewClient(opt)
	defer queue.Close()
	for range b.N {
		if _, err := queue.Enqueue(sentryasynq.NewTask(context.Background(), "send", []byte("x"))); err != nil {
			b.Fatal(err)
		}
	}
	cfg := quickConfig()
	cfg.Concurrency = 10
	mux := asynq.NewServeMux()
	var client *sentryconfig.Client
	if rate >= 0 {
		var err error
		client, err = sentryconfig.New(sentryconfig.Options{DSN: silentServer(b), OutboxDir: b.TempDir(),
			TracesSampleRate: sentry.Set(rate)})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close(patience)
		reporter := sentryasynq.New(sentryasynq.Options{Client: client})
		cfg = reporter.Config(cfg)
		mux.Use(reporter.Middleware)
	}
	var jobs sync.WaitGroup
	jobs.Add(b.N)
	mux.HandleFunc("send", func(context.Context, *asynq.Task) error { jobs.Done(); return nil })
	server := asynq.NewServer(opt, cfg)
	before := cpuTime(b)
	b.ResetTimer()
	if err := server.Start(mux); err != nil {
		b.Fatal(err)
	}
	jobs.Wait()
	b.StopTimer()
	if client != nil && !client.Flush(patience) {
		b.Fatal("not delivered")
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/job")
	server.Shutdown()
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
