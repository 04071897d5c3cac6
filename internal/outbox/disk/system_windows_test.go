package disk

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// TestHeldFolder: a folder that another process holds, as one that removes it does for a moment, is asked for again
// before that is an error.
func TestHeldFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		t.Fatal(err)
	}
	held, err := windows.CreateFile(name, windows.DELETE, 0, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = OS().ReadFolder(dir)
	if took := time.Since(start); !errors.Is(err, windows.ERROR_SHARING_VIOLATION) || took < retryFor {
		t.Errorf("a folder that is held: %v after %v, want a sharing violation after %v", err, took, retryFor)
	}
	if err := windows.CloseHandle(held); err != nil {
		t.Fatal(err)
	}
	if entries, err := OS().ReadFolder(dir); err != nil || len(entries) > 0 {
		t.Errorf("then: %v, %v", entries, err)
	}
}
