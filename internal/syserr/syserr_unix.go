//go:build unix

package syserr

import (
	"os"
	"syscall"
)

// Asked are what errors with an Is method are asked for: those that people compare with.
var Asked = [...]syscall.Errno{syscall.ETIMEDOUT, syscall.EPIPE, syscall.ECONNREFUSED, syscall.ECONNRESET,
	syscall.ECONNABORTED, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENOSPC}

// platformNames are the names of system errors that only this platform has.
var platformNames map[syscall.Errno]string

// Signal returns the signal that ended a process.
func Signal(p *os.ProcessState) (syscall.Signal, bool) {
	status, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() { //nolint:misspell // the name in package syscall
		return 0, false
	}
	return status.Signal(), true
}

// Killed reports whether a signal that people and programs send has ended the process, not one of its own
// making.
func Killed(p *os.ProcessState) bool {
	signal, _ := Signal(p)
	switch signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	}
	return false
}
