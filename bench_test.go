package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// The benchmarks run this package and bare sentry-go doing the same work by hand in turns, in one process, and report
// both times and their ratio: on a busy machine only the ratio counts. Run them with
//
//	GOMAXPROCS=1 go test -run '^$' -bench . -benchtime 200x -count 3 .

const benchDSN = "http://0123456789abcdef0123456789abcdef@sentry.invalid/1"

// discard is a server that takes everything, at once.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")),
		Request: r}, nil
}

// blockSize is how many calls one side makes before it is the other's turn.
const blockSize = 50

// sideBySide times ours against theirs and reports the lower quartiles of blocks, since what other programs take of the
// processor only adds, and more so to the longer blocks. Where the system tells what this process took of it, that is
// another ratio, of whole sums: it has what collects garbage, and what a sender did meanwhile. Between blocks, in
// neither, settle runs.
//
// The heap here is smaller than any program's. With the collector's own settings it would run about once in a pair of
// blocks, and then in the same one of them each time, which would pay for both.
func sideBySide(b *testing.B, limit string, ours, theirs, settle func()) {
	b.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	mine, bare := &blocks{call: ours}, &blocks{call: theirs}
	for b.Loop() {
		mine.run()
		settle()
		bare.run()
		settle()
	}
	b.ReportMetric(0, "ns/op") // of a pair of blocks: means nothing
	b.ReportMetric(quartile(mine.times), "ns-ours")
	b.ReportMetric(quartile(bare.times), "ns-bare")
	b.ReportMetric(quartile(mine.times)/quartile(bare.times), "ratio(want<="+limit+")")
	if bare.cpu > 100*time.Millisecond { // it is counted in microseconds a block
		b.ReportMetric(float64(mine.cpu)/float64(bare.cpu), "ratio-cpu")
	}
}

// blocks are those of one side.
type blocks struct {
	call  func()
	times []float64 // of a call, by the block
	cpu   time.Duration
}

func (s *blocks) run() {
	cpu, start := cpuTime(), time.Now()
	for range blockSize {
		s.call()
	}
	s.times = append(s.times, float64(time.Since(start).Nanoseconds())/blockSize)
	s.cpu += cpuTime() - cpu
}

func quartile(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/4]
}

func benchInit(b *testing.B, dir string) {
	b.Helper()
	benchInitWith(b, dir, func(*sentry.ClientOptions) {})
}

func benchInitWith(b *testing.B, dir string, options func(*sentry.ClientOptions)) {
	b.Helper()
	err := sentryconfig.Init(sentryconfig.Options{DSN: benchDSN, Release: "bench@1", Environment: "bench",
		OutboxDir: dir,
		ClientOptions: func(o *sentry.ClientOptions) {
			o.HTTPTransport = discard{}
			options(o)
		}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sentryconfig.Close(5 * time.Second) })
}

// bareHub is sentry-go with a synchronous transport, and contexts as large as ours by hand.
func bareHub(b *testing.B, transport sentry.Transport, contexts map[string]sentry.Context) *sentry.Hub {
	b.Helper()
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: benchDSN, Release: "bench@1", Environment: "bench",
		EnableTracing: true, TracesSampleRate: 1, Transport: transport, HTTPTransport: discard{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	hub := sentry.NewHub(client, sentry.NewScope())
	for name, c := range contexts {
		hub.Scope().SetContext(name, c)
	}
	return hub
}

// systemContexts are the contexts that this package gives an event on this machine.
func systemContexts(b *testing.B) map[string]sentry.Context {
	b.Helper()
	mock := &sentry.MockTransport{}
	if err := sentryconfig.Init(sentryconfig.Options{DSN: benchDSN,
		ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }}); err != nil {
		b.Fatal(err)
	}
	defer sentryconfig.Close(0)
	sentryconfig.CaptureTaskFailure(context.Background(), "x", "y", nil, nil)
	contexts := mock.Events()[0].Contexts
	delete(contexts, "trace")
	delete(contexts, "task")
	return contexts
}

var benchData = map[string]any{"drive": "C:", "limit": 10, "apply": true, "paths": []string{"a", "b", "c"}}

