package grouping

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// askedErrnos are what errors with an Is method are asked for: those that people compare with.
var askedErrnos = [...]syscall.Errno{windows.WSAETIMEDOUT, windows.ERROR_BROKEN_PIPE, windows.WSAECONNREFUSED,
	windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH,
	windows.ERROR_DISK_FULL}

// errnoCondition is what errors.Is says of e, and of those that it doesn't know what their names say. Windows has
// several numbers for most things: of winsock, of the redirector, of overlapped input and output. The names of package
// syscall that look like unix ones are numbers that Go invented; the system never returns them, but other errors may.
func errnoCondition(e syscall.Errno) condition {
	switch e {
	case syscall.ETIMEDOUT, windows.WSAETIMEDOUT, windows.WAIT_TIMEOUT, windows.ERROR_SEM_TIMEOUT, windows.ERROR_TIMEOUT:
		return conditionTimeout
	case syscall.ECANCELED, windows.ERROR_CANCELLED, windows.ERROR_OPERATION_ABORTED, windows.WSAECANCELLED,
		windows.WSA_E_CANCELLED:
		return conditionCanceled
	case syscall.EPIPE, windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA, windows.ERROR_PIPE_NOT_CONNECTED,
		windows.WSAESHUTDOWN:
		return conditionClosed
	case syscall.ECONNREFUSED, windows.WSAECONNREFUSED, windows.ERROR_CONNECTION_REFUSED, windows.ERROR_PORT_UNREACHABLE:
		return conditionRefused
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ENETRESET, windows.WSAECONNRESET, windows.WSAECONNABORTED,
		windows.WSAENETRESET, windows.ERROR_NETNAME_DELETED, windows.ERROR_CONNECTION_ABORTED:
		return conditionReset
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, windows.WSAENETUNREACH,
		windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN, windows.ERROR_NETWORK_UNREACHABLE,
		windows.ERROR_HOST_UNREACHABLE, windows.ERROR_PROTOCOL_UNREACHABLE, windows.ERROR_HOST_DOWN:
		return conditionUnreachable
	case syscall.ENOSPC, syscall.EDQUOT, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL,
		windows.ERROR_DISK_QUOTA_EXCEEDED, windows.WSAEDQUOT:
		return conditionNoSpace
	case windows.WSAEACCES, windows.ERROR_PRIVILEGE_NOT_HELD, windows.ERROR_ELEVATION_REQUIRED:
		return conditionPermission
	}
	switch {
	case e.Is(fs.ErrNotExist):
		return conditionNotExist
	case e.Is(fs.ErrExist):
		return conditionExist
	case e.Is(fs.ErrPermission):
		return conditionPermission
	}
	return conditionNone
}

// platformNames are the conditions of Windows' own system errors.
var platformNames = map[syscall.Errno]string{
	windows.ERROR_TOO_MANY_OPEN_FILES: "too_many_open_files", windows.WSAEMFILE: "too_many_open_files",
	windows.ERROR_WRITE_PROTECT: "read_only", windows.WSAEADDRINUSE: "address_in_use",
	windows.WSAEADDRNOTAVAIL: "address_not_available", windows.ERROR_IO_DEVICE: "io_error", windows.ERROR_CRC: "io_error",
	windows.ERROR_READ_FAULT: "io_error", windows.ERROR_WRITE_FAULT: "io_error", windows.ERROR_GEN_FAILURE: "io_error",
	windows.ERROR_BUSY: "busy", windows.ERROR_SHARING_VIOLATION: "busy", windows.ERROR_LOCK_VIOLATION: "busy",
	windows.ERROR_DRIVE_LOCKED: "busy", windows.ERROR_DIRECTORY: "not_directory",
	windows.ERROR_INVALID_PARAMETER: "invalid_argument", windows.WSAEINVAL: "invalid_argument",
	windows.ERROR_INVALID_NAME: "invalid_name", windows.ERROR_FILENAME_EXCED_RANGE: "name_too_long",
	windows.ERROR_NOT_SAME_DEVICE: "cross_device", windows.ERROR_NOT_ENOUGH_MEMORY: "no_memory",
	windows.ERROR_OUTOFMEMORY: "no_memory", windows.ERROR_COMMITMENT_LIMIT: "no_memory",
	windows.ERROR_CANT_RESOLVE_FILENAME: "too_many_links", windows.ERROR_TOO_MANY_LINKS: "too_many_links",
	windows.WSAEWOULDBLOCK: "try_again", windows.WSAEINTR: "interrupted", windows.ERROR_NOT_SUPPORTED: "not_supported",
	windows.ERROR_CALL_NOT_IMPLEMENTED: "not_supported", windows.ERROR_INVALID_FUNCTION: "not_supported",
	windows.WSAEOPNOTSUPP: "not_supported", windows.WSAEAFNOSUPPORT: "not_supported",
	windows.ERROR_FILE_TOO_LARGE: "file_too_large", windows.ERROR_NOT_READY: "no_device",
	windows.ERROR_DEVICE_NOT_CONNECTED: "no_device", windows.WSAEMSGSIZE: "message_too_long",
	windows.WSAENOTCONN: "not_connected", windows.WSAEISCONN: "already_connected",
	windows.ERROR_INVALID_HANDLE: "bad_handle",
	windows.ERROR_BAD_EXE_FORMAT: "bad_executable", windows.WSAENOBUFS: "no_buffers",
	windows.ERROR_LOGON_FAILURE: "logon_failure",
	windows.ERROR_BAD_NETPATH:   "unreachable", windows.ERROR_BAD_NET_NAME: "not_exist",
	windows.ERROR_FILE_CORRUPT: "corrupt", windows.ERROR_DISK_CORRUPT: "corrupt",
}

// Signal returns the signal that ended a process: Windows has none.
func Signal(*os.ProcessState) (syscall.Signal, bool) { return 0, false }

// Killed reports whether the process has the exit code that os.Process.Kill gives, or that of Ctrl+C. A
// program may also exit with 1 by itself; Windows keeps nothing that tells the two apart.
func Killed(p *os.ProcessState) bool {
	code := uint32(p.ExitCode())
	return code == 1 || code == uint32(windows.STATUS_CONTROL_C_EXIT)
}
