package noise

import (
	"fmt"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
)

const minute = time.Minute

func event(message string, fingerprint ...string) *sentry.Event {
	return &sentry.Event{Message: message, Fingerprint: fingerprint, Tags: map[string]string{"own": "tag"}}
}

func TestCount(t *testing.T) {
	l := New()
	for i, step := range []struct {
		fingerprint string
		at          time.Duration
		held        bool
		unsent      int
		tag         string // held_back of an event that passes
	}{
		{"a", 0, false, 0, ""},
		{"a", 0, false, 0, ""},
		{"a", 0, true, 0, ""}, // kept
		{"a", 0, true, 1, ""}, // takes the place of the one before
		{"b", 0, false, 0, ""},
		{"a", minute, false, 1, "2"}, // passes with their number, so the kept one isn't sent
		{"a", minute, false, 0, ""},
		{"a", minute, true, 0, ""},
		{"b", 9 * minute, false, 0, ""},
	} {
		e := event("message", step.fingerprint)
		d := l.Count(e, 2, false, step.at)
		if d.Held != step.held || d.Unsent != step.unsent || e.Tags["held_back"] != step.tag || d.PushedOut != nil {
			t.Errorf("step %d: %+v, tags %v, want %+v", i, d, e.Tags, step)
		}
	}
	if l.Total() != 3 {
		t.Errorf("%d held back, want 3", l.Total())
	}
}

// Without a fingerprint of their own events are told apart by message and exceptions.
func TestCountWithoutFingerprint(t *testing.T) {
	l := New()
	exception := func(value string) *sentry.Event {
		return &sentry.Event{Exception: []sentry.Exception{{Type: "error", Value: value}}}
	}
	for _, e := range []*sentry.Event{event("one"), event("two"), exception("one"), exception("two"), {}} {
		first, second := l.Count(e, 1, false, 0), l.Count(e, 1, false, 0)
		if first.Held || !second.Held {
			t.Errorf("%+v: first %+v, second %+v", e, first, second)
		}
	}
}

// When no other event passes, the newest that was held back is due at the end of the following minute, once.
func TestDue(t *testing.T) {
	l := New()
	if kept, next := l.Due(minute); kept != nil || next != clock.Never {
		t.Errorf("a new Limiter: %v, next %v", kept, next)
	}
	l.Count(event("passes", "a"), 1, false, minute)
	if d := l.Count(event("first", "a"), 1, false, minute); !d.Sooner {
		t.Errorf("%+v", d)
	}
	newest := event("newest", "a")
	newest.Contexts = map[string]sentry.Context{"task": {"data": map[string]any{"disk": "C:"}}}
	newest.Breadcrumbs = []*sentry.Breadcrumb{{Message: "step"}}
	if d := l.Count(newest, 1, true, minute+time.Second); d.Sooner {
		t.Errorf("%+v", d)
	}
	newest.Tags["own"] = "changed"
	newest.Contexts["task"]["data"].(map[string]any)["disk"] = "changed"
	newest.Breadcrumbs[0].Message = "changed"
	const due = 3 * minute
	if kept, next := l.Due(due - 1); kept != nil || next != due {
		t.Errorf("before its time: %v, next %v", kept, next)
	}
	kept, next := l.Due(due)
	if len(kept) != 1 || next != clock.Never || !kept[0].Personal {
		t.Fatalf("in its time: %+v, next %v", kept, next)
	}
	e := kept[0].Event
	disk := e.Contexts["task"]["data"].(map[string]any)["disk"]
	if e.Message != "newest" || e.Tags["held_back"] != "2" || e.Tags["own"] != "tag" || disk != "C:" ||
		e.Breadcrumbs[0].Message != "step" {
		t.Errorf("%+v, disk %v, breadcrumb %+v", e, disk, e.Breadcrumbs[0])
	}
	// It counts as one of its minute.
	if d := l.Count(event("later", "a"), 1, false, due); !d.Held {
		t.Errorf("%+v", d)
	}
	if all := l.All(); len(all) != 1 || all[0].Event.Message != "later" || len(l.All()) != 0 {
		t.Errorf("all: %+v", all)
	}
}

// sameSet returns n fingerprints of one set of the table.
func sameSet(l *Limiter, n int) (list []string) {
	for i := 0; len(list) < n; i++ {
		name := fmt.Sprint(i)
		if l.key(event("", name))%sets == 0 {
			list = append(list, name)
		}
	}
	return list
}

// Where the table is full, the quietest fingerprint leaves; an event that was kept for it is sent at once.
func TestFullTable(t *testing.T) {
	l := New()
	names := sameSet(l, ways+2)
	for _, name := range names[:ways] {
		l.Count(event("", name), 1, false, 0)
		l.Count(event("kept", name), 1, false, 0)
	}
	for _, name := range names[1:ways] { // all but the first are louder
		l.Count(event("newest", name), 1, false, 0)
	}
	d := l.Count(event("", names[ways]), 1, false, 0)
	if d.Held || d.PushedOut == nil || d.PushedOut.Event.Fingerprint[0] != names[0] ||
		d.PushedOut.Event.Tags["held_back"] != "1" {
		t.Fatalf("%+v, want the event of %s", d, names[0])
	}
	if d := l.Count(event("", names[ways+1]), 1, false, 0); d.Held || d.PushedOut != nil {
		t.Errorf("%+v, want the place of one that holds nothing", d)
	}
	if d := l.Count(event("", names[1]), 1, false, 0); !d.Held {
		t.Errorf("a loud fingerprint was forgotten: %+v", d)
	}
}

// Above maxKept events the number alone is kept, for the next event that passes.
func TestMaxKept(t *testing.T) {
	l := New()
	for i := range maxKept {
		l.Count(event("", fmt.Sprint(i)), 0, false, 0)
	}
	if d := l.Count(event("", "one more"), 0, false, 0); !d.Held || d.Unsent != 1 || d.Sooner {
		t.Errorf("%+v", d)
	}
	e := event("", "one more")
	if d := l.Count(e, 1, false, 0); d.Held || e.Tags["held_back"] != "1" || d.Unsent != 0 {
		t.Errorf("%+v, tags %v", d, e.Tags)
	}
	if n := len(l.All()); n != maxKept {
		t.Errorf("%d kept, want %d", n, maxKept)
	}
}
