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

// finishName is the name, on a stack, of the function that captures a panic and raises it again.
var finishName = module.Path + ".(*TaskSpan).Finish"

// capturePanic reports p unless it was already reported on its way out, and returns the event's ID. The deferred
// function that recovered p must call it.
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
		// Finish raises the recovered value again, but that may have been a Finish of another Client's task. A value
		// that isn't equal to itself can't be recognised, so it counts as captured.
		if id, same := t.capturedPanic(p.Value); same || again && !errtree.Same(p.Value, p.Value) {
			return toldID(id)
		}
	}
	if err := p.Unwrap(); err != nil {
		if rest, id := t.uncaptured(err, earlier); rest == nil {
			return id
		}
	}
	if !t.finishing() {
		return ""
	}
	ctx := context.WithValue(context.Background(), taskKey{}, t)
	return t.client.captureException(ctx, p, t.taskType, nil, nil, pcs, how)
}

// capturedPanic returns the ID of the newest event for a panic with the given value, in t or in a task inside it.
// Without one, it returns the ID for any other panic, and same is false.
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

// noteCaptured records err as reported, on the task and on all tasks around it, and sets the status that follows from
// it.
func (t *TaskSpan) noteCaptured(err error, id sentry.EventID, status sentry.SpanStatus) {
	if t == nil {
		return
	}
	t.imply(status)
	// A dropped panic is recorded too: it is on its way to the outer task.
	if _, panicked := err.(*PanicError); err == nil || id == "" && !panicked {
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

// maxCaptured limits how many errors a task remembers. Errors pass through a task soon after their capture, so few are
// enough.
const maxCaptured = 16

// uncaptured returns the part of err that is still to be reported, nil if there is none, and the ID of an event for the
// part that was reported through t's context. With recovered, err also counts as reported when a reported panic had it
// as its value.
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

// idOf returns the ID of the event for err itself, "" when there is none. It doesn't look at what err wraps.
func (t *TaskSpan) idOf(err error, captured []capturedError, recovered bool) sentry.EventID {
	inner, ok := err.(*TaskError)
	if ok && inner != nil && inner.EventID != "" && (inner.client == nil || inner.client == t.client) {
		return inner.EventID
	}
	for _, c := range slices.Backward(captured) {
		if c.id == "" {
			continue
		}
		// Compare by identity only: an Is method may accept an error that is another event.
		p, panicked := c.err.(*PanicError)
		if errtree.Same(err, c.err) || recovered && panicked && errtree.Same(err, p.Value) {
			return c.id
		}
	}
	return ""
}
