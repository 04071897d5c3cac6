package envelope

import (
	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// FeedbackContext is the name of the context that holds a user's feedback.
const FeedbackContext = "feedback"

// ItemOf returns the kind of envelope item for e, by its type. As in sentry-go, an unknown type, which a hook may have
// set, counts as an event.
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

// Count returns how many entries e's item holds: the logs or metrics of a batch, otherwise 1.
func Count(e *sentry.Event) int {
	switch ItemOf(e) {
	case protocol.Log:
		return len(e.Logs)
	case protocol.Metric:
		return len(e.Metrics)
	}
	return 1
}
