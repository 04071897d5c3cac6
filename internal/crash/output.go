// Package crash has the runtime write its last words into a file, and reads them after the process has died.
package crash

import (
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// An Output is a user of the process's one crash output: Claim, Begin, End. The zero value is ready; its methods may be
// called from many goroutines at once.
type Output struct {
	mu    sync.Mutex
	fd    uintptr
	begun bool
	ended bool
}

// owner is the Output that has claimed the process's crash output.
var owner atomic.Pointer[Output]

// Claim reserves the process's crash output until End. It reports false when it is reserved.
func (out *Output) Claim() bool { return owner.CompareAndSwap(nil, out) }

// Begin has the runtime write its last words, of all goroutines, into the file that create returns, and closes it: the
// runtime keeps a duplicate. A program that has set a crash output of its own keeps it: then taken is true, and nothing
// is created. After End, Begin does nothing.
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
	debug.SetTraceback("all") // by default a panic shows its own goroutine alone
	out.fd, _ = crashFD()
	out.begun = true
	return false, nil
}

// End gives the crash output back, unless the program has set another since, and lets another Output claim it. Call it
// before the file is read or removed. A second End does nothing.
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
