package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// What one Client has captured is new to another, and to itself it stays one event.
func TestOncePerClient(t *testing.T) {
	boom := errors.New("boom")
	type clients struct{ a, b *sentryconfig.Client }
	fail := func(context.Context) error { return boom }
	task := func(name string) sentryconfig.Task { return sentryconfig.Task{Type: name} }
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, c clients) error
		a, b int // events
	}{
		{"task of another Client", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				return c.b.RunTask(ctx, task("b"), fail)
			})
		}, 1, 1},
		{"task of another Client within one's own", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				return c.b.RunTask(ctx, task("b"), func(ctx context.Context) error {
					return c.a.RunTask(ctx, task("c"), fail)
				})
			})
		}, 1, 1},
		{"captured by hand through another's task", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				ctx, span := c.b.CreateTaskSpan(ctx, "b", 0, 1, nil)
				defer span.Finish()
				sentryconfig.CaptureTaskException(ctx, boom, "", nil, nil) // to the Client of the task
				return boom
			})
		}, 1, 1},
		{"captured by hand by another", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				c.b.CaptureTaskException(ctx, boom, "", nil, nil)
				return boom
			})
		}, 1, 1},
		{"captured by hand by the outer Client", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				return c.b.RunTask(ctx, task("b"), func(ctx context.Context) error {
					c.a.CaptureTaskException(ctx, boom, "", nil, nil)
					return boom
				})
			})
		}, 1, 1},
		{"panic", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				return c.b.RunTask(ctx, task("b"), func(context.Context) error { panic(boom) })
			})
		}, 1, 1},
		{"panic through the tasks of both", func(ctx context.Context, c clients) (err error) {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				_, span := c.b.CreateTaskSpan(ctx, "b", 0, 1, nil)
				defer span.Finish()
				panic(boom)
			})
		}, 1, 1},
		{"joined with another", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(ctx context.Context) error {
				return errors.Join(c.a.RunTask(ctx, task("b"), fail), c.b.RunTask(ctx, task("c"), fail))
			})
		}, 1, 1},
		{"of a Client that is gone", func(ctx context.Context, c clients) error {
			err := c.b.RunTask(ctx, task("b"), fail)
			return c.a.RunTask(ctx, task("a"), func(context.Context) error { return err })
		}, 1, 1},
		{"with the ID of somebody's event", func(ctx context.Context, c clients) error {
			return c.a.RunTask(ctx, task("a"), func(context.Context) error {
				return &sentryconfig.TaskError{Task: task("x"), EventID: "0123456789abcdef0123456789abcdef", Err: boom}
			})
		}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientA, a := newClient(t, sentryconfig.Options{})
			clientB, b := newClient(t, sentryconfig.Options{})
			c := clients{clientA, clientB}
			if err := test.run(t.Context(), c); err == nil {
				t.Error("no error")
			}
			if !c.a.Close(time.Minute) || !c.b.Close(time.Minute) {
				t.Error("Close = false")
			}
			if len(a.Events()) != test.a || len(b.Events()) != test.b {
				t.Errorf("%d and %d events, want %d and %d", len(a.Events()), len(b.Events()), test.a, test.b)
			}
		})
	}
}

// A panic that passes several tasks is looked at once, also where a hook drops its event, or it can't be told from
// others.
func TestPanicsOnTheirWay(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		drop  bool
	}{{"dropped", "boom", true}, {"not equal to itself", math.NaN(), false}, {"a list", []int{1}, false}} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
				o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
					asked++
					if test.drop {
						return nil
					}
					return e
				}
			}})
			_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
				ctx, a := sentryconfig.CreateTaskSpan(ctx, "a", 0, 1, nil)
				defer a.Finish()
				_, b := sentryconfig.CreateTaskSpan(ctx, "b", 0, 1, nil)
				defer b.Finish()
				panic(test.value)
			})
			if asked != 1 {
				t.Errorf("%d events, want 1", asked)
			}
		})
	}
}

// Of joined errors each failure is an event, and so is what else there is: none hides the others.
func TestJoinedFailures(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{})
	boom := errors.New("boom")
	found := &sentryconfig.TaskFailure{Reason: "found"}
	lost := &sentryconfig.TaskFailure{Reason: "lost", Code: "gone", Err: boom}
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"failure and error":  {errors.Join(found, boom), []string{"$: found", "error: boom"}},
		"error and failure":  {errors.Join(boom, found), []string{"$: found", "error: boom"}},
		"two failures":       {errors.Join(found, fmt.Errorf("w: %w", lost)), []string{"$: found", "$: lost"}},
		"the same twice":     {errors.Join(found, found, nil), []string{"$: found"}},
		"one of two causes":  {fmt.Errorf("%w: %w", boom, found), []string{"$: found"}},
		"cause and failure":  {lost, []string{"$: lost"}},
		"made by a method":   {asFailure{found}, []string{"$: found"}},
		"failure and cancel": {errors.Join(found, context.Canceled), []string{"$: found"}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		err := client.RunTask(ctx, sentryconfig.Task{Type: name}, func(ctx context.Context) error {
			return client.RunTask(ctx, sentryconfig.Task{Type: name},
				func(context.Context) error { cancel(); return test.err })
		})
		flushClient(t, client)
		var got []string
		for _, e := range inOrder(server.Events()) {
			if e.Tags["task_type"] == name {
				got = append(got, strings.ReplaceAll(e.Message, name, "$"))
				if e.Message == "" {
					got[len(got)-1] = e.Title()
				}
				if te := (*sentryconfig.TaskError)(nil); len(got) == 1 &&
					(!errors.As(err, &te) || string(te.EventID) != e.ID) {
					t.Errorf("%s: the error's event isn't the first: %#v", name, te)
				}
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: events %q, want %q", name, got, test.want)
		}
		tx := server.Transactions()
		if got := status(tx[len(tx)-1]); got != "failed_precondition" {
			t.Errorf("%s: status %s", name, got)
		}
	}
}

type asFailure struct{ failure *sentryconfig.TaskFailure }

func (asFailure) Error() string { return "as" }

func (a asFailure) As(target any) bool {
	f, ok := target.(**sentryconfig.TaskFailure)
	if ok {
		*f = a.failure
	}
	return ok
}
