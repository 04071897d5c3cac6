// Package sample makes events of every kind, as a tool that mends PCs would report them: for the demo of the page, its
// tests and its pictures. They come from the library itself. Only their times are made up, so that nothing waits.
package sample

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// Release is that of the made-up tool.
const Release = "pc-care@2.4.1"

// roleVariable tells a program that it is a child of Outbox or Fill, and which.
const roleVariable = "SENTRYVIEW_SAMPLE_ROLE"

// Main must be called first in main, or in TestMain, of a program that calls Fill or Outbox: these start the program
// again, to have a process that dies. There Main doesn't return.
func Main() {
	role := os.Getenv(roleVariable)
	if role == "" {
		return
	}
	_, _ = fmt.Fprintln(os.Stderr, "sample:", child(role, os.Args[1], os.Args[2]))
	os.Exit(1)
}

// child runs a task in which it dies: killed by its parent, or by a panic in a goroutine that nobody catches. It
// returns only when it can't.
func child(role, dir, dsn string) error {
	if role == "kill" {
		return beKilled(dir, dsn)
	}
	client, err := sentryconfig.New(sentryconfig.Options{
		DSN: dsn, OutboxDir: dir, Release: Release, Environment: "production", CrashReports: true,
		ClientOptions: func(o *sentry.ClientOptions) {
			if dsn == unreachable {
				o.HTTPTransport = offline{}
			}
		},
	})
	if err != nil {
		return err
	}
	client.CreateTaskSpan(context.Background(), "index_files", 9, tasksADay, map[string]any{"drive": "D:"})
	fmt.Println("running")
	go indexDrive("D:")
	select {} // until it is dead
}

// patience with the disk of a busy machine.
const patience = time.Minute

// beKilled notes a task, and the sign of life that a Client adds at its next look at the machine: seconds later.
func beKilled(dir, dsn string) error {
	disk, err := outbox.OpenDisk(outbox.DiskConfig{
		Dir: dir, DSN: dsn, Patience: patience,
		Process: outbox.Process{Release: Release, Environment: "production"},
	})
	if err != nil {
		return err
	}
	now := time.Now()
	slot := disk.Journal().Begin(outbox.Task{
		Type: "backup_photos", Index: 5, Total: tasksADay, Started: now.Add(-7 * time.Minute), PII: true,
		TraceID: "3810055db1921287072cd34581f6b414", SpanID: "f7845f7cc5443c6d",
		Data: []byte(`{"target":"E:\\Backup\\2026-11","files":18231}`),
	})
	slot.Note(outbox.Note{
		Time: now, Breadcrumb: "copied 11,904 of 18,231 files", MemoryTotal: 16 << 30, MemoryAvailable: 412 << 20,
		AppMemory: 96 << 20,
	})
	disk.Tell(store.Health{
		Dropped: map[string]uint64{"cache_overflow": 12}, ErrorAt: now.Add(-26 * time.Hour),
		Error: `outbox: send: Post "https://sentry.workshop.example/api/42/envelope/": ` +
			`dial tcp: lookup sentry.workshop.example: no such host`,
	})
	if err := disk.Sync(); err != nil {
		return err
	}
	fmt.Println("running")
	select {} // until it is killed
}

func indexDrive(drive string) {
	parts := []string{drive}
	fmt.Println(parts[len(os.Args)])
}

// die leaves in dir what two processes leave that die in the middle of a task: one is killed, one crashes. They live at
// the same time, so that none tells of the other.
func die(dir, dsn string) error {
	killed, err := start("kill", dir, dsn)
	if err != nil {
		return err
	}
	crashed, err := start("crash", dir, dsn)
	if err == nil {
		_ = crashed.Wait() // an error, of course
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	return err
}

// start starts the program again in a role, and returns when its task runs.
func start(role, dir, dsn string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, dir, dsn)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line == "" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("sample: the child said nothing: %w", err)
	}
	return cmd, nil
}

// Fill reports to server all that a day at the workshop brings. It takes less than a second.
func Fill(server *sentrytest.Server) error {
	dir, err := os.MkdirTemp("", "sentryview")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := die(dir, server.DSN()); err != nil {
		return err
	}
	w, err := open(server.DSN(), dir, time.Now())
	if err != nil {
		return err
	}
	w.day()
	if !w.client.Close(10 * time.Second) {
		return fmt.Errorf("sample: not delivered: %w", w.client.Stats().LastError)
	}
	return nil
}

