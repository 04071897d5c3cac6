package disk

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// TestOneTimerForAllRounds: calls that end in time leave the hand's timer alone, and close stops it.
func TestOneTimerForAllRounds(t *testing.T) {
	h := newHand(time.Hour, osSystem{}.MayHang)
	var due time.Time
	for i := range 10 {
		must(t, h.do(func() {}, false))
		if i == 0 {
			due = h.due
		}
		if !h.armed || h.due != due {
			t.Fatalf("round %d: armed %v, due %v, want %v", i, h.armed, h.due, due)
		}
	}
	h.close()
	if h.timer.Stop() {
		t.Error("the timer outlives the hand")
	}
}

// TestTimerOfAnEarlierRound: it gives a later round all of its time, and nothing when nothing happens.
func TestTimerOfAnEarlierRound(t *testing.T) {
	h := newHand(time.Hour, osSystem{}.MayHang)
	defer h.close()
	must(t, h.do(func() {}, false))
	h.expire()
	if h.armed {
		t.Error("it goes on while nothing happens")
	}
	err := h.do(func() {
		h.mu.Lock()
		h.began = h.began.Add(-time.Hour / 2)
		h.mu.Unlock()
		h.expire()
	}, false)
	if left := time.Until(h.due); err != nil || !h.armed || left < time.Hour/2-time.Minute || left > time.Hour/2 {
		t.Errorf("error %v, armed %v, %v left", err, h.armed, left)
	}
}

// TestBusyMachine: calls that take long while no thread waits for the disk have more time, but not for ever.
func TestBusyMachine(t *testing.T) {
	tests := map[string]struct {
		rounds  int // that take longer than the limit
		mayHang bool
		want    error
	}{
		"busy":             {rounds: 10},
		"disk that hangs":  {rounds: 10, mayHang: true, want: store.ErrHangs},
		"without an end":   {rounds: 2 * maxStarved, want: store.ErrHangs},
		"within the limit": {rounds: 0, mayHang: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHand(time.Hour, func() bool { return test.mayHang })
			defer h.close()
			err := h.do(func() {
				for range test.rounds {
					h.mu.Lock()
					h.began = h.began.Add(-2 * time.Hour)
					h.mu.Unlock()
					h.expire()
				}
			}, false)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// TestEndIsWaitedFor: once End returns, the journal's file says that the task is over.
func TestEndIsWaitedFor(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	must(t, err)
	defer func() { _ = d.Close() }()
	slot := d.Journal().Begin(Task{Type: "a"})
	if _, tasks := noted(t, d); len(tasks) != 1 {
		t.Errorf("%d tasks run, want 1", len(tasks))
	}
	slot.End()
	if _, tasks := noted(t, d); len(tasks) != 0 {
		t.Errorf("%d tasks run after the end", len(tasks))
	}
	Slot{}.End()
}

// A freezer is the real system, whose writes to segments wait for thaw, if there is one.
type freezer struct {
	System
	thaw chan struct{}
}

func (*freezer) MayHang() bool { return true }

func (s *freezer) Open(path string, flag int) (File, error) {
	f, err := s.System.Open(path, flag)
	if _, kind := parseName(filepath.Base(path)); kind != kindSegment || err != nil {
		return f, err
	}
	return frozen{f, s}, nil
}

type frozen struct {
	File
	s *freezer
}

func (f frozen) WriteAt(b []byte, off int64) (int, error) {
	<-f.s.thaw
	return f.File.WriteAt(b, off)
}

// TestPutLeftWhileItHangs: a record that the disk takes after its caller was told that it hangs is done before anything
// else happens, a Close that has begun included. The caller keeps it elsewhere, and it would be sent twice.
func TestPutLeftWhileItHangs(t *testing.T) {
	t.Parallel()
	dir, sys := t.TempDir(), &freezer{System: osSystem{}, thaw: make(chan struct{})}
	d, err := Open(Config{Patience: time.Millisecond, Dir: dir, DSN: "http://key@127.0.0.1/1", System: sys})
	must(t, err)
	if _, err := d.Put(testRecord(0, 100)); !errors.Is(err, store.ErrHangs) {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	d.writes.mu.Lock() // what becomes of the record isn't decided yet
	close(sys.thaw)
	for range 10_000 {
		runtime.Gosched()
		if d.mu.TryLock() {
			if d.closed {
				t.Error("Close goes on before that is decided")
			}
			d.mu.Unlock()
		}
	}
	d.writes.mu.Unlock()
	must(t, <-closed)
	next, err := openTestDisk(dir)
	must(t, err)
	defer func() { _ = next.Close() }()
	if entries, err := adopted(next); err != nil || len(entries) > 0 {
		t.Errorf("%d records wait, %v", len(entries), err)
	}
}

// TestBeginWhileTheStoreHangs: a task begins in time beside a call to the disk that hangs, though its own note is
// written at once. Then it isn't noted: the disk that answers is told so.
func TestBeginWhileTheStoreHangs(t *testing.T) {
	t.Parallel()
	sys := &freezer{System: osSystem{}}
	d, err := Open(Config{Patience: time.Millisecond, Dir: t.TempDir(), DSN: "http://key@127.0.0.1/1", System: sys})
	must(t, err)
	defer func() { _ = d.Close() }()
	d.mu.Lock() // as an adoption does in a rename that hangs
	begun := make(chan Slot)
	go func() { begun <- d.Journal().Begin(Task{Type: "a"}) }()
	select {
	case slot := <-begun:
		if slot != (Slot{}) {
			t.Error("it is noted")
		}
	case <-time.After(time.Minute):
		t.Error("it waits for the disk")
	}
	d.mu.Unlock()
	for d.writes.hangs() {
		runtime.Gosched()
	}
	if _, tasks := noted(t, d); len(tasks) > 0 {
		t.Errorf("tasks: %v", tasks)
	}
}
