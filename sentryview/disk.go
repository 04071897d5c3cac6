package sentryview

import (
	"io"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// All that the page asks of an outbox's files: to look at them, never more.
type (
	outboxProject = outbox.Project
	outboxWaiting = outbox.Waiting
	outboxLeft    = outbox.Left
)

const categoryTransaction = outbox.CategoryTransaction

func lookAtOutbox(dir string) ([]outboxProject, error) { return outbox.Look(dir) }

func exportOutbox(dir string, w io.Writer) error { return outbox.Export(dir, w) }

// crashReason is what the runtime said of a crash, and what kind of end it was.
func crashReason(output []byte) (kind, reason string) {
	c := outbox.ParseCrash(output)
	if c.Reason == "" {
		c.Reason = c.Header
	}
	return c.Type, c.Reason
}
