package postmortem

import (
	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// Crash returns the event for a crash that interrupted tasks. It has no fingerprint yet.
func Crash(dead outbox.Dead, report crash.Report, tasks []Task) *sentry.Event {
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
	death := Context(dead)
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
