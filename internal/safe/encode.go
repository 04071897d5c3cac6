package safe

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends v as JSON to b: what encoding/json makes of it, with the keys of maps in order, but for HTML's
// characters, which stand for themselves. It is several times as fast for values that Value returned, and leaves others
// to encoding/json.
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
		// Numbers of other sizes are written with an exponent, whose form is encoding/json's own.
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
	var room [16]string // for most maps
	keys := room[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, key), ':')
		var err error
		if b, err = appendElement(b, m[key]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
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

// appendElement is AppendJSON, but for texts, which as values of type any would have to be allocated.
func appendElement[V any](b []byte, v V) ([]byte, error) {
	if t, ok := any(v).(string); ok {
		return AppendString(b, t), nil
	}
	return AppendJSON(b, v)
}

// AppendString appends s as JSON to b, as AppendJSON does.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
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
