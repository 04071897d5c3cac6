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

// An Alert is a limit on the share of runs that fail, of the runs of one task type that ended within a window. When
// the share goes above it, an event of level warning says so, "backup: failure rate 60 % (6 of 10 in 15m)"; when it
// is back, one of level info. Both have the fingerprint [type, "failure_rate"]. After a warning, the next one comes a
// window later at the earliest, so that a share that swings around the limit is no flood. What counts as a failure is
// what [TaskStats] says.
//
// The share is looked at when a run ends. It is kept in memory, for one Client, of as many task types as TaskStats are.
type Alert struct {
	TaskType       string        // JSON task_type; "": each type by itself
	Window         time.Duration // JSON window, a text such as "15m"; how far back runs count, to a sixtieth of it
	MinRuns        int           // JSON min_runs; with fewer runs in the window there is no warning. 0 is 1
	MaxFailureRate float64       // JSON max_failure_rate; 0 to 1
}

// readAlerts reads a list of alerts. An unknown name in one of them is an error: without what it was meant for, the
// alert would be another.
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

// alertsOf returns a copy of list.
func alertsOf(list []Alert) (alerts []tally.Alert) {
	for _, a := range list {
		alerts = append(alerts, tally.Alert(a))
	}
	return alerts
}

// reportRate captures that an alert was raised, or is over.
func (c *Client) reportRate(taskType string, change tally.Change) {
	ctx := context.WithValue(context.Background(), taskKey{}, (*TaskSpan)(nil)) // it belongs to no task that runs
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
