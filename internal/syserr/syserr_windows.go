package syserr

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// Asked are what errors with an Is method are asked for: those that people compare with.
var Asked = [...]syscall.Errno{windows.WSAETIMEDOUT, windows.ERROR_BROKEN_PIPE, windows.WSAECONNREFUSED,
	windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH,
	windows.ERROR_DISK_FULL}

// platformNames are the names of Windows' own system errors. It has several numbers for most things: of winsock,
// of the redirector, of overlapped input and output.
var platformNames = map[syscall.Errno]string{
	windows.WSAETIMEDOUT: Timeout, windows.WAIT_TIMEOUT: Timeout, windows.ERROR_SEM_TIMEOUT: Timeout,
	windows.ERROR_TIMEOUT: Timeout, windows.ERROR_CANCELLED: "canceled", windows.ERROR_OPERATION_ABORTED: "canceled",
	windows.WSAECANCELLED: "canceled", windows.WSA_E_CANCELLED: "canceled", windows.ERROR_BROKEN_PIPE: "closed",
	windows.ERROR_NO_DATA: "closed", windows.ERROR_PIPE_NOT_CONNECTED: "closed", windows.WSAESHUTDOWN: "closed",
	windows.WSAECONNREFUSED: "connection_refused", windows.ERROR_CONNECTION_REFUSED: "connection_refused",
	windows.ERROR_PORT_UNREACHABLE: "connection_refused", windows.WSAECONNRESET: "connection_reset",
	windows.WSAECONNABORTED: "connection_reset", windows.WSAENETRESET: "connection_reset",
	windows.ERROR_NETNAME_DELETED: "connection_reset", windows.ERROR_CONNECTION_ABORTED: "connection_reset",
	windows.WSAENETUNREACH: "unreachable", windows.WSAEHOSTUNREACH: "unreachable",
	windows.WSAENETDOWN: "unreachable", windows.WSAEHOSTDOWN: "unreachable",
	windows.ERROR_NETWORK_UNREACHABLE: "unreachable", windows.ERROR_HOST_UNREACHABLE: "unreachable",
	windows.ERROR_PROTOCOL_UNREACHABLE: "unreachable", windows.ERROR_HOST_DOWN: "unreachable",
	windows.ERROR_DISK_FULL: "no_space", windows.ERROR_HANDLE_DISK_FULL: "no_space",
	windows.ERROR_DISK_QUOTA_EXCEEDED: "no_space", windows.WSAEDQUOT: "no_space", windows.WSAEACCES: "permission",
	windows.ERROR_PRIVILEGE_NOT_HELD: "permission", windows.ERROR_ELEVATION_REQUIRED: "permission",
	windows.ERROR_TOO_MANY_OPEN_FILES: "too_many_open_files", windows.WSAEMFILE: "too_many_open_files",
	windows.ERROR_WRITE_PROTECT: "read_only", windows.WSAEADDRINUSE: "address_in_use",
	windows.WSAEADDRNOTAVAIL: "address_not_available", windows.ERROR_IO_DEVICE: "io_error",
	windows.ERROR_CRC: "io_error", windows.ERROR_READ_FAULT: "io_error",
	windows.ERROR_WRITE_FAULT: "io_error", windows.ERROR_GEN_FAILURE: "io_error",
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
	windows.ERROR_INVALID_HANDLE: "bad_handle", windows.ERROR_BAD_EXE_FORMAT: "bad_executable",
	windows.WSAENOBUFS: "no_buffers", windows.ERROR_LOGON_FAILURE: "logon_failure",
	windows.ERROR_BAD_NET_NAME: "not_exist", windows.ERROR_FILE_CORRUPT: "corrupt",
	windows.ERROR_DISK_CORRUPT: "corrupt",
}

// Signal returns the signal that ended a process: Windows has none.
func Signal(*os.ProcessState) (syscall.Signal, bool) { return 0, false }

// Killed reports whether the process has the exit code that os.Process.Kill gives, or that of Ctrl+C. A
// program may also exit with 1 by itself; Windows keeps nothing that tells the two apart.
func Killed(p *os.ProcessState) bool {
	code := uint32(p.ExitCode())
	return code == 1 || code == uint32(windows.STATUS_CONTROL_C_EXIT)
}
