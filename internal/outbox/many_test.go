package outbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// noisyRecord is an event that packing makes no smaller.
func noisyRecord(i, size int) *Record {
	r := testRecord(i, 0)
	noise := make([]byte, size)
	_, _ = rand.Read(noise)
	r.Payload = append(r.Payload, noise...)
	return r
}

// TestCalmSiblings: what siblings have delivered takes no room, however large their files still are.
func TestCalmSiblings(t *testing.T) {
	t.Parallel()
	const room = 1 << 20
	dir := t.TempDir()
	open := func() (Store, error) {
		return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: room})
	}
	for i := range 20 { // living processes, each with one event that waits behind many delivered ones
		other, err := open()
		must(t, err)
		defer func() { _ = other.Close() }()
		for n := range 20 {
			e, err := other.Put(noisyRecord(i*100+n, 3000))
			must(t, err)
			if n > 0 {
				must(t, other.Done(e))
			}
		}
		must(t, other.Sync()) // which tells how much waits
	}
	if _, bytes := segmentFiles(t, dir); bytes < room {
		t.Fatalf("only %d bytes of segments", bytes)
	}
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore, c.MaxBytes = open, room
		c.Client = &http.Client{Transport: memoryTransport(s)}
	})
	eventually(t, "it has looked", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.disk.looks > 0 })
	for i := range 50 {
		if !o.Put(noisyRecord(5000+i, 10_000)) {
			t.Fatalf("event %d isn't held", i)
		}
	}
	if st := o.Stats(); st.Pending != 50 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
}

// TestBacklogCountsOnce: while a backlog that nearly fills the room is adopted, captures are held and nothing of either
// is lost as long as both fit.
func TestBacklogCountsOnce(t *testing.T) {
	t.Parallel()
	const room, size = 4 << 20, 20_000
	dir := t.TempDir()
	open := func() (Store, error) {
		return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: room})
	}
	n := 0
	for range 10 {
		dead, err := open()
		must(t, err)
		for range 15 {
			_, err := dead.Put(noisyRecord(n, size))
			must(t, err)
			n++
		}
		must(t, dead.Close())
	}
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore, c.MaxBytes = open, room
		c.Client = &http.Client{Transport: memoryTransport(s)}
	})
	for range 40 { // 3.8 MB together
		if !o.Put(noisyRecord(n, size)) {
			t.Fatalf("event %d isn't held", n)
		}
		n++
	}
	o.Flush(within(20 * time.Millisecond))
	s.respond(nil)
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	sameIDs(t, sorted(s.got()), n)
}

// TestShortLife: a process sends of a large backlog from its first segment on, and one that ends at once doesn't wait
// until it has seen the rest.
func TestShortLife(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const segments = 50
	for i := range segments {
		dead, err := openTestDisk(dir)
		must(t, err)
		_, err = dead.Put(testRecord(i, 10))
		must(t, err)
		must(t, dead.Close())
	}
	s := &sink{}
	var claimed atomic.Int32
	gate := &gatedSystem{System: disk.OS(), claimed: &claimed, gate: make(chan struct{}), after: 3}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client = &http.Client{Transport: memoryTransport(s)}
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{
				Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20, System: gate,
			})
		}
	})
	eventually(t, "the first arrive while the rest can't be read yet", func() bool { return s.count() >= 2 })
	done := make(chan struct{})
	go func() {
		o.Close(ended())
		close(done)
	}()
	eventually(t, "Close has begun", func() bool { return o.work.Err() != nil })
	close(gate.gate)
	<-done
	if n := int(claimed.Load()); n > segments/2 {
		t.Errorf("%d processes were claimed", n)
	}
	next := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client = &http.Client{Transport: memoryTransport(s)}
		c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
	})
	if !next.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", next.Stats())
	}
	got := sorted(s.got())
	sameIDs(t, got, segments)
}

// A gatedSystem is the real system, on which only a few dead processes can be claimed at first.
type gatedSystem struct {
	disk.System
	claimed *atomic.Int32
	gate    chan struct{}
	after   int32
}

