package sentryriver

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
	"weak"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/engine"
)

const system = "river"

// Options configures [New]. The zero value reports to the default Client.
type Options struct {
	Client   *sentryconfig.Client // nil: the default one of the time of the attempt
	Args     bool                 // send arguments, scrubbed, as the task's data; their size is always sent
	NewTrace bool                 // begin a trace for each attempt, instead of continuing the inserter's

	// Quiet says which attempts that will be retried are no event: nil is all but the first. attempt counts from 1, of
	// max. It is called in the goroutine of the worker.
	Quiet func(attempt, max int, err error) bool

	// Monitors makes check-ins for Sentry Crons, by kind.
	Monitors map[string]sentryconfig.Monitor
}

// A Reporter is a River middleware that reports the jobs of one client or of several. Its methods may be called from
// many goroutines at once. It holds nothing that has to be closed.
type Reporter struct {
	river.MiddlewareDefaults
	opts    Options
	running sync.Map // int64 -> *attempt; by the ID of the job
	told    sync.Map // weak.Pointer[rivertype.JobRow] -> struct{}: attempts that failed and are reported
}

// New returns a Reporter. The map in opts must not be written to afterwards.
func New(opts Options) *Reporter { return &Reporter{opts: opts} }

// Config returns cfg with the middleware, as the first, and what a client needs to report what middlewares can't see:
// it wraps ErrorHandler, for kinds without a worker, rows that can't be decoded, and jobs that the user's handler
// cancels, and JobStuckHandler, for jobs that run past their timeout. Both go on to do their work with what River gives
// them.
func (r *Reporter) Config(cfg river.Config) river.Config {
	// River takes the old fields for middlewares or the new one, not both.
	if old := len(cfg.JobInsertMiddleware)+len(cfg.WorkerMiddleware) > 0; old { //nolint:staticcheck // the user's
		cfg.JobInsertMiddleware = slices.Insert(slices.Clone(cfg.JobInsertMiddleware), 0, //nolint:staticcheck
			rivertype.JobInsertMiddleware(r))
		cfg.WorkerMiddleware = slices.Insert(slices.Clone(cfg.WorkerMiddleware), 0, //nolint:staticcheck // as above
			rivertype.WorkerMiddleware(r))
	} else if !slices.Contains(cfg.Middleware, rivertype.Middleware(r)) {
		cfg.Middleware = slices.Insert(slices.Clone(cfg.Middleware), 0, rivertype.Middleware(r))
	}
	cfg.ErrorHandler = &errorHandler{r, cfg.ErrorHandler}
	stuck := cfg.JobStuckHandler
	cfg.JobStuckHandler = func(ctx context.Context, params river.JobStuckHandlerParams) river.JobStuckHandlerResult {
		if a, ok := r.running.Load(params.ID); ok {
			a.(*attempt).decided(ctx, context.DeadlineExceeded)
		}
		if stuck == nil {
			return river.JobStuckHandlerResult{}
		}
		return stuck(ctx, params)
	}
	return cfg
}

// Work implements River's middleware for workers. River gets the worker's error, and its panic, as it is.
func (r *Reporter) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	r.reportRescued(ctx, job)
	a := &attempt{}
	r.running.Store(job.ID, a)
	defer r.running.CompareAndDelete(job.ID, a)
	ended := false
	defer func() {
		if !ended || a.returned != nil { // a panic, or Goexit
			r.remember(job)
		}
	}()
	_ = r.run(ctx, job, a, func(ctx context.Context) error {
		a.returned = doInner(ctx)
		return withoutMarker(a.returned)
	})
	ended = true
	return a.returned
}

// remember notes that a failed attempt is reported, for as long as River has use for its row: the next to hear of it is
// the ErrorHandler, unless another middleware thinks better of the error.
func (r *Reporter) remember(job *rivertype.JobRow) {
	key := weak.Make(job)
	r.told.Store(key, struct{}{})
	runtime.AddCleanup(job, func(key weak.Pointer[rivertype.JobRow]) { r.told.Delete(key) }, key)
}

// An attempt is what is known of one attempt while it is worked.
type attempt struct {
	engine.Attempt
	returned  error // by the worker; only the goroutine that ran it reads it
	cancelled bool  // by the user's ErrorHandler
}

// decidedKey marks a context in which somebody else than the worker has decided about an attempt.
type decidedKey struct{}

func (a *attempt) decided(ctx context.Context, err error) {
	a.Overdue(context.WithValue(ctx, decidedKey{}, true), err)
}

