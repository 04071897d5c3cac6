package crash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

type badValue struct{ code int }

// crashes are ways in which a Go program ends: each is done by a process of its own.
var crashes = map[string]struct {
	crash  func()
	kind   string // Report.Type
	reason string // in Report.Reason
	frame  string // a function on the crashing goroutine's stack; "": there is none to tell
}{
	"panic with an error": {func() { panic(errors.New("out of paper")) }, "panic", "out of paper", "crashHere"},
	"panic with a text":   {func() { panic("two\nlines") }, "panic", "two", "crashHere"},
	"panic with a value":  {func() { panic(badValue{7}) }, "panic", "badValue", "crashHere"},
	"panic in a goroutine": {func() {
		go func() { panic("elsewhere") }()
		select {}
	}, "panic", "elsewhere", "func"},
	"panic while panicking": {func() {
		defer func() { panic("the second") }()
		panic("the first")
	}, "panic", "the second", "crashHere"},
	"nil pointer":  {func() { _ = *(*int)(nil) }, "panic", "nil pointer", "crashHere"},
	"out of range": {func() { n := 9; _ = make([]int, 3)[n] }, "panic", "index out of range [9]", "crashHere"},
	// As much as the heap can have addresses (the runtime's maxAlloc): less may be reserved where memory is
	// overcommitted, and then takes the runtime minutes to describe.
	"out of memory": {func() { sink := make([]byte, 1<<48); _ = sink[len(os.Args)] }, "fatal error", "memory", ""},
	"concurrent map writes": {func() {
		runtime.GOMAXPROCS(8) // so that a machine of one processor interrupts them
		m := map[int]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 100_000_000 {
					m[i%100] = i
				}
			})
		}
		wg.Wait()
	}, "fatal error", "concurrent map", ""},
	"stack overflow": {func() {
		debug.SetMaxStack(1 << 20)
		fmt.Println(overflow(1))
	}, "fatal error", "stack overflow", "overflow"},
	"unlocked mutex": {func() { new(sync.Mutex).Unlock() }, "fatal error", "unlock of unlocked mutex", "crashHere"},
}

func overflow(n int) int {
	if n < 0 {
		return n
	}
	return overflow(n+1) + n
}

// The process that crashes is this test binary, run again.
const (
	childCrash = "SENTRYCONFIG_CRASH_CHILD" // which of crashes it does
	childDir   = "SENTRYCONFIG_CRASH_CHILD_DIR"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childCrash); name != "" {
		runChild(name)
	}
	os.Exit(m.Run())
}

// runChild crashes with a task in the journal and the runtime's last words in the outbox.
func runChild(name string) {
	disk, err := outbox.OpenDisk(diskConfig(os.Getenv(childDir), nil))
	if err != nil {
		panic(err)
	}
	if taken, err := new(crash.Output).Begin(disk.CrashFile); taken || err != nil {
		panic(fmt.Sprint(taken, err))
	}
	disk.Journal().Begin(outbox.Task{Type: "crashing"})
	crashHere(crashes[name].crash)
}

func diskConfig(dir string, onDead func(context.Context, outbox.Dead) bool) outbox.DiskConfig {
	return outbox.DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20,
		OnDead: onDead}
}

//go:noinline
func crashHere(end func()) { end() }

// TestCrashes has processes crash, and reads their last words as the next process would.
func TestCrashes(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range crashes {
		if raceEnabled && (name == "concurrent map writes" || name == "out of memory") {
			continue // the race detector sees these in its own way
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), childCrash+"="+name, childDir+"="+dir, "GOTRACEBACK=single")
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("it didn't crash: %s", out)
			}
			var dead []outbox.Dead
			disk, err := outbox.OpenDisk(diskConfig(dir,
				func(_ context.Context, d outbox.Dead) bool { dead = append(dead, d); return true }))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = disk.Close() }()
			if _, err := disk.Adopt(context.Background(), func([]*outbox.Entry) {}); err != nil {
				t.Error(err)
			}
			if len(dead) != 1 || dead[0].Process.PID != cmd.Process.Pid ||
				len(dead[0].Tasks) != 1 || dead[0].Tasks[0].Type != "crashing" {
				t.Fatalf("dead: %+v\n%s", dead, out)
			}
			report := crash.Parse(dead[0].Crash)
			if report.Type != c.kind || !strings.Contains(report.Reason, c.reason) {
				t.Errorf("type %q, reason %q; want %q, %q\n%s", report.Type, report.Reason, c.kind, c.reason,
					dead[0].Crash)
			}
			var stack []string
			for _, g := range report.Goroutines {
				if g.Crashed {
					for _, f := range g.Frames {
						stack = append(stack, f.Function)
						if f.Line == 0 || f.File == "" {
							t.Errorf("frame %+v", f)
						}
					}
				}
			}
			if c.frame != "" && !strings.Contains(fmt.Sprint(stack), c.frame) {
				t.Errorf("the stack %q lacks %s\n%s", stack, c.frame, dead[0].Crash)
			}
			if _, err := disk.Adopt(context.Background(), func([]*outbox.Entry) {}); err != nil || len(dead) != 1 {
				t.Errorf("told again: %v", err)
			}
		})
	}
}
