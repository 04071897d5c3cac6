package sentryconfig

import (
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// A crashOutput is the runtime's one crash output, while it is ours.
type crashOutput struct {
	mu    sync.Mutex
	fd    uintptr
	ours  bool
	ended bool
}

// watchCrashes has the runtime write its last words into the outbox, of all goroutines. A program that has an output of
// its own keeps it.
func (c *Client) watchCrashes(disk *outbox.Disk) {
	taken, err := c.crashes.begin(disk)
	switch {
	case taken:
		c.logger.Warn("sentryconfig: crashes of the process are not reported: the program has a crash output of its own " +
			"(debug.SetCrashOutput), which it keeps; leave Options.CrashReports off")
	case err != nil:
		c.logger.Warn("sentryconfig: crashes of the process can't be reported", "error", err)
	}
}

// begin makes the crash output a file of disk's, unless the program has one of its own: then it is taken.
func (out *crashOutput) begin(disk *outbox.Disk) (taken bool, err error) {
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.ended {
		return false, nil
	}
	if _, taken := crashFD(); taken {
		return true, nil
	}
	f, err := disk.CrashFile()
	if err != nil {
		return false, err
	}
	err = errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // the runtime keeps a duplicate
	if err != nil {
		return false, err
	}
	debug.SetTraceback("all") // by default a panic shows its own goroutine alone
	out.fd, _ = crashFD()
	out.ours = true
	return false, nil
}

// endCrashes gives the crash output back, before its file is closed, unless the program has set another since.
func (c *Client) endCrashes() {
	out := &c.crashes
	out.mu.Lock()
	defer out.mu.Unlock()
	out.ended = true
	if fd, _ := crashFD(); !out.ours || fd != out.fd {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // nil can't fail
	debug.SetTraceback("single")                        // the default; $GOTRACEBACK may raise it
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
	if t.data != nil {
		if data, err := safe.AppendJSON(nil, t.client.policy.Load().scrubber.Value(t.data)); err == nil {
			note.Data = data
		}
	}
	t.slot = j.Begin(note)
}

// noteMachine is a sign of life of all running tasks, with the memory figures of a new reading.
func (c *Client) noteMachine(memoryTotal, memoryAvailable, appMemory uint64) {
	if !c.active() {
		c.journal().EndAll() // of a task that began just when reporting went off
		return
	}
	c.tasks.mu.Lock()
	running := slices.Clone(c.tasks.roots)
	c.tasks.mu.Unlock()
	note := outbox.Note{Time: time.Now(), MemoryTotal: memoryTotal, MemoryAvailable: memoryAvailable, AppMemory: appMemory}
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
		done = c.sendDead(e, []string{e.Tags["task_type"], "task_interrupted"}, dead, &t) && done
	}
	if len(dead.Crash) == 0 {
		return done
	}
	crash := outbox.ParseCrash(dead.Crash)
	if capturedBeforeCrash(crash) {
		return done
	}
	var only *deadTask // which the crash has interrupted
	if len(tasks) == 1 {
		only = &tasks[0]
	}
	e := c.crashEvent(dead, crash, tasks)
	return c.sendDead(e, []string{"process_crash", c.crashClass(crash)}, dead, only) && done
}

// maxRunning is how many of the tasks inside an interrupted one its event names.
const maxRunning = 50

func (c *Client) interruptedEvent(dead outbox.Dead, t deadTask) *sentry.Event {
	task := deadTaskContext(t.Task)
	taskType := task["task_type"].(string)
	if len(t.running) > 0 {
		running := make([]any, 0, min(len(t.running), maxRunning))
		for _, inner := range t.running[:cap(running)] {
			named := deadTaskContext(inner.Task)
			if !inner.Started.IsZero() {
				named["began"] = inner.Started.UTC().Format(time.RFC3339Nano)
			}
			running = append(running, map[string]any(named))
		}
		task["running"] = running
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
	return &sentry.Event{
		EventID:     sentry.EventID(t.EventID),
		Message:     taskType + ": interrupted",
		Transaction: "task." + taskType,
		Tags:        map[string]string{"task_type": taskType, "failure_type": "task_interrupted"},
		Contexts:    map[string]sentry.Context{"task": task, "interrupted": death},
	}
}

// deadTaskContext is what the context task says of a task, its data aside.
func deadTaskContext(t outbox.Task) sentry.Context {
	task := sentry.Context{"task_type": taskTypeOrUnknown(t.Type)}
	if t.Total > 0 {
		task["index"], task["total"] = t.Index, t.Total
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
	if restarted, known := machineRestarted(dead.Process); known {
		death["machine_restarted"] = restarted
	}
	return death
}

func (c *Client) crashClass(crash outbox.Crash) string {
	reason, _, _ := strings.Cut(crash.Reason, "\n")
	return grouping.Text(c.cleanMessage(reason))
}

// capturedBeforeCrash reports whether a deferred Finish captured the panic before it went on to end the process.
func capturedBeforeCrash(crash outbox.Crash) bool {
	for _, g := range crash.Goroutines {
		if !g.Crashed {
			continue
		}
		for _, f := range g.Frames {
			if f.Package == ownPackage && f.Function == "(*TaskSpan).Finish" {
				return true
			}
		}
	}
	return false
}

// crashEvent makes the event of a crash that has interrupted tasks.
func (c *Client) crashEvent(dead outbox.Dead, crash outbox.Crash, tasks []deadTask) *sentry.Event {
	kind, handled := crash.Type, false
	if kind == "" {
		kind = "crash"
	}
	exception := sentry.Exception{
		Type: kind, Value: crash.Reason, Mechanism: &sentry.Mechanism{Type: "crash", Handled: &handled},
	}
	if exception.Value == "" {
		exception.Value = crash.Header
	}
	death := c.deathContext(dead)
	var names []string
	for _, t := range tasks {
		names = append(names, taskTypeOrUnknown(t.Type))
	}
	e := &sentry.Event{
		EventID:  sentry.EventID(dead.CrashID),
		Tags:     map[string]string{"failure_type": "process_crash"},
		Contexts: map[string]sentry.Context{"crash": death},
	}
	if len(names) > 0 {
		death["interrupted_tasks"] = names
		if len(names) == 1 {
			e.Tags["task_type"], e.Transaction = names[0], "task."+names[0]
		}
	}
	e.Threads = crashThreads(crash, &exception)
	e.Exception = []sentry.Exception{exception}
	return e
}

// crashThreads returns the goroutines of a crash that have a frame to show. The stack of the one that crashed goes to
// x, which names its thread.
func crashThreads(crash outbox.Crash, x *sentry.Exception) (threads []sentry.Thread) {
	told := make(map[int]bool)
	for _, g := range crash.Goroutines {
		st := crashStack(g)
		if st == nil || told[g.ID] || len(threads) == maxThreads {
			continue
		}
		if g.Crashed {
			x.Stacktrace, st = st, nil
			if g.ID <= 0 {
				continue // the runtime's own stack alone: 0 is no ID that an exception could name
			}
			x.ThreadID = uint64(g.ID)
		}
		told[g.ID] = true
		id := strconv.Itoa(g.ID)
		threads = append(threads, sentry.Thread{ID: id, Name: "goroutine " + id + " [" + g.State + "]",
			Crashed: g.Crashed, Current: g.Crashed, Stacktrace: st})
	}
	return threads
}

// maxThreads is how many goroutines of a crash are reported. The runtime prints the crashing one first.
const maxThreads = 100

func crashStack(g outbox.Goroutine) *sentry.Stacktrace {
	var frames []sentry.Frame
	for _, f := range g.Frames {
		frame := sentry.Frame{Function: f.Function, Module: f.Package, AbsPath: f.File, Lineno: f.Line}
		if completeFrame(&frame) {
			frames = append([]sentry.Frame{frame}, frames...)
		}
		if len(frames) == maxFrames {
			break
		}
	}
	if frames == nil {
		return nil
	}
	return &sentry.Stacktrace{Frames: frames}
}
