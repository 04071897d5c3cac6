//go:build linux || darwin

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

func readDiskUsage(path string) (diskUsage, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(path, &s)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return diskUsage{}, &os.PathError{Op: "statfs", Path: path, Err: err}
		}
		break
	}
	block := uint64(s.Bsize)
	return diskUsage{total: s.Blocks * block, used: (s.Blocks - s.Bfree) * block, free: s.Bavail * block}, nil
}
