package sentryview

import (
	"io"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// All that the page asks of an outbox's files: to look at them, never more.
type (
	outboxProject = disk.Project
	outboxWaiting = disk.Waiting
	outboxLeft    = disk.Left
	outboxProcess = disk.Process
)

const categoryTransaction = protocol.CategoryTransaction

func lookAtOutbox(dir string) ([]outboxProject, error) { return disk.Look(dir) }

func exportOutbox(dir string, w io.Writer) error { return disk.Export(dir, w) }

// crashReason is what the runtime said of a crash, and what kind of end it was.
func crashReason(output []byte) (kind, reason string) {
	c := crash.Parse(output)
	if c.Reason == "" {
		c.Reason = c.Header
	}
	return c.Type, c.Reason
}
