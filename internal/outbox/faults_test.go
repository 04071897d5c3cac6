package outbox

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// A faultySystem is the real system, whose calls fail from the nth on: one of them, or all until it is healed.
type faultySystem struct {
	disk.System

	mu    sync.Mutex
	calls int
	from  int // 0: none fails
	many  bool
	half  bool // a write that fails has written a part
}

// fails counts a call, and says what it fails with.
func (s *faultySystem) fails(op, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.from == 0 || s.calls < s.from || s.calls > s.from && !s.many {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
}

func (s *faultySystem) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = 0
}

func (s *faultySystem) MakeFolder(path string) error {
	if err := s.fails("mkdir", path); err != nil {
		return err
	}
	return s.System.MakeFolder(path)
}

func (s *faultySystem) CheckFolder(path string) (fs.FileInfo, error) {
	if err := s.fails("stat", path); err != nil {
		return nil, err
	}
	return s.System.CheckFolder(path)
}

func (s *faultySystem) Open(path string, flag int) (disk.File, error) {
	if err := s.fails("open", path); err != nil {
		return nil, err
	}
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, s, path}, nil
}

func (s *faultySystem) Stat(path string) (fs.FileInfo, error) {
	if err := s.fails("stat", path); err != nil {
		return nil, err
	}
	return s.System.Stat(path)
}

func (s *faultySystem) ReadFolder(path string) ([]fs.DirEntry, error) {
	if err := s.fails("readdir", path); err != nil {
		return nil, err
	}
	return s.System.ReadFolder(path)
}

func (s *faultySystem) Rename(from, to string) error {
	if err := s.fails("rename", from); err != nil {
		return err
	}
	return s.System.Rename(from, to)
}

func (s *faultySystem) Remove(path string) error {
	if err := s.fails("remove", path); err != nil {
		return err
	}
	return s.System.Remove(path)
}

func (s *faultySystem) SyncFolder(path string) error {
	if err := s.fails("sync", path); err != nil {
		return err
	}
	return s.System.SyncFolder(path)
}

type faultyFile struct {
	disk.File
	s    *faultySystem
	path string
}

func (f *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.s.fails("read", f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.s.fails("write", f.path); err != nil {
		n := 0
		if f.s.half {
			n, _ = f.File.WriteAt(b[:len(b)/2], off)
		}
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.s.fails("truncate", f.path); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.s.fails("sync", f.path); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.s.fails("fstat", f.path); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

// TestFaults has the nth call to the operating system fail, for every n, once or until the disk is mended: Open works
// all the same, Put loses nothing, and all arrives, what an earlier process left included.
func TestFaults(t *testing.T) {
	for name, faults := range map[string]struct{ many, half bool }{
		"once":       {},
		"for long":   {many: true},
		"half write": {half: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := 1
			if testing.Short() || raceEnabled {
				step = 7
			}
			for n := 1; ; n += step {
				s := &faultySystem{System: disk.OS(), from: n, many: faults.many, half: faults.half}
				if s.run(t, n); t.Failed() || s.calls < n {
					t.Logf("%d calls", n)
					return
				}
			}
		})
	}
}

// run is the life of a process with faults, and at its end the disk is mended.
func (s *faultySystem) run(t *testing.T, n int) {
	dir := t.TempDir()
	leaveBacklog(t, dir, 3, 10)
	server := &sink{}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Dir = dir
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				MaxBytes: 1 << 20, System: s})
		}
		c.Client = &http.Client{Transport: memoryTransport(server)}
		c.timing.diskRetry, c.timing.diskIdle, c.timing.adopt = time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	})
	for i := 3; i < 8; i++ {
		r := testRecord(i, 10)
		r.Urgent = i == 5
		if !o.Put(r) {
			t.Errorf("fault %d: event %d isn't held", n, i)
		}
	}
	o.Flush(within(50 * time.Millisecond))
	s.heal()
	arrived := func() int {
		ids := make(map[string]bool)
		for _, id := range server.got() {
			ids[id] = true
		}
		return len(ids)
	}
	for deadline := time.Now().Add(time.Minute); arrived() < 8; {
		o.Flush(within(20 * time.Millisecond))
		if time.Now().After(deadline) {
			t.Errorf("fault %d: %d of 8 events arrived; %+v", n, arrived(), o.Stats())
			return
		}
	}
	if st := o.Stats(); st.Dropped > 0 {
		t.Errorf("fault %d: %+v", n, st)
	}
	o.Close(within(10 * time.Second))
}

