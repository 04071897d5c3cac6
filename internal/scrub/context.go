package scrub

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

func (s *Scrubber) spans(e *sentry.Event) {
	var out []*sentry.Span
	for i, old := range e.Spans {
		if n := s.span(old, e.Timestamp); n != old || n == nil {
			if out == nil {
				out = slices.Clone(e.Spans)
			}
			out[i] = n
		}
	}
	if out != nil {
		e.Spans = slices.DeleteFunc(out, func(span *sentry.Span) bool { return span == nil })
	}
}

// span returns a copy of old, whose exported fields are all that is encoded, if anything changes. It returns nil for a
// span without an ID, for which Relay would drop the whole transaction. A span without times is one of now.
func (s *Scrubber) span(old *sentry.Span, now time.Time) *sentry.Span {
	if old == nil || old.SpanID == (sentry.SpanID{}) || old.TraceID == (sentry.TraceID{}) {
		return nil
	}
	name, op := s.text(old.Name, protocol.MaxMessageChars), cutRunes(s.short(old.Op), protocol.MaxCategoryChars)
	description := s.text(old.Description, protocol.MaxMessageChars)
	tags, tagsChanged := s.stringMap(old.Tags, protocol.MaxTagChars)
	data, dataChanged, _ := s.walk(old.Data, maxSpanDataBytes, maxSpanDataDepth)
	start, end := interval(old.StartTime, old.EndTime, now)
	status := old.Status
	if status == sentry.SpanStatusUnknown { // see trace
		status = sentry.SpanStatusUndefined
	}
	if !tagsChanged && !dataChanged && status == old.Status && name == old.Name && op == old.Op &&
		description == old.Description && start.Equal(old.StartTime) && end.Equal(old.EndTime) {
		return old
	}
	return &sentry.Span{
		TraceID: old.TraceID, SpanID: old.SpanID, ParentSpanID: old.ParentSpanID,
		Name: name, Op: op, Description: description, Status: status, Tags: tags, StartTime: start, EndTime: end,
		Data: data, Sampled: old.Sampled, Source: old.Source, Origin: old.Origin,
	}
}

// contexts scrubs the contexts, but for those of clean, and returns the bytes of those that hold the host program's
// data.
func (s *Scrubber) contexts(e *sentry.Event, clean map[string]sentry.Context) (bytes int) {
	out, changed := e.Contexts, false
	for name, c := range e.Contexts {
		if known := clean[name]; known != nil && reflect.ValueOf(known).Pointer() == reflect.ValueOf(c).Pointer() {
			continue
		}
		text, secret := s.known(name)
		if protocol.ReservedContext(name) {
			text, secret = name, false
		}
		var n sentry.Context
		var differs bool
		switch {
		case c == nil:
		case secret:
			n, differs = sentry.Context{"value": Filtered}, true
		case name == "trace":
			n, differs = s.trace(c)
		default:
			var size int
			room := protocol.MaxContextBytes - len(name) - 16
			if name == "os" || name == "runtime" || name == "browser" {
				room /= 2 // Relay adds a key of name and version together
			}
			n, differs, size = s.walk(c, room, protocol.MaxContextDepth)
			if isData(name) {
				bytes += size
			}
		}
		if len(text) > protocol.MaxContextName {
			text = text[:runeStart(text, protocol.MaxContextName)]
		}
		if !differs && text == name && c != nil {
			continue
		}
		if !changed {
			out, changed = maps.Clone(e.Contexts), true
		}
		if c == nil {
			delete(out, name)
			continue
		}
		out[freeKey(out, name, text)] = n
	}
	e.Contexts = out
	return bytes
}

// isData reports whether a context holds data of the host program: those of the system don't grow.
func isData(name string) bool {
	return name == "task" || name == "error" || !protocol.ReservedContext(name)
}

// trace scrubs the context trace, whose IDs are of sentry-go's own types.
func (s *Scrubber) trace(c sentry.Context) (sentry.Context, bool) {
	w := walker{s: s}
	out, changed := w.mapping(c, 1)
	if w.tooLarge() {
		w = walker{s: s}
		out, _ = w.mapping(safe.Map(c, protocol.MaxContextBytes), 1)
		changed = true
	}
	for _, text := range [...]struct {
		key   string
		limit int
	}{{"op", protocol.MaxCategoryChars}, {"description", maxLineChars}} {
		if t, ok := out[text.key].(string); ok && len(t) > text.limit {
			if !changed {
				out, changed = maps.Clone(c), true
			}
			out[text.key] = cutRunes(t, text.limit)
		}
	}
	// Relay takes a transaction without a status for one of an unknown one; sentry-cli has another word for that.
	if status := out["status"]; status == sentry.SpanStatusUnknown {
		if !changed {
			out, changed = maps.Clone(c), true
		}
		delete(out, "status")
	}
	if data, ok := out["data"].(map[string]any); ok && w.bytes*maxEscape > protocol.MaxContextBytes {
		if !changed {
			out, changed = maps.Clone(c), true
		}
		delete(out, "data")
		room := protocol.MaxContextBytes - safe.Size(out) - len(`,"data":`)
		out["data"] = s.fit(data, max(room, minShareBytes), protocol.MaxContextDepth-1)
	}
	return out, changed
}

func (s *Scrubber) breadcrumbs(e *sentry.Event) (bytes int) {
	out, changed := e.Breadcrumbs, false
	for i, old := range e.Breadcrumbs {
		n, size := s.breadcrumb(old)
		bytes += size
		if n == old && old != nil {
			continue
		}
		if !changed {
			out, changed = slices.Clone(e.Breadcrumbs), true
		}
		out[i] = n
	}
	if changed {
		e.Breadcrumbs = slices.DeleteFunc(out, func(b *sentry.Breadcrumb) bool { return b == nil })
	}
	return bytes
}

// breadcrumb returns old, which belongs to a scope, or what it becomes.
func (s *Scrubber) breadcrumb(old *sentry.Breadcrumb) (*sentry.Breadcrumb, int) {
	if old == nil {
		return nil, 0
	}
	message := s.text(old.Message, protocol.MaxMessageChars)
	category := cutRunes(s.short(old.Category), protocol.MaxCategoryChars)
	kind := cutRunes(s.short(old.Type), protocol.MaxCategoryChars)
	severity, at := level(old.Level, sentry.LevelInfo), encodable(old.Timestamp)
	data, changed, bytes := old.Data, false, 0
	if data != nil {
		data, changed, bytes = s.walk(data, protocol.MaxCrumbBytes, protocol.MaxCrumbDepth)
	}
	if !changed && message == old.Message && category == old.Category && kind == old.Type &&
		severity == old.Level && at.Equal(old.Timestamp) {
		return old, bytes
	}
	b := *old
	b.Message, b.Category, b.Type, b.Level, b.Timestamp, b.Data = message, category, kind, severity, at, data
	return &b, bytes
}
