package errtree

import (
	"reflect"
	"strings"
	"sync"
)

// A Build is what an error's type is made of: what can be told without asking the error, and without knowing who wrote
// the type.
type Build struct {
	Name     string // as Go prints the type, without pointer
	Package  string // its import path, "" for a type without a name
	Exported bool   // other packages can name the type
	Standard bool   // of the standard library, as far as the import path says

	Wraps bool // has a method that returns what it wraps
	Group bool // has one that returns many

	Errors bool // holds errors
	Text   bool // holds a text
	Stack  bool // holds a stack trace
	More   bool // holds more than these and notes: a code, a name, a place
	Shown  bool // holds more in its exported fields
}

var builds sync.Map // reflect.Type -> *Build; as many as the program has types of errors

// BuildOf returns how err's type is built.
func BuildOf(err error) *Build {
	t := reflect.TypeOf(err)
	if b, ok := builds.Load(t); ok {
		return b.(*Build)
	}
	b, _ := builds.LoadOrStore(t, newBuild(t, TypeName(err)))
	return b.(*Build)
}

// The methods by which errors tell what they wrap.
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

// add notes what a field holds, or a type that is no struct.
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
		if name == "" || isTextName(name) {
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

// isTextName reports whether a field of that name holds words for people, and no name or place.
func isTextName(name string) bool {
	switch strings.ToLower(name) {
	case "s", "str", "string", "text", "msg", "msgs", "message", "messages", "prefix", "suffix", "desc", "description",
		"context", "annotation", "detail", "details", "info", "note", "hint", "reason", "err", "error", "what":
		return true
	}
	return false
}

// Joins reports whether err only holds errors that have nothing to do with one another.
func Joins(err error) bool {
	b := BuildOf(err)
	return b.Group && !b.Text && !b.More
}
