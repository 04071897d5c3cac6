package engine

import (
	"log/slog"
	"sync/atomic"
)

var loggerOf atomic.Pointer[func(client any) *slog.Logger]

// SetLoggers is how the root package tells what the Logger of a Client is, nil being the default one. It returns true.
func SetLoggers(f func(client any) *slog.Logger) bool {
	loggerOf.Store(&f)
	return true
}

// Logger returns the Logger of a *sentryconfig.Client; where there is none, slog's default.
func Logger(client any) *slog.Logger {
	if f := loggerOf.Load(); f != nil {
		if l := (*f)(client); l != nil {
			return l
		}
	}
	return slog.Default()
}
