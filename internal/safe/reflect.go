package safe

import (
	"reflect"
	"strconv"
	"sync/atomic"
)

// reflect copies rv.
func (k *keeper) reflect(rv reflect.Value) any {
	for rv.Kind() == reflect.Interface {
		if rv.IsNil() {
			return k.value(nil)
		}
		rv = rv.Elem()
	}
	kind := rv.Kind()
	if (kind <= reflect.Float64 || kind == reflect.String) && kind != reflect.Invalid && rv.Type().PkgPath() == "" {
		return k.basic(rv)
	}
	return k.guarded(rv)
}

// basic copies a bool, integer, float or string.
func (k *keeper) basic(rv reflect.Value) any {
	switch {
	case rv.CanInt():
		return k.int(rv.Int(), nil)
	case rv.CanUint():
		return k.uint(rv.Uint(), nil)
	case rv.Kind() == reflect.Bool:
		k.room -= len("false")
		return rv.Bool()
	case rv.Kind() == reflect.Float32:
		return k.float32(float32(rv.Float()))
	case rv.Kind() == reflect.Float64:
		return k.float(rv.Float(), nil)
	}
	return k.text(rv.String(), nil)
}

// guarded copies a value that may have methods or hold other values. A panic costs only this value.
func (k *keeper) guarded(rv reflect.Value) (out any) {
	start := k.mark()
	defer func() {
		if r := recover(); r != nil {
			k.undo(start)
			out = k.short(unreadable(r))
		}
	}()
	resolved := k.resolved
	k.resolved = nil

	switch rv.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		if rv.IsNil() {
			return k.value(nil)
		}
	case reflect.Invalid:
		return k.value(nil)
	}
	t := rv.Type()
	ti := infoOf(t)
	if !rv.CanInterface() && ti.hides {
		return k.short("<" + typeName(t) + ">") // its methods may not be called
	}
	if rv.CanInterface() {
		if v, ok := k.byType(rv, ti, t != resolved); ok {
			return v
		}
	}
	return k.byKind(rv, ti)
}

// byType copies rv if its type has a special meaning, or, with asks, a method by which it describes itself.
func (k *keeper) byType(rv reflect.Value, ti *typeInfo, asks bool) (out any, ok bool) {
	if ti.exact {
		return k.value(rv.Interface()), true
	}
	if ti.atomic {
		if v, ok := loadAtomic(addressable(rv).Interface()); ok {
			return k.value(v), true
		}
	}
	if ti.asks && asks {
		return k.ask(rv, ti)
	}
	return nil, false
}

// byKind copies rv, which isn't nil, by its kind.
func (k *keeper) byKind(rv reflect.Value, ti *typeInfo) any {
	switch rv.Kind() {
	case reflect.Complex64:
		return k.short(strconv.FormatComplex(rv.Complex(), 'g', -1, 64))
	case reflect.Complex128:
		return k.short(strconv.FormatComplex(rv.Complex(), 'g', -1, 128))
	case reflect.Pointer:
		return k.pointer(rv)
	case reflect.Map:
		return k.mapOf(rv)
	case reflect.Slice:
		if ti.bytes {
			return k.bytes(rv.Bytes())
		}
		return k.list(rv, slicePointer(rv))
	case reflect.Array:
		if ti.bytes {
			return k.bytes(addressable(rv).Elem().Bytes())
		}
		return k.list(rv, 0)
	case reflect.Struct:
		return k.structOf(rv, ti)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return k.short("<" + typeName(rv.Type()) + ">")
	}
	return k.basic(rv)
}

// addressable returns a pointer to rv, or to a copy if rv has no address.
func addressable(rv reflect.Value) reflect.Value {
	if rv.CanAddr() {
		return rv.Addr()
	}
	p := reflect.New(rv.Type())
	if rv.CanInterface() {
		p.Elem().Set(rv)
	} else if rv.Kind() == reflect.Array { // of a reflect.Value from an unexported field
		reflect.Copy(p.Elem(), rv)
	}
	return p
}

// typeName returns a type's name, shortened if it is a long literal (func or struct).
func typeName(t reflect.Type) string {
	s := t.String()
	if len(s) > 2*shortBytes {
		s = cut(s, 2*shortBytes)
	}
	return s
}

// loadAtomic reads the types of sync/atomic, which have no other form.
func loadAtomic(p any) (any, bool) {
	switch a := p.(type) {
	case *atomic.Bool:
		return a.Load(), true
	case interface{ Load() int32 }:
		return a.Load(), true
	case interface{ Load() int64 }:
		return a.Load(), true
	case interface{ Load() uint32 }:
		return a.Load(), true
	case interface{ Load() uint64 }:
		return a.Load(), true
	case interface{ Load() uintptr }:
		return a.Load(), true
	case *atomic.Value:
		return a.Load(), true
	}
	return nil, false
}

