package settings

import (
	"context"
	"log/slog"
)

// discardLogger stands for a nil Options.Logger.
var discardLogger = slog.New(slog.DiscardHandler)

// Logger returns the user's logger, guarded: a panic in its handler must not reach the program through this package.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return discardLogger
	}
	return slog.New(guardedHandler{l.Handler()})
}

type guardedHandler struct{ next slog.Handler }

func (h guardedHandler) Enabled(ctx context.Context, level slog.Level) (on bool) {
	defer func() { _ = recover() }()
	return h.next.Enabled(ctx, level)
}

func (h guardedHandler) Handle(ctx context.Context, r slog.Record) (err error) {
	defer func() { _ = recover() }()
	return h.next.Handle(ctx, r)
}

func (h guardedHandler) WithAttrs(attrs []slog.Attr) (with slog.Handler) {
	defer func() {
		if recover() != nil {
			with = h
		}
	}()
	return guardedHandler{h.next.WithAttrs(attrs)}
}

func (h guardedHandler) WithGroup(name string) (with slog.Handler) {
	defer func() {
		if recover() != nil {
			with = h
		}
	}()
	return guardedHandler{h.next.WithGroup(name)}
}
