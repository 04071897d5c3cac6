package postmortem

import (
	"encoding/hex"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// Scope returns a scope that has nothing of this process, and the trace of t if that is known. The scope's trace
// determines both the event's context and its envelope's header.
func Scope(client *sentry.Client, p outbox.Process, t *Task) (scope *sentry.Scope, inTask bool) {
	trace := sentry.NewPropagationContext()
	if t != nil {
		traceID, err := hex.DecodeString(t.TraceID)
		spanID, err2 := hex.DecodeString(t.SpanID)
		inTask = err == nil && err2 == nil && len(traceID) == len(trace.TraceID) && len(spanID) == len(trace.SpanID)
		if inTask {
			copy(trace.TraceID[:], traceID)
			copy(trace.SpanID[:], spanID)
		}
	}
	scope = sentry.NewScope()
	scope.SetPropagationContext(trace)
	header := sentry.DynamicSamplingContextFromScope(scope, client) // the scope isn't shared yet
	delete(header.Entries, "sample_rate")                           // that of this process
	delete(header.Entries, "release")
	if p.Release != "" {
		header.Entries["release"] = p.Release
	}
	if p.Environment != "" {
		header.Entries["environment"] = p.Environment
	}
	trace.DynamicSamplingContext = header
	scope.SetPropagationContext(trace)
	return scope, inTask
}
