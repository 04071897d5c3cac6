package sentryconfig_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/autoservice/sentryconfig"
)

// A panic is titled by the type of its value, or "panic" where there is only a text. It has a stack trace in any case.
func TestPanicTitles(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"text", "boom", "panic"},
		{"number", 7, "panic"},
		{"struct", struct{ N int }{7}, "panic"},
		{"nil slice", []string(nil), "panic"},
		{"error known by its text", errors.New("boom"), "panic"},
		{"typed error", &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}, "fs.PathError"},
		{"error with a stack of its own", newTraced(), "sentryconfig_test.traced"},
		{"nil pointer of an error type", (*fs.PathError)(nil), "fs.PathError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			_ = sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(context.Context) error { panic(test.value) })
			e := one(t, server)
			x := e.Exceptions[len(e.Exceptions)-1]
			if x.Type != test.want || e.Level != "fatal" {
				t.Errorf("title %q, level %q, want %q, fatal", x.Type, e.Level, test.want)
			}
			if x.Mechanism == nil || x.Mechanism.Handled == nil || *x.Mechanism.Handled {
				t.Errorf("mechanism %+v, want handled=false", x.Mechanism)
			}
			if len(x.Frames) == 0 {
				t.Error("no stack trace")
			}
		})
	}
}

// A nil *PanicError is an odd thing to report, and no reason to panic.
func TestNilPanicError(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	if id := sentryconfig.CaptureTaskException(t.Context(), (*sentryconfig.PanicError)(nil), "x", nil, nil); id == "" {
		t.Error("no event")
	}
	one(t, server)
}
