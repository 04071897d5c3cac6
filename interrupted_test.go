package sentryconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestSignsOfLifeWithoutSystemInfo: without system information the journal has a task's last breadcrumb and sign of
// life all the same, and events nothing of the machine.
func TestSignsOfLifeWithoutSystemInfo(t *testing.T) {
	server, dir := sentrytest.NewServer(t), t.TempDir()
	if err := Init(Options{DSN: server.DSN(), OutboxDir: dir, SendSystemInfo: sentry.Set(false)}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	ctx, span := CreateTaskSpan(context.Background(), "slow", 0, 1, nil)
	defer span.Finish()
	AddBreadcrumb(ctx, "half-way", "step", "", nil)
	c := current.Load()
	c.collector.Ask(c.collectorOptions()) // as every five seconds
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

// TestNotedLater: a task that began before the disk could be used is noted once it can, and one inside it, too.
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
	ctx, span := CreateTaskSpan(context.Background(), "early_task", 0, 1, nil)
	defer span.Finish()
	_, inner := CreateTaskSpan(ctx, "task_inside", 0, 1, nil)
	defer inner.Finish()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c := current.Load()
	disk, err := c.openDisk() // as the outbox does after a while
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	c.collector.Ask(c.collectorOptions()) // as every five seconds
	waitForNote(t, file, "early_task")
	waitForNote(t, file, "task_inside")
}

// TestNoTimeToReportTheDead: once Close has no more time, what is left of a dead process's tasks is for the next
// process.
func TestNoTimeToReportTheDead(t *testing.T) {
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dead := outbox.Dead{LastAlive: time.Now(),
		Tasks: []outbox.Interrupted{{Task: outbox.Task{Type: "slow"}, EventID: "1"}}}
	if current.Load().reportDead(ctx, dead) || ReadStats().Captured > 0 {
		t.Errorf("it is reported: %+v", ReadStats())
	}
}

// TestDeadForLong: a task is reported whenever its process died, by whatever clock. Sentry, and so sentrytest, refuses
// events of long ago and from the future.
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
		dead := outbox.Dead{LastAlive: c.died,
			Tasks: []outbox.Interrupted{{Task: outbox.Task{Type: "slow"}, EventID: id}}}
		if !current.Load().reportDead(context.Background(), dead) || !Flush(time.Minute) {
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

// TestManyTasksInside: the event of a task with very many inside names the outermost and passes at Sentry.
func TestManyTasksInside(t *testing.T) {
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	now := time.Now()
	task := func(name, span, outer string) outbox.Interrupted {
		return outbox.Interrupted{EventID: strings.Repeat("1", 32), Task: outbox.Task{
			Type: name, SpanID: span, Outer: outer, Index: 1, Total: 5000, Started: now,
			Data: []byte(`{"kept":"yes"}`)}}
	}
	dead := outbox.Dead{LastAlive: now, Tasks: []outbox.Interrupted{task("outer", "s", "")}}
	for i := range 1000 {
		dead.Tasks = append(dead.Tasks, task(strings.Repeat("t", work.MaxTypeName-5)+fmt.Sprint(i), fmt.Sprint(i), "s"))
	}
	if !current.Load().reportDead(context.Background(), dead) {
		t.Fatal("not reported")
	}
	e := server.WaitEvents(1, time.Minute)[0]
	running, _ := e.Contexts["task"]["running"].([]any)
	data, _ := e.Contexts["task"]["data"].(map[string]any)
	if len(running) == 0 || data["kept"] != "yes" || e.Contexts["task"]["total"] != 5000.0 {
		t.Errorf("%d running, context task %.500v", len(running), e.Contexts["task"])
	}
}

// TestDeadOfAnEarlierVersion: what isn't noted about the dead process isn't made up from this one.
func TestDeadOfAnEarlierVersion(t *testing.T) {
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir(), Release: "now@2",
		Environment: "here"}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	dead := outbox.Dead{LastAlive: time.Now(), Tasks: []outbox.Interrupted{
		{EventID: strings.Repeat("1", 32), Task: outbox.Task{Type: "a"}},
		{EventID: strings.Repeat("2", 32), Task: outbox.Task{Type: "b", TraceID: "zz", SpanID: strings.Repeat("f", 16)}},
	}}
	if !current.Load().reportDead(context.Background(), dead) {
		t.Fatal("not reported")
	}
	for _, e := range server.WaitEvents(2, time.Minute) {
		header, _ := e.Header["trace"].(map[string]any)
		if e.Release != "" || header["release"] != nil || e.Environment != header["environment"] {
			t.Errorf("release %q, environment %q, trace header %v", e.Release, e.Environment, header)
		}
		trace := e.Contexts["trace"]
		if trace["trace_id"] == nil || trace["trace_id"] != header["trace_id"] || trace["op"] != nil {
			t.Errorf("context trace %v, header %v", trace, header)
		}
		if e.Contexts["device"]["boot_time"] != nil {
			t.Errorf("boot time %v, but it isn't known in which run of the machine it died",
				e.Contexts["device"]["boot_time"])
		}
	}
}

// TestHooksOfTheHostSeeTheDead: what the host program's own processors and hooks add to an event of a dead process
// stays, what sentry-go's integrations add doesn't.
func TestHooksOfTheHostSeeTheDead(t *testing.T) {
	server := sentrytest.NewServer(t)
	var seen []string
	err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir(), SendSystemInfo: sentry.Set(false),
		ClientOptions: func(co *sentry.ClientOptions) {
			co.Tags = map[string]string{"of_integration": "x", "task_type": "x"}
			co.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
				for name := range e.Contexts {
					seen = append(seen, name)
				}
				e.Tags["of_hook"] = "x"
				return e
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	c := current.Load()
	c.client.AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		e.Tags["of_processor"], e.Modules = "x", map[string]string{"host": "1"}
		return e
	})
	dead := outbox.Dead{LastAlive: time.Now(), Crash: []byte("panic: x\n\ngoroutine 1 [running]:\n")}
	if !c.reportDead(context.Background(), dead) {
		t.Fatal("not reported")
	}
	e := server.WaitEvents(1, time.Minute)[0]
	if e.Tags["of_hook"] != "x" || e.Tags["of_processor"] != "x" || !bytes.Contains(e.Raw, []byte(`"host":"1"`)) {
		t.Errorf("tags %v: %s", e.Tags, e.Raw)
	}
	if e.Tags["of_integration"] != "" || e.Tags["task_type"] != "" {
		t.Errorf("tags %v", e.Tags)
	}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"crash", "trace"}) {
		t.Errorf("contexts %v", seen)
	}
}

