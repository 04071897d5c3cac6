package main

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func listDisks() ([]string, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, os.NewSyscallError("getfsstat", err)
	}
	mounts := make([]unix.Statfs_t, n)
	if n, err = unix.Getfsstat(mounts, unix.MNT_NOWAIT); err != nil {
		return nil, os.NewSyscallError("getfsstat", err)
	}
	all := []string{"/"}
	for _, m := range mounts[:min(n, len(mounts))] {
		point, source := unix.ByteSliceToString(m.Mntonname[:]), unix.ByteSliceToString(m.Mntfromname[:])
		// What stands below /System shares its room with the root.
		if m.Flags&unix.MNT_LOCAL != 0 && m.Flags&unix.MNT_RDONLY == 0 && strings.HasPrefix(source, "/dev/disk") &&
			point != "/" && !strings.HasPrefix(point, "/System/") {
			all = append(all, point)
		}
	}
	return all, nil
}
