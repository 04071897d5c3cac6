package sentryconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/settings"
	"github.com/autoservice/sentryconfig/internal/tally"
)

// An Alert sets a limit on the failure rate of a task type: the share of failed runs among those that ended within
// Window. When the rate rises above the limit, one event of level warning reports it: "backup: failure rate 60 % (6 of
// 10 in 15m)". When the rate is back at or below the limit, one event of level info follows. Both have the fingerprint
// [type, "failure_rate"]. The next warning comes at least one window after the last, so a rate that swings around the
// limit doesn't flood Sentry. [TaskStats] says which runs count as failures.
//
// The rate is checked at the end of each run. The counts are kept in memory, per Client, for the first 1,000 task
// types.
type Alert struct {
	TaskType       string        // JSON task_type; "": every type, each counted separately
	Window         time.Duration // JSON window, a string such as "15m"; above 0, counted in steps of a sixtieth
	MinRuns        int           // JSON min_runs; no warning with fewer runs in the window. 0 means 1
	MaxFailureRate float64       // JSON max_failure_rate; 0 to 1
}

// readAlerts reads the JSON list of alerts. An unknown name inside an alert is an error: ignoring it would leave an
// alert with another meaning.
func (o *Options) readAlerts(raw json.RawMessage) error {
	var list []struct {
		TaskType       string          `json:"task_type"`
		Window         json.RawMessage `json:"window"`
		MinRuns        int             `json:"min_runs"`
		MaxFailureRate float64         `json:"max_failure_rate"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return err
	}
	alerts := make([]Alert, 0, len(list))
	for i, w := range list {
		a := Alert{TaskType: w.TaskType, MinRuns: w.MinRuns, MaxFailureRate: w.MaxFailureRate}
		if w.Window != nil {
			if err := settings.Duration(&a.Window)(w.Window); err != nil {
				return fmt.Errorf("window of alert %d: %w", i, err)
			}
		}
		alerts = append(alerts, a)
	}
	o.Alerts = alerts
	return nil
}

func alertsOf(list []Alert) (alerts []tally.Alert) {
	for _, a := range list {
		alerts = append(alerts, tally.Alert(a))
	}
	return alerts
}

// reportRate captures the event for an alert that was raised or has ended.
func (c *Client) reportRate(taskType string, change tally.Change) {
	// The nil task: a rate belongs to no single run.
	ctx := context.WithValue(context.Background(), taskKey{}, (*TaskSpan)(nil))
	e, _ := c.newEvent(ctx, taskType, nil, nil)
	e.Level = sentry.LevelInfo
	if change.Raised {
		e.Level = sentry.LevelWarning
	}
	e.Message = taskType + ": " + change.String()
	e.Tags["failure_type"] = "failure_rate"
	e.Contexts["failure_rate"] = sentry.Context{"runs": change.Runs, "failures": change.Failures,
		"window": settings.DurationText(change.Alert.Window), "min_runs": change.Alert.MinRuns,
		"max_failure_rate": change.Alert.MaxFailureRate}
	c.send(ctx, nil, e, []string{taskType, "failure_rate"}, nil)
}
