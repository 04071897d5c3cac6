package sentryriver

import (
	"context"
	"weak"

	"github.com/getsentry/sentry-go"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
)

// errorHandler is the ErrorHandler of a client: it stands above all middlewares.
type errorHandler struct {
	reporter *Reporter
	next     river.ErrorHandler // the user's; may be nil
}

// HandleError implements river.ErrorHandler.
func (h *errorHandler) HandleError(ctx context.Context, job *rivertype.JobRow, err error) (
	result *river.ErrorHandlerResult) {
	defer func() { h.report(ctx, job, err, result) }() // also when the user's handler panics
	if h.next != nil {
		result = h.next.HandleError(ctx, job, err)
	}
	return result
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) (
	result *river.ErrorHandlerResult) {
	defer func() {
		h.report(ctx, job, &sentryconfig.PanicError{Value: value, Stack: []byte(trace)}, result)
	}()
	if h.next != nil {
		result = h.next.HandlePanic(ctx, job, value, trace)
	}
	return result
}

// report reports what the middleware could not: an attempt that never reached it, an error of a middleware above it,
// and a job that was to be retried, until the user's handler cancelled it.
func (h *errorHandler) report(ctx context.Context, row *rivertype.JobRow, err error, result *river.ErrorHandlerResult) {
	_, told := h.reporter.told.LoadAndDelete(weak.Make(row))
	cancelled := result != nil && result.SetCancelled
	retriable := row.Attempt < row.MaxAttempts
	if told && !(cancelled && retriable) {
		return
	}
	a := &attempt{cancelled: cancelled}
	task := h.reporter.task(ctx, row, a)
	if told { // the attempt has its transaction, and its check-ins go on
		task.SpanOptions = []sentry.SpanOption{sentry.WithSpanSampled(sentry.SampledFalse)}
	}
	_ = h.reporter.runTask(ctx, a, task, func(context.Context) error { return err })
}
