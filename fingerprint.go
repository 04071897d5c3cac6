package sentryconfig

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// Errors are grouped by class, what went wrong, and condition, in which of the common ways. Both are read from the
// chain of an error, whose methods are other people's code: they may panic, a chain may have no end, a tree millions of
// branches.

// errorClass is what an error is grouped by.
type errorClass struct {
	name      string // a type, a name of the user's choice, or a text
	text      bool   // name is a text: nothing in the chain has a name that means something
	condition string // "" for none
}

// title is the exception type that an issue gets its title from.
func (c errorClass) title() string {
	if c.text {
		return textTitle
	}
	return c.name
}

// textTitle is the exception type of errors that are known by their message alone: Sentry shows the message beside it.
const textTitle = "error"

// panicTitle is the exception type of panics that are known by their text alone.
const panicTitle = "panic"

// classOf walks err's tree from the outside in, depth first, and takes the first error with a class: one that names its
// own, one that user names, one whose type is more than a wrapper or a text. The condition is that error's, so both
// speak of the same branch. Without any, it takes the first text that has a condition, else the first text: always that
// of an innermost error, so that the class doesn't depend on which lines wrapped it. clean takes out of a message what
// must not be in a class: placeholders make it hard to recognise. user and clean may be nil.
func classOf(err error, user func(error) string, clean func(string) string) errorClass {
	return classAfter(ending{}, err, user, clean)
}

// classAfter is classOf in a context that has ended so: past its deadline, what follows from that has the condition
// timeout.
func classAfter(end ending, err error, user func(error) string, clean func(string) string) errorClass {
	if err == nil {
		return errorClass{}
	}
	w := classWalk{user: user, clean: clean, end: end, late: end.late()}
	if c, ok := w.walk(err); ok {
		return c
	}
	if w.told != nil {
		return errorClass{name: w.textClass(w.told), text: true, condition: w.condition}
	}
	return errorClass{name: w.textClass(w.text), text: true}
}

type classWalk struct {
	user      func(error) string
	clean     func(string) string
	end       ending // of the context,
	late      bool   // which was past its deadline
	text      error  // the first without a class
	told      error  // the first without a class but with a condition,
	condition string // which is this
}

// walk looks at err and what it wraps.
func (w *classWalk) walk(err error) (errorClass, bool) {
	const notLate = errtree.Max
	lateAt := notLate // depth of the error around the next ones that was too late
	for n := range errtree.All(err) {
		if n.Depth <= lateAt {
			lateAt = notLate
			if w.late && w.end.caused(n.Err) {
				lateAt = n.Depth
			}
		}
		timeout := lateAt < notLate
		if name := w.given(n.Err); name != "" {
			return errorClass{name: name, condition: w.conditionOf(n.Err, timeout)}, true
		}
		switch kindOf(n.Err) {
		case kindNamed:
			return errorClass{name: typeName(n.Err), condition: w.conditionOf(n.Err, timeout)}, true
		case kindSentinel:
			return errorClass{name: w.textClass(n.Err), text: true, condition: w.conditionOf(n.Err, timeout)}, true
		}
		if n.Leaf {
			w.leaf(n.Err, timeout)
		}
	}
	return errorClass{}, false
}

// conditionOf is the condition of err: timeout, if it or an error around or in it was too late.
func (w *classWalk) conditionOf(err error, timeout bool) string {
	if timeout || w.late && errtree.Is(err, w.end.caused) {
		return conditionNames[conditionTimeout]
	}
	return conditionOf(err)
}

func (w *classWalk) leaf(err error, timeout bool) {
	if w.text == nil {
		w.text = err
	}
	if w.told == nil {
		if condition := w.conditionOf(err, timeout); condition != "" {
			w.told, w.condition = err, condition
		}
	}
}

// given is the class that err names itself, or that the user gives it.
func (w *classWalk) given(err error) (name string) {
	defer func() {
		if recover() != nil { // a method on a nil receiver, or the user's function met an error it didn't expect
			name = ""
		}
	}()
	if e, ok := err.(interface{ ErrorClass() string }); ok { //nolint:errorlint // the walk asks what err wraps
		return plainName(e.ErrorClass(), maxClassLength)
	}
	if w.user != nil {
		return plainName(w.user(err), maxClassLength)
	}
	return ""
}

type errorKind int