// TestUnusableFolder: with a folder that can't be used Open works, events go on in memory, and Stats names path and
// reason until the folder can be used.
func TestUnusableFolder(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) (mend func() error){
		"below a file": func(t *testing.T, dir string) func() error {
			if err := os.WriteFile(filepath.Dir(dir), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return func() error { return os.Remove(filepath.Dir(dir)) }
		},
		"a file": func(t *testing.T, dir string) func() error {
			if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return func() error { return os.Remove(dir) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "a", "outbox")
			mend := spoil(t, dir)
			server := &sink{}
			server.respond(status(http.StatusServiceUnavailable))
			o := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.Dir = dir
				c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
				c.Client = &http.Client{Transport: memoryTransport(server)}
				c.timing.diskRetry, c.timing.diskIdle = time.Millisecond, 5*time.Millisecond
			})
			for i := range 3 {
				if !o.Put(testRecord(i, 10)) {
					t.Error("Put: false")
				}
			}
			if err := o.Stats().LastError; err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("LastError is %v, want one that names %s", err, dir)
			}
			if err := mend(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "what waits in memory is moved to disk", func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.main != nil && !o.overflowWaits() && o.main.Bytes() > 0
			})
			o.Close(ended())
			server.respond(nil)
			next := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
				c.Client = &http.Client{Transport: memoryTransport(server)}
			})
			if !next.Flush(within(time.Minute)) {
				t.Error("Flush: false")
			}
			sameIDs(t, server.got(), 3)
		})
	}
}

// TestDiskComesBack: a disk that works again is used again, and LastError is nil, also when the server has taken all
// that waited in memory, so that nothing is left to try the disk with.
func TestDiskComesBack(t *testing.T) {
	dir := t.TempDir()
	s := &faultySystem{System: disk.OS(), many: true}
	server := &sink{}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Dir = dir
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				MaxBytes: 1 << 20, System: s})
		}
		c.Client = &http.Client{Transport: memoryTransport(server)}
		c.timing.diskRetry, c.timing.diskIdle = time.Millisecond, 5*time.Millisecond
	})
	if !o.Flush(within(time.Minute)) {
		t.Fatal("Flush: false")
	}
	s.mu.Lock()
	s.from = s.calls + 1
	s.mu.Unlock()
	if !o.Put(testRecord(0, 10)) || !o.Flush(within(time.Minute)) {
		t.Fatalf("the event is lost: %+v", o.Stats())
	}
	if err := o.Stats().LastError; err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("LastError is %v, want one that names %s", err, dir)
	}
	s.heal()
	eventually(t, "LastError is nil", func() bool { return o.Stats().LastError == nil })
	server.respond(status(http.StatusServiceUnavailable))
	if !o.Put(testRecord(1, 10)) || o.main.Bytes() == 0 {
		t.Error("the disk isn't used again")
	}
	o.Close(ended())
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*.seg")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v; want one segment", left, err)
	}
}

// TestMovedBytes: what moved from memory, where several envelopes share a part, to the disk counts as it does there.
func TestMovedBytes(t *testing.T) {
	dir := t.TempDir()
	s := &faultySystem{System: disk.OS(), many: true, from: 1}
	server := &sink{}
	server.respond(status(http.StatusServiceUnavailable))
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				MaxBytes: 1 << 20, System: s})
		}
		c.Client = &http.Client{Transport: memoryTransport(server)}
		c.timing.diskRetry, c.timing.diskIdle = time.Millisecond, 5*time.Millisecond
	})
	shared := []byte(strings.Repeat("what all events of a moment say ", 20))
	for i := range 5 {
		r := testRecord(i, 10)
		r.Payload, r.Shared = append(r.Payload, shared...), shared
		if !o.Put(r) {
			t.Error("Put: false")
		}
	}
	s.heal()
	eventually(t, "what waits in memory is moved to disk", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.main != nil && !o.overflowWaits() && len(o.queue.flying) == 0
	})
	if got, want := o.Stats().PendingBytes, o.main.Bytes(); got != want {
		t.Errorf("PendingBytes is %d, want %d as on disk", got, want)
	}
	server.respond(nil)
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	if got := o.Stats().PendingBytes; got != 0 {
		t.Errorf("PendingBytes is %d when nothing waits", got)
	}
}

// TestDiskThatWorksAtTheEnd has a disk that can't be opened work again just before Close: what waited in memory is
// there for the next process.
func TestDiskThatWorksAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	fails := errors.New("no disk yet")
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	open := func() *Outbox {
		return openTest(t, "http://127.0.0.1/", func(c *Config) {
			c.Dir = dir
			c.OpenStore = func() (Store, error) {
				if fails != nil {
					return nil, fails
				}
				return openTestDisk(dir)
			}
			c.Client = &http.Client{Transport: memoryTransport(s)}
			c.timing.diskRetry, c.timing.diskIdle = time.Hour, time.Hour
		})
	}
	o := open()
	for i := range 3 {
		if !o.Put(testRecord(i, 100)) {
			t.Error("not held")
		}
	}
	fails = nil
	o.Close(ended())
	s.respond(nil)
	next := open()
	if !next.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", next.Stats())
	}
	sameIDs(t, s.got(), 3)
}
