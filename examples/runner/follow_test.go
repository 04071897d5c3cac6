package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig"
)

const (
	settingsOn  = `{"sentry_enabled": true }` // as long as settingsOff: size alone tells nothing
	settingsOff = `{"sentry_enabled": false}`
)

func writeFileAt(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err) // it may be called from a server's goroutine
	}
}

// A step changes the settings between two tasks and says whether what happens then is reported.
type step struct {
	name     string
	change   func(t *testing.T, path string)
	reported bool
}

// follow runs a list in which each step's change is made by a task of its own, before one that panics. It returns what
// the run left behind; results 2n and 2n+1 are of step n.
func follow(t *testing.T, before string, steps []step, args ...string) *outcome {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app_settings.json")
	writeFileAt(t, path, before)
	editor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil {
			t.Error(err)
			return
		}
		steps[n].change(t, path)
	}))
	defer editor.Close()
	var tasks []map[string]any
	for n := range steps {
		tasks = append(tasks, map[string]any{"type": "http_check", "url": fmt.Sprintf("%s/%d", editor.URL, n)},
			map[string]any{"type": "demo_panic"})
	}
	o := execute(t, exitFailed, toJSON(tasks), append(args, "-settings", path, "-")...)
	for n, s := range steps {
		if r := o.report.Results[2*n]; r.Status != statusSuccess {
			t.Errorf("%s: %+v", s.name, r)
		}
		if got := o.report.Results[2*n+1].EventID != ""; got != s.reported {
			t.Errorf("%s: reported %v, want %v", s.name, got, s.reported)
		}
	}
	for line := range strings.Lines(o.stderr) {
		if strings.Contains(line, "settings") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return o
}

func inPlace(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) { writeFileAt(t, path, text) }
}

func renamed(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		writeFileAt(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
}

func removed(t *testing.T, path string) {
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

func folder(t *testing.T, path string) {
	removed(t, path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Error(err)
	}
}

func nothing(*testing.T, string) {}

// TestSettingsAreFollowed edits the settings as editors and administrators do while tasks run.
func TestSettingsAreFollowed(t *testing.T) {
	t.Parallel()
	o := follow(t, settingsOn, []step{
		{"untouched", nothing, true},
		{"written in place", inPlace(settingsOff), false},
		{"in place again, as long as before", inPlace(settingsOn), true},
		{"and again", inPlace(settingsOff), false},
		{"renamed", renamed(settingsOn), true},
		{"empty for a moment", inPlace(""), true},
		{"still empty", nothing, true},
		{"and full again", inPlace(settingsOff), false},
		{"half written", inPlace(settingsOn[:12]), false},
		{"deleted", removed, false},
		{"still gone", nothing, false},
		{"back again", inPlace(settingsOn), true},
		{"a folder", folder, true},
		{"still a folder", nothing, true},
		{"no folder any more", func(t *testing.T, path string) {
			removed(t, path)
			writeFileAt(t, path, settingsOff)
		}, false},
		{"a mistyped opt-out", inPlace(`{"sentry": {"is_enabled": true}}`), false},
		{"a value that makes no sense", inPlace(`{"sentry": {"max_per_minute": -1}}`), false},
		{"corrected", inPlace(settingsOn), true},
	})
	for text, want := range map[string]int{
		"unexpected end of JSON input": 2, // empty, half written
		"is gone":                      1,
		"is a folder":                  1,
		"is_enabled":                   1,
		"MaxPerMinute is -1":           1,
		"can be read again":            4,
	} {
		if n := strings.Count(o.stderr, text); n != want {
			t.Errorf("said %d times, want %d: %q", n, want, text)
		}
	}
	if strings.Contains(o.stderr, "reporting is off") {
		t.Error("the end says that nothing was reported")
	}
}

// TestSettingsThatStay changes what can't be changed while tasks run: it is said once, and the rest holds.
func TestSettingsThatStay(t *testing.T) {
	t.Parallel()
	server, other := newServer(t), newServer(t)
	section := func(more string) string {
		return `{"sentry": {"environment": "staging", "release": "2.0.0", "outbox_bytes": 1000000,
			"dsn": ` + toJSON(other.DSN()) + more + `}}`
	}
	o := follow(t, `{"sentry": {"environment": "production", "release": "1.0.0"}}`, []step{
		{"off and moved", inPlace(section(`, "enabled": false`)), false},
		{"on and moved", inPlace(section("")), true},
		{"the list wins over the settings", inPlace(section(`, "enabled": true`)), true},
	}, "-dsn", server.DSN())
	event := server.WaitEvents(1, time.Minute)[0]
	if event.Environment != "production" || event.Release != "1.0.0" {
		t.Errorf("environment %q, release %q", event.Environment, event.Release)
	}
	if n := other.Requests(); n > 0 {
		t.Errorf("%d requests at another server", n)
	}
	n := strings.Count(o.stderr, "environment, outbox_bytes, release")
	if n != 1 || strings.Contains(o.stderr, "dsn,") {
		t.Errorf("said %d times, want once, and without the DSN, which the flag decides: %s", n, o.stderr)
	}
}

// TestOptOutAtTheEnd switches reporting off before the first task: nothing was reported, and the end says why.
func TestOptOutAtTheEnd(t *testing.T) {
	t.Parallel()
	o := follow(t, settingsOff, []step{{"on and off again, for no task", nothing, false}})
	if !strings.Contains(o.stderr, "reporting is off") {
		t.Errorf("the end doesn't say that nothing was reported: %s", o.stderr)
	}
}

// startFollower begins to follow a settings file in this process.
func startFollower(t *testing.T, text string) *follower {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app_settings.json")
	writeFileAt(t, path, text)
	begun := sentryconfig.Options{Logger: slog.New(slog.DiscardHandler)}
	if err := sentryconfig.Init(begun); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sentryconfig.Close(0) })
	w := &work{flags: &runnerFlags{settings: path}, list: &list{}, filter: newFilter(nil)}
	return newFollower(w, sentryconfig.Options{}, begun)
}

