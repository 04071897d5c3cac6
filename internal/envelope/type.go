package envelope

import "github.com/getsentry/sentry-go"

// A Type is what an item of an envelope holds.
type Type string

const (
	Event       Type = "event"
	Transaction Type = "transaction"
	CheckIn     Type = "check_in"
	Log         Type = "log"
	Metric      Type = "trace_metric"
	Feedback    Type = "feedback"
)

// FeedbackContext is the context that holds what a feedback says.
const FeedbackContext = "feedback"

// TypeOf goes by the event's type: whatever else a hook has made of that is an event, as in sentry-go.
func TypeOf(e *sentry.Event) Type {
	switch t := Type(e.Type); {
	case t == Transaction, t == CheckIn, t == Log && len(e.Logs) > 0, t == Metric && len(e.Metrics) > 0,
		t == Feedback && e.Contexts[FeedbackContext] != nil:
		return t
	}
	return Event
}
