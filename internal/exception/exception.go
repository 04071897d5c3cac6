// Package exception converts errors, callers and goroutines into Sentry's exceptions, stack traces, threads and
// details.
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

// maxExceptions limits the exceptions of an event: Sentry shows at most 50, and a joined error may hold millions.
const maxExceptions = 50

// A Chain is an error, with everything it wraps, in Sentry's form.
type Chain struct {
	List   []sentry.Exception // the outermost last
	Made   string             // the function that made the innermost error, if that carries its stack
	Raised string             // the function that raised the panic, for a panic
}

// Of returns the chain of err, with the stack traces that the errors carry. If none does, the outermost exception gets
// the stack of pcs. title becomes the type of the outermost. A method of an error that panics is replaced by a
// stand-in.
func Of(err error, title string, pcs []uintptr, panicked bool) Chain {
	list, carried := listOf(err)
	c := Chain{List: list}
	outermost := &list[0]
	outermost.Type = title
	if len(list) == 1 {
		outermost.Mechanism = nil // it only links exceptions
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
		if outermost.Stacktrace == nil { // an error with its own stack may be much older
			outermost.Stacktrace = st
		}
	}
	slices.Reverse(list)
	return c
}

// markPanic marks an exception as a panic.
func markPanic(x *sentry.Exception) {
	if x.Mechanism == nil {
		x.Mechanism = &sentry.Mechanism{}
	}
	handled := false
	x.Mechanism.Type, x.Mechanism.Handled = "panic", &handled
}

// listOf returns err and everything it wraps, outermost first, and whether one of the errors carries a stack.
func listOf(err error) (list []sentry.Exception, carried bool) {
	list = make([]sentry.Exception, 0, 2)
	seen := make([]error, 0, 8) // against cycles
	var path []int              // the IDs of the exceptions around the next one, by depth
	for n := range errtree.All(err) {
		if n.Depth > len(path) { // below an error that is already in the list
			continue
		}
		path = path[:n.Depth]
		if reflect.TypeOf(n.Err).Kind() == reflect.Pointer { // only pointers can form a cycle
			if slices.Contains(seen, n.Err) {
				continue
			}
			seen = append(seen, n.Err)
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

// leafOf returns the innermost exception of a list with the outermost first. Of joined errors it follows the first.
func leafOf(list []sentry.Exception) *sentry.Exception {
	i := 0
	for i < len(list)-1 && list[i].Mechanism != nil && list[i+1].Mechanism.ParentID != nil &&
		*list[i+1].Mechanism.ParentID == list[i].Mechanism.ExceptionID {
		i++
	}
	return &list[i]
}

// exceptionOf returns n as the exception with the given id, inside those of path.
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

// Text returns err's message, limited in bytes to what Sentry keeps in characters.
func Text(err error) string { return safe.CutText(FullText(err), protocol.MaxMessageChars) }

// FullText returns err's message. If the method panics, it returns a stand-in.
func FullText(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("<%T: its Error method panicked>", err)
		}
	}()
	return err.Error()
}

// ValueText returns v as one line of text. Struct values are printed with their names, so that secrets are recognised.
func ValueText(v any) string {
	switch v := safe.Value(v, protocol.MaxMessageChars).(type) {
	case map[string]any, []any:
		text, err := json.Marshal(v)
		if err != nil { // impossible: safe.Value made it
			panic(err)
		}
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}