func BenchmarkCaptureTaskException(b *testing.B) {
	for _, name := range []string{"memory", "disk"} {
		b.Run(name, func(b *testing.B) {
			contexts := systemContexts(b)
			dir := ""
			if name == "disk" {
				dir = b.TempDir()
			}
			benchInit(b, dir)
			hub := bareHub(b, sentry.NewHTTPSyncTransport(), contexts)
			err := fmt.Errorf("read settings: %w", errors.New("no such setting"))
			ctx := context.Background()
			sideBySide(b, map[string]string{"memory": "0.25", "disk": "0.35"}[name],
				func() { sentryconfig.CaptureTaskException(ctx, err, "bench", benchData, nil) },
				func() { bareException(hub, err) },
				func() { sentryconfig.Flush(10 * time.Second) })
		})
	}
}

// BenchmarkCaptureWithHook is a capture with a BeforeSend of the user's, which gets contexts of its own to write to.
func BenchmarkCaptureWithHook(b *testing.B) {
	contexts := systemContexts(b)
	benchInitWith(b, "", func(o *sentry.ClientOptions) {
		o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return e }
	})
	hub := bareHub(b, sentry.NewHTTPSyncTransport(), contexts)
	err := fmt.Errorf("read settings: %w", errors.New("no such setting"))
	ctx := context.Background()
	sideBySide(b, "0.45",
		func() { sentryconfig.CaptureTaskException(ctx, err, "bench", benchData, nil) },
		func() { bareException(hub, err) },
		func() { sentryconfig.Flush(10 * time.Second) })
}

func bareException(hub *sentry.Hub, err error) {
	hub.WithScope(func(scope *sentry.Scope) {
		scope.SetTags(map[string]string{"task_type": "bench", "error_type": "x", "environment_detected": "development",
			"os_name": "Linux"})
		scope.SetContext("task", sentry.Context{"task_type": "bench", "data": benchData})
		scope.SetFingerprint([]string{"bench", "x"})
		hub.CaptureException(err)
	})
}

// BenchmarkCaptureTaskException/async is what a caller waits with sentry-go's own asynchronous default, which loses
// events when they come faster than they are sent.
func BenchmarkCaptureTaskExceptionAsync(b *testing.B) {
	contexts := systemContexts(b)
	benchInit(b, "")
	hub := bareHub(b, nil, contexts)
	err := fmt.Errorf("read settings: %w", errors.New("no such setting"))
	ctx := context.Background()
	sideBySide(b, "-",
		func() { sentryconfig.CaptureTaskException(ctx, err, "bench", benchData, nil) },
		func() { bareException(hub, err) },
		func() { sentryconfig.Flush(10 * time.Second); hub.Flush(10 * time.Second) })
}

func BenchmarkTaskSpan(b *testing.B) {
	for _, name := range []string{"memory", "disk"} {
		b.Run(name, func(b *testing.B) {
			contexts := systemContexts(b)
			dir := ""
			if name == "disk" {
				dir = b.TempDir()
			}
			benchInit(b, dir)
			hub := bareHub(b, sentry.NewHTTPSyncTransport(), contexts)
			ctx := context.Background()
			sideBySide(b, map[string]string{"memory": "0.28", "disk": "0.5"}[name],
				func() {
					_, span := sentryconfig.CreateTaskSpan(ctx, "bench", 0, 10, benchData)
					span.Finish()
				},
				func() {
					span := sentry.StartSpan(sentry.SetHubOnContext(ctx, hub.Clone()), "task",
						sentry.WithTransactionName("task.bench"),
						sentry.WithDescription("Execute bench (1/10)"))
					for key, value := range map[string]string{"task_type": "bench", "task_index": strconv.Itoa(0),
						"total_tasks":          strconv.Itoa(10),
						"environment_detected": "development", "os_name": "Linux"} {
						span.SetTag(key, value)
					}
					span.SetContext("task", sentry.Context{"task_type": "bench", "index": 0, "total": 10,
						"data": benchData})
					span.Status = sentry.SpanStatusOK
					span.Finish()
				},
				func() { sentryconfig.Flush(10 * time.Second) })
		})
	}
}

// inAndOut runs f in a task, and outside of one.
func inAndOut(b *testing.B, f func(*testing.B, context.Context)) {
	b.Run("task", func(b *testing.B) {
		ctx, task := sentryconfig.CreateTaskSpan(context.Background(), "bench", 0, 1, nil)
		defer task.Finish()
		f(b, ctx)
	})
	b.Run("alone", func(b *testing.B) { f(b, context.Background()) })
}

