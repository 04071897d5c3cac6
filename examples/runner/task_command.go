package main

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

const (
	// outputTail is what is kept of each output, in bytes: the two together fit into one context of a Sentry event.
	outputTail = 3 << 10
	// pipeDelay is how long a command that has ended may leave its output open in a process it leaves behind.
	pipeDelay = 2 * time.Second
)

// newCommand runs a program: {command: [program, argument, ...], timeout_seconds}. Another exit code than 0 is a failure. At
// the time limit, and when the runner is interrupted, the program ends with every process it has started.
func newCommand(p *params) runFunc {
	const example = `["program", "argument"]`
	args := p.texts("command", example)
	if len(args) == 0 || args[0] == "" {
		p.refuse("command names no program: write \"command\": %s", example)
	}
	return func(ctx context.Context) (summary, error) {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		var stdout, stderr tail
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.WaitDelay = pipeDelay
		tree := newProcTree(cmd)
		defer tree.close()
		cmd.Cancel = tree.kill

		slog.InfoContext(ctx, "starting", "category", "exec", "command", args)
		span := sentry.StartSpan(ctx, "exec", sentry.WithDescription(args[0]))
		defer span.Finish()
		start := time.Now()
		if err := tree.start(); err != nil {
			return nil, err
		}
		err := cmd.Wait()
		sum := summary{
			"command":          args,
			"exit_code":        cmd.ProcessState.ExitCode(), // -1: ended by a signal
			"duration_seconds": round(time.Since(start).Seconds()),
			"stdout":           stdout.String(),
			"stderr":           stderr.String(),
		}
		slog.InfoContext(ctx, "ended", "category", "exec", "exit_code", sum["exit_code"], "stderr_bytes", stderr.size)
		var exit *exec.ExitError
		switch {
		case errors.Is(err, exec.ErrWaitDelay): // it ended well, a process it left behind holds its output
			sum["left_running"] = true
			return sum, nil
		case errors.As(err, &exit) && exit.ExitCode() < 0:
			return sum, fail(err, "ended by %s", strings.TrimSpace(exit.Error()))
		case errors.As(err, &exit):
			return sum, fail(err, "exit code %d", exit.ExitCode())
		}
		return sum, err
	}
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
	size int64 // of all
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size += int64(len(b))
	t.kept = append(t.kept, b[max(0, len(b)-outputTail):]...)
	if over := len(t.kept) - outputTail; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.ToValidUTF8(string(t.kept), "�")
	if t.size > int64(len(t.kept)) {
		s = "…" + s
	}
	return s
}
