package outbox

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// A meddler is a slog.Handler that calls back into the outbox whenever it hears something, or panics.
type meddler struct {
	logBook
	outbox atomic.Pointer[Outbox]
	panics bool
	inside atomic.Bool
	calls  atomic.Int64
}

func (m *meddler) Handle(ctx context.Context, r slog.Record) error {
	_ = m.logBook.Handle(ctx, r)
	if m.panics {
		panic("a Logger that panics")
	}
	if o := m.outbox.Load(); o != nil && !m.inside.Swap(true) { // as one that reports warnings does
		defer m.inside.Store(false)
		o.Put(testRecord(900+int(m.calls.Add(1)), 10))
		o.Flush(within(10 * time.Millisecond))
		o.Stats()
		o.Discard(reasonSendError, CategoryError, 1)
		o.Wake()
	}
	return nil
}

func (m *meddler) WithAttrs([]slog.Attr) slog.Handler { return m }
func (m *meddler) WithGroup(string) slog.Handler      { return m }

// inTime fails the test unless f returns.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s hangs", what)
	}
}

// A lockedOut is a slog.Handler that needs a lock of the host program's.
type lockedOut struct {
	logBook
	host sync.Mutex
}

func (l *lockedOut) Handle(ctx context.Context, r slog.Record) error {
	l.host.Lock()
	defer l.host.Unlock()
	return l.logBook.Handle(ctx, r)
}

// TestSetPIIDoesNotLog: Reconfigure calls it with a lock held, which a Logger may be waiting for.
func TestSetPIIDoesNotLog(t *testing.T) {
	l := new(lockedOut)
	o := openTest(t, "http://127.0.0.1:1", func(c *Config) { c.Logger = slog.New(l) })
	l.host.Lock()
	defer l.host.Unlock()
	o.mu.Lock()
	o.say(slog.LevelWarn, "something that is to be logged")
	o.mu.Unlock()
	inTime(t, "SetPII", func() { o.SetPII(false) })
}

// TestLoggerMeddles has a Logger capture, flush and ask for the counts whenever it is called, and one that panics:
// nothing hangs, and nothing is lost.
func TestLoggerMeddles(t *testing.T) {
	for name, panics := range map[string]bool{"captures": false, "panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			leaveBacklog(t, dir, 3, 100)
			names, _ := segmentFiles(t, dir)
			must(t, os.Truncate(names[0], 400)) // damaged
			must(t, os.WriteFile(filepath.Join(filepath.Dir(names[0]), "notes.txt"), nil, 0o600))
			m := &meddler{panics: panics}
			server, s := &sink{}, &faultySystem{System: disk.OS()}
			o := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.Dir, c.Logger, c.Client = dir, slog.New(m), &http.Client{Transport: memoryTransport(server)}
				c.OpenStore = func() (Store, error) {
					return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
						MaxBytes: 64 << 20, Logger: slog.New(m), System: s, CheckEvery: -1})
				}
				c.timing.diskRetry = time.Millisecond
				c.timing.diskIdle, c.timing.adopt = 5*time.Millisecond, 5*time.Millisecond
			})
			m.outbox.Store(o)
			put := func(i int) {
				inTime(t, "Put", func() {
					if !o.Put(testRecord(i, 100)) {
						t.Errorf("event %d isn't held", i)
					}
				})
			}
			flush := func(want bool) {
				inTime(t, "Flush", func() {
					d := time.Minute
					if !want {
						d = 20 * time.Millisecond
					}
					if o.Flush(within(d)) != want {
						t.Errorf("Flush: %v; %+v", !want, o.Stats())
					}
				})
			}
			put(10)
			inTime(t, "Flush", func() { o.Flush(within(time.Minute)) }) // tells of the damage, once
			flush(true)
			server.respond(status(http.StatusForbidden))
			put(11)
			flush(false)
			server.respond(status(http.StatusServiceUnavailable))
			put(12)
			flush(false)
			removeUnder(t, filepath.Dir(names[0]))
			put(13)
			s.mu.Lock()
			s.from, s.many = s.calls+1, true
			s.mu.Unlock()
			put(14)
			eventually(t, "the disk's failure is told", func() bool { return m.count("WARN", "memory") > 0 })
			s.heal()
			server.respond(nil)
			eventually(t, "all arrive", func() bool {
				got := map[string]bool{}
				for _, id := range server.got() {
					got[id] = true
				}
				for i := 10; i < 15; i++ {
					if !got[eventIDOf(i)] {
						return false
					}
				}
				return true
			})
			inTime(t, "Close", func() { o.Close(within(time.Second)) })
			for _, word := range []string{"damaged", "not ours", "deleted", "refuses"} {
				if m.count(word) == 0 {
					t.Errorf("not told: %s; %q", word, m.lines)
				}
			}
		})
	}
}

// TestCallbacksPanic: no callback brings the program down, and none is called with a lock held.
func TestCallbacksPanic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaveBacklog(t, dir, 3, 100)
	names, _ := segmentFiles(t, dir)
	b, err := os.ReadFile(names[0])
	must(t, err)
	clear(b[segmentHeader : segmentHeader+10]) // the first record
	must(t, os.WriteFile(names[0], b, 0o600))
	var o atomic.Pointer[Outbox]
	ready := make(chan struct{})
	server := &sink{}
	serve := memoryTransport(server)
	var sent, dead atomic.Int32
	f, err := os.Create(names[0][:len(names[0])-len(".000001.seg")] + ".crash")
	must(t, err)
	_, err = f.WriteString("panic: x")
	must(t, errors.Join(err, f.Chmod(0o600), f.Close()))
	box := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.CloseIdle = func() { panic("CloseIdle") }
		c.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			o.Load().Stats()
			switch sent.Add(1) {
			case 1:
				panic("RoundTrip")
			case 2:
				return nil, errors.New("no network")
			}
			return serve.RoundTrip(r)
		})}
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				MaxBytes: 64 << 20, OnDead: func(context.Context, Dead) bool {
					<-ready
					o.Load().Put(testRecord(10, 10))
					o.Load().Stats()
					o.Load().main.Forget() // takes every lock of the store
					if dead.Add(1) == 1 {
						panic("OnDead")
					}
					return true
				}})
		}
	})
	o.Store(box)
	close(ready)
	for range 3 {
		inTime(t, "Flush", func() { box.Flush(within(10 * time.Second)) })
	}
	if st := box.Stats(); st.Delivered != 4 || st.DroppedBy[reasonDamaged] != 1 || dead.Load() != 2 {
		t.Errorf("%+v, told %d times", st, dead.Load())
	}
	inTime(t, "Close", func() { box.Close(ended()) })
}
