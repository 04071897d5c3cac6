package grouping

import (
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestErrnoConditions(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOENT: "not_exist", syscall.EEXIST: "exist", syscall.ENOTEMPTY: "exist",
		syscall.EACCES: "permission", syscall.EPERM: "permission", syscall.ETIMEDOUT: "timeout",
		syscall.ECANCELED: "canceled", syscall.EPIPE: "closed", syscall.ECONNREFUSED: "connection_refused",
		syscall.ECONNRESET: "connection_reset", syscall.ECONNABORTED: "connection_reset",
		syscall.ENETUNREACH: "unreachable", syscall.EHOSTUNREACH: "unreachable", syscall.ENOSPC: "no_space",
		syscall.EAGAIN: "try_again", syscall.EINVAL: "invalid_argument", syscall.EINTR: "interrupted",
		syscall.Errno(250): "errno_250",
	} {
		for _, err := range []error{errno, os.NewSyscallError("x", errno), &fs.PathError{Err: errno},
			&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}} {
			if got := new(Rules).condition(err); got != want {
				t.Errorf("%T: %v: %q, want %q", err, errno, got, want)
			}
		}
	}
}
