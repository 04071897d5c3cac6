package main

import (
	"os"

	"golang.org/x/sys/windows"
)

func listDisks() ([]string, error) {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return nil, os.NewSyscallError("GetLogicalDrives", err)
	}
	var all []string
	for i := range 26 {
		if mask&(1<<i) == 0 {
			continue
		}
		root := string(rune('A'+i)) + `:\`
		if name, err := windows.UTF16PtrFromString(root); err == nil &&
			windows.GetDriveType(name) == windows.DRIVE_FIXED {
			all = append(all, root)
		}
	}
	return all, nil
}
