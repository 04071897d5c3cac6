package sentryconfig

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestMachineRestarted: another boot ID is another boot; the same one is the same boot only where that is sure.
func TestMachineRestarted(t *testing.T) {
	boot, sure := bootID()
	var same, other any
	if boot != "" {
		other = true
		if sure {
			same = false
		}
	}
	for noted, want := range map[string]any{boot: same, boot + "1": other} {
		var r Client
		got := r.deathContext(outbox.Dead{Process: outbox.Process{Boot: noted}})["machine_restarted"]
		if got != want {
			t.Errorf("noted %q, now %q: machine_restarted is %v, want %v", noted, boot, got, want)
		}
	}
}

// TestSignsOfLifeWithoutSystemInfo: without system information the journal has a task's last breadcrumb and sign of life all
// the same, and events nothing of the machine.
func TestSignsOfLifeWithoutSystemInfo(t *testing.T) {
	server, dir := sentrytest.NewServer(t), t.TempDir()
	if err := Init(Options{DSN: server.DSN(), OutboxDir: dir, SendSystemInfo: sentry.Set(false)}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	ctx, span := CreateTaskSpan(context.Background(), "slow", 0, 1, nil)
	defer span.Finish()
	AddBreadcrumb(ctx, "half-way", "step", "", nil)
	c := current.Load().collector
	c.mu.Lock()
	c.refresh() // as every five seconds
	c.mu.Unlock()
	waitForNote(t, dir, "half-way")
	CaptureTaskException(ctx, errors.New("boom"), "", nil, nil)
	for _, e := range server.WaitEvents(1, time.Minute) {
		for _, name := range []string{"system", "memory", "cpu", "process"} {
			if e.Contexts[name] != nil {
				t.Errorf("context %s: %v", name, e.Contexts[name])
			}
		}
	}
}

// waitForNote waits until the only journal in dir has text in it.
func waitForNote(t *testing.T, dir, text string) {
	t.Helper()
	journals, err := filepath.Glob(filepath.Join(dir, "*", "*.journal"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		noted, err := os.ReadFile(journals[0])
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(noted, []byte(text)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q isn't noted", text)
		}
	}
}

// TestNotedLater: a task that began before the disk could be used is noted once it can.
func TestNotedLater(t *testing.T) {
	server, dir := sentrytest.NewServer(t), t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Init(Options{DSN: server.DSN(), OutboxDir: file}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	_, span := CreateTaskSpan(context.Background(), "early_task", 0, 1, nil)
	defer span.Finish()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c := current.Load()
	disk, err := c.openDisk() // as the outbox does after a while
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	c.collector.mu.Lock()
	c.collector.refresh() // as every five seconds
	c.collector.mu.Unlock()
	waitForNote(t, file, "early_task")
}

// TestDeadForLong: a task is reported whenever its process died, by whatever clock. Sentry, and so sentrytest, refuses events
// of long ago and from the future.
func TestDeadForLong(t *testing.T) {
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	now := time.Now()
	for id, c := range map[string]struct{ died, told time.Time }{
		"00000000000000000000000000000001": {now.Add(-time.Hour), now.Add(-time.Hour)},
		"00000000000000000000000000000002": {now.AddDate(0, 0, -29), now},
		"00000000000000000000000000000003": {now.AddDate(-3, 0, 0), now},
		"00000000000000000000000000000004": {now.AddDate(3, 0, 0), now},
	} {
		dead := outbox.Dead{LastAlive: c.died, Tasks: []outbox.Interrupted{{Task: outbox.Task{Type: "slow"}, EventID: id}}}
		if !current.Load().reportDead(dead) || !Flush(time.Minute) {
			t.Errorf("%v isn't reported: %+v", c.died, ReadStats())
		}
		events := server.Events()
		e := events[len(events)-1]
		if e.ID != id || e.Time.Sub(c.told).Abs() > time.Minute {
			t.Errorf("event %s of %v for a death at %v", e.ID, e.Time, c.died)
		}
		if want := c.died.UTC().Format(time.RFC3339Nano); e.Contexts["interrupted"]["last_alive"] != want {
			t.Errorf("last_alive %v, want %v", e.Contexts["interrupted"]["last_alive"], want)
		}
	}
}
