//go:build go1.27

package sentryconfig

// crashFD can't tell: see crashfd.go.
func crashFD() (fd uintptr, ok bool) { return 0, false }
