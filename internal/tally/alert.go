package tally

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/internal/settings"
)

// An Alert is the same as sentryconfig.Alert.
type Alert struct {
	TaskType       string
	Window         time.Duration
	MinRuns        int
	MaxFailureRate float64
}

// Check returns an error for values that make no sense; name is the alert's name in it.
func (a Alert) Check(name string) error {
	if a.Window <= 0 {
		return fmt.Errorf("sentryconfig: %s.Window is %v, want a duration above 0", name, a.Window)
	}
	if a.MinRuns < 0 {
		return fmt.Errorf("sentryconfig: %s.MinRuns is %d, want a number of runs", name, a.MinRuns)
	}
	return settings.CheckRate("sentryconfig: "+name+".MaxFailureRate", a.MaxFailureRate)
}

// A Change says that a run raised or ended an alert.
type Change struct {
	Alert          Alert
	Raised         bool
	Runs, Failures int // in the window
}

// String returns a phrase: "failure rate 60 % (6 of 10 in 15m)".
func (c Change) String() string {
	share := math.Round(100 * float64(c.Failures) / float64(c.Runs))
	return fmt.Sprintf("failure rate %.0f %% (%d of %d in %s)",
		share, c.Failures, c.Runs, settings.DurationText(c.Alert.Window))
}

// buckets is the number of parts that a window is counted in. So a window is at most one part too short. Each part
// takes 8 bytes per alert and task type.
const buckets = 60

// A window counts the runs of one task type for one alert.
type window struct {
	alert          Alert
	counts         [buckets]struct{ runs, failures uint32 } // a ring
	newest         int64                                    // number of the newest bucket since the Clock's start
	runs, failures int                                      // of all buckets together
	raised         bool
	rested         time.Duration // earliest time of the next warning
}

// count counts a run that ended now, and reports whether it raises or ends the alert.
func (w *window) count(now time.Duration, failed bool) bool {
	w.advance(int64(now / max(w.alert.Window/buckets, 1)))
	b := &w.counts[w.newest%buckets]
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

// advance clears the buckets after the newest, up to the one with the given number.
func (w *window) advance(number int64) {
	if number-w.newest >= buckets {
		w.counts, w.runs, w.failures = [buckets]struct{ runs, failures uint32 }{}, 0, 0
		w.newest = number
	}
	for w.newest < number {
		w.newest++
		b := &w.counts[w.newest%buckets]
		w.runs -= int(b.runs)
		w.failures -= int(b.failures)
		b.runs, b.failures = 0, 0
	}
}

// rates holds the windows of one task type.
type rates struct {
	mu      sync.Mutex
	of      []Alert // the list that windows was built from
	windows []*window
}

// count counts a run of the type that ended now.
func (r *rates) count(taskType string, alerts []Alert, now time.Duration, failed bool) (changes []Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !sameList(r.of, alerts) {
		r.follow(taskType, alerts)
	}
	for _, w := range r.windows {
		if w.count(now, failed) {
			changes = append(changes, Change{w.alert, w.raised, w.runs, w.failures})
		}
	}
	return changes
}

// follow builds the windows for alerts. An alert that stays keeps its counts.
func (r *rates) follow(taskType string, alerts []Alert) {
	known := make(map[Alert]*window, len(r.windows))
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
			w = &window{alert: a}
		}
		delete(known, a) // two equal alerts get two windows
		r.windows = append(r.windows, w)
	}
}

// sameList reports whether a and b are the same list in memory.
func sameList(a, b []Alert) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }
