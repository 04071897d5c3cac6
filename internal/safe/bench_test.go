package safe

import (
	"strings"
	"testing"
)

func BenchmarkValue(b *testing.B) {
	type task struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
		Retries int      `json:"retries"`
		Label   string   `json:"label,omitempty"`
	}
	nested := map[string]any{"a": typical(), "b": []any{typical(), typical()}, "c": []string{"x", "y"}}
	large := map[string]any{"out": strings.Repeat("line of output\n", 20000), "index": 1}
	keys := make(map[int]int, 1_000_000)
	for i := range 1_000_000 {
		keys[i] = i
	}
	for _, bb := range []struct {
		name string
		v    any
	}{
		{"string", "short"},
		{"typical", typical()},
		{"struct", task{"backup", []string{"--full"}, 3, "nightly"}},
		{"nested", nested},
		{"300KBstring", large},
		{"millionKeys", keys},
		{"1GiBSlice", make([]int32, 1<<28)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Value(bb.v, roomy)
			}
		})
	}
}

func BenchmarkFit(b *testing.B) {
	fits := Map(typical(), roomy)
	long := Map(map[string]any{"data": typical(), "out": strings.Repeat("line of output\n", 2000)}, roomy)
	b.Run("fits", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fitContext(fits)
		}
	})
	b.Run("long", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fitContext(long)
		}
	})
}
