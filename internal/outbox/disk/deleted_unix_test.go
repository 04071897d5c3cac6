//go:build unix

package disk

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDeleted: both ways to ask tell a file without a name from one that was renamed, or has another name.
func TestDeleted(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	opened, err := OS().Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	f := opened.(osFile)
	defer func() { _ = f.Close() }()
	check := func(when string, want bool) {
		t.Helper()
		if f.Deleted() != want || f.nameless() != want {
			t.Errorf("%s: deleted %v, nameless %v", when, f.Deleted(), f.nameless())
		}
	}
	steps := []struct {
		when string
		do   func() error
		want bool
	}{
		{"new", func() error { return nil }, false},
		{"renamed", func() error { return os.Rename(path, other) }, false},
		{"with two names", func() error { return os.Link(other, path) }, false},
		{"with one of them", func() error { return os.Remove(other) }, false},
		{"removed", func() error { return os.Remove(path) }, true},
		{"replaced", func() error { return os.WriteFile(path, nil, 0o600) }, true},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		check(step.when, step.want)
	}
}
