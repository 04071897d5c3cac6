package safe

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"time"
)

var (
	mapAnyType  = reflect.TypeFor[map[string]any]()
	listAnyType = reflect.TypeFor[[]any]()
)

// value copies v. It names the types that need no reflection, and those whose methods don't return what a reader
// expects.
func (k *keeper) value(v any) any {
	switch x := v.(type) {
	case nil:
		k.room -= len("null")
		return nil
	case string:
		return k.text(x, v)
	case bool:
		k.room -= len("false")
		return v
	case int:
		return k.int(int64(x), nil)
	case int64:
		return k.int(x, v)
	case int32:
		return k.int(int64(x), nil)
	case uint64:
		return k.uint(x, v)
	case uint32:
		return k.uint(uint64(x), nil)
	case float64:
		return k.float(x, v)
	case float32:
		return k.float32(x)
	case map[string]any:
		return k.mapAny(x)
	case []any:
		return k.listAny(x)
	case map[string]string:
		return k.mapString(x)
	case []string:
		return k.listString(x)
	case time.Time:
		return k.text(x.Format(time.RFC3339Nano), nil)
	case time.Duration:
		return k.short(x.String())
	case []byte:
		return k.bytes(x)
	case json.RawMessage:
		return k.json(x)
	case json.Number:
		return k.number(string(x))
	case url.Userinfo:
		return k.userinfo(&x)
	case slog.Value:
		return k.logValue(x)
	case slog.Attr:
		return k.attrs([]slog.Attr{x})
	case []slog.Attr:
		if x == nil {
			return k.value(nil)
		}
		return k.attrs(x)
	case reflect.Value:
		return k.reflect(x)
	}
	return k.reflect(reflect.ValueOf(v))
}

// userinfo keeps only the user: u's String contains the password, and nothing marks it as one.
func (k *keeper) userinfo(u *url.Userinfo) any {
	if _, set := u.Password(); set {
		return k.text(u.Username()+":xxxxx", nil) // as url.URL.Redacted
	}
	return k.text(u.Username(), nil)
}

// exact lists the types that value handles and that reflect would copy differently, or more slowly.
var exact = map[reflect.Type]bool{
	mapAnyType:                           true,
	listAnyType:                          true,
	reflect.TypeFor[map[string]string](): true,
	reflect.TypeFor[[]string]():          true,
	reflect.TypeFor[time.Time]():         true,
	reflect.TypeFor[time.Duration]():     true,
	reflect.TypeFor[json.RawMessage]():   true,
	reflect.TypeFor[json.Number]():       true,
	reflect.TypeFor[url.Userinfo]():      true,
	reflect.TypeFor[slog.Value]():        true,
	reflect.TypeFor[slog.Attr]():         true,
	reflect.TypeFor[[]slog.Attr]():       true,
	reflect.TypeFor[reflect.Value]():     true,
}

func (k *keeper) int(n int64, boxed any) any {
	k.room -= intLen(n)
	if boxed != nil {
		return boxed
	}
	return n
}

func (k *keeper) uint(n uint64, boxed any) any {
	k.room -= uintLen(n)
	if boxed != nil {
		return boxed
	}
	return n
}

// Relay reads an integer literal from 2^64 on as 0, and encoding/json writes floats without an exponent up to 1e21.
const (
	minMisread = 1 << 64
	maxMisread = 1e21
)

func (k *keeper) float(f float64, boxed any) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return k.short(strconv.FormatFloat(f, 'g', -1, 64))
	}
	if f >= minMisread && f < maxMisread {
		return k.short(strconv.FormatFloat(f, 'e', -1, 64))
	}
	k.room -= floatLen(f)
	if boxed != nil {
		return boxed
	}
	return f
}

// float32 keeps the digits that the number has as a float32: 0.1, not 0.10000000149011612.
func (k *keeper) float32(f float32) any {
	var buf [32]byte
	d, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], float64(f), 'g', -1, 32)), 64)
	if err != nil {
		d = float64(f)
	}
	return k.float(d, nil)
}

// number keeps a number's text as a number if JSON has one for it.
func (k *keeper) number(s string) any {
	switch x := parseNumber(s).(type) {
	case int64:
		return k.int(x, nil)
	case uint64:
		return k.uint(x, nil)
	case float64:
		return k.float(x, nil)
	}
	return k.text(s, nil)
}

