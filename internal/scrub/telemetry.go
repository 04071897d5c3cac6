package scrub

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/getsentry/sentry-go/attribute"
)

// isPersonalAttribute reports whether an attribute of sentry-go's own names the machine or its user.
func isPersonalAttribute(key string) bool {
	switch key {
	case "server.address", "sentry.server.address", "host.name", "user.name", "user.email":
		return true
	}
	return false
}

// messageParameter begins the names of the attributes that hold what was formatted into a log's body.
const messageParameter = "sentry.message.parameter"

// Log removes from l what must not leave. See https://develop.sentry.dev/sdk/telemetry/logs/ for its attributes.
func (s *Scrubber) Log(l *sentry.Log) {
	body := s.Text(l.Body)
	changed := body != l.Body
	l.Body = body
	l.Attributes = s.attributes(l.Attributes)
	if !changed {
		return
	}
	attrs, owned := l.Attributes, false
	for key, value := range l.Attributes {
		if !strings.HasPrefix(key, messageParameter) || value.Type() == attribute.INVALID {
			continue
		}
		// What the body shows to be a secret by the name before it, doesn't look like one by itself.
		if !strings.Contains(body, value.String()) {
			if !owned {
				attrs, owned = maps.Clone(attrs), true
			}
			attrs[key] = attribute.StringValue(Filtered)
		}
	}
	l.Attributes = attrs
}

// Metric removes from m what must not leave.
func (s *Scrubber) Metric(m *sentry.Metric) {
	m.Name, m.Unit = s.short(m.Name), s.short(m.Unit)
	m.Attributes = s.attributes(m.Attributes)
}

// attributes returns attrs, or a copy, without what must not leave.
func (s *Scrubber) attributes(attrs map[string]attribute.Value) map[string]attribute.Value {
	out, owned := attrs, false
	for key, value := range attrs {
		clean, keep, changed := s.attribute(key, value)
		name := key
		if !strings.HasPrefix(key, "sentry.") && !protocol.ReservedKey(key) {
			name, _ = s.known(key)
		}
		if !changed && keep && name == key {
			continue
		}
		if !owned {
			out, owned = maps.Clone(attrs), true
		}
		if !keep {
			delete(out, key)
			continue
		}
		out[freeKey(out, key, name)] = clean
	}
	return out
}

// attribute returns what becomes of one attribute, whether it is kept at all, and whether it is another than before.
func (s *Scrubber) attribute(key string, value attribute.Value) (clean attribute.Value, keep, changed bool) {
	if s.Personal() && isPersonalAttribute(key) {
		return value, false, true
	}
	if s.SecretName(key) {
		if value.Type() == attribute.INVALID ||
			value.Type() == attribute.STRING && (value.AsString() == "" || value.AsString() == Filtered) {
			return value, true, false
		}
		return attribute.StringValue(Filtered), true, true
	}
	switch value.Type() {
	case attribute.STRING:
		text := value.AsString()
		t := s.Text(text)
		if key == "sentry.release" || key == "sentry.environment" {
			t = s.identifier(text)
		}
		if t != text {
			return attribute.StringValue(t), true, true
		}
	case attribute.FLOAT64: // JSON has no NaN: one would cost all that is sent with it
		if f := value.AsFloat64(); !finite(f) {
			return attribute.StringValue(fmt.Sprint(f)), true, true
		}
	case attribute.FLOAT64SLICE:
		if list := value.AsFloat64Slice(); !finite(list...) {
			texts := make([]string, len(list))
			for i, f := range list {
				texts[i] = fmt.Sprint(f)
			}
			return attribute.StringSliceValue(texts), true, true
		}
	case attribute.STRINGSLICE:
		w := walker{s: s}
		if list, changed := w.stringList(value.AsStringSlice(), false); changed {
			return attribute.StringSliceValue(list.([]string)), true, true
		}
	}
	return value, true, false
}

func finite(list ...float64) bool {
	return !slices.ContainsFunc(list, func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) })
}

// TraceHeader removes what must not leave from the header of an envelope that tells the servers on the way about the
// trace.
func (s *Scrubber) TraceHeader(entries map[string]string) {
	for key, value := range entries {
		switch key {
		case "trace_id", "public_key", "org_id", "sample_rate", "sample_rand", "sampled":
		case "release":
			entries[key] = s.release(value) // as in the event; and so the others
		case "environment":
			entries[key] = s.environment(value)
		case "transaction":
			entries[key] = s.text(value, protocol.MaxTransactionChars)
		default:
			entries[key] = s.Text(value)
		}
	}
}
