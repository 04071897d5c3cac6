package envelope

import (
	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// FeedbackContext is the context that holds what a feedback says.
const FeedbackContext = "feedback"

// ItemOf returns the kind of item that e becomes. It goes by the event's type: whatever else a hook has made of that is
// an event, as in sentry-go.
func ItemOf(e *sentry.Event) *protocol.Item {
	switch t := e.Type; {
	case t == protocol.Transaction.Type:
		return protocol.Transaction
	case t == protocol.CheckIn.Type:
		return protocol.CheckIn
	case t == protocol.Log.Type && len(e.Logs) > 0:
		return protocol.Log
	case t == protocol.Metric.Type && len(e.Metrics) > 0:
		return protocol.Metric
	case t == protocol.Feedback.Type && e.Contexts[FeedbackContext] != nil:
		return protocol.Feedback
	}
	return protocol.Event
}

// Count returns how many things e's item holds.
func Count(e *sentry.Event) int {
	switch ItemOf(e) {
	case protocol.Log:
		return len(e.Logs)
	case protocol.Metric:
		return len(e.Metrics)
	}
	return 1
}
