package sentryconfig_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

func fixed(err error) func(context.Context) error { return func(context.Context) error { return err } }

// An error that Options.Expected accepts is a breadcrumb, and its task ends well.
func TestExpected(t *testing.T) {
	nothing, odd, boom := errors.New("nothing to do"), errors.New("token=hunter2hunter2"), errors.New("boom")
	accept := func(err error) bool { return errors.Is(err, nothing) || err == odd }
	inner := func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return fmt.Errorf("outer: %w", sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"}, run))
		}
	}
	for _, test := range []struct {
		name   string
		run    func(context.Context) error
		status string
		events []string // what they say
		crumbs []string
	}{
		{"returned", fixed(nothing), "ok", nil, []string{"nothing to do"}},
		{"wrapped", fixed(fmt.Errorf("list: %w", nothing)), "ok", nil, []string{"list: nothing to do"}},
		{"secret in its text", fixed(odd), "ok", nil, []string{"token=[Filtered]"}},
		{"not itself", fixed(fmt.Errorf("list: %w", odd)), "internal_error", []string{"list: token=[Filtered]"}, nil},
		{"another", fixed(boom), "internal_error", []string{"boom"}, nil},
		{"failure", fixed(&sentryconfig.TaskFailure{Reason: "none", Err: nothing}), "ok", nil, []string{"none"}},
		{"joined with another", fixed(fmt.Errorf("all: %w", errors.Join(nothing, boom, odd))),
			"internal_error", []string{"boom"}, []string{"nothing to do", "token=[Filtered]"}},
		{"joined with others", fixed(errors.Join(boom, nothing, errors.New("bang"))),
			"internal_error", []string{"boom\nbang"}, []string{"nothing to do"}},
		{"joined", fixed(errors.Join(nothing, errors.Join(nil, odd))), "ok", nil,
			[]string{"nothing to do", "token=[Filtered]"}},
		{"one error of two parts", fixed(fmt.Errorf("%w: %w", boom, nothing)), "ok", nil, []string{"boom: nothing to do"}},
		{"cancelled as well", func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(nothing)
			return context.Cause(ctx)
		}, "ok", nil, []string{"nothing to do"}},
		{"captured by hand", func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, nothing, "", nil, nil)
			return nothing
		}, "internal_error", []string{"nothing to do"}, []string{"nothing to do"}},
		{"status set", func(ctx context.Context) error {
			sentryconfig.TaskSpanFromContext(ctx).SetStatus(sentry.SpanStatusNotFound)
			return nothing
		}, "not_found", nil, []string{"nothing to do"}},
		{"panic", func(context.Context) error { panic(nothing) }, "internal_error", []string{"nothing to do"}, nil},
		{"panic of an inner task", inner(func(context.Context) error { panic(nothing) }), "internal_error",
			[]string{"nothing to do"}, nil},
		{"inner task", inner(fixed(nothing)), "ok", nil, []string{"outer: inner: nothing to do"}},
		{"inner task, accepted itself", inner(fixed(odd)), "ok", nil, []string{"outer: inner: token=[Filtered]"}},
		{"inner task, joined", inner(fixed(errors.Join(nothing, boom))), "internal_error", []string{"boom"}, nil},
		{"inner task, joined with others", inner(fixed(errors.Join(nothing, boom, errors.New("bang")))),
			"internal_error", []string{"boom\nbang"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{Expected: accept})
			err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, test.run)
			tx := transactions(t, server, 1)[0]
			if status(tx) != test.status {
				t.Errorf("status %s, want %s", status(tx), test.status)
			}
			events := server.Events()
			var said, crumbs []string
			for _, e := range events {
				said = append(said, e.Exceptions[len(e.Exceptions)-1].Value)
			}
			if fmt.Sprintf("%q", said) != fmt.Sprintf("%q", test.events) {
				t.Errorf("events %q, want %q", said, test.events)
			}
			var te *sentryconfig.TaskError
			reported := len(test.events) > 0 && test.name != "captured by hand"
			if !errors.As(err, &te) || (te.EventID != "") != reported {
				t.Errorf("error %#v", err)
			}
			for _, b := range tx.Breadcrumbs {
				crumbs = append(crumbs, b.Message)
				if b.Category != "task" || b.Level != "info" {
					t.Errorf("breadcrumb %+v", b)
				}
			}
			if fmt.Sprintf("%q", crumbs) != fmt.Sprintf("%q", test.crumbs) {
				t.Errorf("breadcrumbs %q, want %q", crumbs, test.crumbs)
			}
		})
	}
}

// An Expected that panics has accepted nothing.
func TestExpectedPanics(t *testing.T) {
	var log bytes.Buffer
	server := start(t, sentryconfig.Options{
		Logger:   slog.New(slog.NewTextHandler(&log, nil)),
		Expected: func(error) bool { panic("no idea") },
	})
	err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, fixed(errors.New("boom")))
	var te *sentryconfig.TaskError
	if e := one(t, server); !errors.As(err, &te) || string(te.EventID) != e.ID {
		t.Errorf("error %v", err)
	}
	sentryconfig.Close(time.Minute)
	if !strings.Contains(log.String(), "Options.Expected panicked: no idea") {
		t.Errorf("log %q", log.String())
	}
}

// Reconfigure changes what is expected, and a Client that is off asks nobody.
func TestExpectedReconfigured(t *testing.T) {
	asked := 0
	server := newServer(t)
	opts := sentryconfig.Options{DSN: server.DSN()}
	initialise(t, server, opts)
	fail := func(context.Context) error { return errors.New("boom") }
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, fail)
	opts.Expected = func(error) bool { asked++; return true }
	if err := sentryconfig.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, fail)
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(context.Context) error {
		sentryconfig.SetEnabled(false)
		return errors.New("boom")
	})
	sentryconfig.SetEnabled(true)
	one(t, server)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// However many errors are joined, the cost stays small, and none of them hides the others.
func TestExpectedOfMany(t *testing.T) {
	nothing := errors.New("nothing to do")
	server := start(t, sentryconfig.Options{Expected: func(err error) bool { return errors.Is(err, nothing) }})
	many := make([]error, 100_000)
	for i := range many {
		many[i] = errors.New("one of many")
	}
	many[0] = nothing
	_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, fixed(errors.Join(many...)))
	one(t, server)
}

// Errors that hold themselves, or panic when they are looked at, are looked at for long enough.
func TestExpectedOfOddErrors(t *testing.T) {
	server := start(t, sentryconfig.Options{Expected: func(error) bool { return false }})
	loop, circle := &cyclic{}, &cyclic{}
	loop.next = loop
	err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, fixed(io.EOF))
	var te *sentryconfig.TaskError
	if !errors.As(err, &te) {
		t.Fatal(err)
	}
	circle.next = errors.Join(te, io.EOF)
	te.Err, te.EventID = circle, ""
	for _, err := range []error{circle, te, loop, &hostile{}} {
		_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(context.Context) error { return err })
	}
	flush(t)
	server.WaitEvents(5, time.Minute)
}