func BenchmarkBreadcrumb(b *testing.B) {
	benchInit(b, "")
	bare := sentry.SetHubOnContext(context.Background(), bareHub(b, sentry.NewHTTPSyncTransport(), nil))
	inAndOut(b, func(b *testing.B, ctx context.Context) {
		sideBySide(b, "1.2",
			func() {
				sentryconfig.AddBreadcrumb(ctx, "step", "bench", sentry.LevelInfo, map[string]any{"n": 1, "path": "/x",
					"ok": true})
			},
			func() {
				sentry.GetHubFromContext(bare).AddBreadcrumb(&sentry.Breadcrumb{Message: "step", Category: "bench",
					Level: sentry.LevelInfo, Data: map[string]any{"n": 1, "path": "/x", "ok": true}}, nil)
			}, func() {})
	})
}

func BenchmarkLogRecord(b *testing.B) {
	benchInit(b, "")
	next := slog.NewTextHandler(io.Discard, nil)
	ours, bare := slog.New(sentryconfig.NewLogHandler(next)), slog.New(next)
	inAndOut(b, func(b *testing.B, ctx context.Context) {
		sideBySide(b, "1.4",
			func() { ours.InfoContext(ctx, "step", "n", 1, "path", "/x", "ok", true) },
			func() { bare.InfoContext(ctx, "step", "n", 1, "path", "/x", "ok", true) }, func() {})
	})
}

// BenchmarkShortTask is a task of a few steps, which its transaction tells of.
func BenchmarkShortTask(b *testing.B) {
	contexts := systemContexts(b)
	benchInit(b, "")
	hub := bareHub(b, sentry.NewHTTPSyncTransport(), contexts)
	ctx := context.Background()
	sideBySide(b, "0.3",
		func() {
			ctx, task := sentryconfig.CreateTaskSpan(ctx, "bench", 0, 10, benchData)
			for range 5 {
				sentryconfig.AddBreadcrumb(ctx, "step", "bench", sentry.LevelInfo,
					map[string]any{"n": 1, "path": "/x", "ok": true})
			}
			task.Finish()
		},
		func() { bareShortTask(sentry.SetHubOnContext(ctx, hub.Clone())) },
		func() { sentryconfig.Flush(10 * time.Second) })
}

func bareShortTask(ctx context.Context) {
	span := sentry.StartSpan(ctx, "task", sentry.WithTransactionName("task.bench"))
	span.SetContext("task", sentry.Context{"task_type": "bench", "index": 0, "total": 10, "data": benchData})
	for range 5 {
		sentry.GetHubFromContext(ctx).AddBreadcrumb(&sentry.Breadcrumb{Message: "step", Category: "bench",
			Level: sentry.LevelInfo, Data: map[string]any{"n": 1, "path": "/x", "ok": true}}, nil)
	}
	span.Finish()
}

var firstFlag, secondFlag atomic.Uint32

// twoLoads is what a switched-off call is measured by: one that can't do less to find out.
//
//go:noinline
func twoLoads(context.Context, error, string, any, map[string]any) bool {
	return firstFlag.Load() != 0 && secondFlag.Load() != 0
}

func BenchmarkOff(b *testing.B) {
	benchInit(b, "")
	sentryconfig.SetEnabled(false)
	b.Cleanup(func() { sentryconfig.SetEnabled(true) })
	ctx, err := context.Background(), errors.New("x")
	firstFlag.Store(1)
	const calls = 1000 // a single one takes less than looking at the clock
	bare := func() {
		for range calls {
			twoLoads(ctx, err, "x", nil, nil)
		}
	}
	for _, bench := range []struct {
		name, limit string
		calls       func()
	}{
		{"CaptureTaskException", "0.8", func() {
			for range calls {
				sentryconfig.CaptureTaskException(ctx, err, "x", nil, nil)
			}
		}},
		{"AddBreadcrumb", "0.8", func() {
			for range calls {
				sentryconfig.AddBreadcrumb(ctx, "x", "y", sentry.LevelInfo, nil)
			}
		}},
		{"CreateTaskSpan", "1.6", func() {
			for range calls {
				_, s := sentryconfig.CreateTaskSpan(ctx, "x", 0, 1, nil)
				s.Finish()
			}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) { sideBySide(b, bench.limit, bench.calls, bare, func() {}) })
	}
}

func BenchmarkInit(b *testing.B) {
	for b.Loop() {
		err := sentryconfig.Init(sentryconfig.Options{DSN: benchDSN,
			ClientOptions: func(o *sentry.ClientOptions) { o.HTTPTransport = discard{} }})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		sentryconfig.Close(0)
		b.StartTimer()
	}
}
