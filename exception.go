package sentryconfig

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// maxExceptions bounds what is sent of an error's tree: Sentry shows no more than 50, and a joined error may hold
// millions.
const maxExceptions = 50

// exceptionsOf returns err and all it wraps as Sentry wants them, the outermost last, with the stack traces that the
// errors carry; where none does, the outermost gets stack's. Its methods may panic: what they don't say gets a
// stand-in.
func exceptionsOf(err error, title string, stack func() *sentry.Stacktrace) []sentry.Exception {
	b := exceptionBuilder{seen: make(map[any]struct{}, 4)}
	b.add(err, nil, "")
	outermost := &b.list[0]
	outermost.Type = title
	if !b.carried {
		outermost.Stacktrace = stack()
	}
	if len(b.list) == 1 {
		outermost.Mechanism = nil // it only tells how exceptions hang together
	}
	slices.Reverse(b.list)
	return b.list
}

type exceptionBuilder struct {
	list    []sentry.Exception
	seen    map[any]struct{} // errors in the list, against cycles
	carried bool             // one of them has a stack trace
}

func (b *exceptionBuilder) add(err error, parent *int, source string) {
	if err == nil || len(b.list) >= maxExceptions {
		return
	}
	if reflect.TypeOf(err).Kind() == reflect.Pointer { // values can't be part of a cycle
		if _, ok := b.seen[err]; ok {
			return
		}
		b.seen[err] = struct{}{}
	}
	id := len(b.list)
	many, one := unwrapErrors(err)
	x := sentry.Exception{
		Type:       reflect.TypeOf(err).String(),
		Value:      errorText(err),
		Stacktrace: carriedStacktrace(err),
		Mechanism: &sentry.Mechanism{
			Type:             sentry.MechanismTypeGeneric,
			ExceptionID:      id,
			ParentID:         parent,
			Source:           source,
			IsExceptionGroup: len(many) > 0,
		},
	}
	if parent != nil {
		x.Mechanism.Type = sentry.MechanismTypeChained
	}
	b.carried = b.carried || x.Stacktrace != nil
	b.list = append(b.list, x)
	b.add(one, &id, sentry.MechanismTypeUnwrap)
	for i, child := range many[:min(len(many), maxExceptions)] {
		b.add(child, &id, fmt.Sprintf("errors[%d]", i))
	}
}

// maxErrorText is what is kept of one error's message, in bytes; Sentry cuts at 8,192 characters.
const maxErrorText = 8 << 10

// errorText is err.Error() of an error that may not be fit for it.
func errorText(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("<%T: its Error method panicked>", err)
		}
	}()
	return safe.CutText(err.Error(), maxErrorText)
}

// valueText is a value as a line of text: names stay beside the values of a struct, so that secrets are recognised.
func valueText(v any) string {
	switch v := safe.Value(v, maxErrorText).(type) {
	case map[string]any, []any:
		text, err := json.Marshal(v)
		if err != nil { // safe.Value made it
			panic(err)
		}
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}

// maxErrors bounds a walk through an error's tree: errors may wrap themselves, and then errors.Is and errors.As never
// end.
const maxErrors = 1000

// findError walks the tree of err, from the outside in and depth first, and reports whether match says yes to one of
// its errors. Methods of the errors that panic end only their own branch.
func findError(err error, match func(error) bool) bool {
	left := maxErrors
	var walk func(error) bool
	walk = func(e error) bool {
		if e == nil || left == 0 {
			return false
		}
		left--
		if safely(e, match) {
			return true
		}
		many, one := unwrapErrors(e)
		return walk(one) || slices.ContainsFunc(many, walk)
	}
	return walk(err)
}

func safely(err error, match func(error) bool) (ok bool) {
	defer func() {
		if recover() != nil { // a method of the error's, or values that can't be compared
			ok = false
		}
	}()
	return match(err)
}

// sameValue is a == b for values of which some can't be compared: a slice, a map or a function is the same when it is
// the one in memory.
func sameValue(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.IsValid() && y.IsValid() && x.Type() == y.Type() && identical(x, y)
}

func identical(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice:
		return a.Len() == b.Len() && a.UnsafePointer() == b.UnsafePointer()
	case reflect.Map, reflect.Func:
		return a.UnsafePointer() == b.UnsafePointer()
	case reflect.Struct:
		for i := range a.NumField() {
			if !identical(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Array:
		for i := range a.Len() {
			if !identical(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Interface:
		a, b = a.Elem(), b.Elem()
		if !a.IsValid() || !b.IsValid() {
			return a.IsValid() == b.IsValid()
		}
		return a.Type() == b.Type() && identical(a, b)
	default:
		return a.Equal(b)
	}
}

// asError is errors.As for errors that may wrap themselves or panic.
func asError[T error](err error) (target T, found bool) {
	found = findError(err, func(e error) bool {
		if t, ok := e.(T); ok {
			target = t
			return true
		}
		as, ok := e.(interface{ As(any) bool })
		return ok && as.As(&target)
	})
	return target, found
}
