package recipes

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/autoservice/sentryconfig"
)

// Activity runs the body of a Temporal activity as a task. maxAttempts is that of its retry policy; 0 is no end.
// Temporal gets run's error as it is, by which it decides about retries; a panic comes back as an error.
func Activity(ctx context.Context, maxAttempts int, run func(context.Context) error) (err error) {
	info := activity.GetInfo(ctx)
	job := &sentryconfig.Job{System: "temporal", Queue: info.TaskQueue,
		ID: info.WorkflowExecution.RunID + "/" + info.ActivityID, Attempt: int(info.Attempt), MaxAttempts: maxAttempts,
		Wait: time.Since(info.ScheduledTime)}
	job.Classify = func(ctx context.Context, err error) sentryconfig.Outcome {
		var application *temporal.ApplicationError
		switch {
		case temporal.IsCanceledError(err):
			return sentryconfig.OutcomeCancelled
		case errors.As(err, &application) && application.NonRetryable(), job.Attempt == maxAttempts:
			return sentryconfig.OutcomeFailed
		case job.Attempt > 1:
			return sentryconfig.OutcomeRetriedQuietly
		}
		return sentryconfig.OutcomeRetried
	}
	failed := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: info.ActivityType.Name, Job: job}, run)
	var task *sentryconfig.TaskError
	if errors.As(failed, &task) {
		return task.Err
	}
	return failed
}
