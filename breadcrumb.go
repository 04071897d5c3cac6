package sentryconfig

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// maxBreadcrumbData is what is kept of one breadcrumb's data, in bytes of JSON.
const maxBreadcrumbData = 2 << 10

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
	if !c.reporting() {
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
		Data:     safe.Map(data, maxBreadcrumbData),
	})
}

func (c *Client) addBreadcrumb(ctx context.Context, b *sentry.Breadcrumb) {
	t := c.taskOf(ctx)
	hub := c.hubOf(ctx, t)
	if t != nil && c.outboxDir != "" {
		root := t.root()
		root.mu.Lock()
		root.lastStep = b.Message
		root.mu.Unlock()
	}
	c.call("ClientOptions.BeforeBreadcrumb", func() { hub.AddBreadcrumb(b, nil) })
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
	scopes *logScope
}

// A logScope is one WithGroup or WithAttrs of a logger, linked to those before it.
type logScope struct {
	outer *logScope
	group string
	attrs []slog.Attr // when group is ""
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo && h.client(ctx).reporting() || h.next.Enabled(ctx, level)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &logHandler{h.client, h.next.WithAttrs(attrs), &logScope{outer: h.scopes, attrs: attrs}}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.client, h.next.WithGroup(name), &logScope{outer: h.scopes, group: name}}
}

func (h *logHandler) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelInfo {
		if c := h.client(ctx); c.reporting() {
			c.call("a logged value", func() { c.addBreadcrumb(ctx, h.breadcrumb(rec)) })
		}
	}
	if !h.next.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.next.Handle(ctx, rec)
}

func (h *logHandler) breadcrumb(rec slog.Record) *sentry.Breadcrumb {
	b := &sentry.Breadcrumb{
		Type:      "default",
		Category:  "log",
		Message:   safe.CutText(rec.Message, protocol.MaxMessageChars),
		Level:     levelOf(rec.Level),
		Timestamp: rec.Time,
	}
	if b.Timestamp.IsZero() {
		b.Timestamp = time.Now()
	}
	if rec.NumAttrs() == 0 && h.scopes == nil {
		return b
	}
	c := attrCollector{breadcrumb: b, room: maxBreadcrumbData}
	var root attrLevel
	inner := h.scopes.collect(&c, &root)
	rec.Attrs(func(a slog.Attr) bool {
		c.add(inner, a)
		return true
	})
	b.Data = root.data
	return b
}

func levelOf(level slog.Level) sentry.Level {
	switch {
	case level < slog.LevelInfo:
		return sentry.LevelDebug
	case level < slog.LevelWarn:
		return sentry.LevelInfo
	case level < slog.LevelError:
		return sentry.LevelWarning
	}
	return sentry.LevelError
}

// An attrCollector turns the attributes of a record into the data of a breadcrumb.
type attrCollector struct {
	breadcrumb *sentry.Breadcrumb
	room       int // bytes of data left
}

// An attrLevel is a group of a record, or the record itself. Its map is made, and enters that of the group around it,
// with the first attribute: groups without any are left out, as slog wants it.
type attrLevel struct {
	outer *attrLevel
	name  string
	data  map[string]any
}

// collect adds the attributes of s and those before it, from the outermost on, and returns the innermost group.
func (s *logScope) collect(c *attrCollector, root *attrLevel) *attrLevel {
	if s == nil {
		return root
	}
	level := s.outer.collect(c, root)
	if s.group != "" {
		return &attrLevel{outer: level, name: s.group}
	}
	for _, a := range s.attrs {
		c.add(level, a)
	}
	return level
}

func (l *attrLevel) put(key string, value any) {
	if l.data == nil {
		l.data = make(map[string]any, 4)
		if l.outer != nil {
			l.outer.put(l.name, l.data)
		}
	}
	l.data[key] = value
}

func (c *attrCollector) add(level *attrLevel, a slog.Attr) {
	v := resolve(a.Value)
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			level = &attrLevel{outer: level, name: a.Key}
		}
		for _, member := range v.Group() {
			c.add(level, member)
		}
		return
	}
	if a.Key == "" && v.Any() == nil { // slog's empty Attr
		return
	}
	if a.Key == "category" && level.outer == nil && v.Kind() == slog.KindString {
		c.breadcrumb.Category = safe.CutText(v.String(), 200)
		return
	}
	if c.room <= 0 {
		level.put("…", "more attributes were cut")
		return
	}
	value := c.value(v)
	c.room -= len(a.Key) + safe.Size(value)
	level.put(a.Key, value)
}

// maxLogValues is how many LogValuers may lead to one another, as in slog.
const maxLogValues = 100

// resolve is slog.Value.Resolve, which makes a stack trace of a LogValuer that panics.
func resolve(v slog.Value) (resolved slog.Value) {
	if v.Kind() != slog.KindLogValuer {
		return v
	}
	defer func() {
		if p := recover(); p != nil {
			resolved = slog.StringValue(fmt.Sprintf("<panic in %T.LogValue: %v>", v.Any(), p))
		}
	}()
	for range maxLogValues {
		if v = v.LogValuer().LogValue(); v.Kind() != slog.KindLogValuer {
			return v
		}
	}
	return slog.StringValue(fmt.Sprintf("<%T.LogValue leads to itself>", v.Any()))
}

func (c *attrCollector) value(v slog.Value) any {
	switch v.Kind() {
	case slog.KindString:
		return safe.CutText(v.String(), max(c.room, 64))
	case slog.KindInt64:
		return v.Int64()
	case slog.KindUint64:
		return v.Uint64()
	case slog.KindBool:
		return v.Bool()
	case slog.KindDuration:
		return v.Duration().String()
	}
	return safe.Value(v.Any(), max(c.room, 64))
}
