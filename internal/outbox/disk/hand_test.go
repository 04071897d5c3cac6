package disk

import (
	"testing"
	"time"
)

// TestOneTimerForAllRounds: calls that end in time leave the hand's timer alone, and close stops it.
func TestOneTimerForAllRounds(t *testing.T) {
	h := newHand(time.Hour)
	var due time.Time
	for i := range 10 {
		must(t, h.do(func() {}, nil, false))
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
	h := newHand(time.Hour)
	defer h.close()
	must(t, h.do(func() {}, nil, false))
	h.expire()
	if h.armed {
		t.Error("it goes on while nothing happens")
	}
	err := h.do(func() {
		h.mu.Lock()
		h.began = h.began.Add(-time.Hour / 2)
		h.mu.Unlock()
		h.expire()
	}, nil, false)
	if left := time.Until(h.due); err != nil || !h.armed || left < time.Hour/2-time.Minute || left > time.Hour/2 {
		t.Errorf("error %v, armed %v, %v left", err, h.armed, left)
	}
}
