package safe

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendJSON appends v as JSON to b, as encoding/json writes it, with sorted keys and without the escapes for HTML. For
// values that Value returned it is several times as fast. It passes other values to encoding/json.
func AppendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return AppendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float64:
		// Other numbers need an exponent, whose form encoding/json defines.
		if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
			return strconv.AppendFloat(b, v, 'f', -1, 64), nil
		}
	case map[string]any:
		return appendMap(b, v)
	case map[string]map[string]any:
		return appendMap(b, v)
	case []any:
		return appendList(b, v)
	case map[string]string:
		return appendMap(b, v)
	case []string:
		return appendList(b, v)
	}
	encoded, err := json.Marshal(v)
	return append(b, encoded...), err
}

func appendMap[V any](b []byte, m map[string]V) ([]byte, error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	var room [12]member[V] // enough for most maps
	members := room[:0]
	for key, v := range m {
		members = append(members, member[V]{key, v})
	}
	slices.SortFunc(members, func(x, y member[V]) int { return strings.Compare(x.key, y.key) })
	b = append(b, '{')
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, members[i].key), ':')
		var err error
		if b, err = appendElement(b, members[i].value); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// A member is an entry of a map.
type member[V any] struct {
	key   string
	value V
}

func appendList[V any](b []byte, list []V) ([]byte, error) {
	if list == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendElement(b, v); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendElement is AppendJSON without the allocation for a string as an any.
func appendElement[V any](b []byte, v V) ([]byte, error) {
	if t, ok := any(v).(string); ok {
		return AppendString(b, t), nil
	}
	return AppendJSON(b, v)
}

// AppendString appends s as a JSON string to b, as AppendJSON does.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	if verbatim(s) {
		return append(append(b, s...), '"')
	}
	const hex = "0123456789abcdef"
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		case c == '"', c == '\\':
			b = append(append(b, s[from:i]...), '\\', c)
		case c >= '\b' && c <= '\r' && c != '\v':
			b = append(append(b, s[from:i]...), '\\', "btn.fr"[c-'\b'])
		case c < ' ':
			b = append(append(b, s[from:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			i++
			continue
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// verbatim reports whether s is all of characters that JSON writes as they are, as most texts are. It may say false of
// one that is.
func verbatim(s string) bool {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		if !plain(s[i : i+8]) {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c-' ' >= utf8.RuneSelf-' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
