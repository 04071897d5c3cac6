package errtree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
)

type causeError struct{ cause error }

func (e causeError) Error() string { return "cause" }
func (e causeError) Cause() error  { return e.cause }

type loopError struct{ next error }

func (e *loopError) Error() string { return "loop" }
func (e *loopError) Unwrap() error { return e.next }

type hostileError struct{}

func (hostileError) Error() string   { panic("Error") }
func (hostileError) Unwrap() []error { panic("Unwrap") }
func (hostileError) As(any) bool     { panic("As") }

// TestAll compares the places of a tree's errors with those of a reader who goes through it by hand.
func TestAll(t *testing.T) {
	t.Parallel()
	leaf := errors.New("leaf")
	inner := fmt.Errorf("inner: %w", leaf)
	tree := errors.Join(inner, causeError{io.EOF}, hostileError{})
	want := []Node{
		{tree, 0, -1, true, false},
		{inner, 1, 0, false, false},
		{leaf, 2, -1, false, true},
		{causeError{io.EOF}, 1, 1, false, false},
		{io.EOF, 2, -1, false, true},
		{hostileError{}, 1, 2, false, true},
	}
	if got := slices.Collect(All(tree)); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for n := range All(tree) { // a walk may be left
		if n.Depth == 1 {
			break
		}
	}
	if got := slices.Collect(All(nil)); got != nil {
		t.Errorf("nil yields %v", got)
	}
	empty := slices.Collect(All(fmt.Errorf("no error: %w", error(nil))))
	if len(empty) != 1 || !empty[0].Leaf {
		t.Errorf("a wrapper of nothing yields %+v", empty)
	}
}

func TestAllIsBounded(t *testing.T) {
	t.Parallel()
	loop := &loopError{}
	loop.next = loop
	wide := errors.Join(slices.Repeat([]error{io.EOF}, 10*Max)...)
	for _, err := range []error{loop, wide} {
		nodes := slices.Collect(All(err))
		if len(nodes) != Max || !nodes[Max-1].Leaf {
			t.Errorf("%T: %d nodes, the last %+v", err, len(nodes), nodes[len(nodes)-1])
		}
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	path := &fs.PathError{Op: "open", Err: fs.ErrExist}
	if got, ok := As[*fs.PathError](errors.Join(hostileError{}, causeError{path})); !ok || got != path {
		t.Errorf("got %v, %v", got, ok)
	}
	if _, ok := As[*fs.PathError](errors.Join(hostileError{}, io.EOF)); ok {
		t.Error("found what isn't there")
	}
}

func TestSift(t *testing.T) {
	t.Parallel()
	a, b := errors.New("a"), errors.New("b")
	drop := func(err error) bool { return err == a }
	for name, tt := range map[string]struct {
		err   error
		rest  string
		found bool
	}{
		"itself":           {a, "", true},
		"wrapped":          {fmt.Errorf("x: %w", a), "", true},
		"joined":           {errors.Join(a, b, nil), "b", true},
		"wrapped together": {fmt.Errorf("%w: %w", b, a), "", true},
		"another":          {fmt.Errorf("x: %w", b), "x: b", false},
		"two left":         {errors.Join(b, errors.Join(a, b), b), "b\nb\nb", true},
	} {
		rest, found := Sift(tt.err, drop)
		text := ""
		if rest != nil {
			text = rest.Error()
		}
		if text != tt.rest || found != tt.found {
			t.Errorf("%s: %q, %v", name, text, found)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	a, b := errors.New("a"), errors.New("b")
	whole := func(err error) bool { _, ok := err.(causeError); return ok }
	joined := errors.Join(a, fmt.Errorf("x: %w", errors.Join(b, nil)), causeError{errors.Join(a, b)})
	got := Parts(joined, whole)
	if len(got) != 3 || got[0] != a || got[2].Error() != "cause" {
		t.Errorf("got %v", got)
	}
	if got := Parts(errors.Join(slices.Repeat([]error{a}, 2*Max)...), whole); got != nil {
		t.Errorf("%d parts of more than are looked at", len(got))
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	list, f := []int{1}, func() {}
	for name, tt := range map[string]struct {
		a, b any
		want bool
	}{
		"equal":           {1, 1, true},
		"types":           {1, int64(1), false},
		"nil":             {nil, nil, false},
		"slice":           {list, list, true},
		"another slice":   {list, []int{1}, false},
		"function":        {f, f, true},
		"struct of slice": {struct{ a any }{list}, struct{ a any }{list}, true},
		"array":           {[1]any{list}, [1]any{[]int{1}}, false},
		"interfaces":      {struct{ a any }{nil}, struct{ a any }{1}, false},
	} {
		if got := Same(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTypeName(t *testing.T) {
	t.Parallel()
	err := &loopError{}
	if got := TypeName(err); got != "errtree.loopError" {
		t.Errorf("got %q", got)
	}
	if got := TypeName(&fs.PathError{}); got != "fs.PathError" {
		t.Errorf("got %q", got)
	}
}
