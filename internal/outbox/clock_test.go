package outbox

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run by synctest's clock, with the real delays.

// openAtLeisure opens an outbox without a network and with the delays that programs see. The caller closes it.
func openAtLeisure(h http.Handler, change func(*Config)) *Outbox {
	cfg := Config{URL: "http://127.0.0.1/", Auth: "Sentry auth", UserAgent: "test/1",
		Client: &http.Client{Transport: memoryTransport(h)}, PII: true}
	if change != nil {
		change(&cfg)
	}
	return Open(cfg)
}

// counter answers every envelope with a status, and counts them.
type counter struct {
	sink
	times []time.Duration // of the requests, since start
	start time.Time
}

func count(code int) *counter {
	c := &counter{start: time.Now()}
	c.respond(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.times = append(c.times, time.Since(c.start))
		w.WriteHeader(code)
		return true
	})
	return c
}

// asked returns when the requests came.
func (c *counter) asked() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.times)
}

// TestRetries: after failures the server is asked again after 1 s, doubled up to 5 minutes, by one request at a time.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(500)
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		for i := range 20 { // all of them fail, so none is given up
			o.Put(testRecord(i, 10))
		}
		time.Sleep(24 * time.Hour)
		times := c.asked()
		if n := len(times); n < 200 || n > 24*12*5/4+20 {
			t.Errorf("%d requests in a day", n)
		}
		previous := times[0]
		want := time.Second
		for i, at := range times[1:] {
			if at == previous && i < perSender { // some began before the first failed
				continue
			}
			if gap := at - previous; gap < want*7/10 || gap > want*13/10 {
				t.Fatalf("request %d came after %v, want about %v", i+1, gap, want)
			}
			want = min(2*want, 5*time.Minute)
			previous = at
		}
		wantStats(t, o, Stats{Captured: 20, Pending: 20})
		c.respond(nil)
		time.Sleep(6*time.Minute + 20*time.Second)
		sameIDs(t, c.got(), 20)
	})
}

// TestBarred: a refused key is tried again every 5 minutes, without hurry, until it is mended.
func TestBarred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(403)
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		o.Put(testRecord(0, 10))
		time.Sleep(time.Second)
		for i := range 5 {
			o.Put(testRecord(1+i, 10)) // doesn't ask again
		}
		time.Sleep(31 * time.Minute)
		if times := c.asked(); len(times) != 7 {
			t.Errorf("requests in half an hour: %v", times)
		}
		c.respond(nil)
		time.Sleep(5 * time.Minute)
		sameIDs(t, c.got(), 6)
	})
}

// TestAge: what can't be sent is dropped after 30 days, transactions after 5.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(503)
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		o.Put(testRecord(0, 10))
		o.Put(ofCategory(testRecord(1, 10), CategoryTransaction))
		for _, step := range []struct {
			days    int
			pending uint64
		}{{4, 2}, {6, 1}, {29, 1}, {31, 0}} {
			time.Sleep(time.Duration(step.days)*24*time.Hour - time.Since(c.start))
			if n := o.Stats().Pending; n != step.pending {
				t.Errorf("after %d days %d wait, want %d", step.days, n, step.pending)
			}
		}
		if n := o.Stats().DroppedBy[reasonQueueOverflow]; n != 2 {
			t.Errorf("%d dropped, want 2", n)
		}
	})
}

// TestClockJumps: what an earlier process has left is as old as the server's clock says, whatever ours says.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	captured := func(ages ...time.Duration) (list []*Record) {
		for i, age := range ages {
			r := testRecord(i, 10)
			r.Time = time.Now().Add(-age)
			list = append(list, r)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		server time.Duration // ahead of us
		ages   []time.Duration
		want   []int // that arrive
	}{
		{"clocks agree", 0, []time.Duration{31 * day, 29 * day, time.Minute}, []int{1, 2}},
		{"ours is ahead by 40 days", -40 * day, []time.Duration{31 * day, 41 * day, time.Minute}, []int{0, 1, 2}},
		{"ours is behind by 40 days", 40 * day, []time.Duration{-39 * day, time.Minute}, []int{0}},
		{"captured before the clock was set", 0, []time.Duration{27 * 365 * day, 2 * 365 * day}, []int{0, 1}},
		{"captured in the future", 0, []time.Duration{-10 * 365 * day}, []int{0}},
		{"ours is years ahead", -10 * 365 * day, []time.Duration{10 * 365 * day, time.Minute}, []int{0, 1}},
		{"ours is years behind", 10 * 365 * day, []time.Duration{-10 * 365 * day, time.Minute}, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				disk, err := openTestDisk(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range captured(c.ages...) {
					if _, err := disk.Put(r); err != nil {
						t.Fatal(err)
					}
				}
				if err := disk.Close(); err != nil {
					t.Fatal(err)
				}
				s := &sink{}
				var on atomic.Bool
				o := openAtLeisure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(c.server).UTC().Format(http.TimeFormat))
					s.ServeHTTP(w, r)
				}), func(cfg *Config) {
					cfg.OpenStore, cfg.Active = func() (Store, error) { return openTestDisk(dir) }, on.Load
				})
				defer o.Close(ended())
				synctest.Wait() // the backlog is known
				on.Store(true)
				o.Put(testRecord(9, 10)) // goes first: its answer tells the server's clock
				time.Sleep(time.Minute)
				var want []string
				for _, i := range c.want {
					want = append(want, eventIDOf(i))
				}
				want = append(want, eventIDOf(9))
				got := s.got()
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("arrived: %v, want %v; %+v", got, want, o.Stats())
				}
			})
		})
	}
}
