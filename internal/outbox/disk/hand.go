package disk

import (
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/resident"
)

const (
	// writeLimit bounds a round of calls that callers wait for, with a quarter more. One that arrives during a round
	// waits for the next too, so nobody waits for more than 100 ms, as promised.
	writeLimit = 40 * time.Millisecond
	// readLimit does the same for payloads on their way to the server. Nobody but a sender waits for those, and a busy
	// turning disk takes its time.
	readLimit = 2 * time.Second
	// maxKept bounds the calls that wait for a disk that hangs.
	maxKept = 1 << 16
	// spareCalls is how many calls are made at a time.
	spareCalls = 16
)

// A hand makes the calls to the disk that somebody waits for, one after another, in a goroutine of its own: a system
// call can't be interrupted, so whoever makes it himself hangs with it. When a round of calls takes longer than the
// limit, all who wait are told store.ErrHangs, and so is everyone who comes before the disk answers: a disk that hangs
// holds this one goroutine. The price is a switch of goroutines and back, less than a microsecond.
//
// Its methods may be called from many goroutines at once.
type hand struct {
	limit    time.Duration
	mayHang  func() bool
	resident *resident.Resident
	wake     chan struct{} // of capacity 1

	mu     sync.Mutex
	queue  []*call // that have not begun
	spare  []*call // to be used again
	active *call   // is being made
	hung   bool
	closed bool
	timer  *time.Timer // ends a round that takes too long; a short one leaves it to the next
	armed  bool        // timer will fire
	began  time.Time   // the round
	due    time.Time   // when timer fires
	warned bool        // the round has had its limit
	excuse int         // how often the round's time has begun again, since the process had none
}

// A call is one piece of work for a hand.
type call struct {
	do   func()
	keep bool          // made even if nobody waits for it any more
	done chan struct{} // of capacity 1: made, or given up
	made bool          // as good as: who waits is told so
	left bool          // nobody waits
	err  error
}

// newHand starts a hand. It is closed by close.
func newHand(limit time.Duration, mayHang func() bool) *hand {
	h := &hand{limit: limit, mayHang: mayHang, resident: resident.New(nil)}
	h.resident.Do(func() { h.wake = make(chan struct{}, 1) }) // where it is used: see package resident
	h.resident.Go(h.work)
	return h
}

// do makes a call and waits for it. With store.ErrHangs it may be under way still: it finds out by made, and what it
// reads and writes must be its own. Unless it keeps, a call that had not begun by then isn't made.
func (h *hand) do(f func(), keep bool) error {
	c, err := h.start(f, keep)
	if err != nil {
		return err
	}
	return h.wait(c)
}

// start has a call made after those that were started before. The caller must wait for it.
func (h *hand) start(f func(), keep bool) (*call, error) {
	h.mu.Lock()
	switch {
	case h.closed:
		h.mu.Unlock()
		return nil, errClosed
	case h.hung:
		if keep && len(h.queue) < maxKept {
			h.queue = append(h.queue, &call{do: f, keep: true, left: true})
		}
		h.mu.Unlock()
		return nil, store.ErrHangs
	}
	for len(h.spare) == 0 {
		h.mu.Unlock()
		if !h.resident.Do(h.refill) {
			return nil, errClosed
		}
		h.mu.Lock()
		if h.closed || h.hung {
			h.mu.Unlock()
			return h.start(f, keep)
		}
	}
	n := len(h.spare) - 1
	c := h.spare[n]
	h.spare = h.spare[:n]
	c.do, c.keep, c.made, c.left, c.err = f, keep, false, false, nil
	h.queue = append(h.queue, c)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return c, nil
}

// wait waits for a call that was started.
func (h *hand) wait(c *call) error {
	<-c.done
	h.mu.Lock()
	defer h.mu.Unlock()
	err := c.err
	if !c.left {
		h.spare = append(h.spare, c)
	}
	return err
}

// refill makes calls, where the hand lives.
func (h *hand) refill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range spareCalls {
		h.spare = append(h.spare, &call{done: make(chan struct{}, 1)})
	}
}

