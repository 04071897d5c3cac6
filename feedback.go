package sentryconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// Feedback is what a person says of the program, or of one of its errors.
type Feedback struct {
	EventID sentry.EventID // of the event that it is about; "" for none
	Message string         // at most 4,096 characters; a longer one is cut and says so
	Name    string         // of the person; sent with SendPII alone
	Email   string         // to answer to; sent with SendPII alone
	URL     string         // of the page, or the place in the program, where it was given

	// Attachments are files to go with it, such as a screenshot. What is no text is sent as it is.
	Attachments []*sentry.Attachment
}

// maxFeedbackChars is the length of a feedback's message: Sentry drops one that is longer.
const maxFeedbackChars = 4096

// CaptureFeedback sends f to Sentry's User Feedback page, through the outbox, so that it may be given offline. The
// message is scrubbed as every text is. With a task in ctx the feedback has the task's tags and trace. f and its
// attachments are copied; they must not be written to during the call.
//
// It returns the feedback's own ID once the outbox holds it, and "" when the message is empty, reporting is off or a
// hook dropped it. ClientOptions.BeforeSend sees it as an event of the type "feedback"; MaxPerMinute doesn't count
// it.
func (c *Client) CaptureFeedback(ctx context.Context, f Feedback) sentry.EventID {
	if !c.reporting() {
		return ""
	}
	p := c.policy.Load()
	said := sentry.Context{}
	add := func(name, text string) {
		if text = strings.TrimSpace(strings.ToValidUTF8(text, "�")); text != "" {
			said[name] = text
		}
	}
	add("message", cutChars(p.scrubber.Text(strings.TrimSpace(f.Message)), maxFeedbackChars))
	if said["message"] == nil {
		return ""
	}
	add("url", f.URL)
	add("associated_event_id", string(envelope.PlainID(f.EventID)))
	if p.pii {
		add("name", f.Name)
		add("contact_email", f.Email)
	}
	e := &sentry.Event{
		Type:        protocol.Feedback.Type,
		Level:       sentry.LevelInfo,
		Tags:        make(map[string]string, 4),
		Contexts:    map[string]sentry.Context{envelope.FeedbackContext: said},
		Attachments: slices.Clone(f.Attachments),
	}
	t := c.taskOf(ctx)
	if t != nil {
		e.Tags["task_type"], e.Transaction = t.taskType, "task."+t.taskType
	}
	return c.send(ctx, t, e, nil, nil)
}

// cutChars cuts s to at most limit characters and says so.
func cutChars(s string, limit int) string {
	n := utf8.RuneCountInString(s)
	if n <= limit {
		return s
	}
	remark := fmt.Sprintf("… (%d characters cut)", n-limit)
	keep := limit - utf8.RuneCountInString(remark) - 1 // the number may get a digit longer
	remark = fmt.Sprintf("… (%d characters cut)", n-keep)
	for i := range s {
		if keep == 0 {
			return s[:i] + remark
		}
		keep--
	}
	return s
}
