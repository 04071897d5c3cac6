package sentryconfig

import (
	"context"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/module"
)

type capturedError struct {
	err error
	id  sentry.EventID // "" for a panic whose event was dropped
}

// finishName is the function that raises again what it has captured, as a stack has it.
var finishName = module.Path + ".(*TaskSpan).Finish"

// capturePanic reports p unless it was reported on its way out already, and returns the event's ID. It is called by the
// deferred function that recovered p.
func (t *TaskSpan) capturePanic(p *PanicError, how verdict) sentry.EventID {
	if t == nil {
		return ""
	}
	t.imply(sentry.SpanStatusInternalError)
	if how.quiet {
		return ""
	}
	pcs := exception.Callers()
	again, earlier := exception.RaisedBy(finishName, pcs)
	if again || earlier {
		// A Finish raises the very value again, but it may have been that of another Client's task. What isn't equal to
		// itself can't be told from others, and counts as captured.
		if id, same := t.capturedPanic(p.Value); same || again && !errtree.Same(p.Value, p.Value) {
			return toldID(id)
		}
	}
	if err := p.Unwrap(); err != nil {
		if rest, id := t.uncaptured(err, earlier); rest == nil {
			return id
		}
	}
	if !t.client.reporting() {
		return ""
	}
	ctx := context.WithValue(context.Background(), taskKey{}, t)
	return t.client.captureException(ctx, p, t.taskType, nil, nil, pcs, how)
}

// capturedPanic returns the ID of the newest event for a panic with the given value in t or in a task within it; where
// there is none, that for any panic.
func (t *TaskSpan) capturedPanic(value any) (id sentry.EventID, same bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.captured) - 1; i >= 0; i-- {
		if p, ok := t.captured[i].err.(*PanicError); ok {
			if errtree.Same(p.Value, value) {
				return t.captured[i].id, true
			}
			if id == "" {
				id = t.captured[i].id
			}
		}
	}
	return id, false
}

// noteCaptured remembers on the task and those it runs in that err was reported, and what follows for its status.
func (t *TaskSpan) noteCaptured(err error, id sentry.EventID, status sentry.SpanStatus) {
	if t == nil {
		return
	}
	t.imply(status)
	if _, panicked := err.(*PanicError); err == nil || id == "" && !panicked { // a panic is on its way to the next task
		return
	}
	for ; t != nil; t = t.parent {
		t.mu.Lock()
		if len(t.captured) >= maxCaptured {
			t.captured = append(t.captured[:0], t.captured[1:]...)
		}
		t.captured = append(t.captured, capturedError{err, id})
		t.mu.Unlock()
	}
}

// maxCaptured is how many errors a task remembers; what passes through a task was captured lately.
const maxCaptured = 16

// uncaptured returns what is left to report of err, nil if nothing is, and the ID of an event for what has been
// reported through t's context: err itself, or what it wraps. With recovered, err may also be what a panic was called
// with that has been reported.
func (t *TaskSpan) uncaptured(err error, recovered bool) (rest error, id sentry.EventID) {
	if t == nil {
		return err, ""
	}
	t.mu.Lock()
	captured := slices.Clone(t.captured)
	t.mu.Unlock()
	rest, _ = errtree.Sift(err, func(err error) bool {
		known := t.idOf(err, captured, recovered)
		if id == "" {
			id = known
		}
		return known != ""
	})
	return rest, toldID(id)
}

// idOf returns the ID of the event for err itself, "" when there is none.
func (t *TaskSpan) idOf(err error, captured []capturedError, recovered bool) sentry.EventID {
	inner, ok := err.(*TaskError)
	if ok && inner != nil && inner.EventID != "" && (inner.client == nil || inner.client == t.client) {
		return inner.EventID
	}
	for _, c := range slices.Backward(captured) {
		if c.id == "" {
			continue
		}
		// By identity alone: an Is method may say yes to an error that is another event.
		p, panicked := c.err.(*PanicError)
		if errtree.Same(err, c.err) || recovered && panicked && errtree.Same(err, p.Value) {
			return c.id
		}
	}
	return ""
}
