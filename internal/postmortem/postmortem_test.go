package postmortem

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/module"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

// TestMachineRestarted: another boot ID is another boot; the same one is the same boot only where that is sure.
func TestMachineRestarted(t *testing.T) {
	boot, sure := machine.BootID()
	var same, other any
	if boot != "" {
		other = true
		if sure {
			same = false
		}
	}
	for noted, want := range map[string]any{boot: same, boot + "1": other} {
		got := Context(outbox.Dead{Process: outbox.Process{Boot: noted}})["machine_restarted"]
		if got != want {
			t.Errorf("noted %q, now %q: machine_restarted is %v, want %v", noted, boot, got, want)
		}
	}
}

// TestDeadTasks: whatever a journal says of which task is part of which, each is told once.
func TestDeadTasks(t *testing.T) {
	for name, test := range map[string]struct{ noted, want string }{ // span>outer, in the order of their beginning
		"none":                     {"", ""},
		"without the field":        {"a> b>", "a b"},
		"without spans":            {"> >", " "},
		"nested":                   {"a> b>a c>b d>a e>", "a(b d c) e"},
		"the outer one has ended":  {"a> c>b d>c", "a c(d)"},
		"the clock was turned":     {"c>b b>a a>", "a(b c)"},
		"part of itself":           {"a>a b>", "b a"},
		"part of one another":      {"a>b b>a c>b", "a(b c)"},
		"two spans of one ID":      {"a> a> b>a", "a(b) a"},
		"a span that is its own's": {"a> b>b c>b", "a b(c)"},
	} {
		t.Run(name, func(t *testing.T) {
			var tasks []outbox.Interrupted
			for _, noted := range strings.Fields(test.noted) {
				span, outer, _ := strings.Cut(noted, ">")
				tasks = append(tasks, outbox.Interrupted{Task: outbox.Task{SpanID: span, Outer: outer}})
			}
			var got []string
			for _, root := range Tasks(tasks) {
				var inner []string
				for _, t := range root.Running {
					inner = append(inner, t.SpanID)
				}
				text := root.SpanID
				if len(inner) > 0 {
					text += "(" + strings.Join(inner, " ") + ")"
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestCrashThreads: goroutines without a frame of the program's are left out, and the exception names the thread it is
// of.
func TestCrashThreads(t *testing.T) {
	const host = "main.work(...)\n\t/src/main.go:5 +0x1d\n"
	ours := module.Path + ".(*outbox).run(0xc0)\n\t/src/outbox.go:7 +0x1d\n"
	const parked = "runtime.gopark(0x0)\n\t/go/src/runtime/proc.go:1 +0x1d\n"
	for _, test := range []struct {
		name, output string
		threads      []string // ID, crashed and whether it has frames
		id           uint64   // of the exception's thread
		frames       int      // of the exception
	}{
		{"a panic", "panic: x\n\ngoroutine 7 [running]:\n" + host + "\ngoroutine 1 [select]:\n" + parked +
			"\ngoroutine 3 [select]:\n" + ours + "\ngoroutine 4 [sleep]:\n" + parked + host,
			[]string{"7 true false", "4 false true"}, 7, 1},
		{"in the runtime", "fatal error: x\n\nruntime stack:\n" + parked + "\ngoroutine 7 [running]:\n" + parked +
			"\ngoroutine 4 [sleep]:\n" + host, []string{"4 false true"}, 0, 0},
		{"the runtime's own stack alone", "fatal error: x\n\nruntime stack:\n" + host, nil, 0, 1},
		{"on a stack of the system's", "SIGSEGV: x\n\nruntime stack:\n" + host + "\ngoroutine 9 [syscall]:\n" + host,
			[]string{"0 false true", "9 true false"}, 9, 1},
		{"printed twice", "panic: x\n\ngoroutine 7 [running]:\n" + host + "\ngoroutine 4 [select]:\n" + host +
			"\ngoroutine 4 [select]:\n" + host, []string{"7 true false", "4 false true"}, 7, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := Crash(outbox.Dead{}, crash.Parse([]byte(test.output)), nil)
			var threads []string
			for _, thread := range e.Threads {
				if thread.Crashed != thread.Current {
					t.Errorf("thread %s: crashed %v, current %v", thread.ID, thread.Crashed, thread.Current)
				}
				threads = append(threads, fmt.Sprint(thread.ID, " ", thread.Crashed, " ", thread.Stacktrace != nil))
			}
			if !slices.Equal(threads, test.threads) {
				t.Errorf("threads %q, want %q", threads, test.threads)
			}
			x, frames := e.Exception[0], 0
			if x.Stacktrace != nil {
				frames = len(x.Stacktrace.Frames)
			}
			if x.ThreadID != test.id || frames != test.frames {
				t.Errorf("exception in thread %d with %d frames, want %d with %d", x.ThreadID, frames, test.id,
					test.frames)
			}
		})
	}
}
