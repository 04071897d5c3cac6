package sentryconfig

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/getsentry/sentry-go"
)

type capturedError struct {
	err error
	id  sentry.EventID // "" for a panic whose event was dropped
}

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
	pcs := callers()
	again, earlier := raisedByFinish(pcs)
	if again || earlier {
		// A Finish raises the very value again, but it may have been that of another Client's task. What isn't equal to
		// itself can't be told from others, and counts as captured.
		if id, same := t.capturedPanic(p.Value); same || again && !sameValue(p.Value, p.Value) {
			return id
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

// raisedByFinish reports whether a Finish has captured the panic that unwinds this stack and raised it again, or one
// that was unwinding when the newest was raised: until a panic is over its frame stays on the stack, calling gopanic.
func raisedByFinish(pcs []uintptr) (again, earlier bool) {
	panics, inPanic := 0, false
	for _, pc := range pcs {
		f := runtime.FuncForPC(pc - 1)
		if f == nil {
			continue
		}
		name := f.Name()
		if inPanic && name == ownPackage+".(*TaskSpan).Finish" {
			return panics == 1, true
		}
		if inPanic = name == "runtime.gopanic"; inPanic {
			panics++
		}
	}
	return false, false
}

// capturedPanic returns the ID of the newest event for a panic with the given value in t or in a task within it; where
// there is none, that for any panic.
func (t *TaskSpan) capturedPanic(value any) (id sentry.EventID, same bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.captured) - 1; i >= 0; i-- {
		if p, ok := t.captured[i].err.(*PanicError); ok {
			if sameValue(p.Value, value) {
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
	rest, _ = sift(err, func(err error) bool {
		known := t.idOf(err, captured, recovered)
		if id == "" {
			id = known
		}
		return known != ""
	})
	return rest, id
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
		if sameValue(err, c.err) || recovered && panicked && sameValue(err, p.Value) {
			return c.id
		}
	}
	return ""
}

// sift takes the errors that drop accepts out of err's tree, asking from the outside in. It returns what is left, nil
// if nothing is, and whether there were any. Joined errors count one by one; any other error that wraps one of them is
// no more than that one.
func sift(err error, drop func(error) bool) (rest error, found bool) {
	left := maxErrors
	var walk func(error) (error, bool)
	walk = func(err error) (error, bool) {
		if left--; left < 0 {
			return err, false
		}
		if drop(err) {
			return nil, true
		}
		many, one := unwrapErrors(err)
		if one != nil {
			many = []error{one}
		}
		var rests []error
		found := false
		for _, child := range many {
			if child == nil {
				continue
			}
			rest, dropped := walk(child)
			if rest != nil {
				rests = append(rests, rest)
			}
			found = found || dropped
		}
		switch {
		case !found:
			return err, false
		case len(rests) == 0, one == nil && !isJoined(err): // fmt.Errorf("%w: %w", ErrLoad, err) is one error
			return nil, true
		case len(rests) == 1:
			return rests[0], true
		}
		return errors.Join(rests...), true
	}
	return walk(err)
}

// isJoined reports whether err only holds errors that have nothing to do with one another.
func isJoined(err error) bool {
	switch errorType(err).PkgPath() {
	case "errors", "github.com/hashicorp/go-multierror", "go.uber.org/multierr":
		return true
	}
	return false
}

type unwind int

const (
	unwindNone unwind = iota
	unwindPanic
	unwindGoexit
)

// unwindFrames is how far above Finish the runtime's own frame is looked for: Finish deferred itself, or called by a
// deferred function. Farther up it would be the panic of somebody who runs a task while cleaning up.
const unwindFrames = 2

// unwinding tells whether the method that calls it runs because a panic or runtime.Goexit unwinds the stack: recover
// alone can't tell Goexit from a return.
func unwinding() unwind {
	var pcs [unwindFrames]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		f := runtime.FuncForPC(pc - 1)
		if f == nil {
			continue
		}
		switch f.Name() {
		case "runtime.gopanic":
			return unwindPanic
		case "runtime.Goexit":
			return unwindGoexit
		}
	}
	return unwindNone
}
