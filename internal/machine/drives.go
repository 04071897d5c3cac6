//go:build linux || windows

package machine

import (
	"sync"
	"time"
)

// networkWait limits how long a reading waits for a network drive.
const networkWait = 300 * time.Millisecond

// networkDrives queries network drives. A dead drive may hang for ever. So each drive is queried in its own goroutine,
// never twice at the same time, and is missing from the snapshot until it answers. The zero value is ready.
type networkDrives[T any] struct {
	mu     sync.Mutex
	asking map[string]bool
}

// ask returns the result of read for a drive. It returns false when read takes longer than networkWait, or an earlier
// call is still running.
func (d *networkDrives[T]) ask(drive string, read func() (T, bool)) (answer T, ok bool) {
	d.mu.Lock()
	asking := d.asking[drive]
	if !asking {
		if d.asking == nil {
			d.asking = make(map[string]bool)
		}
		d.asking[drive] = true
	}
	d.mu.Unlock()
	if asking {
		return answer, false
	}
	answered := make(chan T, 1)
	go func() {
		var answer T
		ok := false
		defer func() {
			_ = recover() // then there is no answer
			d.mu.Lock()
			delete(d.asking, drive)
			d.mu.Unlock()
			if ok {
				answered <- answer
			}
			close(answered)
		}()
		answer, ok = read()
	}()
	timer := time.NewTimer(networkWait)
	defer timer.Stop()
	select {
	case answer, ok = <-answered:
	case <-timer.C:
	}
	return answer, ok
}
