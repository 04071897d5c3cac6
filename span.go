package sentryconfig

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/crumb"
	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/stuck"
	"github.com/autoservice/sentryconfig/internal/tally"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A TaskSpan is a running task: a transaction in Sentry, or a span of the task it runs in. A nil *TaskSpan takes every
// call and does nothing. Its methods may be called from many goroutines at once.
type TaskSpan struct {
	client   *Client
	parent   *TaskSpan
	outer    *TaskSpan // the task in the context that it began with, which may be another Client's
	taskType string
	index    int
	total    int    // 0: neither it nor index is known
	data     any    // safe; nil when the task has none
	offs     uint64 // offs when it began
	kind     *tally.Type
	began    clock.Start
	reported atomic.Bool // as stuck
	finished atomic.Bool
	attempt  *attempt          // what it has beyond a plain task; nil: nothing. It isn't replaced while the task runs
	noted    map[string]string // tags of the user's, for the journal too; immutable

	from    context.Context // the span starts in
	traceID sentry.TraceID
	spanID  sentry.SpanID
	started time.Time
	sampled sentry.Sampled // decided for a task that began without its span; undefined: it began with it
	crumbs  crumb.Ring     // until there is a hub that anyone may see
	cloning sync.Once      // of hub, which gets crumbs
	making  sync.Once      // of what follows: see taskContext
	without atomic.Int32   // see isAsked
	made    atomic.Bool
	leaving sync.Once    // of late
	late    *sentry.Hub  // see scopeHub
	hub     *sentry.Hub  // read it by sentryHub, or scopeHub
	span    *sentry.Span // read it by sentrySpan

	mu       sync.Mutex
	born     stuck.Place
	slot     outbox.Slot       // in the journal
	lastStep string            // the newest breadcrumb's message, until it is noted there
	children []*TaskSpan       // running now
	status   sentry.SpanStatus // set by the user
	implied  sentry.SpanStatus // by what was captured
	ended    ended
	captured []capturedError
}

// ended is how a task ended; zero while it runs, or when it was dropped.
type ended struct {
	status  sentry.SpanStatus
	outcome string
}

type taskKey struct{}

// CreateTaskSpan begins a task: index is its place from 0 among total; a total of 0 or less means that neither is
// known. The task ends with [TaskSpan.Finish], best deferred. The context returned carries the task, with a hub of its
// own: what is captured, logged or set with that context belongs to it, and sentry.StartSpan makes children of it. In a
// task of the same Client it begins a child span.
//
// taskData is copied and must not be written to during the call. While reporting is off it returns ctx (nil becomes
// Background) and nil.
func (c *Client) CreateTaskSpan(ctx context.Context, taskType string, index, total int, taskData any,
	opts ...sentry.SpanOption) (context.Context, *TaskSpan) {
	if busy() || ctx == nil {
		return begin(c.createTaskSpan, ctx, taskType, index, total, taskData, opts)
	}
	return ctx, nil
}

// begin calls create. The compiler takes a call of a parameter for a cheap one, so the callers of begin are inlined.
func begin(create func(context.Context, string, int, int, any, []sentry.SpanOption) (context.Context, *TaskSpan),
	ctx context.Context, taskType string, index, total int, taskData any,
	opts []sentry.SpanOption) (context.Context, *TaskSpan) {
	return create(ctx, taskType, index, total, taskData, opts)
}

func (c *Client) createTaskSpan(ctx context.Context, taskType string, index, total int, taskData any,
	opts []sentry.SpanOption) (context.Context, *TaskSpan) {
	if ctx == nil {
		ctx = context.Background()
	}
	if !c.reporting() {
		return ctx, nil
	}
	task := Task{Type: taskType, Index: index, Total: total, Data: taskData, SpanOptions: opts}
	ctx, t := c.startTask(ctx, task, nil)
	t.watchStuck(0)
	return ctx, t
}

// TaskSpanFromContext returns the task that ctx belongs to, or nil when there is none.
func TaskSpanFromContext(ctx context.Context) *TaskSpan {
	if ctx == nil {
		return nil
	}
	t, _ := ctx.Value(taskKey{}).(*TaskSpan)
	return t
}

