package sentryconfig

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/getsentry/sentry-go"
)

// taskOf returns the task of c that a call with ctx belongs to, nil when there is none. A context that says nothing, as
// slog.Info and old code have it, belongs to the only running task of a sequential runner.
func (c *Client) taskOf(ctx context.Context) *TaskSpan {
	if ctx == nil || ctx == context.Background() || ctx == context.TODO() {
		return c.tasks.only.Load()
	}
	return c.taskIn(ctx)
}

// taskIn returns the innermost task of c in ctx, nil when there is none.
func (c *Client) taskIn(ctx context.Context) *TaskSpan {
	t := TaskSpanFromContext(ctx)
	for t != nil && t.client != c {
		t = t.outer
	}
	return t
}

// hubOf returns the hub of ctx when it is one of ours (the host may have cloned the task's), otherwise t's, or the
// package's own.
func (c *Client) hubOf(ctx context.Context, t *TaskSpan) *sentry.Hub {
	if ctx != nil {
		if hub := sentry.GetHubFromContext(ctx); hub != nil && (t != nil && hub == t.sentryHub() || hub.Client() == c.client) {
			return hub
		}
	}
	if t != nil {
		return t.sentryHub()
	}
	return c.ownHub()
}

// bindHub binds c to sentry.CurrentHub, unless the host program has a client of its own there: plain sentry-go calls
// then report as well, and tasks are cloned from that hub.
func (c *Client) bindHub() {
	global := sentry.CurrentHub()
	if c.client == nil || global.Client().IsEnabled() {
		return
	}
	global.BindClient(c.client)
	c.hub, c.bound = global, true
}

func (c *Client) unbindHub() {
	if global := sentry.CurrentHub(); c.bound && global.Client() == c.client {
		global.BindClient(nil)
		global.Scope().ClearBreadcrumbs() // ours: the next Init begins afresh
	}
}

// ownHub returns the package's own hub: sentry.CurrentHub() as long as our client is bound there, which a host program
// that calls sentry.Init after Init ends.
func (c *Client) ownHub() *sentry.Hub {
	if c.hub.Client() != c.client {
		return c.apart
	}
	return c.hub
}

// inEndedTask reports whether the span in ctx is of the transaction of a task: one that has ended takes no more spans.
func (c *Client) inEndedTask(ctx context.Context) bool {
	task, span := c.taskIn(ctx), sentry.SpanFromContext(ctx)
	return task != nil && span != nil && span.GetTransaction() == task.root().sentrySpan()
}

// hostOf returns the hub and the span in ctx that belong to another client than ours.
func (c *Client) hostOf(ctx context.Context) (*sentry.Hub, *sentry.Span) {
	hub := sentry.GetHubFromContext(ctx)
	if hub != nil && (hub.Client() == c.client || !hub.Client().IsEnabled()) {
		hub = nil
	}
	span := sentry.SpanFromContext(ctx)
	if span != nil {
		// A span's own context names the hub it was started on; without one it was the current hub.
		owner := sentry.GetHubFromContext(span.Context())
		if owner == nil {
			owner = sentry.CurrentHub()
		}
		if owner.Client() == c.client {
			span = nil
		}
	}
	return hub, span
}

// spanless is a context without its sentry-go span, so that a span started in it begins a transaction. The key of that
// value is sentry-go's own, hence the look at the value.
type spanless struct{ context.Context }

func (c spanless) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(*sentry.Span); ok {
		return nil
	}
	return v
}

// tasks are those running now.
type tasks struct {
	mu    sync.Mutex
	roots []*TaskSpan
	// beside is set for good once two tasks, neither part of the other, have run at the same time: from then on a call
	// without a task in its context may be anybody's.
	beside bool
	only   atomic.Pointer[TaskSpan] // where a call without a task in its context belongs
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
	for i, other := range list {
		if other == t {
			last := len(list) - 1
			list[i], list[last] = list[last], nil
			return list[:last]
		}
	}
	return list
}

// findOnly follows the only running task to the innermost task in it, as long as there is one at a time.
func (l *tasks) findOnly() {
	if len(l.roots) != 1 || l.beside {
		l.only.Store(nil)
		return
	}
	t := l.roots[0]
	for {
		if t.job() != nil { // others like it run elsewhere, or soon here
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