func (s *gatedSystem) Open(path string, flag int) (disk.File, error) {
	claims := strings.HasSuffix(path, ".journal") && flag&os.O_CREATE != 0 && flag&os.O_EXCL == 0
	if claims && s.claimed.Add(1) > s.after {
		<-s.gate
	}
	return s.System.Open(path, flag)
}

// TestManyInterrupted: ten thousand interrupted tasks cost no more than they must, from the dead process's journal to
// the server: each is read once, written once and reported once, and they are synced together.
func TestManyInterrupted(t *testing.T) {
	t.Parallel()
	const tasks = 10_001
	dir := leaveInterrupted(t, tasks)
	sys, s := &countingSystem{System: disk.OS()}, &sink{}
	var o *Outbox
	opened := make(chan struct{})
	o = openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client = &http.Client{Transport: memoryTransport(s)}
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{
				Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20, System: sys,
				OnDead: func(_ context.Context, dead Dead) bool {
					<-opened
					for _, task := range dead.Tasks {
						r := testRecord(0, 100)
						r.EventID, r.Urgent = task.EventID, true
						r.Payload = bytes.ReplaceAll(r.Payload, []byte(eventIDOf(0)), []byte(task.EventID))
						if !o.Put(r) {
							return false
						}
					}
					return true
				},
			})
		}
	})
	close(opened)
	if !o.Flush(within(5 * time.Minute)) {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	arrived := sorted(s.got())
	if n := len(slices.Compact(arrived)); n != tasks || len(arrived) != tasks {
		t.Errorf("%d arrived, %d of them different", len(arrived), n)
	}
	t.Logf("%d syncs, %d files opened, %d other calls on files", sys.syncs.Load(), sys.opens.Load(), sys.calls.Load())
	if n := sys.syncs.Load(); n == 0 || n > tasks/100 {
		t.Errorf("%d syncs", n)
	}
	if n := sys.opens.Load(); n > tasks/10 {
		t.Errorf("%d files opened", n)
	}
	// A slot is read, a report written, what waits told, the payload read and marked as done.
	if n := sys.calls.Load(); n > 8*tasks {
		t.Errorf("%d calls on files", n)
	}
}

// TestCloseWhileDeadAreReported: Close doesn't wait until all of a dead process's tasks are reported. The next process
// reports them.
func TestCloseWhileDeadAreReported(t *testing.T) {
	t.Parallel()
	const tasks = 100
	dir := leaveInterrupted(t, tasks)
	var all int
	for _, inTime := range []bool{false, true} {
		began, reported := make(chan struct{}), 0
		o := openTest(t, "http://127.0.0.1:1/", func(c *Config) {
			c.OpenStore = func() (Store, error) {
				return OpenDisk(DiskConfig{
					Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20,
					OnDead: func(ctx context.Context, dead Dead) bool {
						close(began)
						for range dead.Tasks {
							if !inTime {
								<-ctx.Done()
								return false
							}
							reported++
						}
						return true
					},
				})
			}
		})
		<-began
		if inTime {
			eventually(t, "the look is over", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.disk.looks > 0 })
		}
		o.Close(ended())
		all += reported
	}
	if all != tasks {
		t.Errorf("%d reports", all)
	}
}

// leaveInterrupted returns a folder in which a process was killed in the middle of tasks.
func leaveInterrupted(t *testing.T, tasks int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	startChild(t, "in tasks", dir, "", tasks).killAfter(t, 1, 0)
	return dir
}

func init() { otherRoles["in tasks"] = inTasks }

// inTasks begins as many tasks as it is told to, and prints their number.
func inTasks() {
	d, err := openTestDisk(os.Getenv(childDir))
	if err != nil {
		panic(err)
	}
	tasks, err := strconv.Atoi(os.Getenv(childFrom))
	if err != nil {
		panic(err)
	}
	for i := range tasks {
		d.(*Disk).Journal().Begin(Task{Type: fmt.Sprint(i), Started: time.Unix(int64(i), 0)})
	}
	fmt.Println(tasks)
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or an orphan
}

