package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig"
)

// TestCancelledHelper is the program that other tests run; by itself it tests nothing.
func TestCancelledHelper(t *testing.T) {
	switch os.Getenv("CANCELLED_HELPER") {
	case "wait":
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "exit":
		os.Exit(3)
	}
}

func cancelledHelper(ctx context.Context, what string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCancelledHelper$")
	cmd.Env = append(os.Environ(), "CANCELLED_HELPER="+what)
	return cmd
}

// untilKilled runs a process that waits, calls end once it does, and returns what Wait does.
func untilKilled(ctx context.Context, end func()) error {
	cmd := cancelledHelper(ctx, "wait")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready"))); err != nil {
		return err
	}
	end()
	return cmd.Wait()
}

type grpcStatus struct{ code uint32 }

func (s *grpcStatus) Code() grpcCode { return grpcCode(s.code) }

type grpcCode uint32

type grpcError struct{ code uint32 }

func (e *grpcError) Error() string           { return fmt.Sprint("rpc error: code = ", e.code) }
func (e *grpcError) GRPCStatus() *grpcStatus { return &grpcStatus{e.code} }

// oddStatus has the method's name alone.
type oddStatus struct{}

func (oddStatus) Error() string         { return "odd" }
func (oddStatus) GRPCStatus(int) string { return "CANCELLED" }

type nilStatus struct{}

func (nilStatus) Error() string           { return "nil status" }
func (nilStatus) GRPCStatus() *grpcStatus { return nil }

// errUnplugged is what a task's context is cancelled with; it can't be compared.
type errUnplugged []string

func (e errUnplugged) Error() string { return "unplugged: " + e[0] }

type slowError struct{}

func (slowError) Error() string { return "slow" }
func (slowError) Timeout() bool { return true }

// ended is how a task's context ends.
type ended int

const (
	live ended = iota
	cancelled
	cancelledWithCause
	pastDeadline
	pastDeadlineWithCause
)

func contextThatEnds(t *testing.T, how ended, cause error) (ctx context.Context, end func()) {
	past := time.Unix(1, 0)
	var cancel context.CancelFunc
	switch how {
	case cancelled:
		ctx, cancel = context.WithCancel(t.Context())
		t.Cleanup(cancel)
		return ctx, cancel
	case cancelledWithCause:
		ctx, cancel := context.WithCancelCause(t.Context())
		t.Cleanup(func() { cancel(nil) })
		return ctx, func() { cancel(cause) }
	case pastDeadline:
		ctx, cancel = context.WithDeadline(t.Context(), past)
	case pastDeadlineWithCause:
		ctx, cancel = context.WithDeadlineCause(t.Context(), past, cause)
	default:
		ctx, cancel = context.WithCancel(t.Context())
	}
	t.Cleanup(cancel)
	return ctx, func() {}
}

