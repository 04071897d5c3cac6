// Package postmortem makes the events for what a dead process has left: the tasks that it ran, and its last words.
package postmortem

import (
	"encoding/json"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// maxAge is how old a report may claim to be. Sentry refuses what is older than 30 days or from the future, and
// this one may have to wait for the server.
const maxAge = 20 * 24 * time.Hour

// Timestamp is when an event says that the process has died.
func Timestamp(lastAlive time.Time) time.Time {
	now := time.Now()
	if age := now.Sub(lastAlive); age > maxAge || age < 0 {
		return now // the machine was off for long, or its clock was wrong: last_alive tells
	}
	return lastAlive
}

// MaxRunning is how many of the tasks inside an interrupted one its event names.
const MaxRunning = 50

// runningTasks names the tasks inside an interrupted one.
func runningTasks(inside []outbox.Interrupted) []any {
	running := make([]any, 0, min(len(inside), MaxRunning))
	for _, inner := range inside[:cap(running)] {
		named := contextOf(inner.Task)
		if !inner.Started.IsZero() {
			named["began"] = inner.Started.UTC().Format(time.RFC3339Nano)
		}
		running = append(running, named)
	}
	return running
}

// Event makes the event of t. pii says that it may hold personal data: what was noted with some in it isn't sent
// without.
func (t Task) Event(dead outbox.Dead, pii bool) *sentry.Event {
	task := contextOf(t.Task)
	taskType := task["task_type"].(string)
	if len(t.Running) > 0 {
		task["running"] = runningTasks(t.Running)
	}
	known := pii || !t.PII
	if len(t.Data) > 0 {
		var data any
		if known && json.Unmarshal(t.Data, &data) == nil {
			task["data"] = data
		}
	}
	death := Context(dead)
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
	e := Interrupted(taskType, task, death)
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
		SetLevel(e, job)
	}
	return e
}

// Interrupted makes the event for a task that never came back; see Fingerprint.
func Interrupted(taskType string, task, death sentry.Context) *sentry.Event {
	return &sentry.Event{
		Level:       sentry.LevelFatal,
		Message:     taskType + ": interrupted",
		Transaction: "task." + taskType,
		Tags:        map[string]string{"task_type": taskType, "failure_type": "task_interrupted"},
		Contexts:    map[string]sentry.Context{"task": task, "interrupted": death},
	}
}

// Fingerprint is that of the events for tasks of a type that never came back.
func Fingerprint(taskType string) []string { return []string{taskType, "task_interrupted"} }

// SetLevel says in the event of an attempt at a job whether the engine tries again.
func SetLevel(e *sentry.Event, job work.Job) {
	if job.Queue != "" {
		e.Tags["queue"] = job.Queue
	}
	if job.Retriable() {
		work.MarkRetried(e)
	}
}

// contextOf is what the context task says of a task, its data aside.
func contextOf(t outbox.Task) sentry.Context {
	task := sentry.Context{"task_type": work.TypeName(t.Type)}
	if t.Total > 0 {
		task["index"], task["total"] = t.Index, t.Total
	}
	if t.Job != nil {
		work.Job{Job: *t.Job}.Describe(task)
	}
	return task
}

// Context is what is known of a process's end.
func Context(dead outbox.Dead) sentry.Context {
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
