package exception

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// maxExceptions bounds what is sent of an error's tree: Sentry shows no more than 50, and a joined error may hold
// millions.
const maxExceptions = 50

// Of returns err and all it wraps as Sentry wants them, the outermost last, with the stack traces that the
// errors carry; where none does, which carried tells, the outermost gets stack's. Its methods may panic: what they
// don't say gets a stand-in.
func Of(err error, title string, stack func() *sentry.Stacktrace) (list []sentry.Exception, carried bool) {
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
	outermost := &list[0]
	outermost.Type = title
	if !carried {
		outermost.Stacktrace = stack()
	}
	if len(list) == 1 {
		outermost.Mechanism = nil // it only tells how exceptions hang together
	}
	slices.Reverse(list)
	return list, carried
}

// Leaf is the innermost exception of a list in which the outermost is the last: of joined ones within the first.
func Leaf(list []sentry.Exception) *sentry.Exception {
	i := len(list) - 1
	for i > 0 && list[i].Mechanism != nil && list[i-1].Mechanism.ParentID != nil &&
		*list[i-1].Mechanism.ParentID == list[i].Mechanism.ExceptionID {
		i--
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

// MaxText is what is kept of one error's message, in bytes; Sentry cuts at 8,192 characters.
const MaxText = 8 << 10

// Text is err.Error() of an error that may not be fit for it.
func Text(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("<%T: its Error method panicked>", err)
		}
	}()
	return safe.CutText(err.Error(), MaxText)
}

// ValueText is a value as a line of text: names stay beside the values of a struct, so that secrets are recognised.
func ValueText(v any) string {
	switch v := safe.Value(v, MaxText).(type) {
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
