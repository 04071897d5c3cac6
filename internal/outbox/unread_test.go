package outbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
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

// A sickSystem is the real system on a disk that can't be read in places, until it is healed.
type sickSystem struct {
	disk.System

	mu sync.Mutex
	// bad says whether n bytes at off of a file can't be read; off is -1 when it is opened, or a folder listed.
	// nil: all can.
	bad func(path string, off, n int64) bool
}

func (s *sickSystem) spoil(bad func(path string, off, n int64) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = bad
}

func (s *sickSystem) fails(path string, off, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != nil && s.bad(path, off, n) {
		return &os.PathError{Op: "read", Path: path, Err: syscall.EIO}
	}
	return nil
}

func (s *sickSystem) Open(path string, flag int) (disk.File, error) {
	if err := s.fails(path, -1, 0); err != nil {
		return nil, err
	}
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return &sickFile{f, s, path}, nil
}

func (s *sickSystem) ReadFolder(path string) ([]os.DirEntry, error) {
	if err := s.fails(path, -1, 0); err != nil {
		return nil, err
	}
	return s.System.ReadFolder(path)
}

type sickFile struct {
	disk.File
	s    *sickSystem
	path string
}

func (f *sickFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.s.fails(f.path, off, int64(len(b))); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

// sectors makes sectors of all segments bad.
func sectors(numbers ...int64) func(string, int64, int64) bool {
	return func(path string, off, n int64) bool {
		if !strings.HasSuffix(path, ".seg") {
			return false
		}
		for _, i := range numbers {
			if off >= 0 && off < (i+1)*sector && off+n > i*sector {
				return true
			}
		}
		return false
	}
}

func reading(suffix string) func(string, int64, int64) bool {
	return func(path string, off, _ int64) bool { return off >= 0 && strings.HasSuffix(path, suffix) }
}

func opening(suffix string) func(string, int64, int64) bool {
	return func(path string, off, _ int64) bool { return off < 0 && strings.HasSuffix(path, suffix) }
}

// listing makes folders unlistable.
func listing(path string, off, _ int64) bool { return off < 0 && filepath.Ext(path) == "" }

// onSickDisk opens an outbox in dir whose disk is s.
func onSickDisk(t *testing.T, dir string, s *sickSystem, server *sink, change func(*Config, *DiskConfig)) *Outbox {
	return openTest(t, "http://127.0.0.1/", func(c *Config) {
		dc := DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20, System: s}
		c.Dir, c.Client = dir, &http.Client{Transport: memoryTransport(server)}
		if change != nil {
			change(c, &dc)
		}
		c.OpenStore = func() (Store, error) { return OpenDisk(dc) }
	})
}

func segmentFiles(t *testing.T, dir string) (names []string, bytes int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return names, bytes
}

// TestUnreadStays: what an earlier process left and can't be read now is not given up. It waits, is told of, and is
// sent once it can be read, by the same process or the next.
func TestUnreadStays(t *testing.T) {
	const events, size = 60, 900
	for name, c := range map[string]struct {
		bad  func(string, int64, int64) bool
		some bool // can be read
	}{
		"all":             {reading(".seg"), false},
		"the header":      {sectors(0), true},
		"a few sectors":   {sectors(2, 3, 7, 9), true},
		"the last":        {sectors(14, 15, 16), true},
		"can't be opened": {opening(".seg"), false},
		"nor its journal": {opening(".journal"), false},
	} {
		for how, sameProcess := range map[string]bool{"it passes": true, "the next process": false} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				leaveBacklog(t, dir, events, size)
				_, bytesBefore := segmentFiles(t, dir)
				s, server := &sickSystem{System: disk.OS()}, &sink{}
				if name == "nor its journal" { // the process's own can be
					s.spoil(func(path string, off, _ int64) bool {
						return off < 0 && strings.HasSuffix(path, ".journal") && fileExists(segmentOf(path))
					})
				} else {
					s.spoil(c.bad)
				}
				o := onSickDisk(t, dir, s, server, nil)
				for range 3 {
					if o.Flush(within(time.Second)) {
						t.Fatal("Flush: true")
					}
				}
				st := o.Stats()
				if st.Pending == 0 || st.LastError == nil || !strings.Contains(st.LastError.Error(), dir) ||
					!errors.Is(st.LastError, syscall.EIO) {
					t.Errorf("%+v", st)
				}
				if n := len(server.got()); c.some != (n > 0) || n == events {
					t.Errorf("%d arrived", n)
				}
				if _, n := segmentFiles(t, dir); n != bytesBefore {
					t.Errorf("%d bytes of segments, before %d", n, bytesBefore)
				}
				if sameProcess {
					s.spoil(nil)
				} else {
					o.Close(ended())
					if _, n := segmentFiles(t, dir); n != bytesBefore {
						t.Errorf("after Close %d bytes of segments, before %d", n, bytesBefore)
					}
					o = onSickDisk(t, dir, &sickSystem{System: disk.OS()}, server, nil)
				}
				if !o.Flush(within(time.Minute)) {
					t.Errorf("Flush: false; %+v", o.Stats())
				}
				sameIDs(t, server.got(), events)
				if st := o.Stats(); st.LastError != nil || st.Pending != 0 || st.PendingBytes != 0 || st.Dropped != 0 {
					t.Errorf("%+v", st)
				}
				if names, _ := segmentFiles(t, dir); len(names) > 0 {
					t.Errorf("left: %v", names)
				}
			})
		}
	}
}

