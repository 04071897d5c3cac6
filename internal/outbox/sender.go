package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// upstreamHealth is what is known of the way to the server.
type upstreamHealth struct {
	err        error
	failures   int           // in a row, of requests that began one after another
	until      time.Duration // nothing is sent before
	rejected   bool          // the way or the key was refused
	rejections uint64        // how often that happened
	probing    bool          // a request finds out whether the trouble is over
	epoch      uint64        // counts failures, to tell those of requests that began before one
}

func (w *upstreamHealth) clear() bool { return w.failures == 0 && !w.rejected }

const (
	// maxFailures is how many answers that blame an envelope it gets while others are accepted, before it is given up.
	maxFailures = 10
	// perSender envelopes must wait for each request under way before there is another: a few arrive in the order of
	// their capture, a burst fills the line.
	perSender = 8
	// rotate is after how many failures in a row another envelope is tried first: one that breaks connections must not
	// stop all others.
	rotate = 3
)

const (
	// maxPlausible is the age from which on an event isn't old: a clock was wrong when it was captured, or is now.
	maxPlausible  = 365 * 24 * time.Hour
	maxClockError = 24 * time.Hour // of our clock against the server's, before the server's counts
	expireEvery   = time.Minute
)

// serverClock is what the dates of answers to accepted envelopes say about our clock.
type serverClock struct {
	met   bool          // there was an answer
	last  time.Duration // how far the newest was ahead
	known bool          // our clock is confirmed, or there were answers enough to go by it
	skew  time.Duration // by which the server's clock is ahead, when answers in a row agree on days; else 0
}

// tells takes in how far an answer's date is ahead of our clock, and reports whether that changes what is known. One
// answer may be wrong, or be a proxy's: a skew counts once the next answer says the same.
func (c *serverClock) tells(ahead time.Duration) (news bool) {
	before := *c
	if ahead.Abs() <= maxClockError {
		ahead = 0
	}
	agree := c.met && (ahead-c.last).Abs() <= maxClockError
	c.known = c.met || ahead == 0
	c.skew = 0
	if agree {
		c.skew = ahead
	}
	c.met, c.last = true, ahead
	return c.known && (!before.known || (c.skew-before.skew).Abs() > maxClockError)
}

