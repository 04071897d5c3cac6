package sentryconfig_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// nestingChild runs tasks inside tasks, says in which traces, and crashes or waits until it is killed.
func nestingChild(crashes bool) {
	err := sentryconfig.Init(sentryconfig.Options{
		DSN: os.Getenv("CHILD_DSN"), OutboxDir: os.Getenv("CHILD_OUTBOX"), Release: "child@1", Environment: "bench",
		CrashReports: crashes, TracesSampleRate: sentry.Set(0.5),
	})
	if err != nil {
		panic(err)
	}
	ctx, outer := sentryconfig.CreateTaskSpan(context.Background(), "outer", 1, 4, map[string]any{"drive": "D"})
	middle, _ := sentryconfig.CreateTaskSpan(ctx, "middle", 0, 2, "of middle")
	_, over := sentryconfig.CreateTaskSpan(middle, "over", 0, 1, nil)
	_, _ = sentryconfig.CreateTaskSpan(middle, "innermost", 0, 0, nil)
	over.Finish()
	_, _ = sentryconfig.CreateTaskSpan(ctx, "beside", 2, 3, nil)
	trace := func(ctx context.Context) string {
		span := sentry.SpanFromContext(ctx)
		return span.TraceID.String() + " " + span.SpanID.String()
	}
	said := []string{trace(ctx)}
	if !crashes {
		ended, span := sentryconfig.CreateTaskSpan(context.Background(), "ended", 0, 1, nil)
		orphan, _ := sentryconfig.CreateTaskSpan(ended, "orphan", 0, 1, nil)
		span.Finish()
		said = append(said, trace(orphan))
	}
	sentryconfig.CaptureTaskException(ctx, errors.New("before the end"), "", nil, nil)
	fmt.Println(strings.Join(said, "\n"))
	fmt.Println("end")
	_ = os.Stdout.Close() // the parent reads on once all is said
	if crashes {
		go func() { panic("out of the blue") }()
	}
	time.Sleep(time.Minute) // until it is killed
	outer.Finish()
}

