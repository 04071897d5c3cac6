package errtree

import (
	"reflect"
	"strings"
	"sync"
)

// A Build describes the type of an error: what can be found out without calling the error's methods, and without
// knowing the author of the type.
type Build struct {
	Name     string // as Go prints the type, without a pointer
	Package  string // import path; "" for a type without a name
	Exported bool   // other packages can name the type
	Standard bool   // in the standard library, judged by the import path

	Wraps bool // has a method that returns a wrapped error
	Group bool // has a method that returns several

	Errors bool // has fields that hold errors
	Text   bool // has a field that holds a text
	Stack  bool // has a field that holds a stack trace
	More   bool // has fields for more than these and notes: a code, a name, a place
	Shown  bool // the same for exported fields
}

var builds sync.Map // reflect.Type -> *Build; limited by the number of error types in the program

// BuildOf returns the Build of err's type. It is cached per type.
func BuildOf(err error) *Build {
	t := reflect.TypeOf(err)
	if b, ok := builds.Load(t); ok {
		return b.(*Build)
	}
	b, _ := builds.LoadOrStore(t, newBuild(t, TypeName(err)))
	return b.(*Build)
}

// The methods by which errors return what they wrap.
type (
	unwrapper     interface{ Unwrap() error }
	causer        interface{ Cause() error }
	manyUnwrapper interface{ Unwrap() []error }
	wrappedErrors interface{ WrappedErrors() []error }
	errorHolder   interface{ Errors() []error }
)

func newBuild(t reflect.Type, name string) *Build {
	b := &Build{Name: name}
	b.Group = t.Implements(reflect.TypeFor[manyUnwrapper]()) || t.Implements(reflect.TypeFor[wrappedErrors]()) ||
		t.Implements(reflect.TypeFor[errorHolder]())
	b.Wraps = b.Group || t.Implements(reflect.TypeFor[unwrapper]()) || t.Implements(reflect.TypeFor[causer]())
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if t.Name() != "" {
		b.Package = t.PkgPath()
		if i := strings.LastIndex(b.Package, "/vendor/"); i >= 0 {
			b.Package = b.Package[i+len("/vendor/"):]
		}
		first := t.Name()[0]
		b.Exported = 'A' <= first && first <= 'Z'
		domain, _, _ := strings.Cut(b.Package, "/")
		b.Standard = b.Package != "main" && !strings.Contains(domain, ".")
	}
	if t.Kind() != reflect.Struct {
		b.add("", t, b.Exported)
		return b
	}
	for i := range t.NumField() {
		f := t.Field(i)
		b.add(f.Name, f.Type, f.IsExported())
	}
	return b
}

// add records the type of a field, or of an error that is no struct.
func (b *Build) add(name string, t reflect.Type, exported bool) {
	element := t
	for element.Kind() == reflect.Slice || element.Kind() == reflect.Pointer || element.Kind() == reflect.Array {
		element = element.Elem()
	}
	switch {
	case t.Implements(reflect.TypeFor[error]()) && name != "", element == reflect.TypeFor[error]():
		b.Errors = true
		return
	case element.Kind() == reflect.Uintptr, isStackName(name), isStackName(element.Name()) && name != "":
		b.Stack = true
		return
	}
	switch element.Kind() {
	case reflect.Bool, reflect.Func, reflect.Map, reflect.Chan, reflect.Interface, reflect.UnsafePointer: // notes
		return
	case reflect.String:
		b.Text = true
		if name == "" || isTextName(name) || !exported && t.Kind() == reflect.Slice { // labels are notes
			return
		}
	case reflect.Struct:
		if pkg := element.PkgPath(); pkg == "sync" || pkg == "sync/atomic" || element.NumField() == 0 {
			return
		}
	}
	b.More = true
	b.Shown = b.Shown || exported
}

func isStackName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range [...]string{"stack", "trace", "frame", "caller"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// isTextName reports whether a field of that name holds text for people, rather than a name or a place.
func isTextName(name string) bool {
	switch strings.ToLower(name) {
	case "s", "str", "string", "text", "msg", "msgs", "message", "messages", "prefix", "suffix", "desc", "description",
		"context", "annotation", "detail", "details", "info", "note", "hint", "reason", "err", "error", "what":
		return true
	}
	return false
}

// Joins reports whether err only groups errors that are independent of one another.
func Joins(err error) bool {
	b := BuildOf(err)
	return b.Group && !b.Text && !b.More
}
