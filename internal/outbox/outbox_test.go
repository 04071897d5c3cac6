package outbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// stores are the stores that the rules must hold over: OpenStore as Config takes it, nil for memory.
func stores(t testing.TB) map[string]func() (Store, error) {
	dir := t.TempDir()
	return map[string]func() (Store, error){
		"memory": nil,
		"disk":   func() (Store, error) { return openTestDisk(dir) },
	}
}

func openTestDisk(dir string) (Store, error) {
	return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20})
}

// overStores runs test over each store.
func overStores(t *testing.T, test func(t *testing.T, open func() (Store, error))) {
	for name := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, stores(t)[name])
		})
	}
}

// A sink is a Sentry server that remembers what it has accepted.
type sink struct {
	mu       sync.Mutex
	ids      []string // in the order of arrival
	bodies   map[string]string
	reports  []string
	requests int
	problems []string

	// answer, if set, answers in the sink's place when it returns true. It may not take the sink's lock.
	answer atomic.Pointer[func(id string, w http.ResponseWriter, r *http.Request) bool]
}

func (s *sink) respond(f func(id string, w http.ResponseWriter, r *http.Request) bool) {
	if f == nil {
		s.answer.Store(nil)
		return
	}
	s.answer.Store(&f)
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	envelope, err := readEnvelope(r)
	if errors.Is(err, io.ErrUnexpectedEOF) { // a client that died while it sent
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var header struct {
		EventID string    `json:"event_id"`
		SentAt  time.Time `json:"sent_at"`
	}
	line, rest, _ := strings.Cut(envelope, "\n")
	if err == nil {
		err = json.Unmarshal([]byte(line), &header)
	}
	s.mu.Lock()
	s.requests++
	switch {
	case err != nil:
		s.problems = append(s.problems, err.Error())
	case time.Since(header.SentAt).Abs() > time.Minute:
		s.problems = append(s.problems, "sent_at "+line)
	case r.Header.Get("Content-Type") != "application/x-sentry-envelope",
		r.Header.Get("X-Sentry-Auth") != "Sentry auth",
		r.UserAgent() != "test/1":
		s.problems = append(s.problems, fmt.Sprint(r.Header))
	}
	s.mu.Unlock()
	if answer := s.answer.Load(); answer != nil && (*answer)(header.EventID, w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(rest, `{"type":"client_report"`) {
		s.reports = append(s.reports, rest)
	} else {
		s.ids = append(s.ids, header.EventID)
		if s.bodies == nil {
			s.bodies = make(map[string]string)
		}
		s.bodies[header.EventID] = rest
	}
	_, _ = io.WriteString(w, `{"id":"`+header.EventID+`"}`)
}

func readEnvelope(r *http.Request) (string, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return "", err
		}
		body = z
	}
	b, err := io.ReadAll(body)
	return string(b), err
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

func (s *sink) gotReports() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.reports, "")
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *sink) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.problems) > 0 {
		t.Errorf("%d problems with requests, first: %s", len(s.problems), s.problems[0])
	}
}

// sameIDs reports unless got are the IDs of events 0 to n-1, each once.
func sameIDs(t *testing.T, got []string, n int) {
	t.Helper()
	got = slices.Clone(got)
	slices.Sort(got)
	if len(got) != n {
		t.Errorf("%d events arrived, want %d", len(got), n)
		return
	}
	for i, id := range got {
		if id != eventIDOf(i) {
			t.Errorf("event %d arrived as %s", i, id)
			return
		}
	}
}

func eventIDOf(i int) string { return fmt.Sprintf("%032x", i) }

// record makes the ith event, of about size bytes.
func testRecord(i, size int) *Record {
	id := eventIDOf(i)
	return &Record{
		Time: time.Now(), EventID: id, Category: CategoryError, Items: 1, PII: true,
		Payload: []byte(`{"event_id":"` + id + `"}` + "\n" + `{"type":"event","length":` + fmt.Sprint(size) + "}\n" + filler(i, size) + "\n"),
	}
}

func ofCategory(r *Record, c Category) *Record { r.Category = c; return r }

