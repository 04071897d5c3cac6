package sentryconfig

import (
	"context"
	"maps"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/work"
)

// CaptureInterrupted reports that an attempt at task never came back. It is for engines that find this out afterwards,
// in another process than the one that ran the attempt. The event has the form that the outbox of that process would
// report. If task.Job names the job and the attempt, it also has the same ID, so both may report and Sentry keeps one.
// Its level is warning while attempts are left, else fatal. It continues the enqueuer's trace and contains nothing
// about the reporting process.
//
// It returns the event's ID as [Client.CaptureTaskException] does.
func (c *Client) CaptureInterrupted(ctx context.Context, task Task) sentry.EventID {
	if !c.reporting() {
		return ""
	}
	task.Monitor = nil // a check-in is its own process's to make
	t := c.newTask(task, engine.From(ctx))
	shown := sentry.Context{}
	t.describe(shown)
	e := postmortem.Interrupted(t.taskType, shown, sentry.Context{"reported_by": "task engine"})
	maps.Copy(e.Tags, t.noted)
	var trace postmortem.Task
	if job := t.job(); job != nil {
		facts := t.attempt.facts()
		e.EventID = sentry.EventID(facts.InterruptedID())
		postmortem.SetLevel(e, facts)
		if parent, ok := sentry.ParseTraceParentContext([]byte(job.Trace)); ok {
			trace.TraceID, trace.SpanID = parent.TraceID.String(), parent.ParentSpanID.String()
		}
	}
	maps.Copy(e.Tags, c.tags)
	e.Timestamp, e.Environment = time.Now(), c.environment
	scope, inTask := postmortem.Scope(c.client, outbox.Process{Environment: c.environment}, &trace)
	details := &captureDetails{fingerprint: postmortem.Fingerprint(t.taskType),
		dead: &deadDetails{tags: maps.Clone(e.Tags), inTask: inTask, op: work.OpProcess, elsewhere: true}}
	return c.storedID(c.captureDead(e, scope, details), details)
}

// CaptureInterrupted reports that an attempt at a task never came back; see [Client.CaptureInterrupted].
func CaptureInterrupted(ctx context.Context, task Task) sentry.EventID {
	if !busy() {
		return ""
	}
	return clientOf(ctx).CaptureInterrupted(ctx, task)
}
