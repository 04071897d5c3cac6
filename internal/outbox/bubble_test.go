package outbox

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// TestUsedInABubble has an outbox that was opened outside of a synctest bubble be used inside: nothing of it is in the
// bubble, which ends, nothing is lost or expires by the bubble's clock, and a Flush ends by the real one.
func TestUsedInABubble(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			s.respond(status(http.StatusServiceUnavailable))
			server := httptest.NewServer(s)
			defer server.Close()
			o := openTest(t, server.URL, func(c *Config) {
				c.OpenStore = open
				*c.timing = defaultTiming
			})
			put := func(from, to int) {
				for i := from; i < to; i++ {
					r := testRecord(i, 2000)
					r.Urgent = i%5 == 0
					if i%2 == 0 {
						r = ofCategory(r, CategoryTransaction)
					}
					if !o.Put(r) {
						t.Errorf("event %d isn't held", i)
					}
				}
			}
			flush := func(d time.Duration, want bool) {
				t.Helper()
				ctx, cancel := o.Timeout(d)
				defer cancel()
				if o.Flush(ctx) != want {
					t.Errorf("Flush: %v; %+v", !want, o.Stats())
				}
			}
			put(0, 10)
			synctest.Test(t, func(*testing.T) {
				start := time.Now()
				put(10, 20)
				flush(50*time.Millisecond, false)
				if o.Flush(within(50*time.Millisecond)) || time.Since(start) != 0 {
					t.Error("Flush with a timeout of the bubble: true, or it passed there")
				}
				if o.Flush(ended()) {
					t.Error("Flush with a ctx that has ended: true")
				}
				s.respond(nil)
				flush(time.Minute, true)
				o.Discard(reasonSendError, CategoryError, 1)
				o.SetPII(true)
				o.Wake()
				o.Clear()
				put(20, 30)
				time.Sleep(90 * 24 * time.Hour) // in which everything would be too old
				put(30, 40)
				if st := o.Stats(); st.Dropped != 1 {
					t.Errorf("%+v", st)
				}
				if time.Since(start) != 90*24*time.Hour {
					t.Errorf("%v passed in the bubble", time.Since(start))
				}
			})
			put(40, 50)
			flush(time.Minute, true)
			sameIDs(t, s.got(), 50)
			wantStats(t, o, Stats{Captured: 50, Delivered: 50, Dropped: 1})
			put(50, 51)
			synctest.Test(t, func(*testing.T) {
				ctx, cancel := o.Timeout(time.Minute)
				defer cancel()
				if !o.Close(ctx) || o.Put(testRecord(51, 10)) {
					t.Error("Close: false, or Put after it: true")
				}
			})
			sameIDs(t, s.got(), 51)
		})
	}
}

// TestSwitchesInABubble has the store, the server and the room fail while an outbox from outside is used inside.
func TestSwitchesInABubble(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	s, sys := &sink{}, &faultySystem{System: disk.OS(), many: true}
	server := httptest.NewServer(s)
	defer server.Close()
	o := openTest(t, server.URL, func(c *Config) {
		c.Dir = dir
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
				MaxBytes: 1 << 20, System: sys})
		}
		c.timing.diskRetry, c.timing.diskIdle = time.Millisecond, 5*time.Millisecond
	})
	n := 0
	inside := func() {
		synctest.Test(t, func(*testing.T) {
			for range 5 {
				r := testRecord(n, 100)
				r.Urgent = true
				if !o.Put(r) {
					t.Errorf("event %d isn't held", n)
				}
				n++
			}
			ctx, cancel := o.Timeout(20 * time.Millisecond)
			defer cancel()
			o.Flush(ctx)
		})
	}
	inside()
	sys.mu.Lock()
	sys.from = sys.calls + 1
	sys.mu.Unlock()
	inside()
	s.respond(headersOf(429, "X-Sentry-Rate-Limits: 1:error:key"))
	inside()
	sys.heal()
	inside()
	s.respond(headersOf(200, "X-Sentry-Rate-Limits: 3600:transaction:key"))
	inside()
	removeUnder(t, dir)
	inside()
	s.respond(nil)
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v", o.Stats())
	}
	got := map[string]bool{}
	for _, id := range s.got() {
		got[id] = true
	}
	if st := o.Stats(); len(got) != n || st.Dropped > 0 {
		t.Errorf("%d of %d arrived; %+v", len(got), n, st)
	}
}

// TestMadeInABubble: an outbox that is opened inside a bubble lives by its clock, with a server outside, and Close
// leaves nothing behind, or the bubble would not end.
func TestMadeInABubble(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close") // an idle connection would hold the bubble's clock
				s.ServeHTTP(w, r)
			}))
			defer server.Close()
			synctest.Test(t, func(t *testing.T) {
				transport := &http.Transport{}
				o := Open(Config{
					URL: server.URL, Auth: "Sentry auth", UserAgent: "test/1", PII: true, OpenStore: open,
					Client: &http.Client{Transport: transport}, CloseIdle: transport.CloseIdleConnections,
				})
				s.respond(status(http.StatusServiceUnavailable))
				start := time.Now()
				for i := range 10 {
					r := testRecord(i, 100)
					r.Urgent = i%5 == 0
					o.Put(r)
				}
				if o.Flush(within(10*time.Second)) || time.Since(start) != 10*time.Second {
					t.Errorf("Flush: true, or it took %v", time.Since(start))
				}
				s.respond(nil)
				time.Sleep(10 * time.Minute) // tried again by the bubble's clock
				if n := len(s.got()); n != 10 {
					t.Errorf("%d arrived; %+v", n, o.Stats())
				}
				o.Put(testRecord(10, 100))
				if !o.Close(within(time.Minute)) {
					t.Error("Close: false")
				}
			})
			sameIDs(t, s.got(), 11)
		})
	}
}
