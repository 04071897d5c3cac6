// Package errtree walks the tree of an error: the error, what it wraps, and so on. The methods of errors are other
// people's code. They may panic, a chain may have no end, and a tree may have millions of branches. So every walk is
// bounded, and a panic ends only its own branch.
package errtree

import (
	"errors"
	"iter"
	"reflect"
	"strings"
)

// Max bounds how many errors of a tree are looked at. Chains of hundreds are real: a loop that wraps the error of each
// retry.
const Max = 1<<10 - 1

// A Node is an error at its place in a tree.
type Node struct {
	Err   error
	Depth int  // 0 for the root
	Index int  // among the errors that its parent joins; -1 where the parent wraps this one alone
	Group bool // it joins errors
	Leaf  bool // nothing below it is walked
}

// All walks the tree of err from the outside in, depth first, and yields at most [Max] errors. No node's Err is nil.
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

// Unwrap returns what err wraps: many errors, with nils among them, or one.
func Unwrap(err error) (many []error, one error) {
	defer func() {
		if recover() != nil {
			many, one = nil, nil
		}
	}()
	switch e := err.(type) { //nolint:errorlint // this is what errors.As does
	case wrappedErrors: // first: the Unwrap beside it hides the errors themselves
		return e.WrappedErrors(), nil
	case unwrapper:
		return nil, e.Unwrap()
	case manyUnwrapper:
		return e.Unwrap(), nil
	case causer: // from before errors.Is
		return nil, e.Cause()
	case errorHolder:
		return e.Errors(), nil
	}
	return nil, nil
}

// Is reports whether match accepts one of the errors in err's tree. It asks from the outside in.
func Is(err error, match func(error) bool) bool {
	for n := range All(err) {
		if Ask(n.Err, match) {
			return true
		}
	}
	return false
}

// Ask is match(err). Where that panics, in a method of the error or a comparison of what can't be compared, the answer
// is no.
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

// Sift takes the errors that drop accepts out of err's tree, asking from the outside in. It returns what is left, nil
// if nothing is, and whether there were any. Joined errors count one by one; any other error that wraps one of them is
// no more than that one.
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

// Parts returns the errors that err joins, err alone where it joins none, and nil where there are more than [Max]:
// asked as a whole they would hide one another. It doesn't look into an error that whole accepts.
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

// split appends the parts of err and reports whether it has looked at all of them.
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

// baseType is err's type without its pointers.
func baseType(err error) reflect.Type {
	t := reflect.TypeOf(err)
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t
}

// TypeName is err's type as Go prints it, without pointer and without what makes instances of generic types unreadable.
func TypeName(err error) string {
	name := baseType(err).String()
	if strings.IndexByte(name, '[') >= 0 {
		name = shortTypeArgs(name)
	}
	return name
}

// shortTypeArgs cuts the type arguments in a type's name to their import names: reflect gives them with the package's
// full path, in which dots may be %2e, and types local to a function with a running number after a middle dot.
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
