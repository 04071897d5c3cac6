package sentryasynq

import (
	"context"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/engine"
)

// Options configures [New]. The zero value reports to the default Client.
type Options struct {
	Client   *sentryconfig.Client // nil: the default one of the time of the attempt
	Payload  bool                 // send payloads, scrubbed, as the task's data; their size is always sent
	NewTrace bool                 // begin a trace for each attempt, instead of continuing the enqueuer's

	// Quiet says which attempts that will be retried are no event: nil is all but the first. attempt counts from 1, of
	// max. It is called in the goroutine of the handler.
	Quiet func(attempt, max int, err error) bool

	// Monitors makes check-ins for Sentry Crons, by task type.
	Monitors map[string]sentryconfig.Monitor
}

// A Reporter reports the tasks of one asynq server or of several. Its methods may be called from many goroutines at
// once. It holds nothing that has to be closed.
type Reporter struct{ opts Options }

// New returns a Reporter. The map in opts must not be written to afterwards.
func New(opts Options) *Reporter { return &Reporter{opts} }

// Config returns cfg with what a server needs to report what its handlers can't see: deadlines and leases that are over
// while a handler runs, attempts that were lost with their worker, tasks that were too late to start. It wraps
// ErrorHandler, RetryDelayFunc and BaseContext, which go on to do their work with what asynq gives them, and asks
// IsFailure, once more for each error, which outcome an error has. Don't set those four afterwards.
func (r *Reporter) Config(cfg asynq.Config) asynq.Config {
	s := &server{isFailure: cfg.IsFailure}
	switch len(cfg.Queues) {
	case 0:
		s.queue = "default"
	case 1:
		for s.queue = range cfg.Queues {
		}
	}
	base := cfg.BaseContext
	cfg.BaseContext = func() context.Context {
		ctx := context.Background()
		if base != nil {
			ctx = base()
		}
		return context.WithValue(ctx, attemptKey{}, &attempt{server: s})
	}
	cfg.ErrorHandler = errorHandler{r, cfg.ErrorHandler}
	delay := cfg.RetryDelayFunc
	if delay == nil {
		delay = asynq.DefaultRetryDelayFunc
	}
	cfg.RetryDelayFunc = func(n int, err error, task *asynq.Task) time.Duration {
		if errors.Is(err, asynq.ErrLeaseExpired) {
			r.reportLost(s, n, task)
		}
		return delay(n, err, task)
	}
	return cfg
}

// Middleware reports what next makes of a task. It is meant to be the first: mux.Use(r.Middleware), so that errors of
// other middlewares are reported too. The engine gets next's error, and its panic, as it is.
func (r *Reporter) Middleware(next asynq.Handler) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		a := attemptOf(ctx)
		if a == nil {
			a = &attempt{server: &server{}}
		}
		var result error
		_ = r.run(ctx, a, task, func(ctx context.Context) error {
			result = next.ProcessTask(ctx, task)
			return a.seen(ctx, result)
		})
		return result
	})
}

// A server is what Config has read.
type server struct {
	isFailure func(error) bool // nil: every error is one
	queue     string           // the only one, else ""
}

// An attempt is what is known of one attempt while asynq and its handler are at it. The server's base context carries
// it, so that both find it.
type attempt struct {
	engine.Attempt
	server   *server
	returned error // by the handler; only the goroutine that ran it reads it
}

type attemptKey struct{}

func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// decidedKey marks a context in which asynq has decided about an attempt without its handler.
type decidedKey struct{}

// decided says that asynq has given up on the handler with err.
func (a *attempt) decided(ctx context.Context, err error) {
	a.Overdue(context.WithValue(ctx, decidedKey{}, true), err)
}

// seen returns what the task reports when its handler has returned err. Once its context is done, asynq goes by that
// and doesn't wait for the handler.
func (a *attempt) seen(ctx context.Context, err error) error {
	a.returned = err
	switch late := ctx.Err(); {
	case errors.Is(late, context.DeadlineExceeded):
		a.decided(ctx, late)
	case late != nil: // handed back at shutdown, or cancelled from outside; a lost lease is told by HandleError
		return late
	}
	return withoutSentinels(err)
}

// run makes a task of an attempt.
func (r *Reporter) run(ctx context.Context, a *attempt, task *asynq.Task, run func(context.Context) error) error {
	job := r.job(ctx, a, task)
	a.Identity = task.Headers()[headerID]
	t := sentryconfig.Task{Type: task.Type(), Job: job}
	if r.opts.Payload {
		t.Data = payload(task.Payload())
	}
	if monitor, ok := r.opts.Monitors[task.Type()]; ok {
		t.Monitor = &monitor
	}
	ctx = engine.With(ctx, &a.Attempt)
	if r.opts.Client != nil {
		return r.opts.Client.RunTask(ctx, t, run)
	}
	return sentryconfig.RunTask(ctx, t, run)
}

