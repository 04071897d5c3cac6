//go:build unix

package outbox

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPrivate: folders and files of the outbox are the user's alone.
func TestPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "outbox")
	disk, err := openTestDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Put(testRecord(0, 10)); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil || files < 2 {
		t.Errorf("%d files, %v", files, err)
	}
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
}

// TestFolderUnderUs: what somebody does to the folder while it is in use costs no event.
func TestFolderUnderUs(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, folder string)
		warn  string // in LastError afterwards; "": it is made again
	}{
		"deleted":       {func(t *testing.T, folder string) { must(t, os.RemoveAll(folder)) }, ""},
		"deleted whole": {func(t *testing.T, folder string) { must(t, os.RemoveAll(filepath.Dir(folder))) }, ""},
		"moved":         {func(t *testing.T, folder string) { must(t, os.Rename(folder, folder+".old")) }, ""},
		"a link": {func(t *testing.T, folder string) {
			must(t, os.Rename(folder, folder+".old"))
			must(t, os.Symlink(folder+".old", folder))
		}, "link"},
		"open to all": {func(t *testing.T, folder string) { must(t, os.Chmod(folder, 0o777)) }, "writ"}, //nolint:gosec // that's the point
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "outbox")
			s := &sink{}
			s.respond(status(http.StatusServiceUnavailable))
			o := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.Dir = dir
				c.OpenStore = func() (Store, error) {
					return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
						MaxBytes: 64 << 20, CheckEvery: -1})
				}
				c.Client = &http.Client{Transport: memoryTransport(s)}
			})
			put := func(i int) {
				if !o.Put(testRecord(i, 100)) {
					t.Errorf("event %d isn't held", i)
				}
			}
			put(0)
			put(1)
			folders, err := os.ReadDir(dir)
			if err != nil || len(folders) != 1 {
				t.Fatal(folders, err)
			}
			c.spoil(t, filepath.Join(dir, folders[0].Name()))
			put(2)
			put(3)
			switch err := o.Stats().LastError; {
			case c.warn != "" && (err == nil || !strings.Contains(err.Error(), c.warn) ||
				!strings.Contains(err.Error(), dir)):
				t.Errorf("LastError %v, want one that names %s and says %q", err, dir, c.warn)
			case c.warn == "" && err != nil && !strings.Contains(err.Error(), "503"):
				t.Errorf("LastError %v", err)
			}
			s.respond(nil)
			if !o.Flush(within(time.Minute)) {
				t.Errorf("Flush: false; %+v", o.Stats())
			}
			sameIDs(t, s.got(), 4)
		})
	}
}
