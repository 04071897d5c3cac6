package sentryconfig

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/exception"
)

// hubOf returns the hub of ctx if it is ours, perhaps a clone that the host made of the task's. Otherwise it returns
// the hub of t, which may have no span yet (see scopeHub), or the Client's own when t is nil.
func (c *Client) hubOf(ctx context.Context, t *TaskSpan) *sentry.Hub {
	if !t.has(ctx) {
		hub := sentry.GetHubFromContext(ctx)
		if hub != nil && (t != nil && hub == t.scopeHub() || hub.Client() == c.client) {
			return hub
		}
	}
	if t != nil {
		return t.scopeHub()
	}
	return c.ownHub()
}

// has reports whether ctx, which belongs to t or to no task when t is nil, plainly has no other hub than that of t. A
// context derived from that of t may have one that the host has put there: it has to be asked, and that makes the span
// of t.
func (t *TaskSpan) has(ctx context.Context) bool {
	own, ok := ctx.(*taskContext)
	return ok && own.task == t || isEmpty(ctx)
}

// bindHub binds c to sentry.CurrentHub, unless the host has bound a client of its own. Then plain sentry-go calls
// report as well, and tasks clone that hub.
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
		global.Scope().ClearBreadcrumbs() // those of our tasks: the next Init starts without them
	}
}

// ownHub returns the Client's own hub: sentry.CurrentHub() while our client is bound there, and a fallback once the
// host has bound its own by calling sentry.Init after Init.
func (c *Client) ownHub() *sentry.Hub {
	if c.hub.Client() != c.client {
		return c.apart
	}
	return c.hub
}

// inEndedTask reports whether the span in ctx belongs to a task's transaction. Callers ask this once that task has
// ended: a transaction that was sent takes no more spans.
func (c *Client) inEndedTask(ctx context.Context) bool {
	task, span := c.taskIn(ctx), sentry.SpanFromContext(ctx)
	return task != nil && span != nil && span.GetTransaction() == task.root().sentrySpan()
}

// A scopeGuard knows the scopes whose event processors our captures run. sentry-go has such a scope locked meanwhile: a
// processor that logs, or adds a breadcrumb, would wait for itself.
type scopeGuard struct {
	captures atomic.Int32 // of all scopes
	mu       sync.Mutex
	busy     map[*sentry.Scope]busyScope
}

type busyScope struct {
	captures int
	crumbs   []*sentry.Breadcrumb // of event processors
}

// captureWith calls f, which captures with scope, and then adds what its event processors have kept for it.
func (c *Client) captureWith(scope *sentry.Scope, f func()) {
	c.scopes.begin(scope)
	defer func() {
		for _, b := range c.scopes.end(scope) {
			scope.AddBreadcrumb(b, c.maxBreadcrumbs)
		}
	}()
	f()
}

func (g *scopeGuard) begin(scope *sentry.Scope) {
	g.captures.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy == nil {
		g.busy = map[*sentry.Scope]busyScope{}
	}
	s := g.busy[scope]
	s.captures++
	g.busy[scope] = s
}

// end returns the breadcrumbs that the caller adds to scope. A capture within an event processor leaves them to the one
// around it, which has the scope locked.
func (g *scopeGuard) end(scope *sentry.Scope) (crumbs []*sentry.Breadcrumb) {
	g.captures.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.busy[scope]
	s.captures--
	if len(s.crumbs) > 0 && (s.captures == 0 || !exception.Within(applyToEvent)) {
		crumbs, s.crumbs = s.crumbs, nil
	}
	if g.busy[scope] = s; s.captures == 0 {
		delete(g.busy, scope)
	}
	return crumbs
}

// keep keeps b until a capture of scope ends, and reports true, if the caller is an event processor of one.
func (g *scopeGuard) keep(scope *sentry.Scope, b *sentry.Breadcrumb) bool {
	if g.captures.Load() == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s, busy := g.busy[scope]
	if !busy || !exception.Within(applyToEvent) {
		return false
	}
	s.crumbs = append(s.crumbs, b)
	g.busy[scope] = s
	return true
}

// applyToEvent runs a scope's event processors, with the scope locked.
var applyToEvent = runtime.FuncForPC(reflect.ValueOf((*sentry.Scope).ApplyToEvent).Pointer()).Name()

// hostOf returns the hub and the span in ctx that belong to a client other than ours.
func (c *Client) hostOf(ctx context.Context) (*sentry.Hub, *sentry.Span) {
	hub := sentry.GetHubFromContext(ctx)
	if hub != nil && (hub.Client() == c.client || !hub.Client().IsEnabled()) {
		hub = nil
	}
	span := sentry.SpanFromContext(ctx)
	if span != nil {
		// The span's own context names the hub that started it; without one, it was the current hub.
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

// spanless hides sentry-go's span in a context, so that a span started with it begins a transaction. The span's key is
// private to sentry-go, so Value recognises it by its type.
type spanless struct{ context.Context }

func (c spanless) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(*sentry.Span); ok {
		return nil
	}
	return v
}
