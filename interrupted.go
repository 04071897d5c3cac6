package sentryconfig

import (
	"context"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// watchCrashes makes the runtime write its crash output, with all goroutines, into a file of the outbox. A program that
// has set a crash output of its own keeps it.
func (c *Client) watchCrashes(disk *outbox.Disk) {
	taken, err := c.crashes.Begin(disk.CrashFile)
	switch {
	case taken:
		c.logger.Warn("sentryconfig: crashes of the process are not reported: the program has a crash output of its " +
			"own (debug.SetCrashOutput), which it keeps; leave Options.CrashReports off")
	case err != nil:
		c.logger.Warn("sentryconfig: crashes of the process can't be reported", "error", err)
	}
}

// journal returns the journal of running tasks, nil without a disk. A nil Journal takes every call.
func (c *Client) journal() *outbox.Journal {
	if disk := c.disk.Load(); disk != nil {
		return disk.Journal()
	}
	return nil
}

// noteStart records in the journal that t runs, unless it is already recorded, has ended, or was switched off.
func (t *TaskSpan) noteStart() {
	j := t.client.journal()
	if j == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slot != (outbox.Slot{}) || t.finished.Load() || t.offs != t.client.offs.Load() {
		return
	}
	policy := t.client.policy.Load()
	note := outbox.Task{
		Type: policy.scrubber.Text(t.taskType), Index: t.index, Total: max(t.total, 0), Started: t.started,
		PII: policy.pii, TraceID: t.traceID.String(), SpanID: t.spanID.String(),
	}
	if t.parent != nil {
		note.Outer = t.parent.spanID.String()
	}
	if t.job() != nil {
		job := t.attempt.facts().Job
		note.Job = &job
	}
	if len(t.noted) > 0 {
		note.Tags, _ = policy.scrubber.Value(t.noted).(map[string]string)
	}
	if t.data != nil {
		if data, err := safe.AppendJSON(nil, policy.scrubber.Value(t.data)); err == nil {
			note.Data = data
		}
	}
	t.slot = j.Begin(note)
}

// noteMachine records a sign of life for all running tasks, with the memory figures of a new reading.
func (c *Client) noteMachine(m machine.Memory) {
	if !c.active() {
		c.journal().EndAll() // a task may have begun just as reporting was switched off
		return
	}
	note := outbox.Note{Time: time.Now(), MemoryTotal: m.Total, MemoryAvailable: m.Available, AppMemory: m.App}
	for _, t := range c.tasks.running() {
		t.noteStart() // its start wasn't recorded if that failed, or the disk wasn't open yet
		t.note(note)
	}
}

// note records a sign of life of t, with its newest breadcrumb.
func (t *TaskSpan) note(n outbox.Note) {
	t.mu.Lock()
	slot, step := t.slot, t.lastStep
	t.lastStep = ""
	t.mu.Unlock()
	n.Breadcrumb = t.client.policy.Load().scrubber.Text(step)
	slot.Note(n)
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
