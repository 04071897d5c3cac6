package safe

import "math"

// Fit returns m itself if its JSON takes at most maxBytes and maxLevels levels. m is level 1, a value in it level 2,
// and the last level may only hold values without others inside. Otherwise Fit returns a copy that fits: the longest
// strings are cut first, and containers below the last level become JSON text, so that short values survive.
//
// That text hides the container's keys, so look for secrets by name before calling Fit. Fit allocates nothing when m
// fits, and never changes m. maxBytes must be at least 160.
func Fit(m map[string]any, maxBytes, maxLevels int) map[string]any {
	if m == nil || fits(m, maxBytes, maxLevels) {
		return m
	}
	for limit := maxBytes; limit >= minBytes; limit -= max(limit/8, 64) {
		// The keeper counts like sizer or a little more, so one round is enough.
		if out := keepMap(m, limit, max(maxLevels-1, 1), true); fits(out, maxBytes, maxLevels) {
			return out
		}
	}
	return map[string]any{markerKey: count(len(m)) + moreKeysClose}
}

func fits(m map[string]any, maxBytes, maxLevels int) bool {
	s := sizer{left: maxBytes, levels: maxLevels - 1}
	return s.size(m) && s.left >= 0
}

// Size returns the length of v as encoding/json writes it, or more for floats, which Relay counts without an exponent.
// v must be a value that Value returned; for others, Size measures what Value would return.
func Size(v any) int {
	s := sizer{left: math.MaxInt, levels: maxSizeLevels, convert: true}
	s.size(v)
	return math.MaxInt - s.left
}

// maxSizeLevels and maxSizeBytes stop Size in a value that contains itself. Value never returns one.
const (
	maxSizeLevels = 100
	maxSizeBytes  = 1 << 26
)

type sizer struct {
	left    int
	levels  int  // levels of containers left
	convert bool // convert other kinds with Value; otherwise they don't fit
}

// size subtracts v's size from what is left. It returns false once v can't fit.
func (s *sizer) size(v any) bool {
	switch x := v.(type) {
	case nil:
		s.left -= len("null")
	case string:
		s.string(x)
	case bool:
		s.left -= len("true")
		if !x {
			s.left--
		}
	case int64:
		s.left -= intLen(x)
	case int:
		s.left -= intLen(int64(x))
	case int32:
		s.left -= intLen(int64(x))
	case uint64:
		s.left -= uintLen(x)
	case uint32:
		s.left -= uintLen(uint64(x))
	case uint:
		s.left -= uintLen(uint64(x))
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) || x >= minMisread && x < maxMisread {
			return s.other(v)
		}
		s.left -= floatLen(x)
	case map[string]any:
		return s.mapAny(x)
	case []any:
		return s.listAny(x)
	case map[string]string:
		return s.mapString(x)
	case []string:
		return s.listString(x)
	default:
		return s.other(v)
	}
	return s.left >= 0
}

func (s *sizer) mapAny(m map[string]any) bool {
	if m == nil {
		return s.size(nil)
	}
	if !s.enter(len(m)) {
		return false
	}
	for key, e := range m {
		s.string(key)
		s.left--
		if !s.size(e) {
			return false
		}
	}
	s.levels++
	return s.left >= 0
}

func (s *sizer) listAny(l []any) bool {
	if l == nil {
		return s.size(nil)
	}
	if !s.enter(len(l)) {
		return false
	}
	for _, e := range l {
		if !s.size(e) {
			return false
		}
	}
	s.levels++
	return s.left >= 0
}

func (s *sizer) mapString(m map[string]string) bool {
	if !s.enter(len(m)) {
		return false
	}
	for key, e := range m {
		s.string(key)
		s.left--
		if s.string(e); s.left < 0 {
			return false
		}
	}
	s.levels++
	return s.left >= 0
}

func (s *sizer) listString(l []string) bool {
	if !s.enter(len(l)) {
		return false
	}
	for _, e := range l {
		if s.string(e); s.left < 0 {
			return false
		}
	}
	s.levels++
	return s.left >= 0
}

func (s *sizer) string(x string) {
	n, valid := jsonLen(x, s.left)
	if s.left -= n + len(`""`); !valid && !s.convert {
		s.left = -1
	}
}

// enter subtracts the brackets and commas of a container of n values.
func (s *sizer) enter(n int) bool {
	s.left -= len("[]") + max(n-1, 0)
	s.levels--
	return s.left >= 0 && s.levels >= 0
}

func (s *sizer) other(v any) bool {
	if !s.convert {
		return false
	}
	return s.size(Value(v, maxSizeBytes))
}