// dispatch starts whatever can be done now and notes when the rest can be done. It is the resident's. mu is held.
func (o *Outbox) dispatch(now time.Duration) {
	if o.closed {
		return
	}
	o.stamp(now)
	for c := range o.refusing {
		o.refusing[c] = o.hopeless(Category(c), now)
	}
	o.dispatchDisk(now) // before what waits in memory, which is what the disk is tried with, is on its way to the server
	if o.cfg.Active() {
		o.expire(now)
		if len(o.queue.delayed) > 0 {
			o.queue.release(now)
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
// its drop would be as misleading.
func (o *Outbox) pickInTime(now time.Duration, step uint8) *item {
	for {
		it := o.pick(now, step, laneLive, laneOverflow)
		if it == nil && (len(o.flushes) > 0 || now >= o.pacedAt) {
			if it = o.pick(now, step, laneBacklog); it != nil {
				o.pacedAt = now + o.timing.pace
			}
		}
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
	case o.sending >= Senders, now < o.upstream.until, !o.upstream.clear() && o.upstream.probing:
		return false
	}
	waiting := o.queue.count - len(o.queue.flying) - len(o.queue.delayed)
	return o.sending*perSender <= waiting || now >= o.slowAt()
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
				} else if o.sending > 0 && o.sending < Senders {
					at(o.slowAt())
				}
			}
		}
		for _, it := range o.queue.delayed {
			at(it.retry)
		}
		at(o.upstream.until) // what is put before may rely on that
		if o.queue.count > 0 {
			at(o.expireAt)
		}
		if len(o.reports.lost) > 0 && !o.reports.sending && o.upstream.clear() {
			at(max(o.reports.at, o.reportFrom()))
		}
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

// send sends it and then whatever comes next, until there is nothing. epoch is the way's when it was taken.
func (o *Outbox) send(it *item, epoch uint64) {
	s := &scratch{stored: wire.Buffer(), plain: wire.Buffer()}
	defer s.release()
	for it != nil {
		a := o.deliver(it, s)
		if a.Verdict == wire.Accepted || a.Verdict == wire.Refused || a.Verdict == wire.Damaged {
			o.forget(it) // before anybody hears that it has arrived: it shall not be sent again
		}
		o.mu.Lock()
		o.settle(it, a, epoch)
		o.unlock()
		o.resident.Kick()
		if a.Finish != nil {
			a.Finish() // still counted as under way: the connection isn't free before
		}
		o.mu.Lock()
		o.sending--
		now := o.now()
		if it = o.take(now); it != nil {
			epoch = o.upstream.epoch
		}
		o.unlock()
		o.resident.Kick()
	}
}

// A scratch is a sender's memory.
type scratch struct{ stored, plain *bytes.Buffer }

func (s *scratch) release() {
	wire.PutBuffer(s.stored)
	wire.PutBuffer(s.plain)
}

// deliver reads it from its store and sends it.
func (o *Outbox) deliver(it *item, s *scratch) wire.Answer {
	envelope, err := it.store.Payload(it.entry, s.stored.AvailableBuffer())
	if err != nil {
		err = fmt.Errorf("outbox: read envelope: %w", err)
		if errors.Is(err, store.ErrDamaged) {
			return wire.Answer{Verdict: wire.Damaged, Err: err}
		}
		s.stored = wire.Buffer() // the old one is the store's
		return wire.Answer{Verdict: wire.Unreadable, Err: err}
	}
	if cap(envelope) > s.stored.Cap() {
		s.stored = bytes.NewBuffer(envelope[:0])
	}
	if it.entry.Packed {
		s.plain.Reset()
		if err := wire.Inflate(s.plain, envelope); err != nil {
			return wire.Answer{Verdict: wire.Damaged, Err: fmt.Errorf("outbox: unpack envelope: %w", err)}
		}
		envelope = s.plain.Bytes()
	}
	return o.endpoint.Post(o.ctx, envelope, it.entry.Category)
}

// settle acts on the answer to it. What was accepted, refused or damaged is forgotten already. mu is held.
func (o *Outbox) settle(it *item, a wire.Answer, epoch uint64) {
	now := o.now()
	e := it.entry
	if it.probe {
		it.probe, o.upstream.probing = false, false
	}
	if o.closed && a.Verdict == wire.Unreachable { // Close interrupted it
		o.queue.putBack(it)
		return
	}
	switch a.Verdict {
	case wire.Accepted, wire.Limited, wire.Refused:
		o.upstreamWorks()
	}
	if a.Verdict == wire.Accepted && !a.Date.IsZero() && o.clock.tells(time.Until(a.Date)) {
		o.expireAt = 0 // what is too old isn't sent first
		o.expire(now)
	}
	if a.Verdict != wire.Unreadable && it.store == o.main {
		o.disk.readErr = nil
	}
	if a.Verdict != wire.Unreadable && a.Verdict != wire.Damaged && it.store == o.main {
		o.resolved("read", "sentryconfig: the outbox can be read again")
	}
	switch a.Verdict {
	case wire.Accepted:
		o.accepted++
		o.acceptAt = now
		o.upstream.err = nil
		o.resolved("refused", "")
		o.resolved("poison", "")
		if a.Limits == (wire.Limits{}) {
			o.resolved("limit", "sentryconfig: the server takes events without limits again")
		}
		o.stats.Delivered++
		o.queue.arrive(it)
		o.retryUndone()
	case wire.Refused:
		o.upstream.err = a.Err
		o.warn("refused", "sentryconfig: the server refused an event, which is dropped",
			"event_id", fmt.Sprintf("%x", e.EventID), "error", a.Err)
		o.queue.arrive(it)
		o.count(reasonSendError, e.Category, e.Items, e.Spans)
	case wire.Damaged:
		o.warn("read", "sentryconfig: an event in the outbox is damaged and dropped",
			"event_id", fmt.Sprintf("%x", e.EventID), "error", a.Err)
		o.queue.arrive(it)
		o.lose(reasonDamaged, e.Category, e.Items, e.Spans)
	case wire.Limited:
		o.upstream.err = a.Err
		o.queue.putBack(it)
	case wire.Rejected:
		o.reject(it, a.Err, now)
	case wire.Failed, wire.Unreachable, wire.Unreadable:
		o.fail(it, a, epoch, now)
	}
	o.limit(a.Limits, now)
	if e.PII && !o.cfg.PII {
		o.withhold() // since it was taken
	}
}

// bar delays an item that was answered as if the way or the key were wrong, and with it all others unless they are
// doing well: a filter on the way may take offence at one envelope's content, or at a few. mu is held.
func (o *Outbox) reject(it *item, err error, now time.Duration) {
	others := o.failedAlone(it, now) && len(o.queue.delayed) < Senders
	it.tries = min(it.tries, 250) + rotate - 1 // there are 5 minutes to the next try: another goes first at once
	it.retry = now + o.timing.rejected
	o.upstream.err = err
	o.upstream.rejections++
	if !others {
		o.upstream.epoch++
		o.upstream.rejected, o.upstream.until = true, it.retry
	}
	o.warn("way", "sentryconfig: the server, or a proxy on the way, refuses the DSN's key or project: "+
		"events wait and are tried every 5 minutes; check the DSN and the proxy settings", "error", err)
	o.queue.delay(it)
}

// failedAlone counts a failure of it, and says whether others are accepted: while it was under way, since its last
// failure, or just a moment ago and since its first. mu is held.
func (o *Outbox) failedAlone(it *item, now time.Duration) bool {
	if it.tries == 0 {
		it.firstAccepted, it.lastAccepted = o.accepted, o.accepted
	}
	others := o.accepted > 0 && o.acceptAt > it.since || o.accepted > it.lastAccepted ||
		o.accepted > it.firstAccepted && now-o.acceptAt < o.timing.poisonProof
	it.lastAccepted = o.accepted
	it.tries = min(it.tries, 250) + 1
	return others
}

// fail delays an item that may be better off later, and with it all others unless they are doing well. mu is held.
func (o *Outbox) fail(it *item, a wire.Answer, epoch uint64, now time.Duration) {
	others := o.failedAlone(it, now)
	if a.Verdict == wire.Failed && wire.Blames(a.Status) && (others || it.failures == 0) {
		if it.failures == 0 {
			it.failedFirst = now
		}
		if it.failures = min(it.failures, 250) + 1; it.failures >= maxFailures && now-it.failedFirst >= o.timing.poisonTime {
			o.upstream.err = a.Err
			o.warn("poison", "sentryconfig: the server fails whenever it gets an event, which is dropped",
				"event_id", fmt.Sprintf("%x", it.entry.EventID), "error", a.Err)
			o.queue.arrive(it)
			o.drop(it, reasonSendError, true)
			return
		}
	}
	if len(o.flushes) > 0 && epoch == o.upstream.epoch {
		o.flushTries++
	}
	it.retry = now + o.retryDelay(int(it.tries))
	switch {
	case a.Verdict == wire.Unreadable:
		o.warn("read", "sentryconfig: the outbox can't be read: it is tried again", "path", o.cfg.Dir, "error", a.Err)
		o.disk.readErr = a.Err
	case others:
		o.upstream.err = a.Err // its own trouble
	default:
		o.upstream.err = a.Err
		o.warn("server", "sentryconfig: the server can't be reached or fails: events wait and are tried again",
			"error", a.Err)
		if epoch == o.upstream.epoch { // not one of several that began before the server was known to fail
			o.upstream.epoch++
			if len(o.flushes) == 0 || o.upstream.failures == 0 { // a Flush asks too often to tell how long this has lasted
				o.upstream.failures++
			}
			o.upstream.until = now + o.retryDelay(o.upstream.failures)
		}
		it.retry = min(it.retry, max(o.upstream.until, now+o.timing.flushRetry/2))
	}
	if o.hopeless(it.entry.Category, now) {
		o.queue.arrive(it)
		o.drop(it, reasonLimited, false)
		return
	}
	o.queue.delay(it)
}

// upstreamWorks notes that the server answers. mu is held.
func (o *Outbox) upstreamWorks() {
	if o.upstream.clear() {
		return
	}
	o.upstream.failures, o.upstream.rejected, o.upstream.probing, o.upstream.until = 0, false, false, 0
	o.resolved("server", "sentryconfig: the server can be reached again")
	o.resolved("way", "sentryconfig: the server accepts the DSN's key again")
}

// limit applies the limits of an answer: what they concern waits, or is dropped when that would take long. mu is held.
func (o *Outbox) limit(l wire.Limits, now time.Duration) {
	for c, d := range l {
		if d <= 0 {
			continue
		}
		o.until[c] = max(o.until[c], now+d)
		o.warn("limit", "sentryconfig: the server limits what it takes", "category", Category(c).String(), "for", d.String())
		if o.hopeless(Category(c), now) {
			o.refusing[c] = true
			for _, it := range o.queue.removeFunc(func(it *item) bool { return store.Index(it.entry.Category) == c }) {
				o.drop(it, reasonLimited, false)
			}
		}
	}
}

// hopeless says whether things of a category are limited for so long that they aren't kept. Errors are, always. mu is
// held.
func (o *Outbox) hopeless(c Category, now time.Duration) bool {
	return c != CategoryError && o.until[store.Index(c)]-now > wire.Patience
}

// stamp says when what is fresh was put: about now. mu is held.
func (o *Outbox) stamp(now time.Duration) {
	for i, it := range o.fresh {
		it.put, o.fresh[i] = now, nil
	}
	if o.fresh = o.fresh[:0]; cap(o.fresh) > maxEmpty {
		o.fresh = nil
	}
}

// expire drops what is too old. mu is held.
func (o *Outbox) expire(now time.Duration) {
	if now < o.expireAt || o.queue.count == 0 {
		return
	}
	o.stamp(now)
	o.expireAt = now + expireEvery
	wall := time.Now()
	for _, it := range o.queue.removeOld(func(it *item) bool { return o.expired(it, now, wall) }) {
		o.drop(it, o.overflowReason(it.store), true)
	}
}

// expired says whether it is too old. A clock that is set wrong by years, now or at the capture, must not delete
// anything. So what this process has captured ages by the monotonic clock; the backlog ages by our wall clock, believed
// within reason, and not before a server has had a say: its clock may be the better one, so it may save what ours finds
// too old.
func (o *Outbox) expired(it *item, now time.Duration, wall time.Time) bool {
	limit, age := it.entry.Category.Item().MaxAge, now-it.put
	before := wall.Sub(time.Unix(0, it.entry.Time)) // saturates, and is negative when captured in the future
	switch {
	case it.lane != laneBacklog:
	case it.entry.Category == CategoryMonitor: // whose clock is right doesn't matter: in doubt it is misleading
		age = max(age, before)
	case o.clock.known:
		if before > maxPlausible {
			before = 0
		}
		age = max(age, min(before, before+o.clock.skew))
	}
	return age > limit
}

// retryUndone has what a store could not forget forgotten now that other things work. mu is held.
func (o *Outbox) retryUndone() {
	if n := len(o.undone); n > 0 {
		o.done = append(o.done, o.undone[n-1])
		o.undone = o.undone[:n-1]
	}
}

// doubled is the nth of a row of delays that begins with first and doubles up to most.
func doubled(first time.Duration, n int, most time.Duration) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// jitter varies d by a fifth, so that machines that lost a server together don't come back together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
