package sentryconfig_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// exampleServer starts a server and has the package report to it; the caller calls stop.
func exampleServer() (server *sentrytest.Server, stop func()) {
	server = sentrytest.NewServer(nil)
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), Release: "runner@1.0.0",
		Environment: "production"}); err != nil {
		fmt.Println(err)
	}
	return server, func() {
		sentryconfig.Close(5 * time.Second)
		server.Close()
	}
}

// showIssues prints what the server has got, as Sentry groups it.
func showIssues(server *sentrytest.Server) {
	if !sentryconfig.Flush(10 * time.Second) {
		fmt.Println("not delivered:", sentryconfig.ReadStats().LastError)
	}
	for _, issue := range server.Issues() {
		fmt.Printf("%d x %s %q\n", len(issue.Events), issue.Title, issue.Fingerprint)
	}
}

// exampleOutbox leaves an event in an outbox on disk, as a machine does that is offline; the caller calls stop.
func exampleOutbox() (server *sentrytest.Server, dir string, stop func()) {
	server = sentrytest.NewServer(nil)
	dir, err := os.MkdirTemp("", "outbox-")
	if err != nil {
		fmt.Println(err)
	}
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}); err != nil {
		fmt.Println(err)
	}
	sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	sentryconfig.Close(0)
	server.Respond(nil) // online again
	return server, dir, func() {
		sentryconfig.Close(5 * time.Second)
		server.Close()
		_ = os.RemoveAll(dir)
	}
}

func ExampleInit() {
	server := sentrytest.NewServer(nil) // instead of your own project
	defer server.Close()

	err := sentryconfig.Init(sentryconfig.Options{
		DSN:     server.DSN(),
		Release: "runner@1.0.0",
		SendPII: sentry.Set(false),
	})
	if err != nil {
		fmt.Println(err) // the program works without reporting
	}
	defer sentryconfig.Close(2 * time.Second)
	fmt.Println(err)
	// Output: <nil>
}

// With an outbox on disk, what an earlier run couldn't deliver arrives with the next.
// A Client of its own, for a program that reports to two projects, or for a test that runs beside others.
func ExampleNew() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(10 * time.Second)

	ctx, span := client.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	sentryconfig.CaptureTaskFailure(ctx, "", "the disk is full", nil, nil) // reports to the Client of the task in ctx
	span.Finish()
	fmt.Println(client.Flush(10*time.Second), server.Events()[0].Message)
	// Output: true backup: the disk is full
}

func ExampleDefault() {
	fmt.Println(sentryconfig.Default() == nil)
	_, stop := exampleServer()
	defer stop()

	fmt.Println(sentryconfig.Default().CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil,
		nil) != "")
	// Output:
	// true
	// true
}

func ExampleSetDefault() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN()})
	if err != nil {
		fmt.Println(err)
		return
	}
	sentryconfig.SetDefault(client)
	defer sentryconfig.Close(10 * time.Second)

	sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	showIssues(server)
	// Output: 1 x backup: the disk is full ["backup" "task_failure"]
}

// Settings that are changed while tasks run: the file was written anew.
func ExampleReconfigure() {
	server, stop := exampleServer()
	defer stop()

	opts := sentryconfig.Options{DSN: server.DSN(), Release: "runner@1.0.0", Environment: "production"}
	opts.SecretKeys = []string{"licence"}
	fmt.Println(sentryconfig.Reconfigure(opts))
	opts.Release = "runner@1.0.1"
	fmt.Println(sentryconfig.Reconfigure(opts))
	// Output:
	// <nil>
	// sentryconfig: Reconfigure: Release can't be changed while the Client is open; Close it and make another
}

// A health page.
func ExampleStats_MarshalJSON() {
	_, stop := exampleServer()
	defer stop()

	text, err := json.Marshal(sentryconfig.ReadStats())
	fmt.Println(string(text), err)
	// Output: {"Captured":0,"Delivered":0,"Dropped":0,"Pending":0,"PendingBytes":0,"HeldBack":0,"DroppedBy":{},"OldestPending":null,"Tasks":{},"LastError":null} <nil>
}