// filler packs about as well as an event does.
func filler(i, size int) string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, uint64(i)))
	for b.Len() < size {
		fmt.Fprintf(&b, `{"function":"work%d","module":"github.com/example/runner/tasks","lineno":%d,"in_app":true},`, random.IntN(100), random.IntN(1000))
	}
	return b.String()[:size]
}

// quick is a timing for tests over real connections. Its delays are short, and its deadlines long: a busy machine
// isn't a server that hangs or is slow, after which events are sent again or out of order.
func quick() timing {
	q := defaultTiming
	q.request, q.slow = time.Minute, time.Minute
	q.drain = 50 * time.Millisecond
	q.retry, q.retryMax = 10*time.Millisecond, 50*time.Millisecond
	q.flushRetry, q.flushMax = 10*time.Millisecond, 50*time.Millisecond
	q.rejected = 20 * time.Millisecond
	q.openWait, q.closeWait = 10*time.Second, 10*time.Second
	q.poisonTime = 50 * time.Millisecond
	return q
}

// A logBook is a slog.Handler that remembers.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logBook) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logBook) WithGroup(string) slog.Handler            { return l }
func (l *logBook) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.lines = append(l.lines, line)
	return nil
}

// count counts the lines that contain all of the words.
func (l *logBook) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// memoryTransport serves requests without a network, for tests with a clock of their own.
func memoryTransport(h http.Handler) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		defer r.Body.Close()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result(), nil
	})
}

// openTest opens an outbox that is closed at the end of the test.
func openTest(t testing.TB, url string, change func(*Config)) *Outbox {
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	cfg := Config{
		URL: url, Auth: "Sentry auth", UserAgent: "test/1", SDK: `{"name":"test"}`,
		Client: &http.Client{Transport: transport}, CloseIdle: transport.CloseIdleConnections,
		PII: true,
	}
	q := quick()
	cfg.timing = &q
	if change != nil {
		change(&cfg)
	}
	o := Open(cfg)
	t.Cleanup(func() { o.Close(ended()) })
	return o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	_ = cancel // ends with its time
	return ctx
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// eventually fails the test unless ok within a minute. It is for what happens elsewhere: in other goroutines that
// give no sign.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func wantStats(t *testing.T, o *Outbox, want Stats) {
	t.Helper()
	s := o.Stats()
	if s.Captured != want.Captured || s.Delivered != want.Delivered || s.Dropped != want.Dropped ||
		s.Pending != want.Pending {
		t.Errorf("captured %d delivered %d dropped %d pending %d %v, want %d %d %d %d",
			s.Captured, s.Delivered, s.Dropped, s.Pending, s.DroppedBy,
			want.Captured, want.Delivered, want.Dropped, want.Pending)
	}
	var by uint64
	for reason, n := range s.DroppedBy {
		by += n
		if want.DroppedBy != nil && want.DroppedBy[reason] != n {
			t.Errorf("dropped %d for %s, want %d", n, reason, want.DroppedBy[reason])
		}
	}
	if by != s.Dropped {
		t.Errorf("%d dropped by reason, %d in all", by, s.Dropped)
	}
	if s.Pending == 0 && (s.PendingBytes != 0 || !s.OldestPending.IsZero()) {
		t.Errorf("nothing waits, but %d bytes, oldest %v", s.PendingBytes, s.OldestPending)
	}
}

func TestBurst(t *testing.T) {
	for _, c := range []struct {
		store               string
		goroutines, n, size int
	}{
		{"memory", 1, 3000, 100},
		{"memory", 1, 3000, 6000},
		{"memory", 64, 3000, 100},
		{"memory", 64, 10_000, 6000},
		{"disk", 64, 10_000, 6000},
	} {
		t.Run(fmt.Sprintf("%s/%d goroutines/%d bytes", c.store, c.goroutines, c.size), func(t *testing.T) {
			burst(t, stores(t)[c.store], c.goroutines, c.n, c.size)
		})
	}
}

func burst(t *testing.T, open func() (Store, error), goroutines, n, size int) {
	if testing.Short() || raceEnabled {
		n /= 10
	}
	s := &sink{}
	server := httptest.NewServer(s)
	defer server.Close()
	o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
	body := filler(1, size)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				r := testRecord(i, 0)
				r.Payload = append(r.Payload, body...)
				if !o.Put(r) {
					t.Errorf("event %d isn't held", i)
				}
			}
		})
	}
	wg.Wait()
	if !o.Flush(within(60 * time.Second)) {
		t.Error("Flush: false")
	}
	sameIDs(t, s.got(), n)
	s.check(t)
	wantStats(t, o, Stats{Captured: uint64(n), Delivered: uint64(n)})
}

