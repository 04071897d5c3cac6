package safe

import (
	"cmp"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

const (
	// maxSorted is how many entries of a container are sorted at a time, before the room is divided among them.
	maxSorted = 1024

	// maxRecord is the length up to which a list counts as a record, in which all positions matter equally. Of a longer
	// list the beginning is kept.
	maxRecord = 64

	// maxMisses is how many entries may fail to fit before the rest is given up.
	maxMisses = 16

	// shareOf is the divisor for the least share of all room that a container gets while enough is left. Of ten
	// thousand records, a few complete ones are worth more than the beginnings of all.
	shareOf = 16
)

// A child is a value in a container that doesn't fit as a whole.
type child struct {
	key    string
	index  int
	weight int // 0 for small values and strings, otherwise roughly the number of values inside
	length int // a string's length, up to the length to which it may be cut
	value  reflect.Value
	field  *field
}

func newChild(key string, index int, v reflect.Value) child {
	return child{key: key, index: index, weight: weight(v, 0), length: min(len(textOf(v)), shortBytes+1), value: v}
}

func byWeight(a, b child) int {
	return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.length, b.length), cmp.Compare(a.index, b.index),
		strings.Compare(a.key, b.key))
}

// keepChild copies c into its share of the room. left is the number of children still to come, including c. It returns
// false if c doesn't fit.
func (k *keeper) keepChild(c *child, left int) (v any, ok bool) {
	before := k.room
	if c.weight > 0 {
		k.room = max(k.room/left, min(k.room, k.max/shareOf))
	}
	given := k.room
	if c.field != nil {
		v = k.field(c.field, c.value)
	} else {
		v = k.reflect(c.value)
	}
	k.room = before - (given - k.room)
	return v, k.room >= 0
}

// fairObject copies the children that next returns, total of them. It starts with the lightest of each thousand, which
// give the most for their room; the others share what is left. It adds how many of them, and of the hidden others, are
// missing.
func (k *keeper) fairObject(next func() (child, bool), total, hidden int) any {
	k.room -= len("{}") + moreBytes
	if k.room < 0 {
		k.room += len("{}") + moreBytes
		return k.short("…")
	}
	out := make(map[string]any, min(total, maxSorted))
	children := make([]child, 0, min(total, maxSorted))
	left, misses := total, 0
	for left > 0 && misses < maxMisses {
		children = children[:0]
		for len(children) < min(left, maxSorted) {
			c, ok := next()
			if !ok {
				break
			}
			children = append(children, c)
		}
		if len(children) == 0 {
			break
		}
		slices.SortFunc(children, byWeight)
		for i := range children {
			start := k.mark()
			key := k.key(out, children[i].key)
			if v, ok := k.keepChild(&children[i], left); ok {
				out[key] = v
			} else {
				k.undo(start)
				hidden++
				misses++
			}
			if left--; misses >= maxMisses {
				break
			}
		}
	}
	if hidden += left; hidden == 0 {
		k.room += moreBytes
		return out
	}
	key := markerKey
	for _, taken := out[key]; taken; _, taken = out[key] {
		key += markerKey
	}
	out[key] = count(hidden) + moreKeysClose
	return out
}

func (k *keeper) fairMap(rv reflect.Value, hidden int) any {
	total, before := rv.Len(), 0
	if m, ok := anyMap(rv); ok {
		// A map that was cut before has a marker: add it to the new one.
		if s, ok := m[markerKey].(string); ok {
			if before, ok = parseMore(s, "", moreKeysClose); ok {
				total--
			}
		}
	}
	it := rv.MapRange()
	return k.fairObject(func() (child, bool) {
		for it.Next() {
			if key := k.keyText(it.Key()); before == 0 || key != markerKey {
				return newChild(key, 0, it.Value()), true
			}
		}
		return child{}, false
	}, total, hidden+before)
}