// TestCloseBesideABacklog: however many segments earlier processes left, Close neither opens, reads nor writes them.
func TestCloseBesideABacklog(t *testing.T) {
	t.Parallel()
	const segments = 200
	dir := t.TempDir()
	for i := range segments {
		dead, err := openTestDisk(dir)
		must(t, err)
		_, err = dead.Put(testRecord(i, 10))
		must(t, err)
		must(t, dead.Close())
	}
	sys := &countingSystem{System: disk.OS()}
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client = &http.Client{Transport: memoryTransport(s)}
		c.timing.retry, c.timing.retryMax = time.Hour, time.Hour // nothing is read to be sent any more
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{
				Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20, System: sys,
			})
		}
	})
	eventually(t, "the backlog is known", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.queue.count == segments && !o.disk.adopting && o.sending == 0
	})
	must(t, o.main.Sync()) // what adoption has asked for
	opens, calls := sys.opens.Load(), sys.calls.Load()
	o.Close(ended())
	opens, calls = sys.opens.Load()-opens, sys.calls.Load()-calls
	if opens > 0 || calls > 10 { // the journal is cut and told once more
		t.Errorf("%d files opened, %d calls on files", opens, calls)
	}
	if names, _ := segmentFiles(t, dir); len(names) != segments {
		t.Errorf("%d segments are left", len(names))
	}
}

// A countingSystem is the real system, and counts what is done with files.
type countingSystem struct {
	disk.System
	opens, syncs atomic.Int32
	calls        atomic.Int32 // reads, writes, cuts and syncs
}

func (s *countingSystem) Open(path string, flag int) (disk.File, error) {
	s.opens.Add(1)
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return countingFile{f, s}, nil
}

type countingFile struct {
	disk.File
	s *countingSystem
}

func (f countingFile) Sync() error {
	f.s.syncs.Add(1)
	f.s.calls.Add(1)
	return f.File.Sync()
}

func (f countingFile) ReadAt(b []byte, off int64) (int, error) {
	f.s.calls.Add(1)
	return f.File.ReadAt(b, off)
}

func (f countingFile) WriteAt(b []byte, off int64) (int, error) {
	f.s.calls.Add(1)
	return f.File.WriteAt(b, off)
}

func (f countingFile) Truncate(size int64) error {
	f.s.calls.Add(1)
	return f.File.Truncate(size)
}

// TestCutTail: what a cut segment has lost counts as many as its process noted to wait, whether it was killed or
// closed.
func TestCutTail(t *testing.T) {
	t.Parallel()
	const events = 100
	for _, killed := range []bool{false, true} {
		dir := t.TempDir()
		dead, err := openTestDisk(dir)
		must(t, err)
		for i := range events {
			_, err := dead.Put(testRecord(i, 1000))
			must(t, err)
		}
		must(t, dead.Sync()) // which tells how many wait
		left := dir
		if killed {
			left = t.TempDir() // a copy has no lock
			must(t, os.CopyFS(left, os.DirFS(dir)))
		}
		must(t, dead.Close())
		must(t, filepath.Walk(left, func(path string, info os.FileInfo, err error) error {
			switch {
			case info.IsDir():
				return os.Chmod(path, 0o700) //nolint:gosec // a folder
			case strings.HasSuffix(path, ".seg"):
				must(t, os.Truncate(path, info.Size()/3))
			}
			return os.Chmod(path, 0o600)
		}))
		s := &sink{}
		o := openTest(t, "http://127.0.0.1/", func(c *Config) {
			c.Client = &http.Client{Transport: memoryTransport(s)}
			c.OpenStore = func() (Store, error) { return openTestDisk(left) }
		})
		if o.Flush(within(time.Minute)) {
			t.Error("the Flush that meets damage: true")
		}
		if !o.Flush(within(time.Minute)) {
			t.Errorf("the next Flush: false; %+v", o.Stats())
		}
		if st := o.Stats(); st.Delivered == 0 || st.Delivered+st.DroppedBy[reasonDamaged] != events {
			t.Errorf("killed: %v: %+v", killed, st)
		}
		o.Close(ended())
		if files, err := os.ReadDir(left); err != nil || len(files) > 0 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	}
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}