func TestOrder(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		server := httptest.NewServer(s)
		defer server.Close()
		o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
		for i := range perSender {
			o.Put(testRecord(i, 100))
		}
		if !o.Flush(within(time.Minute)) {
			t.Error("Flush: false")
		}
		if got := s.got(); !slices.IsSorted(got) || len(got) != perSender {
			t.Errorf("a few events arrive in the order of capture; got %v", got)
		}
	})
}

func TestBytesStayAsTheyAre(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		server := httptest.NewServer(s)
		defer server.Close()
		o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
		want := map[string]string{}
		for i, size := range []int{0, 10, wire.PackFrom - 200, wire.PackFrom, 100_000} {
			for j, packed := range []bool{false, true} {
				r := testRecord(2*i+j, size)
				_, want[r.EventID], _ = strings.Cut(string(r.Payload), "\n")
				if packed {
					var b bytes.Buffer
					if err := wire.Deflate(&b, r.Payload); err != nil {
						t.Fatal(err)
					}
					r.Payload, r.Packed = b.Bytes(), true
				}
				o.Put(r)
			}
		}
		o.Put(&Record{Time: time.Now(), Payload: []byte("{}\nrest"), Category: CategoryOther})
		want[""] = "rest"
		if !o.Flush(within(time.Minute)) {
			t.Error("Flush: false")
		}
		s.check(t)
		for id, body := range want {
			if s.bodies[id] != body {
				t.Errorf("event %s: got %d bytes, want %d", id, len(s.bodies[id]), len(body))
			}
		}
	})
}

// deadServer is an outbox whose requests all fail at once.
func deadServer(t *testing.T, change func(*Config)) *Outbox {
	return openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("no network")
		})}
		if change != nil {
			change(c)
		}
	})
}

func TestRoom(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		const limit = 100_000
		reason := reasonQueueOverflow
		if open != nil {
			reason = reasonCacheOverflow
		}
		s := &sink{}
		var up atomic.Bool
		var logs logBook
		o := deadServer(t, func(c *Config) {
			c.OpenStore, c.MaxBytes, c.Logger = open, limit, slog.New(&logs)
			dead := c.Client.Transport
			c.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if up.Load() {
					return memoryTransport(s).RoundTrip(r)
				}
				return dead.RoundTrip(r)
			})}
		})
		const n = 1000
		for i := range n {
			if !o.Put(testRecord(i, 2000)) {
				t.Fatalf("event %d isn't held", i)
			}
			if got := o.Stats().PendingBytes; got > limit {
				t.Fatalf("%d bytes wait, more than %d", got, limit)
			}
		}
		tooLarge := testRecord(n, 0)
		for range limit + limit/2 { // and packing doesn't help
			tooLarge.Payload = append(tooLarge.Payload, byte(rand.Uint32()))
		}
		if o.Put(tooLarge) {
			t.Error("an event larger than the room is held")
		}
		if o.Flush(within(20 * time.Millisecond)) {
			t.Error("Flush with a dead server: true")
		}
		up.Store(true)
		if !o.Flush(within(time.Minute)) {
			t.Error("Flush: false, but the one before has told what was dropped")
		}
		stats := o.Stats()
		got := s.got()
		slices.Sort(got)
		for i, id := range got {
			if id != eventIDOf(n-len(got)+i) && len(got) > 20 {
				// Some requests were under way while others had to make room.
				if i >= senders || id > eventIDOf(n-len(got)+i) {
					t.Fatalf("the oldest go first; %dth of %d is %s", i, len(got), id)
				}
			}
		}
		if stats.DroppedBy[reason] != n+1-uint64(len(got)) {
			t.Errorf("dropped %v, %d arrived", stats.DroppedBy, len(got))
		}
		if want := fmt.Sprintf(`"reason":%q,"category":"error","quantity":%d`, reason, stats.Dropped); !strings.Contains(s.gotReports(), want) {
			t.Errorf("report %s, want %s", s.gotReports(), want)
		}
		// logged once all locks are free
		eventually(t, "a warning", func() bool { return logs.count("WARN", "full") == 1 })
	})
}