// newTask returns task as it begins, before it has a place among others. The adapter's attempt is nil where there is
// none.
func (c *Client) newTask(task Task, adapters *engine.Attempt) *TaskSpan {
	t := &TaskSpan{client: c, taskType: work.TypeName(task.Type), index: task.Index, total: max(task.Total, 0),
		attempt: c.newAttempt(task, adapters), noted: tagsOf(task)}
	if t.job() != nil {
		t.index, t.total = 0, 0 // a queue has no end to count to
	}
	if task.Data != nil {
		t.data = work.Data(task.Data)
	}
	return t
}

// startTask begins a task. The adapter's attempt is nil where there is none.
func (c *Client) startTask(ctx context.Context, task Task, adapters *engine.Attempt) (context.Context, *TaskSpan) {
	t := c.newTask(task, adapters)
	t.offs, t.outer = c.offs.Load(), TaskSpanFromContext(ctx)
	if inner := c.taskIn(ctx); inner != nil {
		t.parent = inner.running()
	}

	// The host's hub and span in ctx stay there. Ours are found by sentry-go only in a context of our own making.
	hostHub, hostSpan := c.hostOf(ctx)
	inHost := hostHub != nil || hostSpan != nil
	base := c.placeOf(t, ctx, inHost)
	if t.parent != nil || inHost || len(task.SpanOptions) > 0 || !t.beginWithout(base) {
		t.making.Do(func() {
			t.hub = t.newHub(base)
			t.make(t.spanOptions(task.SpanOptions, hostSpan))
		})
		t.traceID, t.spanID, t.started = t.span.TraceID, t.span.SpanID, t.span.StartTime
	}
	t.noteStart()
	t.kind = c.types.Begin(t.taskType)
	t.began.Set(c.clock)
	c.tasks.add(t)
	c.collector.TaskStarted()
	if adapters != nil {
		adapters.OnOverdue(t.overdue)
	}
	t.beginCheckIn()
	if inHost {
		return context.WithValue(ctx, taskKey{}, t), t
	}
	return &taskContext{ctx, t}, t
}

// tagsOf returns the tags of task, nil for none.
func tagsOf(task Task) map[string]string {
	if len(task.Tags) == 0 {
		return nil
	}
	tags := make(map[string]string, len(task.Tags))
	for key, value := range task.Tags {
		if key != "" {
			tags[key] = value
		}
	}
	return tags
}

// spanOptions returns what makes a span that of task: the user's options have the last word.
func (t *TaskSpan) spanOptions(own []sentry.SpanOption, hostSpan *sentry.Span) []sentry.SpanOption {
	options := make([]sentry.SpanOption, 0, len(own)+3)
	options = append(options, t.start)
	if hostSpan != nil && t.parent == nil {
		options = append(options, func(s *sentry.Span) {
			s.TraceID, s.ParentSpanID = hostSpan.TraceID, hostSpan.SpanID
		})
	}
	if job := t.job(); job != nil && job.Trace != "" && t.parent == nil {
		options = append(options, sentry.ContinueFromHeaders(job.Trace, job.Baggage))
	}
	for _, opt := range own {
		if opt != nil {
			options = append(options, func(s *sentry.Span) { t.client.call("a span option", func() { opt(s) }) })
		}
	}
	return options
}

// job returns what the task engine says of the task, nil where none has handed it out.
func (t *TaskSpan) job() *Job {
	if t.attempt == nil {
		return nil
	}
	return t.attempt.job
}

// placeOf sets the context in which the span of t starts, and returns the hub that t gets a clone of.
func (c *Client) placeOf(t *TaskSpan, ctx context.Context, inHost bool) *sentry.Hub {
	t.from = ctx
	switch {
	case inHost && t.parent != nil:
		t.from = t.parent.sentrySpan().Context()
		return t.parent.sentryHub()
	case inHost:
		t.from = spanless{ctx}
		return c.ownHub()
	}
	if t.parent == nil && c.inEndedTask(ctx) {
		t.from = spanless{ctx}
	}
	if h := sentry.GetHubFromContext(ctx); h != nil && h.Client() == c.client {
		return h
	}
	if t.parent != nil {
		return t.parent.sentryHub()
	}
	return c.ownHub()
}

