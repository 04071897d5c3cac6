package safe

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
)

// ask uses a method by which a value describes itself. It returns false without such a method, or when it may not be
// called.
func (k *keeper) ask(rv reflect.Value, ti *typeInfo) (any, bool) {
	if ti.asksAt {
		if !rv.CanAddr() && ti.locks {
			// Methods would run on a copy, whose lock may be held by a goroutine that can't release it.
			if ti.hides {
				return k.short("<" + typeName(rv.Type()) + ">"), true
			}
			return nil, false
		}
		rv = addressable(rv)
	}
	v, t := rv.Interface(), rv.Type()
	if x, ok := v.(slog.LogValuer); ok {
		return k.logValuer(x, t), true
	}
	if x, ok := v.(error); ok {
		s, fault := call(t, "Error", func() (string, error) { return x.Error(), nil })
		return k.text(s+fault, nil), true
	}
	var fault string
	if x, ok := v.(json.Marshaler); ok {
		var b []byte
		if b, fault = call(t, "MarshalJSON", x.MarshalJSON); fault == "" {
			return k.json(b), true
		}
	}
	if x, ok := v.(encoding.TextMarshaler); ok {
		b, f := call(t, "MarshalText", x.MarshalText)
		if f == "" {
			return k.text(string(b), nil), true
		}
		fault = f
	}
	if x, ok := v.(fmt.Stringer); ok {
		s, f := call(t, "String", func() (string, error) { return x.String(), nil })
		if f == "" {
			return k.text(s, nil), true
		}
		fault = f
	}
	if fault != "" {
		return k.text(fault, nil), true
	}
	return nil, false
}

// call runs a method of the caller's code. If it fails or panics, fault is the stand-in for the value.
func call[T any](t reflect.Type, method string, f func() (T, error)) (v T, fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = "<panic in " + typeName(t) + "." + method + ": " + panicText(r) + ">"
		}
	}()
	v, err := f()
	if err != nil {
		return v, "<error in " + typeName(t) + "." + method + ": " + panicText(err) + ">"
	}
	return v, ""
}

// logValuer resolves x and copies the result.
func (k *keeper) logValuer(x slog.LogValuer, t reflect.Type) any {
	for range maxPointers {
		v, fault := call(t, "LogValue", func() (slog.Value, error) { return x.LogValue(), nil })
		if fault != "" {
			return k.text(fault, nil)
		}
		if v.Kind() == slog.KindLogValuer {
			if x = v.LogValuer(); x == nil || isNilPointer(x) {
				return k.value(nil)
			}
			t = reflect.TypeOf(x)
			continue
		}
		if k.hops >= maxPointers {
			break
		}
		k.hops++
		if v.Kind() == slog.KindAny {
			// slog ignores a LogValue method that needs a pointer when it has only the value. So LogValue may return
			// its own receiver's pointer or value.
			if t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			k.resolved = t
		}
		out := k.logValue(v)
		k.resolved = nil
		k.hops--
		return out
	}
	return k.short("<" + typeName(t) + ".LogValue leads to itself>")
}

func isNilPointer(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}

func (k *keeper) logValue(v slog.Value) any {
	switch v.Kind() {
	case slog.KindBool:
		return k.value(v.Bool())
	case slog.KindDuration:
		return k.value(v.Duration())
	case slog.KindFloat64:
		return k.float(v.Float64(), nil)
	case slog.KindInt64:
		return k.int(v.Int64(), nil)
	case slog.KindUint64:
		return k.uint(v.Uint64(), nil)
	case slog.KindString:
		return k.text(v.String(), nil)
	case slog.KindTime:
		return k.value(v.Time())
	case slog.KindGroup:
		return k.attrs(v.Group())
	case slog.KindLogValuer:
		x := v.LogValuer()
		if isNilPointer(x) {
			return k.value(nil)
		}
		return k.logValuer(x, reflect.TypeOf(x))
	}
	return k.value(v.Any())
}

// attrs copies attributes as a map. As in slog, a group without a name belongs to the group around it, and the last
// attribute of a name wins.
func (k *keeper) attrs(attrs []slog.Attr) any {
	if !k.enter(0, 0, nil) {
		return k.refused(0, 0, nil, reflect.ValueOf(attrs))
	}
	defer k.leave()
	all := len(attrs)
	if !k.fair {
		if !k.begin(all, minEntryBytes) {
			return nil
		}
	} else if n := max(k.room, 0)/minEntryBytes + 1; all > n {
		attrs = attrs[:n]
	}
	flat := make(map[string]any, len(attrs))
	flatten(flat, attrs, k.levels)
	if k.fair {
		return k.fairMap(reflect.ValueOf(flat), all-len(attrs))
	}
	return k.entries(flat)
}

func flatten(out map[string]any, attrs []slog.Attr, levels int) {
	for _, a := range attrs {
		if a.Equal(slog.Attr{}) {
			continue
		}
		if a.Key == "" && a.Value.Kind() == slog.KindGroup && levels > 0 {
			flatten(out, a.Value.Group(), levels-1)
			continue
		}
		out[a.Key] = a.Value
	}
}
