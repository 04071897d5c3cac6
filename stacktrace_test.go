package sentryconfig_test

import "runtime"

// traced is an error that carries the stack it was made on, in the form of pkg/errors.
type traced struct{ pcs []uintptr }

func (traced) Error() string           { return "traced" }
func (e traced) StackTrace() []uintptr { return e.pcs }

func newTraced() error {
	pcs := make([]uintptr, 32)
	return traced{pcs[:runtime.Callers(1, pcs)]}
}
