package sentryconfig_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func TestBreadcrumbIsACopy(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	inner := map[string]any{"n": 1}
	data := map[string]any{"inner": inner, "bad": make(chan int)}
	sentryconfig.AddBreadcrumb(t.Context(), "step", "cat", "", data)
	inner["n"], data["late"] = 2, true
	sentryconfig.CaptureTaskException(t.Context(), errors.New("x"), "x", nil, nil)
	b := one(t, server).Breadcrumbs[0]
	if b.Message != "step" || b.Category != "cat" || b.Level != "info" || b.Data["late"] != nil ||
		fmt.Sprint(b.Data["inner"]) != "map[n:1]" {
		t.Errorf("breadcrumb %+v", b)
	}
	if len(data) != 3 {
		t.Error("the caller's map was changed")
	}
}

// The options of sentry-go that concern breadcrumbs hold for ours.
func TestBreadcrumbOptions(t *testing.T) {
	type hook = func(*sentry.Breadcrumb, *sentry.BreadcrumbHint) *sentry.Breadcrumb
	for _, test := range []struct {
		name string
		most int
		hook hook
		want string
	}{
		{"default", 0, nil, "[a b c]"},
		{"the newest", 2, nil, "[b c]"},
		{"none", -1, nil, "[]"},
		{"changed", 2, func(b *sentry.Breadcrumb, hint *sentry.BreadcrumbHint) *sentry.Breadcrumb {
			(*hint)["key"] = "a hint can be written to"
			b.Message += "!"
			return b
		}, "[b! c!]"},
		{"dropped", 0, func(b *sentry.Breadcrumb, _ *sentry.BreadcrumbHint) *sentry.Breadcrumb {
			if b.Message == "a" {
				return nil
			}
			return b
		}, "[b c]"},
		{"panicking", 0, func(b *sentry.Breadcrumb, _ *sentry.BreadcrumbHint) *sentry.Breadcrumb {
			if b.Message == "a" {
				panic("BeforeBreadcrumb")
			}
			return b
		}, "[b c]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
				o.MaxBreadcrumbs, o.BeforeBreadcrumb = test.most, test.hook
			}})
			sentryconfig.AddBreadcrumb(t.Context(), "a", "", "", nil)
			slog.New(sentryconfig.NewLogHandler(nil)).Info("b")
			sentryconfig.AddBreadcrumb(t.Context(), "c", "", "", nil)
			sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
			got := []string{}
			for _, b := range one(t, server).Breadcrumbs {
				got = append(got, b.Message)
			}
			if fmt.Sprint(got) != test.want {
				t.Errorf("breadcrumbs %v, want %s", got, test.want)
			}
		})
	}
}

type masked string

func (masked) LogValue() slog.Value { return slog.StringValue("***") }

func TestLogHandlerBreadcrumbs(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	var out bytes.Buffer
	next := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})
	logger := slog.New(sentryconfig.NewLogHandler(next)).With("service", "s").WithGroup("g").With("a", 1)
	if !logger.Enabled(t.Context(), slog.LevelInfo) || logger.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("the handler isn't enabled from INFO on")
	}
	logger.Debug("too low")
	logger.Info("step", "key", masked("real"), slog.Group("empty"), slog.Group("h", "d", time.Second), "err",
		errors.New("e"))
	slog.New(sentryconfig.NewLogHandler(next)).Error("bad", "category", "net", "n", 1.5)
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	e := one(t, server)
	if len(e.Breadcrumbs) != 2 {
		t.Fatalf("breadcrumbs %+v", e.Breadcrumbs)
	}
	b := e.Breadcrumbs[0]
	if b.Message != "step" || b.Category != "log" || b.Level != "info" ||
		fmt.Sprint(b.Data) != "map[g:map[a:1 err:e h:map[d:1s] key:***] service:s]" {
		t.Errorf("breadcrumb %+v", b)
	}
	if b = e.Breadcrumbs[1]; b.Category != "net" || b.Level != "error" || fmt.Sprint(b.Data) != "map[n:1.5]" {
		t.Errorf("breadcrumb %+v", b)
	}
	if text := out.String(); strings.Contains(text, "step") || !strings.Contains(text, "bad") {
		t.Errorf("next got %q, want only what it is enabled for", text)
	}
}

