package sentryconfig

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/postmortem"
	"github.com/autoservice/sentryconfig/internal/settings"
	"github.com/autoservice/sentryconfig/internal/stuck"
)

// A task that runs for longer than StuckAfter is reported while it runs, with the stacks of its goroutines. The
// keeper has a timer for the oldest task that isn't reported. It isn't stopped when that task ends, which would cost
// each task a wake-up: after the last one the keeper looks once more, and then sleeps.

// watchStuck has the keeper look after a task that has just begun, and notes where that was: run is what RunTask was
// given.
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

// stuckTurn is the keeper's part: it has the tasks reported that are stuck, and returns when the next may be.
func (c *Client) stuckTurn(now time.Duration) time.Duration {
	after := c.policy.Load().stuckAfter
	c.armed.Store(false) // before the look at the tasks: one that begins after it arms it again
	if after == 0 {
		return clock.Never
	}
	due, awake := clock.Never, c.clock.Awake()
	var late []*TaskSpan
	for _, t := range c.runningTasks() {
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

// runningTasks returns the tasks that run now, outer ones before those in them.
func (c *Client) runningTasks() []*TaskSpan {
	c.tasks.mu.Lock()
	running := slices.Clone(c.tasks.roots)
	c.tasks.mu.Unlock()
	for i := 0; i < len(running); i++ { // the list grows by the tasks inside
		t := running[i]
		t.mu.Lock()
		running = append(running, t.children...)
		t.mu.Unlock()
	}
	return running
}

// reportStuck captures that tasks are stuck. One look at the goroutines is for all of them: it stops the program.
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

// place is where t has begun; unknown when there was no limit then.
func (t *TaskSpan) place() stuck.Place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.born
}

// innerTasks names the tasks that run in t now.
func (t *TaskSpan) innerTasks() (names []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, child := range t.children[:min(len(t.children), postmortem.MaxRunning)] {
		names = append(names, child.asParent())
	}
	return names
}
