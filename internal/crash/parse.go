package crash

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Report is the parsed crash output of a Go program.
type Report struct {
	// Type is "panic", "fatal error" or "signal"; "" when unknown.
	Type string
	// Reason is the printed panic value or text of the fatal error. Of nested panics it is the last, which wasn't
	// recovered.
	Reason string
	// Header is the output before the goroutines.
	Header string
	// Goroutines are in the order of the output, with the crashing one first. There are none when the output was cut
	// short or GOTRACEBACK is none.
	Goroutines []Goroutine
}

// CrashedIn reports whether function, such as "github.com/a/b.(*T).Run", is on the stack that crashed.
func (r Report) CrashedIn(function string) bool {
	for _, g := range r.Goroutines {
		called := func(f Frame) bool { return f.Package+"."+f.Function == function }
		if g.Crashed && slices.ContainsFunc(g.Frames, called) {
			return true
		}
	}
	return false
}

// A Goroutine is one goroutine of a Report. ID 0 is the runtime's own stack.
type Goroutine struct {
	ID        int
	State     string // "running", "chan receive, 2 minutes"
	Crashed   bool   // this goroutine ended the process
	Frames    []Frame
	Elided    int // frames that the runtime left out; -1 for an unknown number
	CreatedBy Frame
}

// A Frame is a function on a stack, innermost first.
type Frame struct {
	Package  string // "github.com/a/b"
	Function string // "(*T).Run"
	File     string
	Line     int
}

// maxGoroutines and maxFrames limit the size of a Report.
const (
	maxGoroutines = 1000
	maxFrames     = 250 // Sentry keeps no more of a stack trace
)

// Parse parses the crash output of a Go program. It accepts any bytes and reads what it recognises. It copies output
// once; the strings of the Report share that copy.
func Parse(output []byte) Report {
	text := strings.ReplaceAll(strings.ToValidUTF8(string(output), "\ufffd"), "\r\n", "\n")
	lines := strings.Split(text, "\n")
	header := lines
	var r Report
	for i, line := range lines {
		g, ok := parseTitle(line)
		if !ok {
			continue
		}
		if r.Goroutines == nil {
			header = lines[:i]
		}
		if len(r.Goroutines) == maxGoroutines {
			break
		}
		g.readFrames(lines[i+1:])
		r.Goroutines = append(r.Goroutines, g)
	}
	r.Header = strings.TrimSpace(strings.Join(header, "\n"))
	r.Type, r.Reason = parseReason(header)
	r.markCrashed()
	if r.Type == "" {
		r.inferReason()
	}
	return r
}

// readFrames reads the lines below a goroutine's title, up to the next title.
func (g *Goroutine) readFrames(lines []string) {
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if _, title := parseTitle(line); title {
			return
		}
		switch {
		case strings.HasPrefix(line, "..."):
			g.Elided = parseElided(line)
			continue
		case line == "", line[0] == '\t', line[0] == ' ':
			continue
		case i+1 == len(lines), !strings.HasPrefix(lines[i+1], "\t"):
			continue // "exit status 2" and register values aren't frames
		}
		name, created := strings.CutPrefix(line, "created by ")
		f, ok := parseFrame(name, lines[i+1])
		if !ok {
			continue
		}
		i++
		switch {
		case created:
			g.CreatedBy = f
		case len(g.Frames) < maxFrames:
			g.Frames = append(g.Frames, f)
		}
	}
}

// parseElided reads "...23 frames elided..." and "...additional frames elided...".
func parseElided(line string) int {
	n, err := strconv.Atoi(strings.Fields(line[len("..."):] + " 0")[0])
	if err != nil || n <= 0 {
		return -1
	}
	return n
}

// fatalCallers are functions, below internal or not, that end the program, with the reason.
var fatalCallers = []struct{ function, reason string }{
	{"runtime.newstack", "stack overflow"},
	{"runtime.checkdead", "all goroutines are asleep - deadlock!"},
	{"runtime.mallocgc", "out of memory"},
	{"runtime.(*mheap)", "out of memory"},
	{"runtime.sys", "out of memory"},
	{"runtime/maps.", "concurrent map read or write"},
	{"runtime.map", "concurrent map read or write"},
	{"sync.(*Mutex).unlockSlow", "unlock of unlocked mutex"},
	{"sync.(*RWMutex).", "unlock of unlocked RWMutex"},
}

// inferReason derives the reason of a fatal error from the stack. debug.SetCrashOutput gets only the goroutines,
// because the runtime prints the text before it counts as crashing (runtime.throw and gwrite, Go 1.26).
func (r *Report) inferReason() {
	for _, g := range r.Goroutines {
		for i, f := range g.Frames {
			if (f.Function == "throw" || f.Function == "fatal") && isRuntime(f.Package) {
				r.Type = "fatal error"
				if reason := fatalReason(g.Frames[i:]); reason != "" {
					r.Reason = reason
				}
				return
			}
		}
		if g.Crashed {
			return
		}
	}
}

// fatalReason derives the reason from the functions that led to throw or fatal, the first of frames. It returns "" if
// there are none.
func fatalReason(frames []Frame) (reason string) {
	for i, f := range frames { // from the first on: maps.fatal is itself a reason
		name := f.Package + "." + f.Function
		if i == 1 {
			reason = "in " + name
		}
		for _, known := range fatalCallers {
			if strings.HasPrefix(strings.TrimPrefix(name, "internal/"), known.function) {
				return known.reason
			}
		}
	}
	return reason
}

