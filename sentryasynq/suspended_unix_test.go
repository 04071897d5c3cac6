//go:build unix

package sentryasynq_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
)

// TestSuspended: a worker that is suspended for so long that its lease runs out has lost its attempt, once, though it
// comes back.
func TestSuspended(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	info := b.enqueue(asynq.MaxRetry(1))
	w := startWorker(t, "send", b.sentry.DSN(), t.TempDir(), b.redis)
	w.expect("working")
	if err := w.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	expireLeases(t, b.redis, "default")
	b.start(quickConfig(), sentryasynq.Options{}, func(context.Context, *asynq.Task) error { return nil })
	b.ended(info)
	b.shutdown()
	if err := w.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.stop()
	b.flush()
	if e := b.sentry.Events(); len(e) != 1 || e[0].Message != "send: interrupted" || e[0].Level != "warning" {
		t.Errorf("events %v", e)
	}
}
