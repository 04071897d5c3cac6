// Package ending tells which errors follow from the end of a task's context, rather than from what the task did.
package ending

import (
	"context"
	"errors"
	"os/exec"
	"reflect"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/grouping"
)

// An Ending is how a task's context has ended. The zero value is that of a context that hasn't: nothing follows from
// it.
type Ending struct{ err, cause error }

// Of returns how ctx has ended.
func Of(ctx context.Context) Ending {
	if ctx == nil || ctx.Err() == nil {
		return Ending{}
	}
	return Ending{ctx.Err(), context.Cause(ctx)}
}

// Done reports whether the context has ended.
func (e Ending) Done() bool { return e.err != nil }

// Late reports whether the context was past its deadline, as opposed to cancelled.
func (e Ending) Late() bool { return errors.Is(e.err, context.DeadlineExceeded) }

// Caused reports whether err itself follows from the end of the context. What err wraps is not asked.
func (e Ending) Caused(err error) bool {
	switch {
	case !e.Done():
		return false
	case errtree.Same(err, e.err), errtree.Same(err, e.cause):
		return true
	case errtree.Joins(err): // its methods would speak for all of its errors
		return false
	}
	return errtree.Ask(err, e.admitted) || errtree.Ask(err, killed) || errtree.Ask(err, e.refusedByGRPC)
}

// admitted asks err's own Is method.
func (e Ending) admitted(err error) bool {
	is, ok := err.(interface{ Is(error) bool })
	return ok && (is.Is(e.err) || is.Is(e.cause))
}

// killed reports whether err is that of a process which somebody has ended, as exec.CommandContext does.
func killed(err error) bool {
	exit, ok := err.(*exec.ExitError)
	if as, asks := err.(interface{ As(any) bool }); !ok && asks {
		ok = as.As(&exit)
	}
	return ok && exit != nil && exit.ProcessState != nil && grouping.Killed(exit.ProcessState)
}

// The codes that gRPC gives calls whose context has ended: codes.Canceled and codes.DeadlineExceeded.
const (
	grpcCanceled         = 1
	grpcDeadlineExceeded = 4
)

// refusedByGRPC asks err for its gRPC status.
func (e Ending) refusedByGRPC(err error) bool {
	code := grouping.GRPCCode(reflect.ValueOf(err))
	return code.IsValid() && code.CanUint() &&
		(code.Uint() == grpcCanceled || code.Uint() == grpcDeadlineExceeded && e.Late())
}
