package outbox

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func init() { otherRoles["on a tiny disk"] = onTinyDisk }

// TestFullDisk fills a real file system of 1 MiB: what it can't hold waits in memory, and all arrives.
func TestFullDisk(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"=on a tiny disk", childDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOSPC),
		strings.Contains(string(out), "no mount"):
		t.Logf("this system lets nobody mount a file system: %v %s", err, out)
	case err != nil || strings.TrimSpace(string(out)) != "all well":
		t.Errorf("%v: %s", err, out)
	}
}

// onTinyDisk prints "all well", or what isn't.
func onTinyDisk() {
	dir := os.Getenv(childDir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		fmt.Println("no mount:", err)
		return
	}
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	o := openTest(quiet{}, "http://127.0.0.1/", func(c *Config) {
		c.Dir = dir
		c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
		c.Client = &http.Client{Transport: memoryTransport(s)}
		c.timing.diskRetry, c.timing.diskIdle = time.Millisecond, 5*time.Millisecond
	})
	const n = 400 // of 8 KB: more than three times the disk
	for i := range n {
		if !o.Put(testRecord(i, 8000)) {
			fmt.Println("not held:", i)
		}
	}
	if st := o.Stats(); st.Pending != n || st.LastError == nil || !errors.Is(st.LastError, syscall.ENOSPC) ||
		!strings.Contains(st.LastError.Error(), dir) {
		fmt.Printf("with a full disk: %+v\n", st)
	}
	s.respond(nil)
	if !o.Flush(within(30 * time.Second)) {
		fmt.Printf("Flush: false; %+v\n", o.Stats())
	}
	arrived := make(map[string]bool)
	for _, id := range s.got() {
		arrived[id] = true
	}
	if len(arrived) != n {
		fmt.Println("arrived:", len(arrived))
	}
	if !o.Close(within(time.Minute)) {
		fmt.Println("Close: false")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		fmt.Println("left behind:", left, err)
	}
	fmt.Println("all well")
}
