// Package work describes a task to Sentry: its type, its data and what comes with an event as extra, the job that it is
// an attempt at, and the monitor that gets its check-ins.
package work

import (
	"strings"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// MaxTypeName limits a task type, in bytes: it is part of a tag, which Sentry limits to 200 characters.
const MaxTypeName = 190

// TypeName makes a task type fit for a tag and a transaction name. The empty type becomes "unknown".
func TypeName(taskType string) string {
	if strings.ContainsAny(taskType, "\r\n\t") || !utf8.ValidString(taskType) {
		taskType = strings.Join(strings.Fields(strings.ToValidUTF8(taskType, "�")), " ")
	}
	if taskType = strings.TrimSpace(taskType); taskType == "" {
		return "unknown"
	}
	return safe.CutText(taskType, MaxTypeName)
}
