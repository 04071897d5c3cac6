package disk

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// idleCalls are the system calls that threads of a Go program wait in while they have nothing to do, and those that no
// hand makes: a sync may take long on any disk.
var idleCalls = []int{
	syscall.SYS_FUTEX, syscall.SYS_EPOLL_PWAIT, syscall.SYS_NANOSLEEP, syscall.SYS_READ, syscall.SYS_WAITID,
	syscall.SYS_FSYNC, syscall.SYS_FDATASYNC,
}

// MayHang implements [System]: it asks the kernel what each thread waits for, which takes microseconds for each.
func (osSystem) MayHang() bool {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return true
	}
	told := false
	for _, thread := range threads {
		says, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/syscall")
		if err != nil {
			continue // it has ended, or the kernel tells nobody
		}
		told = true
		number, _, _ := bytes.Cut(says, []byte(" ")) // or "running", which is waiting for a processor, too
		if n, err := strconv.Atoi(string(number)); err == nil && !slices.Contains(idleCalls, n) {
			return true
		}
	}
	return !told
}