const (
	kindNamed    errorKind = iota // the type says what went wrong
	kindText                      // wraps another error or carries a text
	kindSentinel                  // one value with a type of its own, which nobody outside its package can name
)

// kindOf looks at err's type, not at err.
func kindOf(err error) errorKind {
	switch err.(type) { //nolint:errorlint // the walk asks what err wraps
	case *TaskError, *TaskFailure, *PanicError:
		return kindText
	}
	t := errtree.Type(err)
	name := t.Name()
	if name == "" { // a struct type without a name, around an error
		return kindText
	}
	pkg := t.PkgPath()
	if i := strings.LastIndex(pkg, "/vendor/"); i >= 0 {
		pkg = pkg[i+len("/vendor/"):]
	}
	switch pkg {
	case "fmt", "errors":
		return kindText
	case "runtime":
		switch name {
		case "plainError", "errorString", "errorAddressString": // a nil map, a nil pointer, a division by zero: texts
			return kindText
		}
	case "context", "net", "net/http", "internal/poll", "crypto/tls":
		switch name {
		case "permanentError", "nothingWrittenError", "transportReadFromServerError", "requestBodyReadError":
			return kindText
		case "DeadlineExceededError": // os.ErrDeadlineExceeded
			return kindSentinel
		}
		if t.Size() == 0 && (name[0] < 'A' || name[0] > 'Z') { // context.DeadlineExceeded, net.ErrClosed
			return kindSentinel
		}
	case "os/exec":
		if name == "wrappedError" {
			return kindText
		}
	case "github.com/pkg/errors":
		switch name {
		case "fundamental", "withStack", "withMessage":
			return kindText
		}
	case "golang.org/x/xerrors":
		switch name {
		case "errorString", "wrapError", "noWrapError", "noWrapper":
			return kindText
		}
	case "github.com/go-errors/errors", "github.com/hashicorp/go-multierror", "github.com/hashicorp/errwrap",
		"go.uber.org/multierr", "github.com/rotisserie/eris", "github.com/samber/oops", "github.com/cockroachdb/errors":
		return kindText
	default:
		if strings.HasPrefix(pkg, "github.com/cockroachdb/errors/") {
			return kindText
		}
	}
	return kindNamed
}

// typeName is the name of err's type, fit for a tag.
func typeName(err error) string { return plainName(errtree.TypeName(err), maxClassLength) }

// maxClassLength is the length of a class that is a name, in characters: it is a tag, and Sentry takes 200.
const maxClassLength = 200

// plainName makes a name fit for a tag: one line, no space around it, at most limit characters.
func plainName(s string, limit int) string {
	if len(s) > limit*utf8.UTFMax {
		s = s[:limit*utf8.UTFMax]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "�")
	}
	if strings.IndexFunc(s, unicode.IsControl) >= 0 || strings.ContainsAny(s, "\u2028\u2029") {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				return ' '
			}
			return r
		}, s)
		s = strings.Join(strings.Fields(s), " ")
	}
	s = strings.TrimSpace(s)
	if len(s) > limit && utf8.RuneCountInString(s) > limit {
		n := 0
		for i := range s {
			if n++; n > limit {
				s = strings.TrimSpace(s[:i])
				break
			}
		}
	}
	return s
}

// textClass is the class of an error that is known by its message alone.
func (w *classWalk) textClass(err error) string {
	message, ok := messageOf(err)
	if !ok {
		return typeName(err)
	}
	if w.clean != nil {
		message = w.clean(message)
	}
	if class := normalizeMessage(message); class != "" {
		return class
	}
	return textTitle
}

func messageOf(err error) (message string, ok bool) {
	defer func() {
		if recover() != nil {
			message, ok = "", false
		}
	}()
	if p, is := err.(*PanicError); is { //nolint:errorlint // what it wraps has been asked
		return panicMessage(p.Value), true
	}
	return err.Error(), true
}

// panicMessage stands for a panic whose value is no error. Values without a text of their own go by their type: what
// they hold differs from panic to panic, and may be huge.
func panicMessage(value any) string {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case interface{ String() string }:
		text = v.String()
	case nil:
		text = "nil"
	default:
		switch t := reflect.TypeOf(value); t.Kind() {
		case reflect.String:
			text = reflect.ValueOf(value).String()
		case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64:
			text = t.String() + " 0"
		default:
			text = t.String()
		}
	}
	return "panic: " + text
}
