//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

var errNoConsole error // signals need none

// leaveGroup lets cmd start in a session, and so a process group, of its own.
func leaveGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// interrupt asks cmd to end, as a service manager does.
func interrupt(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }
