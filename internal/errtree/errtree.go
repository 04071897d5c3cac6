// Package errtree walks the tree of an error: the error, what it wraps, and so on. The errors' methods belong to other
// packages. They may panic, a chain may be endless, and a tree may have millions of branches. So every walk is bounded,
// and a panic ends only its own branch.
package errtree

import (
	"errors"
	"iter"
	"reflect"
	"strings"
)

// Max limits how many errors of a tree are visited. Real chains have hundreds: a retry loop that wraps each error.
const Max = 1<<10 - 1

// A Node is an error at its place in a tree.
type Node struct {
	Err   error
	Depth int  // 0 for the root
	Index int  // position among the joined errors; -1 if the parent wraps only this one
	Group bool // it joins errors
	Leaf  bool // the walk doesn't go below it
}

// All walks the tree of err from the outside in, depth first, and yields at most [Max] errors. Node.Err is never nil.
func All(err error) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if err != nil {
			w := walk{yield: yield, left: Max}
			w.visit(Node{Err: err, Index: -1})
		}
	}
}

type walk struct {
	yield func(Node) bool
	left  int
}

// visit walks the tree below n and reports whether the walk goes on.
func (w *walk) visit(n Node) bool {
	for {
		if w.left--; w.left < 0 {
			return false
		}
		many, one := Unwrap(n.Err)
		n.Group = len(many) > 0
		n.Leaf = w.left == 0 || one == nil && !holdsAny(many)
		if !w.yield(n) {
			return false
		}
		if one != nil {
			n = Node{Err: one, Depth: n.Depth + 1, Index: -1}
			continue
		}
		for i, child := range many {
			if child != nil && !w.visit(Node{Err: child, Depth: n.Depth + 1, Index: i}) {
				return false
			}
		}
		return true
	}
}

func holdsAny(errs []error) bool {
	for _, err := range errs {
		if err != nil {
			return true
		}
	}
	return false
}

// Unwrap returns what err wraps: either several errors, which may include nil, or one.
func Unwrap(err error) (many []error, one error) {
	defer func() {
		if recover() != nil {
			many, one = nil, nil
		}
	}()
	switch e := err.(type) { //nolint:errorlint // this is what errors.As does
	case wrappedErrors: // first: such a type's Unwrap hides the individual errors
		return e.WrappedErrors(), nil
	case unwrapper:
		return nil, e.Unwrap()
	case manyUnwrapper:
		return e.Unwrap(), nil
	case causer: // older than errors.Is
		return nil, e.Cause()
	case errorHolder:
		return e.Errors(), nil
	}
	return nil, nil
}

// Is reports whether match accepts any error in err's tree, from the outside in.
func Is(err error, match func(error) bool) bool {
	for n := range All(err) {
		if Ask(n.Err, match) {
			return true
		}
	}
	return false
}

// Ask returns match(err), and false if that panics: in a method of the error, or when it compares values that can't be
// compared.
func Ask(err error, match func(error) bool) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return match(err)
}

// As is errors.As for errors that may wrap themselves or panic.
func As[T error](err error) (target T, found bool) {
	found = Is(err, func(e error) bool {
		if t, ok := e.(T); ok { //nolint:errorlint // the walk asks what err wraps
			target = t
			return true
		}
		as, ok := e.(interface{ As(any) bool })
		return ok && as.As(&target)
	})
	return target, found
}

// Sift removes the errors that drop accepts from err's tree, from the outside in. It returns the rest, nil if nothing
// is left, and whether drop accepted any. Joined errors count one by one. Any other error that wraps several counts as
// one.
func Sift(err error, drop func(error) bool) (rest error, found bool) {
	left := Max
	return sift(err, drop, &left)
}

func sift(err error, drop func(error) bool, left *int) (rest error, found bool) {
	if *left--; *left < 0 {
		return err, false
	}
	if drop(err) {
		return nil, true
	}
	many, one := Unwrap(err)
	if one != nil {
		many = []error{one}
	}
	var rests []error
	for _, child := range many {
		if child == nil {
			continue
		}
		kept, dropped := sift(child, drop, left)
		if kept != nil {
			rests = append(rests, kept)
		}
		found = found || dropped
	}
	switch {
	case !found:
		return err, false
	case len(rests) == 0, one == nil && !Joins(err): // fmt.Errorf("%w: %w", ErrLoad, err) is one error
		return nil, true
	case len(rests) == 1:
		return rests[0], true
	}
	return errors.Join(rests...), true
}

// Parts returns the errors that err joins, or just err if it joins none. It returns nil for more than [Max], because
// taken as a whole they would hide one another. It doesn't look inside an error that whole accepts.
func Parts(err error, whole func(error) bool) []error {
	var parts []error
	left := Max
	if !split(err, whole, &left, &parts) {
		return nil
	}
	if len(parts) == 0 {
		return []error{err}
	}
	return parts
}

// split appends the parts of err and reports whether it visited all of them.
func split(err error, whole func(error) bool, left *int, parts *[]error) bool {
	for inner := err; *left > 0; {
		*left--
		many, one := Unwrap(inner)
		if len(many) > 0 && Joins(inner) {
			for _, child := range many {
				if child != nil && !split(child, whole, left, parts) {
					return false
				}
			}
			return true
		}
		if one == nil || whole(inner) {
			*parts = append(*parts, err)
			return true
		}
		inner = one
	}
	return false
}

// baseType returns err's type without pointers.
func baseType(err error) reflect.Type {
	t := reflect.TypeOf(err)
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t
}

// TypeName returns err's type as Go prints it, without a pointer, and with short type arguments.
func TypeName(err error) string {
	name := baseType(err).String()
	if strings.IndexByte(name, '[') >= 0 {
		name = shortTypeArgs(name)
	}
	return name
}

// shortTypeArgs shortens the type arguments in a type's name. reflect prints them with full import paths, in which dots
// may be %2e, and adds a number after a middle dot to types local to a function.
func shortTypeArgs(name string) string {
	var b strings.Builder
	start := 0
	flush := func(end int) {
		word := name[start:end]
		if i := strings.LastIndexByte(word, '/'); i >= 0 {
			word = word[i+1:]
		}
		if i := strings.Index(word, "·"); i >= 0 {
			word = word[:i]
		}
		b.WriteString(strings.ReplaceAll(word, "%2e", "."))
	}
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '[', ']', '(', ')', '{', '}', ',', ';', '*', ' ', '"':
			flush(i)
			b.WriteByte(name[i])
			start = i + 1
		}
	}
	flush(len(name))
	return b.String()
}
