package sentryconfig_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), Release: "runner@1.0.0", Environment: "production"}); err != nil {
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
	_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	span.SetTag("medium", "usb")
}

func ExampleTaskSpan_SetData() {
	_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	span.SetData("files", 12)
}

func ExampleTaskSpan_Finish() {
	_, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish() // deferred: it notes a panic that passes, and lets it pass
}

func ExampleTaskSpanFromContext() {
	_, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	fmt.Println(sentryconfig.TaskSpanFromContext(ctx) == span, sentryconfig.TaskSpanFromContext(context.Background()) == nil)
	// Output: true true
}

func ExampleAddBreadcrumb() {
	server, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "backup", 0, 1, nil)
	defer span.Finish()
	sentryconfig.AddBreadcrumb(ctx, "copying", "file", sentry.LevelInfo, map[string]any{"name": "IMG_0042.JPG", "password": "hunter2"})
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

	logger := slog.New(sentryconfig.NewLogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
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
	fmt.Printf("%q\n", sentryconfig.CaptureTaskException(context.Background(), errors.New("unheard"), "backup", nil, nil))
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
	if err := sentryconfig.Init(sentryconfig.Options{DSN: "http://key@127.0.0.1:1/1"}); err != nil {
		fmt.Println(err)
	}
	defer sentryconfig.Close(2 * time.Second) // delivers for 2 s; what is in an outbox on disk then waits there
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
	fmt.Println(opts.UnmarshalJSON([]byte(`{"release": "runner@1.0.0", "outbox_bytes": 1048576}`)), opts.Release, opts.OutboxBytes)
	// Output: <nil> runner@1.0.0 1048576
}

func ExampleDetectEnvironment() {
	fmt.Println(sentryconfig.DetectEnvironment() != "")
	// Output: true
}

func ExampleExportOutbox() {
	var waiting bytes.Buffer // or a file on a USB stick
	if err := sentryconfig.ExportOutbox(filepath.Join(os.TempDir(), "no-such-outbox"), &waiting); err != nil {
		fmt.Println(err)
	}
}

func ExamplePurgeOutbox() {
	fmt.Println(sentryconfig.PurgeOutbox(filepath.Join(os.TempDir(), "no-such-outbox")))
	// Output: <nil>
}

func ExampleTaskError() {
	_, stop := exampleServer()
	defer stop()

	err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup"}, func(context.Context) error { return fs.ErrPermission })
	var te *sentryconfig.TaskError
	fmt.Println(errors.As(err, &te), len(te.EventID), te.Error(), te.Unwrap() == fs.ErrPermission)
	// Output: true 32 backup: permission denied true
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
	fmt.Println(errors.As(err, &pe), strings.Contains(pe.Error(), "nil map"), pe.Unwrap() != nil)
	// Output: true true true
}

func ExampleTaskFailure() {
	err := fmt.Errorf("disk D: %w", &sentryconfig.TaskFailure{Reason: "3 reallocated sectors"})
	var failure *sentryconfig.TaskFailure
	fmt.Println(errors.As(err, &failure), failure.Error(), failure.Unwrap())
	// Output: true 3 reallocated sectors <nil>
}
