package crash

import (
	"errors"
	"os"
	"runtime/debug"
	"sync"
)

// An Output is the runtime's one crash output, while it is ours. The zero value is ready; its methods may be called from
// many goroutines at once.
type Output struct {
	mu    sync.Mutex
	fd    uintptr
	ours  bool
	ended bool
}

// Begin has the runtime write its last words, of all goroutines, into the file that create makes. It closes the file: the
// runtime keeps a duplicate. A program that has an output of its own keeps it: then taken is true, and nothing is created.
// After End, Begin does nothing.
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
	err = errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // the runtime keeps a duplicate
	if err != nil {
		return false, err
	}
	debug.SetTraceback("all") // by default a panic shows its own goroutine alone
	out.fd, _ = crashFD()
	out.ours = true
	return false, nil
}

// End gives the crash output back, before its file is closed, unless the program has set another since.
func (out *Output) End() {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.ended = true
	if fd, _ := crashFD(); !out.ours || fd != out.fd {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // nil can't fail
	debug.SetTraceback("single")                        // the default; $GOTRACEBACK may raise it
}
