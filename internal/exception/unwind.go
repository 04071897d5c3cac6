package exception

import "runtime"

// An Unwinding says why deferred functions run.
type Unwinding int

const (
	Return Unwinding = iota
	Panic
	Goexit
)

// unwindFrames limits how far above its caller Unwound looks for the runtime's frame: the caller is deferred itself, or
// called by a deferred function. A frame farther up belongs to the panic of a program that runs a task while cleaning
// up.
const unwindFrames = 2

// Unwound reports whether its caller runs because a panic or runtime.Goexit unwinds the stack. recover alone can't tell
// Goexit from a return.
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

// gopanic calls the deferred functions of a panic; the function that panics calls gopanic.
const gopanic = "runtime.gopanic"

// Within reports whether the function of that name is on the caller's stack.
func Within(function string) bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if functionAt(pc) == function {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// functionAt returns the name of the function at a program counter of a stack.
func functionAt(pc uintptr) string {
	if f := runtime.FuncForPC(pc - 1); f != nil {
		return f.Name()
	}
	return ""
}

// afterPanic returns the part of pcs that raised the newest panic, all of pcs without a panic.
func afterPanic(pcs []uintptr) []uintptr {
	for i, pc := range pcs {
		if functionAt(pc) == gopanic {
			return pcs[i+1:]
		}
	}
	return pcs
}

// RaisedBy reports whether function raised the panic that unwinds this stack, or an earlier panic that is still
// unwinding. Until a panic is over, its frame stays on the stack, as the caller of gopanic.
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
