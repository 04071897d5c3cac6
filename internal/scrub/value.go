package scrub

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
	"github.com/autoservice/sentryconfig/internal/scrub/find"
)

// Value returns v without what is secret or personal in it: v itself when there is nothing, otherwise a copy of what
// changes and of what holds it; v is never written to. What isn't of the kinds that safe.Value makes, goes through
// safe.Value first; what is much too large to be sent is cut by it.
func (s *Scrubber) Value(v any) any {
	w := walker{s: s}
	out, _ := w.value(v, 0, false)
	if w.tooLarge() {
		w = walker{s: s}
		out, _ = w.value(safe.Value(v, maxForeignBytes), 0, false)
	}
	return out
}

const (
	// maxForeignBytes is the room for a value that the host program put into an event past this package.
	maxForeignBytes = 16 << 10
	// maxLevels is how deep a walk goes: a map of the host's may hold itself.
	maxLevels = 32
	// maxWalkBytes and maxWalkValues end a walk through what is much too large to be sent.
	maxWalkBytes  = 1 << 20
	maxWalkValues = 1 << 15
)

// A walker goes through one value, reading only, and copies what changes.
type walker struct {
	s      *Scrubber
	bytes  int // of JSON without escapes, about
	values int
	levels int // the deepest seen
}

// grown counts what a replacement is longer than the text in whose place it stands.
func (w *walker) grown(text, replacement string) { w.bytes += max(0, len(replacement)-len(text)) }

// tooLarge reports whether the walk should be ended and the value be cut first.
func (w *walker) tooLarge() bool { return w.bytes > maxWalkBytes || w.values > maxWalkValues }

// walk scrubs m for a place that takes at most maxBytes of JSON and maxDepth levels. It returns the bytes that it
// takes, or more.
func (s *Scrubber) walk(m map[string]any, maxBytes, maxDepth int) (out map[string]any, changed bool, bytes int) {
	w := walker{s: s}
	out, changed = w.mapping(m, 1)
	if w.tooLarge() {
		w = walker{s: s}
		out, _ = w.mapping(safe.Map(m, 2*maxBytes), 1)
		changed = true
	}
	bytes = w.bytes * maxEscape
	if bytes > maxBytes || w.levels >= maxDepth { // a walk doesn't count what it need not look at; Fit does
		fitted := s.fit(out, maxBytes, maxDepth)
		return fitted, true, safe.Size(fitted)
	}
	return out, changed, bytes
}

// fit is safe.Fit for a map that has been scrubbed. The beginning of a name too long to be one may be the name of a
// secret, so what was cut is scrubbed once more.
func (s *Scrubber) fit(m map[string]any, maxBytes, maxDepth int) map[string]any {
	fitted := safe.Fit(m, maxBytes, maxDepth)
	if reflect.ValueOf(fitted).Pointer() == reflect.ValueOf(m).Pointer() {
		return m
	}
	w := walker{s: s}
	again, changed := w.mapping(fitted, 1)
	if !changed {
		return fitted
	}
	return safe.Fit(again, maxBytes, maxDepth)
}

// maxEscape is what one byte of text takes in JSON at most: \u0000.
const maxEscape = 6

// value returns what v becomes at a level (the outermost is 0), and whether it is another value than v.
func (w *walker) value(v any, level int, inList bool) (any, bool) {
	if w.values++; w.tooLarge() {
		return nil, true
	}
	w.levels = max(w.levels, level)
	switch x := v.(type) {
	case nil:
		w.bytes += 4
		return v, false
	case bool:
		w.bytes += 5
		return v, false
	case string:
		if w.bytes += len(x) + 3; w.tooLarge() {
			return nil, true
		}
		if t := w.s.Text(x); t != x {
			w.grown(x, t)
			return t, true
		}
		return v, false
	case int64, uint64, int, uint, int32, uint32, int16, uint16, int8, uint8:
		w.bytes += 8
		return v, false
	case float64:
		if w.bytes += 12; math.Abs(x) > 1e50 || x != 0 && math.Abs(x) < 1e-50 {
			w.bytes += 48 // Relay counts the zeros, up to 327 characters
		}
		if math.IsNaN(x) || math.Abs(x) >= 1<<63 {
			return safe.Value(v, maxForeignBytes), true
		}
		return v, false
	case map[string]any:
		if level > maxLevels {
			return "[too deep]", true
		}
		return w.mapping(x, max(level, 1))
	case []any:
		if level > maxLevels {
			return "[too deep]", true
		}
		if out, changed := w.list(x, level, inList); changed {
			return out, true
		}
		return v, false // out is the same, but a new any of it costs an allocation
	case map[string]string:
		return w.strings(x)
	case []string:
		return w.stringList(x, inList)
	case sentry.TraceID, sentry.SpanID, sentry.SpanStatus:
		w.bytes += 36
		return v, false
	}
	out, _ := w.value(safe.Value(v, maxForeignBytes), level, inList)
	return out, true
}

