// Package grouping says what an error is grouped by: its class, what went wrong, and its condition, in which of the
// common ways. It knows nothing of Sentry.
package grouping

import (
	"cmp"
	"crypto/tls"
	"encoding/csv"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/syserr"
)

// A Class is what an error is grouped by.
type Class struct {
	Name      string // a type, a name of the user's choice, or a text
	Text      bool   // Name is a text: nothing in the chain has a name that means something
	Condition string // "" for none
}

// Rules say what the caller knows about errors. Each may be nil.
type Rules struct {
	Named   func(error) string  // a name of the user's choice, "" for none
	Clean   func(string) string // takes out of a message what must not be in a class
	Late    func(error) bool    // follows from a deadline that is over: has the condition timeout. It must not panic
	Wrapper func(error) bool    // is of a type that says nothing by itself
	Message func(error) string  // the text of an error, instead of its Error method
}

// Class walks err's tree from the outside in, depth first, and takes the first error with a class: one that names its
// own, one that r.Named names, one whose type is more than a wrapper or a text; the condition is that error's. Without
// any, it takes the first text with a condition, else that of the last "%w: %w", else the first: innermost ones, so
// that no line that wraps them matters. A message is cleaned before it becomes a class: placeholders make secrets hard
// to recognise. The methods of the errors, and r.Named, may panic.
func (r *Rules) Class(err error) Class {
	if err == nil {
		return Class{}
	}
	w := classWalk{Rules: *r}
	if w.Message == nil {
		w.Message = error.Error
	}
	if w.Clean == nil {
		w.Clean = func(text string) string { return text }
	}
	return w.walk(err)
}

type classWalk struct {
	Rules
	inside    bool   // looks for what a carrier carries
	text      error  // the first without a class but with a condition, else the first without
	condition string // of text
}

// walk looks at err and what it wraps.
func (w *classWalk) walk(err error) Class {
	lateAt := errtree.Max // depth of the error around the next ones that was too late
	for n := range errtree.All(err) {
		if w.inside && isCarrier(n.Err, true) {
			continue
		}
		switch late := w.Late != nil && w.Late(n.Err); {
		case late:
			lateAt = min(lateAt, n.Depth)
		case n.Depth <= lateAt:
			lateAt = errtree.Max
		}
		timeout := lateAt < errtree.Max
		if name := w.given(n.Err); name != "" {
			return Class{Name: name, Condition: w.conditionOf(n.Err, timeout)}
		}
		b := errtree.BuildOf(n.Err)
		switch w.kindOf(n.Err, b) {
		case kindNamed:
			return Class{Name: Name(b.Name, MaxName), Condition: w.conditionOf(n.Err, timeout)}
		case kindSentinel:
			return Class{Name: w.textClass(n.Err), Text: true, Condition: w.conditionOf(n.Err, timeout)}
		}
		several := n.Group && b.Text                                         // a kind of problem, and its cause
		if w.condition == "" && (n.Leaf || several || b.Text && !b.Errors) { // the last wraps a mark, no cause
			condition := w.conditionOf(n.Err, timeout)
			if several == (condition == "") || !several && w.text == nil {
				w.text, w.condition = n.Err, condition
			}
		}
	}
	if w.text == nil {
		return Class{} // carriers of nothing
	}
	return Class{Name: w.textClass(w.text), Text: true, Condition: w.condition}
}

// conditionOf is the condition of err: timeout, if it or an error around or in it was too late.
func (w *classWalk) conditionOf(err error, timeout bool) string {
	if timeout || w.Late != nil && errtree.Is(err, w.Late) {
		return syserr.Timeout
	}
	if condition := w.Rules.condition(err); condition != "" || !isCarrier(err, false) {
		return condition
	}
	return (&classWalk{Rules: w.Rules, inside: true}).walk(err).Name
}

// isCarrier reports whether err says where something went wrong, and what it wraps says what.
func isCarrier(err error, inside bool) bool {
	switch err.(type) { //nolint:errorlint // the walk asks what err wraps
	case *url.Error, *net.OpError, *os.SyscallError, *fs.PathError, *strconv.NumError, *csv.ParseError:
		return true
	case *tls.CertificateVerificationError: // has a class of its own, but in a request its reason says more
		return inside
	}
	return false
}

