package sentryconfig

import (
	"context"
	"errors"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// A TaskSpan is a running task: a transaction in Sentry, or a span of the task it runs in. A nil *TaskSpan takes every
// call and does nothing. Its methods may be called from many goroutines at once.
type TaskSpan struct {
	client   *Client
	hub      *sentry.Hub
	span     *sentry.Span
	parent   *TaskSpan
	outer    *TaskSpan // the task in the context that it began with, which may be another Client's
	taskType string
	index    int
	total    int
	data     any    // safe; nil when the task has none
	offs     uint64 // offs when it began
	finished atomic.Bool

	mu       sync.Mutex
	slot     outbox.Slot       // in the journal
	lastStep string            // the newest breadcrumb's message, until it is noted there
	children []*TaskSpan       // running now
	status   sentry.SpanStatus // set by the user
	implied  sentry.SpanStatus // by what was captured
	captured []capturedError
}

type taskKey struct{}

// CreateTaskSpan begins a task: index is its place from 0 among total, a total of 0 or less means unknown. The task ends
// with [TaskSpan.Finish], best deferred. The context returned carries the task, with a hub of its own: what is captured,
// logged or set with that context belongs to it, and sentry.StartSpan makes children of it. In a task of the same Client it
// begins a child span.
//
// taskData is copied and must not be written to during the call. While reporting is off it returns ctx (nil becomes
// Background) and nil.
func (c *Client) CreateTaskSpan(ctx context.Context, taskType string, index, total int, taskData any,
	opts ...sentry.SpanOption) (context.Context, *TaskSpan) {
	if ctx == nil {
		ctx = context.Background()
	}
	if !c.reporting() {
		return ctx, nil
	}
	return c.startTask(ctx, taskType, index, total, taskData, opts)
}

// TaskSpanFromContext returns the task that ctx belongs to, or nil when there is none.
func TaskSpanFromContext(ctx context.Context) *TaskSpan {
	if ctx == nil {
		return nil
	}
	t, _ := ctx.Value(taskKey{}).(*TaskSpan)
	return t
}

func (c *Client) startTask(ctx context.Context, taskType string, index, total int, taskData any, opts []sentry.SpanOption) (context.Context, *TaskSpan) {
	t := &TaskSpan{client: c, taskType: taskTypeOrUnknown(taskType), index: index, total: total, offs: c.offs.Load(),
		outer: TaskSpanFromContext(ctx)}
	if taskData != nil {
		t.data = safe.Value(taskData, maxTaskDataBytes)
	}
	if inner := c.taskIn(ctx); inner != nil {
		t.parent = inner.running()
	}

	// The host's hub and span in ctx stay there. Ours are found by sentry-go only in a context of our own making.
	hostHub, hostSpan := c.hostOf(ctx)
	spanCtx := ctx
	base := c.ownHub()
	switch {
	case hostHub == nil && hostSpan == nil:
		if h := sentry.GetHubFromContext(ctx); h != nil && h.Client() == c.client {
			base = h
		} else if t.parent != nil {
			base = t.parent.hub
		}
		if t.parent == nil && c.inEndedTask(ctx) {
			spanCtx = spanless{ctx}
		}
	case t.parent != nil:
		spanCtx, base = t.parent.span.Context(), t.parent.hub
	default:
		spanCtx = spanless{ctx}
	}
	t.hub = base.Clone()
	if t.parent == nil {
		t.hub.Scope().ClearBreadcrumbs() // of tasks before it, and of customers before this one
	}
	spanCtx = sentry.SetHubOnContext(spanCtx, t.hub)

	options := make([]sentry.SpanOption, 0, len(opts)+2)
	options = append(options, t.start)
	if hostSpan != nil && t.parent == nil {
		options = append(options, func(s *sentry.Span) { s.TraceID, s.ParentSpanID = hostSpan.TraceID, hostSpan.SpanID })
	}
	for _, opt := range opts {
		if opt != nil {
			options = append(options, func(s *sentry.Span) { c.call("a span option", func() { opt(s) }) })
		}
	}
	t.span = sentry.StartSpan(spanCtx, "task", options...)
	if hostHub == nil && hostSpan == nil {
		ctx = t.span.Context()
	}
	t.noteStart()
	c.tasks.add(t)
	c.collector.TaskStarted()
	return context.WithValue(ctx, taskKey{}, t), t
}

// root returns the task that t is, or is part of, and that has a transaction.
func (t *TaskSpan) root() *TaskSpan {
	for t.parent != nil {
		t = t.parent
	}
	return t
}

// running returns the innermost task that still runs of t and those it runs in, or nil when their transaction has ended.
func (t *TaskSpan) running() *TaskSpan {
	if t.root().finished.Load() {
		return nil
	}
	for t != nil && t.finished.Load() {
		t = t.parent
	}
	return t
}

// start sets what Sentry shows of the task. It runs before the sampler and the user's span options.
func (t *TaskSpan) start(s *sentry.Span) {
	s.Description = "Execute " + t.taskType
	if t.total > 0 {
		s.Description += " (" + strconv.Itoa(t.index+1) + "/" + strconv.Itoa(t.total) + ")"
	}
	task := make(sentry.Context, 4)
	t.describe(task)
	if s.IsTransaction() {
		s.Name, s.Source = "task."+t.taskType, sentry.SourceTask
		s.Tags = make(map[string]string, 5)
		s.Tags["task_type"], s.Tags["task_index"] = t.taskType, strconv.Itoa(t.index)
		if t.total > 0 {
			s.Tags["total_tasks"] = strconv.Itoa(t.total)
		}
		t.client.commonTags(s.Tags)
		s.SetContext("task", task)
		return
	}
	s.Data = task
}

// describe writes the context task into c.
func (t *TaskSpan) describe(c sentry.Context) {
	c["task_type"], c["index"] = t.taskType, t.index
	if t.total > 0 {
		c["total"] = t.total
	}
	if t.data != nil {
		c["data"] = t.data
	}
}

// SetTag sets a tag of the task's span and of all events of the task.
func (t *TaskSpan) SetTag(key, value string) {
	if t == nil || key == "" {
		return
	}
	t.hub.Scope().SetTag(key, value)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.finished.Load() {
		t.span.SetTag(key, value)
	}
}

// SetData sets a value of the task's span. The value is copied.
func (t *TaskSpan) SetData(key string, value any) {
	if t == nil {
		return
	}
	value = safe.Value(value, maxTaskDataBytes)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.finished.Load() { // then the span is on its way to the server
		t.span.SetData(key, value)
	}
}

// SetStatus sets how the task ended; it wins over what follows from its errors. sentry.SpanStatusUndefined takes that back.
func (t *TaskSpan) SetStatus(status sentry.SpanStatus) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.status = status
	t.mu.Unlock()
}