// root returns the task that t is, or is part of, and that has a transaction.
func (t *TaskSpan) root() *TaskSpan {
	for t.parent != nil {
		t = t.parent
	}
	return t
}

// running returns the innermost task that still runs of t and those it runs in, or nil when their transaction has
// ended.
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
	t.fill(s)
	if s.IsTransaction() {
		s.SetContext("task", t.context())
	}
}

// fill is start without the context task of a transaction.
func (t *TaskSpan) fill(s *sentry.Span) {
	s.Description = "Execute " + t.taskType
	if t.total > 0 {
		s.Description += " (" + strconv.Itoa(t.index+1) + "/" + strconv.Itoa(t.total) + ")"
	}
	if s.IsTransaction() {
		s.Name, s.Source = "task."+t.taskType, sentry.SourceTask
		s.Tags = maps.Clone(t.client.tags)
		s.Tags["task_type"] = t.taskType
		if t.total > 0 {
			s.Tags["task_index"], s.Tags["total_tasks"] = strconv.Itoa(t.index), strconv.Itoa(t.total)
		}
	} else {
		s.Data = t.context()
	}
	if t.job() != nil {
		t.attempt.facts().StartSpan(s)
	}
	t.eachTag(s.SetTag)
}

// context returns the context task.
func (t *TaskSpan) context() sentry.Context {
	task := make(sentry.Context, 4)
	t.describe(task)
	return task
}

// describe writes the context task into c.
func (t *TaskSpan) describe(c sentry.Context) {
	c["task_type"] = t.taskType
	if t.total > 0 {
		c["index"], c["total"] = t.index, t.total
	}
	if t.data != nil {
		c["data"] = t.data
	}
	if t.job() != nil {
		t.attempt.facts().Describe(c)
	}
}

// asParent names the task in the events of those inside it.
func (t *TaskSpan) asParent() map[string]any {
	if t.total > 0 {
		return map[string]any{"type": t.taskType, "index": t.index}
	}
	return map[string]any{"type": t.taskType}
}

// none reports whether t is no task that was begun: nil, or the zero TaskSpan.
func (t *TaskSpan) none() bool { return t == nil || t.client == nil }

// SetTag sets a tag of the task's span and of all later events of the task. An interrupted task's event has only those
// of Task.Tags.
func (t *TaskSpan) SetTag(key, value string) {
	if t.none() || key == "" {
		return
	}
	t.sentryHub().Scope().SetTag(key, value)
	t.change(func(s *sentry.Span) { s.SetTag(key, value) })
}

// SetData sets a value of the task's span. The value is copied.
func (t *TaskSpan) SetData(key string, value any) {
	if t.none() {
		return
	}
	value = work.Data(value)
	t.change(func(s *sentry.Span) { s.SetData(key, value) })
}

// change calls f with the task's span, unless the task is over or its transaction is on its way to the server: from the
// moment its root has finished, sentry-go, its hooks and the encoder read all spans of a transaction without a lock. f
// holds the root's lock, so it must not touch a scope: an event processor of the user's runs under the scope's lock,
// and may wait for this one.
func (t *TaskSpan) change(f func(*sentry.Span)) {
	root, span := t.root(), t.sentrySpan()
	root.mu.Lock()
	defer root.mu.Unlock()
	if !root.finished.Load() && !t.finished.Load() {
		f(span)
	}
}

// SetStatus sets how the task ended; it wins over what follows from its errors. sentry.SpanStatusUndefined takes that
// back.
func (t *TaskSpan) SetStatus(status sentry.SpanStatus) {
	if t.none() {
		return
	}
	t.mu.Lock()
	t.status = status
	t.mu.Unlock()
}

