package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

func TestExceptionEvent(t *testing.T) {
	t.Setenv("AUTOSERVICE_ENV", "staging")
	server := start(t, sentryconfig.Options{Environment: "production", Release: "svc@1"})
	_, err := os.Open("/no/such/file")
	err = fmt.Errorf("read settings: %w", err)
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "disk_check", 2, 5, map[string]any{"drive": "C"})
	id := sentryconfig.CaptureTaskException(ctx, err, "", nil, map[string]any{
		"report": map[string]any{"lines": 3, "type": "os"}, "os": "mine", "n": 7, "nothing": nil, "type": "os",
	})
	span.Finish()
	e := one(t, server)

	if id == "" || e.ID != string(id) {
		t.Errorf("ID %q, event %q", id, e.ID)
	}
	if e.Level != "error" || e.Transaction != "task.disk_check" || e.Environment != "production" ||
		e.Release != "svc@1" {
		t.Errorf("level %q, transaction %q, environment %q, release %q", e.Level, e.Transaction, e.Environment,
			e.Release)
	}
	if want := []string{"disk_check", "fs.PathError", "not_exist"}; !slices.Equal(e.Fingerprint, want) {
		t.Errorf("fingerprint %q, want %q", e.Fingerprint, want)
	}
	for tag, want := range map[string]string{
		"task_type": "disk_check", "error_type": "fs.PathError", "error_condition": "not_exist", "environment_detected": "staging",
	} {
		if e.Tags[tag] != want {
			t.Errorf("tag %s = %q, want %q", tag, e.Tags[tag], want)
		}
	}
	if e.Tags["os_name"] == "" {
		t.Error("no tag os_name")
	}
	task := e.Contexts["task"]
	if task["task_type"] != "disk_check" || fmt.Sprint(task["index"]) != "2" || fmt.Sprint(task["total"]) != "5" ||
		fmt.Sprint(task["data"]) != "map[drive:C]" {
		t.Errorf("context task = %v", task)
	}
	if got := fmt.Sprint(e.Contexts["report"]); got != "map[lines:3 type_:os]" {
		t.Errorf("context report = %s", got)
	}
	if got := fmt.Sprint(e.Contexts["extra_os"]); got != "map[value:mine]" {
		t.Errorf("context extra_os = %s", got)
	}
	if got := fmt.Sprint(e.Contexts["type_"]); got != "map[value:os]" || e.Contexts["type"] != nil {
		t.Errorf("context type_ = %s", got)
	}
	if got := fmt.Sprint(e.Contexts["n"]); got != "map[value:7]" {
		t.Errorf("context n = %s", got)
	}
	outermost := e.Exceptions[len(e.Exceptions)-1]
	if outermost.Type != "fs.PathError" || outermost.Value != err.Error() {
		t.Errorf("outermost exception %s: %s", outermost.Type, outermost.Value)
	}
	if len(e.Exceptions) < 3 {
		t.Errorf("%d exceptions, want the whole chain", len(e.Exceptions))
	}
	frames := outermost.Frames
	if len(frames) == 0 || !strings.HasSuffix(frames[len(frames)-1].Function, "TestExceptionEvent") ||
		!frames[len(frames)-1].InApp {
		t.Errorf("the stack trace doesn't end in the caller: %+v", frames)
	}
	for _, f := range frames {
		if f.Module == "runtime" || strings.HasPrefix(f.Module, "github.com/getsentry") || f.Module == "testing" {
			t.Errorf("frame %s.%s", f.Module, f.Function)
		}
	}
}

// By these names Relay parses a context as something of its own, and drops what it doesn't expect there.
func TestNamesOfSentrysContexts(t *testing.T) {
	names := strings.Fields("app browser chromiumstabilityreport client_os cloud_resource cloudresource culture " +
		"device feedback flags gpu " +
		"memory_info monitor nel os ota_updates otaupdates otel performance_score performancescore profile replay reprocessing response " +
		"runtime spring threadpool_info trace unity")
	server := start(t, sentryconfig.Options{})
	extra := make(map[string]any)
	for _, name := range names {
		extra[name] = map[string]any{"mine": true}
	}
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, extra)
	e := one(t, server)
	for _, name := range names {
		if e.Contexts[name]["mine"] != nil || e.Contexts["extra_"+name]["mine"] != true {
			t.Errorf("%s: %v, extra_%s: %v", name, e.Contexts[name], name, e.Contexts["extra_"+name])
		}
	}
}

func TestFailureEvent(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	id := sentryconfig.CaptureTaskFailure(t.Context(), "backup", "3 files differ", []string{"a"}, nil)
	e := one(t, server)
	if e.ID != string(id) || e.Message != "backup: 3 files differ" || e.Level != "error" ||
		e.Transaction != "task.backup" {
		t.Errorf("event %+v", e)
	}
	if want := []string{"backup", "task_failure"}; !slices.Equal(e.Fingerprint, want) {
		t.Errorf("fingerprint %q", e.Fingerprint)
	}
	if e.Tags["failure_type"] != "task_status_failure" || e.Tags["task_type"] != "backup" ||
		e.Tags["environment_detected"] != "development" {
		t.Errorf("tags %v", e.Tags)
	}
	if task := e.Contexts["task"]; task["index"] != nil || task["total"] != nil || fmt.Sprint(task["data"]) != "[a]" {
		t.Errorf("context task = %v", task)
	}
}

