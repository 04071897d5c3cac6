package grouping

import (
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestWindowsErrnoConditions(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{
		windows.ERROR_FILE_NOT_FOUND: "not_exist", windows.ERROR_PATH_NOT_FOUND: "not_exist",
		windows.ERROR_ALREADY_EXISTS: "exist", windows.ERROR_FILE_EXISTS: "exist",
		windows.ERROR_DIR_NOT_EMPTY: "exist", windows.ERROR_ACCESS_DENIED: "permission",
		windows.WSAEACCES: "permission", windows.ERROR_ELEVATION_REQUIRED: "permission",
		windows.WSAETIMEDOUT: "timeout", windows.WAIT_TIMEOUT: "timeout", windows.ERROR_SEM_TIMEOUT: "timeout",
		windows.ERROR_OPERATION_ABORTED: "canceled", windows.ERROR_CANCELLED: "canceled",
		windows.ERROR_BROKEN_PIPE: "closed", windows.ERROR_NO_DATA: "closed",
		windows.WSAECONNREFUSED: "connection_refused", windows.ERROR_CONNECTION_REFUSED: "connection_refused",
		windows.WSAECONNRESET: "connection_reset", windows.WSAECONNABORTED: "connection_reset",
		windows.ERROR_NETNAME_DELETED: "connection_reset", windows.WSAENETUNREACH: "unreachable",
		windows.WSAEHOSTUNREACH: "unreachable", windows.ERROR_NETWORK_UNREACHABLE: "unreachable",
		windows.ERROR_HOST_UNREACHABLE: "unreachable", windows.ERROR_DISK_FULL: "no_space",
		windows.ERROR_HANDLE_DISK_FULL: "no_space", windows.ERROR_SHARING_VIOLATION: "busy",
		windows.ERROR_INVALID_PARAMETER: "invalid_argument",
	} {
		if got := new(Rules).condition(errno); got != want {
			t.Errorf("%d (%v): %q, want %q", uintptr(errno), errno, got, want)
		}
	}
}
