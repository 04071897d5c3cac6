// Package crash makes the runtime write its crash output into a file, and parses that output after the process has
// died.
package crash

import (
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// An Output is one user of the process's only crash output. Call Claim, Begin and End, in that order. The zero value is
// ready. Its methods are safe for concurrent use.
type Output struct {
	mu    sync.Mutex
	fd    uintptr
	begun bool
	ended bool
}

// owner is the Output that has claimed the process's crash output.
var owner atomic.Pointer[Output]

// Claim reserves the process's crash output until End. It returns false when another Output holds it.
func (out *Output) Claim() bool { return owner.CompareAndSwap(nil, out) }

// Begin makes the runtime write its crash output, with all goroutines, to the file that create returns. It closes the
// file; the runtime keeps a duplicate. If the program has already set a crash output of its own, that one stays: taken
// is true, and create isn't called. After End, Begin does nothing.
func (out *Output) Begin(create func() (*os.File, error)) (taken bool, err error) {
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.ended {
		return false, nil
	}
	if _, taken := crashFD(); taken {
		return true, nil
	}
	f, err := create()
	if err != nil {
		return false, err
	}
	err = errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close())
	if err != nil {
		return false, err
	}
	debug.SetTraceback("all") // by default, a panic prints only its own goroutine
	out.fd, _ = crashFD()
	out.begun = true
	return false, nil
}

// End removes the crash output, unless the program has set another since, and releases the claim. Call it before the
// file is read or removed. A second End does nothing.
func (out *Output) End() {
	out.mu.Lock()
	defer out.mu.Unlock()
	if fd, _ := crashFD(); out.begun && !out.ended && fd == out.fd {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // nil can't fail
		debug.SetTraceback("single")                        // the default; $GOTRACEBACK may raise it
	}
	out.ended = true
	owner.CompareAndSwap(out, nil)
}