// TestInterruptedJob: the event of an attempt at a job has its facts, its tags, a level by what the engine does next,
// and the ID that the engine's own report has.
func TestInterruptedJob(t *testing.T) {
	server := sentrytest.NewServer(t)
	if err := Init(Options{DSN: server.DSN(), OutboxDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer Close(time.Minute)
	var noted []outbox.Interrupted
	for attempt := 2; attempt <= 3; attempt++ {
		job := &outbox.Job{System: "asynq", Queue: "mail", ID: "17", Attempt: attempt, MaxAttempts: 3}
		task := outbox.Task{Type: "send", Job: job, Tags: map[string]string{"shop": "x", "task_type": "mine"},
			TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16)}
		noted = append(noted, outbox.Interrupted{EventID: strings.Repeat("1", 32), Task: task})
	}
	if !current.Load().reportDead(context.Background(), outbox.Dead{LastAlive: time.Now(), Tasks: noted}) {
		t.Fatal("not reported")
	}
	for _, e := range server.WaitEvents(2, time.Minute) {
		task, i := e.Contexts["task"], 0
		if e.Tags["will_retry"] != "true" {
			i = 1
		}
		if e.Tags["shop"] != "x" || e.Tags["task_type"] != "send" || e.Tags["queue"] != "mail" || task["id"] != "17" ||
			task["attempt"] != float64(i+2) || e.Contexts["trace"]["op"] != "queue.process" {
			t.Errorf("tags %v, task %v, trace %v", e.Tags, task, e.Contexts["trace"])
		}
		if e.Level != []string{"warning", "fatal"}[i] {
			t.Errorf("level %s, tags %v", e.Level, e.Tags)
		}
		job := &Job{System: "asynq", Queue: "mail", ID: "17", Attempt: i + 2, MaxAttempts: 3}
		if id := CaptureInterrupted(context.Background(), Task{Type: "send", Job: job}); string(id) != e.ID {
			t.Errorf("ID %s, the engine's %s", e.ID, id)
		}
	}
}
