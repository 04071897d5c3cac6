package main

import (
	"os"

	"golang.org/x/sys/windows"
)

func readDiskUsage(path string) (diskUsage, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return diskUsage{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: path, Err: err}
	}
	var available, total, free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &available, &total, &free); err != nil {
		return diskUsage{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: path, Err: err}
	}
	return diskUsage{total: total, used: total - min(free, total), free: available}, nil
}
