package outbox

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// maxFailures is how many answers that blame an envelope it gets while others are accepted, before it is given up.
const maxFailures = 10

// upstreamHealth is the state of the connection to the server: back-off, and rejected credentials.
type upstreamHealth struct {
	err        error
	failures   int           // in a row, of requests that began one after another
	until      time.Duration // nothing is sent before
	rejected   bool          // the route or the credentials were
	rejections uint64        // how often that happened
	probing    bool          // a request finds out whether the trouble is over
	suspected  bool          // one envelope has failed since the last was accepted: it may be its own doing
	epoch      uint64        // counts failures, to tell those of requests that began before one
}

// clear says that requests go out freely.
func (u *upstreamHealth) clear() bool { return u.failures == 0 && !u.rejected }

// An outcome says what is done about a verdict.
type outcome struct {
	works    bool // the server can be reached, and knows the credentials
	readable bool // the store could read the envelope
	leaves   bool // the envelope leaves the outbox: its store forgets it before anybody hears of it
	act      func(o *Outbox, it *item, s settlement)
}

// A settlement is an answer, and what goes with it.
type settlement struct {
	wire.Answer
	epoch uint64 // the upstream's when the request began
	now   time.Duration
}

// outcomes has a row for each verdict.
var outcomes = [...]outcome{
	wire.Accepted:    {works: true, readable: true, leaves: true, act: (*Outbox).accept},
	wire.Refused:     {works: true, readable: true, leaves: true, act: (*Outbox).refuse},
	wire.Limited:     {works: true, readable: true, act: (*Outbox).wait},
	wire.Failed:      {readable: true, act: (*Outbox).fail},
	wire.Unreachable: {readable: true, act: (*Outbox).fail},
	wire.Rejected:    {readable: true, act: (*Outbox).reject},
	wire.Unreadable:  {act: (*Outbox).fail},
	wire.Damaged:     {leaves: true, act: (*Outbox).giveUp},
}

// settle acts on the answer to it. What leaves the outbox is forgotten by its store already. mu is held.
func (o *Outbox) settle(it *item, a wire.Answer, epoch uint64) {
	s := settlement{a, epoch, o.now()}
	if it.probe {
		it.probe, o.upstream.probing = false, false
	}
	if o.closed && a.Verdict == wire.Unreachable { // Close interrupted it
		o.queue.putBack(it)
		return
	}
	outcome := outcomes[a.Verdict]
	if outcome.works {
		o.upstreamWorks()
	}
	if it.store == o.main && a.Verdict != wire.Unreadable {
		o.disk.readErr = nil
		if outcome.readable {
			o.resolved("read", "sentryconfig: the outbox can be read again")
		}
	}
	outcome.act(o, it, s)
	o.limit(a.Limits, s.now)
	if it.entry.PII && !o.cfg.PII {
		o.withhold() // since it was taken
	}
}

func (o *Outbox) accept(it *item, s settlement) {
	o.accepted++
	o.acceptAt = s.now
	o.upstream.err, o.upstream.suspected = nil, false
	o.resolved("refused", "")
	o.resolved("poison", "")
	if s.Limits == (wire.Limits{}) {
		o.resolved("limit", "sentryconfig: the server takes events without limits again")
	}
	o.stats.Delivered++
	o.queue.arrive(it)
	o.retryUndone()
	if !s.Date.IsZero() && o.clock.tells(time.Until(s.Date)) {
		o.expireAt = 0 // what is too old isn't sent first
		o.expire(s.now)
	}
}

func (o *Outbox) refuse(it *item, s settlement) {
	e := it.entry
	o.upstream.err = s.Err
	o.warn("refused", "sentryconfig: the server refused an event, which is dropped",
		"event_id", fmt.Sprintf("%x", e.EventID), "error", s.Err)
	o.queue.arrive(it)
	o.count(reasonSendError, e.Category, e.Items, e.Spans)
}

func (o *Outbox) giveUp(it *item, s settlement) {
	e := it.entry
	o.warn("read", "sentryconfig: an event in the outbox is damaged and dropped",
		"event_id", fmt.Sprintf("%x", e.EventID), "error", s.Err)
	o.queue.arrive(it)
	o.lose(reasonDamaged, e.Category, e.Items, e.Spans)
}

func (o *Outbox) wait(it *item, s settlement) {
	o.upstream.err = s.Err
	o.queue.putBack(it)
}

