package main

import "golang.org/x/sys/unix"

// parents returns the parent of each process.
func parents() map[int]int {
	table, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	all := make(map[int]int, len(table))
	for _, p := range table {
		all[int(p.Proc.P_pid)] = int(p.Eproc.Ppid)
	}
	return all
}
