package settings

import (
	"strings"
	"testing"
)

func TestEnvironmentOfPath(t *testing.T) {
	for path, want := range map[string]string{
		"/work/target/debug/runner":           "development",
		`C:\work\target\release\runner.exe`:   "production",
		`C:\Work\Target\Release\deps\run.exe`: "production",
		"/opt/app/dist/runner":                "production",
		`D:\DIST/runner.exe`:                  "production",
		"/home/x/distribution/runner":         "development",
		"/home/x/target/runner":               "development",
		"/home/release/runner":                "development",
		"/dist":                               "development", // the file itself
		"/x/dist/target/debug/runner":         "development",
		"":                                    "development",
	} {
		if got := environmentOfPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestCheckEnvironment(t *testing.T) {
	for name, ok := range map[string]bool{
		"production": true, "None": false, "none": false, "nonesuch": true, "a b": false, "a\nb": false, "a/b": false,
		"a\fb": false, "a\x00b": false, "a\x1b[0m": false, "\xff": false, "ä-1": true,
		strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
	} {
		if err := CheckEnvironment(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCheckRelease(t *testing.T) {
	for name, ok := range map[string]bool{
		"svc@1.2.3": true, "größe 1": true, "": false, ".": false, "..": false, "latest": false, "Latest": false,
		"latest@1": true, "a/b": false, `a\b`: false, " a": false, "a\tb": false, "r\x00@1": true,
		strings.Repeat("x", 200): true, strings.Repeat("x", 201): false,
	} {
		if err := CheckRelease(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
