package sentryconfig

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/getsentry/sentry-go"
)

// tasks holds the tasks that run now.
type tasks struct {
	mu    sync.Mutex
	roots []*TaskSpan
	// beside is set, for good, once two tasks that aren't nested have run at the same time. From then on, a call
	// without a task in its context may come from any of them.
	beside bool
	only   atomic.Pointer[TaskSpan] // the task for calls without one in their context; nil if that is ambiguous
}

func (l *tasks) add(t *TaskSpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := t.parent; p != nil {
		p.mu.Lock()
		p.children = append(p.children, t)
		l.beside = l.beside || len(p.children) > 1
		p.mu.Unlock()
	} else {
		l.roots = append(l.roots, t)
		l.beside = l.beside || len(l.roots) > 1
	}
	l.findOnly()
}

func (l *tasks) remove(t *TaskSpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := t.parent; p != nil {
		p.mu.Lock()
		p.children = without(p.children, t)
		p.mu.Unlock()
	} else {
		l.roots = without(l.roots, t)
	}
	l.findOnly()
}

func without(list []*TaskSpan, t *TaskSpan) []*TaskSpan {
	if i := slices.Index(list, t); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// findOnly stores the innermost task of the only running chain of tasks, or nil if there are several. l.mu is held.
func (l *tasks) findOnly() {
	if len(l.roots) != 1 || l.beside {
		l.only.Store(nil)
		return
	}
	t := l.roots[0]
	for {
		if t.job() != nil { // tasks of an engine run side by side, now or soon, here or elsewhere
			l.only.Store(nil)
			return
		}
		t.mu.Lock()
		if len(t.children) != 1 {
			t.mu.Unlock()
			break
		}
		child := t.children[0]
		t.mu.Unlock()
		t = child
	}
	l.only.Store(t)
}

// running returns the tasks that run now, outer tasks before the inner ones.
func (l *tasks) running() []*TaskSpan {
	l.mu.Lock()
	running := slices.Clone(l.roots)
	l.mu.Unlock()
	for i := 0; i < len(running); i++ { // the loop appends the inner tasks
		t := running[i]
		t.mu.Lock()
		running = append(running, t.children...)
		t.mu.Unlock()
	}
	return running
}

// taskOf returns the task of c that a call with ctx belongs to, nil when there is none. An empty context, as slog.Info
// and old code have it, means the only running task of a sequential runner.
func (c *Client) taskOf(ctx context.Context) *TaskSpan {
	if isEmpty(ctx) {
		return c.tasks.only.Load()
	}
	return c.taskIn(ctx)
}

func isEmpty(ctx context.Context) bool {
	return ctx == nil || ctx == context.Background() || ctx == context.TODO()
}

// taskIn returns the innermost task of c in ctx, nil when there is none.
func (c *Client) taskIn(ctx context.Context) *TaskSpan {
	t := TaskSpanFromContext(ctx)
	for t != nil && t.client != c {
		t = t.outer
	}
	return t
}

// cancelTasks ends the tasks that run while the Client is closed, inner tasks before the outer ones.
func (c *Client) cancelTasks() {
	for _, t := range slices.Backward(c.tasks.running()) {
		t.imply(sentry.SpanStatusCanceled)
		t.handBack()
		t.finish()
	}
}
