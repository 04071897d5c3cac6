// Package sentrycron reports the functions of github.com/robfig/cron/v3 to Sentry by sentryconfig: each run is a task,
// in a trace of its own, and a check-in of a monitor whose schedule is the function's.
//
//	sentrycron.AddFunc(c, "CRON_TZ=Europe/Berlin 30 4 * * *", "nightly-backup", backup)
//
// Stop the scheduler and wait for its runs first, then close the Client: <-c.Stop().Done(), then sentryconfig.Close. A
// context of [WithContext] cancels the runs; a cancelled run is no trouble, and its check-in stays in progress.
package sentrycron

import (
	"context"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/robfig/cron/v3"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/engine"
)

// An Option changes what [AddFunc] does.
type Option func(*options)

type options struct {
	client   *sentryconfig.Client
	ctx      context.Context
	timezone string
	config   sentry.MonitorConfig
}

// WithClient reports to c, instead of to the default Client of the time of the run.
func WithClient(c *sentryconfig.Client) Option { return func(o *options) { o.client = c } }

// WithContext has each run begin with ctx, and end with it. nil is the default: context.Background.
func WithContext(ctx context.Context) Option { return func(o *options) { o.ctx = ctx } }

// WithTimezone names the timezone of the schedule, as "Europe/Berlin", where neither the spec (CRON_TZ=) nor the
// location of the scheduler does: that of time.Local often has no name that Sentry knows.
func WithTimezone(name string) Option { return func(o *options) { o.timezone = name } }

// WithMonitor sets the monitor's margins and thresholds, and its timezone and schedule where they are not empty.
func WithMonitor(config sentry.MonitorConfig) Option { return func(o *options) { o.config = config } }

// AddFunc has c call run by the schedule spec: a task of the type slug each time. What run returns is reported, and a
// panic is captured and ends there. The check-ins go to the monitor slug, 1 to 50 of a-z, 0-9, - and _, which Sentry
// makes: its schedule is spec, its timezone that of CRON_TZ= or TZ= in it, else of [WithTimezone], else c's. @every of
// whole minutes is an interval. Other @every, and specs with seconds, which Sentry has no schedule for, make no
// monitor, and one warning on the Client's Logger. An error is c's: it can't read spec.
//
// Runs of one function may overlap, as in cron; cron.SkipIfStillRunning is the chain that keeps them apart.
func AddFunc(c *cron.Cron, spec, slug string, run func(context.Context) error, opts ...Option) (cron.EntryID, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if o.ctx == nil {
		o.ctx = context.Background()
	}
	task := sentryconfig.Task{Type: slug, Monitor: o.monitor(c, spec, slug)}
	id, err := c.AddFunc(spec, func() {
		if o.client != nil {
			_ = o.client.RunTask(o.ctx, task, run)
			return
		}
		_ = sentryconfig.RunTask(o.ctx, task, run)
	})
	if err == nil && task.Monitor == nil {
		engine.Logger(o.client).Warn("sentrycron: a function has no monitor: Sentry has no schedules of seconds",
			"spec", spec, "slug", slug)
	}
	return id, err
}

// monitor returns the monitor of a function, nil where Sentry has none for its schedule.
func (o *options) monitor(c *cron.Cron, spec, slug string) *sentryconfig.Monitor {
	config := o.config
	schedule, zone := scheduleOf(spec)
	if config.Schedule == nil {
		if config.Schedule = schedule; schedule == nil {
			return nil
		}
	}
	for _, name := range []string{zone, o.timezone, locationName(c)} {
		if config.Timezone == "" {
			config.Timezone = name
		}
	}
	return &sentryconfig.Monitor{Slug: slug, Config: &config}
}

// locationName is the name of c's timezone, "" for one that has none: Sentry takes UTC then.
func locationName(c *cron.Cron) string {
	if name := c.Location().String(); name != "Local" {
		return name
	}
	return ""
}

// fields is how many a spec without seconds has.
const fields = 5

// scheduleOf returns Sentry's schedule for spec, nil where it has none, and the timezone that spec names.
func scheduleOf(spec string) (schedule sentry.MonitorSchedule, zone string) {
	spec = strings.TrimSpace(spec)
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(spec, prefix); ok {
			zone, spec, _ = strings.Cut(rest, " ")
			spec = strings.TrimSpace(spec)
			break
		}
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		d, err := time.ParseDuration(every)
		if err != nil || d < time.Minute || d%time.Minute != 0 {
			return nil, zone
		}
		return sentry.IntervalSchedule(int64(d/time.Minute), sentry.MonitorScheduleUnitMinute), zone
	}
	if names := strings.Fields(spec); len(names) != fields && !strings.HasPrefix(spec, "@") {
		return nil, zone
	}
	return sentry.CrontabSchedule(crontab(spec)), zone
}

// crontab writes a spec as Sentry reads it: ? is cron's other way to say *.
func crontab(spec string) string {
	switch spec {
	case "@annually":
		return "@yearly"
	case "@midnight":
		return "@daily"
	}
	return strings.ReplaceAll(strings.Join(strings.Fields(spec), " "), "?", "*")
}