func segmentOf(journal string) string { return strings.TrimSuffix(journal, ".journal") + ".000001.seg" }

func fileExists(path string) bool { _, err := os.Stat(path); return err == nil }

// TestUnreadTurnsOutDamaged: a stretch that is read in the end, and damaged, is given up and counted, and no record
// twice.
func TestUnreadTurnsOutDamaged(t *testing.T) {
	t.Parallel()
	const events, size = 60, 900
	dir := t.TempDir()
	leaveBacklog(t, dir, events, size)
	names, _ := segmentFiles(t, dir)
	b, err := os.ReadFile(names[0])
	must(t, err)
	clear(b[5*sector : 6*sector])
	must(t, os.WriteFile(names[0], b, 0o600))
	s, server := &sickSystem{System: disk.OS()}, &sink{}
	s.spoil(sectors(5))
	o := onSickDisk(t, dir, s, server, nil)
	damage := func() uint64 { return o.Stats().DroppedBy[reasonDamaged] }
	if o.Flush(within(time.Second)) || damage() > 0 {
		t.Errorf("Flush: true, or damage %d before it was read", damage())
	}
	before := len(server.got())
	s.spoil(nil)
	// false: a record is lost, whose payload is damaged
	o.Flush(within(time.Minute))
	// a stretch, and the payload before it
	if !o.Flush(within(time.Minute)) || damage() != 2 || o.Stats().LastError != nil {
		t.Errorf("Flush: false, or damage %d; %+v", damage(), o.Stats())
	}
	if n := len(server.got()); n != before || n >= events {
		t.Errorf("%d arrived, before %d", n, before)
	}
	if names, _ := segmentFiles(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// TestUnreadCounts: what can't be read counts to the outbox's room, and no event is deleted to make room for that
// alone.
func TestUnreadCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaveBacklog(t, dir, 60, 900)
	s := &sickSystem{System: disk.OS()}
	s.spoil(reading(".seg"))
	d, err := OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", System: s})
	must(t, err)
	defer func() { _ = d.Close() }()
	if found, err := adopted(d); len(found) > 0 || err != nil {
		t.Fatal(found, err)
	}
	_, size := segmentFiles(t, dir)
	if u := d.Unread(); u.Count != 1 || u.Bytes != size || d.Bytes() != size || u.Err == nil {
		t.Errorf("unread %+v; Bytes %d, files %d", u, d.Bytes(), size)
	}
	s.spoil(nil)
	found, err := adopted(d)
	must(t, err)
	var sum int64
	for _, e := range found {
		sum += e.Size
	}
	if u := d.Unread(); len(found) != 60 || u.Count != 0 || u.Bytes != 0 || d.Bytes() != sum || u.Err != nil {
		t.Errorf("found %d, unread %+v; Bytes %d", len(found), u, d.Bytes())
	}
}

// TestUnreadIsExportedAndPurged: Export writes what it can read and says what it couldn't; Purge deletes it all the
// same, and what this process has adopted goes with Clear.
func TestUnreadIsExportedAndPurged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaveBacklog(t, dir, 60, 900)
	s, server := &sickSystem{System: disk.OS()}, &sink{}
	s.spoil(sectors(3))
	var stream bytes.Buffer
	if err := disk.ExportFrom(s, dir, &stream); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), ".seg") {
		t.Errorf("Export: %v", err)
	}
	n := 0
	for r := tar.NewReader(&stream); ; n++ {
		if _, err := r.Next(); err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
	}
	if n < 50 || n >= 60 {
		t.Errorf("%d were exported", n)
	}
	server.respond(status(http.StatusServiceUnavailable))
	o := onSickDisk(t, dir, s, server, nil)
	o.Flush(within(20 * time.Millisecond))
	if err := disk.PurgeFrom(s, dir); err == nil || !strings.Contains(err.Error(), "running") {
		t.Errorf("Purge beside a process with events waiting: %v", err)
	}
	eventually(t, "all is given up", func() bool { // what is in flight waits until it is not
		o.Clear()
		return o.Stats().Pending == 0
	})
	if names, _ := segmentFiles(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	leaveBacklog(t, dir, 60, 900)
	s.spoil(reading(".seg"))
	o.Close(ended())
	must(t, disk.PurgeFrom(s, dir))
	if names, _ := segmentFiles(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// TestUnreadJournal: a dead process's tasks and last words are told once they can be read, each once, and not forgotten
// before.
func TestUnreadJournal(t *testing.T) {
	slots := func(numbers ...int64) func(string, int64, int64) bool {
		return func(path string, off, _ int64) bool {
			for _, i := range numbers {
				if strings.HasSuffix(path, ".journal") && off == i*slotSize {
					return true
				}
			}
			return false
		}
	}
	for name, c := range map[string]struct {
		bad   func(string, int64, int64) bool
		first string // what is told while it can't be read
		then  string
	}{
		"all is well":     {nil, "a b words ", ""},
		"nothing":         {reading(".journal"), "words ", "a b "},
		"a task":          {slots(1), "b words ", "a "},
		"the process":     {slots(0), "a b words ", ""},
		"the last words":  {reading(".crash"), "a b ", "words "},
		"can't be opened": {opening(".crash"), "a b ", "words "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			dead, err := openTestDisk(dir)
			must(t, err)
			journal := dead.(*Disk).Journal()
			journal.Begin(Task{Type: "a", Started: time.Now()})
			journal.Begin(Task{Type: "b", Started: time.Now().Add(time.Second)})
			f, err := dead.(*Disk).CrashFile()
			must(t, err)
			_, err = f.WriteString("words")
			must(t, errors.Join(err, f.Close()))
			left := map[string][]byte{}
			for _, suffix := range []string{".journal", ".crash"} {
				names, err := filepath.Glob(filepath.Join(dir, "*", "*"+suffix))
				must(t, err)
				left[names[0]], err = os.ReadFile(names[0])
				must(t, err)
			}
			must(t, dead.Close())
			for path, content := range left { // as if it had died
				must(t, os.MkdirAll(filepath.Dir(path), 0o700))
				must(t, os.WriteFile(path, content, 0o600))
			}
			s, told := &sickSystem{System: disk.OS()}, ""
			s.spoil(c.bad)
			d, err := OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				System: s, Logger: slog.New(&logBook{}),
				OnDead: func(_ context.Context, dead Dead) bool {
					for _, task := range dead.Tasks {
						told += task.Type + " "
					}
					if dead.Crash != nil {
						told += string(dead.Crash) + " "
					}
					return true
				}})
			must(t, err)
			defer func() { _ = d.Close() }()
			for look := range 3 {
				_, err := adopted(d)
				must(t, err)
				if u := d.Unread(); u.Count != 0 != (c.then != "") || (u.Err != nil) != (u.Count != 0) {
					t.Errorf("look %d: unread %+v", look, u)
				}
			}
			if told != c.first {
				t.Errorf("told %q, want %q", told, c.first)
			}
			told = ""
			s.spoil(nil)
			for range 2 {
				_, err := adopted(d)
				must(t, err)
			}
			if u := d.Unread(); told != c.then || u.Count > 0 || u.Err != nil {
				t.Errorf("then told %q, want %q; unread %+v", told, c.then, u)
			}
			for path := range left {
				if fileExists(path) {
					t.Errorf("left: %s", path)
				}
			}
		})
	}
}

