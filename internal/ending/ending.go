// Package ending decides which errors follow from the end of a task's context rather than from the task's own work.
package ending

import (
	"context"
	"errors"
	"os/exec"
	"reflect"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/syserr"
)

// An Ending describes how a context ended. The zero value means that it hasn't ended, so no error follows from it.
type Ending struct{ err, cause error }

// Of returns how ctx has ended, the zero Ending if it hasn't. ctx may be nil.
func Of(ctx context.Context) Ending {
	if ctx == nil || ctx.Err() == nil {
		return Ending{}
	}
	return Ending{ctx.Err(), context.Cause(ctx)}
}

// Done reports whether the context has ended.
func (e Ending) Done() bool { return e.err != nil }

// Late reports whether the context passed its deadline, as opposed to being cancelled.
func (e Ending) Late() bool { return errors.Is(e.err, context.DeadlineExceeded) }

// Caused reports whether err itself follows from the end of the context: it is the context's error or cause, its Is
// method accepts one of them, it is an exec.ExitError of a killed process, or it is a gRPC status for an ended context.
// Caused doesn't look at what err wraps. Methods of err that panic count as a no.
func (e Ending) Caused(err error) bool {
	switch {
	case !e.Done():
		return false
	case errtree.Same(err, e.err), errtree.Same(err, e.cause):
		return true
	case errtree.Joins(err): // its methods would answer for all joined errors
		return false
	}
	return errtree.Ask(err, e.admitted) || errtree.Ask(err, killed) || errtree.Ask(err, e.refusedByGRPC)
}

// admitted asks the Is method of err itself.
func (e Ending) admitted(err error) bool {
	is, ok := err.(interface{ Is(error) bool })
	return ok && (is.Is(e.err) || is.Is(e.cause))
}

// killed reports whether err says that a process was killed, as exec.CommandContext does once its context has ended.
func killed(err error) bool {
	exit, ok := err.(*exec.ExitError)
	if as, asks := err.(interface{ As(any) bool }); !ok && asks {
		ok = as.As(&exit)
	}
	return ok && exit != nil && exit.ProcessState != nil && syserr.Killed(exit.ProcessState)
}

// The gRPC codes of calls whose context has ended: codes.Canceled and codes.DeadlineExceeded.
const (
	grpcCanceled         = 1
	grpcDeadlineExceeded = 4
)

// refusedByGRPC reports whether err has a gRPC status that matches e.
func (e Ending) refusedByGRPC(err error) bool {
	code := grouping.GRPCCode(reflect.ValueOf(err))
	return code.IsValid() && code.CanUint() &&
		(code.Uint() == grpcCanceled || code.Uint() == grpcDeadlineExceeded && e.Late())
}
