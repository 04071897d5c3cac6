package exception

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/getsentry/sentry-go"
)

func pcsHere() []uintptr {
	pcs := make([]uintptr, 32)
	return pcs[:runtime.Callers(1, pcs)]
}

// The forms in which errors carry a stack, each by itself and promoted from what they embed.
type (
	goFrame     struct{ ProgramCounter uintptr }
	goError     struct{ error }
	pkgError    struct{ error }
	pingcap     struct{ error }
	xFrame      struct{ frames [3]uintptr }
	xError      struct{ frame xFrame }
	embedsPkg   struct{ *pkgError }
	embedsX     struct{ *xError }
	misnamed    struct{ frame int } //nolint:unused // what matters is its name
	stackMethod struct{ error }
)

func (goError) StackFrames() (list []goFrame) {
	for _, pc := range pcsHere() {
		list = append(list, goFrame{pc})
	}
	return list
}
func (*pkgError) StackTrace() []uintptr { return pcsHere() }
func (pingcap) GetStackTracer() any     { return &pkgError{} }
func (*xError) Error() string           { return "x" }
func (*misnamed) Error() string         { return "no stack" }
func (stackMethod) StackTrace(int) int  { return 0 }

// TestCarriedStacks: the look at the type before sentry-go's own search must not lose what that finds.
func TestCarriedStacks(t *testing.T) {
	x := xError{xFrame{[3]uintptr(pcsHere())}}
	for _, test := range []struct {
		err     error
		carries bool
	}{
		{goError{errors.New("x")}, true},
		{&pkgError{errors.New("x")}, true},
		{pkgError{errors.New("x")}, false}, // its method wants a pointer
		{pingcap{errors.New("x")}, false},  // sentry-go v0.50.0 asks, but can't read the answer
		{&x, true},
		{embedsPkg{&pkgError{errors.New("x")}}, true},
		{&embedsX{&x}, true},
		{(*xError)(nil), false},
		{&misnamed{}, false},
		{stackMethod{errors.New("x")}, false},
		{errors.New("x"), false},
		{fmt.Errorf("w: %w", errors.New("x")), false},
	} {
		for range 2 { // the second time the type is known
			if found := carriedStacktrace(test.err) != nil; found != test.carries {
				t.Errorf("%T carries a stack: %v, want %v", test.err, found, test.carries)
			}
			theirs := func() (found bool) {
				defer func() { _ = recover() }()
				return sentry.ExtractStacktrace(test.err) != nil
			}()
			if theirs && !test.carries {
				t.Errorf("%T carries a stack for sentry-go", test.err)
			}
		}
	}
}

// TestOrdinaryErrorsAreNotSearched guards the cost: sentry-go's search panics for each of them.
func TestOrdinaryErrorsAreNotSearched(t *testing.T) {
	err := fmt.Errorf("w: %w", errors.New("x"))
	if n := testing.AllocsPerRun(100, func() { carriedStacktrace(err) }); n > 0 {
		t.Errorf("%v allocations to find that an ordinary error carries no stack", n)
	}
}
