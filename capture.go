package sentryconfig

import (
	"context"
	"maps"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
	"github.com/autoservice/sentryconfig/internal/syserr"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A TaskFailure is an error that says: the task ran to its end and found things not as they should be. When the
// function given to [RunTask] returns one, or an error that wraps one, Sentry gets a failure instead of an exception.
type TaskFailure struct {
	Reason string         // what was found; it becomes the event's message
	Code   string         // a short constant that names the kind of failure, for grouping; "" for none
	Extra  map[string]any // one context per key, as with CaptureTaskFailure
	Err    error          // the cause; nil for none
}

// Error returns f.Reason.
func (f *TaskFailure) Error() string { return f.Reason }

// Unwrap returns f.Err.
func (f *TaskFailure) Unwrap() error { return f.Err }

// CaptureTaskException reports err, with its whole chain, as an exception of a task of taskType. Events are grouped by
// task type, error class and error condition. An empty taskType and a nil taskData are taken from the task in ctx. Each
// key of extra becomes a context of the event. All values are copied; don't write to them during the call.
//
// It returns the ID once the outbox holds the event. It returns "" when err is nil, reporting is off, a hook dropped
// the event, or Options.MaxPerMinute held it back. The call doesn't wait for the network. It costs some tens of
// microseconds.
func (c *Client) CaptureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return c.captureTaskException(ctx, err, taskType, taskData, extra)
	}
	return
}

func (c *Client) captureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) sentry.EventID {
	if err == nil || !c.takes(ctx) {
		return ""
	}
	return c.captureException(ctx, err, taskType, taskData, extra, exception.Callers(), verdict{})
}

// CaptureTaskFailure reports that a task ran to its end and found things not as they should be. The event's message is
// "<taskType>: <reason>"; the fingerprint is [taskType, "task_failure"]. Everything else is as for
// [Client.CaptureTaskException].
func (c *Client) CaptureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return c.captureTaskFailure(ctx, taskType, reason, taskData, extra)
	}
	return
}

func (c *Client) captureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) sentry.EventID {
	if !c.takes(ctx) {
		return ""
	}
	return c.captureFailure(ctx, taskType, reason, taskData, extra, nil, verdict{})
}

// captureDetails accompanies an event from its capture to the transport and brings the outcome back.
type captureDetails struct {
	fingerprint []string
	trace       map[string]string // the trace header of a transaction that sentry-go hasn't made
	note        outbox.TaskNote   // of the task that one tells the end of; nil: there is none
	over        bool              // the outbox ends note
	stored      bool              // the outbox holds the event
	held        bool              // held back over MaxPerMinute
	dead        *deadDetails      // nil for events of this process
}

// ofDead reports whether the event belongs to a process that has died.
func (d *captureDetails) ofDead() bool { return d != nil && d.dead != nil }

// elsewhere reports whether the dead process may have run on another machine.
func (d *captureDetails) elsewhere() bool { return d.ofDead() && d.dead.elsewhere }

// captureContext is a hint's context that carries the details past the user's hooks.
type captureContext struct {
	context.Context
	details *captureDetails
}

func captureOf(hint *sentry.EventHint) *captureDetails {
	if hint == nil {
		return nil
	}
	if c, ok := hint.Context.(*captureContext); ok {
		return c.details
	}
	return nil
}

func (c *Client) captureException(ctx context.Context, err error, taskType string, taskData any, extra map[string]any,
	pcs []uintptr, how verdict) sentry.EventID {
	end := ending.Of(ctx)
	class := c.classOf(end, err)
	e, t := c.newEvent(ctx, taskType, taskData, extra)
	taskType = e.Tags["task_type"]
	_, isPanic := errtree.As[*PanicError](err)
	shown, title := err, titleOf(class)
	if isPanic {
		e.Level = sentry.LevelFatal
		if class.Text {
			title = panicTitle
		}
		if p, ok := err.(*PanicError); ok {
			shown = p.shown()
		}
	}
	chain := exception.Of(shown, title, pcs, isPanic)
	e.Exception = chain.List
	e.Tags["error_type"] = class.Name
	if class.Condition != "" {
		e.Tags["error_condition"] = class.Condition
	}
	if details := exception.Details(err, panicValue); details != nil {
		e.Contexts["error"] = details
	}
	how.apply(e)
	id := c.send(ctx, t, e, fingerprintOf(taskType, class, chain.Made, chain.Raised), err)
	status := sentry.SpanStatusInternalError
	if !isPanic {
		status = exceptionStatus(end, err, class)
	}
	t.noteCaptured(err, id, status)
	return toldID(id)
}

// exceptionStatus returns the status of a task that ended with err of the given class.
func exceptionStatus(end ending.Ending, err error, class grouping.Class) sentry.SpanStatus {
	if class.Condition == syserr.Timeout {
		return sentry.SpanStatusDeadlineExceeded
	}
	if end.Done() && !end.Late() {
		if rest, _ := errtree.Sift(err, end.Caused); rest == nil {
			return sentry.SpanStatusCanceled
		}
	}
	return sentry.SpanStatusInternalError
}

