//go:build unix

package grouping

import (
	"os"
	"syscall"
)

// askedErrnos are what errors with an Is method are asked for: those that people compare with.
var askedErrnos = [...]syscall.Errno{syscall.ETIMEDOUT, syscall.EPIPE, syscall.ECONNREFUSED, syscall.ECONNRESET,
	syscall.ECONNABORTED, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENOSPC}

// errnoCondition is what errors.Is says of e, and of those that it doesn't know what their names say. EAGAIN is no
// timeout, whatever its Timeout method says: a fork that fails for want of processes returns it.
func errnoCondition(e syscall.Errno) condition {
	switch e {
	case syscall.ENOENT:
		return conditionNotExist
	case syscall.EEXIST, syscall.ENOTEMPTY:
		return conditionExist
	case syscall.EACCES, syscall.EPERM:
		return conditionPermission
	case syscall.ETIMEDOUT:
		return conditionTimeout
	case syscall.ECANCELED:
		return conditionCanceled
	case syscall.EPIPE:
		return conditionClosed
	case syscall.ECONNREFUSED:
		return conditionRefused
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ENETRESET:
		return conditionReset
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return conditionUnreachable
	case syscall.ENOSPC, syscall.EDQUOT:
		return conditionNoSpace
	}
	return conditionNone
}

// errnoNames are the conditions of other system errors. Those of both platforms have one name.
var errnoNames = map[syscall.Errno]string{
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
	syscall.E2BIG:  "too_many_arguments",
	syscall.ERANGE: "out_of_range", syscall.ESPIPE: "not_seekable", syscall.ENOTTY: "not_a_terminal",
	syscall.EPROTO: "protocol_error", syscall.ENOLCK: "no_locks", syscall.EFAULT: "bad_address",
}

// Signal returns the signal that ended a process.
func Signal(p *os.ProcessState) (syscall.Signal, bool) {
	status, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() { //nolint:misspell // the name in package syscall
		return 0, false
	}
	return status.Signal(), true
}

// Killed reports whether a signal that people and programs send has ended the process, not one of its own
// making.
func Killed(p *os.ProcessState) bool {
	signal, _ := Signal(p)
	switch signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	}
	return false
}
