package exception

import "runtime"

// An Unwinding is why deferred functions run.
type Unwinding int

const (
	Return Unwinding = iota
	Panic
	Goexit
)

// unwindFrames is how far above its caller Unwound looks for the runtime's own frame: its caller deferred itself, or
// called by a deferred function. Farther up it would be the panic of somebody who runs a task while cleaning up.
const unwindFrames = 2

// Unwound tells whether the method that calls it runs because a panic or runtime.Goexit unwinds the stack: recover
// alone can't tell Goexit from a return.
func Unwound() Unwinding {
	var pcs [unwindFrames]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		switch functionAt(pc) {
		case gopanic:
			return Panic
		case "runtime.Goexit":
			return Goexit
		}
	}
	return Return
}

// gopanic calls the deferred functions of a panic; what raised it calls gopanic.
const gopanic = "runtime.gopanic"

// functionAt is the name of the function that a stack's program counter is in.
func functionAt(pc uintptr) string {
	if f := runtime.FuncForPC(pc - 1); f != nil {
		return f.Name()
	}
	return ""
}

// afterPanic returns those of pcs that raised the newest panic, all where there is none.
func afterPanic(pcs []uintptr) []uintptr {
	for i, pc := range pcs {
		if functionAt(pc) == gopanic {
			return pcs[i+1:]
		}
	}
	return pcs
}

// RaisedBy reports whether function has raised the panic that unwinds this stack, or one that was unwinding when the
// newest was raised: until a panic is over its frame stays on the stack, calling gopanic.
func RaisedBy(function string, pcs []uintptr) (newest, earlier bool) {
	panics, inPanic := 0, false
	for _, pc := range pcs {
		name := functionAt(pc)
		if inPanic && name == function {
			return panics == 1, true
		}
		if inPanic = name == gopanic; inPanic {
			panics++
		}
	}
	return false, false
}