func (r *Reporter) job(ctx context.Context, a *attempt, task *asynq.Task) *sentryconfig.Job {
	queue, _ := asynq.GetQueueName(ctx)
	id, _ := asynq.GetTaskID(ctx)
	retried, _ := asynq.GetRetryCount(ctx)
	maxRetry, _ := asynq.GetMaxRetry(ctx)
	job := &sentryconfig.Job{System: system, Queue: queue, ID: id, Attempt: retried + 1, MaxAttempts: maxRetry + 1,
		Size: len(task.Payload())}
	if due, ok := dueTime(task.Headers()); ok && retried == 0 { // when a later attempt was due isn't known
		job.Wait = max(time.Since(due), 0)
	}
	r.continueTrace(job, task)
	job.Classify = func(ctx context.Context, err error) sentryconfig.Outcome {
		return r.outcome(ctx, a, job, err)
	}
	return job
}

func (r *Reporter) continueTrace(job *sentryconfig.Job, task *asynq.Task) {
	if headers := task.Headers(); !r.opts.NewTrace {
		job.Trace, job.Baggage = headers[headerTrace], headers[headerBaggage]
	}
}

// outcome is what asynq does about err, as its processor decides it.
func (r *Reporter) outcome(ctx context.Context, a *attempt, job *sentryconfig.Job, err error) sentryconfig.Outcome {
	decided := ctx.Value(decidedKey{}) != nil
	if p, ok := err.(*sentryconfig.PanicError); ok {
		err = errors.New(p.Error()) // asynq makes a text of it, too: what the panic was called with decides nothing
	} else if !decided && a.returned != nil {
		err = a.returned
	}
	switch {
	case errors.Is(err, asynq.RevokeTask), decided && errors.Is(err, context.Canceled):
		return sentryconfig.OutcomeCancelled
	case job.Attempt >= job.MaxAttempts, errors.Is(err, asynq.SkipRetry):
		return sentryconfig.OutcomeFailed
	case a.server.isFailure != nil && !a.server.isFailure(err):
		return sentryconfig.OutcomePostponed
	case r.quiet(job, err):
		return sentryconfig.OutcomeRetriedQuietly
	}
	return sentryconfig.OutcomeRetried
}

func (r *Reporter) quiet(job *sentryconfig.Job, err error) bool {
	if r.opts.Quiet != nil {
		return r.opts.Quiet(job.Attempt, job.MaxAttempts, err)
	}
	return job.Attempt > 1
}

// payload is what is sent of a payload: what it means where it is JSON, else its text.
func payload(b []byte) any {
	var v any
	switch {
	case len(b) == 0:
		return nil
	case json.Unmarshal(b, &v) == nil:
		return v
	case utf8.Valid(b):
		return string(b)
	}
	return b
}

// errorHandler is the ErrorHandler of a server: it stands above all middlewares, and is called for each attempt that
// failed, whoever decided that.
type errorHandler struct {
	reporter *Reporter
	next     asynq.ErrorHandler // the user's; may be nil
}

func (h errorHandler) HandleError(ctx context.Context, task *asynq.Task, err error) {
	switch a := attemptOf(ctx); {
	case a == nil: // made by a base context that isn't ours
	case a.Begun():
		a.decided(ctx, err)
	default: // its context was done before a handler could start, or there is no middleware of ours
		a.returned = err
		_ = h.reporter.run(ctx, a, task, func(context.Context) error { return withoutSentinels(err) })
	}
	if h.next != nil {
		h.next.HandleError(ctx, task, err)
	}
}

// reportLost reports an attempt whose lease has run out. asynq names neither the task nor, among several, the queue: it
// is known by the ID in its headers.
func (r *Reporter) reportLost(s *server, retried int, task *asynq.Task) {
	id := task.Headers()[headerID]
	if id == "" {
		return
	}
	job := &sentryconfig.Job{System: system, Queue: s.queue, Attempt: retried + 1, Size: len(task.Payload())}
	r.continueTrace(job, task)
	t := sentryconfig.Task{Type: task.Type(), Job: job}
	if r.opts.Payload {
		t.Data = payload(task.Payload())
	}
	ctx := engine.With(context.Background(), &engine.Attempt{Identity: id})
	if r.opts.Client != nil {
		r.opts.Client.CaptureInterrupted(ctx, t)
		return
	}
	sentryconfig.CaptureInterrupted(ctx, t)
}
