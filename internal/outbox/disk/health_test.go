package disk

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// TestHealth: what a process is told of its delivery others read while it lives, and after it was killed; it costs no
// write a call and none while nothing changes, and is gone when the process ends in good order.
func TestHealth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sys := &healthCounter{System: OS()}
	d, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20,
		System: sys})
	must(t, err)
	if l := lookAtOne(t, dir).Left[0]; l.Health.Dropped != nil || l.Health.Error != "" || !l.Tells || l.Envelopes != 0 {
		t.Errorf("before: %+v", l)
	}
	at := time.Unix(1700000000, 0).UTC()
	for i := range uint64(1000) {
		d.Tell(store.Health{
			Dropped: map[string]uint64{"queue_overflow": i + 1}, Error: strings.Repeat("<", 10*maxError), ErrorAt: at,
		})
	}
	slot := d.Journal().Begin(Task{Type: "backup"})
	must(t, d.Sync())
	if n := sys.writes.Load(); n == 0 || n > 100 {
		t.Errorf("%d writes for a thousand calls", n)
	}
	written := sys.writes.Load()
	for i := range 100 {
		_, err := d.Put(testRecord(i, 100))
		must(t, err)
	}
	must(t, d.Sync())
	if n := sys.writes.Load(); n != written {
		t.Errorf("%d writes while nothing had changed", n-written)
	}
	l := lookAtOne(t, dir).Left[0]
	h := l.Health
	if h.Dropped["queue_overflow"] != 1000 || h.Error != strings.Repeat("<", maxError) || !h.ErrorAt.Equal(at) ||
		!h.Solved.IsZero() || l.Envelopes != 100 || l.Bytes == 0 || len(l.Tasks) != 1 || l.Process.PID != os.Getpid() {
		t.Errorf("%+v", l)
	}

	// What stands in its place half written, or by chance, says nothing; the rest of the journal is read as before.
	name := d.Journal().path
	whole, err := os.ReadFile(name)
	must(t, err)
	for at := healthOffset; at < healthOffset+100; at += 7 {
		torn := append([]byte(nil), whole...)
		torn[at] ^= 0x40
		copied := t.TempDir()
		folder := filepath.Join(copied, filepath.Base(d.dir))
		must(t, os.Mkdir(folder, 0o700))
		must(t, os.WriteFile(filepath.Join(folder, filepath.Base(name)), torn, 0o600))
		l := lookAtOne(t, copied).Left[0]
		if l.Health.Error != "" || l.Health.Dropped != nil || len(l.Tasks) != 1 || l.Envelopes != 100 {
			t.Errorf("byte %d damaged: %+v", at, l)
		}
	}
	slot.End()
	must(t, d.Close())
	if l := lookAtOne(t, dir).Left[0]; !l.Ended || l.Health.Error != "" || len(l.Tasks) > 0 {
		t.Errorf("after Close: %+v", l)
	}
}

// A healthCounter counts the writes of a process's health.
type healthCounter struct {
	System
	writes atomic.Int64
}

func (s *healthCounter) Open(path string, flag int) (File, error) {
	f, err := s.System.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return healthFile{f, s, strings.HasSuffix(path, ".journal")}, nil
}

type healthFile struct {
	File
	s       *healthCounter
	journal bool
}

func (f healthFile) WriteAt(b []byte, at int64) (int, error) {
	if f.journal && at == healthOffset {
		f.s.writes.Add(1)
	}
	return f.File.WriteAt(b, at)
}
