package sentryconfig

import (
	"context"
	"log/slog"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crumb"
)

// AddBreadcrumb records a step before what may go wrong: it is sent with the next events of the task in ctx, or of the
// only one running. An empty level means info. data is copied. The newest 100 are kept, or
// ClientOptions.MaxBreadcrumbs.
func (c *Client) AddBreadcrumb(ctx context.Context, message, category string, level sentry.Level, data map[string]any) {
	if busy() {
		c.recordBreadcrumb(ctx, message, category, level, data)
	}
}

func (c *Client) recordBreadcrumb(ctx context.Context, message, category string, level sentry.Level,
	data map[string]any) {
	if !c.reporting() || c.maxBreadcrumbs < 0 {
		return
	}
	if level == "" {
		level = sentry.LevelInfo
	}
	t := c.taskOf(ctx)
	if t.forgets(ctx) {
		var d crumb.Draft
		d.Set(message, category, level, data)
		c.addDraft(ctx, t, &d)
		return
	}
	c.addBreadcrumb(ctx, t, crumb.New(message, category, level, data))
}

// forgets reports whether a breadcrumb of t, nil for no task, is likely to be forgotten unseen.
func (t *TaskSpan) forgets(ctx context.Context) bool {
	return t != nil && t.crumbs.Forgets() && t.has(ctx)
}

// addDraft records d, which t is likely to forget.
func (c *Client) addDraft(ctx context.Context, t *TaskSpan, d *crumb.Draft) {
	if t.crumbs.AddDraft(d) {
		t.noteStep(d.Message)
	} else {
		c.addBreadcrumb(ctx, t, d.Made())
	}
}

// addBreadcrumb records b in the task t that ctx belongs to: in its ring, while nobody can have asked for its hub, and
// in the hub after that.
func (c *Client) addBreadcrumb(ctx context.Context, t *TaskSpan, b *sentry.Breadcrumb) {
	t.noteStep(b.Message)
	if t == nil || !t.has(ctx) || !t.crumbs.Add(b) {
		c.addToHub(c.hubOf(ctx, t), b)
	}
}

// noteStep remembers the newest step of t, nil for no task, for the journal.
func (t *TaskSpan) noteStep(message string) {
	if t == nil || t.client.outboxDir == "" {
		return
	}
	root := t.root()
	root.mu.Lock()
	root.lastStep = message
	root.mu.Unlock()
}

// addToHub is sentry-go's Hub.AddBreadcrumb, which asks the hub for its client and that for the limit.
func (c *Client) addToHub(hub *sentry.Hub, b *sentry.Breadcrumb) {
	if hook := c.hooks.beforeBreadcrumb; hook != nil {
		if !c.call("ClientOptions.BeforeBreadcrumb", func() { b = hook(b, &sentry.BreadcrumbHint{}) }) || b == nil {
			return
		}
	}
	if scope := hub.Scope(); scope != nil && !c.scopes.keep(scope, b) {
		scope.AddBreadcrumb(b, c.maxBreadcrumbs)
	}
}

// NewLogHandler returns a handler that makes each record of level INFO and above a breadcrumb of its task (the
// context's, or the only one running) and hands records on to next, untouched, where next is enabled for them. A record
// is never an event, whatever its level. The breadcrumb's category is "log", or the value of an attribute named
// category. A nil next only keeps breadcrumbs. While reporting is off it is next alone.
func (c *Client) NewLogHandler(next slog.Handler) slog.Handler {
	return newLogHandler(next, func(context.Context) *Client { return c })
}

func newLogHandler(next slog.Handler, client func(context.Context) *Client) slog.Handler {
	if next == nil {
		next = slog.DiscardHandler
	}
	return &logHandler{client: client, next: next}
}

type logHandler struct {
	client func(context.Context) *Client // that a record belongs to
	next   slog.Handler
	scope  *crumb.Scope
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo && h.client(ctx).reporting() || h.next.Enabled(ctx, level)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &logHandler{h.client, h.next.WithAttrs(attrs), h.scope.WithAttrs(attrs)}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.client, h.next.WithGroup(name), h.scope.WithGroup(name)}
}

func (h *logHandler) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelInfo {
		if c := h.client(ctx); c.reporting() && c.maxBreadcrumbs >= 0 {
			c.call("a logged value", func() {
				t := c.taskOf(ctx)
				if t.forgets(ctx) {
					var d crumb.Draft
					h.scope.Draft(&rec, &d)
					c.addDraft(ctx, t, &d)
					return
				}
				c.addBreadcrumb(ctx, t, h.scope.Breadcrumb(&rec))
			})
		}
	}
	if !h.next.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.next.Handle(ctx, rec)
}
