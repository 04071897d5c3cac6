package sentryconfig

import (
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/tally"
)

// TaskStats counts the runs of one task type since a Client was made, including those inside other tasks. A run fails
// if it ends with a status other than ok or cancelled. So an error that Options.Expected accepts is no failure.
type TaskStats struct {
	Runs, Failures uint64    // ended runs, and the failed ones of them
	Running        uint64    // runs in progress
	LastSuccess    time.Time `json:",omitzero"` // end of the last run with the status ok, postponed runs excluded
	LastFailure    time.Time `json:",omitzero"` // end of the last failed run
}

func isFailure(status sentry.SpanStatus) bool {
	return status != sentry.SpanStatusOK && status != sentry.SpanStatusCanceled
}

// isSuccess also considers outcome, which says what an engine made of the run.
func isSuccess(status sentry.SpanStatus, outcome string) bool {
	return status == sentry.SpanStatusOK && outcome != OutcomePostponed.String()
}

// watchRate counts a finished run for the alerts, and reports each alert that it raises or ends.
func (c *Client) watchRate(taskType string, kind *tally.Type, status sentry.SpanStatus) {
	alerts := c.policy.Load().alerts
	if len(alerts) == 0 {
		return
	}
	for _, change := range kind.Watch(alerts, c.clock.Now(), isFailure(status)) {
		c.reportRate(taskType, change)
	}
}

func (c *Client) taskStats() map[string]TaskStats {
	all := make(map[string]TaskStats)
	for name, s := range c.types.All() {
		all[name] = TaskStats(s)
	}
	return all
}
