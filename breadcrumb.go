package sentryconfig

import (
	"context"
	"log/slog"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crumb"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
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
	c.addBreadcrumb(ctx, &sentry.Breadcrumb{
		Type:     "default",
		Category: category,
		Message:  safe.CutText(message, protocol.MaxMessageChars),
		Level:    level,
		Data:     safe.Map(data, protocol.MaxCrumbBytes),
	})
}

// addBreadcrumb is sentry-go's Hub.AddBreadcrumb, which asks the hub for its client and that for the limit.
func (c *Client) addBreadcrumb(ctx context.Context, b *sentry.Breadcrumb) {
	t := c.taskOf(ctx)
	hub := c.hubOf(ctx, t)
	if t != nil && c.outboxDir != "" {
		root := t.root()
		root.mu.Lock()
		root.lastStep = b.Message
		root.mu.Unlock()
	}
	if hook := c.hooks.beforeBreadcrumb; hook != nil {
		if !c.call("ClientOptions.BeforeBreadcrumb", func() { b = hook(b, &sentry.BreadcrumbHint{}) }) || b == nil {
			return
		}
	}
	if scope := hub.Scope(); scope != nil {
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
			c.call("a logged value", func() { c.addBreadcrumb(ctx, h.scope.Breadcrumb(&rec)) })
		}
	}
	if !h.next.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.next.Handle(ctx, rec)
}
