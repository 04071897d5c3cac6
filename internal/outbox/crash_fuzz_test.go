package outbox

import "testing"

func FuzzParseCrash(f *testing.F) {
	f.Add([]byte("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:12 +0x1d\nexit status 2\n"))
	f.Add([]byte("fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.f(...)\n\t/a/b.go:1\ncreated by main.g in goroutine 7\n\t/a/c.go:3 +0x2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := ParseCrash(b)
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
