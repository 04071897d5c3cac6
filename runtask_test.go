package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A panic is titled by the type of its value, or "panic" where there is only a text. It has a stack trace in any case.
func TestPanicTitles(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"text", "boom", "panic"},
		{"number", 7, "panic"},
		{"struct", struct{ N int }{7}, "panic"},
		{"nil slice", []string(nil), "panic"},
		{"error known by its text", errors.New("boom"), "panic"},
		{"typed error", &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}, "fs.PathError"},
		{"error with a stack of its own", newTraced(), "sentryconfig_test.traced"},
		{"nil pointer of an error type", (*fs.PathError)(nil), "fs.PathError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(context.Context) error {
				panic(test.value)
			})
			e := one(t, server)
			x := e.Exceptions[len(e.Exceptions)-1]
			if x.Type != test.want || e.Level != "fatal" {
				t.Errorf("title %q, level %q, want %q, fatal", x.Type, e.Level, test.want)
			}
			if x.Mechanism == nil || x.Mechanism.Handled == nil || *x.Mechanism.Handled {
				t.Errorf("mechanism %+v, want handled=false", x.Mechanism)
			}
			if len(x.Frames) == 0 {
				t.Error("no stack trace")
			}
		})
	}
}

// A nil *PanicError is an odd thing to report, and no reason to panic.
func TestNilPanicError(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	if id := sentryconfig.CaptureTaskException(t.Context(), (*sentryconfig.PanicError)(nil), "x", nil, nil); id == "" {
		t.Error("no event")
	}
	one(t, server)
}

// A task that returns a nil pointer as its error is a common slip: its TaskError can be printed all the same.
func TestTaskErrorOfANilPointer(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(context.Context) error {
		var none *sentryconfig.TaskFailure
		return none
	})
	if want := "x: <*sentryconfig.TaskFailure: its Error method panicked>"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	one(t, server)
}

// What a Task says of itself is on its transaction and on all of its events.
func TestTaskFields(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	long := strings.Repeat("x", 300)
	tags := map[string]string{"customer": "7", "": "no key", "api_key": "hunter2hunter2", "note": "a\nb " + long}
	task := sentryconfig.Task{Type: "outer", Index: 1, Total: 3, Tags: tags, SpanOptions: []sentry.SpanOption{
		nil,
		sentry.WithOpName("queue.process"),
		func(*sentry.Span) { panic("a span option") },
		func(s *sentry.Span) { s.SetData("seen", s.Tags["customer"]) },
	}}
	_ = sentryconfig.RunTask(t.Context(), task, func(ctx context.Context) error {
		sentry.GetHubFromContext(ctx).CaptureMessage("plain")
		inner := sentryconfig.Task{Type: "inner", Tags: map[string]string{"step": "first"}}
		return sentryconfig.RunTask(ctx, inner, func(context.Context) error { return errors.New("boom") })
	})
	tx := transactions(t, server, 1)[0]
	if tx.Contexts["trace"]["op"] != "queue.process" || fmt.Sprint(tx.Contexts["trace"]["data"]) != "map[seen:7]" {
		t.Errorf("trace %v", tx.Contexts["trace"])
	}
	if len(tx.Spans) != 1 || tx.Spans[0].Tags["step"] != "first" {
		t.Errorf("spans %v", tx.Spans)
	}
	if tx.Tags["step"] != "" {
		t.Error("the inner task's tag is on the outer's transaction")
	}
	events := inOrder(server.WaitEvents(2, time.Minute))
	if events[1].Tags["step"] != "first" || events[0].Tags["step"] != "" {
		t.Errorf("tags %v and %v", events[0].Tags, events[1].Tags)
	}
	for _, e := range append(events, tx) {
		if _, empty := e.Tags[""]; empty || e.Tags["customer"] != "7" || e.Tags["api_key"] != "[Filtered]" {
			t.Errorf("tags %v", e.Tags)
		}
		note := e.Tags["note"]
		if !strings.HasPrefix(note, "a b xxx") || utf8.RuneCountInString(note) > 200 {
			t.Errorf("tag note %q", note)
		}
	}
	if len(tags) != 4 {
		t.Error("the caller's tags were changed")
	}
}

