// Package compat tests sentryconfig together with libraries that it doesn't need: the error libraries that programs
// use, and goleak. It is a module of its own so that those who import sentryconfig don't depend on them.
package compat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	goerrors "github.com/go-errors/errors"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	pkgerrors "github.com/pkg/errors"
	"golang.org/x/xerrors"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

const taskType = "compat"

// The functions below make errors; a stack trace that an error carries names them.

//go:noinline
func pkgNew(n int) error { return pkgerrors.Errorf("device %d is busy", n) }

//go:noinline
func pkgOpen(t *testing.T) error {
	_, err := os.Open(filepath.Join(t.TempDir(), "missing"))
	return pkgerrors.Wrap(pkgerrors.WithMessage(err, "load settings"), "start")
}

//go:noinline
func goErrorsNew(n int) error { return goerrors.Errorf("device %d is busy", n) }

//go:noinline
func goErrorsWrap(err error) error { return goerrors.WrapPrefix(err, "start", 0) }

//go:noinline
func xerrorsNew(n int) error { return xerrors.Errorf("device %d is busy", n) }

//go:noinline
func xerrorsWrap(err error) error { return xerrors.Errorf("start: %w", err) }

func openMissing(t *testing.T) error {
	_, err := os.Open(filepath.Join(t.TempDir(), "missing"))
	return err
}

