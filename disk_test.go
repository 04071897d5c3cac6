package sentryconfig_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A test that needs a process to die runs this binary again: childRole says as what.
const childRole = "SENTRYCONFIG_TEST_CHILD"

func runChild(role string) {
	switch role {
	case "complains":
		complainingChild()
	case "crashes in private", "crashes in public":
		privateChild(role == "crashes in public")
	case "nests", "crashes nested":
		nestingChild(role == "crashes nested")
	case "has a crash output", "gets a crash output":
		ownCrashOutput(role == "gets a crash output")
	}
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	must(sentryconfig.Init(sentryconfig.Options{DSN: os.Getenv("CHILD_DSN"), OutboxDir: os.Getenv("CHILD_OUTBOX"),
		Release: "child@1", CrashReports: role != "killed"}))
	ctx, _ := sentryconfig.CreateTaskSpan(context.Background(), "slow_task", 1, 4,
		map[string]any{"drive": "D", "password": "hunter2"})
	sentryconfig.AddBreadcrumb(ctx, "half-way", "step", "", nil)
	switch role {
	case "killed":
		fmt.Println(sentryconfig.CaptureTaskException(ctx, errors.New("before the end"), "", nil, nil))
		time.Sleep(time.Minute) // until it is killed
	case "in many tasks":
		tasks, err := strconv.Atoi(os.Getenv("CHILD_TASKS"))
		must(err)
		for i := 1; i < tasks; i++ {
			sentryconfig.CreateTaskSpan(context.Background(), "slow_task", i, 0, nil)
		}
		fmt.Println("begun")
		time.Sleep(time.Minute) // until it is killed
	case "goes off":
		sentryconfig.SetEnabled(false)
		fmt.Println("off")
		time.Sleep(time.Minute) // until it is killed
	case "crashes":
		go func() { panic("out of the blue") }()
		time.Sleep(time.Minute)
	case "crashes in a map":
		runtime.GOMAXPROCS(8) // so that a machine of one processor interrupts them
		m := make(map[int]int)
		for range 8 {
			go func() {
				for i := 0; ; i++ {
					m[i%100] = i
				}
			}()
		}
		time.Sleep(time.Minute)
	}
}

func child(t *testing.T, role, dsn, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, "CHILD_DSN="+dsn, "CHILD_OUTBOX="+dir, "GOTRACEBACK=")
	return cmd
}

// offline makes the server drop every connection.
func offline(_ int, w http.ResponseWriter, _ *http.Request) bool {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
	return true
}

func TestKilledProcessLosesNothing(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	cmd := child(t, "killed", server.DSN(), dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	if _, err := fmt.Fscanln(out, &id); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	server.Respond(nil)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir, Release: "parent@1"})
	events := server.WaitEvents(2, time.Minute)
	byID := map[string]sentrytest.Event{}
	var interrupted sentrytest.Event
	for _, e := range events {
		byID[e.ID] = e
		if e.Message == "slow_task: interrupted" {
			interrupted = e
		}
	}
	if byID[id].Exceptions == nil {
		t.Errorf("event %s, which the killed process captured, didn't arrive", id)
	}
	if interrupted.ID == "" {
		t.Fatalf("the interrupted task isn't reported: %v", events)
	}
	if interrupted.Level != "fatal" || interrupted.Release != "child@1" ||
		interrupted.Tags["failure_type"] != "task_interrupted" ||
		fmt.Sprint(interrupted.Fingerprint) != "[slow_task task_interrupted]" {
		t.Errorf("interrupted event: level %s, release %s, tags %v, fingerprint %v", interrupted.Level,
			interrupted.Release, interrupted.Tags, interrupted.Fingerprint)
	}
	task := interrupted.Contexts["task"]
	const want = "map[data:map[drive:D password:[Filtered]] index:1 task_type:slow_task total:4]"
	if got := fmt.Sprint(task); got != want {
		t.Errorf("context task = %s", got)
	}
	sentryconfig.Close(time.Minute)
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
		t.Errorf("with nothing waiting there are files: %v", left)
	}
}

