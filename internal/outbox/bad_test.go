package outbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A badWay is a way to a server on which some envelopes fare ill. Those that arrive are noted with the time.
type badWay struct {
	bad func(r *http.Request) error // what becomes of one of these; nil error: it arrives

	mu      sync.Mutex
	badIDs  map[string]bool
	arrived map[string]time.Time
}

func (w *badWay) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readEnvelope(r)
	if err != nil {
		return nil, err
	}
	_, id, _ := strings.Cut(body, `"event_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	w.mu.Lock()
	bad := w.badIDs[id]
	w.mu.Unlock()
	if bad {
		if err := w.bad(r); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	w.arrived[id] = time.Now()
	w.mu.Unlock()
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(http.NoBody), Request: r,
	}, nil
}

// TestBadEnvelopes: an envelope whose connection is closed, and many that are never answered, cost themselves and not
// those behind them.
func TestBadEnvelopes(t *testing.T) {
	closed := func(*http.Request) error {
		time.Sleep(2 * time.Millisecond)
		return errors.New("connection reset by peer")
	}
	silent := func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() }
	for name, c := range map[string]struct {
		bad   func(*http.Request) error
		isBad func(i int) bool
		every time.Duration
		most  time.Duration // and each other
	}{
		"one in sixty is cut off":    {closed, func(i int) bool { return i%60 == 30 }, time.Second / 80, time.Second},
		"two in a row are cut off":   {closed, func(i int) bool { return i%120 == 30 || i%120 == 31 }, time.Second / 80, 2500 * time.Millisecond},
		"fifteen are never answered": {silent, func(i int) bool { return i < 15 }, 100 * time.Millisecond, 20 * time.Second},
		"fifteen amid others":        {silent, func(i int) bool { return i >= 20 && i < 35 }, 100 * time.Millisecond, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				way := &badWay{bad: c.bad, badIDs: map[string]bool{}, arrived: map[string]time.Time{}}
				o := openAtLeisure(nil, func(cfg *Config) { cfg.Client = &http.Client{Transport: way} })
				defer o.Close(ended())
				put := map[string]time.Time{}
				for i := range 1000 {
					if c.isBad(i) {
						way.mu.Lock()
						way.badIDs[eventIDOf(i)] = true
						way.mu.Unlock()
					} else {
						put[eventIDOf(i)] = time.Now()
					}
					o.Put(testRecord(i, 10))
					time.Sleep(c.every)
				}
				time.Sleep(time.Minute)
				way.mu.Lock()
				defer way.mu.Unlock()
				most, first := time.Duration(0), eventIDOf(len(way.arrived))
				for id, at := range put {
					took := way.arrived[id].Sub(at)
					if way.arrived[id].IsZero() {
						took = time.Hour
					}
					if took > most {
						most, first = took, id
					}
				}
				if most > c.most {
					t.Errorf("%s took %v; %d of %d arrived; %+v", first, most, len(way.arrived), len(put), o.Stats())
				}
			})
		})
	}
}

// TestNothingIsCutOff: Close gives requests under way a moment to be answered, and they don't wait for the next
// process.
func TestNothingIsCutOff(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		began, answer := make(chan struct{}, 1), make(chan struct{})
		s.respond(func(string, http.ResponseWriter, *http.Request) bool {
			began <- struct{}{}
			<-answer
			return false
		})
		o := openTest(t, "http://127.0.0.1/", func(c *Config) {
			c.OpenStore, c.Client = open, &http.Client{Transport: memoryTransport(s)}
			c.timing.closeGrace = time.Minute
		})
		o.Put(testRecord(0, 10))
		<-began
		done := make(chan struct{})
		go func() {
			o.Close(ended())
			close(done)
		}()
		eventually(t, "Close has begun", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.closed })
		close(answer)
		<-done
		if st := o.Stats(); st.Delivered != 1 || st.Pending != 0 {
			t.Errorf("%+v", st)
		}
	})
}