// identity names a job in event IDs: its ID alone is another job's in another database.
func identity(row *rivertype.JobRow) string {
	return strconv.FormatInt(row.ID, 10) + " of " + strconv.FormatInt(row.CreatedAt.UnixMicro(), 10)
}

// run makes a task of an attempt.
func (r *Reporter) run(ctx context.Context, row *rivertype.JobRow, a *attempt, run func(context.Context) error) error {
	return r.runTask(ctx, a, r.task(ctx, row, a), run)
}

func (r *Reporter) runTask(ctx context.Context, a *attempt, task sentryconfig.Task,
	run func(context.Context) error) error {
	ctx = engine.With(ctx, &a.Attempt)
	if r.opts.Client != nil {
		return r.opts.Client.RunTask(ctx, task, run)
	}
	return sentryconfig.RunTask(ctx, task, run)
}

// task is what is known of an attempt. work is the worker's context.
func (r *Reporter) task(work context.Context, row *rivertype.JobRow, a *attempt) sentryconfig.Task {
	a.Identity = identity(row)
	job := r.job(row)
	job.Wait = max(time.Since(row.ScheduledAt), 0)
	job.Classify = func(ctx context.Context, err error) sentryconfig.Outcome {
		return r.outcome(ctx, work, a, job, err)
	}
	for _, earlier := range row.Errors {
		job.EarlierErrors = append(job.EarlierErrors, earlier.Error)
	}
	task := sentryconfig.Task{Type: row.Kind, Job: job, Data: r.data(row)}
	if monitor, ok := r.opts.Monitors[row.Kind]; ok {
		task.Monitor = &monitor
	}
	return task
}

func (r *Reporter) job(row *rivertype.JobRow) *sentryconfig.Job {
	job := &sentryconfig.Job{System: system, Queue: row.Queue, ID: strconv.FormatInt(row.ID, 10), Attempt: row.Attempt,
		MaxAttempts: row.MaxAttempts, Size: len(row.EncodedArgs)}
	if !r.opts.NewTrace {
		job.Trace, job.Baggage = traceOf(row.Metadata)
	}
	return job
}

func (r *Reporter) data(row *rivertype.JobRow) any {
	var args any
	if !r.opts.Args || json.Unmarshal(row.EncodedArgs, &args) != nil {
		return nil
	}
	return args
}

// outcome is what River does about err, as its executor decides it. work is the context that the worker had.
func (r *Reporter) outcome(ctx, work context.Context, a *attempt, job *sentryconfig.Job,
	err error) sentryconfig.Outcome {
	_, panicked := err.(*sentryconfig.PanicError)
	if ctx.Value(decidedKey{}) == nil && !panicked && a.returned != nil {
		err = a.returned
	}
	var snooze *rivertype.JobSnoozeError
	var cancel *rivertype.JobCancelError
	switch {
	case panicked: // what it was called with decides nothing
	case context.Cause(work) == rivertype.ErrJobCancelledRemotely: // which every JobCancel says that it is
		return sentryconfig.OutcomeCancelled
	case errors.As(err, &snooze):
		return sentryconfig.OutcomePostponed
	case errors.As(err, &cancel):
		return sentryconfig.OutcomeFailed
	}
	switch {
	case a.cancelled, job.MaxAttempts > 0 && job.Attempt >= job.MaxAttempts:
		return sentryconfig.OutcomeFailed
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

// withoutMarker returns what a worker told River to cancel its job for: the marker around it says nothing.
func withoutMarker(err error) error {
	if marker, ok := err.(*rivertype.JobCancelError); ok {
		if cause := marker.Unwrap(); cause != nil {
			return cause
		}
	}
	return err
}

// rescued is what River's JobRescuer writes into the errors of a job whose worker never came back.
const rescued = "Stuck job rescued by JobRescuer"

// reportRescued reports the attempt before this one, if it never came back. River has no hook for that.
func (r *Reporter) reportRescued(ctx context.Context, row *rivertype.JobRow) {
	n := len(row.Errors)
	if n == 0 || row.Errors[n-1].Error != rescued || row.Errors[n-1].Attempt >= row.Attempt {
		return
	}
	job := r.job(row)
	job.Attempt = row.Errors[n-1].Attempt
	task := sentryconfig.Task{Type: row.Kind, Job: job, Data: r.data(row)}
	ctx = engine.With(ctx, &engine.Attempt{Identity: identity(row)})
	if r.opts.Client != nil {
		r.opts.Client.CaptureInterrupted(ctx, task)
		return
	}
	sentryconfig.CaptureInterrupted(ctx, task)
}