// What follows from the end of a task's context is no trouble of its own; everything else is.
func TestCancelled(t *testing.T) {
	boom, cause := errors.New("boom"), error(errUnplugged{"disk"})
	fixed := func(err error) func(context.Context, func()) error {
		return func(_ context.Context, end func()) error { end(); return err }
	}
	wrapped := func(ctx context.Context, end func()) error { end(); return fmt.Errorf("copy: %w", ctx.Err()) }
	killed := func(ctx context.Context, end func()) error { return fmt.Errorf("tool: %w", untilKilled(ctx, end)) }
	joined := func(ctx context.Context, end func()) error {
		end()
		return fmt.Errorf("all: %w", errors.Join(ctx.Err(), nil, errors.Join(boom, fmt.Errorf("read: %w", ctx.Err()))))
	}
	for _, test := range []struct {
		name      string
		how       ended
		run       func(ctx context.Context, end func()) error
		status    string
		class     string // of the one event, "" without one
		condition string
	}{
		{"wrapped", cancelled, wrapped, "cancelled", "", ""},
		{"cause", cancelledWithCause, fixed(fmt.Errorf("copy: %w", cause)), "cancelled", "", ""},
		{"not the cause", cancelled, fixed(cause), "internal_error", "sentryconfig_test.errUnplugged", ""},
		{"beside another", cancelled, joined, "internal_error", "boom", ""},
		{"joined, all cancelled", cancelled, func(ctx context.Context, end func()) error {
			end()
			return errors.Join(ctx.Err(), fmt.Errorf("read: %w", ctx.Err()))
		}, "cancelled", "", ""},
		{"one error of two parts", cancelled, func(ctx context.Context, end func()) error {
			end()
			return fmt.Errorf("%w: %w", boom, ctx.Err())
		}, "cancelled", "", ""},
		{"says it is", cancelled, func(ctx context.Context, end func()) error {
			end()
			_, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
			return err
		}, "cancelled", "", ""},
		{"another error", cancelled, fixed(boom), "internal_error", "boom", ""},
		{"a deadline of its own", cancelled, fixed(context.DeadlineExceeded),
			"deadline_exceeded", "context deadline exceeded", "timeout"},
		{"gRPC", cancelled, fixed(fmt.Errorf("call: %w", &grpcError{1})), "cancelled", "", ""},
		{"gRPC, another code", cancelled, fixed(&grpcError{14}), "internal_error", "sentryconfig_test.grpcError", "14"},
		{"GRPCStatus of another kind", cancelled, fixed(oddStatus{}), "internal_error", "sentryconfig_test.oddStatus", ""},
		{"GRPCStatus without a status", cancelled, fixed(nilStatus{}), "internal_error", "sentryconfig_test.nilStatus", ""},
		{"killed process", cancelled, killed, "cancelled", "", ""},
		{"process that failed by itself", cancelled, func(ctx context.Context, end func()) error {
			err := cancelledHelper(ctx, "exit").Run()
			end()
			return err
		}, "internal_error", "exec.ExitError", "exit_3"},

		{"live, cancelled", live, fixed(context.Canceled), "internal_error", "context canceled", "canceled"},
		{"live, gRPC", live, fixed(&grpcError{1}), "internal_error", "sentryconfig_test.grpcError", "1"},

		{"past the deadline", pastDeadline, wrapped, "deadline_exceeded", "context deadline exceeded", "timeout"},
		{"past the deadline, cause", pastDeadlineWithCause, fixed(fmt.Errorf("copy: %w", cause)),
			"deadline_exceeded", "sentryconfig_test.errUnplugged", "timeout"},
		{"past the deadline, gRPC cancelled", pastDeadline, fixed(&grpcError{1}),
			"deadline_exceeded", "sentryconfig_test.grpcError", "timeout"},
		{"past the deadline, gRPC deadline", pastDeadline, fixed(&grpcError{4}),
			"deadline_exceeded", "sentryconfig_test.grpcError", "timeout"},
		{"past the deadline, another error", pastDeadline, fixed(boom), "internal_error", "boom", ""},
		{"past the deadline, cancelled by itself", pastDeadline, fixed(context.Canceled),
			"internal_error", "context canceled", "canceled"},

		{"os.ErrDeadlineExceeded", live, fixed(&os.PathError{Op: "read", Path: "x", Err: os.ErrDeadlineExceeded}),
			"deadline_exceeded", "fs.PathError", "timeout"},
		{"net timeout", live, fixed(&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}),
			"deadline_exceeded", "net.OpError", "timeout"},
		{"Timeout method", live, fixed(slowError{}), "deadline_exceeded", "sentryconfig_test.slowError", "timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ctx, end := contextThatEnds(t, test.how, cause)
			err := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
				// In a task around it the same holds.
				return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "inner"}, func(ctx context.Context) error {
					return test.run(ctx, end)
				})
			})
			var te *sentryconfig.TaskError
			if !errors.As(err, &te) || (te.EventID != "") != (test.class != "") {
				t.Fatalf("error %v", err)
			}
			tx := transactions(t, server, 1)[0]
			if status(tx) != test.status || tx.Spans[0].Status != test.status {
				t.Errorf("status %s, of the inner task %s, want %s", status(tx), tx.Spans[0].Status, test.status)
			}
			if test.class == "" {
				if events := server.Events(); len(events) != 0 {
					t.Errorf("an event: %q", events[0].Fingerprint)
				}
				return
			}
			want := []string{"inner", test.class}
			if test.condition != "" {
				want = append(want, test.condition)
			}
			if e := one(t, server); !slices.Equal(e.Fingerprint, want) || e.Tags["error_condition"] != test.condition {
				t.Errorf("fingerprint %q, condition %q, want %q", e.Fingerprint, e.Tags["error_condition"], want)
			}
		})
	}
}

// A program that is killed because it took too long shows that, not how it was killed.
func TestKilledPastDeadline(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	base, end := context.WithCancel(t.Context())
	_ = sentryconfig.RunTask(&lateContext{base}, sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
		return fmt.Errorf("tool: %w", untilKilled(ctx, end))
	})
	e := one(t, server)
	if want := []string{"x", "exec.ExitError", "timeout"}; !slices.Equal(e.Fingerprint, want) {
		t.Errorf("fingerprint %q, want %q", e.Fingerprint, want)
	}
	if got := status(transactions(t, server, 1)[0]); got != "deadline_exceeded" {
		t.Errorf("status %s", got)
	}
}

// lateContext is past its deadline once its cancelled.
type lateContext struct{ context.Context }

func (c *lateContext) Err() error {
	if c.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// What is captured by hand is an event: the program has asked for it.
func TestCancelledByHand(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
		sentryconfig.CaptureTaskException(ctx, ctx.Err(), "", nil, nil)
		return ctx.Err()
	})
	one(t, server)
	if got := status(transactions(t, server, 1)[0]); got != "cancelled" {
		t.Errorf("status %s", got)
	}
}
