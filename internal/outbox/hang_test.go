package outbox

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// A hangingSystem is the real system, whose writes hang while it is frozen, as those of a file system under fsfreeze.
type hangingSystem struct {
	disk.System

	mu    sync.Mutex
	thaw  chan struct{} // nil: it isn't frozen
	hangs atomic.Int32  // calls that hang
	open  atomic.Int32  // files
}

func (s *hangingSystem) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thaw = make(chan struct{})
}

func (s *hangingSystem) answer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.thaw != nil {
		close(s.thaw)
		s.thaw = nil
	}
}

func (s *hangingSystem) wait() {
	s.mu.Lock()
	thaw := s.thaw
	s.mu.Unlock()
	if thaw != nil {
		s.hangs.Add(1)
		<-thaw
		s.hangs.Add(-1)
	}
}

func (s *hangingSystem) Open(path string, flag int) (disk.File, error) {
	if flag&os.O_CREATE != 0 {
		s.wait()
	}
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &hangingFile{File: f, s: s}, nil
}

// MayHang says what the real system says of a file system that is frozen.
func (s *hangingSystem) MayHang() bool { return true }

func (s *hangingSystem) MakeFolder(path string) error {
	s.wait()
	return s.System.MakeFolder(path)
}

func (s *hangingSystem) Remove(path string) error {
	s.wait()
	return s.System.Remove(path)
}

type hangingFile struct {
	disk.File
	s    *hangingSystem
	once sync.Once
}

func (f *hangingFile) Close() error {
	err := f.File.Close()
	f.once.Do(func() { f.s.open.Add(-1) })
	return err
}

func (f *hangingFile) WriteAt(b []byte, off int64) (int, error) {
	f.s.wait()
	return f.File.WriteAt(b, off)
}

func (f *hangingFile) Truncate(size int64) error {
	f.s.wait()
	return f.File.Truncate(size)
}

func (f *hangingFile) Sync() error {
	f.s.wait()
	return f.File.Sync()
}

// onHangingDisk opens an outbox whose disk is s, in dir. The test ends once it has closed its files, for which Close
// doesn't wait on such a disk.
func onHangingDisk(t *testing.T, dir string, s *hangingSystem, server http.Handler) (o *Outbox) {
	t.Cleanup(func() {
		eventually(t, "all files are closed", func() bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.running == 0 && s.open.Load() == 0
		})
	})
	o = openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Dir, c.Client = dir, &http.Client{Transport: memoryTransport(server)}
		c.timing.openWait, c.mayHang = 20*time.Millisecond, s.MayHang
		c.timing.diskRetry, c.timing.diskIdle = 10*time.Millisecond, 10*time.Millisecond
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{
				Patience: 20 * time.Millisecond, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20, System: s,
			})
		}
	})
	t.Cleanup(s.answer) // before Close, which comes last of the cleanups
	return o
}

// TestDiskHangs: on a disk that doesn't answer captures go to memory, in order, and move to the disk once it answers;
// the beginning and the end of tasks don't wait for it either. Were any call to hang, so would the test.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, server := &hangingSystem{System: disk.OS()}, &sink{}
	server.respond(status(http.StatusServiceUnavailable))
	o := onHangingDisk(t, dir, s, server)
	put := func(i int) {
		t.Helper()
		if !o.Put(testRecord(i, 100)) {
			t.Errorf("event %d isn't held", i)
		}
	}
	waitForDisk(t, o)
	o.mu.Lock()
	journal := o.main.(*Disk).Journal()
	o.mu.Unlock()
	before := journal.Begin(Task{Type: "before"})
	for i := range 5 {
		put(i)
	}
	s.freeze()
	for i := 5; i < 10; i++ {
		put(i)
	}
	if err := o.Stats().LastError; err == nil || !strings.Contains(err.Error(), dir) ||
		!strings.Contains(err.Error(), "answer") {
		t.Errorf("LastError: %v", err)
	}
	during := journal.Begin(Task{Type: "during"})
	before.End()
	during.Note(Note{Breadcrumb: "hangs"})
	during.End()
	if n := s.hangs.Load(); n > 2 {
		t.Errorf("%d calls hang", n) // the hand's, and a sync
	}
	s.answer()
	eventually(t, "what waited in memory is on disk", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return !o.overflowWaits() && !o.disk.failed && !o.disk.busy
	})
	for i := 10; i < 15; i++ {
		put(i)
	}
	if st := o.Stats(); st.Pending != 15 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	projects, err := disk.Look(dir)
	must(t, err)
	if running := projects[0].Left[0].Tasks; len(running) != 0 {
		t.Errorf("a task that has ended is noted as running: %+v", running)
	}
	server.respond(nil)
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	if got := server.got(); len(got) != 15 {
		t.Errorf("%d arrived: %v", len(got), got)
	}
	sameIDs(t, server.got(), 15)
}

// TestDiskHangsAtTheStart: Open doesn't wait for a disk that hangs, and it is used once it answers.
func TestDiskHangsAtTheStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	s, server := &hangingSystem{System: disk.OS()}, &sink{}
	server.respond(status(http.StatusServiceUnavailable))
	s.freeze()
	o := onHangingDisk(t, dir, s, server)
	for i := range 3 {
		if !o.Put(testRecord(i, 100)) {
			t.Errorf("event %d isn't held", i)
		}
	}
	s.answer()
	eventually(t, "what waited in memory is on disk", func() bool {
		names, _ := segmentFiles(t, dir)
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(names) > 0 && !o.overflowWaits()
	})
	o.Close(ended())
	next := onHangingDisk(t, dir, s, server)
	server.respond(nil)
	if !next.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", next.Stats())
	}
	sameIDs(t, server.got(), 3)
}