// imply sets the status that holds unless the user has set one. The first one stays: what happened first is the cause.
func (t *TaskSpan) imply(status sentry.SpanStatus) {
	if t == nil {
		return
	}
	t.mu.Lock()
	if t.implied == sentry.SpanStatusUndefined {
		t.implied = status
	}
	t.mu.Unlock()
}

// Finish ends the task; a second call does nothing. Deferred in a task that panics, it captures the panic as the task's
// exception, finishes the span as internal_error and panics again with the same value.
func (t *TaskSpan) Finish() {
	if t == nil || t.finished.Load() {
		return
	}
	switch unwinding() {
	case unwindPanic:
		v := recover() // nil when this call wasn't deferred itself: then the panic goes on by itself
		if v == nil {
			t.imply(sentry.SpanStatusInternalError)
			break
		}
		t.capturePanic(&PanicError{Value: v})
		t.finish()
		panic(v)
	case unwindGoexit:
		t.imply(sentry.SpanStatusAborted)
	}
	t.finish()
}

func (t *TaskSpan) finish() {
	t.mu.Lock()
	first := t.finished.CompareAndSwap(false, true)
	slot := t.slot
	t.mu.Unlock()
	if !first {
		return
	}
	slot.End()
	t.client.tasks.remove(t)
	t.client.collector.TaskFinished()
	if !t.client.reporting() || t.client.offs.Load() != t.offs {
		return // switched off half-way: dropped whole
	}
	t.mu.Lock()
	status := sentry.SpanStatusOK
	switch {
	case t.status != sentry.SpanStatusUndefined:
		status = t.status
	case t.span.Status != sentry.SpanStatusUndefined: // by a span option, or on the span itself
		status = t.span.Status
	case t.implied != sentry.SpanStatusUndefined:
		status = t.implied
	}
	t.mu.Unlock()
	t.setSpanStatus(status)
	t.client.call("a hook of a transaction", t.span.Finish)
	t.hub.Scope().SetSpan(t.span) // Finish has put the span around this one there, whose status is still to be written
}

// setSpanStatus writes the status of the span while the scope has a copy of it: captures with the task's context in other
// goroutines read it, and what orders the two is the scope's lock.
func (t *TaskSpan) setSpanStatus(status sentry.SpanStatus) {
	s, scope := t.span, t.hub.Scope()
	scope.SetSpan(&sentry.Span{TraceID: s.TraceID, SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Op: s.Op, Description: s.Description})
	s.Status = status
	scope.SetSpan(s)
}

