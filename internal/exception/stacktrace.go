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

// maxFrames limits a stack trace to its innermost frames, as sentry-go does.
const maxFrames = 100

// Callers returns the program counters of the calling goroutine's stack, innermost first. The given ones come before
// them.
func Callers(inner ...uintptr) []uintptr {
	var pcs [maxFrames]uintptr // on the stack: most stacks are much shorter
	n := copy(pcs[:], inner)
	return slices.Clone(pcs[:n+runtime.Callers(2, pcs[n:])])
}

// Function returns a program counter that represents a task's function, which has returned, in a list of callers. Its
// frame points to the beginning of the function. Function adds it to frameCache.
func Function(run func(context.Context) error) uintptr {
	if run == nil {
		return 0
	}
	entry := reflect.ValueOf(run).Pointer()
	pc := entry + 1 // after the entry, as a return address is after its call; no call returns here
	if _, known := frameCache.Load(pc); known {
		return pc
	}
	var f runtime.Frame
	for frames, more := runtime.CallersFrames([]uintptr{pc}), true; more; {
		f, more = frames.Next() // the last is the function itself; earlier ones are inlined into its first line
	}
	if name, method := strings.CutSuffix(f.Function, "-fm"); method {
		// The compiler's wrapper of a method value doesn't know the method's position.
		f.Function, f.File, f.Line = name, "", 0
	}
	frame := sentry.NewFrame(f)
	if f.File == "" {
		frame.Filename = ""
	}
	var kept []sentry.Frame
	// All functions of reflect.MakeFunc share one entry.
	if f.Function != "" && frame.Module != "reflect" && complete(&frame) {
		kept = []sentry.Frame{frame}
	}
	frameCache.Store(pc, kept)
	return pc
}

// stacktrace returns the stack trace of pcs without the frames of this package, sentry-go and the runtime. For a panic
// it starts where the panic was raised, because everything since then is deferred functions. It returns nil when no
// frame is left.
func stacktrace(pcs []uintptr, panicked bool) *sentry.Stacktrace {
	if panicked {
		pcs = afterPanic(pcs)
	}
	var room [32][]sentry.Frame // enough for most stacks
	parts := room[:0]
	for _, pc := range pcs {
		parts = append(parts, framesOf(pc))
	}
	frames := slices.Concat(parts...)
	if len(frames) == 0 {
		return nil
	}
	slices.Reverse(frames) // Sentry expects the outermost first
	return &sentry.Stacktrace{Frames: frames}
}

// functionOf returns the innermost function of a stack trace that belongs to the host program, else the innermost of
// all, in the form main.(*Scanner).parse. Without a stack trace it returns "".
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

// frameCache holds the frames of each program counter, innermost first: several where calls were inlined, none for
// hidden frames. The size of the program limits it.
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

// complete fills in what sentry-go leaves out, and reports whether the frame belongs in a stack trace.
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
		// -trimpath produces names of this form. Without it, build them the same way, so that they don't depend on the
		// build folder.
		f.Filename = f.Module + "/" + path.Base(strings.ReplaceAll(f.AbsPath, `\`, "/"))
	}
	return true
}

// hostModules returns the module paths of the program itself: the main module, and modules replaced by a local folder.
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

// inApp reports whether pkg belongs to the host program. It recognises the standard library by import path instead of
// GOROOT, which is unknown with -trimpath or on another machine.
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
	// Built without module support: everything but the standard library.
	return len(modules) == 0 && strings.Contains(first, ".")
}

func isWithin(pkg, module string) bool {
	return strings.HasPrefix(pkg, module) && (len(pkg) == len(module) || pkg[len(module)] == '/')
}

// carriedStacktrace returns the stack trace that err itself carries, as pkg/errors, go-errors and xerrors record it,
// nil without one.
func carriedStacktrace(err error) (st *sentry.Stacktrace) {
	defer func() {
		if recover() != nil { // err's method panicked, or has another signature
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

// stackCarriers caches mayCarryStack. The number of types in the program limits it.
var stackCarriers sync.Map // reflect.Type -> bool

// mayCarryStack reports whether errors of type t have one of the methods or the field that sentry.ExtractStacktrace
// looks for. Without any, ExtractStacktrace panics and recovers, which costs as much as a whole capture. The names must
// be constants: with variable ones the linker would keep every exported method of the program.
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