func duplicateKey() error {
	return pgconn.ErrorResponseToPgError(&pgproto3.ErrorResponse{
		Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "users_pkey"`})
}

func refusedDatabase(t *testing.T) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String()) // its own end is a port that is taken and on which nobody listens
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), l.Close() })
	config, err := pgconn.ParseConfig("host=127.0.0.1 user=u database=d sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.Port = uint16(c.LocalAddr().(*net.TCPAddr).Port)
	_, err = pgconn.ConnectConfig(t.Context(), config)
	return err
}

func noSuchKey() error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "GetObject",
		Err: fmt.Errorf("https response error: %w", &smithy.GenericAPIError{Code: "NoSuchKey",
			Message: "no key photos/7.jpg"})}
}

func TestErrorLibraries(t *testing.T) {
	const busy = "device <n> is busy"
	tests := []struct {
		name      string
		err       error
		class     string
		title     string // of the outermost exception; "" is class
		condition string
		frame     string // a function in the stack trace that the error carries
		maker     string // the function in the fingerprint, in place of the class; "" for none
	}{
		{"pkg/errors, New", pkgNew(7), busy, "error", "", "pkgNew", "compat.pkgNew"},
		{"pkg/errors, wrapped twice", pkgerrors.Wrapf(pkgNew(8), "start %d", 1), busy, "error", "", "pkgNew", "compat.pkgNew"},
		{"pkg/errors, WithMessage", pkgerrors.WithMessage(pkgNew(9), "start"), busy, "error", "", "pkgNew", "compat.pkgNew"},
		{"pkg/errors, WithStack", pkgerrors.WithStack(fmt.Errorf("x: %w", io.EOF)), "EOF", "error", "", "TestErrorLibraries", ""},
		{"pkg/errors, a missing file", pkgOpen(t), "fs.PathError", "", "not_exist", "pkgOpen", ""},
		{"pkg/errors inside fmt", fmt.Errorf("x: %w", pkgOpen(t)), "fs.PathError", "", "not_exist", "pkgOpen", ""},
		{"pkg/errors, joined", errors.Join(pkgNew(1), pkgOpen(t)), "fs.PathError", "", "not_exist", "", ""},
		{"go-errors, Errorf", goErrorsNew(7), busy, "error", "", "goErrorsNew", ""},
		{"go-errors, wrapped", goErrorsWrap(openMissing(t)), "fs.PathError", "", "not_exist", "goErrorsWrap", ""},
		{"go-errors, a text", goErrorsWrap(io.ErrClosedPipe), "io: read/write on closed pipe", "error", "closed", "goErrorsWrap", ""},
		{"xerrors, Errorf", xerrorsNew(7), busy, "error", "", "xerrorsNew", "compat.xerrorsNew"},
		{"xerrors, New", xerrors.New("device 7 is busy"), busy, "error", "", "", "compat.TestErrorLibraries"},
		{"xerrors, wrapped", xerrorsWrap(openMissing(t)), "fs.PathError", "", "not_exist", "xerrorsWrap", ""},
		{"xerrors, deadline", xerrorsWrap(context.DeadlineExceeded), "context deadline exceeded", "error", "timeout", "xerrorsWrap", ""},
		{"xerrors, opaque", xerrorsWrap(xerrors.Opaque(fs.ErrNotExist)), "file does not exist", "error", "", "xerrorsWrap", ""},
		{"one library in another", goErrorsWrap(xerrorsWrap(pkgerrors.WithStack(openMissing(t)))), "fs.PathError", "", "not_exist", "", ""},
		{"pgx, SQLSTATE", pkgerrors.Wrap(duplicateKey(), "save user"), "pgconn.PgError", "", "23505", "TestErrorLibraries", ""},
		{"pgx, refused connection", refusedDatabase(t), "pgconn.ConnectError", "", "connection_refused", "", ""},
		{"AWS, code", noSuchKey(), "smithy.OperationError", "", "NoSuchKey", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := sentrytest.NewServer(t)
			if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
				t.Fatal(err)
			}
			defer sentryconfig.Close(time.Minute)
			if id := sentryconfig.CaptureTaskException(t.Context(), tt.err, taskType, nil, nil); id == "" {
				t.Fatal("not captured")
			}
			events := server.WaitEvents(1, time.Minute)
			if len(events) != 1 {
				t.Fatalf("%d events", len(events))
			}
			checkEvent(t, events[0], tt.class, tt.title, tt.condition, tt.frame, tt.maker)
		})
	}
}

func checkEvent(t *testing.T, e sentrytest.Event, class, title, condition, frame, maker string) {
	t.Helper()
	if title == "" {
		title = class
	}
	want := []string{taskType, class}
	if maker != "" {
		want[1] = maker
	}
	if condition != "" {
		want = append(want, condition)
	}
	if fmt.Sprint(e.Fingerprint) != fmt.Sprint(want) || len(e.Fingerprint) != len(want) {
		t.Errorf("fingerprint %q, want %q", e.Fingerprint, want)
	}
	if e.Tags["error_type"] != class || e.Tags["error_condition"] != condition {
		t.Errorf("tags error_type %q, error_condition %q, want %q, %q", e.Tags["error_type"], e.Tags["error_condition"],
			class, condition)
	}
	if len(e.Exceptions) == 0 {
		t.Fatal("no exceptions")
	}
	if got := e.Exceptions[len(e.Exceptions)-1].Type; got != title {
		t.Errorf("outermost exception's type %q, want %q", got, title)
	}
	found, frames := false, 0
	for _, x := range e.Exceptions {
		frames += len(x.Frames)
		for i, f := range x.Frames {
			found = found || f.Function == frame && f.InApp && i == len(x.Frames)-1
			for _, library := range []string{"github.com/pkg/errors", "github.com/go-errors/errors",
				"golang.org/x/xerrors", "github.com/getsentry/sentry-go"} {
				if i == len(x.Frames)-1 && strings.HasPrefix(f.Module, library) {
					t.Errorf("a stack trace ends in %s.%s", f.Module, f.Function)
				}
			}
		}
	}
	if frames == 0 {
		t.Error("no stack trace at all")
	}
	if frame != "" && !found {
		t.Errorf("no stack trace ends in %s: %+v", frame, e.Exceptions)
	}
}

// Two events of one problem are one issue, whichever library wrapped it and in which line. What carries the stack of
// where it was made is an issue of the function that made it.
func TestOneIssueAcrossLibraries(t *testing.T) {
	const text, pkg, xerror = "device <n> is busy", "compat.pkgNew", "compat.xerrorsNew"
	tests := []struct {
		err  error
		want string
	}{
		{errors.New("device 1 is busy"), text}, {goErrorsNew(3), text}, {fmt.Errorf("x: %w", goErrorsNew(7)), text},
		{pkgNew(2), pkg}, {xerrorsWrap(pkgNew(8)), pkg},
		{xerrorsNew(4), xerror}, {fmt.Errorf("x: %w", pkgerrors.WithStack(xerrorsNew(5))), xerror},
	}
	server := sentrytest.NewServer(t)
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
		t.Fatal(err)
	}
	defer sentryconfig.Close(time.Minute)
	want := make(map[string]int)
	for _, test := range tests {
		if sentryconfig.CaptureTaskException(t.Context(), test.err, taskType, nil, nil) == "" {
			t.Errorf("%v is not captured", test.err)
		}
		want[test.want]++
	}
	server.WaitEvents(len(tests), time.Minute)
	got := make(map[string]int)
	for _, issue := range server.Issues() {
		got[issue.Fingerprint[1]] += len(issue.Events)
	}
	if !maps.Equal(got, want) {
		t.Errorf("issues %v, want %v", got, want)
	}
}
