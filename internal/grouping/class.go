// Package grouping says what an error is grouped by: its class, what went wrong, and its condition, in which of the
// common ways. It knows nothing of Sentry.
package grouping

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// A Class is what an error is grouped by.
type Class struct {
	Name      string // a type, a name of the user's choice, or a text
	Text      bool   // Name is a text: nothing in the chain has a name that means something
	Condition string // "" for none
}

// NoText is the class of an error that says nothing at all.
const NoText = "error"

// Rules say what the caller knows about errors. Each may be nil.
type Rules struct {
	Named   func(error) string  // a name of the user's choice, "" for none
	Clean   func(string) string // takes out of a message what must not be in a class
	Late    func(error) bool    // follows from a deadline that is over: has the condition timeout. It must not panic
	Wrapper func(error) bool    // is of a type that says nothing by itself
	Message func(error) string  // the text of an error, instead of its Error method
}

// Class walks err's tree from the outside in, depth first, and takes the first error with a class: one that names its
// own, one that r.Named names, one whose type is more than a wrapper or a text. The condition is that error's, so both
// speak of the same branch. Without any, it takes the first text that has a condition, else the first text: always that
// of an innermost error, so that the class doesn't depend on which lines wrapped it. A message is cleaned before it
// becomes a class: placeholders make secrets hard to recognise. The methods of the errors, and r.Named, may panic.
func (r *Rules) Class(err error) Class {
	if err == nil {
		return Class{}
	}
	w := classWalk{Rules: r}
	if c, ok := w.walk(err); ok {
		return c
	}
	if w.told != nil {
		return Class{Name: w.textClass(w.told), Text: true, Condition: w.condition}
	}
	return Class{Name: w.textClass(w.text), Text: true}
}

type classWalk struct {
	*Rules
	text      error  // the first without a class
	told      error  // the first without a class but with a condition,
	condition string // which is this
}

// walk looks at err and what it wraps.
func (w *classWalk) walk(err error) (Class, bool) {
	const notLate = errtree.Max
	lateAt := notLate // depth of the error around the next ones that was too late
	for n := range errtree.All(err) {
		if n.Depth <= lateAt {
			lateAt = notLate
			if w.Late != nil && w.Late(n.Err) {
				lateAt = n.Depth
			}
		}
		timeout := lateAt < notLate
		if name := w.given(n.Err); name != "" {
			return Class{Name: name, Condition: w.conditionOf(n.Err, timeout)}, true
		}
		switch w.kindOf(n.Err) {
		case kindNamed:
			return Class{Name: typeName(n.Err), Condition: w.conditionOf(n.Err, timeout)}, true
		case kindSentinel:
			return Class{Name: w.textClass(n.Err), Text: true, Condition: w.conditionOf(n.Err, timeout)}, true
		}
		if n.Leaf {
			w.leaf(n.Err, timeout)
		}
	}
	return Class{}, false
}

// conditionOf is the condition of err: timeout, if it or an error around or in it was too late.
func (w *classWalk) conditionOf(err error, timeout bool) string {
	if timeout || w.Late != nil && errtree.Is(err, w.Late) {
		return Timeout
	}
	return Condition(err)
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
		return Name(e.ErrorClass(), MaxName)
	}
	if w.Named != nil {
		return Name(w.Named(err), MaxName)
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
func (r *Rules) kindOf(err error) errorKind {
	if r.Wrapper != nil && r.Wrapper(err) {
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
func typeName(err error) string { return Name(errtree.TypeName(err), MaxName) }

// MaxName is the length of a class that is a name, in characters: it is a tag, and Sentry takes 200.
const MaxName = 200

// Name makes a name fit for a tag: one line, no space around it, at most limit characters.
func Name(s string, limit int) string {
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
	message, ok := w.messageOf(err)
	if !ok {
		return typeName(err)
	}
	if w.Clean != nil {
		message = w.Clean(message)
	}
	if class := Normalize(message); class != "" {
		return class
	}
	return NoText
}

func (r *Rules) messageOf(err error) (message string, ok bool) {
	defer func() {
		if recover() != nil {
			message, ok = "", false
		}
	}()
	if r.Message != nil {
		return r.Message(err), true
	}
	return err.Error(), true
}