func TestLogHandlerSlogtest(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("reporting %v", on), func(t *testing.T) {
			start(t, sentryconfig.Options{Enabled: sentry.Set(on)})
			var buf bytes.Buffer
			slogtest.Run(t, func(*testing.T) slog.Handler {
				buf.Reset()
				return sentryconfig.NewLogHandler(slog.NewJSONHandler(&buf, nil))
			}, func(t *testing.T) map[string]any {
				var m map[string]any
				if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}

type panickingValue struct{}

func (panickingValue) LogValue() slog.Value { panic("LogValue") }

func TestLogHandlerSurvivesValues(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	logger := slog.New(sentryconfig.NewLogHandler(nil))
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
		for range 3 {
			logger.Info("m", "v", panickingValue{}, "big", strings.Repeat("x", 1<<20), "many", make([]int, 1<<20))
		}
		logger.InfoContext(ctx, "in the task")
		return errors.New("x")
	})
	e := one(t, server)
	if n := len(e.Breadcrumbs); n != 4 {
		t.Errorf("%d breadcrumbs, want 4", n)
	}
	if n := len(e.Raw); n > 256<<10 {
		t.Errorf("the event takes %d bytes", n)
	}
}

// endless is a group that holds itself.
type endless struct{}

func (endless) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("", endless{}), slog.Any("again", endless{}), slog.Any("again", endless{}))
}

func TestLogHandlerEndlessGroup(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	slog.New(sentryconfig.NewLogHandler(nil)).Info("step", "n", 1, "v", endless{})
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	if b := one(t, server).Breadcrumbs[0]; b.Message != "step" || b.Data["n"] != 1.0 {
		t.Errorf("breadcrumb %+v", b)
	}
}

// What a breadcrumb allocates is itself and its map: the literal that a caller makes for it is no allocation.
func TestBreadcrumbAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	start(t, sentryconfig.Options{})
	ctx, logger := t.Context(), slog.New(sentryconfig.NewLogHandler(nil))
	for _, test := range []struct {
		name string
		call func()
		most float64
	}{
		{"without data", func() { sentryconfig.AddBreadcrumb(ctx, "step", "c", "", nil) }, 1},
		{"data", func() {
			sentryconfig.AddBreadcrumb(ctx, "step", "c", "", map[string]any{"n": 1, "path": "/x", "ok": true})
		}, 3},
		{"log record", func() { logger.Info("step", "n", 1, "path", "/x", "ok", true) }, 4}, // the text's header too
	} {
		if n := testing.AllocsPerRun(200, test.call); n > test.most {
			t.Errorf("%s: %v allocations, want at most %v", test.name, n, test.most)
		}
	}
}

// TestKeptBreadcrumbs: while nobody asks for its hub a task keeps its breadcrumbs itself. An event has the same ones,
// in the same order, as that of a task that was asked for its hub at its start, or between two of them.
func TestKeptBreadcrumbs(t *testing.T) {
	for _, most := range []int{-1, 0, 1, 3, 7} {
		for _, rate := range []float64{0, 1} {
			t.Run(fmt.Sprintf("at most %d, sampled %v", most, rate), func(t *testing.T) {
				client, server := newClient(t, sentryconfig.Options{TracesSampleRate: sentry.Set(rate),
					ClientOptions: func(o *sentry.ClientOptions) { o.MaxBreadcrumbs = most }})
				const steps = 12
				for asked := range steps + 1 {
					failAfter(t, client, steps, asked)
				}
				events := server.WaitEvents(steps+1, time.Minute)
				want := told(t, events[0])
				if n := strings.Count(want, "\n"); n != max(0, min(cmp.Or(most, 100), steps)) {
					t.Errorf("%d breadcrumbs", n)
				}
				for i, e := range events {
					if got := told(t, e); got != want {
						t.Errorf("asked before %d:\n%swant\n%s", i, got, want)
					}
				}
			})
		}
	}
}

