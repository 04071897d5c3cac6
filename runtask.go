package sentryconfig

import (
	"context"
	"errors"
	"reflect"
	"runtime/debug"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A Task names one task for [RunTask]. Its fields are read, and copied, when the task begins.
type Task struct {
	Type         string
	Index, Total int // place from 0 among Total. A Total of 0 or less means that neither is known; neither is sent
	Data         any
	Tags         map[string]string   // for the transaction and every event of the task, as [TaskSpan.SetTag] sets them
	SpanOptions  []sentry.SpanOption // for the span, as those of [CreateTaskSpan]
	Job          *Job                // what a task engine says of it; nil: none has handed it out
	Monitor      *Monitor            // makes check-ins for Sentry Crons; nil: none
}

// A TaskError is what [RunTask] returns for a task that didn't succeed.
type TaskError struct {
	Task    Task
	EventID sentry.EventID // of what was reported; "" when nothing was
	Err     error          // what run returned, or a *PanicError

	client   *Client // whose event EventID is; nil when that isn't known
	expected bool    // Options.Expected has accepted Err
}

// Error returns "<type>: <err>", with a stand-in for an err whose Error method panics.
func (e *TaskError) Error() string {
	if e.Err == nil {
		return e.Task.Type
	}
	return e.Task.Type + ": " + exception.FullText(e.Err)
}

// Unwrap returns e.Err.
func (e *TaskError) Unwrap() error { return e.Err }

// A PanicError is the Err of a [TaskError] after a panic.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // as runtime/debug.Stack formats it
}

// Error returns "panic: " and the value: what it says of itself, or its fields as JSON.
func (e *PanicError) Error() string { return "panic: " + exception.ValueText(e.Value) }

// Unwrap returns e.Value when that is an error, otherwise nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// panicValue returns what a panic was called with, for the error that stands for one.
func panicValue(err error) (value any, is bool) {
	p, is := err.(*PanicError) //nolint:errorlint // the walk asks what err wraps
	if is {
		value = p.Value
	}
	return value, is
}

// shown is the error that stands for the panic in an event: the value where it is one.
func (e *PanicError) shown() error {
	if e != nil {
		if err := e.Unwrap(); err != nil {
			return err
		}
	}
	return e
}

// RunTask runs one task: it begins the span, calls run, captures what went wrong, sets the status and ends the span. It
// returns nil or a *[TaskError]. The context that run gets carries the task; it is as [Client.CreateTaskSpan] makes it.
//
// An error that is or wraps a *[TaskFailure] is reported as a failure, any other as an exception. A panic in run is
// captured and comes back as an error, so the caller goes on. These errors are returned, but not reported:
//
//   - What Options.Expected accepts.
//   - What was captured with the task's context already, by the same Client.
//   - What the task's [Job] says will be tried again, after its first attempt, or was postponed or cancelled.
//   - What follows from the end of ctx, once it is cancelled: ctx.Err() and context.Cause(ctx), a gRPC status Canceled,
//     and the exec.ExitError of a process that was killed. Past a deadline they are reported with the condition
//     timeout.
//
// Joined errors count one by one: what is left of them is reported, each failure as an event of its own, the others as
// one exception. An error that carries no stack trace gets that of the call of RunTask, with run as its innermost
// frame.
func (c *Client) RunTask(ctx context.Context, task Task, run func(context.Context) error) error {
	if ctx == nil {
		ctx = context.Background()
	}
	var adapters *engine.Attempt // whose attempt this is; nil: nobody's
	if task.Job != nil {
		if a := engine.From(ctx); a.Begin() {
			adapters = a
		}
	}
	var span *TaskSpan
	if c.reporting() {
		ctx, span = c.startTask(ctx, task, adapters)
		span.watchStuck(reflect.ValueOf(run).Pointer())
	}
	returned := false
	defer func() {
		if !returned { // runtime.Goexit, or a panic that goes on to the engine and has ended the task
			span.aborted()
		}
		span.finish()
	}()
	result := TaskError{Task: task, client: c}
	result.run(ctx, span, run, adapters != nil)
	returned = true
	if result.Err == nil {
		return nil
	}
	if task.Type == "" {
		result.Task.Type = work.TypeName("")
	}
	failed := result // so that success costs no allocation
	return &failed
}

// run runs the task, reports what came of it and fills in e. When the task ends its goroutine with runtime.Goexit, so
// does this: the deferred Finish of the caller sees to the rest. With raise, a panic goes on, for the engine to see:
// from the deferred function that recovered it, so that its stack stays.
func (e *TaskError) run(ctx context.Context, span *TaskSpan, run func(context.Context) error, raise bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil { // nil in Goexit
			p := &PanicError{Value: v, Stack: debug.Stack()}
			e.Err = p
			if how := span.judge(ctx, p); !how.silent {
				e.EventID = span.capturePanic(p, how)
			}
			if raise {
				span.finish()
				panic(v)
			}
		}
	}()
	if run == nil {
		e.Err = errors.New("sentryconfig: RunTask was given no function to run")
	} else {
		e.Err = run(ctx)
	}
	returned = true
	switch {
	case span == nil:
	case e.Err == nil:
		span.succeeded()
	default:
		e.report(ctx, span, run)
	}
}

// report captures what the task returned, if that is worth an event and isn't one already, and fills in the event's ID.
func (e *TaskError) report(ctx context.Context, t *TaskSpan, run func(context.Context) error) {
	c, end := t.client, ending.Of(ctx)
	rest := t.unexpected(ctx, e.Err)
	if rest == nil {
		e.expected = true
		t.succeeded()
		return
	}
	how := t.judge(ctx, e.Err)
	if how.silent {
		return
	}
	trouble := rest
	if rest, e.EventID = t.uncaptured(rest, true); rest == nil {
		t.imply(c.statusOf(end, trouble))
		return
	}
	if end.Done() && !end.Late() {
		if rest, _ = errtree.Sift(rest, end.Caused); rest == nil {
			t.imply(sentry.SpanStatusCanceled)
			t.handBack()
			return
		}
	}
	if how.quiet {
		t.imply(c.statusOf(end, rest))
	}
	if how.quiet || !t.finishing() {
		e.EventID = ""
		return
	}
	e.EventID = c.reportRest(ctx, e.Task, rest, exception.Function(run), how)
}

// reportRest captures each failure in err, and what is left then as one exception. It returns the first event's ID.
func (c *Client) reportRest(ctx context.Context, task Task, err error, function uintptr,
	how verdict) (id sentry.EventID) {
	first := func(another sentry.EventID) {
		if id == "" {
			id = another
		}
	}
	for err != nil {
		failure, ok := errtree.As[*TaskFailure](err)
		if !ok || failure == nil {
			first(c.captureException(ctx, err, task.Type, task.Data, nil, exception.Callers(function), how))
			return id
		}
		first(c.captureFailure(ctx, task.Type, failure.Reason, task.Data, failure.Extra, failure, how))
		rest, found := errtree.Sift(err, func(err error) bool { return errtree.Same(err, failure) })
		if !found { // an As method made it
			return id
		}
		err = rest
	}
	return id
}

// statusOf is the status of a task that ended with err, which was reported in a task within it.
func (c *Client) statusOf(end ending.Ending, err error) sentry.SpanStatus {
	if failure, ok := errtree.As[*TaskFailure](err); ok && failure != nil {
		return sentry.SpanStatusFailedPrecondition
	}
	if _, ok := errtree.As[*PanicError](err); ok {
		return sentry.SpanStatusInternalError
	}
	return exceptionStatus(end, err, c.classOf(end, err))
}
