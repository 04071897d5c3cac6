package disk

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// tree returns the files below dir with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// twoProjects has dead processes of two projects leave three and two events, the first one packed.
func twoProjects(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for project, n := range map[string]int{"http://key@127.0.0.1/1": 3, "http://key@127.0.0.1/2": 2} {
		disk, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: project, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			r := testRecord(i, 2000)
			if i == 0 {
				var b bytes.Buffer
				if err := wire.Deflate(&b, r.Payload); err != nil {
					t.Fatal(err)
				}
				r.Payload, r.Packed = b.Bytes(), true
			}
			if _, err := disk.Put(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestExport: each envelope is a file as it would be sent, by project, in the order of capture, and nothing is changed.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := twoProjects(t)
	before := tree(t, dir)
	var b bytes.Buffer
	if err := Export(dir, &b); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the outbox was changed")
	}
	folders := map[string]int{}
	var names []string
	r := tar.NewReader(&b)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		names = append(names, h.Name)
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		i := folders[path.Dir(h.Name)]
		folders[path.Dir(h.Name)]++
		if want := testRecord(i, 2000).Payload; !bytes.Equal(content, want) {
			t.Errorf("%s is %.80q, want %.80q", h.Name, content, want)
		}
	}
	if len(folders) != 2 || len(names) != 5 || !slices.Contains(slices.Collect(maps.Values(folders)), 3) {
		t.Errorf("files: %q", names)
	}
	var empty bytes.Buffer
	if err := Export(filepath.Join(dir, "missing"), &empty); err != nil {
		t.Error(err)
	}
	if _, err := tar.NewReader(&empty).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("of a missing folder: %v", err)
	}
}

// TestExportWithoutWhatCannotBeRead: a folder that is not safe to use and a segment of a newer version cost themselves
// alone. The stream has the rest and is complete.
func TestExportWithoutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(folder, segment string) error{
		"folder": func(folder, _ string) error {
			return errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600))
		},
		"segment": func(_, segment string) error {
			b, err := os.ReadFile(segment)
			if err != nil {
				return err
			}
			binary.LittleEndian.PutUint32(b[8:], segmentVersion+1)
			binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[:12], castagnoli))
			return os.WriteFile(segment, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := twoProjects(t)
			folders, err := dsnFolders(osSystem{}, dir)
			if err != nil {
				t.Fatal(err)
			}
			segments, err := filepath.Glob(filepath.Join(folders[0], "*.seg"))
			if err != nil || len(segments) != 1 {
				t.Fatal(segments, err)
			}
			if err := spoil(folders[0], segments[0]); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := Export(dir, &b); err == nil || !strings.Contains(err.Error(), folders[0]) {
				t.Errorf("the error is %v, want one that names %s", err, folders[0])
			}
			n := 0
			r := tar.NewReader(bytes.NewReader(b.Bytes()))
			for ; ; n++ {
				h, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || path.Dir(h.Name) != filepath.Base(folders[1]) {
					t.Fatal(h, err)
				}
			}
			if end := make([]byte, 1024); n < 2 || !bytes.HasSuffix(b.Bytes(), end) { // a tar stream ends in zeros
				t.Errorf("%d files in a stream of %d bytes", n, b.Len())
			}
		})
	}
}

// TestPurge deletes what the dead have left, of every project, and leaves alone what isn't an outbox's, or lives.
func TestPurge(t *testing.T) {
	t.Parallel()
	dir := twoProjects(t)
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	living, err := openTestDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Purge(dir); err != nil {
		t.Errorf("a living process that has nothing waiting: %v", err)
	}
	e, err := living.Put(testRecord(9, 10))
	if err != nil {
		t.Fatal(err)
	}
	if err := Purge(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a living process that has an event waiting: %v", err)
	}
	if _, err := living.Payload(e, nil); err != nil {
		t.Errorf("its event: %v", err)
	}
	if err := living.Close(); err != nil {
		t.Error(err)
	}
	if err := Purge(dir); err != nil {
		t.Error(err)
	}
	if left := tree(t, dir); len(left) != 1 || left[foreign] != "mine" {
		t.Errorf("left: %q", slices.Collect(maps.Keys(left)))
	}
	if err := Purge(filepath.Join(dir, "missing")); err != nil {
		t.Error(err)
	}
}

// lockless is a system whose locks don't lock.
type lockless struct {
	System
	err error
}

func (s lockless) Open(path string, flag int) (File, error) {
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return locklessFile{f, s.err}, nil
}

type locklessFile struct {
	File
	err error
}

func (f locklessFile) TryLock() (bool, error) { return f.err == nil, f.err }

// TestNoLocks: where files can't be locked, nothing is stored, and the error says what to do.
func TestNoLocks(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"given to everyone": nil, "not supported": errors.ErrUnsupported} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, got := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20,
				System: lockless{osSystem{}, err}})
			if got == nil || !strings.Contains(got.Error(), dir) ||
				!strings.Contains(got.Error(), "choose an OutboxDir on a local disk") {
				t.Errorf("got %v", got)
			}
			if left := tree(t, dir); err != nil && len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// A keeping system is the real one, which doesn't remove journals.
type keeping struct{ System }

func (s keeping) Remove(path string) error {
	if _, kind := parseName(filepath.Base(path)); kind == kindJournal {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrPermission}
	}
	return s.System.Remove(path)
}

// TestPurgeOfAJournalThatStays: a journal that can't be removed is an error, and isn't tried for ever.
func TestPurgeOfAJournalThatStays(t *testing.T) {
	t.Parallel()
	dir, _ := killedOnceListed(t)
	folders, err := dsnFolders(osSystem{}, dir)
	must(t, err)
	if err := purgeFolder(keeping{osSystem{}}, folders[0]); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
