package safe

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// What a context may take, and the test's name of it.
const (
	contextBytes  = 8000
	contextLevels = 7
)

func fitContext(m map[string]any) map[string]any { return Fit(m, contextBytes, contextLevels) }

func nested(levels int, leaf any) any {
	for range levels {
		leaf = map[string]any{"k": leaf}
	}
	return leaf
}

func TestFitReturnsWhatFits(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]map[string]any{
		"nil":         nil,
		"empty":       {},
		"small":       {"a": 1, "b": []string{"x"}},
		"just small":  {"a": strings.Repeat("x", contextBytes-len(`{"a":""}`))},
		"just 7 deep": {"a": nested(5, 1)},
	} {
		got := fitContext(m)
		if reflect.ValueOf(got).Pointer() != reflect.ValueOf(m).Pointer() {
			t.Errorf("%s: a copy, want the map itself", name)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	list := make([]any, 20000)
	for i := range list {
		list[i] = int64(i)
	}
	wide := map[string]any{}
	for i := range 2000 {
		wide[fmt.Sprintf("key%d", i)] = strings.Repeat("v", 50)
	}
	cyclic := map[string]any{}
	cyclic["a"] = cyclic
	for name, m := range map[string]map[string]any{
		"one byte too long":  {"a": strings.Repeat("x", contextBytes-len(`{"a":""}`)+1), "short": "kept"},
		"long strings":       {"short": "kept", "a": strings.Repeat("x", 9000), "b": strings.Repeat("y", 90000), "c": strings.Repeat("<", 5000)},
		"long list":          {"short": "kept", "a": list},
		"many keys":          {"short": "kept", "a": wide},
		"just 8 deep":        {"short": "kept", "a": nested(6, 1)},
		"empty map at 7":     {"short": "kept", "a": nested(5, map[string]any{})},
		"very deep":          {"short": "kept", "a": nested(500, "leaf")},
		"deep and long":      {"short": "kept", "a": nested(6, strings.Repeat("é\"", 20000)), "b": nested(6, list)},
		"not safe":           {"short": "kept", "a": func() {}, "b": cyclic},
		"all of it together": {"short": "kept", "a": list, "b": wide, "c": nested(50, wide), "d": strings.Repeat("z", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := picture(reflect.ValueOf(m), 6)
			got := fitContext(m)
			check(t, got, contextBytes, contextLevels-1)
			if got["short"] != "kept" {
				t.Errorf("the short value is gone: %.300v", got)
			}
			if picture(reflect.ValueOf(m), 6) != before {
				t.Error("m was changed")
			}
			for _, limits := range [][2]int{{2048, 5}, {minBytes, 1}, {300, 2}, {0, 0}} {
				got := Fit(m, limits[0], limits[1])
				check(t, got, limits[0], max(limits[1]-1, 1))
			}
		})
	}
}

func TestFitShowsDeepValuesAsText(t *testing.T) {
	t.Parallel()
	got := fitContext(map[string]any{"a": nested(5, map[string]any{"deep": []any{int64(1), "<x>"}})})
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":{"k":{"k":{"k":{"k":{"k":"{\"deep\":[1,\"\u003cx\u003e\"]}"}}}}}}`
	if string(b) != want {
		t.Errorf("Fit = %s, want %s", b, want)
	}
}
