package sentryconfig

import "runtime"

type unwind int

const (
	unwindNone unwind = iota
	unwindPanic
	unwindGoexit
)

// unwindFrames is how far above Finish the runtime's own frame is looked for: Finish deferred itself, or called by a
// deferred function. Farther up it would be the panic of somebody who runs a task while cleaning up.
const unwindFrames = 2

// unwinding tells whether the method that calls it runs because a panic or runtime.Goexit unwinds the stack: recover
// alone can't tell Goexit from a return.
func unwinding() unwind {
	var pcs [unwindFrames]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		f := runtime.FuncForPC(pc - 1)
		if f == nil {
			continue
		}
		switch f.Name() {
		case "runtime.gopanic":
			return unwindPanic
		case "runtime.Goexit":
			return unwindGoexit
		}
	}
	return unwindNone
}
