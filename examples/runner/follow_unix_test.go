//go:build !windows

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSettingsFromAPipe reads a pipe once: another look would wait for a writer that never comes.
func TestSettingsFromAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "-settings", path, writeList(t, `[{"type":"demo_panic"},{"type":"demo_panic"}]`))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // waits until the runner has opened its end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.WriteString(settingsOff); err != nil {
		t.Error(err)
	}
	_ = pipe.Close()
	_ = cmd.Wait()
	code := cmd.ProcessState.ExitCode()
	if code != exitFailed || !strings.Contains(stderr.String(), "reporting is off") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestSettingsBecomeAPipe puts a pipe in the place of the settings: no task may wait for it.
func TestSettingsBecomeAPipe(t *testing.T) {
	t.Parallel()
	o := follow(t, settingsOff, []step{
		{"a pipe", func(t *testing.T, path string) {
			removed(t, path)
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Error(err)
			}
		}, false},
		{"a file again", func(t *testing.T, path string) {
			removed(t, path)
			writeFileAt(t, path, settingsOn)
		}, true},
	})
	if strings.Count(o.stderr, "it is no regular file") != 1 {
		t.Error("it isn't said once")
	}
}
