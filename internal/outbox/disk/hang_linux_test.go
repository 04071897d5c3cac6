package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestMayHang: a thread that waits in a call for a file is seen, and other threads aren't taken for it.
func TestMayHang(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	opened := make(chan error)
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for a reader
		_ = f.Close()
		opened <- err
	}()
	for !(osSystem{}).MayHang() {
		runtime.Gosched()
	}
	f, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer func() { _ = f.Close() }()
	must(t, <-opened)
	for (osSystem{}).MayHang() { // other tests' calls end
		runtime.Gosched()
	}
}
