// Package work has what Sentry is told of a task beside its events: what it is called, the job that it is an attempt at,
// and the monitor that it checks in at.
package work

import (
	"strings"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// MaxTypeName is the length of a task type, in bytes: it is part of a tag, which Sentry limits to 200 characters.
const MaxTypeName = 190

// TypeName makes a task type fit for a tag and a transaction name: that of the empty one is unknown.
func TypeName(taskType string) string {
	if strings.ContainsAny(taskType, "\r\n\t") || !utf8.ValidString(taskType) {
		taskType = strings.Join(strings.Fields(strings.ToValidUTF8(taskType, "�")), " ")
	}
	if taskType = strings.TrimSpace(taskType); taskType == "" {
		return "unknown"
	}
	return safe.CutText(taskType, MaxTypeName)
}