// failAfter runs a task that fails after some steps, and asks for its hub before one of them.
func failAfter(t *testing.T, client *sentryconfig.Client, steps, asked int) {
	logger := slog.New(client.NewLogHandler(nil))
	_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
		for i := range steps {
			if i == asked {
				sentry.GetHubFromContext(ctx).Scope().SetTag("asked", "yes")
			}
			takeStep(client, logger, ctx, i)
		}
		return errors.New("x")
	})
}

// told returns what an event's breadcrumbs say, a line each.
func told(t *testing.T, e sentrytest.Event) string {
	t.Helper()
	var text strings.Builder
	for _, b := range e.Breadcrumbs {
		fmt.Fprintf(&text, "%s %s %s %s %v\n", b.Type, b.Category, b.Level, b.Message, b.Data)
		if age := time.Since(b.Time); age < 0 || age > time.Hour {
			t.Errorf("breadcrumb %+v", b)
		}
	}
	return text.String()
}

// takeStep makes a breadcrumb, another kind for each i.
func takeStep(client *sentryconfig.Client, logger *slog.Logger, ctx context.Context, i int) {
	switch i % 4 {
	case 0:
		client.AddBreadcrumb(ctx, fmt.Sprint(i), "c", "", map[string]any{"n": i, "ok": true, "path": "/x"})
	case 1:
		logger.With("a", 1).WithGroup("g").InfoContext(ctx, fmt.Sprint(i), "d", time.Second, "err", errors.New("e"))
	case 2:
		client.AddBreadcrumb(ctx, fmt.Sprint(i), "c", "warning", map[string]any{"l": []int{i}, "m": masked("real")})
	case 3:
		logger.ErrorContext(ctx, fmt.Sprint(i), "category", "net", "n", i, "real", masked("real"))
	}
}

// TestTransactionBreadcrumbs: a transaction that is made without a span has the breadcrumbs of its task.
func TestTransactionBreadcrumbs(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	ctx, task := client.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	client.AddBreadcrumb(ctx, "step", "c", "", map[string]any{"n": 1})
	task.Finish()
	client.AddBreadcrumb(ctx, "late", "c", "", nil)
	client.CaptureTaskFailure(ctx, "", "too late", nil, nil)
	for i, list := range [][]sentrytest.Breadcrumb{server.WaitTransactions(1, time.Minute)[0].Breadcrumbs,
		server.WaitEvents(1, time.Minute)[0].Breadcrumbs} {
		if len(list) != i+1 || list[0].Message != "step" || list[0].Data["n"] != 1.0 ||
			i == 1 && list[1].Message != "late" {
			t.Errorf("breadcrumbs %+v", list)
		}
	}
}

// TestBreadcrumbOfDerivedContext: a hub that the host has put into a context derived from that of a task gets the
// breadcrumbs of that context; without one the task does.
func TestBreadcrumbOfDerivedContext(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	ctx, task := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	defer task.Finish()
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	own := sentry.SetHubOnContext(derived, sentry.CurrentHub().Clone())
	for name, ctx := range map[string]context.Context{"task": ctx, "own": own} {
		sentryconfig.AddBreadcrumb(ctx, name, "c", "", nil)
	}
	sentryconfig.AddBreadcrumb(derived, "derived", "c", "", nil)
	for i, want := range []string{"[own]", "[task derived]"} {
		sentryconfig.CaptureTaskFailure([]context.Context{own, derived}[i], "", "y", nil, nil)
		got := []string{}
		for _, b := range server.WaitEvents(i+1, time.Minute)[i].Breadcrumbs {
			got = append(got, b.Message)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("breadcrumbs %v, want %s", got, want)
		}
	}
}

