package outbox

import (
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

const (
	// perSender envelopes must wait for each request under way before there is another: a few arrive in the order of
	// their capture, a burst fills the line.
	perSender = 8
	// maxSenders bounds the requests under way with those that are stuck.
	maxSenders = 4 * senders
	// maxSuspects is how many envelopes that were not answered in time are tried again at once.
	maxSuspects = 2
	// rotate is after how many failures in a row another envelope is tried first: one that breaks connections must not
	// stop all others. One that has not failed yet goes before all that have.
	rotate = 3
)

// dispatch starts whatever can be done now and notes when the rest can be done. It is the resident's. mu is held.
func (o *Outbox) dispatch(now time.Duration) {
	if o.closed {
		return
	}
	o.stamp(now)
	for c := range o.refusing {
		o.refusing[c] = o.hopeless(Category(c), now)
	}
	// before what waits in memory, which is what the disk is tried with, is on its way to the server
	o.dispatchDisk(now)
	if o.cfg.Active() {
		o.expire(now)
		if len(o.queue.delayed) > 0 {
			o.queue.release(now, maxSuspects)
		}
		for it := o.take(now); it != nil; it = o.take(now) {
			epoch := o.upstream.epoch
			o.background(func() { o.send(it, epoch) })
		}
		o.dispatchReport(now)
	}
	if o.queue.count == 0 {
		o.resolved("room", "")
		if o.upstream.clear() {
			o.resolved("way", "") // it was one envelope that was barred
		}
	}
	o.schedule(now)
}

// take returns what is to be sent now, counted as under way; nil: nothing. mu is held.
func (o *Outbox) take(now time.Duration) *item {
	if o.closed || o.queue.count == len(o.queue.flying)+len(o.queue.delayed) || !o.cfg.Active() || !o.free(now) {
		return nil
	}
	step := uint8(0) // the server works: in order of capture
	if !o.upstream.clear() {
		step = rotate
	}
	it := o.pickInTime(now, step)
	if it == nil {
		return nil
	}
	it.since = now
	it.probe, o.upstream.probing = step > 0, step > 0
	o.sending++
	o.queue.fly(it)
	return it
}

// pickInTime returns what comes next. A check-in that would come too late is dropped at once: one a minute late for
// its drop would be as misleading. mu is held.
func (o *Outbox) pickInTime(now time.Duration, step uint8) *item {
	for {
		it := o.pickBeside(now, step)
		if it == nil || it.entry.Category != CategoryMonitor {
			return it
		}
		if o.stamp(now); !o.expired(it, now, time.Now()) {
			return it
		}
		o.queue.remove(it)
		o.drop(it, o.overflowReason(it.store), true)
	}
}

// pickBeside picks from what this process has captured and from the backlog in turn, as far as the backlog's pace
// allows: neither waits for the other to come to an end. mu is held.
func (o *Outbox) pickBeside(now time.Duration, step uint8) *item {
	var backlog *item
	if len(o.flushes) > 0 || now >= o.pacedAt {
		backlog = o.pick(now, step, laneBacklog)
	}
	own := o.pick(now, step, laneLive, laneOverflow)
	if backlog == nil || own != nil && !o.backlogNext {
		o.backlogNext = own != nil
		return own
	}
	o.backlogNext = false
	o.pacedAt = now + o.timing.pace
	return backlog
}

func (o *Outbox) pick(now time.Duration, step uint8, lanes ...lane) (first *item) {
	until := o.until
	if o.queue.busy(CategoryMonitor) { // one check-in at a time: none overtakes another
		until[store.Index(CategoryMonitor)] = never
	}
	for _, l := range lanes {
		var it *item
		if step == 0 {
			it = o.queue.first(l, &until, now)
		} else {
			it = o.queue.leastTried(l, &until, now, step)
		}
		if it != nil && (first == nil || it.seq < first.seq) {
			first = it
		}
	}
	return first
}

// free reports whether another request may begin. mu is held.
func (o *Outbox) free(now time.Duration) bool {
	switch {
	case o.sending >= o.senders(now), now < o.upstream.until, !o.upstream.clear() && o.upstream.probing:
		return false
	}
	waiting := o.queue.count - len(o.queue.flying) - len(o.queue.delayed)
	return (o.sending-o.stuck(now))*perSender <= waiting || now >= o.slowAt()
}

// stuck is how many requests have been under way for so long that they may never be answered. mu is held.
func (o *Outbox) stuck(now time.Duration) (n int) {
	for _, it := range o.queue.flying {
		if now-it.since >= o.timing.stuck {
			n++
		}
	}
	return min(n, o.sending)
}

// senders is how many requests may be under way now. Those that are stuck don't count, so that a few envelopes that are
// never answered don't hold all senders; while nothing at all was answered for a while, one more at a time may try. mu
// is held.
func (o *Outbox) senders(now time.Duration) int {
	stuck := o.stuck(now)
	if stuck == 0 {
		return senders
	}
	oldest := now
	for _, it := range o.queue.flying {
		oldest = min(oldest, it.since)
	}
	if o.accepted > 0 && o.acceptAt > oldest-o.timing.suspect {
		return min(senders+stuck, maxSenders)
	}
	return min(max(senders, stuck+1), maxSenders)
}

// slowAt is when the requests under way have become too slow to wait for. mu is held.
func (o *Outbox) slowAt() time.Duration {
	at := time.Duration(0)
	for _, it := range o.queue.flying {
		at = max(at, it.since+o.timing.slow)
	}
	return at
}

// schedule notes when the next thing is worth doing. What a request under way will bring about needs none.
// mu is held.
func (o *Outbox) schedule(now time.Duration) {
	next := never
	at := func(t time.Duration) {
		if t > now {
			next = min(next, t)
		}
	}
	if o.cfg.Active() {
		o.scheduleSending(now, at)
	}
	if o.disk.failed && !o.disk.busy {
		at(o.disk.at)
	}
	for c, refusing := range o.refusing {
		if refusing {
			at(o.until[c] - wire.Patience)
		}
	}
	o.turnAt = next
}

// scheduleSending calls at with the times from which on something may be sent, or is too old. mu is held.
func (o *Outbox) scheduleSending(now time.Duration, at func(time.Duration)) {
	for l := range o.queue.lanes {
		for c := range o.queue.lanes[l] {
			if o.queue.lanes[l][c].first() == nil {
				continue
			}
			t := max(o.until[c], o.upstream.until)
			if lane(l) == laneBacklog && len(o.flushes) == 0 {
				t = max(t, o.pacedAt)
			}
			if t > now {
				at(t)
			} else if o.sending > 0 && o.sending < o.senders(now) {
				at(o.slowAt())
			}
		}
	}
	for _, it := range o.queue.delayed {
		at(it.retry)
	}
	for _, it := range o.queue.flying {
		at(it.since + o.timing.stuck) // then another may go beside it
	}
	at(o.upstream.until) // what is put before may rely on that
	if o.queue.count > 0 {
		at(o.expireAt)
	}
	if len(o.reports.lost) > 0 && !o.reports.sending && o.upstream.clear() {
		at(max(o.reports.at, o.reportFrom()))
	}
}
