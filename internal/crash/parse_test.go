package crash

import "testing"

func FuzzParse(f *testing.F) {
	f.Add([]byte("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:12 +0x1d\nexit status 2\n"))
	f.Add([]byte("fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:" +
		"\nmain.f(...)\n\t/a/b.go:1\ncreated by main.g in goroutine 7\n\t/a/c.go:3 +0x2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Parse(b)
		if len(c.Goroutines) > maxGoroutines {
			t.Errorf("%d goroutines", len(c.Goroutines))
		}
		for _, g := range c.Goroutines {
			if len(g.Frames) > maxFrames {
				t.Errorf("%d frames", len(g.Frames))
			}
		}
	})
}

// TestParseParts: of output that was cut short the best is made.
func TestParseParts(t *testing.T) {
	const title, throw = "goroutine 7 [running]:\n", "runtime.throw({0x1, 0x2})\n\t/go/panic.go:1 +0x1\n"
	for _, test := range []struct {
		name, output, kind, reason string
		frames, elided             int
	}{
		{"nothing", "", "", "", 0, 0},
		{"a header alone", "runtime: out of paper\n", "", "runtime: out of paper", 0, 0},
		{"throw alone, its header before", "runtime: bad\n\n" + title + throw, "fatal error", "runtime: bad", 1, 0},
		{"throw by a function nobody knows", title + throw + "runtime.x()\n\t/go/x.go:1\n",
			"fatal error", "in runtime.x", 2, 0},
		{"throw by one that is known", "runtime: bad\n\n" + title + throw + "runtime.newstack()\n\t/go/stack.go:1\n",
			"fatal error", "stack overflow", 2, 0},
		{"by itself", title + "internal/runtime/maps.fatal({0x1})\n\t/go/panic.go:1\n",
			"fatal error", "concurrent map read or write", 1, 0},
		{"frames left out", "panic: x\n\n" + title + throw + "...23 frames elided...\n", "panic", "x", 1, 23},
		{"frames left out, as older versions say", "panic: x\n\n" + title + throw + "...additional frames elided...\n",
			"panic", "x", 1, -1},
		{"cut within a frame", "panic: x\n\n" + title + throw + "main.f(0x1)", "panic", "x", 1, 0},
		{"registers and the shell", "panic: x\n\n" + title + throw + "rax    0x0\nexit status 2\n", "panic", "x", 1, 0},
	} {
		r := Parse([]byte(test.output))
		if r.Type != test.kind || r.Reason != test.reason {
			t.Errorf("%s: type %q, reason %q", test.name, r.Type, r.Reason)
		}
		if test.frames == 0 {
			if len(r.Goroutines) > 0 {
				t.Errorf("%s: %+v", test.name, r.Goroutines)
			}
			continue
		}
		if g := r.Goroutines[0]; g.ID != 7 || !g.Crashed || len(g.Frames) != test.frames || g.Elided != test.elided {
			t.Errorf("%s: %+v", test.name, g)
		}
	}
}