// TestUnreadFolder: a folder that can't be listed may hold anything, so a Flush that meets one is not true.
func TestUnreadFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaveBacklog(t, dir, 3, 10)
	s, server := &sickSystem{System: disk.OS()}, &sink{}
	s.spoil(listing)
	o := onSickDisk(t, dir, s, server, nil)
	if o.Flush(within(time.Second)) || !errors.Is(o.Stats().LastError, syscall.EIO) {
		t.Errorf("Flush: true; %+v", o.Stats())
	}
	s.spoil(nil)
	if !o.Flush(within(time.Minute)) || o.Stats().LastError != nil {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	sameIDs(t, server.got(), 3)
}

// TestFlushLooksForTheDead: what a process leaves that dies while others run is sent by the next Flush, which doesn't
// wait for the usual look.
func TestFlushLooksForTheDead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := &sink{}
	o := onSickDisk(t, dir, &sickSystem{System: disk.OS()}, server, nil)
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	leaveBacklog(t, dir, 3, 10)
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	sameIDs(t, server.got(), 3)
}

// TestUnreadLeavesRoom: events that can't be read may fill the outbox, but leave some room for those that are captured
// now.
func TestUnreadLeavesRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaveBacklog(t, dir, 300, 900)
	_, size := segmentFiles(t, dir)
	s, server := &sickSystem{System: disk.OS()}, &sink{}
	s.spoil(reading("000001.seg"))
	server.respond(status(http.StatusServiceUnavailable))
	o := onSickDisk(t, dir, s, server, func(c *Config, dc *DiskConfig) { c.MaxBytes, dc.MaxBytes = size, size })
	if o.Flush(within(time.Second)) {
		t.Error("Flush: true")
	}
	const events, each = 20, 900
	for i := range events {
		if !o.Put(testRecord(1000+i, each)) {
			t.Errorf("event %d isn't held", i)
		}
	}
	if st := o.Stats(); st.Dropped > 0 {
		t.Errorf("%+v", st)
	}
	s.spoil(nil)
	server.respond(nil)
	o.Flush(within(time.Minute)) // false: there is no room for all of them
	if st := o.Stats(); st.Pending > 0 || st.Delivered < 250 {
		t.Errorf("%+v", st)
	}
}

