package main

import (
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A procTree starts a command in a job object, and ends it with every process it has started.
type procTree struct {
	mu  sync.Mutex // a kill waits until the start is over
	cmd *exec.Cmd
	job windows.Handle // 0 where there is none
}

func newProcTree(cmd *exec.Cmd) *procTree {
	// Suspended, because what it started before it is in the job wouldn't be in the job.
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP}
	return &procTree{cmd: cmd}
}

func (t *procTree) start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("create a job object: %w", err)
	}
	t.job = job
	if err := t.cmd.Start(); err != nil {
		return err
	}
	if err := t.release(); err != nil {
		_ = t.cmd.Process.Kill()
		_ = t.cmd.Wait()
		return err
	}
	return nil
}

// release puts the suspended process into the job and lets it run.
func (t *procTree) release() error {
	pid := uint32(t.cmd.Process.Pid)
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, pid)
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	if err := windows.AssignProcessToJobObject(t.job, process); err != nil {
		return fmt.Errorf("put process %d into its job object: %w", pid, err)
	}
	return resume(pid)
}

// resume resumes the threads of a process; os/exec doesn't hand out the handle of the first one.
func resume(pid uint32) error {
	threads, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return fmt.Errorf("list the threads of process %d: %w", pid, err)
	}
	defer func() { _ = windows.CloseHandle(threads) }()
	var entry windows.ThreadEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	resumed := false
	for err = windows.Thread32First(threads, &entry); err == nil; err = windows.Thread32Next(threads, &entry) {
		if entry.OwnerProcessID != pid {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return fmt.Errorf("open thread %d: %w", entry.ThreadID, err)
		}
		_, err = windows.ResumeThread(thread)
		_ = windows.CloseHandle(thread)
		if err != nil {
			return fmt.Errorf("resume thread %d: %w", entry.ThreadID, err)
		}
		resumed = true
	}
	if !resumed {
		return fmt.Errorf("process %d has no thread to resume", pid)
	}
	return nil
}

func (t *procTree) kill() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job == 0 {
		return t.cmd.Process.Kill()
	}
	return windows.TerminateJobObject(t.job, 1)
}

// close lets go of the job; what runs in it goes on.
func (t *procTree) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job != 0 {
		_ = windows.CloseHandle(t.job)
		t.job = 0
	}
}
