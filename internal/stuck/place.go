package stuck

import (
	"runtime"
	"strings"

	"github.com/autoservice/sentryconfig/internal/module"
)

// A Place is where a task began, which identifies its goroutine. The zero Place is unknown.
type Place struct {
	run     uintptr    // entry of the function that the task runs; 0: see callers
	callers [6]uintptr // stack of the code that began the task
}

// Here returns the Place of a task that runs the function with the entry run. If run is 0, it is the place of the
// caller's caller.
func Here(run uintptr) Place {
	p := Place{run: run}
	if run == 0 {
		runtime.Callers(3, p.callers[:])
	}
	return p
}

// function returns the name of the function that the task runs, or began in, as a stack shows it. It skips the root
// package's functions. It returns "" when unknown.
func (p Place) function() string {
	if p.run != 0 {
		if f := runtime.FuncForPC(p.run); f != nil {
			return strings.TrimSuffix(f.Name(), "-fm")
		}
		return ""
	}
	if p.callers[0] == 0 {
		return ""
	}
	for frames, more := runtime.CallersFrames(p.callers[:]), true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); f.Function != "" && !strings.HasPrefix(f.Function, module.Path+".") {
			return f.Function
		}
	}
	return ""
}
