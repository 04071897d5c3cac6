package sentryconfig

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A deadTask is an interrupted task that isn't part of another one that was running, with those that ran inside it, the
// outermost first.
type deadTask struct {
	outbox.Interrupted
	running []outbox.Interrupted
}

// deadTasks sorts a dead process's tasks into those that are not part of another and those inside them. A task whose
// outer one has ended is not part of another. Each task is found once, whatever the journal says.
func deadTasks(tasks []outbox.Interrupted) (roots []deadTask) {
	known := make(map[string]bool, len(tasks))
	inside := make(map[string][]int)
	for i, t := range tasks {
		if t.SpanID != "" {
			known[t.SpanID] = true
		}
		if t.Outer != "" {
			inside[t.Outer] = append(inside[t.Outer], i)
		}
	}
	found := make([]bool, len(tasks))
	gather := func(i int) {
		found[i] = true
		root := deadTask{Interrupted: tasks[i]}
		next := slices.Clone(inside[tasks[i].SpanID])
		for ; len(next) > 0; next = next[1:] {
			at := next[0]
			if found[at] {
				continue
			}
			found[at] = true
			root.running = append(root.running, tasks[at])
			next = append(next, inside[tasks[at].SpanID]...)
		}
		roots = append(roots, root)
	}
	for i, t := range tasks {
		if !known[t.Outer] {
			gather(i)
		}
	}
	for i := range tasks { // tasks that claim to be part of one another
		if !found[i] {
			gather(i)
		}
	}
	return roots
}

// deadDetails travels with an event of a dead process from its capture to finishDead.
type deadDetails struct {
	release  string
	tags     map[string]string // those of the event before sentry-go's integrations add theirs
	sameBoot bool              // the machine is known not to have been restarted since
	inTask   bool              // the event belongs to the trace of a task
	op       string            // of that task's span

	// elsewhere says that the process may have run on another machine: nothing is known of that, nor of its user.
	elsewhere bool
}

// maxDeadAge is how old a report may claim to be. Sentry refuses what is older than 30 days or from the future, and
// this one may have to wait for the server.
const maxDeadAge = 20 * 24 * time.Hour

// sendDead captures e as an event of a dead process, in the trace of t if that isn't nil. It reports whether the event
// is stored, or dropped by a hook.
func (c *Client) sendDead(e *sentry.Event, fingerprint []string, dead outbox.Dead, t *deadTask) bool {
	e.Timestamp = dead.LastAlive
	if age := time.Since(dead.LastAlive); age > maxDeadAge || age < 0 {
		e.Timestamp = time.Now() // the machine was off for long, or its clock was wrong: last_alive tells
	}
	e.Release, e.Environment = dead.Process.Release, dead.Process.Environment
	c.commonTags(e.Tags)
	if e.Environment != "" && e.Environment != c.environment {
		e.Tags["environment_detected"] = e.Environment // what it had detected isn't known
	}
	restarted, sure := machine.Restarted(dead.Process.Boot)
	scope, inTask := c.deadScope(dead.Process, t)
	details := &captureDetails{fingerprint: fingerprint, dead: &deadDetails{
		release: e.Release, tags: maps.Clone(e.Tags), sameBoot: sure && !restarted, inTask: inTask, op: "task",
	}}
	if t != nil && t.Job != nil {
		details.dead.op = work.OpProcess
	}
	return c.captureDead(e, scope, details) == nil || details.stored // a hook that drops it has decided
}

// captureDead hands an event of a dead process to sentry-go, and returns the ID that it got, nil when it was dropped.
func (c *Client) captureDead(e *sentry.Event, scope *sentry.Scope, details *captureDetails) (id *sentry.EventID) {
	hint := &sentry.EventHint{Context: &captureContext{c.background, details}}
	hub := sentry.NewHub(c.client, scope)
	c.call("an event processor", func() { id = hub.CaptureEventWithHint(e, hint) })
	return id
}

// deadScope returns a scope with nothing of this process on it, and the trace of t where that is known. The scope's
// trace decides about the event's context and its envelope's header alike.
func (c *Client) deadScope(p outbox.Process, t *deadTask) (scope *sentry.Scope, inTask bool) {
	trace := sentry.NewPropagationContext()
	if t != nil {
		traceID, err := hex.DecodeString(t.TraceID)
		spanID, err2 := hex.DecodeString(t.SpanID)
		inTask = err == nil && err2 == nil && len(traceID) == len(trace.TraceID) && len(spanID) == len(trace.SpanID)
		if inTask {
			copy(trace.TraceID[:], traceID)
			copy(trace.SpanID[:], spanID)
		}
	}
	scope = sentry.NewScope()
	scope.SetPropagationContext(trace)
	header := sentry.DynamicSamplingContextFromScope(scope, c.client) // the scope isn't shared yet
	delete(header.Entries, "sample_rate")                             // this process's
	delete(header.Entries, "release")
	if p.Release != "" {
		header.Entries["release"] = p.Release
	}
	if p.Environment != "" {
		header.Entries["environment"] = p.Environment
	}
	trace.DynamicSamplingContext = header
	scope.SetPropagationContext(trace)
	return scope, inTask
}

// finishDead is the event processor that keeps what the integrations of sentry-go say of this process out of the events
// of a dead one, and adds what is known of the machine. It runs right after theirs: what the host program's own
// processors add stays.
func (c *Client) finishDead(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
	details := captureOf(hint)
	if details == nil || details.dead == nil {
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
