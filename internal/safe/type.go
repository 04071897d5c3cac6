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

// A typeInfo is what is known of a type, found out once.
type typeInfo struct {
	exact  bool
	atomic bool // one of sync/atomic's
	asks   bool // a value says how it wants to be read
	asksAt bool // only a pointer to a value says, or it says it in a better way
	hides  bool // a LogValuer, as a value or by pointer
	locks  bool // contains a lock: a method of a copy could wait for ever
	bytes  bool // a slice or array of bytes
	fields []field
}

// A field is one that encoding/json would write.
type field struct {
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

var types sync.Map // reflect.Type -> *typeInfo

func infoOf(t reflect.Type) *typeInfo {
	if ti, ok := types.Load(t); ok {
		return ti.(*typeInfo)
	}
	ti, _ := types.LoadOrStore(t, newTypeInfo(t))
	return ti.(*typeInfo)
}

// asked are the interfaces in which a value says how it wants to be read, the most wanted first.
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

// hides tells whether t is a LogValuer, be it by pointer only.
func hides(t reflect.Type) bool {
	return t.Implements(asked[0]) || t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(asked[0])
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

// holdsLock tells whether a value of t must not be copied while it is in use, as go vet's copylocks does.
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

// fieldsOf returns the fields of the struct type t by encoding/json's rules: those of embedded structs count as t's own
// unless they have a name by tag; of several with one name the shallowest wins, at the same depth the only one that is
// tagged, otherwise none.
func fieldsOf(t reflect.Type) []field {
	type candidate struct {
		field
		tagged bool
	}
	type embedded struct {
		t     reflect.Type
		index []int
	}
	var (
		order []string
		found = map[string]field{}
		taken = map[string]bool{} // names decided at a shallower level
		seen  = map[reflect.Type]bool{t: true}
	)
	for level := []embedded{{t: t}}; len(level) > 0; {
		var next []embedded
		here := map[string][]candidate{}
		var names []string
		times := map[reflect.Type]int{}
		for _, e := range level {
			for i := range e.t.NumField() {
				f := e.t.Field(i)
				ft := f.Type
				if ft.Kind() == reflect.Pointer && ft.Name() == "" {
					ft = ft.Elem()
				}
				if !f.IsExported() && !(f.Anonymous && ft.Kind() == reflect.Struct) {
					continue
				}
				tag, isTagged := f.Tag.Lookup("json")
				if tag == "-" {
					continue
				}
				name, options, _ := strings.Cut(tag, ",")
				name = validName(name)
				index := append(slices.Clone(e.index), i)
				// What hides itself must not be laid open by being embedded, though encoding/json would.
				if f.Anonymous && name == "" && ft.Kind() == reflect.Struct && !hides(ft) {
					times[ft]++
					// A type embedded twice at one level hides its fields; to see that, two are enough.
					if times[ft] <= 2 && !seen[ft] {
						next = append(next, embedded{ft, index})
					}
					continue
				}
				c := candidate{tagged: isTagged && name != ""}
				if name == "" {
					name = f.Name
				}
				c.field = field{name: name, index: index}
				for o := range strings.SplitSeq(options, ",") {
					switch o {
					case "omitempty":
						c.omitEmpty = true
					case "omitzero":
						c.omitZero = true
					case "string":
						c.quoted = true
					}
				}
				if len(here[name]) == 0 {
					names = append(names, name)
				}
				here[name] = append(here[name], c)
			}
		}
		for _, name := range names {
			if taken[name] {
				continue
			}
			taken[name] = true
			all := here[name]
			if len(all) > 1 {
				all = slices.DeleteFunc(all, func(c candidate) bool { return !c.tagged })
			}
			if len(all) == 1 {
				order = append(order, name)
				found[name] = all[0].field
			}
		}
		for ft := range times {
			seen[ft] = true
		}
		level = next
	}
	fields := make([]field, 0, len(order))
	for _, name := range order {
		fields = append(fields, found[name])
	}
	return fields
}

// validName returns a tag's name, "" if encoding/json would not take it.
func validName(s string) string {
	for _, r := range s {
		if r == '"' || r == '\\' || r == ',' || r == '\'' || r == '`' || r < ' ' {
			return ""
		}
	}
	return s
}
