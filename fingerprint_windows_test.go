package sentryconfig

import (
	"testing"

	"golang.org/x/sys/windows"
)

const connectionRefused = windows.WSAECONNREFUSED

func platformErrors() []provoked {
	return []provoked{
		{"ended process", func(t *testing.T) error { // Windows has no signals: Kill ends it with code 1
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
		}, "exec.ExitError", false, "exit_1"},
		{"system call", func(*testing.T) error {
			_, err := windows.GetFileAttributes(windows.StringToUTF16Ptr(`C:\no such file`))
			return err
		}, "syscall.Errno", false, "not_exist"},
	}
}
