package recipes

import (
	"context"

	"github.com/getsentry/sentry-go"
	"github.com/go-co-op/gocron/v2"

	"github.com/autoservice/sentryconfig"
)

// Schedule adds a function to gocron: each run is a task of a trace of its own, and a check-in of a monitor. gocron
// gets the error, for its own listeners.
func Schedule(s gocron.Scheduler, crontab, slug string, run func(context.Context) error) (gocron.Job, error) {
	task := sentryconfig.Task{Type: slug, Monitor: &sentryconfig.Monitor{Slug: slug,
		Config: &sentry.MonitorConfig{Schedule: sentry.CrontabSchedule(crontab)}}}
	return s.NewJob(gocron.CronJob(crontab, false), gocron.NewTask(func(ctx context.Context) error {
		return sentryconfig.RunTask(ctx, task, run)
	}))
}
