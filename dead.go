package sentryconfig

import (
	"context"
	"maps"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/work"
)

// deadDetails accompanies an event of a dead process from its capture to finishDead.
type deadDetails struct {
	release  string
	tags     map[string]string // the event's own tags, before sentry-go's integrations add theirs
	sameBoot bool              // the machine has certainly not been restarted since
	inTask   bool              // the event belongs to a task's trace
	op       string            // of the task's span

	// elsewhere is set when the process may have run on another machine: nothing is known of that machine or its user.
	elsewhere bool
}

// reportDead captures the tasks that a dead process left running, and its crash, until ctx ends. It reports whether the
// outbox holds all of it; then the disk store may forget the process. Repeated reports have the same event IDs, so that
// Sentry keeps one.
func (c *Client) reportDead(ctx context.Context, dead outbox.Dead) bool {
	if !c.active() {
		return false
	}
	if <-c.ready; c.client == nil { // New may still be at work, or may have failed
		return false
	}
	done := true
	tasks := postmortem.Tasks(dead.Tasks)
	for _, t := range tasks {
		if ctx.Err() != nil {
			return false
		}
		e := t.Event(dead, c.policy.Load().pii)
		done = c.sendDead(e, postmortem.Fingerprint(e.Tags["task_type"]), dead, &t) && done
	}
	if len(dead.Crash) == 0 {
		return done
	}
	report := crash.Parse(dead.Crash)
	if report.CrashedIn(finishName) {
		return done // a deferred Finish captured the panic before it ended the process
	}
	var only *postmortem.Task // the one that the crash interrupted
	if len(tasks) == 1 {
		only = &tasks[0]
	}
	e := postmortem.Crash(dead, report, tasks)
	return c.sendDead(e, []string{"process_crash", c.crashClass(report)}, dead, only) && done
}

func (c *Client) crashClass(report crash.Report) string {
	reason, _, _ := strings.Cut(report.Reason, "\n")
	return grouping.Text(c.cleanMessage(reason))
}

// sendDead captures e as an event of a dead process, in the trace of t unless t is nil. It reports whether the outbox
// holds the event, or a hook has dropped it.
func (c *Client) sendDead(e *sentry.Event, fingerprint []string, dead outbox.Dead, t *postmortem.Task) bool {
	e.Timestamp = postmortem.Timestamp(dead.LastAlive)
	e.Release, e.Environment = dead.Process.Release, dead.Process.Environment
	maps.Copy(e.Tags, c.tags)
	if e.Environment != "" && e.Environment != c.environment {
		e.Tags["environment_detected"] = e.Environment // the environment that it detected is unknown
	}
	restarted, sure := machine.Restarted(dead.Process.Boot)
	scope, inTask := postmortem.Scope(c.client, dead.Process, t)
	details := &captureDetails{fingerprint: fingerprint, dead: &deadDetails{
		release: e.Release, tags: maps.Clone(e.Tags), sameBoot: sure && !restarted, inTask: inTask, op: "task",
	}}
	if t != nil && t.Job != nil {
		details.dead.op = work.OpProcess
	}
	return c.captureDead(e, scope, details) == nil || details.stored // dropped by a hook: nothing is left to report
}

// captureDead passes an event of a dead process to sentry-go. It returns the event's ID, nil when the event was
// dropped.
func (c *Client) captureDead(e *sentry.Event, scope *sentry.Scope, details *captureDetails) (id *sentry.EventID) {
	hint := &sentry.EventHint{Context: &captureContext{c.background, details}}
	hub := sentry.NewHub(c.client, scope)
	c.process(outbox.CategoryError, func() { id = hub.CaptureEventWithHint(e, hint) })
	return id
}

// finishDead is an event processor. It removes what sentry-go's integrations say about this process from the events of
// a dead one, and adds what is known about the machine. It runs right after the integrations, so what the host's own
// processors add stays.
func (c *Client) finishDead(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
	details := captureOf(hint)
	if !details.ofDead() {
		return e
	}
	dead := details.dead
	e.Release, e.Dist, e.Modules = dead.release, "", nil
	maps.DeleteFunc(e.Tags, func(name, _ string) bool {
		_, own := dead.tags[name]
		return !own
	})
	if trace := e.Contexts["trace"]; dead.inTask && trace != nil {
		trace["op"] = dead.op
	}
	if c.policy.Load().systemInfo && !dead.elsewhere {
		maps.Copy(e.Contexts, machine.Lasting(c.collector.Settled(), dead.sameBoot))
	}
	return e
}
