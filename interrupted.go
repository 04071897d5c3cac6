package sentryconfig

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
	"github.com/autoservice/sentryconfig/internal/work"
)

// watchCrashes has the runtime write its last words into the outbox, of all goroutines. A program that has an output of
// its own keeps it.
func (c *Client) watchCrashes(disk *outbox.Disk) {
	taken, err := c.crashes.Begin(disk.CrashFile)
	switch {
	case taken:
		c.logger.Warn("sentryconfig: crashes of the process are not reported: the program has a crash output of its own " +
			"(debug.SetCrashOutput), which it keeps; leave Options.CrashReports off")
	case err != nil:
		c.logger.Warn("sentryconfig: crashes of the process can't be reported", "error", err)
	}
}

// journal returns where running tasks are noted, nil without a disk; a nil Journal takes every call.
func (c *Client) journal() *outbox.Journal {
	if disk := c.disk.Load(); disk != nil {
		return disk.Journal()
	}
	return nil
}

// noteStart notes that t runs, unless it is noted, over, or was switched off.
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
	note := outbox.Task{
		Type: t.taskType, Index: t.index, Total: max(t.total, 0), Started: t.span.StartTime, PII: t.client.policy.Load().pii,
		TraceID: t.span.TraceID.String(), SpanID: t.span.SpanID.String(),
	}
	if t.parent != nil {
		note.Outer = t.parent.span.SpanID.String()
	}
	if t.job() != nil {
		job := t.attempt.facts().Job
		note.Job = &job
	}
	if len(t.noted) > 0 {
		note.Tags, _ = t.client.policy.Load().scrubber.Value(t.noted).(map[string]string)
	}
	if t.data != nil {
		if data, err := safe.AppendJSON(nil, t.client.policy.Load().scrubber.Value(t.data)); err == nil {
			note.Data = data
		}
	}
	t.slot = j.Begin(note)
}

// noteMachine is a sign of life of all running tasks, with the memory figures of a new reading.
func (c *Client) noteMachine(m machine.Memory) {
	if !c.active() {
		c.journal().EndAll() // of a task that began just when reporting went off
		return
	}
	c.tasks.mu.Lock()
	running := slices.Clone(c.tasks.roots)
	c.tasks.mu.Unlock()
	note := outbox.Note{Time: time.Now(), MemoryTotal: m.Total, MemoryAvailable: m.Available, AppMemory: m.App}
	for i := 0; i < len(running); i++ { // the list grows by the tasks inside
		t := running[i]
		t.mu.Lock()
		running = append(running, t.children...)
		t.mu.Unlock()
		t.noteStart() // if that failed at its beginning, or the disk wasn't open yet
		t.note(note)
	}
}

// note notes a sign of life, and the newest breadcrumb with it.
func (t *TaskSpan) note(n outbox.Note) {
	t.mu.Lock()
	slot, step := t.slot, t.lastStep
	t.lastStep = ""
	t.mu.Unlock()
	n.Breadcrumb = t.client.policy.Load().scrubber.Text(step)
	slot.Note(n)
}

// reportDead captures what a dead process left running, and its crash. It reports whether all of it is stored, so that
// it may be forgotten. A second report of the same has the same event IDs, of which Sentry keeps one.
func (c *Client) reportDead(dead outbox.Dead) bool {
	if !c.active() {
		return false
	}
	if <-c.ready; c.client == nil { // it may be called while Init is still at work, or has failed
		return false
	}
	done := true
	tasks := deadTasks(dead.Tasks)
	for _, t := range tasks {
		e := c.interruptedEvent(dead, t)
		done = c.sendDead(e, interruptedFingerprint(e.Tags["task_type"]), dead, &t) && done
	}
	if len(dead.Crash) == 0 {
		return done
	}
	report := crash.Parse(dead.Crash)
	if capturedBeforeCrash(report) {
		return done
	}
	var only *deadTask // which the crash has interrupted
	if len(tasks) == 1 {
		only = &tasks[0]
	}
	e := c.crashEvent(dead, report, tasks)
	return c.sendDead(e, []string{"process_crash", c.crashClass(report)}, dead, only) && done
}

// maxRunning is how many of the tasks inside an interrupted one its event names.
const maxRunning = 50

// runningTasks names the tasks inside an interrupted one.
func runningTasks(inside []outbox.Interrupted) []any {
	running := make([]any, 0, min(len(inside), maxRunning))
	for _, inner := range inside[:cap(running)] {
		named := deadTaskContext(inner.Task)
		if !inner.Started.IsZero() {
			named["began"] = inner.Started.UTC().Format(time.RFC3339Nano)
		}
		running = append(running, named)
	}
	return running
}

