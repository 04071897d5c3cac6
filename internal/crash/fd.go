//go:build !go1.27

package crash

import _ "unsafe" // for go:linkname

// setCrashFD swaps the file that the runtime writes its last words to; ^0 is none. debug.SetCrashOutput closes the one
// before, and nothing public tells whether there is one. The runtime marks this function for being linked to; later
// versions of Go have to be looked at first, hence the build tag.
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