// TestBeforeBreadcrumbAtTheCall: a hook of the user's sees a task's breadcrumb while the call lasts.
func TestBeforeBreadcrumbAtTheCall(t *testing.T) {
	seen := 0
	client, _ := newClient(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeBreadcrumb = func(b *sentry.Breadcrumb, _ *sentry.BreadcrumbHint) *sentry.Breadcrumb {
			seen++
			return b
		}
	}})
	ctx, task := client.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	defer task.Finish()
	client.AddBreadcrumb(ctx, "step", "c", "", nil)
	slog.New(client.NewLogHandler(nil)).InfoContext(ctx, "step")
	if seen != 2 {
		t.Errorf("the hook saw %d breadcrumbs", seen)
	}
}

// TestProcessorThatLogs: an event processor of a scope may log, add breadcrumbs of the task whose event it gets, and
// capture: its breadcrumbs are in later events of the task. sentry-go's own calls would wait there for ever.
func TestProcessorThatLogs(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	logger := slog.New(client.NewLogHandler(nil))
	test := func(t *testing.T) {
		ctx, task := client.CreateTaskSpan(context.Background(), "x", 0, 0, nil)
		var once sync.Map
		scope := sentry.GetHubFromContext(ctx).Scope()
		scope.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			if _, again := once.LoadOrStore(e.Type, true); !again {
				client.AddBreadcrumb(ctx, "added", "c", "", nil)
				logger.InfoContext(ctx, "logged")
				client.CaptureTaskException(ctx, errors.New("within"), "x", nil, nil)
			}
			return e
		})
		client.CaptureTaskException(ctx, errors.New("first"), "x", nil, nil)
		client.CaptureTaskException(ctx, errors.New("later"), "x", nil, nil)
		task.Finish()
	}
	t.Run("plain", test)
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, test) })
	crumbs := map[string][]string{}
	for _, e := range server.WaitEvents(8, time.Minute) {
		text := e.Exceptions[0].Value
		for _, b := range e.Breadcrumbs {
			crumbs[text] = append(crumbs[text], b.Message)
		}
	}
	want := []string{"added", "logged", "added", "logged"}
	if !slices.Equal(crumbs["later"], want) || crumbs["first"] != nil {
		t.Errorf("breadcrumbs by event: %v", crumbs)
	}
	server.WaitTransactions(2, time.Minute)
}

// TestBreadcrumbsAtOnce: none is lost, or comes twice, while others ask for the task's hub, or the task ends.
func TestBreadcrumbsAtOnce(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{
		ClientOptions: func(o *sentry.ClientOptions) { o.MaxBreadcrumbs = 1000 }})
	const tasks, callers, each = 20, 3, 25
	logger := slog.New(client.NewLogHandler(nil))
	for i := range tasks {
		ctx, task := client.CreateTaskSpan(context.Background(), "x", i, tasks, nil)
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				for n := range each {
					if n == each/2 && caller == i%(callers+1) {
						sentry.GetHubFromContext(ctx)
					}
					if n%2 == 0 {
						client.AddBreadcrumb(ctx, fmt.Sprint(caller, n), "c", "", map[string]any{"n": n})
					} else {
						logger.InfoContext(ctx, fmt.Sprint(caller, n), "n", n)
					}
				}
			})
		}
		task.Finish()
		wg.Wait()
		client.CaptureTaskFailure(ctx, "", "y", nil, nil)
		checkOrder(t, server.WaitEvents(i+1, time.Minute)[i].Breadcrumbs, callers, each)
	}
}

// checkOrder checks that a list has each breadcrumb of each caller once, in the order of its calls.
func checkOrder(t *testing.T, list []sentrytest.Breadcrumb, callers, each int) {
	t.Helper()
	next := make([]int, callers)
	for _, b := range list {
		var caller, n int
		_, err := fmt.Sscan(b.Message, &caller, &n)
		if err != nil || next[caller] != n || b.Data["n"] != float64(n) {
			t.Errorf("breadcrumb %+v, want number %d of its caller (%v)", b, next[caller], err)
		}
		next[caller]++
	}
	if len(list) != callers*each {
		t.Errorf("%d breadcrumbs, want %d", len(list), callers*each)
	}
}