func (c *Client) interruptedEvent(dead outbox.Dead, t deadTask) *sentry.Event {
	task := deadTaskContext(t.Task)
	taskType := task["task_type"].(string)
	if len(t.running) > 0 {
		task["running"] = runningTasks(t.running)
	}
	known := c.policy.Load().pii || !t.PII // what was noted with personal data in it isn't sent without
	if len(t.Data) > 0 {
		var data any
		if known && json.Unmarshal(t.Data, &data) == nil {
			task["data"] = data
		}
	}
	death := c.deathContext(dead)
	death["began"] = t.Started.UTC().Format(time.RFC3339Nano)
	if !t.Time.IsZero() {
		death["last_alive"] = t.Time.UTC().Format(time.RFC3339Nano)
	}
	if t.Breadcrumb != "" && known {
		death["last_breadcrumb"] = t.Breadcrumb
	}
	for name, bytes := range map[string]uint64{
		"memory_size": t.MemoryTotal, "free_memory": t.MemoryAvailable, "app_memory": t.AppMemory,
	} {
		if bytes > 0 {
			death[name] = bytes
		}
	}
	e := newInterrupted(taskType, task, death)
	e.EventID = sentry.EventID(t.EventID)
	if known {
		for key, value := range t.Tags {
			if _, own := e.Tags[key]; !own {
				e.Tags[key] = value
			}
		}
	}
	if t.Job != nil {
		job := work.Job{Job: *t.Job}
		if id := job.InterruptedID(); id != "" {
			e.EventID = sentry.EventID(id)
		}
		setInterruptedLevel(e, job)
	}
	return e
}

// newInterrupted makes the event for a task that never came back.
func newInterrupted(taskType string, task, death sentry.Context) *sentry.Event {
	return &sentry.Event{
		Level:       sentry.LevelFatal,
		Message:     taskType + ": interrupted",
		Transaction: "task." + taskType,
		Tags:        map[string]string{"task_type": taskType, "failure_type": "task_interrupted"},
		Contexts:    map[string]sentry.Context{"task": task, "interrupted": death},
	}
}

func interruptedFingerprint(taskType string) []string { return []string{taskType, "task_interrupted"} }

// setInterruptedLevel says in the event of an attempt at a job whether the engine tries again.
func setInterruptedLevel(e *sentry.Event, job work.Job) {
	if job.Queue != "" {
		e.Tags["queue"] = job.Queue
	}
	if job.Retriable() {
		work.MarkRetried(e)
	}
}

// deadTaskContext is what the context task says of a task, its data aside.
func deadTaskContext(t outbox.Task) sentry.Context {
	task := sentry.Context{"task_type": work.TypeName(t.Type)}
	if t.Total > 0 {
		task["index"], task["total"] = t.Index, t.Total
	}
	if t.Job != nil {
		work.Job{Job: *t.Job}.Describe(task)
	}
	return task
}

// deathContext is what is known of a process's end.
func (c *Client) deathContext(dead outbox.Dead) sentry.Context {
	death := sentry.Context{
		"pid":             dead.Process.PID,
		"process_started": dead.Process.Started.UTC().Format(time.RFC3339),
		"last_alive":      dead.LastAlive.UTC().Format(time.RFC3339Nano),
	}
	if restarted, known := machine.Restarted(dead.Process.Boot); known {
		death["machine_restarted"] = restarted
	}
	return death
}

func (c *Client) crashClass(report crash.Report) string {
	reason, _, _ := strings.Cut(report.Reason, "\n")
	return grouping.Text(c.cleanMessage(reason))
}

// capturedBeforeCrash reports whether a deferred Finish captured the panic before it went on to end the process.
func capturedBeforeCrash(report crash.Report) bool {
	for _, g := range report.Goroutines {
		if !g.Crashed {
			continue
		}
		for _, f := range g.Frames {
			if f.Package+"."+f.Function == finishName {
				return true
			}
		}
	}
	return false
}

// crashEvent makes the event of a crash that has interrupted tasks.
func (c *Client) crashEvent(dead outbox.Dead, report crash.Report, tasks []deadTask) *sentry.Event {
	kind, handled := report.Type, false
	if kind == "" {
		kind = "crash"
	}
	x := sentry.Exception{
		Type: kind, Value: report.Reason, Mechanism: &sentry.Mechanism{Type: "crash", Handled: &handled},
	}
	if x.Value == "" {
		x.Value = report.Header
	}
	death := c.deathContext(dead)
	var names []string
	for _, t := range tasks {
		names = append(names, work.TypeName(t.Type))
	}
	e := &sentry.Event{
		EventID:  sentry.EventID(dead.CrashID),
		Level:    sentry.LevelFatal,
		Tags:     map[string]string{"failure_type": "process_crash"},
		Contexts: map[string]sentry.Context{"crash": death},
	}
	if len(names) > 0 {
		death["interrupted_tasks"] = names
		if len(names) == 1 {
			e.Tags["task_type"], e.Transaction = names[0], "task."+names[0]
		}
	}
	e.Threads = exception.CrashThreads(report.Goroutines, &x)
	e.Exception = []sentry.Exception{x}
	return e
}
