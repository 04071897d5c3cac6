package main

import (
	"context"
	"log/slog"
)

type taskKey struct{} // in a ctx: the *task

// A taskHandler adds to what a task logs which task it is: several may run side by side.
type taskHandler struct{ slog.Handler }

func (h taskHandler) Handle(ctx context.Context, r slog.Record) error {
	if t, ok := ctx.Value(taskKey{}).(*task); ok {
		r = r.Clone()
		r.AddAttrs(slog.Int("index", t.index), slog.String("label", t.label))
	}
	return h.Handler.Handle(ctx, r)
}

func (h taskHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return taskHandler{h.Handler.WithAttrs(attrs)}
}
func (h taskHandler) WithGroup(name string) slog.Handler {
	return taskHandler{h.Handler.WithGroup(name)}
}