// imply sets the status that holds unless the user has set one. The first one stays: what happened first is the cause.
func (t *TaskSpan) imply(status sentry.SpanStatus) {
	if t.none() {
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
	if t.none() || t.finished.Load() { // before the look at the stack
		return
	}
	switch exception.Unwound() {
	case exception.Panic:
		v := recover() // nil when this call wasn't deferred itself: then the panic goes on by itself
		if v == nil {
			t.imply(sentry.SpanStatusInternalError)
			break
		}
		t.capturePanic(&PanicError{Value: v}, verdict{})
		t.finish()
		panic(v)
	case exception.Goexit:
		t.imply(sentry.SpanStatusAborted)
	}
	t.finish()
}

func (t *TaskSpan) finish() {
	if t.none() || t.finished.Load() {
		return
	}
	t.mu.Lock()
	first := t.finished.CompareAndSwap(false, true)
	slot := t.slot
	t.mu.Unlock()
	if !first {
		return
	}
	over := false
	defer func() { // until its transaction is on disk, it is told as interrupted
		if !over {
			slot.End()
		}
	}()
	t.client.tasks.remove(t)
	t.client.collector.TaskFinished()
	if !t.client.finishing() || t.client.offs.Load() != t.offs {
		t.kind.Drop()
		return // switched off half-way: dropped whole
	}
	t.mu.Lock()
	status := sentry.SpanStatusOK
	switch {
	case t.status != sentry.SpanStatusUndefined:
		status = t.status
	case t.made.Load() && t.span.Status != sentry.SpanStatusUndefined: // by a span option, or on the span itself
		status = t.span.Status
	case t.attempt != nil && t.attempt.status != sentry.SpanStatusUndefined:
		status = t.attempt.status
	case t.implied != sentry.SpanStatusUndefined:
		status = t.implied
	}
	outcome := ""
	if t.attempt != nil {
		outcome = t.attempt.outcome
	}
	t.ended = ended{status, outcome}
	t.mu.Unlock()
	t.kind.End(isFailure(status), isSuccess(status, outcome))
	t.sendCheckIn()
	sampled := t.sampled == sentry.SampledTrue
	if sampled && t.without.CompareAndSwap(isOpen, isSent) {
		over = t.sendWithout(status, outcome, slot)
	} else if sampled || t.made.Load() {
		over = t.end(status, outcome, slot)
	}
	t.client.watchRate(t.taskType, t.kind, status)
}

// end ends the span and, of a root, sends it. It reports whether the outbox ends slot. The status is written while the
// scope has a copy of the span: captures with the task's context in other goroutines read it, and what orders the two
// is the scope's lock.
func (t *TaskSpan) end(status sentry.SpanStatus, outcome string, slot outbox.Slot) (over bool) {
	s, scope := t.sentrySpan(), t.scopeHub().Scope()
	scope.SetSpan(&sentry.Span{TraceID: s.TraceID, SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Op: s.Op,
		Description: s.Description})
	if t.parent != nil {
		t.endInner(status, outcome)
	} else {
		setOutcome(s, status, outcome)
	}
	scope.SetSpan(s)
	if t.parent == nil {
		over = t.client.transport.ending(t.spanID, slot, func() {
			t.client.process(outbox.CategoryTransaction, func() { t.client.captureWith(scope, s.Finish) })
		})
		scope.SetSpan(s) // in a transaction of the host's, Finish has put the span around this one there
	}
	return over
}

// endInner writes the end of an inner task's span, all that it needs to be part of its transaction, unless that is on
// its way to the server: see change. sentry-go's Finish would write it without a lock.
func (t *TaskSpan) endInner(status sentry.SpanStatus, outcome string) {
	root := t.root()
	root.mu.Lock()
	defer root.mu.Unlock()
	if root.finished.Load() {
		return
	}
	setOutcome(t.span, status, outcome)
	if t.span.EndTime.IsZero() {
		t.span.EndTime = t.span.StartTime.Add(time.Since(t.span.StartTime)) // by the monotonic clock, as in sentry-go
	}
}

func setOutcome(s *sentry.Span, status sentry.SpanStatus, outcome string) {
	s.Status = status
	if outcome != "" {
		s.SetData("task.outcome", outcome)
	}
}
