package safe

import (
	"cmp"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

const (
	// maxSorted is the size up to which the entries of a container are put in order before the room is shared out.
	maxSorted = 1024

	// maxRecord is the length up to which a list is taken for a record, whose elements are worth the same wherever
	// they stand. Of a longer one the beginning is kept.
	maxRecord = 64

	// maxMisses is how many entries in a row that don't fit are tried before the rest is given up.
	maxMisses = 16

	// shareOf is the part of all room that a container gets, if there is so much, however many others wait: of ten
	// thousand records some whole ones are worth more than the beginnings of all.
	shareOf = 16
)

// A child is a value in a container that does not fit as a whole.
type child struct {
	key    string
	index  int
	weight int // 0 for what is small or a string, otherwise about the number of values in it
	length int // of a string, up to the length to which it may be cut
	value  reflect.Value
	field  *field
}

func newChild(key string, index int, v reflect.Value) child {
	return child{key: key, index: index, weight: weight(v, 0), length: min(len(textOf(v)), shortBytes+1), value: v}
}

func byWeight(a, b child) int {
	return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.length, b.length), cmp.Compare(a.index, b.index), strings.Compare(a.key, b.key))
}

// order puts the light children first: they are worth most for their room, and what they leave is shared by the rest.
func order(children []child) {
	if len(children) <= maxSorted {
		slices.SortFunc(children, byWeight)
		return
	}
	i := 0
	for j := range children {
		if children[j].weight == 0 {
			children[i], children[j] = children[j], children[i]
			i++
		}
	}
}

// keepChild copies c into its share of the room when left children wait, itself included; false if it doesn't fit.
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

// fairObject copies children, and says how many of them, and of the hidden others, are missing.
func (k *keeper) fairObject(children []child, hidden int) any {
	k.room -= len("{}") + moreBytes
	if k.room < 0 {
		k.room += len("{}") + moreBytes
		return k.short("…")
	}
	order(children)
	out := make(map[string]any, min(len(children), listCap))
	misses := 0
	for i := range children {
		c := &children[i]
		start := k.mark()
		key := k.key(out, c.key)
		v, ok := k.keepChild(c, len(children)-i)
		if !ok {
			k.undo(start)
			hidden++
			if misses++; misses >= maxMisses {
				hidden += len(children) - i - 1
				break
			}
			continue
		}
		misses = 0
		out[key] = v
	}
	if hidden == 0 {
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
	n := min(rv.Len(), max(k.room, 0)/minEntryBytes+1)
	hidden += rv.Len() - n
	children := make([]child, 0, n)
	// A map that was cut before says so: that goes into what is said now.
	before := 0
	if m, ok := anyMap(rv); ok {
		if s, ok := m[markerKey].(string); ok {
			if before, ok = parseMore(s, "", moreKeysClose); ok {
				hidden += before - max(0, 1-hidden)
				n = min(n, rv.Len()-1)
			}
		}
	}
	for it := rv.MapRange(); len(children) < n && it.Next(); {
		key := k.keyText(it.Key())
		if before > 0 && key == markerKey {
			continue
		}
		children = append(children, newChild(key, 0, it.Value()))
	}
	return k.fairObject(children, hidden)
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
	return k.fairObject(children, 0)
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
	children := make([]child, 0, min(n, k.room/minElementBytes+1))
	hidden += n - cap(children)
	for i := range cap(children) {
		children = append(children, newChild("", i, rv.Index(i)))
	}
	misses := maxMisses - 1
	if len(children) <= maxRecord {
		order(children)
		misses = 0
	}
	out := make([]any, 0, min(len(children), listCap))
	places := make([]int, 0, min(len(children), listCap))
	for i := range children {
		start := k.mark()
		k.room--
		v, ok := k.keepChild(&children[i], len(children)-i)
		if !ok {
			k.undo(start)
			hidden++
			if misses++; misses >= maxMisses {
				hidden += len(children) - i - 1
				break
			}
			continue
		}
		out = append(out, v)
		places = append(places, children[i].index)
	}
	if !slices.IsSorted(places) {
		sorted := make([]any, len(out))
		rank := slices.Clone(places)
		slices.Sort(rank)
		for i, p := range places {
			at, _ := slices.BinarySearch(rank, p)
			sorted[at] = out[i]
		}
		out = sorted
	}
	if hidden == 0 {
		k.room += moreBytes
		return out
	}
	return append(out, moreOpen+count(hidden)+moreClose)
}

func anyMap(rv reflect.Value) (m map[string]any, ok bool) {
	if rv.Type() == mapAnyType && rv.CanInterface() {
		m, ok = rv.Interface().(map[string]any)
	}
	return m, ok
}

// textOf returns the string that rv holds, "" for anything else.
func textOf(rv reflect.Value) string {
	for rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	if rv.Kind() == reflect.String {
		return rv.String()
	}
	return ""
}

// weight says how much there is in rv, without looking into it deeply.
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
			if ti.asks || ti.exact { // json.RawMessage and the like
				return 1 + rv.Len()/8
			}
			return 0
		}
		return 1 + rv.Len()
	case reflect.Struct:
		if rv.CanInterface() && infoOf(rv.Type()).exact {
			switch x := rv.Interface().(type) {
			case slog.Value:
				switch x.Kind() {
				case slog.KindGroup:
					return 1 + len(x.Group())
				case slog.KindLogValuer:
					return 1
				case slog.KindAny:
					return weight(reflect.ValueOf(x.Any()), hops+1)
				}
				return 0
			case slog.Attr, reflect.Value:
				return 1
			}
			return 0 // time.Time
		}
		return 1 + len(infoOf(rv.Type()).fields)
	}
	return 0
}
