package sentryconfig

import (
	"context"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/settings"
	"github.com/autoservice/sentryconfig/internal/stuck"
)

// A task that runs for longer than StuckAfter is reported while it runs, with the stacks of its goroutines. The keeper
// has one timer, for the oldest unreported task. The timer isn't stopped when that task ends, which would cost every
// task a wake-up. Instead the keeper checks once more after the last task, and then sleeps.

// watchStuck makes the keeper watch a task that has just begun, and records where it began. run is the entry of the
// function that RunTask runs, 0 without one.
func (t *TaskSpan) watchStuck(run uintptr) {
	if t == nil || t.client.policy.Load().stuckAfter == 0 {
		return
	}
	place := stuck.Here(run)
	t.mu.Lock()
	t.born = place
	t.mu.Unlock()
	if armed := &t.client.armed; !armed.Load() && !armed.Swap(true) || !t.began.Known() {
		t.client.keeper.Kick()
	}
}

// stuckTurn is the keeper's part: it reports the stuck tasks, and returns when the next one may be stuck.
func (c *Client) stuckTurn(now time.Duration) time.Duration {
	after := c.policy.Load().stuckAfter
	c.armed.Store(false) // before reading the tasks: a task that begins later arms it again
	if after == 0 {
		return clock.Never
	}
	due, awake := clock.Never, c.clock.Awake()
	var late []*TaskSpan
	for _, t := range c.tasks.running() {
		age := t.began.Age(awake)
		switch {
		case t.reported.Load() || t.finished.Load() || t.offs != c.offs.Load():
		case age < after:
			due = min(due, now+after-age)
		case t.reported.CompareAndSwap(false, true):
			late = append(late, t)
		}
	}
	if len(late) > 0 {
		c.keeper.Go(func() { c.reportStuck(late, after) })
	}
	if due != clock.Never {
		c.armed.Store(true)
	}
	return due
}

// reportStuck captures an event for each stuck task. One goroutine dump serves them all, because a dump stops the
// program.
func (c *Client) reportStuck(tasks []*TaskSpan, after time.Duration) {
	dump := stuck.Take()
	for _, t := range tasks {
		if t.finished.Load() || !c.reporting() {
			continue
		}
		ctx := context.WithValue(context.Background(), taskKey{}, t)
		e, _ := c.newEvent(ctx, "", nil, nil)
		e.Level = sentry.LevelWarning
		e.Message = t.taskType + ": stuck"
		e.Tags["failure_type"] = "task_stuck"
		task := e.Contexts["task"]
		task["began"] = t.started.UTC().Format(time.RFC3339)
		task["stuck_after"] = settings.DurationText(after)
		if inner := t.innerTasks(); len(inner) > 0 {
			task["running"] = inner
		}
		e.Threads = exception.Threads(dump.Of(t.place(), fmt.Sprintf("%p", t)))
		c.send(ctx, t, e, []string{t.taskType, "task_stuck"}, nil)
	}
}

// place returns where t began; the zero Place if there was no StuckAfter then.
func (t *TaskSpan) place() stuck.Place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.born
}

// innerTasks returns the tasks that run inside t now.
func (t *TaskSpan) innerTasks() (names []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, child := range t.children[:min(len(t.children), postmortem.MaxRunning)] {
		names = append(names, child.asParent())
	}
	return names
}
