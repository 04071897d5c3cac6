//go:build unix

package sentryconfig

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const connectionRefused = syscall.ECONNREFUSED

func platformErrors() []provoked {
	list := []provoked{
		{"killed process", func(t *testing.T) error {
			cmd := helper("wait")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stdin.Close() }()
			_ = cmd.Process.Kill()
			return cmd.Wait()
		}, "exec.ExitError", false, "signal_9"},
		{"read deadline of a pipe", func(t *testing.T) error {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = r.Close(), w.Close() }()
			_ = r.SetReadDeadline(time.Now().Add(-time.Second))
			_, err = r.Read(make([]byte, 1))
			return err
		}, "fs.PathError", false, "timeout"},
		{"system call", func(*testing.T) error { return syscall.Rmdir("") }, "syscall.Errno", false, "not_exist"},
		{"program without the right to run", func(t *testing.T) error { // to root neither
			name := t.TempDir() + "/program"
			writeFile(t, name)
			return runProgram(name)
		}, "fs.PathError", false, "permission"},
	}
	if runtime.GOOS == "linux" {
		list = append(list, provoked{"full device", func(t *testing.T) error {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip("a container without /dev/full: ", err)
			}
			defer func() { _ = f.Close() }()
			_, err = f.Write([]byte("x"))
			return err
		}, "fs.PathError", false, "no_space"})
	}
	return list
}

func runProgram(name string) error {
	p, err := os.StartProcess(name, []string{name}, &os.ProcAttr{})
	if err == nil {
		_, err = p.Wait()
	}
	return err
}
