package sentryconfig_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

func TestBreadcrumbIsACopy(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	inner := map[string]any{"n": 1}
	data := map[string]any{"inner": inner, "bad": make(chan int)}
	sentryconfig.AddBreadcrumb(t.Context(), "step", "cat", "", data)
	inner["n"], data["late"] = 2, true
	sentryconfig.CaptureTaskException(t.Context(), errors.New("x"), "x", nil, nil)
	b := one(t, server).Breadcrumbs[0]
	if b.Message != "step" || b.Category != "cat" || b.Level != "info" || b.Data["late"] != nil || fmt.Sprint(b.Data["inner"]) != "map[n:1]" {
		t.Errorf("breadcrumb %+v", b)
	}
	if len(data) != 3 {
		t.Error("the caller's map was changed")
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
	logger.Info("step", "key", masked("real"), slog.Group("empty"), slog.Group("h", "d", time.Second), "err", errors.New("e"))
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
