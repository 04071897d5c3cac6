package scrub

import (
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// isPersonalAttribute reports whether an attribute of sentry-go's own names the machine or its user.
func isPersonalAttribute(key string) bool {
	switch key {
	case "server.address", "host.name", "user.name", "user.email":
		return true
	}
	return false
}

// Log removes from l what must not leave. See https://develop.sentry.dev/sdk/telemetry/logs/ for its attributes.
func (s *Scrubber) Log(l *sentry.Log) {
	l.Body = s.Text(l.Body)
	l.Attributes = s.attributes(l.Attributes)
}

// Metric removes from m what must not leave.
func (s *Scrubber) Metric(m *sentry.Metric) { m.Attributes = s.attributes(m.Attributes) }

func (s *Scrubber) attributes(attrs map[string]attribute.Value) map[string]attribute.Value {
	owned := false
	for key, value := range attrs {
		if value.Type() != attribute.STRING {
			if value.Type() == attribute.INVALID || !s.SecretName(key) {
				continue
			}
		}
		text := value.AsString()
		clean := s.Text(text)
		personal := s.personal != nil && isPersonalAttribute(key)
		if s.SecretName(key) {
			clean = Filtered
		}
		if clean == text && !personal && value.Type() == attribute.STRING {
			continue
		}
		if !owned {
			attrs, owned = maps.Clone(attrs), true
		}
		if personal {
			delete(attrs, key)
			continue
		}
		attrs[key] = attribute.StringValue(clean)
	}
	return attrs
}

// Shrink cuts e until its JSON takes at most maxBytes: first the oldest breadcrumbs, then what the host added, then texts.
// What was cut is said in the context "cut".
func (s *Scrubber) Shrink(e *sentry.Event, maxBytes int) {
	const fixed = 16 << 10 // what is never cut: IDs, tags, the smallest contexts
	size := func() (n int) {
		n = fixed + len(e.Message)
		for _, c := range e.Contexts {
			n += safe.Size(c)
		}
		for _, b := range e.Breadcrumbs {
			n += len(b.Message) + safe.Size(b.Data) + 128
		}
		for _, x := range e.Exception {
			n += len(x.Value) + 256
			if x.Stacktrace != nil {
				n += 320 * len(x.Stacktrace.Frames)
			}
		}
		for _, t := range e.Threads {
			if t.Stacktrace != nil {
				n += 320 * len(t.Stacktrace.Frames)
			}
		}
		for _, span := range e.Spans {
			n += 512 + len(span.Description) + safe.Size(span.Data)
		}
		return n
	}
	cut := func(what string) {
		if e.Contexts == nil {
			e.Contexts = make(map[string]sentry.Context)
		}
		if e.Contexts["cut"] == nil {
			e.Contexts["cut"] = sentry.Context{"reason": "the event was larger than Sentry takes"}
		}
		e.Contexts["cut"][what] = true
	}
	for len(e.Breadcrumbs) > 0 && size() > maxBytes {
		e.Breadcrumbs = e.Breadcrumbs[(len(e.Breadcrumbs)+1)/2:]
		cut("breadcrumbs")
	}
	if size() > maxBytes {
		for i := range e.Threads {
			e.Threads[i].Stacktrace = nil
		}
		cut("threads")
	}
	for len(e.Spans) > 1 && size() > maxBytes {
		e.Spans = e.Spans[:len(e.Spans)/2]
		cut("spans")
	}
	for size() > maxBytes {
		largest := ""
		for name, c := range e.Contexts {
			if name != "trace" && name != "cut" && name != "task" && (largest == "" || safe.Size(c) > safe.Size(e.Contexts[largest])) {
				largest = name
			}
		}
		if largest == "" {
			break
		}
		delete(e.Contexts, largest)
		cut("context " + largest)
	}
	for i := 0; i < len(e.Exception) && size() > maxBytes; i++ {
		e.Exception[i].Value = cutRunes(e.Exception[i].Value, 512)
		if st := e.Exception[i].Stacktrace; st != nil && len(st.Frames) > 20 {
			e.Exception[i].Stacktrace = &sentry.Stacktrace{Frames: st.Frames[len(st.Frames)-20:]}
		}
		cut("exceptions")
	}
	if !utf8.ValidString(e.Message) || size() > maxBytes {
		e.Message = cutRunes(strings.ToValidUTF8(e.Message, "�"), 1024)
	}
}
