package outbox

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// TestNoteOfARecordInMemory: while a record waits in memory for a disk that hangs, its task is noted as running, for a
// kill loses the record. The note ends once the record is on disk, has arrived or is dropped.
func TestNoteOfARecordInMemory(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Outbox, *hangingSystem, *sink){
		"on disk": func(_ *Outbox, s *hangingSystem, _ *sink) { s.answer() },
		"arrived": func(o *Outbox, _ *hangingSystem, server *sink) {
			server.respond(nil)
			o.Flush(within(time.Minute))
		},
		"dropped": func(o *Outbox, _ *hangingSystem, _ *sink) { o.SetPII(false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, server := &hangingSystem{System: disk.OS()}, &sink{}
			server.respond(status(http.StatusServiceUnavailable))
			o := onHangingDisk(t, dir, s, server)
			note := noted(t, o)
			s.freeze()
			r := testRecord(0, 100)
			r.Note, r.PII = note, true
			if !o.Put(r) || note.ended.Load() > 0 {
				t.Fatalf("it isn't held, or its note has ended %d times", note.ended.Load())
			}
			end(o, s, server)
			eventually(t, "the note has ended", func() bool { return note.ended.Load() > 0 })
			s.answer()
			eventually(t, "no task is noted", func() bool {
				projects, err := disk.Look(dir)
				must(t, err)
				return len(projects[0].Left[0].Tasks) == 0
			})
		})
	}
}

// TestNoteOfARecordOnAFullDisk: on a disk that takes no record, the note ends at once: there is no room for those of
// other tasks, but where the notes of tasks that have ended were.
func TestNoteOfARecordOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := &faultySystem{System: disk.OS(), many: true}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		server := &sink{}
		server.respond(status(http.StatusServiceUnavailable))
		c.Dir, c.Client = t.TempDir(), &http.Client{Transport: memoryTransport(server)}
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: c.Dir, DSN: "http://key@127.0.0.1/1", System: s})
		}
	})
	note := noted(t, o)
	s.mu.Lock()
	s.from = 1
	s.mu.Unlock()
	defer s.heal()
	r := testRecord(0, 100)
	if r.Note = note; !o.Put(r) || note.ended.Load() != 1 {
		t.Errorf("it isn't held, or its note has ended %d times", note.ended.Load())
	}
	if o.Stats().LastError == nil {
		t.Error("the disk isn't full")
	}
}

// TestNoteThatHangs: on a disk that hangs between a record and its note, the record is held there: whoever waits isn't
// told that it failed, for a kill would lose what is kept in memory then.
func TestNoteThatHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &slotSystem{System: disk.OS()}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		server := &sink{}
		server.respond(status(http.StatusServiceUnavailable))
		c.Dir, c.Client = dir, &http.Client{Transport: memoryTransport(server)}
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{
				Patience: time.Second, Dir: dir, DSN: "http://key@127.0.0.1/1", System: s,
			})
		}
	})
	r, thaw := testRecord(0, 100), make(chan struct{})
	r.Note = noted(t, o)
	s.thaw.Store(&thaw)
	tasks := func() int {
		projects, err := disk.Look(dir)
		must(t, err)
		return len(projects[0].Left[0].Tasks)
	}
	if !o.Put(r) {
		t.Error("it isn't held")
	}
	o.mu.Lock()
	if o.overflowWaits() {
		t.Error("it is kept in memory")
	}
	o.mu.Unlock()
	if tasks() != 1 {
		t.Error("no task is noted before the disk answers")
	}
	close(thaw)
	eventually(t, "no task is noted", func() bool { return tasks() == 0 })
}

// A slotSystem is the real system, where writes to the tasks of a journal hang until thaw, if it is set, is closed.
type slotSystem struct {
	disk.System
	thaw atomic.Pointer[chan struct{}]
}

func (s *slotSystem) MayHang() bool { return true }

func (s *slotSystem) Open(path string, flag int) (disk.File, error) {
	f, err := s.System.Open(path, flag)
	if err == nil && strings.HasSuffix(path, ".journal") {
		f = slotFile{f, s}
	}
	return f, err
}

type slotFile struct {
	disk.File
	s *slotSystem
}

func (f slotFile) WriteAt(b []byte, off int64) (int, error) {
	if thaw := f.s.thaw.Load(); thaw != nil && off >= 16<<10 {
		<-*thaw
	}
	return f.File.WriteAt(b, off)
}

// noted notes a task in o's journal.
func noted(t *testing.T, o *Outbox) *countedNote {
	t.Helper()
	waitForDisk(t, o)
	o.mu.Lock()
	journal := o.main.(*Disk).Journal()
	o.mu.Unlock()
	return &countedNote{Slot: journal.Begin(Task{Type: "ended"})}
}

// A countedNote counts how often it was ended.
type countedNote struct {
	Slot
	ended atomic.Int32
}

func (n *countedNote) End()    { n.Slot.End(); n.ended.Add(1) }
func (n *countedNote) EndNow() { n.Slot.EndNow(); n.ended.Add(1) }

// TestRetriesOfADiskThatHangs: it is tried again soon, for a kill loses what waits in memory, but not all the time.
func TestRetriesOfADiskThatHangs(t *testing.T) {
	o := openTest(t, "http://127.0.0.1/", nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, ms := range []time.Duration{10, 20, 40, 80, 100, 100, 10} {
		if ms == 10 {
			o.diskWorks()
		}
		o.diskFails(store.ErrHangs)
		if o.dispatchDisk(0); o.disk.again != ms*time.Millisecond {
			t.Errorf("again after %v, want %d ms", o.disk.again, ms)
		}
	}
}
