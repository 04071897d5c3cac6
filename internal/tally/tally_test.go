package tally

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestTypes(t *testing.T) {
	var types Types
	failed, succeeded := types.Begin("backup"), types.Begin("backup")
	failed.End(true, false)
	succeeded.End(false, true)
	types.Begin("backup").End(false, false) // cancelled, say
	types.Begin("backup").Drop()
	types.Begin("backup")
	types.Begin("scan")

	all := make(map[string]Stats)
	for name, s := range types.All() {
		all[name] = s
	}
	backup, scan := all["backup"], all["scan"]
	if backup.Runs != 3 || backup.Failures != 1 || backup.Running != 1 {
		t.Errorf("backup: %+v", backup)
	}
	if backup.LastFailure.IsZero() || backup.LastSuccess.Before(backup.LastFailure) {
		t.Errorf("backup: last failure %v, then last success %v", backup.LastFailure, backup.LastSuccess)
	}
	if scan != (Stats{Running: 1}) || len(all) != 2 {
		t.Errorf("scan: %+v, all: %v", scan, all)
	}
}

// A type above the limit isn't counted; the known ones still are.
func TestTypesAboveTheLimit(t *testing.T) {
	var types Types
	for i := range maxTaskTypes {
		types.Begin(fmt.Sprint(i))
	}
	if other := types.Begin("one more"); other != nil {
		t.Errorf("one more: %+v", other)
	} else {
		other.End(true, false)
		other.Drop()
		if changes := other.Watch([]Alert{{Window: time.Minute}}, 0, true); changes != nil {
			t.Errorf("one more: %v", changes)
		}
	}
	if types.Begin("0") == nil {
		t.Error("a known type isn't counted")
	}
	n := 0
	for range types.All() {
		n++
	}
	if n != maxTaskTypes {
		t.Errorf("%d types, want %d", n, maxTaskTypes)
	}
}

// watch makes runs of one type at the given times, and returns what changes with each: "" for nothing.
func watch(kind *Type, alerts []Alert, failed bool, times ...time.Duration) (changes []string) {
	for _, at := range times {
		text := ""
		for _, c := range kind.Watch(alerts, at, failed) {
			state := "over"
			if c.Raised {
				state = "raised"
			}
			text += state + " " + c.String()
		}
		changes = append(changes, text)
	}
	return changes
}

func TestAlert(t *testing.T) {
	const minute = time.Minute
	kind := new(Types).Begin("backup")
	alerts := []Alert{{TaskType: "backup", Window: time.Hour, MinRuns: 3, MaxFailureRate: 0.5}}
	for _, step := range []struct {
		failed bool
		at     time.Duration
		want   string
	}{
		{true, 0, ""},
		{true, minute, ""}, // fewer than MinRuns
		{true, 2 * minute, "raised failure rate 100 % (3 of 3 in 1h)"},
		{false, 3 * minute, ""},
		{false, 4 * minute, ""},
		{false, 5 * minute, "over failure rate 50 % (3 of 6 in 1h)"}, // not above the rate any more
		{true, 6 * minute, ""},  // above it, but within a window of the last warning
		{true, 62 * minute, ""}, // 2 of 5: the first three failures have left the window
		{true, 62 * minute, ""}, // 3 of 6 isn't above it
		{true, 62 * minute, "raised failure rate 57 % (4 of 7 in 1h)"},
		{false, 5 * time.Hour, "over failure rate 0 % (0 of 1 in 1h)"},
	} {
		if got := watch(kind, alerts, step.failed, step.at)[0]; got != step.want {
			t.Errorf("%v: %q, want %q", step.at, got, step.want)
		}
	}
}

// An alert that stays keeps its counts; one for another type has no part.
func TestAlertsChange(t *testing.T) {
	kind := new(Types).Begin("backup")
	stays := Alert{Window: time.Hour, MinRuns: 3}
	other := Alert{TaskType: "scan", Window: time.Hour}
	before, after := []Alert{stays, other}, []Alert{other, stays}
	got := slices.Concat(watch(kind, before, true, 0, 1), watch(kind, after, true, 2))
	if want := []string{"", "", "raised failure rate 100 % (3 of 3 in 1h)"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := watch(kind, nil, true, 3); got[0] != "" {
		t.Errorf("without alerts: %q", got)
	}
}

func TestAlertCheck(t *testing.T) {
	for _, a := range []Alert{
		{},
		{Window: -1},
		{Window: 1, MinRuns: -1},
		{Window: 1, MaxFailureRate: -0.1},
		{Window: 1, MaxFailureRate: 1.1},
	} {
		if a.Check("Alerts[0]") == nil {
			t.Errorf("%+v passes", a)
		}
	}
	if err := (Alert{Window: 1, MaxFailureRate: 1}).Check("Alerts[0]"); err != nil {
		t.Error(err)
	}
}
