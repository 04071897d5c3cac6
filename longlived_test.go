package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// A runner works for an hour while its settings, its server and its tasks misbehave. What it captured arrives, once,
// and what didn't is counted. The bubble ends only if no goroutine is left.
func TestRunnerForAnHour(t *testing.T) {
	server := newServer(t)
	server.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		switch {
		case n%5 == 1:
			w.WriteHeader(http.StatusInternalServerError)
		case n%11 == 2:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case n%13 == 3:
			panic(http.ErrAbortHandler) // the line breaks
		default:
			return false
		}
		return true
	})
	settings := []string{
		`{"sentry_enabled": true, "sentry": {"max_per_minute": 2, "stuck_after": "3m",
			"alerts": [{"window": "10m", "min_runs": 5, "max_failure_rate": 0.5}]}}`,
		`{"sentry_enabled": true, "sentry": {"max_per_min`, // an editor is writing it
		``,
		`{"sentry_enabled": true, "sentry": {"max_per_minute": -1}}`,
		`{"sentry_enabled": true, "sentry": {"max_per_minute": 4, "traces_sample_rate": 0.5, "send_system_info": false}}`,
		`{"sentry_enabled": true, "sentry": {"outbox_bytes": 7}}`, // can't be changed now
		`{"sentry_enabled": false}`,
		`{"sentry_enabled": true, "sentry": {"stuck_after": "10m", "alerts": [{"window": "1h"}]}}`,
	}
	path := filepath.Join(t.TempDir(), "app_settings.json")
	synctest.Test(t, func(t *testing.T) {
		fixed := func(o sentryconfig.Options) sentryconfig.Options {
			o.DSN, o.OutboxBytes = server.DSN(), max(o.OutboxBytes, 8<<20)
			return o
		}
		client, err := sentryconfig.New(fixed(sentryconfig.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		follow := func(text string) (bad error) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Error(err)
			}
			opts, err := sentryconfig.LoadOptions(path)
			if err != nil {
				return err
			}
			if opts.OutboxBytes == 7 {
				opts.OutboxBytes = 9 << 20
			}
			return client.Reconfigure(fixed(opts))
		}
		var hanging sync.WaitGroup
		for minute := range 60 {
			i := minute % len(settings)
			if err := follow(settings[i]); (err != nil) != (i == 1 || i == 2 || i == 3 || i == 5) {
				t.Errorf("settings %s: %v", settings[i], err)
			}
			for n := range 6 {
				_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "t" + strconv.Itoa(n), Index: minute,
					Total: 60},
					func(ctx context.Context) error { return misbehave(ctx, client, n, minute) })
			}
			if minute%16 == 7 { // reported three minutes later, and dropped when reporting goes off
				hanging.Go(func() {
					_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "hang"},
						func(context.Context) error { time.Sleep(15 * time.Minute); return nil })
				})
			}
			time.Sleep(time.Minute)
		}
		hanging.Wait()
		if !client.Close(time.Hour) {
			t.Errorf("Close = false")
		}
		s := client.Stats()
		held := s.DroppedBy["sample_rate"]
		if s.Pending != 0 || s.Captured != s.Delivered+s.Dropped-held || s.HeldBack == 0 || held > s.HeldBack {
			t.Errorf("stats %+v", s)
		}
		if tasks := s.Tasks["t0"]; tasks.Runs < 45 || tasks.Failures != 0 || tasks.Running != 0 {
			t.Errorf("%+v", s.Tasks)
		}
	})
	seen := make(map[string]int)
	for _, e := range server.Events() {
		seen[e.Tag("failure_type")]++
		seen[e.Tag("task_type")]++
		if e.Tag("held_back") != "" {
			seen["told"]++
		}
	}
	for _, name := range []string{"task_stuck", "failure_rate", "told", "t1", "t2", "t3", "t4"} {
		if seen[name] == 0 {
			t.Errorf("no event of %s; %v", name, seen)
		}
	}
	if seen["t0"] > 0 || server.Duplicates() > 20 { // a request that broke off may have been taken
		t.Errorf("%v, %d duplicates", seen, server.Duplicates())
	}
}

// misbehave is the work of the nth task of a minute.
func misbehave(ctx context.Context, client *sentryconfig.Client, n, minute int) error {
	switch n {
	case 1:
		return fmt.Errorf("failed in minute %d", minute)
	case 2:
		for range 20 {
			client.CaptureTaskFailure(ctx, "", "again and again", nil, nil)
		}
	case 3:
		panic("out of order")
	case 4:
		if minute%20 < 10 { // bad times, good times
			return &sentryconfig.TaskFailure{Reason: "not now", Code: "busy"}
		}
	case 5:
		sentry.NewMeter(ctx).Count("rounds", 1)
		return errors.Join(context.Canceled, nil)
	}
	return nil
}

// A Client that was made outside a bubble goes on by its own clock when it is used inside, where years may pass at
// once.
func TestLongLivedOutsideBubble(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{StuckAfter: time.Hour, MaxPerMinute: 1,
		Alerts: []sentryconfig.Alert{{Window: time.Hour, MinRuns: 3}}})
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "backup"}, func(context.Context) error {
				time.Sleep(10 * time.Hour)
				return errors.New("x")
			})
		}
	})
	client.Close(time.Minute)
	var got []string
	for _, e := range server.Events() {
		got = append(got, e.Tag("failure_type")+e.Tag("held_back"))
	}
	slices.Sort(got)
	if fmt.Sprintf("%q", got) != `["" "2" "failure_rate"]` {
		t.Errorf("events %q", got)
	}
}
