package outbox

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// A notebook keeps what a Logger is to hear until no lock is held: a Logger may capture, and so come back.
type notebook struct {
	logger *slog.Logger
	some   atomic.Bool

	mu    sync.Mutex
	lines []line
}

type line struct {
	level   slog.Level
	message string
	args    []any
}

func (n *notebook) add(level slog.Level, message string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line{level, message, args})
	n.some.Store(true)
}

// say logs what was noted. It is called with no lock held, and costs a nanosecond when there is nothing to say.
func (n *notebook) say() {
	if !n.some.Load() {
		return
	}
	n.mu.Lock()
	lines := n.lines
	n.lines = nil
	n.some.Store(false)
	n.mu.Unlock()
	for _, l := range lines {
		n.log(l)
	}
}

// log logs a line. A Logger that panics does not bring the program down.
func (n *notebook) log(l line) {
	defer func() { _ = recover() }()
	n.logger.Log(context.Background(), l.level, l.message, l.args...)
}
