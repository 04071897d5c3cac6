package disk

import (
	"errors"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// TestOneTimerForAllRounds: calls that end in time leave the hand's timer alone, and close stops it.
func TestOneTimerForAllRounds(t *testing.T) {
	h := newHand(time.Hour, osSystem{}.MayHang)
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
	h := newHand(time.Hour, osSystem{}.MayHang)
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

// TestBusyMachine: calls that take long while no thread waits for the disk have more time, but not for ever.
func TestBusyMachine(t *testing.T) {
	tests := map[string]struct {
		rounds  int // that take longer than the limit
		mayHang bool
		want    error
	}{
		"busy":             {rounds: 10},
		"disk that hangs":  {rounds: 10, mayHang: true, want: store.ErrHangs},
		"without an end":   {rounds: 2 * maxStarved, want: store.ErrHangs},
		"within the limit": {rounds: 0, mayHang: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHand(time.Hour, func() bool { return test.mayHang })
			defer h.close()
			err := h.do(func() {
				for range test.rounds {
					h.mu.Lock()
					h.began = h.began.Add(-2 * time.Hour)
					h.mu.Unlock()
					h.expire()
				}
			}, nil, false)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// TestEndIsWaitedFor: End doesn't wait for the calls before it, and Wait returns once the journal's file says that the
// task is over.
func TestEndIsWaitedFor(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	must(t, err)
	defer func() { _ = d.Close() }()
	slot := d.Journal().Begin(Task{Type: "a"})
	busy := make(chan struct{})
	before, err := d.writes.start(func() { <-busy }, nil, false)
	must(t, err)
	ending := slot.End()
	if _, tasks := noted(t, d); len(tasks) != 1 {
		t.Errorf("%d tasks run, want 1: the hand is busy", len(tasks))
	}
	close(busy)
	ending.Wait()
	if _, tasks := noted(t, d); len(tasks) != 0 {
		t.Errorf("%d tasks run after the end", len(tasks))
	}
	must(t, d.writes.wait(before))
	Ending{}.Wait()
	Slot{}.End().Wait()
}
