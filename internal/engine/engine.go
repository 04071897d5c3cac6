// Package engine connects the adapters of task engines with the task that the root package makes of an attempt: what
// they have to tell each other beyond the public Task, and that users have no use for.
package engine

import (
	"context"
	"sync/atomic"
)

// An Attempt is one attempt at a job, as an adapter knows it. Its methods may be called from many goroutines at once.
type Attempt struct {
	// Identity names the job in event IDs, instead of its System, Queue and ID, where an engine that finds a lost
	// attempt knows less than the process that ran it. Empty: those three. It is set before the attempt begins.
	Identity string

	begun   atomic.Bool
	overdue atomic.Pointer[func(context.Context, error)]
}

type attemptKey struct{}

// With returns a context that carries a.
func With(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// From returns the attempt in ctx, nil when there is none.
func From(ctx context.Context) *Attempt {
	if ctx == nil {
		return nil
	}
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}

// Begin claims a for one task and reports whether it was the first: tasks inside that one are not a's. It is false for
// a nil Attempt.
func (a *Attempt) Begin() bool { return a != nil && a.begun.CompareAndSwap(false, true) }

// Begun reports whether a task was made of the attempt.
func (a *Attempt) Begun() bool { return a.begun.Load() }

// OnOverdue sets what Overdue calls.
func (a *Attempt) OnOverdue(f func(context.Context, error)) { a.overdue.Store(&f) }

// Overdue says that the engine has given the attempt up with err while its handler runs, or after the handler was
// cancelled. It does nothing for an attempt whose end is reported already, or that reports nothing.
func (a *Attempt) Overdue(ctx context.Context, err error) {
	if f := a.overdue.Load(); f != nil {
		(*f)(ctx, err)
	}
}
