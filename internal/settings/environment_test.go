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
		"production": true, "None": false, "none": true, "a b": false, "a\nb": false, "a/b": false, "ä-1": true,
		strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
	} {
		if err := CheckEnvironment(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
