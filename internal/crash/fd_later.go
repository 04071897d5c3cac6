//go:build go1.27

package crash

// crashFD can't tell; see fd.go.
func crashFD() (fd uintptr, ok bool) { return 0, false }