// deadChild lets a child run as role until it has said what it has to say, then ends it, and returns the lines it said.
func deadChild(t *testing.T, role, dsn, dir string) (lines []string) {
	t.Helper()
	cmd := child(t, role, dsn, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for said.Scan() && said.Text() != "end" {
		lines = append(lines, said.Text())
	}
	if !strings.HasPrefix(role, "crashes") {
		_ = cmd.Process.Kill()
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	return lines
}

// reporterOptions are those of a process that has much to say of itself.
func reporterOptions(dir string) sentryconfig.Options {
	return sentryconfig.Options{OutboxDir: dir, Release: "parent@1", ClientOptions: func(co *sentry.ClientOptions) {
		co.Dist, co.Tags = "parent-dist", map[string]string{"reporter": "yes"}
	}}
}

// byFailure returns the events of dead processes by failure type and task type.
func byFailure(events []sentrytest.Event) map[string]sentrytest.Event {
	found := make(map[string]sentrytest.Event)
	for _, e := range events {
		if kind := e.Tags["failure_type"]; kind != "" {
			found[kind+" "+e.Tags["task_type"]] = e
		}
	}
	return found
}

// checkTrace checks that an event and its envelope belong to a trace, given as its ID and that of a span in it.
func checkTrace(t *testing.T, e sentrytest.Event, said string) {
	t.Helper()
	trace := e.Contexts["trace"]
	if got := fmt.Sprint(trace["trace_id"], " ", trace["span_id"]); got != said || trace["op"] != "task" {
		t.Errorf("%s: context trace %v, want %s", e.Message, trace, said)
	}
	header, _ := e.Header["trace"].(map[string]any)
	traceID, _, _ := strings.Cut(said, " ")
	if header["trace_id"] != traceID || header["release"] != "child@1" || header["environment"] != "bench" {
		t.Errorf("%s: trace header %v", e.Message, header)
	}
}

// TestNestedTasksOfADeadProcess: a killed process costs one event for each task that isn't part of another.
func TestNestedTasksOfADeadProcess(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	said := deadChild(t, "nests", server.DSN(), dir)
	server.Respond(nil)
	initialise(t, server, reporterOptions(dir))
	flush(t)
	found := byFailure(server.Events())
	names := slices.Sorted(maps.Keys(found))
	if !slices.Equal(names, []string{"task_interrupted orphan", "task_interrupted outer"}) || len(said) != 2 {
		t.Fatalf("events %q, the child said %q", names, said)
	}
	outer, orphan := found["task_interrupted outer"], found["task_interrupted orphan"]
	running, _ := outer.Contexts["task"]["running"].([]any)
	var inner []string
	for _, r := range running {
		task := r.(map[string]any)
		if began, err := time.Parse(time.RFC3339Nano, fmt.Sprint(task["began"])); err != nil ||
			began.After(outer.Time) {
			t.Errorf("began: %v", task["began"])
		}
		inner = append(inner, fmt.Sprintf("%v %v/%v", task["task_type"], task["index"], task["total"]))
	}
	if got := strings.Join(inner, ", "); got != "middle 0/2, beside 2/3, innermost <nil>/<nil>" {
		t.Errorf("running %s", got)
	}
	delete(outer.Contexts["task"], "running")
	if got := fmt.Sprint(outer.Contexts["task"]); got != "map[data:map[drive:D] index:1 task_type:outer total:4]" {
		t.Errorf("context task %s", got)
	}
	if orphan.Contexts["task"]["running"] != nil {
		t.Errorf("context task of a task without others in it: %v", orphan.Contexts["task"])
	}
	checkReporter(t, outer)
	checkReporter(t, orphan)
	checkTrace(t, outer, said[0])
	checkTrace(t, orphan, said[1])
}

// TestCrashOfNestedTasks: the crash belongs to the only task that wasn't part of another, and continues its trace.
func TestCrashOfNestedTasks(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	said := deadChild(t, "crashes nested", server.DSN(), dir)
	server.Respond(nil)
	initialise(t, server, reporterOptions(dir))
	flush(t)
	found := byFailure(server.Events())
	names := slices.Sorted(maps.Keys(found))
	if !slices.Equal(names, []string{"process_crash outer", "task_interrupted outer"}) || len(said) != 1 {
		t.Fatalf("events %q, the child said %q", names, said)
	}
	for _, e := range found {
		checkTrace(t, e, said[0])
		checkReporter(t, e)
	}
	crash := found["process_crash outer"]
	if got := fmt.Sprint(crash.Contexts["crash"]["interrupted_tasks"]); got != "[outer]" {
		t.Errorf("interrupted tasks %s", got)
	}
	for _, thread := range crash.Threads {
		if len(thread.Frames) == 0 && !thread.Crashed {
			t.Errorf("thread %s %q has no frame", thread.ID, thread.Name)
		}
	}
}

// checkReporter fails the test for what an event of a dead process tells of the process that reports it.
func checkReporter(t *testing.T, e sentrytest.Event) {
	t.Helper()
	for name := range e.Contexts {
		if !slices.Contains([]string{"os", "device", "disks", "trace", "task", "interrupted", "crash"}, name) {
			t.Errorf("context %s: %v", name, e.Contexts[name])
		}
	}
	if e.Contexts["os"]["name"] == nil || e.Contexts["device"]["memory_size"] == nil || len(e.Contexts["disks"]) == 0 {
		t.Errorf("the machine is missing: %v", e.Contexts)
	}
	for _, changing := range []string{"free_memory", "free_storage"} {
		if v, ok := e.Contexts["device"][changing]; ok {
			t.Errorf("device.%s = %v", changing, v)
		}
	}
	for name, d := range e.Contexts["disks"] {
		keys := slices.Sorted(maps.Keys(d.(map[string]any)))
		if strings.Join(keys, " ") != "device fstype total_gb" {
			t.Errorf("disk %s: %v", name, d)
		}
	}
	tags := maps.Clone(e.Tags)
	for _, name := range append(commonTagNames, "task_type", "failure_type") {
		delete(tags, name)
	}
	if len(tags) > 0 || e.Tags["environment_detected"] != "bench" || e.Tags["os_name"] == "" {
		t.Errorf("tags %v", e.Tags)
	}
	if e.Dist != "" || e.Release != "child@1" || e.Environment != "bench" || len(e.Breadcrumbs) > 0 {
		t.Errorf("dist %q, release %q, environment %q, breadcrumbs %v", e.Dist, e.Release, e.Environment, e.Breadcrumbs)
	}
	if len(e.User) > 1 || len(e.User) == 1 && e.User["username"] == nil {
		t.Errorf("user %v", e.User)
	}
	var raw map[string]any
	if err := json.Unmarshal(e.Raw, &raw); err != nil || raw["modules"] != nil || raw["request"] != nil {
		t.Errorf("modules %v, request %v, %v", raw["modules"], raw["request"], err)
	}
	if exe, err := os.Executable(); err != nil || strings.Contains(string(e.Raw), exe) {
		t.Errorf("the reporter's executable, %v: %s", err, e.Raw)
	}
}