// What the user set on the scope wins.
func TestScopeWins(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	scope := sentry.GetHubFromContext(ctx).Scope()
	scope.SetFingerprint([]string{"mine"})
	scope.SetContext("os", sentry.Context{"name": "HostOS", "theirs": 1})
	scope.SetLevel(sentry.LevelWarning)
	span.SetTag("customer", "7")
	sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", nil, nil)
	span.Finish()
	e := one(t, server)
	if !slices.Equal(e.Fingerprint, []string{"mine"}) || e.Level != "warning" || e.Tags["customer"] != "7" {
		t.Errorf("fingerprint %q, level %q, tags %v", e.Fingerprint, e.Level, e.Tags)
	}
	if system := e.Contexts["os"]; system["name"] != "HostOS" || system["theirs"] == nil || system["platform"] == nil {
		t.Errorf("context os = %v, want the host's keys and ours for the rest", system)
	}
}

type hostile struct{}

func (*hostile) Error() string      { panic("Error") }
func (*hostile) Unwrap() error      { panic("Unwrap") }
func (*hostile) Is(error) bool      { panic("Is") }
func (*hostile) As(any) bool        { panic("As") }
func (*hostile) ErrorClass() string { panic("ErrorClass") }
func (*hostile) StackTrace() []uintptr {
	panic("StackTrace")
}

type cyclic struct{ next error }

func (c *cyclic) Error() string { return "cyclic" }
func (c *cyclic) Unwrap() error { return c.next }

func TestHostileErrors(t *testing.T) {
	var log strings.Builder
	server := start(t, sentryconfig.Options{
		ErrorClass: func(error) string { panic("no class") }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	loop := &cyclic{}
	loop.next = loop
	var typedNil *fs.PathError
	many := make([]error, 100_000)
	for i := range many {
		many[i] = errors.New("one of many")
	}
	for i, err := range []error{&hostile{}, loop, typedNil, errors.Join(many...),
		errors.New(strings.Repeat("x", 4<<20)), errors.New(""), errors.New("\xff\x00")} {
		if id := sentryconfig.CaptureTaskException(t.Context(), err, "hostile", nil, nil); id == "" {
			t.Errorf("error %d is not captured", i)
		}
		if err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "hostile"},
			func(context.Context) error { return err }); err == nil {
			t.Errorf("error %d: RunTask returns nil", i)
		}
	}
	flush(t)
	server.WaitEvents(14, 0)
	if !strings.Contains(log.String(), "Options.ErrorClass panicked: no class") {
		t.Errorf("the log doesn't say that ErrorClass panicked: %s", log.String())
	}
}

func TestHooksAreTheUsers(t *testing.T) {
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		if o.BeforeSend != nil || o.Integrations != nil {
			t.Error("hooks don't start nil")
		}
		o.Tags = map[string]string{"fleet": "north"}
		o.BeforeSend = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
			switch {
			case e.Tags["task_type"] == "panics":
				panic("hook")
			case e.Tags["task_type"] == "dropped":
				return nil
			case e.Contexts["os"]["name"] == nil:
				t.Error("the user's hook doesn't see the system context")
			case len(e.Fingerprint) != 2:
				t.Error("the user's hook doesn't see the fingerprint")
			}
			e.Contexts["os"]["touched"] = true
			e.Tags["seen"] = "yes"
			e.Message = "token=hunter2hunter2"
			return e
		}
	}})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	if id := sentryconfig.CaptureTaskFailure(t.Context(), "dropped", "x", nil, nil); id != "" {
		t.Errorf("a dropped event has the ID %s", id)
	}
	sentryconfig.CaptureTaskFailure(t.Context(), "normal", "x", nil, nil)
	sentryconfig.CaptureTaskFailure(t.Context(), "panics", "x", nil, nil)
	flush(t)
	events := inOrder(server.WaitEvents(2, 0))
	if e := events[0]; e.Tags["seen"] != "yes" || e.Tags["fleet"] != "north" || strings.Contains(e.Message, "hunter2") {
		t.Errorf("tags %v, message %q", e.Tags, e.Message)
	}
	if e := events[1]; e.Contexts["os"]["touched"] != nil {
		t.Error("what a hook wrote into one event is in another")
	}
}

func TestOwnTransportReplacesOurs(t *testing.T) {
	mock := &sentry.MockTransport{}
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }})
	id := sentryconfig.CaptureTaskException(t.Context(), errors.New("x"), "x", nil, nil)
	if events := mock.Events(); len(events) != 1 || events[0].EventID != id || len(events[0].Fingerprint) == 0 {
		t.Errorf("the user's transport got %v, ID %q", events, id)
	}
	sentryconfig.Close(0)
	if n := len(server.Events()); n != 0 {
		t.Errorf("%d events went to the server", n)
	}
}

// several is an error of many, as hashicorp/go-multierror makes them: its Unwrap hides that they are many.
type several []error

func (s several) Error() string          { return fmt.Sprintf("%d errors", len(s)) }
func (s several) WrappedErrors() []error { return s }
func (s several) Unwrap() error          { return s[0] }

// The parts of an error that wraps several are a group in Sentry, and each hangs on the one that wraps it.
func TestExceptionGroups(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	for name, err := range map[string]error{"joined": errors.Join(a, fmt.Errorf("in: %w", b)),
		"many": several{a, fmt.Errorf("in: %w", b)}, "both": fmt.Errorf("%w, %w", a, fmt.Errorf("in: %w", b))} {
		t.Run(name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			sentryconfig.CaptureTaskException(t.Context(), err, "t", nil, nil)
			var got []string
			for _, x := range one(t, server).Exceptions { // the outermost last
				parent := -1
				if x.Mechanism.ParentID != nil {
					parent = *x.Mechanism.ParentID
				}
				got = append(got, fmt.Sprintf("%d %d %q %t %t", x.Mechanism.ExceptionID, parent, x.Mechanism.Source,
					x.Mechanism.IsExceptionGroup, x.Value == err.Error()))
			}
			want := []string{`3 2 "unwrap" false false`, `2 0 "errors[1]" false false`, `1 0 "errors[0]" false false`,
				`0 -1 "" true true`}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
