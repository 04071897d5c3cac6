package outbox

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// leaveBacklog has an earlier process leave n events of about size bytes in dir.
func leaveBacklog(t *testing.T, dir string, n, size int) {
	t.Helper()
	left, err := openTestDisk(dir)
	must(t, err)
	for i := range n {
		_, err := left.Put(testRecord(i, size))
		must(t, err)
	}
	must(t, left.Close())
}

// TestBacklog: 10,000 events that wait don't hold up the start, take no memory to speak of, and are sent at once under
// Flush. It isn't parallel: it measures memory.
func TestBacklog(t *testing.T) {
	n := 10_000
	if testing.Short() || raceEnabled {
		n /= 10
	}
	dir := t.TempDir()
	leaveBacklog(t, dir, n, 4<<10)
	var most atomic.Int64 // the most memory that was seen in use
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)%1000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), int64(m.HeapAlloc)))
		}
	}))
	defer server.Close()
	runtime.GC()
	var idle runtime.MemStats
	runtime.ReadMemStats(&idle)

	var o *Outbox
	gate := &gatedSystem{System: disk.OS(), claimed: new(atomic.Int32), gate: make(chan struct{})}
	inTime(t, "Open, before anything of the backlog can be read,", func() {
		o = openTest(t, server.URL, func(c *Config) {
			c.OpenStore = func() (Store, error) {
				return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
					MaxBytes: 64 << 20, System: gate})
			}
			c.timing.openWait = time.Hour
		})
	})
	close(gate.gate)
	start := time.Now()
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	took := time.Since(start)
	if got := requests.Load(); got != int64(n) {
		t.Errorf("%d arrived, want %d", got, n)
	}
	grown := max(0, most.Load()-int64(idle.HeapAlloc)) >> 20
	if grown > 16 {
		t.Errorf("memory grew by %d MiB", grown)
	}
	t.Logf("%.0f events a second; memory grew by %d MiB", float64(n)/took.Seconds(), grown)
}

// TestBacklogPace: unless a Flush asks for it the backlog is sent at 50 a second, and never before what is captured
// now.
func TestBacklogPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		leaveBacklog(t, dir, 1000, 10)
		s := &sink{}
		o := openAtLeisure(s, func(c *Config) {
			c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
		})
		defer o.Close(ended())
		time.Sleep(10 * time.Second)
		if n := len(s.got()); n < 450 || n > 510 {
			t.Errorf("%d of the backlog were sent in 10 s", n)
		}
		o.Put(testRecord(5000, 10))
		time.Sleep(time.Second)
		if !slices.Contains(s.got(), eventIDOf(5000)) {
			t.Error("a new event waits behind old ones")
		}
		if !o.Flush(within(time.Minute)) {
			t.Error("Flush: false")
		}
		if n := len(s.got()); n != 1001 {
			t.Errorf("%d arrived", n)
		}
	})
}

// TestBacklogBesideABusyProcess: what earlier processes left is sent, and a Flush comes to its end, although this
// process captures faster than the server takes it. Each answer brings the next two captures.
func TestBacklogBesideABusyProcess(t *testing.T) {
	dir := t.TempDir()
	leaveBacklog(t, dir, 1, 1000)
	var o *Outbox
	var made atomic.Int64
	left, opened := make(chan struct{}), make(chan struct{})
	s := &sink{}
	s.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
		<-opened
		if id == eventIDOf(0) {
			close(left)
		}
		select {
		case <-left:
		default:
			for range 2 {
				o.Put(testRecord(int(made.Add(1)), 1000))
			}
		}
		return false
	})
	server := httptest.NewServer(s)
	defer server.Close()
	o = openTest(t, server.URL, func(c *Config) {
		c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
	})
	for range 50 {
		o.Put(testRecord(int(made.Add(1)), 1000))
	}
	close(opened)
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush = false; %+v", o.Stats())
	}
	select {
	case <-left:
	default:
		t.Error("what was left hasn't been sent")
	}
}
