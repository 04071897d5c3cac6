//go:build unix

package disk

import (
	"errors"
	"fmt"
	"syscall"
)

// tryLock uses flock and not fcntl: an fcntl lock belongs to the process, and closing any other descriptor of the file
// drops it. Unlike those, flock promises nothing between machines: see networkKind.
func (f osFile) TryLock() (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, fmt.Errorf("outbox: lock %s: %w", f.Name(), err)
		}
	}
}