// reject delays an item that was answered as if the route or the credentials were wrong, and with it all others unless
// they are doing well: a filter on the way may take offence at one envelope's content, or at a few. mu is held.
func (o *Outbox) reject(it *item, s settlement) {
	if n := len(o.flushes); n > 0 && it.since < o.flushes[n-1].began {
		o.queue.putBack(it) // a Flush has begun since: the answer is from before, and it asks again
		return
	}
	others := o.failedAlone(it, s.now) && len(o.queue.delayed) < senders
	it.tries = min(it.tries, 250) + rotate - 1 // there are 5 minutes to the next try: another goes first at once
	it.retry = s.now + o.timing.rejected
	o.upstream.err = s.Err
	o.upstream.rejections++
	if !others {
		o.upstream.epoch++
		o.upstream.rejected, o.upstream.until = true, it.retry
	}
	o.warn("way", "sentryconfig: the server, or a proxy on the way, refuses the DSN's key or project: "+
		"events wait and are tried every 5 minutes; check the DSN and the proxy settings", "error", s.Err)
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
func (o *Outbox) fail(it *item, s settlement) {
	others := o.failedAlone(it, s.now)
	if s.Verdict == wire.Failed && wire.Blames(s.Status) && (others || it.failures == 0) && o.poisons(it, s) {
		return
	}
	if len(o.flushes) > 0 && s.epoch == o.upstream.epoch {
		o.flushTries++
	}
	it.retry = s.now + o.retryDelay(int(it.tries))
	it.silent = s.Verdict == wire.Unreachable && s.now-it.since >= o.timing.stuck
	switch {
	case s.Verdict == wire.Unreadable:
		o.warn("read", "sentryconfig: the outbox can't be read: it is tried again", "path", o.cfg.Dir, "error", s.Err)
		o.disk.readErr = s.Err
	case others:
		o.upstream.err = s.Err // its own trouble
	case o.firstOfAll(it, s):
		o.upstream.err, o.upstream.suspected = s.Err, true
	default:
		o.backOff(it, s)
	}
	if o.hopeless(it.entry.Category, s.now) {
		o.queue.arrive(it)
		o.drop(it, reasonLimited, false)
		return
	}
	o.queue.delay(it)
}

// poisons counts an answer that blames it, and gives it up after several over a while. mu is held.
func (o *Outbox) poisons(it *item, s settlement) bool {
	if it.failures == 0 {
		it.failedFirst = s.now
	}
	it.failures = min(it.failures, 250) + 1
	if it.failures < maxFailures || s.now-it.failedFirst < o.timing.poisonTime {
		return false
	}
	o.upstream.err = s.Err
	o.warn("poison", "sentryconfig: the server fails whenever it gets an event, which is dropped",
		"event_id", fmt.Sprintf("%x", it.entry.EventID), "error", s.Err)
	o.queue.arrive(it)
	o.drop(it, reasonSendError, true)
	return true
}

// firstOfAll says that a connection was lost without an answer, for the first time since the server accepted something
// just now, while others wait: they go on. If it isn't this envelope's own doing, the next one tells. mu is held.
func (o *Outbox) firstOfAll(it *item, s settlement) bool {
	return s.Verdict == wire.Unreachable && it.tries == 1 && !o.upstream.suspected && o.upstream.clear() &&
		o.accepted > 0 && s.now-o.acceptAt < o.timing.suspect
}

// backOff takes a failure for the server's: nothing is sent for a while. mu is held.
func (o *Outbox) backOff(it *item, s settlement) {
	o.upstream.err = s.Err
	o.warn("server", "sentryconfig: the server can't be reached or fails: events wait and are tried again",
		"error", s.Err)
	if s.epoch == o.upstream.epoch { // not one of several that began before the server was known to fail
		o.upstream.epoch++
		if len(o.flushes) == 0 || o.upstream.failures == 0 { // a Flush asks too often to tell how long this has lasted
			o.upstream.failures++
		}
		o.upstream.until = s.now + o.retryDelay(o.upstream.failures)
	}
	it.retry = min(it.retry, max(o.upstream.until, s.now+o.timing.flushRetry/2))
}

// upstreamWorks records that the server answers. mu is held.
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
		o.warn("limit", "sentryconfig: the server limits what it takes",
			"category", Category(c).String(), "for", d.String())
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
