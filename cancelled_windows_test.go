package sentryconfig_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/autoservice/sentryconfig"
)

// Windows ends a process with an exit code of the killer's choice: os.Process.Kill gives 1, the console's Ctrl+C
// STATUS_CONTROL_C_EXIT.
func TestEndOfProcessWhileCancelled(t *testing.T) {
	for _, test := range []struct{ code, status string }{
		{"1", "cancelled"}, {"-1073741510", "cancelled"}, {"2", "internal_error"},
	} {
		t.Run(test.code, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "x"}, func(context.Context) error {
				err := exec.Command("cmd.exe", "/c", "exit "+test.code).Run()
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
