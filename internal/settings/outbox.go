package settings

import (
	"errors"
	"fmt"
	"path/filepath"
)

const (
	defaultDiskBytes   = 64 << 20 // Options.OutboxBytes with OutboxDir
	defaultMemoryBytes = 32 << 20 // Options.OutboxBytes without OutboxDir
)

// Outbox checks the options of the outbox, and returns its folder and its size limit in bytes.
func Outbox(dir string, bytes int64, crashReports bool) (string, int64, error) {
	switch {
	case bytes < 0:
		return "", 0, fmt.Errorf("sentryconfig: OutboxBytes is %d, want 0 for the default or a number of bytes", bytes)
	case bytes == 0 && dir != "":
		bytes = defaultDiskBytes
	case bytes == 0:
		bytes = defaultMemoryBytes
	}
	if dir == "" {
		if crashReports {
			return "", 0, errors.New("sentryconfig: CrashReports needs OutboxDir: " +
				"the crash output is kept there until the next start")
		}
		return "", bytes, nil
	}
	if !filepath.IsAbs(dir) {
		return "", 0, fmt.Errorf("sentryconfig: OutboxDir is %q, want an absolute path: "+
			"a relative one would depend on the working folder", dir)
	}
	return filepath.Clean(dir), bytes, nil
}
