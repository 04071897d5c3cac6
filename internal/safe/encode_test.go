package safe

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

// sameJSON reports whether got says what encoding/json says of v, key for key in the same order. Only characters may be
// escaped in another way.
func sameJSON(t *testing.T, got []byte, v any) bool {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	a, b := json.NewDecoder(bytes.NewReader(got)), json.NewDecoder(bytes.NewReader(want))
	a.UseNumber()
	b.UseNumber()
	for {
		x, errA := a.Token()
		y, errB := b.Token()
		if x != y || errA != errB {
			return false
		}
		if errA == io.EOF {
			return true
		}
	}
}

func TestAppendJSON(t *testing.T) {
	many := map[string]any{}
	for i := range 100 {
		many[strings.Repeat("k", i)] = i
	}
	for name, v := range map[string]any{
		"null": nil, "true": true, "false": false, "text": "a", "empty text": "", "int": -42, "int64": int64(math.MinInt64),
		"uint64": uint64(math.MaxUint64), "zero": 0.0, "negative zero": math.Copysign(0, -1), "fraction": 1.25, "tenth": 0.1, "small": 1e-6, "smaller": 9.9e-7,
		"smallest": math.SmallestNonzeroFloat64, "large": 9.9e20, "larger": 1e21, "largest": -math.MaxFloat64,
		"quotes": `a"b\c`, "control": "a\nb\tc\r\v\f\b\x00\x1f\x7f", "HTML": "<a href='x'>&amp;</a>", "other alphabets": "äöü 日本 🙂\u2028\u2029", "invalid": "a\xff\xc3b\xc3\xa4\xe2\x82",
		"map": map[string]any{"b": 1, "a": []any{1.5, "x", nil, map[string]any{}}, `"`: true}, "list": []any{}, "many keys": many,
		"map of maps": map[string]map[string]any{"b": {"x": 1}, "a": nil, "c": {}},
		"nil map":     map[string]any(nil), "nil list": []any(nil),
		"of other types": map[string]any{"s": []string{"a"}, "i": int8(1), "n": json.Number("12"), "m": map[string]string{"a": "b"}, "raw": json.RawMessage(`{"x":1}`)},
	} {
		got, err := AppendJSON([]byte(" "), v)
		if err != nil || got[0] != ' ' || !json.Valid(got) || !sameJSON(t, got, v) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for name, v := range map[string]any{"NaN": math.NaN(), "infinity in a map": map[string]any{"a": math.Inf(1)},
		"channel in a list": []any{make(chan int)}} {
		if got, err := AppendJSON(nil, v); err == nil {
			t.Errorf("%s: %s, want an error", name, got)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("a\"\\\n\xff\u2028", 1.5, int64(3))
	f.Fuzz(func(t *testing.T, s string, n float64, i int64) {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			n = 0
		}
		v := map[string]any{s: []any{s, n, i}}
		got, err := AppendJSON(nil, v)
		if err != nil || !json.Valid(got) || !sameJSON(t, got, v) {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	v := map[string]any{"device": "/dev/nvme0n1p2", "fstype": "ext4", "total_gb": 476.94, "used_gb": 120.5,
		"free_gb": 332.1, "percent_used": 26.62,
		"list": []any{"a", "b", 3}, "n": 12}
	b.Run("ours", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = AppendJSON(buf[:0], v)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			_, _ = json.Marshal(v)
		}
	})
}
