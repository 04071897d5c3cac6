package outbox

import (
	"math"
	"slices"
	"time"
)

// A fifo is a queue of entries in the order of their arrival.
type fifo struct {
	list []*Entry
	head int
}

func (q *fifo) len() int { return len(q.list) - q.head }

func (q *fifo) push(e *Entry) { q.list = append(q.list, e) }

func (q *fifo) peek() *Entry {
	if q.len() == 0 {
		return nil
	}
	return q.list[q.head]
}

func (q *fifo) pop() *Entry {
	e := q.list[q.head]
	q.list[q.head] = nil
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	} else if q.head > 1024 && q.head > len(q.list)/2 { // what was taken is most of it
		q.list, q.head = slices.Clone(q.list[q.head:]), 0
	}
	return e
}

// pushFront takes back an entry that was popped.
func (q *fifo) pushFront(e *Entry) {
	at := q.head
	for at < len(q.list) && q.list[at].seq < e.seq {
		at++
	}
	q.list = slices.Insert(q.list, at, e)
}

// All methods below are called with o.mu held.

func (o *Outbox) push(e *Entry) {
	o.seq++
	e.seq = o.seq
	o.queues[lane(e)][e.Category].push(e)
}

func lane(e *Entry) int {
	if e.Backlog {
		return laneBacklog
	}
	return laneLive
}

func (o *Outbox) putBack(e *Entry) { o.queues[lane(e)][e.Category].pushFront(e) }

// each calls f for all that waits, in flight included.
func (o *Outbox) each(f func(*Entry)) {
	for lane := range o.queues {
		for c := range o.queues[lane] {
			q := &o.queues[lane][c]
			for _, e := range q.list[q.head:] {
				f(e)
			}
		}
	}
	for _, e := range o.delayed {
		f(e)
	}
	for e := range o.flying {
		f(e)
	}
}

// first returns the place of the first entry that waits or is in flight.
func (o *Outbox) first() uint64 {
	first := uint64(math.MaxUint64)
	for lane := range o.queues {
		for c := range o.queues[lane] {
			if e := o.queues[lane][c].peek(); e != nil {
				first = min(first, e.seq)
			}
		}
	}
	for _, e := range o.delayed {
		first = min(first, e.seq)
	}
	for e := range o.flying {
		first = min(first, e.seq)
	}
	return first
}

// evict drops the entry that was captured first and isn't in flight, and reports whether there was one.
func (o *Outbox) evict() bool {
	var oldest *Entry
	var from *fifo
	for lane := range o.queues {
		for c := range o.queues[lane] {
			q := &o.queues[lane][c]
			if e := q.peek(); e != nil && (oldest == nil || e.Time < oldest.Time) {
				oldest, from = e, q
			}
		}
	}
	for i, e := range o.delayed {
		if oldest == nil || e.Time < oldest.Time {
			o.delayed = slices.Delete(o.delayed, i, i+1)
			oldest, from = e, nil
			break
		}
	}
	if oldest == nil {
		return false
	}
	if from != nil {
		from.pop()
	}
	reason := "queue_overflow"
	if oldest.where.memory == nil {
		reason = "cache_overflow"
	}
	o.overflowed = true
	o.finish(oldest, reason)
	return true
}

// finish forgets e: delivered when reason is "", otherwise dropped.
func (o *Outbox) finish(e *Entry, reason string) {
	if err := o.storeOf(e).Done(e); err != nil {
		o.diskFails(err)
	}
	if reason == "" {
		o.stats.Delivered++
	} else {
		o.drop(e.Category, e.Items, e.Spans, reason)
	}
	o.broadcast()
}

func (o *Outbox) drop(c Category, items, spans uint32, reason string) {
	o.stats.Dropped++
	o.stats.DroppedBy[reason]++
	o.reports.add(reason, c, items, spans)
}

func (o *Outbox) storeOf(e *Entry) Store {
	if e.where.memory != nil || o.disk == nil {
		return &o.memory
	}
	return o.disk
}

func (o *Outbox) broadcast() {
	close(o.changed)
	o.changed = make(chan struct{})
}

const (
	maxEventAge       = 30 * 24 * time.Hour // Sentry refuses older events
	maxTransactionAge = 5 * 24 * time.Hour  // and older transactions
)

// expired reports whether e is too old to be accepted. Only a clock that a server has confirmed can tell: one that has
// jumped by years must not delete anything.
func (o *Outbox) expired(e *Entry, now time.Time) bool {
	if !o.clockOK {
		return false
	}
	limit := maxTransactionAge
	if e.Category == CategoryError || e.Category == CategoryMonitor {
		limit = maxEventAge
	}
	return now.Sub(timeOf(e.Time)) > limit
}

// backlogPace is the time between two entries of the backlog: a fleet that comes back online must not storm its server.
const backlogPace = time.Second / 50

// next takes the entry to be sent now, or says when there may be one; zero: not before something changes.
func (o *Outbox) next(now time.Time) (*Entry, time.Time) {
	if o.closed || !o.cfg.Active() {
		return nil, time.Time{}
	}
	if now.Before(o.retryAt) {
		return nil, o.retryAt
	}
	if o.delay > 0 && len(o.flying) > 0 {
		return nil, time.Time{} // the server failed: one request finds out whether it is back
	}
	var wake time.Time
	soon := func(at time.Time) {
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	for i, e := range o.delayed {
		if !now.Before(e.notBefore) && !now.Before(o.limits[e.Category]) {
			o.delayed = slices.Delete(o.delayed, i, i+1)
			return e, time.Time{}
		}
		soon(e.notBefore)
	}
	lanes := []int{laneLive, laneBacklog}
	if o.turn++; o.turn%4 == 0 { // beside new captures the old ones get a quarter
		lanes = []int{laneBacklog, laneLive}
	}
	for _, lane := range lanes {
		if lane == laneBacklog && o.flushers == 0 && now.Before(o.backlogAt) {
			if o.waiting(laneBacklog) {
				soon(o.backlogAt)
			}
			continue
		}
		var from *fifo
		for c := range o.queues[lane] {
			q := &o.queues[lane][c]
			e := q.peek()
			if e == nil {
				continue
			}
			if until := o.limits[c]; now.Before(until) {
				soon(until)
				continue
			}
			if from == nil || e.seq < from.peek().seq {
				from = q
			}
		}
		if from != nil {
			if lane == laneBacklog {
				o.backlogAt = now.Add(backlogPace)
			}
			return from.pop(), time.Time{}
		}
	}
	return nil, wake
}

func (o *Outbox) waiting(lane int) bool {
	for c := range o.queues[lane] {
		if o.queues[lane][c].len() > 0 {
			return true
		}
	}
	return false
}

func (o *Outbox) waitingCount() (n int) {
	for lane := range o.queues {
		for c := range o.queues[lane] {
			n += o.queues[lane][c].len()
		}
	}
	return n
}
