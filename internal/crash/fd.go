//go:build !go1.27

package crash

import _ "unsafe" // for go:linkname

// setCrashFD replaces the file descriptor of the crash output, ^0 for none, and returns the old one.
// debug.SetCrashOutput would close the old file, and nothing public reports whether there is one. The runtime marks
// this function for go:linkname. The build tag excludes later versions of Go until somebody has checked them.
//
//go:linkname setCrashFD runtime.setCrashFD
func setCrashFD(fd uintptr) uintptr

// crashFD returns the file descriptor of the crash output, and whether there is one.
func crashFD() (fd uintptr, ok bool) {
	const none = ^uintptr(0)
	fd = setCrashFD(none)
	setCrashFD(fd)
	return fd, fd != none
}
