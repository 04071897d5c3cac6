package outbox

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
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

// TestFlushKeepsTheBackoff: the tries of a Flush, which come close together, say nothing about how long a server has
// been down, so they don't make the delays after it longer.
func TestFlushKeepsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(500)
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		o.Put(testRecord(0, 10))
		if o.Flush(within(15 * time.Second)) {
			t.Error("Flush: true")
		}
		if n := len(c.asked()); n < 10 {
			t.Errorf("asked %d times during a Flush of 15 s", n)
		}
		c.respond(nil)
		time.Sleep(2 * time.Second)
		sameIDs(t, c.got(), 1)

		c.respond(status(500))
		o.Put(testRecord(1, 10))
		o.Flush(within(15 * time.Second))
		time.Sleep(2 * time.Second) // the first try after the Flush fails as well
		c.respond(nil)
		time.Sleep(5 * time.Second)
		sameIDs(t, c.got(), 2)
	})
}

// TestSilence: a Flush that ends before the requests have failed says what it has waited for.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(0)
		answer := make(chan struct{})
		c.respond(func(string, http.ResponseWriter, *http.Request) bool { <-answer; return false })
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		time.Sleep(time.Second)
		o.Put(testRecord(0, 10))
		if o.Flush(ended()) || o.Stats().LastError != nil {
			t.Errorf("at once: %v", o.Stats().LastError)
		}
		if o.Flush(within(2*time.Second)) || o.Stats().LastError == nil ||
			!strings.Contains(o.Stats().LastError.Error(), "no answer for 2s") {
			t.Errorf("after 2 s: %v", o.Stats().LastError)
		}
		close(answer)
		if !o.Flush(within(time.Second)) || o.Stats().LastError != nil {
			t.Errorf("in the end: %v", o.Stats().LastError)
		}
	})
}

// TestBarredAlone: an envelope that a filter on the way takes for an attack waits for its turn every 5 minutes, and
// holds up no other.
func TestBarredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(0)
		var logs logBook
		var tries atomic.Int32
		c.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
			if id == eventIDOf(0) {
				tries.Add(1)
				w.WriteHeader(http.StatusForbidden)
			}
			return id == eventIDOf(0)
		})
		o := openAtLeisure(c, func(cfg *Config) { cfg.Logger = slog.New(&logs) })
		defer o.Close(ended())
		o.Put(testRecord(0, 10))
		for i := range 20 {
			time.Sleep(time.Minute)
			o.Put(testRecord(1+i, 10))
		}
		time.Sleep(10 * time.Minute)
		if n := len(c.got()); n != 20 {
			t.Errorf("%d others arrived, want 20", n)
		}
		if o.Flush(within(time.Minute)) {
			t.Error("Flush that meets it: true")
		}
		wantStats(t, o, Stats{Captured: 21, Delivered: 20, Pending: 1})
		time.Sleep(time.Hour)
		if n := tries.Load(); n < 12 || n > 22 {
			t.Errorf("tried %d times in an hour and a half", n)
		}
		if n := logs.count("WARN"); n > 2 { // while it's the only one, it's taken for the way that is barred
			t.Errorf("%d warnings: %q", n, logs.lines)
		}
	})
}

// TestManyBarred: when many envelopes are refused like a wrong key it is the way that is barred, though others pass:
// they aren't all tried every 5 minutes.
func TestManyBarred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 1000
		c := count(0)
		var refused atomic.Int32
		c.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
			if id < eventIDOf(each) {
				refused.Add(1)
				w.WriteHeader(http.StatusForbidden)
			}
			return id < eventIDOf(each)
		})
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		for i := range each {
			o.Put(testRecord(i, 10))
			time.Sleep(30 * time.Second)
			o.Put(testRecord(each+i, 10))
			time.Sleep(30 * time.Second)
		}
		if n := int(refused.Load()); n > each/5*3*senders {
			t.Errorf("%d refused in %d minutes", n, each)
		}
		c.respond(nil)
		time.Sleep(10 * time.Minute)
		sameIDs(t, c.got(), 2*each)
	})
}

// TestReportRetries: client reports leave a server that fails alone as envelopes do.
func TestReportRetries(t *testing.T) {
	for code, most := range map[int]int{403: 13, 503: 16} {
		synctest.Test(t, func(t *testing.T) {
			c := count(code)
			o := openAtLeisure(c, nil)
			defer o.Close(ended())
			o.Discard(reasonSendError, CategoryError, 1)
			time.Sleep(time.Hour)
			if n := len(c.asked()); n < 10 || n > most {
				t.Errorf("%d: asked %d times in an hour", code, n)
			}
			c.respond(nil)
			time.Sleep(6*time.Minute + time.Second)
			if reports := c.gotReports(); !strings.Contains(reports, `"quantity":1}`) {
				t.Errorf("%d: reported %s", code, reports)
			}
		})
	}
}