func isRuntime(pkg string) bool {
	return pkg == "runtime" || pkg == "sync" || strings.HasPrefix(pkg, "internal/")
}

// markCrashed marks the goroutine that crashed: the first that the runtime prints. For faults within itself, the
// runtime prints its own stack before that; it counts only when there is no other.
func (r *Report) markCrashed() {
	for i := range r.Goroutines {
		if r.Goroutines[i].ID != 0 {
			r.Goroutines[i].Crashed = true
			return
		}
	}
	if len(r.Goroutines) > 0 {
		r.Goroutines[0].Crashed = true
	}
}

// parseReason finds in the lines before the first goroutine why the program ended.
//
//	panic: first [recovered]
//		panic: second
//		goes on here
//	[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x489cb3]
func parseReason(header []string) (kind, reason string) {
	var text []string
	more := false
	for _, line := range header {
		trimmed := strings.TrimSpace(line)
		indented := strings.HasPrefix(line, "\t")
		switch {
		case strings.HasPrefix(trimmed, "panic: ") && (indented || !more || kind == "panic"):
			kind, text, more = "panic", []string{trimmed[len("panic: "):]}, true
		case strings.HasPrefix(line, "fatal error: "):
			kind, text, more = "fatal error", []string{line[len("fatal error: "):]}, true
		case strings.HasPrefix(line, "[signal "):
			more = false
			if kind == "" {
				kind, text = "signal", []string{strings.Trim(line, "[]")}
			}
		case kind == "" && strings.HasPrefix(line, "SIG") && strings.Contains(line, ": "):
			kind, text = "signal", []string{line}
		case more && trimmed != "" && (indented || kind == "panic"):
			text = append(text, strings.TrimPrefix(line, "\t"))
		case trimmed == "":
			more = false
		}
	}
	reason = strings.Join(text, "\n")
	for _, suffix := range []string{" [recovered, repanicked]", " [recovered, reraised]", " [recovered]"} {
		reason = strings.TrimSuffix(reason, suffix)
	}
	if kind == "" {
		// The beginning may be missing: the runtime writes part of it before it counts as crashing.
		for _, line := range header {
			if line = strings.TrimSpace(line); line != "" {
				return "", line
			}
		}
	}
	return kind, strings.TrimSpace(reason)
}

// parseTitle reads the first line of a goroutine:
//
//	goroutine 18 [chan receive, 2 minutes, locked to thread]:
//	goroutine 1 gp=0x3f322278a1e0 m=0 mp=0x559cc0 [running]:
//	runtime stack:
func parseTitle(line string) (g Goroutine, ok bool) {
	if line == "runtime stack:" {
		return Goroutine{State: "runtime stack"}, true
	}
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok {
		return g, false
	}
	id, rest, ok := strings.Cut(rest, " ")
	if !ok {
		return g, false
	}
	n, err := strconv.Atoi(id)
	open := strings.IndexByte(rest, '[')
	end := strings.LastIndex(rest, "]:")
	if err != nil || n < 0 || open < 0 || end < open {
		return g, false
	}
	return Goroutine{ID: n, State: rest[open+1 : end]}, true
}

// parseFrame reads the two lines of a frame:
//
//	github.com/a/b.(*T).Run(0xc000012345, {0x1, ...})
//		/src/b/t.go:12 +0x25 fp=0xc000ab sp=0xc000aa pc=0x489be5
func parseFrame(call, where string) (f Frame, ok bool) {
	call, _, _ = strings.Cut(call, " in goroutine ")
	f.Package, f.Function = splitFunction(withoutArguments(call))
	where = strings.TrimSpace(where)
	if i := strings.LastIndex(where, ":"); i > 0 {
		number, _, _ := strings.Cut(where[i+1:], " ")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 {
			f.File, f.Line = where[:i], n
			return f, f.Function != ""
		}
	}
	return f, false
}

// withoutArguments removes the last parenthesised list from a call: "b.(*T).Run(0x1, f(...))" becomes "b.(*T).Run".
func withoutArguments(call string) string {
	if !strings.HasSuffix(call, ")") {
		return call
	}
	depth := 0
	for i := len(call) - 1; i >= 0; i-- {
		switch call[i] {
		case ')':
			depth++
		case '(':
			depth--
			if depth == 0 {
				return call[:i]
			}
		}
	}
	return call
}

// splitFunction splits "github.com/a/b%2ec.(*T).Run" into its package and the rest.
func splitFunction(name string) (pkg, function string) {
	start := 0
	generic := strings.IndexByte(name, '[') // type arguments contain slashes too
	if generic < 0 {
		generic = len(name)
	}
	if i := strings.LastIndexByte(name[:generic], '/'); i >= 0 {
		start = i + 1
	}
	dot := strings.IndexByte(name[start:], '.')
	if dot < 0 {
		return "", name
	}
	pkg = name[:start+dot]
	if strings.Contains(pkg, "%") { // the linker escapes dots in a path's last element
		pkg = path.Join(path.Dir(pkg), strings.NewReplacer("%2e", ".", "%25", "%").Replace(path.Base(pkg)))
	}
	return pkg, name[start+dot+1:]
}
