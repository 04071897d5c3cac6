//go:build !windows

package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// A procTree starts a command in a process group of its own, and ends it with every process it has started: those of
// the group, and those below it that have left the group, where the system lets them be found. A process that has left
// both, as a daemon does, is no longer part of the tree.
type procTree struct {
	mu  sync.Mutex // a kill waits until the start is over
	cmd *exec.Cmd
}

func newProcTree(cmd *exec.Cmd) *procTree {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &procTree{cmd: cmd}
}

func (t *procTree) start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cmd.Start()
}

// killRounds is how often a kill looks for processes that were started while it killed.
const killRounds = 5

func (t *procTree) kill() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cmd.Process == nil {
		return os.ErrProcessDone
	}
	pid := t.cmd.Process.Pid
	left := descendants(pid) // before the kill: orphans lose their parent
	err := syscall.Kill(-pid, syscall.SIGKILL)
	for range killRounds {
		var more []int
		for _, p := range left {
			more = append(more, descendants(p)...)
			_ = syscall.Kill(p, syscall.SIGKILL) // most are gone with the group
		}
		if left = more; len(left) == 0 {
			break
		}
	}
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func (t *procTree) close() {}

// descendants returns the processes below pid, parents first.
func descendants(pid int) []int {
	children := make(map[int][]int)
	for child, parent := range parents() {
		children[parent] = append(children[parent], child)
	}
	var all []int
	for next := []int{pid}; len(next) > 0; {
		below := children[next[0]]
		delete(children, next[0]) // the table may have been read while numbers were reused
		all, next = append(all, below...), append(next[1:], below...)
	}
	return all
}
