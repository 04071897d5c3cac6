package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoservice/sentryconfig"
)

// A job works through tasks.
type job struct {
	tasks     []*task
	parallel  int  // how many run side by side
	keepGoing bool // after a task that didn't end well
	progress  *progress
	log       *slog.Logger // of the run itself: these lines are no breadcrumbs of a task
	filter    *filter      // of what is reported; nil: nothing is filtered
	settings  *follower    // looks at the settings before each task
	stop      atomic.Bool  // no further task is to begin
}

// run works through all tasks and returns their results in the order of the list. When ctx ends, those running are
// cancelled and the others skipped.
func (j *job) run(ctx context.Context) []result {
	results := make([]result, len(j.tasks))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(j.parallel, len(j.tasks)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(j.tasks) {
					return
				}
				results[i] = j.runTask(ctx, j.tasks[i])
			}
		})
	}
	workers.Wait()
	return results
}

func (j *job) runTask(ctx context.Context, t *task) result {
	r := result{Index: t.index, Type: t.name(), Label: t.label, Status: statusSkipped, Summary: summary{}}
	switch {
	case ctx.Err() != nil:
		r.Reason = "the run was interrupted"
	case j.stop.Load():
		r.Reason = "an earlier task failed"
	default:
		r.Reason = t.skip
	}
	if r.Reason != "" {
		j.filter.result(&r, t.hidden)
		j.progress.finished(&r)
		return r
	}
	j.settings.look()
	j.filter.result(&r, t.hidden)
	j.progress.started(&r)
	start := time.Now()
	sum, err := t.execute(ctx, len(j.tasks))
	r.Duration = seconds(time.Since(start))
	if sum != nil {
		r.Summary = sum
	}
	r.judge(ctx, err)
	j.filter.result(&r, t.hidden)
	if !j.keepGoing && !r.well() {
		j.stop.Store(true)
	}
	if r.well() {
		j.log.Info("task done", "index", t.index, "label", t.label, "type", t.name(), "seconds", r.Duration)
	} else {
		j.log.Warn("task "+r.Status, "index", t.index, "label", t.label, "type", t.name(),
			"reason", r.Reason, "event_id", r.EventID)
	}
	j.progress.finished(&r)
	return r
}

// maxReason is how much of an error's text the report keeps, in bytes.
const maxReason = 4 << 10

// judge sets what follows from the error that RunTask returned.
func (r *result) judge(ctx context.Context, err error) {
	if err == nil {
		r.Status = statusSuccess
		return
	}
	var te *sentryconfig.TaskError
	if errors.As(err, &te) {
		r.EventID, err = string(te.EventID), te.Err
	}
	var failure *sentryconfig.TaskFailure
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		r.Status = statusCancelled
	case errors.As(err, &failure):
		r.Status, r.Code = statusFailure, failure.Code
	default:
		r.Status = statusError
	}
	r.Reason = cut(err.Error(), maxReason)
}
