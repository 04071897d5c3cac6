// Package safe makes any Go value safe to keep and to encode as JSON.
//
// [Value] copies what it is given into a small set of kinds:
//
//	nil, bool, string (valid UTF-8), int64, uint64, float64 (finite), []any, map[string]any
//
// and nothing else. The copy shares no memory with the caller's value except immutable strings. It has no cycle, is at
// most ten levels deep and takes about as many bytes of JSON as the caller allows. What doesn't fit is cut, longest
// strings first, and replaced by a marker. What JSON can't express becomes a readable stand-in such as "<chan int>" or
// "NaN".
//
// At every level, a value's methods decide how it is read, in this order:
//
//   - [log/slog.LogValuer], first, because it is how a type hides its secrets
//   - error: its message, which a reader looks for even if the error has a JSON form
//   - [encoding/json.Marshaler] and [encoding.TextMarshaler], the form that the type chose for data
//   - [fmt.Stringer], the form that the type chose for people
//
// Without any of these, it is read by its fields under their JSON names. Methods with a pointer receiver count for
// values too. A method that panics costs only its own value.
//
// Values must not be written to while they are read. If Go can recover from that, a stand-in takes the value's place.
// But a concurrent write to a map ends the process (the runtime's "concurrent map iteration and map write"), and a
// method that never returns isn't interrupted.
package safe

import (
	"reflect"
	"runtime/debug"
	"sync"
)

const (
	// maxLevels limits the nesting of containers. Relay keeps 7 levels of a context. The rest is for places that Relay
	// doesn't cut (span data), and small enough that a linked structure doesn't fill the event.
	maxLevels = 10

	// maxPointers limits chains of pointers and of LogValuers.
	maxPointers = 32

	// maxKeyBytes limits a map's key; a longer one is cut.
	maxKeyBytes = 200

	// shortBytes is the length in JSON up to which a string is never cut. Longer strings share the room, and keep at
	// least this length.
	shortBytes = 64

	// minBytes is the least room that Value works with: one cut string or a marker.
	minBytes = 2*shortBytes + 32
)

// Value returns a copy of v that consists only of the kinds named in the package comment and takes about max bytes of
// JSON or less. Its cost depends on what is kept, not on the size of v: of a 1 GiB slice it reads only the first
// elements. Of a map that is too large, it keeps arbitrary keys.
//
// Value is safe for concurrent use, keeps no reference to mutable parts of v and never panics.
func Value(v any, max int) any {
	switch v.(type) {
	case nil, bool, int64, uint64:
		return v
	}
	return keep(v, max, maxLevels, false)
}

// Map is Value for a map. It returns nil for nil, otherwise a new map. In a small map an int may stay an int. Map keeps
// no reference to m, so a literal that a caller passes needs no allocation.
func Map(m map[string]any, max int) map[string]any {
	if m == nil {
		return nil
	}
	if len(m) > maxSorted && len(m) > max/minEntryBytes {
		return keepMap(part(m, maxSorted), max, maxLevels, false)
	}
	simple := len(m) <= maxSimple && len(m)*SimpleBytes <= max
	out := make(map[string]any, len(m))
	for key, v := range m {
		simple = simple && isSimpleText(key) && isSimple(v)
		out[key] = v
	}
	if simple {
		return out
	}
	return keepMap(out, max, maxLevels, false)
}

// part returns n entries of m, which has more, with the marker of a cut map for the others.
func part(m map[string]any, n int) map[string]any {
	out, hidden := make(map[string]any, n+1), len(m)-n
	if s, ok := m[markerKey].(string); ok {
		if before, ok := parseMore(s, "", moreKeysClose); ok {
			hidden += before - 1
		}
	}
	for key, v := range m {
		if len(out) == n {
			break
		}
		if key != markerKey {
			out[key] = v
		}
	}
	out[markerKey] = count(hidden) + moreKeysClose
	return out
}

const (
	// maxSimple is how many entries a simple map has at most: a keeper would change nothing in it but make each int an
	// int64. Most breadcrumbs have such data.
	maxSimple = 8
	// maxSimpleText limits keys and strings of a simple map, in bytes.
	maxSimpleText = 64
	// SimpleBytes is an upper bound for the JSON of one entry of a simple map.
	SimpleBytes = 2*2*maxSimpleText + 8
)

