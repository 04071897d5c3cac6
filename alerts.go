package sentryconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/settings"
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

// check finds values that make no sense.
func (a Alert) check(name string) error {
	if a.Window <= 0 {
		return fmt.Errorf("sentryconfig: %s.Window is %v, want a duration above 0", name, a.Window)
	}
	if a.MinRuns < 0 {
		return fmt.Errorf("sentryconfig: %s.MinRuns is %d, want a number of runs", name, a.MinRuns)
	}
	return settings.CheckRate(name+".MaxFailureRate", a.MaxFailureRate)
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

// A rateChange says that an alert was raised, or is over.
type rateChange struct {
	alert          Alert
	raised         bool
	runs, failures int
}

// rateBuckets is how many parts a window is counted in: so much of it is what counts too short at most, and each takes
// 8 bytes for each alert and task type.
const rateBuckets = 60

// A rateWindow counts the runs of one task type for one alert.
type rateWindow struct {
	alert          Alert
	buckets        [rateBuckets]struct{ runs, failures uint32 } // a ring
	newest         int64                                        // the number of the newest bucket, from the Client's start
	runs, failures int                                          // of all buckets
	raised         bool
	rested         time.Duration // when the next warning may come
}

// count counts a run that ended now, and reports whether the alert is raised or over because of it.
func (w *rateWindow) count(now time.Duration, failed bool) bool {
	w.advance(int64(now / max(w.alert.Window/rateBuckets, 1)))
	b := &w.buckets[w.newest%rateBuckets]
	b.runs++
	w.runs++
	if failed {
		b.failures++
		w.failures++
	}
	above := float64(w.failures) > w.alert.MaxFailureRate*float64(w.runs)
	switch {
	case w.raised && !above:
		w.raised = false
		return true
	case !w.raised && above && w.runs >= w.alert.MinRuns && now >= w.rested:
		w.raised, w.rested = true, now+w.alert.Window
		return true
	}
	return false
}

// advance empties the buckets between the newest and the one with the given number.
func (w *rateWindow) advance(number int64) {
	if number-w.newest >= rateBuckets {
		w.buckets, w.runs, w.failures = [rateBuckets]struct{ runs, failures uint32 }{}, 0, 0
		w.newest = number
	}
	for w.newest < number {
		w.newest++
		b := &w.buckets[w.newest%rateBuckets]
		w.runs -= int(b.runs)
		w.failures -= int(b.failures)
		b.runs, b.failures = 0, 0
	}
}

// rates are the windows of one task type.
type rates struct {
	mu      sync.Mutex
	of      []Alert // the policy's, that windows was made for
	windows []*rateWindow
}

// count counts a run of the type that ended now.
func (r *rates) count(taskType string, alerts []Alert, now time.Duration, failed bool) (changes []rateChange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !sameList(r.of, alerts) {
		r.follow(taskType, alerts)
	}
	for _, w := range r.windows {
		if w.count(now, failed) {
			changes = append(changes, rateChange{w.alert, w.raised, w.runs, w.failures})
		}
	}
	return changes
}

// follow makes the windows those of alerts; what was counted for one that stays is kept.
func (r *rates) follow(taskType string, alerts []Alert) {
	known := make(map[Alert]*rateWindow, len(r.windows))
	for _, w := range r.windows {
		known[w.alert] = w
	}
	r.of, r.windows = alerts, nil
	for _, a := range alerts {
		if a.TaskType != "" && a.TaskType != taskType {
			continue
		}
		w := known[a]
		if w == nil {
			w = &rateWindow{alert: a}
		}
		delete(known, a) // the same alert twice has two windows
		r.windows = append(r.windows, w)
	}
}

// sameList reports whether a and b are one list in memory.
func sameList(a, b []Alert) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// reportRate captures that an alert was raised, or is over.
func (c *Client) reportRate(taskType string, change rateChange) {
	ctx := context.WithValue(context.Background(), taskKey{}, (*TaskSpan)(nil)) // it belongs to no task that runs
	e, _ := c.newEvent(ctx, taskType, nil, nil)
	e.Level = sentry.LevelInfo
	if change.raised {
		e.Level = sentry.LevelWarning
	}
	window := shortDuration(change.alert.Window)
	share := math.Round(100 * float64(change.failures) / float64(change.runs))
	e.Message = fmt.Sprintf("%s: failure rate %.0f %% (%d of %d in %s)",
		taskType, share, change.failures, change.runs, window)
	e.Tags["failure_type"] = "failure_rate"
	e.Contexts["failure_rate"] = sentry.Context{"runs": change.runs, "failures": change.failures, "window": window,
		"min_runs": change.alert.MinRuns, "max_failure_rate": change.alert.MaxFailureRate}
	c.send(ctx, nil, e, []string{taskType, "failure_rate"}, nil)
}

// shortDuration is d without parts that are 0: "15m" for "15m0s".
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