// unreachable is a project at a server that never answers: no packet for the network 192.0.2.0/24 arrives anywhere, and
// the client of the sample doesn't even try.
const unreachable = "https://4c1f0b7d9e3a4b6c8d2e5f7a9b1c3d5e@sentry.workshop.example/42"

// Outbox leaves in dir what a machine without a network has to tell: events of a day, a task whose process was killed,
// and a crash.
func Outbox(dir string) error {
	w, err := open(unreachable, dir, time.Now().Add(-26*time.Hour))
	if err != nil {
		return err
	}
	w.day()
	w.client.Close(0)
	return die(dir, unreachable)
}

// One reports one more error to server, as if it had just happened.
func One(server *sentrytest.Server, message string) error {
	w, err := open(server.DSN(), "", time.Now())
	if err != nil {
		return err
	}
	w.run("print_label", map[string]any{"printer": "Zebra ZD420"}, func(context.Context) error {
		return errors.New(message)
	})
	if !w.client.Close(10 * time.Second) {
		return fmt.Errorf("sample: not delivered: %w", w.client.Stats().LastError)
	}
	return nil
}

// A workshop runs tasks by a clock of its own.
type workshop struct {
	client *sentryconfig.Client
	now    time.Time
	index  int
	began  time.Time   // the task that runs
	steps  []time.Time // of the breadcrumbs of the task that runs
	file   *sentry.Attachment
}

func open(dsn, dir string, end time.Time) (*workshop, error) {
	w := &workshop{now: end.Add(-workday)}
	client, err := sentryconfig.New(sentryconfig.Options{
		DSN: dsn, OutboxDir: dir, Release: Release, Environment: "production",
		ClientOptions: func(o *sentry.ClientOptions) {
			o.BeforeSend = w.redate
			o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
				e.StartTime, e.Timestamp = w.began, w.now
				return e
			}
			if dsn == unreachable {
				o.HTTPTransport = offline{}
			}
		},
	})
	w.client = client
	return w, err
}

// redate gives an event the time of the workshop. Those of dead processes keep theirs.
func (w *workshop) redate(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
	if e.Contexts["interrupted"] != nil || e.Contexts["crash"] != nil {
		return e
	}
	e.Timestamp = w.now
	for i, b := range e.Breadcrumbs {
		if i < len(w.steps) {
			b.Timestamp = w.steps[i]
		}
	}
	if w.file != nil {
		e.Attachments = append(e.Attachments, w.file)
	}
	return e
}

// pass lets time pass.
func (w *workshop) pass(seconds float64) {
	w.now = w.now.Add(time.Duration(seconds * float64(time.Second)))
}

// say adds a breadcrumb after some seconds.
func (w *workshop) say(
	ctx context.Context, after float64, category, message string, level sentry.Level, data map[string]any,
) {
	w.pass(after)
	w.steps = append(w.steps, w.now)
	w.client.AddBreadcrumb(ctx, message, category, level, data)
}

// span runs a part of a task.
func (w *workshop) span(
	ctx context.Context, op, description string, seconds float64, inside func(ctx context.Context) error,
) error {
	s := sentry.StartSpan(ctx, op, sentry.WithDescription(description))
	s.StartTime = w.now
	var err error
	if inside != nil {
		err = inside(s.Context())
	}
	w.pass(seconds)
	s.Status = sentry.SpanStatusOK
	if err != nil {
		s.Status = sentry.SpanStatusInternalError
	}
	s.EndTime = w.now
	s.Finish()
	return err
}

// run runs a task.
func (w *workshop) run(taskType string, data any, run func(ctx context.Context) error) {
	w.runIn(context.Background(), taskType, data, run)
}

func (w *workshop) runIn(ctx context.Context, taskType string, data any, run func(ctx context.Context) error) {
	w.pass(2)
	w.steps, w.file, w.began = nil, nil, w.now
	task := sentryconfig.Task{Type: taskType, Index: w.index % tasksADay, Total: tasksADay, Data: data}
	w.index++
	ctx = context.WithValue(ctx, shopKey{}, w)
	_ = w.client.RunTask(ctx, task, run) // what went wrong is reported: all that counts here
}

type shopKey struct{}

// shop returns the workshop in which a task runs. So tasks are plain functions, which the library finds the source of.
func shop(ctx context.Context) *workshop { return ctx.Value(shopKey{}).(*workshop) }

// offline is a network that is down.
type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
}
