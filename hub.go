package sentryconfig

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/getsentry/sentry-go"
)

// taskOf returns the task that a call with ctx belongs to: the one in ctx, or the only one running, or nil.
func (c *Client) taskOf(ctx context.Context) *TaskSpan {
	if t := TaskSpanFromContext(ctx); t != nil && t.client == c {
		return t
	}
	return c.tasks.only.Load()
}

// hubOf returns the hub of ctx when it is one of ours (the host may have cloned the task's), otherwise t's, or the package's own.
func (c *Client) hubOf(ctx context.Context, t *TaskSpan) *sentry.Hub {
	if ctx != nil {
		if hub := sentry.GetHubFromContext(ctx); hub != nil && (t != nil && hub == t.hub || hub.Client() == c.client) {
			return hub
		}
	}
	if t != nil {
		return t.hub
	}
	return c.ownHub()
}

// bindHub chooses the hub that tasks are cloned from. When the host program has no client of its own, plain sentry-go
// calls shall report as well.
func (c *Client) bindHub() {
	c.apart = sentry.NewHub(c.client, sentry.NewScope())
	global := sentry.CurrentHub()
	if global.Client().IsEnabled() {
		c.hub = c.apart
		return
	}
	global.BindClient(c.client)
	c.hub, c.bound = global, true
}

// ownHub returns the package's own hub: sentry.CurrentHub() as long as our client is bound there, which a host program that
// calls sentry.Init after Init ends.
func (c *Client) ownHub() *sentry.Hub {
	if c.hub.Client() != c.client {
		return c.apart
	}
	return c.hub
}

// inEndedTask reports whether the span in ctx is of the transaction of a task: one that has ended takes no more spans.
func inEndedTask(ctx context.Context) bool {
	task, span := TaskSpanFromContext(ctx), sentry.SpanFromContext(ctx)
	return task != nil && span != nil && span.GetTransaction() == task.root().span
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
	only  atomic.Pointer[TaskSpan] // where a call without a task in its context belongs
}

func (l *tasks) add(t *TaskSpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := t.parent; p != nil {
		p.mu.Lock()
		p.children = append(p.children, t)
		p.mu.Unlock()
	} else {
		l.roots = append(l.roots, t)
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
	if len(l.roots) != 1 {
		l.only.Store(nil)
		return
	}
	t := l.roots[0]
	for {
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