// TestManyInterruptedTasks: each of ten thousand tasks that a killed process was in is reported, once.
func TestManyInterruptedTasks(t *testing.T) {
	tasks := 10_001
	if testing.Short() || raceDetector {
		tasks = 1000
	}
	dir, arrived := t.TempDir(), map[string]int{}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		var header struct {
			EventID string `json:"event_id"`
		}
		err = json.NewDecoder(z).Decode(&header) // the envelope's first line
		_, _ = io.Copy(io.Discard, z)
		mu.Lock()
		defer mu.Unlock()
		if arrived[header.EventID]++; err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	dsn := strings.Replace(server.URL, "//", "//key@", 1) + "/1"
	cmd := child(t, "in many tasks", dsn, dir)
	cmd.Env = append(cmd.Env, "CHILD_TASKS="+strconv.Itoa(tasks))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var begun string
	_, err = fmt.Fscanln(out, &begun)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	left, err := disk.Look(dir)
	if err != nil || len(left) != 1 || len(left[0].Left) != 1 {
		t.Fatal(left, err)
	}
	noted := len(left[0].Left[0].Tasks) // a busy disk costs notes
	began := time.Now()
	if err := sentryconfig.Init(sentryconfig.Options{DSN: dsn, OutboxDir: dir}); err != nil {
		t.Fatal(err)
	}
	defer sentryconfig.Close(time.Second)
	if !sentryconfig.Flush(5 * time.Minute) {
		t.Errorf("Flush: false; %+v", sentryconfig.ReadStats())
	}
	t.Logf("%d tasks in %v", noted, time.Since(began).Round(time.Millisecond))
	if s := sentryconfig.ReadStats(); len(arrived) != noted || s.Delivered != uint64(noted) {
		t.Errorf("%d of %d tasks are reported: %+v", len(arrived), noted, s)
	}
}

