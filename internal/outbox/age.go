package outbox

import "time"

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
