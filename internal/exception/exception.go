// Package exception makes Sentry's exceptions, stack traces, threads and details of errors, callers and goroutines.
package exception

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// maxExceptions bounds what is sent of an error's tree: Sentry shows no more than 50, and a joined error may hold
// millions.
const maxExceptions = 50

// A Chain is an error and all it wraps, as Sentry wants them.
type Chain struct {
	List   []sentry.Exception // the outermost last
	Made   string             // the function that made the innermost error, when that carries its stack
	Raised string             // the function that the panic was raised in, when it is one
}

// Of returns the chain of err, with the stack traces that the errors carry; where none does, the outermost gets that of
// pcs. Its type is title. Methods of the errors may panic: what they don't say gets a stand-in.
func Of(err error, title string, pcs []uintptr, panicked bool) Chain {
	list, carried := listOf(err)
	c := Chain{List: list}
	outermost := &list[0]
	outermost.Type = title
	if len(list) == 1 {
		outermost.Mechanism = nil // it only tells how exceptions hang together
	}
	if carried {
		c.Made = functionOf(leafOf(list).Stacktrace)
	}
	if panicked || !carried {
		st := stacktrace(pcs, panicked)
		if panicked {
			c.Raised = functionOf(st)
			markPanic(outermost)
		}
		if outermost.Stacktrace == nil { // an error that carries a stack may have been made long before
			outermost.Stacktrace = st
		}
	}
	slices.Reverse(list)
	return c
}

// markPanic says of an exception that it is a panic.
func markPanic(x *sentry.Exception) {
	if x.Mechanism == nil {
		x.Mechanism = &sentry.Mechanism{}
	}
	handled := false
	x.Mechanism.Type, x.Mechanism.Handled = "panic", &handled
}

// listOf returns err and all it wraps, the outermost first, and whether one of them carries a stack.
func listOf(err error) (list []sentry.Exception, carried bool) {
	seen := make(map[error]struct{}, 4) // against cycles
	var path []int                      // IDs of the exceptions around the next one, by depth
	for n := range errtree.All(err) {
		if n.Depth > len(path) { // below one that is in the list already
			continue
		}
		path = path[:n.Depth]
		if reflect.TypeOf(n.Err).Kind() == reflect.Pointer { // values can't be part of a cycle
			if _, ok := seen[n.Err]; ok {
				continue
			}
			seen[n.Err] = struct{}{}
		}
		if len(list) == maxExceptions {
			break
		}
		x := exceptionOf(n, len(list), path)
		carried = carried || x.Stacktrace != nil
		path = append(path, len(list))
		list = append(list, x)
	}
	return list, carried
}

// leafOf is the innermost exception of a list in which the outermost is the first: of joined ones within the first.
func leafOf(list []sentry.Exception) *sentry.Exception {
	i := 0
	for i < len(list)-1 && list[i].Mechanism != nil && list[i+1].Mechanism.ParentID != nil &&
		*list[i+1].Mechanism.ParentID == list[i].Mechanism.ExceptionID {
		i++
	}
	return &list[i]
}

// exceptionOf is n as the exception id, within those of path.
func exceptionOf(n errtree.Node, id int, path []int) sentry.Exception {
	mechanism := &sentry.Mechanism{Type: sentry.MechanismTypeGeneric, ExceptionID: id, IsExceptionGroup: n.Group}
	if n.Depth > 0 {
		parent := path[n.Depth-1]
		mechanism.Type, mechanism.ParentID = sentry.MechanismTypeChained, &parent
		mechanism.Source = sentry.MechanismTypeUnwrap
		if n.Index >= 0 {
			mechanism.Source = fmt.Sprintf("errors[%d]", n.Index)
		}
	}
	return sentry.Exception{
		Type:       reflect.TypeOf(n.Err).String(),
		Value:      Text(n.Err),
		Stacktrace: carriedStacktrace(n.Err),
		Mechanism:  mechanism,
	}
}

// Text returns err's message, as many bytes of it as Sentry keeps characters. A method that panics gets a stand-in.
func Text(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("<%T: its Error method panicked>", err)
		}
	}()
	return safe.CutText(err.Error(), protocol.MaxMessageChars)
}

// ValueText returns v as a line of text: names stay beside the values of a struct, so that secrets are recognised.
func ValueText(v any) string {
	switch v := safe.Value(v, protocol.MaxMessageChars).(type) {
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