// TestSwitchedOffIsNotInterrupted: a task that was switched off is dropped whole, also when its process is killed.
func TestSwitchedOffIsNotInterrupted(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	cmd := child(t, "goes off", server.DSN(), dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said string
	if _, err := fmt.Fscanln(out, &said); err != nil || said != "off" {
		t.Fatal(said, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	flush(t)
	if events := server.Events(); len(events) > 0 {
		t.Errorf("%d events, the first %q", len(events), events[0].Message)
	}
}

func TestCrashIsReported(t *testing.T) {
	for role, want := range map[string]struct{ kind, value, frame string }{
		"crashes":          {"panic", "out of the blue", "runChild.func"},
		"crashes in a map": {"fatal error", "concurrent map", "runChild.func"},
	} {
		if raceDetector && role == "crashes in a map" {
			continue // the race detector sees it in its own way
		}
		t.Run(role, func(t *testing.T) {
			server, dir := newServer(t), t.TempDir()
			cmd := child(t, role, server.DSN(), dir)
			if err := cmd.Run(); err == nil {
				t.Fatal("the child didn't crash")
			}
			initialise(t, server, sentryconfig.Options{OutboxDir: dir})
			var crash sentrytest.Event
			for _, e := range server.WaitEvents(2, time.Minute) {
				if e.Tags["failure_type"] == "process_crash" {
					crash = e
				}
			}
			sentryconfig.Close(time.Minute)
			if len(crash.Exceptions) != 1 || crash.Level != "fatal" {
				t.Fatalf("crash event %+v", crash)
			}
			x := crash.Exceptions[0]
			if x.Type != want.kind || !strings.Contains(x.Value, want.value) || *x.Mechanism.Handled ||
				len(x.Frames) == 0 {
				t.Fatalf("exception %+v", x)
			}
			if top := x.Frames[len(x.Frames)-1]; !strings.Contains(top.Function, want.frame) {
				t.Errorf("the crash is in %s of %s, want %s", top.Function, top.Module, want.frame)
			}
			sleeps := false
			for _, thread := range crash.Threads {
				for _, f := range thread.Frames {
					sleeps = sleeps || f.Function == "runChild"
				}
			}
			if !sleeps {
				t.Errorf("of %d threads none is the main goroutine", len(crash.Threads))
			}
			if got := fmt.Sprint(crash.Contexts["crash"]["interrupted_tasks"]); got != "[slow_task]" {
				t.Errorf("interrupted tasks %s", got)
			}
		})
	}
}

// ownCrashOutput is a program that has a crash output of its own, set before Init or after it, and crashes.
func ownCrashOutput(after bool) {
	set := func() {
		f, err := os.Create(filepath.Join(os.Getenv("CHILD_OUTBOX"), "own"))
		if err == nil {
			err = debug.SetCrashOutput(f, debug.CrashOptions{})
		}
		if err != nil {
			panic(err)
		}
	}
	if !after {
		set()
	}
	err := sentryconfig.Init(sentryconfig.Options{
		DSN: os.Getenv("CHILD_DSN"), OutboxDir: filepath.Join(os.Getenv("CHILD_OUTBOX"), "outbox"), CrashReports: true,
		Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)),
	})
	if err != nil {
		panic(err)
	}
	if after {
		set()
		sentryconfig.Close(time.Second)
	}
	panic("out of the blue")
}

// TestOwnCrashOutputStays: a program that calls debug.SetCrashOutput itself keeps its output.
func TestOwnCrashOutputStays(t *testing.T) {
	for _, role := range []string{"has a crash output", "gets a crash output"} {
		t.Run(role, func(t *testing.T) {
			server, dir := newServer(t), t.TempDir()
			out, err := child(t, role, server.DSN(), dir).Output()
			if err == nil {
				t.Fatal("the child didn't crash")
			}
			if own, err := os.ReadFile(filepath.Join(dir, "own")); err != nil ||
				!strings.Contains(string(own), "out of the blue") {
				t.Errorf("the program's own crash output: %q, %v", own, err)
			}
			if warns := strings.Contains(string(out), "SetCrashOutput"); warns != (role == "has a crash output") {
				t.Errorf("warned: %v: %s", warns, out)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "outbox", "*", "*.crash")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestCloseLeavesOnDisk(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	id := sentryconfig.CaptureTaskException(t.Context(), errors.New("offline"), "x", nil, nil)
	if id == "" {
		t.Fatal("not captured")
	}
	begun := time.Now()
	if sentryconfig.Close(0) {
		t.Error("Close(0) = true with an event waiting")
	}
	if d := time.Since(begun); d > time.Minute { // nothing would end a wait for the server
		t.Errorf("Close(0) took %v", d)
	}
	server.Respond(nil)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	if e := one(t, server); e.ID != string(id) {
		t.Errorf("event %s, want %s", e.ID, id)
	}
}

func TestUnusableDisk(t *testing.T) {
	server := newServer(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	initialise(t, server, sentryconfig.Options{OutboxDir: filepath.Join(file, "outbox")})
	id := sentryconfig.CaptureTaskException(t.Context(), errors.New("in memory"), "x", nil, nil)
	if e := one(t, server); e.ID != string(id) {
		t.Errorf("event %s, want %s", e.ID, id)
	}
	if err := sentryconfig.ReadStats().LastError; err == nil {
		t.Error("LastError is nil")
	}
}

// The folder is the same under a name that Init cleans, and the system can't resolve.
func TestUncleanOutboxDir(t *testing.T) {
	dir := t.TempDir() + "/missing/../outbox"
	client, server := newClient(t, sentryconfig.Options{OutboxDir: dir})
	server.Respond(offline)
	if client.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil) == "" {
		t.Fatal("not captured")
	}
	var tarred bytes.Buffer
	err := sentryconfig.ExportOutbox(dir, &tarred)
	if err != nil || !bytes.Contains(tarred.Bytes(), []byte("out of paper")) {
		t.Errorf("exported %d bytes without the event: %v", tarred.Len(), err)
	}
	if err := sentryconfig.ExportOutbox(dir, nil); err == nil || !strings.Contains(err.Error(), "writer is nil") {
		t.Errorf("without a writer: %v", err)
	}
	client.SetEnabled(false)
	for end := time.Now().Add(time.Minute); client.Stats().Pending > 0; { // until it isn't being sent
		if err := sentryconfig.PurgeOutbox(dir); time.Now().After(end) {
			t.Fatalf("%v; %+v", err, client.Stats())
		}
	}
}

// TestPurgeOutbox: somebody opts out while the program runs, and nothing that waits is ever sent.
func TestPurgeOutbox(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	for range 3 {
		if sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil) == "" {
			t.Fatal("not captured")
		}
	}
	sentryconfig.SetEnabled(false)
	defer sentryconfig.SetEnabled(true)
	for end := time.Now().Add(time.Minute); ; { // until none is being sent
		err := sentryconfig.PurgeOutbox(dir)
		if err == nil && sentryconfig.ReadStats().Pending == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v; %+v", err, sentryconfig.ReadStats())
		}
	}
	if stats := sentryconfig.ReadStats(); stats.Dropped != 3 || stats.DroppedBy["before_send"] != 3 {
		t.Errorf("%+v", stats)
	}
	server.Respond(nil)
	sentryconfig.SetEnabled(true)
	flush(t)
	if events := server.Events(); len(events) != 0 {
		t.Errorf("%d purged events were sent", len(events))
	}
	if sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of ink", nil, nil) == "" {
		t.Error("not captured afterwards")
	}
	flush(t)
	if events := server.Events(); len(events) != 1 {
		t.Errorf("%d events afterwards", len(events))
	}
}

// TestOffFromTheStart: an opt-out in the Options holds for what earlier processes left, from the first moment on.
func TestOffFromTheStart(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(offline)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	for range 20 {
		if sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil) == "" {
			t.Fatal("not captured")
		}
	}
	sentryconfig.Close(0)
	server.Respond(nil)
	// A host's own code may take its time within Init, when the outbox is open already.
	slow := func(co *sentry.ClientOptions) {
		co.Integrations = func(all []sentry.Integration) []sentry.Integration {
			for end := time.Now().Add(200 * time.Millisecond); len(server.Events()) == 0 && time.Now().Before(end); {
				runtime.Gosched()
			}
			return all
		}
	}
	initialise(t, server, sentryconfig.Options{OutboxDir: dir, Enabled: sentry.Set(false), ClientOptions: slow})
	sentryconfig.Close(0)
	if n := len(server.Events()); n > 0 {
		t.Fatalf("%d events were sent while reporting was off", n)
	}
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	server.WaitEvents(20, time.Minute)
}