func waitForDisk(t *testing.T, o *Outbox) {
	t.Helper()
	eventually(t, "the disk is open", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.main != nil && o.disk.adopted
	})
}

// TestCloseOnADiskThatHangs: Close doesn't wait until it has waited long enough, whether or not it is known by then
// that the disk hangs.
func TestCloseOnADiskThatHangs(t *testing.T) {
	t.Parallel()
	s := &hangingSystem{System: disk.OS()}
	open := func() *Outbox {
		o := onHangingDisk(t, filepath.Join(t.TempDir(), "new"), s, &sink{})
		o.mu.Lock()
		o.timing.closeWait = time.Hour
		o.mu.Unlock()
		return o
	}
	o := open()
	waitForDisk(t, o)
	s.freeze()
	inTime(t, "Close of one that is open", func() { o.Close(ended()) })
	o = open()
	inTime(t, "Close of one that never opened", func() { o.Close(ended()) })
	s.answer()
	eventually(t, "nothing hangs", func() bool { return s.hangs.Load() == 0 })
}

// TestDiskHangsAtTheEnd: what a disk that hangs has been given counts once, whether it was written or not.
func TestDiskHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, server := &hangingSystem{System: disk.OS()}, &sink{}
	o := onHangingDisk(t, dir, s, server)
	waitForDisk(t, o)
	s.freeze()
	if !o.Put(testRecord(0, 100)) {
		t.Error("the event isn't held")
	}
	eventually(t, "it arrives from memory", func() bool { return server.count() == 1 })
	inTime(t, "Close", func() { o.Close(ended()) })
	s.answer()
	eventually(t, "nothing hangs", func() bool { return s.hangs.Load() == 0 })
	next := onHangingDisk(t, dir, s, server)
	if !next.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", next.Stats())
	}
	if got := server.got(); len(got) != 1 {
		t.Errorf("arrived: %v", got)
	}
}

// tellingStore is a Store whose look for dead processes has something captured of them.
type tellingStore struct {
	Store
	tell func()
}

func (s *tellingStore) Adopt(ctx context.Context, found func([]*store.Entry)) (store.Adopted, error) {
	met, err := s.Store.Adopt(ctx, found)
	s.tell()
	return met, err
}

// TestFlushWaitsForReportsOfDeadProcesses: what a Flush's look has captured is part of what it waits for.
func TestFlushWaitsForReportsOfDeadProcesses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	dir := t.TempDir()
	var o atomic.Pointer[Outbox]
	ready := make(chan struct{})
	var looks atomic.Int64
	box := openTest(t, server.URL, func(c *Config) {
		c.OpenStore = func() (Store, error) {
			d, err := openTestDisk(dir)
			return &tellingStore{d, func() {
				<-ready
				if looks.Add(1) == 2 { // the first one is that of the start
					o.Load().Put(testRecord(10, 10))
				}
			}}, err
		}
	})
	o.Store(box)
	close(ready)
	eventually(t, "the look of the start", func() bool { return looks.Load() == 1 })
	if box.Flush(within(time.Second)) {
		t.Errorf("Flush = true after %d looks: %+v", looks.Load(), box.Stats())
	}
	inTime(t, "Close", func() { box.Close(ended()) })
}

// TestOpenOnABusyMachine: a disk that takes longer to open than anybody waits, while no thread waits for it, isn't
// taken for one that hangs.
func TestOpenOnABusyMachine(t *testing.T) {
	t.Parallel()
	dir, late, opened := t.TempDir(), make(chan struct{}), make(chan struct{})
	var asked sync.Once
	var logged bytes.Buffer
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Dir, c.Logger = dir, slog.New(slog.NewTextHandler(&logged, nil))
		c.timing.openWait = time.Millisecond
		c.mayHang = func() bool {
			asked.Do(func() { close(late) })
			<-opened
			return false
		}
		c.OpenStore = func() (Store, error) {
			<-late
			s, err := openTestDisk(dir)
			close(opened)
			return s, err
		}
	})
	asked.Do(func() { close(late) })
	if o.Close(ended()); strings.Contains(logged.String(), "can't be used") {
		t.Errorf("taken for a disk that hangs: %s", &logged)
	}
}

// TestFlushWhileOpening: a Flush doesn't say that all is delivered before it is known what lies on the disk, however
// long that takes to open.
func TestFlushWhileOpening(t *testing.T) {
	t.Parallel()
	dir, answer, server := t.TempDir(), make(chan struct{}), &sink{}
	left, err := openTestDisk(dir)
	must(t, err)
	_, err = left.Put(testRecord(1, 100))
	must(t, err)
	must(t, left.Close())
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Dir, c.Client = dir, &http.Client{Transport: memoryTransport(server)}
		c.timing.openWait, c.mayHang = time.Millisecond, func() bool { return true }
		c.OpenStore = func() (Store, error) {
			<-answer
			return openTestDisk(dir)
		}
	})
	if o.Flush(ended()) {
		t.Error("Flush: true before the disk is open")
	}
	close(answer)
	if !o.Flush(within(time.Minute)) || o.Stats().Delivered != 1 {
		t.Errorf("Flush once it is open: %+v", o.Stats())
	}
}
