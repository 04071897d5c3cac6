package sentryconfig

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
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

// maxTaskTypes is how many task types are counted. A type is meant to be a constant of the program: who puts a number
// into it must not pay for that with memory.
const maxTaskTypes = 1000

// taskTypes are the types of the tasks that have run.
type taskTypes struct {
	known sync.Map     // string -> *taskType
	count atomic.Int64 // of what is in known, or about to be
}

// A taskType counts the tasks of a type. A nil one, for a type too many, takes every call and does nothing.
type taskType struct {
	name                     string
	runs, failures, running  atomic.Int64
	lastSuccess, lastFailure atomic.Int64 // nanoseconds since 1970; 0: never
	rates                    rates
}

// begin counts a task that begins.
func (l *taskTypes) begin(name string) *taskType {
	found, ok := l.known.Load(name)
	if !ok {
		if l.count.Add(1) > maxTaskTypes {
			l.count.Add(-1)
			return nil
		}
		var other bool
		if found, other = l.known.LoadOrStore(name, &taskType{name: name}); other {
			l.count.Add(-1)
		}
	}
	t := found.(*taskType)
	t.running.Add(1)
	return t
}

// drop takes back a task that began: it was switched off half-way.
func (t *taskType) drop() {
	if t != nil {
		t.running.Add(-1)
	}
}

// end counts a task that ended; outcome is what an engine made of it.
func (t *taskType) end(status sentry.SpanStatus, outcome string) {
	if t == nil {
		return
	}
	t.running.Add(-1)
	t.runs.Add(1) // first, so that a reader of failures and then runs never finds more failures
	switch {
	case isFailure(status):
		t.failures.Add(1)
		t.lastFailure.Store(time.Now().UnixNano())
	case status == sentry.SpanStatusOK && outcome != OutcomePostponed.String():
		t.lastSuccess.Store(time.Now().UnixNano())
	}
}

func isFailure(status sentry.SpanStatus) bool {
	return status != sentry.SpanStatusOK && status != sentry.SpanStatusCanceled
}

// watchRate counts a run that ended for the alerts, and reports what has changed by it.
func (c *Client) watchRate(t *taskType, status sentry.SpanStatus) {
	alerts := c.policy.Load().alerts
	if t == nil || len(alerts) == 0 {
		return
	}
	for _, change := range t.rates.count(t.name, alerts, c.clock.Now(), isFailure(status)) {
		c.reportRate(t.name, change)
	}
}

// stats returns what has been counted.
func (l *taskTypes) stats() map[string]TaskStats {
	all := make(map[string]TaskStats)
	for name, found := range l.known.Range {
		t := found.(*taskType)
		all[name.(string)] = TaskStats{
			Failures: uint64(t.failures.Load()),
			Runs:     uint64(t.runs.Load()),
			Running:  uint64(max(t.running.Load(), 0)),

			LastSuccess: timeOf(t.lastSuccess.Load()),
			LastFailure: timeOf(t.lastFailure.Load()),
		}
	}
	return all
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