func (c *Client) captureFailure(ctx context.Context, taskType, reason string, taskData any, extra map[string]any,
	cause *TaskFailure, how verdict) sentry.EventID {
	e, t := c.newEvent(ctx, taskType, taskData, extra)
	taskType = e.Tags["task_type"]
	if reason == "" {
		reason = "failed"
	}
	e.Message = taskType + ": " + safe.CutText(reason, protocol.MaxMessageChars)
	e.Tags["failure_type"] = "task_status_failure"
	fingerprint := []string{taskType, "task_failure"}
	var original error
	if cause != nil {
		original = cause
		// Scrubbed first: Name takes the control characters that a terminal's colours begin with for blanks.
		code := c.policy.Load().scrubber.Text(safe.CutText(cause.Code, protocol.MaxMessageChars))
		if code = grouping.Name(code, grouping.MaxName); code != "" {
			e.Tags["failure_code"] = code
			fingerprint = append(fingerprint, code)
		}
		if cause.Err != nil {
			details := exception.Details(cause.Err, panicValue)
			if details == nil {
				details = make(sentry.Context, 2)
			}
			class := c.classOf(ending.Of(ctx), cause.Err)
			details["class"], details["message"] = class.Name, exception.Text(cause.Err)
			e.Contexts["error"] = details
		}
	}
	how.apply(e)
	id := c.send(ctx, t, e, fingerprint, original)
	t.noteCaptured(original, id, sentry.SpanStatusFailedPrecondition)
	return toldID(id)
}

// newEvent builds the part that exceptions and failures share: tags, the context task, and one context per key of
// extra. It returns the task that the call belongs to; see taskOf.
func (c *Client) newEvent(ctx context.Context, taskType string, taskData any,
	extra map[string]any) (*sentry.Event, *TaskSpan) {
	t := c.taskOf(ctx)
	task := make(sentry.Context, 4)
	if t != nil {
		if taskType == "" {
			taskType = t.taskType
		}
		t.describe(task)
		if p := t.parent; p != nil {
			task["parent"] = p.asParent()
		}
	}
	taskType = work.TypeName(taskType)
	task["task_type"] = taskType
	if taskData != nil {
		task["data"] = work.Data(taskData)
	}
	e := &sentry.Event{
		Level:       sentry.LevelError,
		Transaction: "task." + taskType,
		Tags:        maps.Clone(c.tags),
		Contexts:    make(map[string]sentry.Context, 8), // rarely more; a larger hint costs a much larger map
	}
	e.Contexts["task"] = task
	e.Tags["task_type"] = taskType
	work.AddExtra(e, extra)
	return e, t
}

// commonTags returns the tags of every event and every transaction, but for those that only a moment knows.
func commonTags(detected string) map[string]string {
	tags := make(map[string]string)
	tags["environment_detected"] = detected
	if name := machine.OSName(); name != "" {
		tags["os_name"] = name
	}
	return tags
}

// send captures e through the hub that belongs to ctx. It returns the event's ID when the outbox, or the user's own
// transport, has accepted the event, and heldBack when MaxPerMinute held it back.
func (c *Client) send(ctx context.Context, t *TaskSpan, e *sentry.Event, fingerprint []string,
	err error) (id sentry.EventID) {
	if ctx == nil {
		ctx = context.Background()
	}
	var capture struct { // one allocation for all three
		details captureDetails
		context captureContext
		hint    sentry.EventHint
	}
	details, hint := &capture.details, &capture.hint
	details.fingerprint = fingerprint
	capture.context = captureContext{ctx, details}
	hint.OriginalException, hint.Context = err, &capture.context
	if t != nil {
		t.sentrySpan() // the event names it
	}
	hub := c.hubOf(ctx, t)
	var sent *sentry.EventID
	if !c.call("an event processor", func() {
		c.captureWith(hub.Scope(), func() { sent = hub.CaptureEventWithHint(e, hint) })
	}) {
		// Without the scope, and so without its event processors, one of which has panicked.
		c.process(outbox.CategoryError, func() { sent = c.client.CaptureEvent(e, hint, nil) })
	}
	if details.held {
		return heldBack
	}
	return c.storedID(sent, details)
}

// process runs f, which passes one item to sentry-go. If an event processor of the host program panics, the item is
// lost and counted.
func (c *Client) process(kind outbox.Category, f func()) {
	if !c.call("an event processor", f) {
		c.discard("event_processor", kind, 1)
	}
}

// storedID is the ID that sentry-go has sent an event with, "" unless the outbox, or the user's own transport, has it.
func (c *Client) storedID(sent *sentry.EventID, details *captureDetails) sentry.EventID {
	if sent == nil || c.transport != nil && !details.stored {
		return ""
	}
	return *sent
}
