package stuck

import (
	"runtime"
	"strings"

	"github.com/autoservice/sentryconfig/internal/module"
)

// A Place is where a task has begun, which tells its goroutine. The zero Place is unknown.
type Place struct {
	run     uintptr    // the entry of the function that the task runs; 0: it began,
	callers [6]uintptr // called from here
}

// Here is the Place of a task that runs the function whose entry is run, or where that is 0, that the caller's caller
// has begun.
func Here(run uintptr) Place {
	p := Place{run: run}
	if run == 0 {
		runtime.Callers(3, p.callers[:])
	}
	return p
}

// function is the name of the function that the task runs, or has begun in, as a stack shows it; "" when it isn't
// known. That is none of the root package.
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
