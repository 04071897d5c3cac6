package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/autoservice/sentryconfig"
)

type scanner struct{ fields []string }

func (s *scanner) parse() error { return errors.New(s.fields[len(s.fields)]) }

func (s *scanner) close() error { return errors.New(s.fields[len(s.fields)]) }

// stackError has the shape of an error of github.com/pkg/errors: a text, and the stack of where it was made.
type stackError struct {
	msg   string
	stack []uintptr
}

func (e stackError) Error() string         { return e.msg }
func (e stackError) StackTrace() []uintptr { return e.stack }

//go:noinline
func stackErrorf(format string, args ...any) error {
	pcs := make([]uintptr, 32)
	stack := pcs[:runtime.Callers(2, pcs)]
	return &struct{ stackError }{stackError{fmt.Sprintf(format, args...), stack}} // a type without a name: a text
}

//go:noinline
func locked(name string) error { return stackErrorf("user %s is locked", name) }

//go:noinline
func unknown(name string) error { return stackErrorf("user %s is unknown", name) }

// A panic is grouped by the function it comes from, and a text with a stack by the function that made it.
func TestFingerprintOfFunctions(t *testing.T) {
	const pkg = "sentryconfig_test."
	tests := []struct {
		name string
		run  func(context.Context) error
		want []string
	}{
		{"panic", func(context.Context) error { return (&scanner{}).parse() },
			[]string{"scan", "runtime.boundsError", pkg + "(*scanner).parse"}},
		{"panic elsewhere", func(context.Context) error { return (&scanner{}).close() },
			[]string{"scan", "runtime.boundsError", pkg + "(*scanner).close"}},
		{"panic with an error that carries a stack", func(context.Context) error { panic(locked("bob")) },
			[]string{"scan", "user bob is locked", pkg + "TestFingerprintOfFunctions.func3"}},
		{"text with a stack", func(context.Context) error { return fmt.Errorf("log in: %w", locked("bob")) },
			[]string{"scan", pkg + "locked"}},
		{"another text with a stack", func(context.Context) error { return unknown("bob") },
			[]string{"scan", pkg + "unknown"}},
		{"text beside one with a stack", func(context.Context) error { return errors.Join(errors.New("x"), locked("bob")) },
			[]string{"scan", "x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			if err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "scan"}, test.run); err == nil {
				t.Fatal("no error")
			}
			if got := one(t, server).Fingerprint; !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