// TestNewSecretKeys adds a name to secret_keys: report and log follow as well.
func TestNewSecretKeys(t *testing.T) {
	f := startFollower(t, `{}`)
	writeFileAt(t, f.path, `{"sentry": {"secret_keys": ["badge"]}}`)
	f.look()
	r := result{Summary: summary{"badge": "4711"}}
	if f.filter.result(&r, nil); r.Summary["badge"] != filtered {
		t.Errorf("summary %v", r.Summary)
	}
}

// TestSettingsAreReadWhenChanged looks again and again at files that change or don't.
func TestSettingsAreReadWhenChanged(t *testing.T) {
	f := startFollower(t, settingsOn)
	reads := 0
	f.load = func(path string) (sentryconfig.Options, error) {
		reads++
		return sentryconfig.LoadOptions(path)
	}
	date := func(age time.Duration) {
		t.Helper()
		when := time.Now().Add(-age).Truncate(time.Second)
		if err := os.Chtimes(f.path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		reads  int // by three looks
	}{
		{"of old", func() { date(3 * time.Hour) }, 1},
		{"of another date", func() { date(2 * time.Hour) }, 1},
		{"of another size", func() { writeFileAt(t, f.path, settingsOn+" "); date(2 * time.Hour) }, 1},
		{"another file", func() { renamed(settingsOn+" ")(t, f.path); date(2 * time.Hour) }, 1},
		{"of just now, which a change in the same moment may follow", func() { date(-time.Hour) }, 3},
		{"gone", func() { removed(t, f.path) }, 0},
		{"broken", func() { writeFileAt(t, f.path, "{"); date(2 * time.Hour) }, 1},
	} {
		reads = 0
		step.change()
		for range 3 {
			f.look()
		}
		if reads != step.reads {
			t.Errorf("%s: read %d times, want %d", step.name, reads, step.reads)
		}
	}
}

// TestLooksSideBySide looks from several tasks at once while the settings change and a report is filtered.
func TestLooksSideBySide(t *testing.T) {
	f := startFollower(t, settingsOn)
	var tasks sync.WaitGroup
	for i := range 4 {
		tasks.Go(func() {
			for range 20 {
				if i == 0 {
					writeFileAt(t, f.path, []string{settingsOff, settingsOn}[rand.IntN(2)])
				}
				f.look()
				f.filter.result(&result{Summary: summary{"stdout": "x"}}, nil)
			}
		})
	}
	tasks.Wait()
	writeFileAt(t, f.path, settingsOff)
	if f.look(); f.enabled() {
		t.Error("the last change is lost")
	}
}
