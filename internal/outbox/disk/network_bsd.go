//go:build darwin || freebsd

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// networkKind names the network file system that path is on, or "" for a local one. Locks of a network share reach
// other machines late, or never, and two adopters of one segment would send everything twice.
func networkKind(path string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", fmt.Errorf("outbox: statfs %s: %w", path, err)
	}
	if fs.Flags&unix.MNT_LOCAL != 0 {
		return "", nil
	}
	return unix.ByteSliceToString(fs.Fstypename[:]), nil
}
