package sentryconfig

import (
	"context"
	"sync"

	"github.com/getsentry/sentry-go"
)

// baggageMu guards the trace header of the host's spans: sentry-go builds it at its first use.
var baggageMu sync.Mutex

// TraceHeaders returns the headers sentry-trace and baggage, with which another process continues the trace of ctx. It
// is the trace of the sentry-go span in ctx, or else of the task. The headers contain nothing that an event wouldn't.
// Without a trace, and while reporting is off, it returns nil. [Job] has fields for the two headers.
func TraceHeaders(ctx context.Context) map[string]string {
	if ctx == nil {
		return nil
	}
	t, span := TaskSpanFromContext(ctx), sentry.SpanFromContext(ctx)
	root := (*TaskSpan)(nil)
	if t != nil {
		root = t.root()
		inside := span != nil && span.GetTransaction() == root.sentrySpan()
		// Otherwise the span belongs to a later transaction of the host's.
		if !inside && (span == nil || !root.finished.Load()) {
			span, inside = t.sentrySpan(), true
		}
		if !inside {
			root = nil
		}
	}
	if span == nil {
		return nil
	}
	headers := map[string]string{sentry.SentryTraceHeader: span.ToSentryTrace()}
	header, err := sentry.DynamicSamplingContextFromHeader([]byte(root.baggage(span)))
	if err != nil || !header.HasEntries() {
		return headers
	}
	if c := clientOf(ctx); c != nil {
		c.policy.Load().scrubber.TraceHeader(header.Entries)
	}
	if baggage := header.String(); baggage != "" {
		headers[sentry.SentryBaggageHeader] = baggage
	}
	return headers
}

// baggage returns the baggage header of span's trace. t is the task that owns span's transaction, nil if the host owns
// it. It asks the transaction, because a child span would overwrite the header of a continued trace.
func (t *TaskSpan) baggage(span *sentry.Span) string {
	transaction := span.GetTransaction()
	if transaction == nil {
		return ""
	}
	if t == nil {
		baggageMu.Lock()
		defer baggageMu.Unlock()
		return transaction.ToBaggage()
	}
	header := ""
	t.change(func(s *sentry.Span) { header = s.ToBaggage() })
	if header == "" { // the task has ended and handed its span to sentry-go
		header = sentry.DynamicSamplingContextFromTransaction(transaction).String()
	}
	return header
}
