package outbox

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// checkIn is a record of a check-in.
func checkIn(i int) *Record { return ofCategory(testRecord(i, 10), CategoryMonitor) }

// TestCheckInsKeepTheirOrder: one at a time, whatever fails, while other envelopes go on beside them.
func TestCheckInsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		failed := make(map[string]bool)
		s.respond(func(envelope string, w http.ResponseWriter, _ *http.Request) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			first := !failed[envelope]
			failed[envelope] = true
			if first && len(failed)%3 == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		})
		o := openAtLeisure(s, nil)
		const n = 100
		for i := range n {
			o.Put(checkIn(2 * i))
			o.Put(testRecord(2*i+1, 10))
		}
		time.Sleep(9 * time.Minute)
		o.Close(ended())
		var got []string
		for _, id := range s.got() {
			if slices.Contains(checkInIDs(n), id) {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, checkInIDs(n)) {
			t.Errorf("%d check-ins came as %v", len(got), got)
		}
	})
}

func checkInIDs(n int) (ids []string) {
	for i := range n {
		ids = append(ids, eventIDOf(2*i))
	}
	return ids
}

// TestLateCheckIns: Sentry dates a check-in by its arrival, so that one of more than 10 minutes ago would mislead.
func TestLateCheckIns(t *testing.T) {
	for _, away := range []time.Duration{9 * time.Minute, 11 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s, start := &sink{}, time.Now()
			s.respond(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
				if time.Since(start) < away-30*time.Second {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				return false
			})
			o := openAtLeisure(s, nil)
			o.Put(checkIn(0))
			o.Put(testRecord(1, 10))
			time.Sleep(away - 20*time.Second)
			flushed := o.Flush(within(10 * time.Second))
			late := away > CategoryMonitor.Item().MaxAge+20*time.Second
			if got := len(s.got()); got != map[bool]int{false: 2, true: 1}[late] || !late && !flushed {
				t.Errorf("after %v: %d envelopes, flushed %v, %+v", away, got, flushed, o.Stats())
			}
			o.Close(ended())
		})
	}
}
