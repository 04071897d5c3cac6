package work

import (
	"fmt"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// Data returns a copy of a task's data, or of one value beside it, that is safe to encode. Sentry keeps no larger
// context.
func Data(value any) any { return safe.Value(value, protocol.MaxContextBytes) }

// maxExtraBytes limits extra as a whole, in bytes of JSON.
const maxExtraBytes = 128 << 10

// AddExtra gives e a context for each key of extra.
func AddExtra(e *sentry.Event, extra map[string]any) {
	room := maxExtraBytes
	for key, value := range extra {
		if room <= 0 {
			e.Contexts["extra"] = sentry.Context{"value": fmt.Sprintf("… %d keys in all, cut", len(extra))}
			break
		}
		name, kept := extraContext(key, value)
		free := name
		for n := 2; e.Contexts[free] != nil; n++ { // two long names may be cut to the same text
			free = fmt.Sprintf("%s (%d)", name, n)
		}
		e.Contexts[free] = kept
		room -= safe.Size(kept)
	}
}

// maxContextName limits a context's name, in bytes: Sentry takes 180, which include the remark about the cut.
const maxContextName = 140

// extraContext returns name and content of the context for one key of extra. The key type is reserved inside a context:
// Sentry would parse a context with the type "os" as an operating system. A context gets no such name either.
func extraContext(key string, value any) (string, sentry.Context) {
	name := strings.TrimSpace(safe.CutText(key, maxContextName))
	switch {
	case name == "":
		name = "extra_"
	case name == "type":
		name = "type_"
	case protocol.ReservedContext(name):
		name = "extra_" + name
	}
	kept := Data(value)
	m, ok := kept.(map[string]any)
	if !ok {
		m = map[string]any{"value": kept}
	}
	if kind, ok := m["type"]; ok {
		delete(m, "type")
		free := "type_"
		for m[free] != nil {
			free += "_"
		}
		m[free] = kind
	}
	return name, m
}
