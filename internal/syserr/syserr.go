// Package syserr names what the operating system says: its errors, and how a process ended. The names are the same on
// every platform.
package syserr

import (
	"cmp"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Timeout is the name of what took too long.
const Timeout = "timeout"

// Exit is how a process ended: exit_3, or signal_9 where the platform has signals. It is "" for nil.
func Exit(p *os.ProcessState) string {
	if p == nil {
		return ""
	}
	if signal, ok := Signal(p); ok {
		return "signal_" + strconv.Itoa(int(signal))
	}
	if code := p.ExitCode(); code >= 0 {
		return "exit_" + strconv.Itoa(code)
	}
	return ""
}

// Name is the name of a system error, whatever its Timeout method says: EAGAIN, which that calls a timeout, is what a
// fork for want of processes returns. "" is none.
func Name(e syscall.Errno) string {
	switch {
	case e == 0:
		return ""
	case e.Is(fs.ErrNotExist):
		return "not_exist"
	case e.Is(fs.ErrExist):
		return "exist"
	case e.Is(fs.ErrPermission):
		return "permission"
	}
	if name := cmp.Or(platformNames[e], names[e]); name != "" {
		return name
	}
	return "errno_" + strconv.FormatUint(uint64(e), 10)
}

// names are the names of system errors. Windows' own are in platformNames, by the same names: for these
// package syscall invents numbers there, which the system never returns, but other errors may.
var names = map[syscall.Errno]string{
	syscall.ETIMEDOUT: Timeout, syscall.ECANCELED: "canceled", syscall.EPIPE: "closed",
	syscall.ECONNREFUSED: "connection_refused", syscall.ECONNRESET: "connection_reset",
	syscall.ECONNABORTED: "connection_reset", syscall.ENETRESET: "connection_reset", syscall.ENETUNREACH: "unreachable",
	syscall.EHOSTUNREACH: "unreachable", syscall.ENETDOWN: "unreachable", syscall.EHOSTDOWN: "unreachable",
	syscall.ENOSPC: "no_space", syscall.EDQUOT: "no_space",
	syscall.EMFILE: "too_many_open_files", syscall.ENFILE: "too_many_open_files", syscall.EROFS: "read_only",
	syscall.EADDRINUSE: "address_in_use", syscall.EADDRNOTAVAIL: "address_not_available", syscall.EIO: "io_error",
	syscall.EBUSY: "busy", syscall.ETXTBSY: "busy", syscall.EISDIR: "is_directory", syscall.ENOTDIR: "not_directory",
	syscall.EINVAL: "invalid_argument", syscall.ENAMETOOLONG: "name_too_long", syscall.EXDEV: "cross_device",
	syscall.ENOMEM: "no_memory", syscall.ELOOP: "too_many_links", syscall.EMLINK: "too_many_links",
	syscall.EAGAIN: "try_again", syscall.EINTR: "interrupted", syscall.ENOSYS: "not_supported",
	syscall.ENOTSUP: "not_supported", syscall.EAFNOSUPPORT: "not_supported", syscall.EFBIG: "file_too_large",
	syscall.ESTALE: "stale_handle", syscall.ENODEV: "no_device", syscall.ENXIO: "no_device",
	syscall.EMSGSIZE: "message_too_long", syscall.ENOTCONN: "not_connected", syscall.EISCONN: "already_connected",
	syscall.EBADF: "bad_handle", syscall.ENOEXEC: "bad_executable", syscall.EDEADLK: "deadlock",
	syscall.ENOBUFS: "no_buffers", syscall.ESRCH: "no_process", syscall.ECHILD: "no_child",
	syscall.E2BIG: "too_many_arguments", syscall.ERANGE: "out_of_range", syscall.ESPIPE: "not_seekable",
	syscall.ENOTTY: "not_a_terminal", syscall.EPROTO: "protocol_error", syscall.ENOLCK: "no_locks",
	syscall.EFAULT: "bad_address",
}