// IsSimple reports whether Map would keep an entry as it is in a map of a few, all of which are simple: it is
// immutable, and takes at most SimpleBytes.
func IsSimple(key string, v any) bool { return isSimpleText(key) && isSimple(v) }

func isSimple(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case int:
		return v <= 1<<53 && v >= -1<<53
	case string:
		return isSimpleText(v)
	}
	return false
}

// isSimpleText reports whether s is short, printable ASCII.
func isSimpleText(s string) bool {
	if len(s) > maxSimpleText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// A keeper copies one value.
//
// Strings are immutable, so holding a long one costs no more than a short one. The keeper first copies the structure,
// and counts a long string like a short one. At the end it divides the remaining room among the long strings. If the
// structure alone is too large, it copies again, fairly: each container gets its share of the room, small ones first,
// so that one giant doesn't displace everything else.
type keeper struct {
	max      int
	levels   int  // how deep containers may nest
	deepText bool // containers below levels become JSON text; for values that are already safe

	fair     bool
	over     bool // the structure doesn't fit; only set while !fair
	room     int  // bytes of JSON left
	copyRoom int  // bytes left for copying byte slices and parsing JSON
	level    int  // current level of containers
	resolved reflect.Type
	hops     int // nested LogValuers so far

	path  []visit // the pointers, maps and slices around the current value
	longs []string

	pathArray [16]visit
	longArray [8]string
}

type visit struct {
	p uintptr // for comparison only
	n int
	t reflect.Type
}

var keepers = sync.Pool{New: func() any { return new(keeper) }}

// keep copies v with a keeper from the pool.
func keep(v any, max, levels int, deepText bool) any {
	k := keepers.Get().(*keeper)
	k.max, k.levels, k.deepText = max, levels, deepText
	out := k.keep(v)
	k.resolved = nil
	clear(k.longArray[:])
	clear(k.pathArray[:])
	k.longs, k.path = nil, nil
	keepers.Put(k)
	return out
}

func keepMap(m map[string]any, max, levels int, deepText bool) map[string]any {
	out := keep(m, max, levels, deepText)
	if out, ok := out.(map[string]any); ok {
		return out
	}
	return map[string]any{markerKey: out}
}

func (k *keeper) reset(fair bool) {
	k.fair, k.over = fair, false
	k.room, k.copyRoom = k.max, 4*k.max
	k.level, k.hops, k.resolved = 0, 0, nil
	k.path, k.longs = k.pathArray[:0], k.longArray[:0]
}

// keep runs the keeper on v. It recovers last: a panic that is recovered closer to its cause costs less.
func (k *keeper) keep(v any) (out any) {
	k.max = max(k.max, minBytes)
	// Memory that was unmapped meanwhile, or an interface torn by a concurrent write, must cause a panic that can be
	// recovered instead of ending the process.
	old := debug.SetPanicOnFault(true)
	defer func() {
		if r := recover(); r != nil {
			out = unreadable(r)
		}
		debug.SetPanicOnFault(old)
	}()
	k.reset(false)
	out = k.value(v)
	if k.over || k.room < 0 {
		k.reset(true)
		out = k.value(v)
	}
	return k.finish(out)
}

// enter starts a container at p (0 if it can't contain itself). It returns false for a container that is around the
// current value, or too deep. Then refused is its stand-in.
func (k *keeper) enter(p uintptr, n int, t reflect.Type) bool {
	if k.level >= k.levels || k.inside(p, n, t) {
		return false
	}
	k.level++
	k.path = append(k.path, visit{p, n, t})
	return true
}

func (k *keeper) refused(p uintptr, n int, t reflect.Type, rv reflect.Value) any {
	if k.inside(p, n, t) {
		return k.short("<cycle>")
	}
	return k.deep(rv)
}

func (k *keeper) leave() {
	k.level--
	k.path = k.path[:len(k.path)-1]
}

func (k *keeper) inside(p uintptr, n int, t reflect.Type) bool {
	if p == 0 {
		return false
	}
	for i := range k.path {
		if v := &k.path[i]; v.p == p && v.n == n && v.t == t {
			return true
		}
	}
	return false
}

// A mark is a state to return to.
type mark struct{ room, longs, level, path, hops int }

func (k *keeper) mark() mark {
	return mark{k.room, len(k.longs), k.level, len(k.path), k.hops}
}

func (k *keeper) undo(m mark) {
	k.room, k.level, k.hops = m.room, m.level, m.hops
	k.longs, k.path = k.longs[:m.longs], k.path[:m.path]
}