// hangs reports whether the disk doesn't answer.
func (h *hand) hangs() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hung
}

// work is the hand's goroutine.
func (h *hand) work() {
	for {
		h.mu.Lock()
		if len(h.queue) == 0 {
			closed := h.closed
			if closed && h.timer != nil {
				h.timer.Stop()
			}
			h.mu.Unlock()
			if closed {
				return
			}
			<-h.wake
			continue
		}
		h.begin()
		for n := len(h.queue); n > 0 && len(h.queue) > 0; n-- {
			h.makeOne()
		}
		h.hung = false
		h.mu.Unlock()
	}
}

// begin begins a round. mu is held.
func (h *hand) begin() {
	h.excuse = 0
	h.measure()
}

// measure gives the round its time. mu is held.
func (h *hand) measure() {
	h.began, h.warned = time.Now(), false
	if !h.armed {
		h.arm(h.began, h.limit)
	}
}

// arm has the timer fire once, after d. Most rounds take microseconds, and a timer of its own would cost each more than
// its calls do: it wakes whoever waits for the network. mu is held.
func (h *hand) arm(now time.Time, d time.Duration) {
	h.armed, h.due = true, now.Add(d)
	if h.timer == nil {
		h.timer = time.AfterFunc(d, h.expire)
		return
	}
	h.timer.Reset(d)
}

// How often a round's time begins again is bounded: a disk that hangs is to be noticed on a busy machine, too.
const (
	maxExcuses = 4  // because a timer was late
	maxStarved = 50 // because no thread waits for the disk
)

// makeOne makes the first call of the queue. mu is held, and released meanwhile.
func (h *hand) makeOne() {
	c := h.queue[0]
	h.queue[0] = nil
	if len(h.queue) > 1 {
		h.queue = h.queue[1:]
	} else {
		h.queue = h.queue[:0] // keeps its memory
	}
	h.active = c
	h.mu.Unlock()
	c.do()
	h.mu.Lock()
	h.active = nil
	if !c.left {
		c.done <- struct{}{}
	}
}

// made is for the call that is being made. It reports whether somebody waits for it still, who from here on is told
// that it was made, however long the rest of it takes: nothing in that may touch what is the caller's.
func (h *hand) made() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active.made = !h.active.left
	return h.active.made
}

// expire ends a round that takes too long for those who wait.
func (h *hand) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed = false
	if h.active == nil && len(h.queue) == 0 {
		return // nothing happens
	}
	now := time.Now()
	if left := h.limit - now.Sub(h.began); left > 0 { // an earlier round has armed it
		h.arm(now, left)
		return
	}
	// It may be the process that had no time: then no thread of it waits for the disk, or, where that can't be told,
	// its timers are late as well. And a call that was made needs a moment to end.
	switch {
	case h.excuse < maxStarved && !h.mayHang(), now.Sub(h.due) > h.limit/8 && h.excuse < maxExcuses:
		h.excuse++
		h.measure()
		return
	case !h.warned:
		h.warned = true
		h.arm(now, h.limit/4)
		return
	}
	h.hung = true
	h.giveUp(store.ErrHangs)
}

// giveUp tells all who wait. mu is held.
func (h *hand) giveUp(err error) {
	kept := h.queue[:0:0]
	waiting := h.queue
	if h.active != nil {
		waiting = append([]*call{h.active}, waiting...)
	}
	for _, c := range waiting {
		if !c.left {
			c.left = true
			if !c.made {
				c.err = err
			}
			c.done <- struct{}{}
		}
		if c.keep && c != h.active {
			kept = append(kept, c)
		}
	}
	h.queue = kept
}

// close ends the hand. It waits for calls that are being made, unless the disk hangs: that one goroutine ends when the
// disk answers.
func (h *hand) close() {
	h.mu.Lock()
	h.closed = true
	hung := h.hung
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
	patience := time.Duration(0)
	if !hung {
		patience = h.limit
	}
	h.resident.Close(patience)
}