func (k *keeper) fairStruct(rv reflect.Value, ti *typeInfo) any {
	children := make([]child, 0, len(ti.fields))
	for i := range ti.fields {
		f := &ti.fields[i]
		if fv, ok := f.get(rv); ok {
			c := newChild(f.name, i, fv)
			c.field = f
			children = append(children, c)
		}
	}
	i := 0
	return k.fairObject(func() (child, bool) {
		i++
		return children[i-1], true
	}, len(children), 0)
}

func (k *keeper) fairList(rv reflect.Value) any {
	k.room -= len("[]") + moreBytes
	if k.room < 0 {
		k.room += len("[]") + moreBytes
		return k.short("…")
	}
	n, hidden := rv.Len(), 0
	if n > 0 {
		if more, ok := parseMore(textOf(rv.Index(n-1)), moreOpen, moreClose); ok {
			hidden = more
			n--
		}
	}
	out := make([]any, 0, min(n, listCap))
	if n <= maxRecord {
		out = k.fairRecord(out, rv, n)
	} else {
		for i := range n {
			start := k.mark()
			v := rv.Index(i)
			c := child{value: v, weight: weight(v, 0)}
			k.room--
			kept, ok := k.keepChild(&c, n-i)
			if !ok {
				k.undo(start)
				break
			}
			out = append(out, kept)
		}
	}
	if hidden += n - len(out); hidden == 0 {
		k.room += moreBytes
		return out
	}
	return append(out, moreOpen+count(hidden)+moreClose)
}

// fairRecord copies the n elements of rv into out, the lightest first. An element that doesn't fit leaves no gap.
func (k *keeper) fairRecord(out []any, rv reflect.Value, n int) []any {
	children := make([]child, n)
	for i := range children {
		children[i] = newChild("", i, rv.Index(i))
	}
	slices.SortFunc(children, byWeight)
	var kept [maxRecord]bool
	var values [maxRecord]any
	for i := range children {
		c := &children[i]
		start := k.mark()
		k.room--
		if values[c.index], kept[c.index] = k.keepChild(c, n-i); !kept[c.index] {
			k.undo(start)
		}
	}
	for i := range n {
		if kept[i] {
			out = append(out, values[i])
		}
	}
	return out
}

func anyMap(rv reflect.Value) (m map[string]any, ok bool) {
	if rv.Type() == mapAnyType && rv.CanInterface() {
		m, ok = rv.Interface().(map[string]any)
	}
	return m, ok
}

// textOf returns the string in rv, "" for other kinds.
func textOf(rv reflect.Value) string {
	for rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	if rv.Kind() == reflect.String {
		return rv.String()
	}
	return ""
}

// weight estimates how much rv contains, without a deep look.
func weight(rv reflect.Value, hops int) int {
	if !rv.IsValid() || hops > 4 {
		return 1
	}
	switch rv.Kind() {
	case reflect.Interface, reflect.Pointer:
		if rv.IsNil() {
			return 0
		}
		if rv.Kind() == reflect.Pointer && infoOf(rv.Type()).asks {
			return 1
		}
		return weight(rv.Elem(), hops+1)
	case reflect.Map:
		if rv.IsNil() {
			return 0
		}
		return 1 + rv.Len()
	case reflect.Slice, reflect.Array:
		if ti := infoOf(rv.Type()); ti.bytes {
			if ti.asks || ti.exact { // types such as json.RawMessage
				return 1 + rv.Len()/8
			}
			return 0
		}
		return 1 + rv.Len()
	case reflect.Struct:
		if rv.CanInterface() && infoOf(rv.Type()).exact {
			return exactWeight(rv.Interface(), hops)
		}
		return 1 + len(infoOf(rv.Type()).fields)
	}
	return 0
}

// exactWeight is weight for the structs listed in exact.
func exactWeight(v any, hops int) int {
	switch x := v.(type) {
	case slog.Value:
		switch x.Kind() {
		case slog.KindGroup:
			return 1 + len(x.Group())
		case slog.KindLogValuer:
			return 1
		case slog.KindAny:
			return weight(reflect.ValueOf(x.Any()), hops+1)
		}
	case slog.Attr, reflect.Value:
		return 1
	}
	return 0 // time.Time
}
