package sentryconfig

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A TaskFailure is an error that says a task ran to its end and found things not as they should be: Sentry gets a
// failure, not an exception, when [RunTask]'s run returns one.
type TaskFailure struct {
	Reason string         // what was found
	Code   string         // a short constant for the kind of failure, by which they are grouped; or ""
	Extra  map[string]any // as the extra of CaptureTaskFailure
	Err    error          // what caused it, if anything did
}

// Error returns f.Reason.
func (f *TaskFailure) Error() string { return f.Reason }

// Unwrap returns f.Err.
func (f *TaskFailure) Unwrap() error { return f.Err }

// CaptureTaskException reports err as what ended, or disturbed, a task of taskType: the whole error chain, grouped by
// task type and error class. An empty taskType and nil taskData are taken from the task in ctx. Each key of extra
// becomes a context of the event. The values are copied; they must not be written to during the call.
//
// It returns the event's ID once the outbox holds the event, and "" when err is nil, reporting is off, a hook dropped
// it, or Options.MaxPerMinute holds it back. It doesn't wait for the network; it costs some tens of microseconds.
func (c *Client) CaptureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return c.captureTaskException(ctx, err, taskType, taskData, extra)
	}
	return
}

func (c *Client) captureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) sentry.EventID {
	if err == nil || !c.reporting() {
		return ""
	}
	return c.captureException(ctx, err, taskType, taskData, extra, exception.Callers(), verdict{})
}

// CaptureTaskFailure reports that a task ran to its end and found things not as they should be. The event's message is
// "<taskType>: <reason>". In all else it is like [Client.CaptureTaskException].
func (c *Client) CaptureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return c.captureTaskFailure(ctx, taskType, reason, taskData, extra)
	}
	return
}

func (c *Client) captureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) sentry.EventID {
	if !c.reporting() {
		return ""
	}
	return c.captureFailure(ctx, taskType, reason, taskData, extra, nil, verdict{})
}

// captureDetails travels with an event from its capture to the transport and back.
type captureDetails struct {
	fingerprint []string
	stored      bool         // the outbox holds the event
	held        bool         // it was held back
	dead        *deadDetails // nil: of an event of this process
}

// ofDead reports whether the event is of a process that has died.
func (d *captureDetails) ofDead() bool { return d != nil && d.dead != nil }

// elsewhere reports whether that process may have run on another machine.
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

// exceptionStatus is the status of a task that err, of that class, has ended.
func exceptionStatus(end ending.Ending, err error, class grouping.Class) sentry.SpanStatus {
	if class.Condition == grouping.Timeout {
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
		if code := grouping.Name(cause.Code, grouping.MaxName); code != "" {
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

// maxTaskDataBytes is what is kept of task data, and of each key of extra: a whole context is no larger at Sentry.
const maxTaskDataBytes = protocol.MaxContextBytes

// newEvent makes what exceptions and failures have in common: tags, the context task, a context for each key of extra.
// The task is the one in ctx, or the only one running.
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
		task["data"] = safe.Value(taskData, maxTaskDataBytes)
	}
	e := &sentry.Event{
		Level:       sentry.LevelError,
		Transaction: "task." + taskType,
		Tags:        make(map[string]string, 8),
		Contexts:    make(map[string]sentry.Context, 8), // more makes a much larger map: what is added is rarely so much
	}
	e.Contexts["task"] = task
	e.Tags["task_type"] = taskType
	maps.Copy(e.Tags, c.tags)
	room := maxEventData
	for key, value := range extra {
		if room <= 0 {
			e.Contexts["extra"] = sentry.Context{"value": fmt.Sprintf("… %d keys in all, cut", len(extra))}
			break
		}
		name, kept := extraContext(key, value)
		free := name
		for n := 2; e.Contexts[free] != nil; n++ { // long names may be cut to the same
			free = fmt.Sprintf("%s (%d)", name, n)
		}
		e.Contexts[free] = kept
		room -= safe.Size(kept)
	}
	return e, t
}

// maxEventData is what task data, extra and breadcrumbs may take together, in bytes of JSON.
const maxEventData = 128 << 10

// commonTags returns the tags of every event and every transaction, but for those that only a moment knows.
func commonTags(detected string) map[string]string {
	tags := make(map[string]string)
	tags["environment_detected"] = detected
	if name := machine.OSName(); name != "" {
		tags["os_name"] = name
	}
	return tags
}

// send hands e to sentry-go on the hub that belongs to ctx, and returns its ID if the outbox, or the user's own
// transport, has it; heldBack if it was one too many.
func (c *Client) send(ctx context.Context, t *TaskSpan, e *sentry.Event, fingerprint []string,
	err error) (id sentry.EventID) {
	if ctx == nil {
		ctx = context.Background()
	}
	var capture struct { // in one piece of memory
		details captureDetails
		context captureContext
		hint    sentry.EventHint
	}
	details, hint := &capture.details, &capture.hint
	details.fingerprint = fingerprint
	capture.context = captureContext{ctx, details}
	hint.OriginalException, hint.Context = err, &capture.context
	hub := c.hubOf(ctx, t)
	var sent *sentry.EventID
	if !c.call("an event processor", func() { sent = hub.CaptureEventWithHint(e, hint) }) {
		c.call("an event processor", func() { sent = c.client.CaptureEvent(e, hint, nil) }) // without the scope's
	}
	if details.held {
		return heldBack
	}
	if sent == nil || c.transport != nil && !details.stored {
		return ""
	}
	return *sent
}

// maxContextName is how much is kept of a context's name, in bytes: Sentry takes 180, the remark on the cut included.
const maxContextName = 140

// extraContext is the context for one key of extra. In a context the key type is reserved: a value "os" there would
// make Sentry parse it as an operating system.
func extraContext(key string, value any) (string, sentry.Context) {
	name := strings.TrimSpace(safe.CutText(key, maxContextName))
	switch {
	case name == "":
		name = "extra_"
	case protocol.ReservedContext(name):
		name = "extra_" + name
	}
	kept := safe.Value(value, maxTaskDataBytes)
	m, ok := kept.(map[string]any)
	if !ok {
		m = map[string]any{"value": kept}
	}
	if kind, ok := m["type"]; ok {
		delete(m, "type")
		free := "type_"
		for m[free] != nil {
			free += "_"
		}
		m[free] = kind
	}
	return name, m
}
