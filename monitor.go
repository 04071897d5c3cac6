package sentryconfig

import (
	"log/slog"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A Monitor makes check-ins for Sentry Crons: in_progress when the task begins, then ok or error with the duration. All
// attempts at a [Job] share one check-in, which stays in_progress until the engine stops retrying.
//
// A check-in that can't be delivered within 10 minutes is dropped and counted, because Sentry dates check-ins by their
// arrival.
type Monitor struct {
	Slug   string                // 1 to 50 of a-z 0-9 - _; otherwise a warning, and no check-in
	Config *sentry.MonitorConfig // creates or updates the monitor in Sentry; nil: the monitor exists there
	// If Sentry can't read Config's schedule, a warning is logged and the check-in is sent without Config.
}

// Adapters of engines use their Client's logger.
var _ = engine.SetLoggers(func(client any) *slog.Logger {
	c, _ := client.(*Client)
	if c == nil {
		c = Default()
	}
	if c == nil {
		return nil
	}
	return c.logger
})

// monitoring is the Monitor of a running task.
type monitoring struct {
	Monitor
	id    sentry.EventID // the check-in's
	began time.Time
	sent  bool // the final check-in was sent; guarded by the task's mu
}

// monitor returns the check-in state of a task, nil if Sentry would reject the monitor.
func (c *Client) monitor(m *Monitor, a *attempt) *monitoring {
	if m.Slug == "" || work.FitSlug(m.Slug) != m.Slug {
		if _, again := c.badSlugs.LoadOrStore(strings.Clone(m.Slug), true); again {
			return nil
		}
		c.logger.Warn("sentryconfig: a task makes no check-ins: the slug of its monitor isn't 1 to 50 of a-z, 0-9, - "+
			"and _", "slug", m.Slug)
		return nil
	}
	running := &monitoring{Monitor: *m, began: time.Now()}
	if m.Config != nil {
		config := *m.Config
		running.Config = &config
	}
	if a.job != nil {
		running.id = sentry.EventID(a.facts().EventID("check-in", 0))
	}
	if running.id == "" {
		running.id = envelope.NewID()
	}
	return running
}

// warnOfSchedule logs, once per monitor, that its configuration is left out.
func (c *Client) warnOfSchedule(slug string) {
	if _, again := c.badSlugs.LoadOrStore(strings.Clone(slug), true); !again {
		c.logger.Warn("sentryconfig: check-ins are sent without the configuration of their monitor: its schedule is "+
			"neither a crontab nor an interval of whole units", "slug", slug)
	}
}

func (t *TaskSpan) beginCheckIn() {
	if t.attempt != nil && t.attempt.monitor != nil {
		t.captureCheckIn(sentry.CheckInStatusInProgress, 0)
	}
}

// sendCheckIn sends the final check-in of t, once, if its status is known.
func (t *TaskSpan) sendCheckIn() {
	a := t.attempt
	if a == nil || a.monitor == nil {
		return
	}
	t.mu.Lock()
	status, sent := a.checkIn, a.monitor.sent
	a.monitor.sent = sent || status != ""
	t.mu.Unlock()
	if status == "" || sent {
		return
	}
	var took time.Duration
	if status != sentry.CheckInStatusInProgress {
		took = time.Since(a.monitor.began)
	}
	t.captureCheckIn(status, took)
}

func (t *TaskSpan) captureCheckIn(status sentry.CheckInStatus, took time.Duration) {
	c, m := t.client, t.attempt.monitor
	if !c.finishing() || c.offs.Load() != t.offs {
		return
	}
	checkIn := &sentry.CheckIn{ID: m.id, MonitorSlug: m.Slug, Status: status, Duration: took}
	scope := t.sentryHub().Scope()
	c.process(outbox.CategoryMonitor, func() {
		c.captureWith(scope, func() { c.client.CaptureCheckIn(checkIn, m.Config, scope) })
	})
}
