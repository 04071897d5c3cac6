package sentryconfig_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// closeBeside closes a Client with opts while run is at work as a task, and has it return while Close ends another
// task, "running". Before that it calls during.
func closeBeside(t *testing.T, opts sentryconfig.Options, task sentryconfig.Task, run func(context.Context) error,
	during func(*sentryconfig.Client)) *sentrytest.Server {
	t.Helper()
	server := sentrytest.NewServer(t)
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var client *sentryconfig.Client // made below: its hook needs it
	opts.DSN = server.DSN()
	opts.ClientOptions = func(o *sentry.ClientOptions) {
		o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			if e.Transaction == "task.running" {
				during(client)
				close(end)
				<-done
			}
			return e
		}
	}
	client, err := sentryconfig.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		_ = client.RunTask(context.Background(), task, func(ctx context.Context) error {
			close(begun)
			<-end
			return run(ctx)
		})
	}()
	<-begun
	client.CreateTaskSpan(context.Background(), "running", 0, 0, nil)
	if !client.Close(time.Minute) {
		t.Errorf("Close: false: %+v", client.Stats())
	}
	return server
}

// TestTasksWhileClosing: of the tasks that begin and end while Close ends those that run, none is lost: one that ends
// is sent, with its check-in, and none begins.
func TestTasksWhileClosing(t *testing.T) {
	var late *sentryconfig.TaskSpan
	task := sentryconfig.Task{Type: "ending", Monitor: &sentryconfig.Monitor{Slug: "nightly"}}
	server := closeBeside(t, sentryconfig.Options{}, task, func(context.Context) error { return nil },
		func(c *sentryconfig.Client) { _, late = c.CreateTaskSpan(context.Background(), "late", 0, 0, nil) })
	if late.Finish(); late != nil {
		t.Error("a task begins")
	}
	sent := map[string]any{}
	for _, e := range server.Transactions() {
		sent[e.Transaction] = e.Contexts["trace"]["status"]
	}
	if sent["task.running"] != "cancelled" || sent["task.ending"] != "ok" {
		t.Errorf("transactions: %v", sent)
	}
	if list := server.CheckIns(); len(list) != 2 || list[1].Status != "ok" {
		t.Errorf("check-ins: %+v", list)
	}
}

// TestErrorsWhileClosing: a task that goes wrong while Close ends others is reported as at any other time.
func TestErrorsWhileClosing(t *testing.T) {
	failed, expected := errors.New("out of paper"), errors.New("no work")
	opts := sentryconfig.Options{Expected: func(err error) bool { return errors.Is(err, expected) }}
	for name, test := range map[string]struct {
		end    func(context.Context) error
		status string
		events int
	}{
		"error":    {func(context.Context) error { return failed }, "internal_error", 1},
		"panic":    {func(context.Context) error { panic(failed) }, "internal_error", 1},
		"expected": {func(context.Context) error { return expected }, "ok", 0},
		"failure": {func(context.Context) error {
			return &sentryconfig.TaskFailure{Reason: "worn out"}
		}, "failed_precondition", 1},
		"captured": {func(ctx context.Context) error {
			sentryconfig.CaptureTaskException(ctx, failed, "", nil, nil)
			return nil
		}, "internal_error", 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := closeBeside(t, opts, sentryconfig.Task{Type: "ending"}, test.end, func(*sentryconfig.Client) {})
			if n := len(server.Events()); n != test.events {
				t.Errorf("%d events, want %d", n, test.events)
			}
			for _, e := range server.Transactions() {
				if status := e.Contexts["trace"]["status"]; e.Transaction == "task.ending" && status != test.status {
					t.Errorf("status %v, want %s", status, test.status)
				}
			}
		})
	}
}
