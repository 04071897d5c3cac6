package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// lockOffset is the byte that stands for the file. Windows enforces locks on what they cover, so it lies past
// everything that others may read. High word of the offset: 2^62.
const lockOffset = 1 << 30

func (f osFile) TryLock() (bool, error) {
	at := windows.Overlapped{OffsetHigh: lockOffset}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, fmt.Errorf("outbox: lock %s: %w", f.Name(), err)
}

// networkKind names the kind of network share that path is on, or "" for a local drive. A share's locks end late, or
// never, when a machine dies.
func networkKind(path string) (string, error) {
	volume := filepath.VolumeName(path)
	plain := strings.TrimPrefix(volume, `\\?\`)
	switch {
	case strings.HasPrefix(strings.ToUpper(plain), `UNC\`),
		strings.HasPrefix(plain, `\\`) && !strings.HasPrefix(plain, `\\.\`):
		return "smb", nil
	case volume == "":
		return "", nil
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	if err != nil {
		return "", fmt.Errorf("outbox: drive of %s: %w", path, err)
	}
	if windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "remote drive", nil
	}
	return "", nil
}
