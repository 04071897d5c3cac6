package exception

import (
	"context"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/module"
)

// maxFrames is how many frames of a stack are kept, the innermost, as in sentry-go.
const maxFrames = 100

// Callers returns the program counters of the calling goroutine's stack, innermost first, behind those given.
func Callers(inner ...uintptr) []uintptr {
	pcs := make([]uintptr, maxFrames)
	n := copy(pcs, inner)
	return pcs[:n+runtime.Callers(2, pcs[n:])]
}

// Function returns a program counter that stands for a task's function in a list of callers: the function itself
// has returned. Its frame is where the function begins, and goes into frameCache at once.
func Function(run func(context.Context) error) uintptr {
	if run == nil {
		return 0
	}
	entry := reflect.ValueOf(run).Pointer()
	pc := entry + 1 // behind the entry, as the address that a call returns to is behind the call; no call returns here
	if _, known := frameCache.Load(pc); known {
		return pc
	}
	var f runtime.Frame
	for frames, more := runtime.CallersFrames([]uintptr{pc}), true; more; {
		f, more = frames.Next() // the last is the function itself, those before it are inlined into its first line
	}
	if name, method := strings.CutSuffix(f.Function, "-fm"); method {
		// The compiler's wrapper of a method value doesn't know where the method is.
		f.Function, f.File, f.Line = name, "", 0
	}
	frame := sentry.NewFrame(f)
	if f.File == "" {
		frame.Filename = ""
	}
	var kept []sentry.Frame
	if f.Function != "" && frame.Module != "reflect" && complete(&frame) { // reflect.MakeFunc makes all of one
		kept = []sentry.Frame{frame}
	}
	frameCache.Store(pc, kept)
	return pc
}

// stacktrace returns the stack trace of pcs without the frames of this package, of sentry-go and of the runtime. For
// a panic it begins where the panic was raised: what ran since then are deferred functions. It returns nil when nothing
// is left.
func stacktrace(pcs []uintptr, panicked bool) *sentry.Stacktrace {
	if panicked {
		pcs = afterPanic(pcs)
	}
	frames := make([]sentry.Frame, 0, len(pcs))
	for _, pc := range pcs {
		frames = append(frames, framesOf(pc)...)
	}
	if len(frames) == 0 {
		return nil
	}
	slices.Reverse(frames) // Sentry wants the outermost first
	return &sentry.Stacktrace{Frames: frames}
}

// functionOf is the innermost function of a stack trace that is the host's own, else the innermost of all, as
// main.(*Scanner).parse; "" without a stack trace.
func functionOf(st *sentry.Stacktrace) string {
	if st == nil || len(st.Frames) == 0 {
		return ""
	}
	f := &st.Frames[len(st.Frames)-1]
	for i := range slices.Backward(st.Frames) {
		if st.Frames[i].InApp {
			f = &st.Frames[i]
			break
		}
	}
	pkg := f.Module[strings.LastIndexByte(f.Module, '/')+1:]
	if pkg == "" {
		return f.Function
	}
	return pkg + "." + f.Function
}

// frameCache holds the frames of each program counter seen, innermost first: more than one where calls were inlined,
// none where they are to be left out. It is bounded by the size of the program.
var frameCache sync.Map // uintptr -> []sentry.Frame

func framesOf(pc uintptr) []sentry.Frame {
	if frames, ok := frameCache.Load(pc); ok {
		return frames.([]sentry.Frame)
	}
	var kept []sentry.Frame
	frames := runtime.CallersFrames([]uintptr{pc})
	for {
		f, more := frames.Next()
		if frame := sentry.NewFrame(f); f.Function != "" && complete(&frame) {
			kept = append(kept, frame)
		}
		if !more {
			break
		}
	}
	frameCache.Store(pc, kept)
	return kept
}

// complete fills in what sentry-go leaves out and reports whether the frame belongs into a stack trace.
func complete(f *sentry.Frame) bool {
	file := f.AbsPath
	if file == "" {
		file = f.Filename
	}
	switch {
	case isWithin(f.Module, "runtime"), isWithin(f.Module, "internal/runtime"), f.Module == "testing":
		return false
	case module.Own(f.Module) && !strings.HasSuffix(file, "_test.go"):
		return false
	case isWithin(f.Module, "github.com/getsentry/sentry-go") && !strings.HasSuffix(f.Module, "_test"):
		return false
	}
	f.InApp = inApp(f.Module)
	if f.Module != "" && f.Filename == "" && f.AbsPath != "" {
		// With -trimpath the compiler names files like this; without, the name must not depend on where it was built.
		f.Filename = f.Module + "/" + path.Base(strings.ReplaceAll(f.AbsPath, `\`, "/"))
	}
	return true
}

// hostModules are the module paths of the program itself: the main module, and what is replaced by a local folder.
var hostModules = sync.OnceValue(func() (modules []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	if info.Main.Path != "" {
		modules = append(modules, info.Main.Path)
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil && dep.Replace.Version == "" && dep.Path != module.Path {
			modules = append(modules, dep.Path)
		}
	}
	return modules
})

// inApp reports whether a package is the host program's own. The standard library is told by its import path, not by
// GOROOT: with -trimpath, or on another machine, there is none.
func inApp(pkg string) bool {
	if pkg == "main" || strings.HasPrefix(pkg, "main.") {
		return true
	}
	pkg = strings.TrimSuffix(pkg, "_test")
	modules := hostModules()
	for _, host := range modules {
		if isWithin(pkg, host) {
			return true
		}
	}
	first, _, _ := strings.Cut(pkg, "/")
	return len(modules) == 0 && strings.Contains(first, ".") // built without module support: all but the standard library
}

func isWithin(pkg, module string) bool {
	return strings.HasPrefix(pkg, module) && (len(pkg) == len(module) || pkg[len(module)] == '/')
}

// carriedStacktrace returns the stack trace that err itself carries, as pkg/errors, go-errors and xerrors record it, or
// nil.
func carriedStacktrace(err error) (st *sentry.Stacktrace) {
	defer func() {
		if recover() != nil { // err's own method, or one with another signature
			st = nil
		}
	}()
	if !mayCarryStack(reflect.TypeOf(err)) {
		return nil
	}
	st = sentry.ExtractStacktrace(err)
	if st == nil {
		return nil
	}
	kept := st.Frames[:0]
	for i := range st.Frames {
		if complete(&st.Frames[i]) {
			kept = append(kept, st.Frames[i])
		}
	}
	if len(kept) == 0 {
		return nil
	}
	if len(kept) > maxFrames {
		kept = kept[len(kept)-maxFrames:]
	}
	st.Frames = kept
	return st
}

// stackCarriers holds what mayCarryStack has found. It is bounded by the number of the program's types.
var stackCarriers sync.Map // reflect.Type -> bool

// mayCarryStack reports whether errors of type t have one of the methods, or the field, that sentry.ExtractStacktrace
// looks for. That one panics and recovers for every error that has none, at the cost of a whole capture. The names are
// constants: a variable one would make the linker keep every exported method of the program.
func mayCarryStack(t reflect.Type) bool {
	if known, ok := stackCarriers.Load(t); ok {
		return known.(bool)
	}
	_, may := t.MethodByName("StackFrames") // go-errors
	if !may {
		_, may = t.MethodByName("StackTrace") // pkg/errors
	}
	if !may {
		_, may = t.MethodByName("GetStackTracer") // pingcap
	}
	if !may && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		_, may = t.Elem().FieldByName("frame") // xerrors
	}
	stackCarriers.Store(t, may)
	return may
}