// A Task names one task for [RunTask]: Index is its place from 0 among Total; a Total of 0 or less means unknown.
type Task struct {
	Type         string
	Index, Total int
	Data         any
}

// A TaskError is what [RunTask] returns for a task that didn't succeed.
type TaskError struct {
	Task    Task
	EventID sentry.EventID // of what was reported; "" when nothing was
	Err     error          // what run returned, or a *PanicError

	client *Client // whose event EventID is; nil when that isn't known
}

// Error returns "<type>: <err>".
func (e *TaskError) Error() string {
	if e.Err == nil {
		return e.Task.Type
	}
	return e.Task.Type + ": " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *TaskError) Unwrap() error { return e.Err }

// A PanicError is the Err of a [TaskError] after a panic.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // as runtime/debug.Stack formats it
}

// Error returns "panic: " and the value: what it says of itself, or its fields as JSON.
func (e *PanicError) Error() string { return "panic: " + valueText(e.Value) }

// Unwrap returns e.Value when that is an error, otherwise nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// shown is the error that stands for the panic in an event: the value where it is one.
func (e *PanicError) shown() error {
	if err := e.Unwrap(); err != nil {
		return err
	}
	return e
}

// RunTask runs one task the way the functions of this package are meant to be combined: span, breadcrumbs, capture, status.
// It returns nil or a *[TaskError]. A panic in run is captured and comes back as an error; the caller goes on. An error
// that is or wraps a *[TaskFailure] is a failure. Cancelled (context.Canceled once ctx itself is cancelled) is no error
// event. What was captured with the task's context already is not captured again; of joined errors the others are. The context
// that run gets carries the task; it is as [CreateTaskSpan] makes it.
func (c *Client) RunTask(ctx context.Context, task Task, run func(context.Context) error) error {
	if ctx == nil {
		ctx = context.Background()
	}
	taskCtx, span := c.CreateTaskSpan(ctx, task.Type, task.Index, task.Total, task.Data)
	defer span.Finish()
	id, err := runTask(taskCtx, task, span, run)
	if err == nil {
		return nil
	}
	if task.Type == "" {
		task.Type = taskTypeOrUnknown("")
	}
	return &TaskError{Task: task, EventID: id, Err: err, client: c}
}

// runTask runs run and reports what came of it. When run ends its goroutine with runtime.Goexit, so does this: the deferred
// Finish of the caller sees to the rest.
func runTask(ctx context.Context, task Task, span *TaskSpan, run func(context.Context) error) (id sentry.EventID, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil { // nil in Goexit
			p := &PanicError{Value: v, Stack: debug.Stack()}
			id, err = span.capturePanic(p), p
		}
	}()
	if run == nil {
		err = errors.New("sentryconfig: RunTask was given no function to run")
	} else {
		err = run(ctx)
	}
	returned = true
	return span.report(ctx, task, err), err
}

// report captures what run returned, if that is worth an event and isn't one already, and returns the event's ID.
func (t *TaskSpan) report(ctx context.Context, task Task, err error) sentry.EventID {
	if t == nil || err == nil {
		return ""
	}
	rest, id := t.uncaptured(err, true)
	if rest == nil {
		t.imply(statusOf(err))
		return id
	}
	err = rest
	if isCancelled(ctx, err) {
		t.imply(sentry.SpanStatusCanceled)
		return id
	}
	c := t.client
	if !c.reporting() {
		return ""
	}
	if failure, ok := asError[*TaskFailure](err); ok && failure != nil {
		return c.captureFailure(ctx, task.Type, failure.Reason, task.Data, failure.Extra, failure)
	}
	return c.captureException(ctx, err, task.Type, task.Data, nil, callers())
}

func statusOf(err error) sentry.SpanStatus {
	if _, ok := asError[*TaskFailure](err); ok {
		return sentry.SpanStatusFailedPrecondition
	}
	return exceptionStatus(err)
}

func isCancelled(ctx context.Context, err error) bool {
	return isError(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled)
}

// cancelTasks ends the tasks that run while the Client is closed.
func (c *Client) cancelTasks() {
	c.tasks.mu.Lock()
	running := append([]*TaskSpan(nil), c.tasks.roots...)
	c.tasks.mu.Unlock()
	for _, t := range running {
		t.cancel()
	}
}

func (t *TaskSpan) cancel() {
	t.mu.Lock()
	children := append([]*TaskSpan(nil), t.children...)
	t.mu.Unlock()
	for _, child := range children {
		child.cancel()
	}
	t.imply(sentry.SpanStatusCanceled)
	t.finish()
}