// parseNumber returns an int64, uint64 or finite float64, or nil.
func parseNumber(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	return nil
}

func (k *keeper) mapAny(m map[string]any) any {
	if m == nil {
		return k.value(nil)
	}
	p := reflect.ValueOf(m).Pointer()
	if !k.enter(p, 0, mapAnyType) {
		return k.refused(p, 0, mapAnyType, reflect.ValueOf(m))
	}
	defer k.leave()
	if k.fair {
		return k.fairMap(reflect.ValueOf(m), 0)
	}
	if !k.begin(len(m), minEntryBytes) {
		return nil
	}
	return k.entries(m)
}

// entries copies m, which has room to begin with: nil once it is full.
func (k *keeper) entries(m map[string]any) any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		key = k.key(out, key)
		out[key] = k.value(v)
		if k.full() {
			return nil
		}
	}
	return out
}

func (k *keeper) mapString(m map[string]string) any {
	if m == nil {
		return k.value(nil)
	}
	if !k.enter(0, 0, nil) {
		return k.refused(0, 0, nil, reflect.ValueOf(m))
	}
	defer k.leave()
	if k.fair {
		return k.fairMap(reflect.ValueOf(m), 0)
	}
	if !k.begin(len(m), minEntryBytes) {
		return nil
	}
	out := make(map[string]any, len(m))
	for key, v := range m {
		key = k.key(out, key)
		out[key] = k.text(v, nil)
		if k.full() {
			return nil
		}
	}
	return out
}

func (k *keeper) listAny(s []any) any {
	if s == nil {
		return k.value(nil)
	}
	var p uintptr
	if len(s) > 0 {
		p = reflect.ValueOf(&s[0]).Pointer()
	}
	if !k.enter(p, len(s), listAnyType) {
		return k.refused(p, len(s), listAnyType, reflect.ValueOf(s))
	}
	defer k.leave()
	if k.fair {
		return k.fairList(reflect.ValueOf(s))
	}
	if !k.begin(len(s), minElementBytes) {
		return nil
	}
	out := make([]any, 0, min(len(s), listCap))
	for _, v := range s {
		k.room--
		out = append(out, k.value(v))
		if k.full() {
			return nil
		}
	}
	return out
}

func (k *keeper) listString(s []string) any {
	if s == nil {
		return k.value(nil)
	}
	if !k.enter(0, 0, nil) {
		return k.refused(0, 0, nil, reflect.ValueOf(s))
	}
	defer k.leave()
	if k.fair {
		return k.fairList(reflect.ValueOf(s))
	}
	if !k.begin(len(s), minElementBytes) {
		return nil
	}
	out := make([]any, 0, min(len(s), listCap))
	for _, v := range s {
		k.room--
		out = append(out, k.text(v, nil))
		if k.full() {
			return nil
		}
	}
	return out
}

const (
	minEntryBytes   = len(`"":0,`)
	minElementBytes = len(`0,`)

	// listCap limits what is allocated for a list before it is known to fit.
	listCap = 1024
)

// begin starts a container of n values of at least least bytes each, and reports whether it may fit at all.
func (k *keeper) begin(n, least int) bool {
	k.room -= len("{}")
	if k.room < 0 || n > k.room/least {
		k.over = true
		return false
	}
	return true
}

// full reports whether to give up the first, unfair attempt.
func (k *keeper) full() bool {
	if k.room < 0 {
		k.over = true
	}
	return k.over
}

// slicePointer identifies a slice, together with its length; 0 for an empty one, which can't contain itself.
func slicePointer(rv reflect.Value) uintptr {
	if rv.Len() == 0 {
		return 0
	}
	return rv.Pointer()
}

func intLen(n int64) int {
	if n < 0 {
		return 1 + uintLen(-uint64(n))
	}
	return uintLen(uint64(n))
}

func uintLen(n uint64) int {
	l := 1
	for n >= 10 {
		n /= 10
		l++
	}
	return l
}

// floatLen returns the length of f as Relay counts it: without an exponent, up to 327 characters. It is never less than
// what encoding/json writes.
func floatLen(f float64) int {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return intLen(int64(f)) + 1
	}
	var buf [32]byte
	return len(strconv.AppendFloat(buf[:0], f, 'f', -1, 64))
}
