package syserr

import (
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

func TestName(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{0: "", syscall.ENOENT: "not_exist", syscall.ENOTEMPTY: "exist",
		syscall.EACCES: "permission", syscall.ETIMEDOUT: Timeout, syscall.EAGAIN: "try_again", 250: "errno_250"} {
		if got := Name(errno); got != want {
			t.Errorf("%d (%v): %q, want %q", errno, errno, got, want)
		}
	}
	fit := regexp.MustCompile(`^[a-z][a-z_0-9]*$`)
	for errno := range syscall.Errno(20_000) { // Windows' own go up to there
		if name := Name(errno); errno != 0 && !fit.MatchString(name) {
			t.Errorf("%d (%v): %q", errno, errno, name)
		}
	}
	for _, errno := range Asked {
		if name := Name(errno); names[errno] == "" && platformNames[errno] == "" {
			t.Errorf("%v is asked for, but has no name: %q", errno, name)
		}
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	if got := Exit(nil); got != "" {
		t.Errorf("nil: %q", got)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command(program, "-no-such-flag") // the flag package exits with 2
	if err := ended.Run(); err == nil {
		t.Fatal("a wrong flag is no error")
	}
	if got := Exit(ended.ProcessState); got != "exit_2" {
		t.Errorf("%v: %q", ended.ProcessState, got)
	}
	if Killed(ended.ProcessState) {
		t.Error("a process that has ended by itself was killed")
	}
}
