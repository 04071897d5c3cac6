package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// errNoConsole is what interrupt returns when there is no console that could be made.
const errNoConsole = windows.ERROR_INVALID_ACCESS

var allocConsole = windows.NewLazySystemDLL("kernel32.dll").NewProc("AllocConsole")

// leaveGroup lets cmd start in a process group of its own; there are no sessions to leave. Groups are a console's: it
// is made if the tests have none.
func leaveGroup(cmd *exec.Cmd) {
	_, _, _ = allocConsole.Call() // fails where there is one
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// interrupt sends Ctrl-Break, which reaches the process group that cmd leads, and not the tests.
func interrupt(cmd *exec.Cmd) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid))
}