func TestFlushTellsOfDrops(t *testing.T) {
	t.Parallel()
	s := &sink{}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.Client, c.MaxBytes = &http.Client{Transport: memoryTransport(s)}, 1000
	})
	if !o.Flush(ended()) {
		t.Error("Flush with nothing to send: false")
	}
	big := testRecord(1, 0)
	for range 1500 {
		big.Payload = append(big.Payload, byte(rand.Uint32()))
	}
	o.Put(big)
	if o.Flush(within(time.Minute)) {
		t.Error("Flush after a drop: true")
	}
	if !o.Flush(within(time.Minute)) {
		t.Error("the Flush after that: false")
	}
}

func TestOff(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		var on atomic.Bool
		on.Store(true)
		hold, begun := make(chan struct{}), make(chan struct{}, 3)
		o := openTest(t, "http://127.0.0.1/", func(c *Config) {
			c.OpenStore, c.Active = open, on.Load
			c.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				begun <- struct{}{}
				<-hold
				return memoryTransport(s).RoundTrip(r)
			})}
		})
		for i := range 3 {
			o.Put(testRecord(i, 10))
		}
		<-begun
		on.Store(false)
		close(hold)
		if o.Put(testRecord(4, 10)) {
			t.Error("Put while off: true")
		}
		eventually(t, "the request under way ends", func() bool { return o.Stats().Pending == 2 })
		if o.Flush(within(time.Minute)) {
			t.Error("Flush while off: true")
		}
		if len(s.got()) != 1 {
			t.Error("sent while off")
		}
		on.Store(true)
		o.Wake()
		eventually(t, "the rest is sent", func() bool { return o.Stats().Delivered == 3 })
		sameIDs(t, s.got(), 3)
	})
}

func TestClose(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		t.Run("at once", func(t *testing.T) {
			hang := func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			o := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.OpenStore, c.Client = open, &http.Client{Transport: roundTripper(hang)}
				c.timing.request = time.Hour
			})
			for i := range 20 {
				o.Put(testRecord(i, 10))
			}
			start := time.Now()
			if o.Close(ended()) {
				t.Error("Close with 20 waiting: true")
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Close(0) took %v", took)
			}
			if o.Put(testRecord(21, 10)) {
				t.Error("Put after Close: true")
			}
			o.Close(within(time.Hour))
			o.Flush(within(time.Hour))
			o.Wake()
			if n := o.Stats().Pending; n != 20 {
				t.Errorf("%d wait, want 20", n)
			}
		})
		if open == nil {
			return
		}
		t.Run("the next sends the rest", func(t *testing.T) {
			s := &sink{}
			o := openTest(t, "http://127.0.0.1/", func(c *Config) {
				c.OpenStore, c.Client = open, &http.Client{Transport: memoryTransport(s)}
			})
			if !o.Flush(within(time.Minute)) {
				t.Error("Flush: false")
			}
			sameIDs(t, s.got(), 20)
			if !o.Close(within(time.Minute)) {
				t.Error("Close: false")
			}
		})
	})
}

func TestOptOutHoldsForTheBacklog(t *testing.T) {
	t.Parallel()
	open := stores(t)["disk"]
	before := deadServer(t, func(c *Config) { c.OpenStore = open })
	for i := range 4 {
		r := testRecord(i, 10)
		r.PII = i%2 == 1
		before.Put(r)
	}
	before.Close(ended())
	s := &sink{}
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore, c.PII, c.Client = open, false, &http.Client{Transport: memoryTransport(s)}
	})
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	if got := s.got(); !slices.Equal(got, []string{eventIDOf(0), eventIDOf(2)}) {
		t.Errorf("got %v", got)
	}
	wantStats(t, o, Stats{Delivered: 2, Dropped: 2, DroppedBy: map[string]uint64{reasonWithheld: 2}})
	o.Close(ended())
	if disk, err := open(); err != nil {
		t.Error(err)
	} else {
		if left, err := adopted(disk); len(left) > 0 || err != nil {
			t.Errorf("left on disk: %d, %v", len(left), err)
		}
		_ = disk.Close()
	}
}

