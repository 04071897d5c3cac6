package sentryconfig

import (
	"context"
	"maps"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/safe"
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
	taskType := work.TypeName(task.Type)
	shown := sentry.Context{"task_type": taskType}
	if task.Job == nil && task.Total > 0 {
		shown["index"], shown["total"] = task.Index, task.Total
	}
	if task.Data != nil {
		shown["data"] = safe.Value(task.Data, maxTaskDataBytes)
	}
	e := postmortem.Interrupted(taskType, shown, sentry.Context{"reported_by": "task engine"})
	for key, value := range task.Tags {
		if key != "" {
			e.Tags[key] = value
		}
	}
	var trace postmortem.Task
	if job := task.Job; job != nil {
		lost := attempt{job: job}
		if a := engine.From(ctx); a != nil {
			lost.identity = a.Identity
		}
		facts := lost.facts()
		facts.Describe(shown)
		e.EventID = sentry.EventID(facts.InterruptedID())
		postmortem.SetLevel(e, facts)
		if parent, ok := sentry.ParseTraceParentContext([]byte(job.Trace)); ok {
			trace.TraceID, trace.SpanID = parent.TraceID.String(), parent.ParentSpanID.String()
		}
	}
	maps.Copy(e.Tags, c.tags)
	e.Timestamp, e.Environment = time.Now(), c.environment
	scope, inTask := postmortem.Scope(c.client, outbox.Process{Environment: c.environment}, &trace)
	details := &captureDetails{fingerprint: postmortem.Fingerprint(taskType),
		dead: &deadDetails{tags: maps.Clone(e.Tags), inTask: inTask, op: work.OpProcess, elsewhere: true}}
	id := c.captureDead(e, scope, details)
	if id == nil || c.transport != nil && !details.stored {
		return ""
	}
	return *id
}

// CaptureInterrupted reports that an attempt at a task never came back; see [Client.CaptureInterrupted].
func CaptureInterrupted(ctx context.Context, task Task) sentry.EventID {
	if !busy() {
		return ""
	}
	return clientOf(ctx).CaptureInterrupted(ctx, task)
}