// Without a total nobody knows which of how many a task is.
func TestTotalUnknown(t *testing.T) {
	for _, total := range []int{0, -1} {
		server := start(t, sentryconfig.Options{})
		task := sentryconfig.Task{Type: "x", Index: 4, Total: total}
		err := sentryconfig.RunTask(t.Context(), task, func(ctx context.Context) error {
			return sentryconfig.RunTask(ctx, task, func(context.Context) error { return errors.New("boom") })
		})
		var te *sentryconfig.TaskError
		if !errors.As(err, &te) || te.Task.Index != 4 {
			t.Errorf("error %v", err)
		}
		tx := transactions(t, server, 1)[0]
		if tx.Contexts["trace"]["description"] != "Execute x" || tx.Spans[0].Description != "Execute x" {
			t.Errorf("descriptions %v, %q", tx.Contexts["trace"]["description"], tx.Spans[0].Description)
		}
		if data := tx.Spans[0].Data; data["index"] != nil || data["total"] != nil || data["task_type"] != "x" {
			t.Errorf("span data %v", data)
		}
		for _, e := range []sentrytest.Event{one(t, server), tx} {
			for _, tag := range []string{"task_index", "total_tasks"} {
				if _, there := e.Tags[tag]; there {
					t.Errorf("tag %s = %q", tag, e.Tags[tag])
				}
			}
			if c := e.Contexts["task"]; c["index"] != nil || c["total"] != nil || c["task_type"] != "x" {
				t.Errorf("context task %v", c)
			}
		}
		sentryconfig.Close(time.Minute)
	}
}

func TestFailureCode(t *testing.T) {
	for _, test := range []struct {
		name, code  string
		fingerprint []string
		tag         string
	}{
		{"none", "", []string{"backup", "task_failure"}, ""},
		{"blank", " \n", []string{"backup", "task_failure"}, ""},
		{"code", "files_differ", []string{"backup", "task_failure", "files_differ"}, "files_differ"},
		{"two lines", "files\ndiffer ", []string{"backup", "task_failure", "files differ"}, "files differ"},
		{"colours around a secret", "\x1b[31mpassword\x1b[0m=\x1b[32mhunter2x!",
			[]string{"backup", "task_failure", "password=[Filtered]"}, "password=[Filtered]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "backup"}, func(context.Context) error {
				return fmt.Errorf("w: %w", &sentryconfig.TaskFailure{Reason: "3 files differ", Code: test.code})
			})
			e := one(t, server)
			tag, there := e.Tags["failure_code"]
			if !slices.Equal(e.Fingerprint, test.fingerprint) || tag != test.tag || there != (test.tag != "") {
				t.Errorf("fingerprint %q, tag %q", e.Fingerprint, tag)
			}
			if e.Message != "backup: 3 files differ" || e.Tags["failure_type"] != "task_status_failure" {
				t.Errorf("message %q, tags %v", e.Message, e.Tags)
			}
		})
	}
}

func BenchmarkRunTask(b *testing.B) {
	boom := fmt.Errorf("read settings: %w", errors.New("no such setting"))
	for _, bench := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"ok", func(context.Context) error { return nil }},
		{"error", func(context.Context) error { return boom }},
		{"inner", func(ctx context.Context) error {
			return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner", Total: 1}, fixed(nil))
		}},
		{"SetData", func(ctx context.Context) error {
			for range 100 {
				sentryconfig.TaskSpanFromContext(ctx).SetData("n", 1)
			}
			return nil
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			benchInit(b, "")
			ctx, task := context.Background(), sentryconfig.Task{Type: "bench", Total: 10, Data: benchData}
			b.ReportAllocs()
			for b.Loop() {
				_ = sentryconfig.RunTask(ctx, task, bench.run)
			}
			b.StopTimer()
			sentryconfig.Flush(10 * time.Second)
		})
	}
}
