// Package safe makes any Go value safe to keep and to encode as JSON.
//
// [Value] copies what it is given into a small set of kinds:
//
//	nil, bool, string (valid UTF-8), int64, uint64, float64 (finite), []any, map[string]any
//
// and nothing else. The copy holds no memory of the caller's but immutable strings, has no cycle, is at most ten levels
// deep and takes about as many bytes of JSON as the caller allows. What does not fit is cut and says so, the longest
// strings first; what JSON cannot say becomes a readable stand-in such as "<chan int>" or "NaN".
//
// At every level a value is asked how it wants to be read, in this order:
//
//   - [log/slog.LogValuer], before all others, because it is how a type hides its secrets
//   - error: its message, which is what a reader looks for even in an error that has a JSON form
//   - [encoding/json.Marshaler] and [encoding.TextMarshaler], the form that the type chose for data
//   - [fmt.Stringer], the form that the type chose for people
//
// and by its fields under their JSON names if it does not say. Methods with a pointer receiver count for values too.
// A method that panics costs its own value only.
//
// Values must not be written to while they are read. Where Go allows to recover from that at all, a stand-in
// takes the value's place; a map that is written to at the same time ends the process (the runtime's "concurrent map
// iteration and map write"), and a method that never returns is not interrupted.
package safe

import (
	"reflect"
	"runtime/debug"
	"sync"
)

const (
	// maxLevels is how deep containers may nest. Relay keeps 7 levels of a context; the rest is for the places that
	// are not cut (span data), and small enough that a linked structure does not become the whole event.
	maxLevels = 10

	// maxPointers ends chains of pointers and of LogValuers that lead to no value.
	maxPointers = 32

	// maxKeyBytes is the longest key of a map, before it is cut.
	maxKeyBytes = 200

	// shortBytes is the length in JSON up to which a string is never cut: longer ones are cut to share what room there
	// is, and to at least this length.
	shortBytes = 64

	// minBytes is the least room that Value works with: enough for one cut string or a marker.
	minBytes = 2*shortBytes + 32
)

// Value returns a copy of v that consists of the kinds named in the package comment alone, and takes about max bytes of
// JSON or less. Its cost follows what is kept, not what is passed in: of a slice of 1 GiB only the first elements are
// looked at. Of a map that is too large to be kept, which keys are kept is not determined.
//
// Value is for concurrent use, keeps nothing of v and never panics.
func Value(v any, max int) any {
	switch v.(type) {
	case nil, bool, int64, uint64:
		return v
	}
	return keep(v, max, maxLevels, false)
}

// Map is Value for a map: nil for nil, a map of its own otherwise. In a small map an int may stay one. Nothing keeps m,
// so that a caller's literal is no allocation.
func Map(m map[string]any, max int) map[string]any {
	if m == nil {
		return nil
	}
	if len(m) > maxSorted && len(m) > max/minEntryBytes {
		return keepMap(part(m, maxSorted), max, maxLevels, false)
	}
	simple := len(m) <= maxSimple && len(m)*simpleBytes <= max
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

// part returns n entries of m, which has more, and says how many are left out as a map that was cut does.
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
	// maxSimpleText is the longest key and string of a simple map, in bytes.
	maxSimpleText = 64
	// simpleBytes is more than the JSON of an entry of a simple map takes.
	simpleBytes = 2*2*maxSimpleText + 8
)

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

// isSimpleText says whether s is short, printable ASCII.
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
// Strings are immutable, so holding one costs the same whatever its length. The keeper therefore first copies the
// structure, in which a long string takes the room of a short one, and shares out what room is left among the long
// strings at the end. Only if the structure by itself is too large is it copied again, fairly: then each container is
// given its share of the room, small ones first, so that one giant does not push everything else out.
type keeper struct {
	max      int
	levels   int  // how deep containers may nest
	deepText bool // containers below levels become JSON text; for values that are safe already

	fair     bool
	over     bool // the structure does not fit; set only while !fair
	room     int  // bytes of JSON that are left
	copyRoom int  // bytes that may still be copied from byte slices and parsed as JSON
	level    int  // of containers
	resolved reflect.Type
	hops     int // nested LogValuers that were followed

	path  []visit // the pointers, maps and slices we are in
	longs []string

	pathArray [16]visit
	longArray [8]string
}

type visit struct {
	p uintptr // compared, never followed
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

// keep runs the keeper on v. It is the last to recover: closer to its cause a panic costs less.
func (k *keeper) keep(v any) (out any) {
	k.max = max(k.max, minBytes)
	// Memory that has been unmapped under us, or an interface torn by a concurrent write, is to end as a panic that we
	// can recover from instead of ending the process.
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

// enter begins a container that lies at p (0 for what can't hold itself). It returns false when the container is one
// we are in already or lies too deep: then refused is its stand-in.
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

// A mark is a state to go back to.
type mark struct{ room, longs, level, path, hops int }

func (k *keeper) mark() mark {
	return mark{k.room, len(k.longs), k.level, len(k.path), k.hops}
}

func (k *keeper) undo(m mark) {
	k.room, k.level, k.hops = m.room, m.level, m.hops
	k.longs, k.path = k.longs[:m.longs], k.path[:m.path]
}
