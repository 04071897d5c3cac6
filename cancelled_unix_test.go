//go:build unix

package sentryconfig_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/autoservice/sentryconfig"
)

// A process that was ended with a signal from outside while the context was cancelled follows from that. One that
// exited by itself, or crashed, doesn't.
func TestEndOfProcessWhileCancelled(t *testing.T) {
	// Signals that this process was started to ignore, as nohup does it, its children would ignore as well.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(caught)
	for _, test := range []struct{ end, status string }{
		{"kill -KILL $$", "cancelled"}, {"kill -TERM $$", "cancelled"}, {"kill -INT $$", "cancelled"},
		{"kill -HUP $$", "cancelled"}, {"kill -SEGV $$", "internal_error"}, {"exit 1", "internal_error"},
	} {
		t.Run(test.end, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "x"}, func(context.Context) error {
				err := exec.Command("/bin/sh", "-c", "ulimit -c 0; "+test.end).Run()
				cancel()
				return fmt.Errorf("tool: %w", err)
			})
			if got := status(transactions(t, server, 1)[0]); got != test.status {
				t.Errorf("status %s, want %s", got, test.status)
			}
			if n := len(server.Events()); (n == 0) != (test.status == "cancelled") {
				t.Errorf("%d events", n)
			}
		})
	}
}