// TestNothingStays isn't parallel: it counts goroutines.
func TestNothingStays(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			// The server is started first: its goroutines count on both sides.
			s := &sink{}
			server := httptest.NewServer(s)
			defer server.Close()
			before := runtime.NumGoroutine()
			o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
			for i := range 100 {
				o.Put(testRecord(i, 2000))
			}
			if !o.Flush(within(time.Minute)) {
				t.Error("Flush: false")
			}
			eventually(t, "senders end", func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.sending == 0 && o.turnAt == never
			})
			for i := range 100 {
				o.Put(testRecord(i, 2000))
			}
			o.Close(ended())
			server.CloseClientConnections()
			eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// TestSetPII: once personal data is forbidden, what waits with some is dropped and counted, wherever it waits, and
// nothing with some is taken.
func TestSetPII(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		hold, held := make(chan struct{}), make(chan struct{}, 1)
		s.respond(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
			held <- struct{}{}
			<-hold
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		o := openTest(t, "http://127.0.0.1/", func(c *Config) {
			c.OpenStore, c.Client = open, &http.Client{Transport: memoryTransport(s)}
		})
		for i := range 6 {
			r := testRecord(i, 10)
			r.PII = i%2 == 0
			if !o.Put(r) {
				t.Fatal("Put: false")
			}
		}
		<-held // the first is in flight
		o.SetPII(false)
		wantStats(t, o, Stats{Captured: 6, Dropped: 2, Pending: 4, DroppedBy: map[string]uint64{reasonWithheld: 2}})
		if o.Put(testRecord(6, 10)) {
			t.Error("Put with personal data: true")
		}
		s.respond(nil)
		close(hold)
		if !o.Flush(within(time.Minute)) {
			t.Errorf("Flush: false; %+v", o.Stats())
		}
		got := s.got()
		slices.Sort(got)
		if !slices.Equal(got, []string{eventIDOf(1), eventIDOf(3), eventIDOf(5)}) {
			t.Errorf("got %v", got)
		}
		wantStats(t, o, Stats{Captured: 7, Delivered: 3, Dropped: 4, DroppedBy: map[string]uint64{reasonWithheld: 4}})
		o.SetPII(true)
		if !o.Put(testRecord(7, 10)) || !o.Flush(within(time.Minute)) {
			t.Error("allowed again, it isn't sent")
		}
		o.Close(within(time.Minute))
		if open == nil {
			return
		}
		next, err := open()
		must(t, err)
		defer func() { _ = next.Close() }()
		if left, err := adopted(next); len(left) > 0 || err != nil {
			t.Errorf("left on disk: %d, %v", len(left), err)
		}
	})
}

// TestStatsSurviveClose: after Close the counts stay what they were, whatever happens to the files.
func TestStatsSurviveClose(t *testing.T) {
	dir := t.TempDir()
	o := deadServer(t, func(c *Config) { c.Dir, c.OpenStore = dir, func() (Store, error) { return openTestDisk(dir) } })
	for i := range 3 {
		o.Put(testRecord(i, 10))
	}
	o.Discard(reasonSendError, CategoryError, 2)
	eventually(t, "an error", func() bool { return o.Stats().LastError != nil })
	o.Close(within(10 * time.Millisecond))
	st := o.Stats()
	must(t, os.RemoveAll(dir))
	wantStats(t, o, Stats{Captured: 3, Dropped: 2, Pending: 3, DroppedBy: map[string]uint64{reasonSendError: 2}})
	if again := o.Stats(); again.PendingBytes != st.PendingBytes || again.OldestPending != st.OldestPending ||
		(again.LastError == nil) != (st.LastError == nil) || again.LastError == nil {
		t.Errorf("%+v, after Close %+v", again, st)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made again")
	}
}

// adopted returns what a look of s finds.
func adopted(s store.Store) (entries []*store.Entry, err error) {
	_, err = s.Adopt(context.Background(), func(found []*store.Entry) { entries = append(entries, found...) })
	return entries, err
}

// removeUnder deletes a folder under a store that is open. Windows doesn't delete what is open, so there some of it
// stays.
func removeUnder(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
}