func ExampleInit_outbox() {
	server, dir, stop := exampleOutbox()
	defer stop()

	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}); err != nil {
		fmt.Println(err)
	}
	showIssues(server)
	// Output: 1 x backup: the disk is full ["backup" "task_failure"]
}

func ExampleRunTask() {
	server, stop := exampleServer()
	defer stop()

	for i, disk := range []string{"C:", "D:"} {
		task := sentryconfig.Task{Type: "disk_check", Index: i, Total: 2, Data: map[string]any{"disk": disk}}
		err := sentryconfig.RunTask(context.Background(), task, func(ctx context.Context) error {
			sentryconfig.AddBreadcrumb(ctx, "reading SMART data", "disk", "", nil)
			if disk == "D:" {
				return &sentryconfig.TaskFailure{Reason: "3 reallocated sectors"}
			}
			return nil
		})
		fmt.Println(disk, err)
	}
	showIssues(server)
	// Output:
	// C: <nil>
	// D: disk_check: 3 reallocated sectors
	// 1 x disk_check: 3 reallocated sectors ["disk_check" "task_failure"]
}

func ExampleCaptureTaskException() {
	server, stop := exampleServer()
	defer stop()

	for try := range 2 {
		_, err := fs.ReadFile(fstest.MapFS{}, "no-such.json")
		sentryconfig.CaptureTaskException(context.Background(), fmt.Errorf("settings: %w", err), "read_settings",
			map[string]any{"file": "no-such.json"}, map[string]any{"report": map[string]any{"try": try}})
	}
	showIssues(server)
	// Output: 2 x fs.PathError: settings: open no-such.json: file does not exist ["read_settings" "fs.PathError" "not_exist"]
}

func ExampleCaptureTaskFailure() {
	server, stop := exampleServer()
	defer stop()

	sentryconfig.CaptureTaskFailure(context.Background(), "disk_check", "3 reallocated sectors",
		map[string]any{"disk": "D:"}, map[string]any{"result_summary": map[string]any{"reallocated": 3}})
	showIssues(server)
	// Output: 1 x disk_check: 3 reallocated sectors ["disk_check" "task_failure"]
}

func ExampleCreateTaskSpan() {
	server, stop := exampleServer()
	defer stop()

	func() {
		ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, map[string]any{"to": "E:"})
		defer span.Finish()
		copying := sentry.StartSpan(ctx, "copy")
		defer copying.Finish()
	}()
	sentryconfig.Flush(10 * time.Second)
	for _, t := range server.Transactions() {
		fmt.Println(t.Transaction, t.Contexts["trace"]["status"], len(t.Spans))
	}
	// Output: task.backup ok 1
}

func ExampleTaskSpan_SetStatus() {
	server, stop := exampleServer()
	defer stop()

	_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	span.SetTag("medium", "usb")
	span.SetData("files", 12)
	span.SetStatus(sentry.SpanStatusAborted)
	span.Finish()
	sentryconfig.Flush(10 * time.Second)
	for _, t := range server.Transactions() {
		fmt.Println(t.Contexts["trace"]["status"], t.Tags["medium"])
	}
	// Output: aborted usb
}

func ExampleTaskSpan_SetTag() {
	server, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	span.SetTag("medium", "usb")
	sentryconfig.CaptureTaskFailure(ctx, "", "the disk is full", nil, nil)
	span.Finish()
	sentryconfig.Flush(10 * time.Second)
	fmt.Println(server.Transactions()[0].Tag("medium"), server.Events()[0].Tag("medium"))
	// Output: usb usb
}

func ExampleTaskSpan_SetData() {
	server, stop := exampleServer()
	defer stop()

	_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	span.SetData("files", 12)
	span.Finish()
	sentryconfig.Flush(10 * time.Second)
	data, _ := server.Transactions()[0].Contexts["trace"]["data"].(map[string]any)
	fmt.Println(data["files"])
	// Output: 12
}

