//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openPrivate opens a file of ours. O_NOFOLLOW refuses a link as the last element; O_NONBLOCK keeps a named pipe that
// somebody put there from holding us for ever.
func openPrivate(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) {
			return nil, &unsafeError{path, "is a symbolic link", "remove it"}
		}
		return nil, fmt.Errorf("outbox: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkOwner(path, info)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = &unsafeError{path, "is not a regular file", "remove it"}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// makePrivateFolder makes a folder. The umask can only take rights away.
func makePrivateFolder(path string) error { return os.Mkdir(path, 0o700) }

func checkPrivateFolder(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("outbox: %w", err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, &unsafeError{path, "is a symbolic link", "remove it, or choose another OutboxDir"}
	case !info.IsDir():
		return nil, &unsafeError{path, "is not a folder", "remove it, or choose another OutboxDir"}
	}
	return info, checkOwner(path, info)
}

// checkOwner refuses what belongs to another user or may be written by one.
func checkOwner(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return &unsafeError{path, "has no owner that could be checked", "choose another OutboxDir"}
	}
	if uid := os.Geteuid(); int(st.Uid) != uid {
		return &unsafeError{path, fmt.Sprintf("belongs to user %d, not to user %d who runs this program", st.Uid, uid),
			"choose another OutboxDir, or change its owner"}
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return &unsafeError{path, fmt.Sprintf("may be written by other users (mode %#o)", mode), "chmod go-w"}
	}
	return nil
}

// syncFolder syncs a folder: on Unix a new file's name is data of its folder, and fsync of the file doesn't cover it.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	err = f.Sync()
	_ = f.Close()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil // some file systems have no sync of folders
	}
	return err
}

// nameless reports whether no name leads to the file.
func (f osFile) nameless() bool {
	var st syscall.Stat_t
	err := syscall.Fstat(int(f.Fd()), &st)
	return err == nil && st.Nlink == 0
}

// retry calls op once: no Unix refuses to rename or remove a file because somebody reads it.
func retry(op func() error) error { return op() }
