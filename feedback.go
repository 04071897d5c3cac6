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

// Feedback is a person's message about the program, or about one of its events.
type Feedback struct {
	EventID sentry.EventID // the event that it is about; "" for none
	Message string         // at most 4,096 characters; a longer one is cut, with a remark
	Name    string         // the person's name; sent only with SendPII
	Email   string         // an address for the reply; sent only with SendPII
	URL     string         // the page, or the place in the program, that it is about

	// Attachments are files to send with it, such as a screenshot. Text is scrubbed; other content is sent unchanged.
	Attachments []*sentry.Attachment
}

// maxFeedbackChars limits the message: Sentry drops a longer one.
const maxFeedbackChars = 4096

// CaptureFeedback sends f to Sentry's User Feedback page. It goes through the outbox, so it also works offline. The
// message is scrubbed like any other text. With a task in ctx, the feedback has that task's tags and trace. f and its
// attachments are copied; don't write to them during the call.
//
// It returns the feedback's own ID once the outbox holds it. It returns "" when the message is empty, reporting is off,
// or a hook dropped it. ClientOptions.BeforeSend gets it as an event of the type "feedback". MaxPerMinute doesn't count
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

// cutChars cuts s to at most limit characters, which include a remark about the cut.
func cutChars(s string, limit int) string {
	n := utf8.RuneCountInString(s)
	if n <= limit {
		return s
	}
	remark := fmt.Sprintf("… (%d characters cut)", n-limit)
	keep := limit - utf8.RuneCountInString(remark) - 1 // the number may grow by a digit
	remark = fmt.Sprintf("… (%d characters cut)", n-keep)
	for i := range s {
		if keep == 0 {
			return s[:i] + remark
		}
		keep--
	}
	return s
}
