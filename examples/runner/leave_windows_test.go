package main

import (
	"os/exec"
	"syscall"
)

// leaveGroup lets cmd start in a process group of its own; there are no sessions to leave.
func leaveGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
