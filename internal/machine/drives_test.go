//go:build linux || windows

package machine

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestNetworkDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d networkDrives[int]
		check := func(what, drive string, read func() (int, bool), want int, wantOK bool, wantTook time.Duration) {
			t.Helper()
			start := time.Now()
			if got, ok := d.ask(drive, read); got != want || ok != wantOK || time.Since(start) != wantTook {
				t.Errorf("%s: %d, %v after %v, want %d, %v after %v", what, got, ok, time.Since(start), want, wantOK,
					wantTook)
			}
		}
		answers := func() (int, bool) { return 7, true }
		back := make(chan struct{})
		hangs := func() (int, bool) { <-back; return 1, true }

		check("one that answers", "a", answers, 7, true, 0)
		check("one with an error", "b", func() (int, bool) { return 3, false }, 0, false, 0)
		check("one that panics", "c", func() (int, bool) { panic("x") }, 0, false, 0)
		check("one that hangs", "d", hangs, 0, false, networkWait)
		check("the same, which isn't asked", "d", answers, 0, false, 0)
		check("another beside it", "a", answers, 7, true, 0)
		close(back)
		synctest.Wait()
		check("it has come back", "d", answers, 7, true, 0)
	})
}
