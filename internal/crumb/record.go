package crumb

import (
	"fmt"
	"log/slog"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// A Scope is one WithGroup or WithAttrs of a logger, linked to the earlier ones. It is immutable. nil is the Scope of a
// logger without any.
type Scope struct {
	outer *Scope
	group string
	attrs []slog.Attr // when group is ""
}

// WithAttrs returns the Scope of a logger derived from s's by WithAttrs.
func (s *Scope) WithAttrs(attrs []slog.Attr) *Scope { return &Scope{outer: s, attrs: attrs} }

// WithGroup returns the Scope of a logger derived from s's by WithGroup.
func (s *Scope) WithGroup(name string) *Scope { return &Scope{outer: s, group: name} }

// Breadcrumb returns a record of the logger with Scope s as a breadcrumb. The category is "log", or the value of a
// top-level attribute named category. A record without a time gives a breadcrumb without one. Data takes about
// protocol.MaxCrumbBytes of JSON at most. The result shares no mutable memory with rec.
func (s *Scope) Breadcrumb(rec *slog.Record) *sentry.Breadcrumb {
	b := new(sentry.Breadcrumb)
	s.read(rec, &attrCollector{breadcrumb: b, room: protocol.MaxCrumbBytes})
	return b
}

// Draft makes d, which is new, what Breadcrumb returns.
func (s *Scope) Draft(rec *slog.Record, d *Draft) {
	s.read(rec, &attrCollector{breadcrumb: &d.Breadcrumb, draft: d, room: protocol.MaxCrumbBytes})
}

func (s *Scope) read(rec *slog.Record, c *attrCollector) {
	set(c.breadcrumb, rec.Message, "log", levelOf(rec.Level))
	c.breadcrumb.Timestamp = rec.Time // the zero time becomes that of the call
	inner := s.collect(c)
	rec.Attrs(func(a slog.Attr) bool {
		c.add(inner, a)
		return true
	})
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

// An attrCollector converts a record's attributes into a breadcrumb's data.
type attrCollector struct {
	breadcrumb *sentry.Breadcrumb
	draft      *Draft // that breadcrumb is of; nil: its data is a map
	room       int    // bytes of JSON left for data
	depth      int    // groups around the current attribute
}

// An attrLevel is a group of a record; nil is the record itself. Its map is made, and linked to the outer one, with the
// first attribute. So empty groups are left out, as slog requires.
type attrLevel struct {
	outer *attrLevel
	name  string
	data  map[string]any
}

// collect adds the attributes of s and its outer Scopes, outermost first, and returns the innermost group.
func (s *Scope) collect(c *attrCollector) *attrLevel {
	if s == nil {
		return nil
	}
	level := s.outer.collect(c)
	if s.group != "" {
		return &attrLevel{outer: level, name: s.group}
	}
	for _, a := range s.attrs {
		c.add(level, a)
	}
	return level
}

func (c *attrCollector) put(level *attrLevel, key string, value any) {
	data := &c.breadcrumb.Data
	switch {
	case level != nil:
		data = &level.data
	case c.draft != nil:
		c.draft.put(key, value)
		return
	}
	if *data == nil {
		*data = make(map[string]any, 4)
		if level != nil {
			c.put(level.outer, level.name, level.data)
		}
	}
	(*data)[key] = value
}

func (c *attrCollector) add(level *attrLevel, a slog.Attr) {
	v := a.Value
	if v.Kind() == slog.KindLogValuer {
		v = resolve(v)
	}
	group := v.Kind() == slog.KindGroup
	if a.Key == "" && !group && v.Any() == nil { // slog's empty Attr
		return
	}
	if a.Key == "category" && level == nil && v.Kind() == slog.KindString {
		c.breadcrumb.Category = safe.CutText(v.String(), 200)
		return
	}
	if c.room <= 0 {
		c.put(level, "…", "more attributes were cut")
		return
	}
	if group && c.depth < maxLogGroups {
		if a.Key != "" {
			level = &attrLevel{outer: level, name: a.Key}
		}
		c.room -= len(a.Key) + len(`"":{},`)
		c.depth++
		for _, member := range v.Group() {
			c.add(level, member)
		}
		c.depth--
		return
	}
	value := c.value(v)
	c.room -= len(a.Key) + safe.Size(value)
	c.put(level, a.Key, value)
}

// maxLogGroups limits the nesting of groups, because the group of a LogValuer may contain that LogValuer again.
// safe.Value, which has a limit of its own, copies deeper groups.
const maxLogGroups = 10

// maxLogValues limits a chain of LogValuers, as in slog.
const maxLogValues = 100

// resolve is slog.Value.Resolve for a LogValuer, except that a panic yields a short text instead of a stack trace.
func resolve(v slog.Value) (resolved slog.Value) {
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
