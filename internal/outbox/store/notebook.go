package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// A Notebook keeps log lines until no lock is held: a Logger may capture, and so call back. Its methods may be called
// from many goroutines at once.
type Notebook struct {
	Logger *slog.Logger // set before the first call; nil discards

	some  atomic.Bool
	mu    sync.Mutex
	lines []line
}

type line struct {
	level   slog.Level
	message string
	args    []any
}

// Add notes a line. It calls nothing, so any lock may be held.
func (n *Notebook) Add(level slog.Level, message string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line{level, message, args})
	n.some.Store(true)
}

// Some reports whether there is something to say.
func (n *Notebook) Some() bool { return n.some.Load() }

// Say logs what was noted. The caller holds no lock. It costs a nanosecond when there is nothing to say.
func (n *Notebook) Say() {
	if !n.some.Load() {
		return
	}
	n.mu.Lock()
	lines := n.lines
	n.lines = nil
	n.some.Store(false)
	n.mu.Unlock()
	if n.Logger == nil {
		return
	}
	for _, l := range lines {
		n.log(l)
	}
}

// log logs a line. A Logger that panics does not bring the program down.
func (n *Notebook) log(l line) {
	defer func() { _ = recover() }()
	n.Logger.Log(context.Background(), l.level, l.message, l.args...)
}