// mapping returns what m becomes. The keys and values that stay are shared with m.
func (w *walker) mapping(m map[string]any, level int) (map[string]any, bool) {
	if m == nil {
		return m, false
	}
	w.levels = max(w.levels, level)
	pair := ""
	for _, key := range [...]string{"value", "Value", "VALUE"} {
		if _, ok := m[key]; ok && w.namesSecret(m) {
			pair = key
			break
		}
	}
	out := m
	changed := false
	for key, v := range m {
		w.bytes += len(key) + 4
		text, secret := w.s.known(key)
		w.grown(key, text)
		var nv any
		var differs bool
		if secret || key == pair && pair != "" {
			nv, differs = filter(v)
		} else {
			nv, differs = w.value(v, level+1, false)
		}
		if text != key && protocol.ReservedKey(key) {
			text = key
		}
		if !differs && text == key {
			continue
		}
		if !changed {
			out, changed = maps.Clone(m), true
		}
		out[freeKey(out, key, text)] = nv
		if w.tooLarge() {
			break
		}
	}
	return out, changed
}

// freeKey makes room in m for the entry of key under its new name, text. What it adds to a name that is taken may stand
// in a tag's.
func freeKey[V any](m map[string]V, key, text string) string {
	if text == key {
		return key
	}
	delete(m, key)
	name := func(n int) string {
		if n < 8 {
			return text + "________"[:n]
		}
		return text + "_" + strconv.Itoa(n)
	}
	taken := func(name string) bool { _, there := m[name]; return there }
	free := name(0)
	if taken(free) { // they were given from the first on: a few questions find the end of many
		free = name(sort.Search(len(m)+1, func(n int) bool { return !taken(name(n)) }))
	}
	for taken(free) {
		free += "_"
	}
	return free
}

// namesSecret recognises {"name": "password", "value": …}.
func (w *walker) namesSecret(m map[string]any) bool {
	for _, key := range [...]string{"name", "key", "Name", "Key", "NAME", "KEY", "field", "header", "variable"} {
		if name, ok := m[key].(string); ok && w.s.SecretName(name) {
			return true
		}
	}
	return false
}

// filter replaces what stands under a secret name. That there is nothing is no secret.
func filter(v any) (any, bool) {
	switch v {
	case nil, "", Filtered:
		return v, false
	}
	return Filtered, true
}

func (w *walker) list(l []any, level int, inList bool) ([]any, bool) {
	out, changed := l, false
	set := func(i int, v any) {
		if !changed {
			out, changed = slices.Clone(l), true
		}
		out[i] = v
	}
	hide := false
	var arguments find.Arguments
	for i, v := range l {
		text, isText := v.(string)
		switch {
		case hide || inList && i == 1 && len(l) == 2 && w.isSecretText(l[0]):
			hide = false
			if isText && strings.HasPrefix(text, "-") && i > 0 && !inList { // another flag
				break
			}
			if nv, differs := filter(v); differs {
				set(i, nv)
			}
			w.bytes += len(Filtered)
			continue
		}
		hide = isText && w.s.SecretFlag(text)
		nv, differs := w.value(v, level+1, true)
		if filtered, ok := w.s.Argument(&arguments, text); ok && nv != filtered {
			nv, differs = filtered, true
		}
		if differs {
			set(i, nv)
		}
		if w.tooLarge() {
			break
		}
	}
	return out, changed
}

func (w *walker) isSecretText(v any) bool {
	t, ok := v.(string)
	return ok && w.s.SecretName(t)
}

func (w *walker) stringList(l []string, inList bool) (any, bool) {
	out, changed, hide := l, false, false
	var arguments find.Arguments
	for i, t := range l {
		w.bytes += len(t) + 3
		var nv string
		if (hide && !strings.HasPrefix(t, "-") || inList && i == 1 && len(l) == 2 && w.s.SecretName(l[0])) && t != "" {
			nv, hide = Filtered, false
		} else {
			hide = w.s.SecretFlag(t)
			nv = w.s.Text(t)
			if filtered, ok := w.s.Argument(&arguments, t); ok {
				nv = filtered
			}
		}
		if nv != t {
			w.grown(t, nv)
			if !changed {
				out, changed = slices.Clone(l), true
			}
			out[i] = nv
		}
	}
	return out, changed
}

func (w *walker) strings(m map[string]string) (any, bool) {
	out, changed := w.s.stringMap(m, 0)
	before, after := stringBytes(m), stringBytes(out)
	w.bytes += max(before, after)
	return out, changed
}

func stringBytes(m map[string]string) (bytes int) {
	for k, v := range m {
		bytes += len(k) + len(v) + 6
	}
	return bytes
}

// stringMap returns what m becomes; values have at most maxChars characters unless that is 0.
func (s *Scrubber) stringMap(m map[string]string, maxChars int) (map[string]string, bool) {
	pair := false
	if _, ok := m["value"]; ok && (s.SecretName(m["name"]) || s.SecretName(m["key"])) {
		pair = true
	}
	out, changed := m, false
	for k, v := range m {
		text, secret := s.known(k)
		var nv string
		switch {
		case (secret || pair && k == "value") && v != "":
			nv = Filtered
		case maxChars > 0:
			nv = s.text(v, maxChars)
		default:
			nv = s.Text(v)
		}
		if nv == v && text == k {
			continue
		}
		if !changed {
			out, changed = maps.Clone(m), true
		}
		out[freeKey(out, k, text)] = nv
	}
	return out, changed
}