// Deferred, it reports a panic that passes, and lets it pass.
func ExampleTaskSpan_Finish() {
	server, stop := exampleServer()
	defer stop()

	func() {
		defer func() { fmt.Println("the caller gets:", recover()) }()
		_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
		defer span.Finish()
		panic("no such drive")
	}()
	showIssues(server)
	fmt.Println(server.Transactions()[0].Contexts["trace"]["status"])
	// Output:
	// the caller gets: no such drive
	// 1 x panic: panic: no such drive ["backup" "panic: no such drive" "sentryconfig_test.ExampleTaskSpan_Finish.func1"]
	// internal_error
}

func ExampleTaskSpanFromContext() {
	_, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	fmt.Println(sentryconfig.TaskSpanFromContext(ctx) == span,
		sentryconfig.TaskSpanFromContext(context.Background()) == nil)
	// Output: true true
}

func ExampleAddBreadcrumb() {
	server, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	sentryconfig.AddBreadcrumb(ctx, "copying", "file", sentry.LevelInfo, map[string]any{"name": "IMG_0042.JPG",
		"password": "hunter2"})
	sentryconfig.CaptureTaskException(ctx, errors.New("out of paper"), "", nil, nil)
	sentryconfig.Flush(10 * time.Second)
	for _, b := range server.WaitEvents(1, 10*time.Second)[0].Breadcrumbs {
		fmt.Println(b.Category, b.Message, b.Data)
	}
	// Output: file copying map[name:IMG_0042.JPG password:[Filtered]]
}

func ExampleNewLogHandler() {
	server, stop := exampleServer()
	defer stop()

	logger := slog.New(sentryconfig.NewLogHandler(slog.NewTextHandler(os.Stderr,
		&slog.HandlerOptions{Level: slog.LevelError})))
	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	logger.InfoContext(ctx, "copying", "category", "file", "name", "IMG_0042.JPG")
	sentryconfig.CaptureTaskFailure(ctx, "", "the disk is full", nil, nil)
	sentryconfig.Flush(10 * time.Second)
	for _, b := range server.WaitEvents(1, 10*time.Second)[0].Breadcrumbs {
		fmt.Println(b.Category, b.Message, b.Data)
	}
	// Output: file copying map[name:IMG_0042.JPG]
}

func ExampleSetEnabled() {
	_, stop := exampleServer()
	defer stop()

	sentryconfig.SetEnabled(false)
	fmt.Printf("%q\n", sentryconfig.CaptureTaskException(context.Background(), errors.New("unheard"), "backup", nil,
		nil))
	sentryconfig.SetEnabled(true)
	fmt.Println(len(sentryconfig.CaptureTaskException(context.Background(), errors.New("heard"), "backup", nil, nil)))
	// Output:
	// ""
	// 32
}

func ExampleFlush() {
	_, stop := exampleServer()
	defer stop()

	sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	fmt.Println(sentryconfig.Flush(10 * time.Second))
	// Output: true
}

func ExampleClose() {
	server, stop := exampleServer()
	defer stop()

	sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	fmt.Println(sentryconfig.Close(10*time.Second), len(server.Events()))
	fmt.Printf("%q\n", sentryconfig.CaptureTaskFailure(context.Background(), "backup", "too late", nil, nil))
	// Output:
	// true 1
	// ""
}

func ExampleReadStats() {
	_, stop := exampleServer()
	defer stop()

	sentryconfig.CaptureTaskFailure(context.Background(), "backup", "the disk is full", nil, nil)
	sentryconfig.Flush(10 * time.Second)
	s := sentryconfig.ReadStats()
	fmt.Println(s.Captured, s.Delivered, s.Pending, s.Dropped, s.LastError)
	// Output: 1 1 0 0 <nil>
}

func ExampleLoadOptions() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("app_settings-%d.json", os.Getpid()))
	settings := `{"theme": "dark", "sentry_enabled": true, "sentry": {"traces_sample_rate": 0.2, "send_default_pii": false}}`
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		fmt.Println(err)
	}
	defer func() { _ = os.Remove(path) }()

	opts, err := sentryconfig.LoadOptions(path)
	fmt.Println(opts.TracesSampleRate.Or(1), opts.SendPII.Or(true), err)
	// Output: 0.2 false <nil>
}

func ExampleOptions_UnmarshalJSON() {
	var opts sentryconfig.Options
	fmt.Println(opts.UnmarshalJSON([]byte(`{"release": "runner@1.0.0", "outbox_bytes": 1048576}`)), opts.Release,
		opts.OutboxBytes)
	// Output: <nil> runner@1.0.0 1048576
}

