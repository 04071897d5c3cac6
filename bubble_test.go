package sentryconfig_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// With the Client inside a bubble and the server outside, a task that sleeps an hour lasts an hour, at once.
func TestClientInBubble(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			synctest.Test(t, func(t *testing.T) {
				client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir})
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				err = client.RunTask(t.Context(), sentryconfig.Task{Type: "sleep"}, func(ctx context.Context) error {
					time.Sleep(time.Hour)
					sentryconfig.AddBreadcrumb(ctx, "slept", "", "", nil)
					return errors.New("overslept")
				})
				if err == nil || time.Since(begun) != time.Hour {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				if !client.Close(time.Minute) {
					t.Errorf("Close = false; stats %+v", client.Stats())
				}
			}) // which fails if a goroutine is left
			if got := server.WaitTransactions(1, time.Minute)[0].Duration(); got != time.Hour {
				t.Errorf("the task lasted %v", got)
			}
			if e := server.WaitEvents(1, time.Minute)[0]; len(e.Breadcrumbs) != 1 {
				t.Errorf("%d breadcrumbs", len(e.Breadcrumbs))
			}
		})
	}
}

// A Client made outside may be used inside: tests with a bubble beside tests without, and one Init for all.
func TestClientAroundBubble(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{OutboxDir: dir})
			sentryconfig.CaptureTaskFailure(t.Context(), "outside", "before", nil, nil)
			synctest.Test(t, func(t *testing.T) {
				_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "inside"},
					func(ctx context.Context) error {
						time.Sleep(time.Hour)
						span := sentry.StartSpan(ctx, "step")
						span.Finish()
						return errors.New("x")
					})
				if !sentryconfig.Flush(time.Minute) {
					t.Errorf("Flush inside = false; stats %+v", sentryconfig.ReadStats())
				}
				sentryconfig.SetEnabled(false)
				sentryconfig.SetEnabled(true)
				if err := sentryconfig.Reconfigure(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir,
					SendPII: sentry.Set(false)}); err != nil {
					t.Error(err)
				}
				sentryconfig.CaptureTaskFailure(t.Context(), "inside", "after", nil, nil)
			})
			_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "outside"}, func(context.Context) error {
				return errors.New("x")
			})
			flush(t)
			if n := len(server.WaitEvents(4, 0)); n != 4 {
				t.Errorf("%d events, want 4", n)
			}
			if n := len(server.WaitTransactions(2, 0)); n != 2 {
				t.Errorf("%d transactions, want 2", n)
			}
		})
	}
}

// A Flush inside a bubble ends although the server can't be reached and the bubble's clock stands still meanwhile.
func TestFlushInBubble(t *testing.T) {
	client, err := sentryconfig.New(sentryconfig.Options{DSN: "http://0123@127.0.0.1:1/1"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(0)
	synctest.Test(t, func(t *testing.T) {
		client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
		if client.Flush(10 * time.Millisecond) {
			t.Error("Flush = true")
		}
	})
}
