//go:build unix

package sentryview

import (
	"errors"
	"syscall"
)

// processExists says whether a process has that number now. It may be another one than had it once.
func processExists(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
