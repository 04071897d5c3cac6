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

// throughputJobs is how many jobs a server does before it is another's turn: so many that the reading of the machine's
// state at the start of a turn, which a worker that is always busy makes every five seconds, counts for little.
const throughputJobs = 10_000

// BenchmarkThroughput compares servers with 10 workers whose jobs do nothing: asynq alone, with reporting but without
// transactions, with an outbox in memory and on disk, and with a transaction for each job. They take turns in one
// process, and the best turn of each counts, so that a busy machine is the same to all. ratio is the share of
// asynq's own throughput, cpu what the worker's process spends on a job, the sending of transactions included.
//
//	go test -run '^$' -bench Throughput -benchtime 10x .
func BenchmarkThroughput(b *testing.B) {
	opt := database(b)
	kinds := [...]struct {
		name   string
		client *sentryconfig.Client // nil: asynq alone
	}{
		{"plain", nil}, {"memory", benchClient(b, "", 0)}, {"disk", benchClient(b, b.TempDir(), 0)},
		{"transactions", benchClient(b, b.TempDir(), 1)},
	}
	var took, used [4]time.Duration // of the best turn
	for b.Loop() {
		for i, kind := range kinds {
			wall, cpu := runJobs(b, opt, kind.client)
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
	client, err := sentryconfig.New(sentryconfig.Options{DSN: silentServer(b), OutboxDir: dir,
		TracesSampleRate: sentry.Set(rate)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close(patience) })
	return client
}

// runJobs has a server do throughputJobs jobs, and returns how long that took it and what it cost the process.
func runJobs(b *testing.B, opt asynq.RedisClientOpt, client *sentryconfig.Client) (took, used time.Duration) {
	queue := asynq.NewClient(opt)
	defer queue.Close()
	for range throughputJobs {
		if _, err := queue.Enqueue(sentryasynq.NewTask(context.Background(), "send", []byte("x"))); err != nil {
			b.Fatal(err)
		}
	}
	cfg := quickConfig()
	cfg.Concurrency = 10
	mux := asynq.NewServeMux()
	if client != nil {
		reporter := sentryasynq.New(sentryasynq.Options{Client: client})
		cfg = reporter.Config(cfg)
		mux.Use(reporter.Middleware)
	}
	var jobs sync.WaitGroup
	jobs.Add(throughputJobs)
	mux.HandleFunc("send", func(context.Context, *asynq.Task) error { jobs.Done(); return nil })
	server := asynq.NewServer(opt, cfg)
	begun, before := time.Now(), cpuTime(b)
	if err := server.Start(mux); err != nil {
		b.Fatal(err)
	}
	jobs.Wait()
	took = time.Since(begun)
	if client != nil && !client.Flush(patience) {
		b.Fatal("not delivered")
	}
	used = cpuTime(b) - before
	server.Shutdown()
	return took, used
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
