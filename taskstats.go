package sentryconfig

import (
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/tally"
)

// TaskStats counts the runs of the tasks of one type since a Client was made, those of tasks within tasks too. A
// failure is a run that ended with another status than ok and cancelled: an error that Options.Expected accepts is
// none.
type TaskStats struct {
	Runs, Failures uint64    // that have ended
	Running        uint64    // now
	LastSuccess    time.Time `json:",omitzero"` // when the last run ended with the status ok, other than postponed
	LastFailure    time.Time `json:",omitzero"` // when the last one failed
}

func isFailure(status sentry.SpanStatus) bool {
	return status != sentry.SpanStatusOK && status != sentry.SpanStatusCanceled
}

// isSuccess is asked with what an engine made of the run: outcome.
func isSuccess(status sentry.SpanStatus, outcome string) bool {
	return status == sentry.SpanStatusOK && outcome != OutcomePostponed.String()
}

// watchRate counts a run that ended for the alerts, and reports what has changed by it.
func (c *Client) watchRate(taskType string, kind *tally.Type, status sentry.SpanStatus) {
	alerts := c.policy.Load().alerts
	if len(alerts) == 0 {
		return
	}
	for _, change := range kind.Watch(alerts, c.clock.Now(), isFailure(status)) {
		c.reportRate(taskType, change)
	}
}

// taskStats returns what has been counted.
func (c *Client) taskStats() map[string]TaskStats {
	all := make(map[string]TaskStats)
	for name, s := range c.types.All() {
		all[name] = TaskStats(s)
	}
	return all
}