// TestUnreadPasses: one Flush gets over an error that passes.
func TestUnreadPasses(t *testing.T) {
	for name, bad := range map[string]func(string, int64, int64) bool{
		"a file": opening(".seg"), "the folder": listing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			leaveBacklog(t, dir, 3, 10)
			s, server, looks := &sickSystem{System: disk.OS()}, &sink{}, 0
			s.spoil(func(path string, off, n int64) bool {
				if !bad(path, off, n) {
					return false
				}
				looks++
				return looks < 3
			})
			o := onSickDisk(t, dir, s, server, nil)
			if !o.Flush(within(time.Minute)) || looks < 3 {
				t.Errorf("Flush: false; %+v; looked %d times", o.Stats(), looks)
			}
			sameIDs(t, server.got(), 3)
		})
	}
}

// TestUnreadForLong: what can't be read for as long as an event may wait is given up and counted, so that Flush is true
// again one day.
func TestUnreadForLong(t *testing.T) {
	for name, bad := range map[string]func(string, int64, int64) bool{
		"a sector": sectors(3), "the whole file": opening(".000001.seg"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, sameProcess := range []bool{true, false} {
				dir := t.TempDir()
				leaveBacklog(t, dir, 60, 900)
				s, server := &sickSystem{System: disk.OS()}, &sink{}
				s.spoil(bad)
				age := func() {
					names, _ := segmentFiles(t, dir)
					old := time.Now().Add(-31 * 24 * time.Hour)
					must(t, os.Chtimes(names[0], old, old))
				}
				if !sameProcess {
					age()
				}
				o := onSickDisk(t, dir, s, server, nil)
				if o.Flush(within(time.Second)) {
					t.Error("Flush: true")
				}
				if sameProcess {
					if st := o.Stats(); st.Pending == 0 || st.Dropped > 0 {
						t.Errorf("%+v", st)
					}
					age()
					o.Flush(within(time.Second))
				}
				o.mu.Lock()
				unread := o.disk.unread.Count
				o.mu.Unlock()
				if st := o.Stats(); unread != 0 || st.DroppedBy[reasonDamaged] == 0 {
					t.Errorf("%+v", st)
				}
				s.spoil(nil) // a payload in that sector has an event's own age
				if !o.Flush(within(time.Minute)) {
					t.Errorf("Flush: false; %+v", o.Stats())
				}
				if names, _ := segmentFiles(t, dir); len(names) > 0 {
					t.Errorf("left: %v", names)
				}
				o.Close(ended())
			}
		})
	}
}
