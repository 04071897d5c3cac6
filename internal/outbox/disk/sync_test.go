package disk

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// A syncLog is the real system, and remembers what was synced.
type syncLog struct {
	System
	mu    sync.Mutex
	paths []string
}

func (s *syncLog) add(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = append(s.paths, path)
}

func (s *syncLog) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.paths, path)
}

func (s *syncLog) SyncFolder(path string) error {
	err := s.System.SyncFolder(path)
	s.add(path)
	return err
}

func (s *syncLog) Open(path string, flag int) (File, error) {
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return &syncedFile{f, s, path}, nil
}

type syncedFile struct {
	File
	log  *syncLog
	path string
}

func (f *syncedFile) Sync() error {
	err := f.File.Sync()
	f.log.add(f.path)
	return err
}

// TestSynced: an urgent record is safe from a power cut with the names that lead to it, and so is what a process left
// that died before its own sync.
func TestSynced(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "new", "folders", "outbox")
	open := func() (*Store, *syncLog) {
		log := &syncLog{System: osSystem{}}
		d, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20,
			System: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d, log
	}
	d, log := open()
	r := testRecord(0, 10)
	r.Urgent = true
	if _, err := d.Put(r); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(); err != nil { // should the disk be slower than Put is patient
		t.Fatal(err)
	}
	for _, path := range []string{d.active[0].path, d.dir, dir, filepath.Dir(dir), filepath.Join(top, "new"), top} {
		if !log.has(path) {
			t.Errorf("%s isn't synced", path)
		}
	}
	if log.has(filepath.Dir(top)) {
		t.Errorf("%s is synced, and has no new name", filepath.Dir(top))
	}

	left := d.active[0].path
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	next, log := open()
	if entries, err := adopted(next); err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if !log.has(left) {
		t.Error("the adopted segment isn't synced")
	}
}