// TestRetryAfterByTheServersClock: a date to retry after is meant by the clock that says it.
func TestRetryAfterByTheServersClock(t *testing.T) {
	for _, ahead := range []time.Duration{-10 * 365 * 24 * time.Hour, 0, 10 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := count(0)
			c.respond(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
				now := time.Now().Add(ahead).UTC()
				w.Header().Set("Date", now.Format(http.TimeFormat))
				w.Header().Set("Retry-After", now.Add(2*time.Minute).Format(http.TimeFormat))
				c.respond(nil)
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			o := openAtLeisure(c, nil)
			defer o.Close(ended())
			o.Put(testRecord(0, 10))
			time.Sleep(119 * time.Second)
			if n := len(c.got()); n > 0 {
				t.Errorf("%v ahead: sent before the date", ahead)
			}
			time.Sleep(2 * time.Second)
			sameIDs(t, c.got(), 1)
		})
	}
}

// TestCountsAddUp: whatever the server answers, each envelope that was captured is delivered, dropped or pending.
func TestCountsAddUp(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(1, seed))
			roll := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			answers := []func(string, http.ResponseWriter, *http.Request) bool{
				status(500), status(503), status(408), status(413), status(400), status(403), status(302), status(429),
				status(429, "Retry-After: 400"), status(429, "X-Sentry-Rate-Limits: 600:transaction:key"),
				headersOf(200, "X-Sentry-Rate-Limits: 30:error:key"),
				headersOf(200, "X-Sentry-Rate-Limits: 86400:log_item"),
			}
			s := &sink{}
			s.respond(func(id string, w http.ResponseWriter, r *http.Request) bool {
				time.Sleep(time.Duration(roll(2000)) * time.Millisecond)
				n := roll(2 * len(answers))
				return n < len(answers) && answers[n](id, w, r)
			})
			var on atomic.Bool
			on.Store(true)
			serve := memoryTransport(s)
			o := openAtLeisure(s, func(c *Config) {
				c.MaxBytes, c.Active = 4<<10, on.Load
				c.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if roll(8) == 0 {
						return nil, errors.New("no network")
					}
					return serve.RoundTrip(r)
				})}
			})
			defer o.Close(ended())
			held := 0
			for i := range 300 {
				switch roll(40) {
				case 0:
					on.Store(!on.Load())
					o.Wake()
				case 1:
					o.Flush(within(time.Duration(roll(3000)) * time.Millisecond))
				case 2:
					time.Sleep(10 * time.Minute)
				}
				r := ofCategory(testRecord(i, roll(700)), Category(roll(store.CategoryCount)))
				r.PII = roll(10) > 0
				if o.Put(r) {
					held++
				}
				st := o.Stats()
				if st.Captured != st.Delivered+st.Dropped+st.Pending {
					t.Fatalf("seed %d: after %d: %+v", seed, i, st)
				}
				synctest.Wait()            // the next look is at the same counts
				wantStats(t, o, o.Stats()) // by reason as well
				time.Sleep(time.Duration(roll(500)) * time.Millisecond)
			}
			if held == 0 || len(s.got()) == 0 || o.Stats().Dropped == 0 {
				t.Errorf("seed %d: %d held, %+v", seed, held, o.Stats())
			}
			on.Store(true)
			s.respond(nil)
			o.Wake()
			time.Sleep(24*time.Hour + time.Minute)
			if st := o.Stats(); st.Pending > 0 || st.Captured != st.Delivered+st.Dropped ||
				int(st.Delivered) != len(s.got()) {
				t.Errorf("seed %d: in the end %d arrived, %+v", seed, len(s.got()), st)
			}
		})
	}
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

// TestClockJumps: what an earlier process has left is as old as our clock says, unless the server's makes it younger.
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
		{"ours is behind by 40 days", 40 * day, []time.Duration{-39 * day, time.Minute}, []int{0, 1}},
		{"the server's is a year ahead", 364 * day, []time.Duration{31 * day, 29 * day, -day, time.Minute}, []int{0, 1, 2, 3}},
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

