package safe

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A typeInfo is the cached description of a type.
type typeInfo struct {
	exact  bool
	atomic bool // a type of sync/atomic
	asks   bool // values have a method by which they describe themselves
	asksAt bool // only a pointer has such a method, or a better one
	hides  bool // a LogValuer, as a value or by pointer
	locks  bool // contains a lock: a method of a copy could wait for ever
	bytes  bool // a slice or array of bytes
	fields []field
}

// A field is a field that encoding/json would write.
type field struct {
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

var types sync.Map // reflect.Type -> *typeInfo; limited by the number of types in the program

func infoOf(t reflect.Type) *typeInfo {
	if ti, ok := types.Load(t); ok {
		return ti.(*typeInfo)
	}
	ti, _ := types.LoadOrStore(t, newTypeInfo(t))
	return ti.(*typeInfo)
}

// asked lists the interfaces by which a value describes itself, by descending priority.
var asked = [...]reflect.Type{
	reflect.TypeFor[slog.LogValuer](),
	reflect.TypeFor[error](),
	reflect.TypeFor[json.Marshaler](),
	reflect.TypeFor[encoding.TextMarshaler](),
	reflect.TypeFor[fmt.Stringer](),
}

// firstAsked returns the index in asked of the first interface that t implements, len(asked) for none.
func firstAsked(t reflect.Type) int {
	for i, a := range asked {
		if t.Implements(a) {
			return i
		}
	}
	return len(asked)
}

// hides reports whether t is a LogValuer, even if only by pointer.
func hides(t reflect.Type) bool {
	if t.Implements(asked[0]) {
		return true
	}
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(asked[0])
}

func newTypeInfo(t reflect.Type) *typeInfo {
	ti := &typeInfo{exact: exact[t], atomic: t.PkgPath() == "sync/atomic"}
	byValue := firstAsked(t)
	byPointer := byValue
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		byPointer = firstAsked(reflect.PointerTo(t))
	}
	ti.asksAt = byPointer < byValue
	ti.asks = byPointer < len(asked)
	if t.Kind() == reflect.Pointer && exact[t.Elem()] {
		ti.asks = false
	}
	ti.hides = hides(t)
	ti.locks = holdsLock(t, 0)
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		ti.bytes = t.Elem().Kind() == reflect.Uint8 && firstAsked(t.Elem()) == len(asked)
	case reflect.Struct:
		ti.fields = fieldsOf(t)
	}
	return ti
}

// holdsLock reports whether a value of t must not be copied while in use, as go vet's copylocks does.
func holdsLock(t reflect.Type, level int) bool {
	if level > maxLevels {
		return false
	}
	switch t.Kind() {
	case reflect.Array:
		return holdsLock(t.Elem(), level+1)
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeFor[sync.Locker]()) {
			return true
		}
		for i := range t.NumField() {
			if holdsLock(t.Field(i).Type, level+1) {
				return true
			}
		}
	}
	return false
}

// fieldsOf returns the fields of the struct type t by encoding/json's rules. Fields of embedded structs count as t's
// own unless a tag names the struct. Of several fields with one name the shallowest wins; at the same depth the only
// tagged one, otherwise none.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	taken := map[string]bool{} // names decided at a shallower level
	seen := map[reflect.Type]bool{t: true}
	for structs := []embedded{{t: t}}; len(structs) > 0; {
		level := levelOf(structs, seen)
		for _, name := range level.names {
			if taken[name] {
				continue
			}
			taken[name] = true
			if c, ok := dominant(level.fields[name]); ok {
				fields = append(fields, c.field)
			}
		}
		for inner := range level.times {
			seen[inner] = true
		}
		structs = level.structs
	}
	return fields
}

// An embedded is a struct type whose fields count as those of the outermost struct. It lies there at index.
type embedded struct {
	t     reflect.Type
	index []int
}

// A candidate is a field, unless another of the same name wins.
type candidate struct {
	field
	tagged bool // its name comes from a tag
}

// A fieldLevel holds what the structs at one depth of embedding contain: fields by name, names in order, and embedded
// structs with how often each occurs.
type fieldLevel struct {
	fields  map[string][]candidate
	names   []string
	structs []embedded
	times   map[reflect.Type]int
}

// levelOf reads the fields of structs. It doesn't enter a type seen at a shallower level.
func levelOf(structs []embedded, seen map[reflect.Type]bool) *fieldLevel {
	l := &fieldLevel{fields: map[string][]candidate{}, times: map[reflect.Type]int{}}
	for _, e := range structs {
		for i := range e.t.NumField() {
			l.add(e, e.t.Field(i), i, seen)
		}
	}
	return l
}

// add adds f, the field i of e.
func (l *fieldLevel) add(e embedded, f reflect.StructField, i int, seen map[reflect.Type]bool) {
	ft := f.Type
	if ft.Kind() == reflect.Pointer && ft.Name() == "" {
		ft = ft.Elem()
	}
	tag, isTagged := f.Tag.Lookup("json")
	if tag == "-" || !f.IsExported() && !(f.Anonymous && ft.Kind() == reflect.Struct) {
		return
	}
	name, options, _ := strings.Cut(tag, ",")
	name = validName(name)
	index := append(slices.Clone(e.index), i)
	// A LogValuer hides its fields, so embedding must not reveal them, although encoding/json would.
	if f.Anonymous && name == "" && ft.Kind() == reflect.Struct && !hides(ft) {
		l.times[ft]++
		// A type embedded twice at one level hides its fields; two occurrences are enough to see that.
		if l.times[ft] <= 2 && !seen[ft] {
			l.structs = append(l.structs, embedded{ft, index})
		}
		return
	}
	c := candidate{field: field{name: name, index: index}, tagged: isTagged && name != ""}
	if name == "" {
		c.name = f.Name
	}
	c.read(options)
	if len(l.fields[c.name]) == 0 {
		l.names = append(l.names, c.name)
	}
	l.fields[c.name] = append(l.fields[c.name], c)
}

// read sets the options of a JSON tag.
func (f *field) read(options string) {
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		case "string":
			f.quoted = true
		}
	}
}

// dominant returns the winner among several fields of a name at the same depth, false if there is none.
func dominant(all []candidate) (candidate, bool) {
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(c candidate) bool { return !c.tagged })
	}
	if len(all) != 1 {
		return candidate{}, false
	}
	return all[0], true
}

// validName returns a tag's name, "" if encoding/json would reject it.
func validName(s string) string {
	for _, r := range s {
		if r == '"' || r == '\\' || r == ',' || r == '\'' || r == '`' || r < ' ' {
			return ""
		}
	}
	return s
}
