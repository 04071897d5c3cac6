//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// leaveGroup lets cmd start in a session, and so a process group, of its own.
func leaveGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