func (k *keeper) pointer(rv reflect.Value) any {
	p := rv.Pointer()
	if k.inside(p, -1, rv.Type()) {
		return k.short("<cycle>")
	}
	if len(k.path) > maxLevels+maxPointers {
		return k.short("<" + typeName(rv.Type()) + ">")
	}
	k.path = append(k.path, visit{p, -1, rv.Type()})
	out := k.reflect(rv.Elem())
	k.path = k.path[:len(k.path)-1]
	return out
}

func (k *keeper) mapOf(rv reflect.Value) any {
	p, t := rv.Pointer(), rv.Type()
	if !k.enter(p, 0, t) {
		return k.refused(p, 0, t, rv)
	}
	defer k.leave()
	if k.fair {
		return k.fairMap(rv, 0)
	}
	if !k.begin(rv.Len(), minEntryBytes) {
		return nil
	}
	out := make(map[string]any, rv.Len())
	for it := rv.MapRange(); it.Next(); {
		key := k.key(out, k.keyText(it.Key()))
		out[key] = k.reflect(it.Value())
		if k.full() {
			return nil
		}
	}
	return out
}

func (k *keeper) list(rv reflect.Value, p uintptr) any {
	n, t := rv.Len(), rv.Type()
	if !k.enter(p, n, t) {
		return k.refused(p, n, t, rv)
	}
	defer k.leave()
	if k.fair {
		return k.fairList(rv)
	}
	if !k.begin(n, minElementBytes) {
		return nil
	}
	out := make([]any, 0, min(n, listCap))
	for i := range n {
		k.room--
		out = append(out, k.reflect(rv.Index(i)))
		if k.full() {
			return nil
		}
	}
	return out
}

func (k *keeper) structOf(rv reflect.Value, ti *typeInfo) any {
	if !k.enter(0, 0, nil) {
		return k.refused(0, 0, nil, rv)
	}
	defer k.leave()
	if k.fair {
		return k.fairStruct(rv, ti)
	}
	k.room -= len("{}")
	out := make(map[string]any, len(ti.fields))
	for i := range ti.fields {
		f := &ti.fields[i]
		fv, ok := f.get(rv)
		if !ok {
			continue
		}
		key := k.key(out, f.name)
		out[key] = k.field(f, fv)
		if k.full() {
			return nil
		}
	}
	return out
}

// get returns the field of the struct rv, false if it is left out.
func (f *field) get(rv reflect.Value) (reflect.Value, bool) {
	for i, x := range f.index {
		if i > 0 && rv.Kind() == reflect.Pointer {
			if rv.IsNil() {
				return rv, false
			}
			rv = rv.Elem()
		}
		rv = rv.Field(x)
	}
	if f.omitEmpty && isEmpty(rv) || f.omitZero && isZero(rv) {
		return rv, false
	}
	return rv, true
}

func isEmpty(rv reflect.Value) bool {
	switch rv.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return rv.Len() == 0
	case reflect.Struct:
		return false
	}
	return rv.IsZero()
}

// isZero calls the value's IsZero, as encoding/json does. If that panics, the value is kept.
func isZero(rv reflect.Value) (zero bool) {
	defer func() {
		if recover() != nil {
			zero = false
		}
	}()
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface:
		if rv.IsNil() {
			return true
		}
	}
	if rv.CanInterface() {
		if z, ok := rv.Interface().(interface{ IsZero() bool }); ok {
			return z.IsZero()
		}
		if rv.CanAddr() {
			if z, ok := rv.Addr().Interface().(interface{ IsZero() bool }); ok {
				return z.IsZero()
			}
		}
	}
	return rv.IsZero()
}

// field copies a field's value. The option ",string" turns numbers into text.
func (k *keeper) field(f *field, fv reflect.Value) any {
	if !f.quoted {
		return k.reflect(fv)
	}
	start := k.mark()
	switch x := k.reflect(fv).(type) {
	case bool:
		k.undo(start)
		return k.short(strconv.FormatBool(x))
	case int64:
		k.undo(start)
		return k.short(strconv.FormatInt(x, 10))
	case uint64:
		k.undo(start)
		return k.short(strconv.FormatUint(x, 10))
	case float64:
		k.undo(start)
		return k.short(strconv.FormatFloat(x, 'g', -1, 64))
	default:
		return x
	}
}

// keyText returns the text of a map's key.
func (k *keeper) keyText(key reflect.Value) string {
	for key.Kind() == reflect.Interface && !key.IsNil() {
		key = key.Elem()
	}
	if key.Kind() == reflect.String {
		// As in encoding/json, a string key is its own text whatever methods it has, unless it is a LogValuer.
		if key.Type().PkgPath() == "" || !infoOf(key.Type()).hides {
			return key.String()
		}
	}
	switch t := key.Type(); t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32:
		if t.PkgPath() == "" {
			return strconv.FormatInt(key.Int(), 10)
		}
	}
	// Copy the key like any other value, but with room of its own: its size counts when it is stored.
	switch x := keep(key, minBytes+maxKeyBytes, 2, false).(type) {
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	default:
		return jsonText(x)
	}
}
