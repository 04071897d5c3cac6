package ending

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// isError is an error that says by its Is method what it is.
type isError struct{ is error }

func (e isError) Error() string        { return "is" }
func (e isError) Is(target error) bool { return target == e.is }

// joinedError speaks for all of its errors as soon as one of them is meant.
type joinedError []error

func (joinedError) Error() string          { return "joined" }
func (e joinedError) Unwrap() []error      { return e }
func (e joinedError) Is(target error) bool { return target == e[0] }

// panicError panics when it is asked.
type panicError struct{}

func (panicError) Error() string   { return "panics" }
func (panicError) Is(error) bool   { panic("asked") }
func (panicError) As(any) bool     { panic("asked") }
func (panicError) GRPCStatus() any { panic("asked") }

// grpcError is built like an error of gRPC's package status.
type grpcError struct{ code grpcCode }

type grpcCode uint32

type grpcStatus struct{ code grpcCode }

func (s *grpcStatus) Code() grpcCode        { return s.code }
func (e grpcError) Error() string           { return "rpc error" }
func (e grpcError) GRPCStatus() *grpcStatus { return &grpcStatus{e.code} }

func TestCaused(t *testing.T) {
	shutdown, other := errors.New("shutdown"), errors.New("other")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(shutdown)
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	running := t.Context()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want bool
	}{
		{"the context's error", cancelled, context.Canceled, true},
		{"the cause", cancelled, shutdown, true},
		{"another error", cancelled, other, false},
		{"another end", cancelled, context.DeadlineExceeded, false},
		{"what it wraps isn't asked", cancelled, fmt.Errorf("read: %w", context.Canceled), false},
		{"an Is method", cancelled, isError{context.Canceled}, true},
		{"an Is method that names the cause", cancelled, isError{shutdown}, true},
		{"an Is method that names another error", cancelled, isError{other}, false},
		{"joined errors aren't asked as one", cancelled, joinedError{context.Canceled, other}, false},
		{"an error that panics", cancelled, panicError{}, false},
		{"gRPC Canceled", cancelled, grpcError{grpcCanceled}, true},
		{"gRPC DeadlineExceeded", cancelled, grpcError{grpcDeadlineExceeded}, false},
		{"gRPC Unavailable", cancelled, grpcError{14}, false},

		{"past the deadline: its error", late, context.DeadlineExceeded, true},
		{"past the deadline: an Is method", late, isError{context.DeadlineExceeded}, true},
		{"past the deadline: gRPC DeadlineExceeded", late, grpcError{grpcDeadlineExceeded}, true},
		{"past the deadline: cancelled", late, context.Canceled, false},

		{"while it runs", running, context.Canceled, false},
		{"without a context", nil, context.Canceled, false},
	} {
		if got := Of(test.ctx).Caused(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestEnding(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	for _, test := range []struct {
		name       string
		ctx        context.Context
		done, late bool
	}{
		{"nil", nil, false, false},
		{"running", t.Context(), false, false},
		{"cancelled", cancelled, true, false},
		{"late", late, true, true},
	} {
		e := Of(test.ctx)
		if e.Done() != test.done || e.Late() != test.late {
			t.Errorf("%s: done %v, late %v", test.name, e.Done(), e.Late())
		}
	}
}