// given is the class that err names itself, or that the user gives it.
func (w *classWalk) given(err error) string {
	return Name(safely(func() string {
		if e, ok := err.(interface{ ErrorClass() string }); ok { //nolint:errorlint // the walk asks what err wraps
			return e.ErrorClass()
		}
		if w.Named != nil {
			return w.Named(err)
		}
		return ""
	}), MaxName)
}

const (
	kindNamed    = iota // the type says what went wrong
	kindText            // wraps another error or carries a text
	kindSentinel        // one value with a type of its own, which nobody outside its package can name
)

// kindOf tells by the build of err's type, b, whether it says what went wrong. One with a code always does.
func (r *Rules) kindOf(err error, b *errtree.Build) int {
	if r.Wrapper != nil && r.Wrapper(err) {
		return kindText
	}
	if kind := standardKind(b, err); b.Standard && kind != kindNamed {
		return kind
	}
	if onlyWraps(b) {
		if code, _ := codeOf(err); code == "" {
			return kindText
		}
	}
	return kindNamed
}

// onlyWraps reports whether errors so built carry no more than another error, or a text.
func onlyWraps(b *errtree.Build) bool {
	pkg, _, _ := strings.Cut(b.Name, ".")
	singular := strings.TrimSuffix(pkg, "s")
	switch {
	case b.Package == "": // a struct type without a name, around an error
		return true
	case strings.HasPrefix(pkg, "err"), strings.HasSuffix(singular, "err"),
		strings.HasSuffix(singular, "error"): // errors, errs, xerrors, multierr, errorx
		return !b.Shown && (b.Errors || b.Text)
	case !b.Wraps || !b.Errors:
		return false
	case b.Stack:
		return !b.Shown
	}
	return !b.More && (b.Group || !b.Exported || !b.Text)
}

// standardKind knows the types of the standard library that are texts in disguise.
func standardKind(b *errtree.Build, err error) int {
	t := reflect.TypeOf(err)
	number := reflect.Int <= t.Kind() && t.Kind() <= reflect.Uint64
	switch {
	case b.Package == "fmt", b.Package == "errors", b.Name == "runtime.plainError", b.Name == "runtime.errorString",
		b.Name == "runtime.errorAddressString": // a nil map, a nil pointer, a division by zero
		return kindText
	case b.Package == "internal/poll", // os.ErrDeadlineExceeded, net.ErrClosed
		!b.Exported && !b.Wraps && (t.Size() == 0 || number): // context.DeadlineExceeded, an alert of TLS
		return kindSentinel
	}
	return kindNamed
}

// MaxName is the length of a class that is a name, in characters: it is a tag, and Sentry takes 200.
const MaxName = 200

// Name makes a name fit for a tag: one line, no space around it, at most limit characters.
func Name(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), limit*utf8.UTFMax)], "�")
	breaks := func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
	if strings.ContainsFunc(s, breaks) {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return breaks(r) || unicode.IsSpace(r) }), " ")
	}
	if s = strings.TrimSpace(s); len(s) > limit && utf8.RuneCountInString(s) > limit {
		s = strings.TrimSpace(string([]rune(s)[:limit]))
	}
	return s
}

// textClass is the class of an error that is known by its message alone.
func (w *classWalk) textClass(err error) string {
	message := ""
	if !safely(func() bool { message = w.Message(err); return true }) {
		return Name(errtree.BuildOf(err).Name, MaxName)
	}
	return cmp.Or(Text(w.Clean(message)), "error") // it says nothing at all
}

// Panic returns the text by which a panic is grouped whose value is no error. Values without a text of their own go by
// their type: what they hold differs from panic to panic, and may be huge.
func Panic(value any) string {
	text := fmt.Sprintf("%T", value)
	stringer, ok := value.(interface{ String() string })
	switch v := reflect.ValueOf(value); {
	case ok:
		text = stringer.String()
	case v.Kind() == reflect.String:
		text = v.String()
	case reflect.Bool <= v.Kind() && v.Kind() <= reflect.Float64:
		text += " 0"
	}
	return "panic: " + text
}