// TestRandomFailures: a server, or a gateway before it, that fails at random for most requests is not the doing of any
// envelope: none is given up, and all arrive.
func TestRandomFailures(t *testing.T) {
	for _, code := range []int{502, 503, 504, 429, 520, 408} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(1, uint64(code)))
			c := count(0)
			c.respond(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if random.IntN(5) == 0 {
					return false
				}
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(code)
				return true
			})
			o := openAtLeisure(c, nil)
			defer o.Close(ended())
			const n = 1000
			for i := range n {
				o.Put(testRecord(i, 10))
				time.Sleep(100 * time.Millisecond)
			}
			for range 24 {
				time.Sleep(time.Hour)
				o.Flush(within(time.Minute))
			}
			sameIDs(t, c.got(), n)
			wantStats(t, o, Stats{Captured: n, Delivered: n})
		})
	}
}

// TestPoisonTakesTime: an envelope that the server answers with 500, while it accepts others, is given up after ten
// such answers over ten minutes, and the next Flush tells of it.
func TestPoisonTakesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count(0)
		var tries atomic.Int32
		c.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
			if id == eventIDOf(0) {
				tries.Add(1)
				w.WriteHeader(http.StatusInternalServerError)
			}
			return id == eventIDOf(0)
		})
		o := openAtLeisure(c, nil)
		defer o.Close(ended())
		o.Put(testRecord(0, 10))
		for i := range 9 { // as many tries as a Flush makes prove nothing: a server may start
			o.Put(testRecord(1+i, 10))
			o.Flush(within(30 * time.Second))
			time.Sleep(30 * time.Second)
		}
		if n := tries.Load(); n < 3*maxFailures || o.Stats().Dropped > 0 {
			t.Errorf("given up within nine minutes; tried %d times", n)
		}
		for i := range 20 {
			o.Put(testRecord(10+i, 10))
			time.Sleep(time.Minute)
		}
		if o.Stats().DroppedBy[reasonSendError] != 1 {
			t.Errorf("not given up after half an hour; tried %d times; %+v", tries.Load(), o.Stats())
		}
		if o.Flush(within(time.Minute)) {
			t.Error("the Flush after it: true")
		}
		if !o.Flush(within(time.Minute)) {
			t.Error("the next Flush: false")
		}
		wantStats(t, o, Stats{Captured: 30, Delivered: 29, Dropped: 1})
	})
}

// TestServerClock: a server's date saves what our clock finds too old once answers agree, and deletes nothing.
func TestServerClock(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name    string
		ahead   []time.Duration // of the answers, one after another
		expired bool            // what is 31 days old by our clock, after the last one
		younger bool            // what is 29 days old
	}{
		{"none", nil, false, false},
		{"right", []time.Duration{0}, true, false},
		{"about right", []time.Duration{-20 * time.Hour, 3 * time.Hour}, true, false},
		{"one far ahead", []time.Duration{60 * day}, false, false},
		{"far ahead", []time.Duration{60 * day, 60 * day, 60 * day}, true, false},
		{"one behind", []time.Duration{-60 * day}, false, false},
		{"behind", []time.Duration{-60 * day, -60 * day}, false, false},
		{"a proxy behind, now and then", []time.Duration{0, -60 * day, 0}, true, false},
		{"no two agree", []time.Duration{-60 * day, 70 * day, -200 * day, 300 * day}, true, false},
		{"years ahead", []time.Duration{3650 * day, 3650 * day}, true, false},
		{"years behind", []time.Duration{-3650 * day, -3650 * day}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &Outbox{}
			for _, ahead := range c.ahead {
				o.clock.tells(ahead)
			}
			wall := time.Now()
			old := func(age time.Duration) bool {
				e := &Entry{Time: wall.Add(-age).UnixNano()}
				return o.expired(&item{entry: e, lane: laneBacklog}, 0, wall)
			}
			if old(31*day) != c.expired || old(29*day) != c.younger || old(time.Minute) || old(-400*day) ||
				old(3000*day) {
				t.Errorf("31 days: %v, 29 days: %v, a minute: %v, years: %v, %v",
					old(31*day), old(29*day), old(time.Minute), old(-400*day), old(3000*day))
			}
		})
	}
}

// TestRefusalsHaveNoClock: what refuses, limits or fails may be a proxy, whose date says nothing.
func TestRefusalsHaveNoClock(t *testing.T) {
	for _, code := range []int{400, 403, 429, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			c := count(0)
			c.respond(status(code, "Date: "+time.Now().Add(-60*24*time.Hour).UTC().Format(http.TimeFormat)))
			o := openAtLeisure(c, nil)
			defer o.Close(ended())
			for i := range 3 {
				o.Put(testRecord(i, 10))
				time.Sleep(10 * time.Minute)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.clock != (serverClock{}) {
				t.Errorf("%d: %+v", code, o.clock)
			}
		})
	}
}