func ExampleDetectEnvironment() {
	if err := os.Setenv("AUTOSERVICE_ENV", "stage"); err != nil { // as a service's unit file or an installer does
		fmt.Println(err)
	}
	defer func() { _ = os.Unsetenv("AUTOSERVICE_ENV") }()
	fmt.Println(sentryconfig.DetectEnvironment())
	// Output: staging
}

func ExampleExportOutbox() {
	_, dir, stop := exampleOutbox()
	defer stop()

	var stick bytes.Buffer // a file on a USB stick
	if err := sentryconfig.ExportOutbox(dir, &stick); err != nil {
		fmt.Println(err)
	}
	for archive := tar.NewReader(&stick); ; {
		file, err := archive.Next()
		if err != nil {
			break
		}
		if file.Typeflag == tar.TypeReg {
			envelope, err := io.ReadAll(archive)
			fmt.Println(strings.Contains(string(envelope), "the disk is full"), err)
		}
	}
	// Output: true <nil>
}

func ExamplePurgeOutbox() {
	server, dir, stop := exampleOutbox()
	defer stop()

	fmt.Println(sentryconfig.PurgeOutbox(dir))
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sentryconfig.ReadStats().Pending, "wait")
	// Output:
	// <nil>
	// 0 wait
}

func ExampleTaskError() {
	_, stop := exampleServer()
	defer stop()

	err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"},
		func(context.Context) error { return fs.ErrPermission })
	var te *sentryconfig.TaskError
	if errors.As(err, &te) {
		fmt.Println(te.Task.Type, len(te.EventID), te.Err)
	}
	// Output: backup 32 permission denied
}

func ExampleTaskError_Error() {
	err := &sentryconfig.TaskError{Task: sentryconfig.Task{Type: "backup"}, Err: fs.ErrPermission}
	fmt.Println(err.Error())
	// Output: backup: permission denied
}

func ExampleTaskError_Unwrap() {
	var err error = &sentryconfig.TaskError{Task: sentryconfig.Task{Type: "backup"}, Err: fs.ErrPermission}
	fmt.Println(errors.Is(err, fs.ErrPermission))
	// Output: true
}

func ExamplePanicError() {
	_, stop := exampleServer()
	defer stop()

	err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"}, func(context.Context) error {
		var sizes map[string]int
		sizes["C:"]++
		return nil
	})
	var pe *sentryconfig.PanicError
	if errors.As(err, &pe) {
		fmt.Println(pe.Value, strings.Contains(string(pe.Stack), "ExamplePanicError"))
	}
	// Output: assignment to entry in nil map true
}

func ExamplePanicError_Error() {
	err := &sentryconfig.PanicError{Value: 42}
	fmt.Println(err.Error())
	// Output: panic: 42
}

func ExamplePanicError_Unwrap() {
	err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"}, func(context.Context) error {
		panic(fs.ErrClosed)
	})
	fmt.Println(errors.Is(err, fs.ErrClosed))
	// Output: true
}

func ExampleTaskFailure() {
	server, stop := exampleServer()
	defer stop()

	err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "disk_check"},
		func(context.Context) error {
			return &sentryconfig.TaskFailure{Reason: "3 reallocated sectors",
				Extra: map[string]any{"smart": map[string]any{"reallocated": 3}}}
		})
	fmt.Println(err)
	sentryconfig.Flush(10 * time.Second)
	fmt.Println(server.Events()[0].Contexts["smart"]["reallocated"])
	// Output:
	// disk_check: 3 reallocated sectors
	// 3
}

func ExampleTaskFailure_Error() {
	err := &sentryconfig.TaskFailure{Reason: "3 reallocated sectors"}
	fmt.Println(err.Error())
	// Output: 3 reallocated sectors
}

func ExampleTaskFailure_Unwrap() {
	var err error = &sentryconfig.TaskFailure{Reason: "the disk can't be read", Err: fs.ErrPermission}
	fmt.Println(errors.Is(err, fs.ErrPermission))
	// Output: true
}
