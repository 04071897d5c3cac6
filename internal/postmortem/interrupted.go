// Package postmortem builds the events for what a dead process left behind: its running tasks and its crash output.
package postmortem

import (
	"encoding/json"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// maxAge limits how old a report may claim to be. Sentry rejects events older than 30 days or from the future, and this
// one may have to wait for the server.
const maxAge = 20 * 24 * time.Hour

// Timestamp returns the time that an event gives for the end of the process: lastAlive, or now if Sentry would reject
// it.
func Timestamp(lastAlive time.Time) time.Time {
	now := time.Now()
	if age := now.Sub(lastAlive); age > maxAge || age < 0 {
		return now // the machine was off for long, or its clock was wrong; the context has last_alive
	}
	return lastAlive
}

// MaxRunning limits how many inner tasks an interrupted task's event names.
const MaxRunning = 50

// runningTasks returns the context values for the tasks inside an interrupted one.
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

// Event returns the event for t. Without pii it omits what was recorded with personal data.
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

// Interrupted returns the event for a task that never came back; its fingerprint is that of Fingerprint.
func Interrupted(taskType string, task, death sentry.Context) *sentry.Event {
	return &sentry.Event{
		Level:       sentry.LevelFatal,
		Message:     taskType + ": interrupted",
		Transaction: "task." + taskType,
		Tags:        map[string]string{"task_type": taskType, "failure_type": "task_interrupted"},
		Contexts:    map[string]sentry.Context{"task": task, "interrupted": death},
	}
}

// Fingerprint returns the fingerprint for interrupted tasks of a type.
func Fingerprint(taskType string) []string { return []string{taskType, "task_interrupted"} }

// SetLevel sets the level, and tags for queue and retry, of an event about an attempt at a job.
func SetLevel(e *sentry.Event, job work.Job) {
	if job.Queue != "" {
		e.Tags["queue"] = job.Queue
	}
	if job.Retriable() {
		work.MarkRetried(e)
	}
}

// contextOf returns the context task, without the task's data.
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

// Context returns the context about a process's end.
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
