package envelope

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzReplaceNULs: the JSON says the same as before, but for its NULs, whatever stands around them.
func FuzzReplaceNULs(f *testing.F) {
	for _, text := range []string{
		"", "\x00", "a\x00\x00b", `\u0000`, `\\u0000`, "\\\x00", "\\\\\x00u0000", "\ufffd\x00é", `"\x00"`,
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		encoded, err := json.Marshal(map[string]string{key: value})
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(replaceNULs(encoded), &got); err != nil {
			t.Fatal(err)
		}
		clean := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�") }
		// encoding/json replaces each invalid byte, strings.ToValidUTF8 each run of them.
		runs := func(s string) string {
			for strings.Contains(s, "��") {
				s = strings.ReplaceAll(s, "��", "�")
			}
			return s
		}
		for k, v := range got {
			if runs(k) != runs(clean(key)) || runs(v) != runs(clean(value)) {
				t.Errorf("%q: %q became %q: %q", key, value, k, v)
			}
		}
	})
}
