package work

import (
	"strings"
	"testing"
)

func TestFitSlug(t *testing.T) {
	for slug, want := range map[string]string{
		"nightly-backup_2":       "nightly-backup_2",
		"Nightly Backup":         "nightly-backup",
		"backup-[host]":          "backup-host",
		"nightly\x00":            "nightly",
		"größe":                  "gr-e",
		strings.Repeat("ab", 40): strings.Repeat("ab", 25),
		"":                       "",
	} {
		if got := FitSlug(slug); got != want {
			t.Errorf("%q: %q, want %q", slug, got, want)
		}
	}
}
