package outbox

import (
	"context"
	"fmt"
	"time"
)

// Flush sends what waits, the backlog included and without its usual pace, and returns once the server has accepted, or
// refused for good, all that was put before the call. It reports false when some of it waits still, because ctx ended,
// reporting is off, the server refuses the way or the key, or limits all that is left for longer than ctx lasts; and when
// something was lost for want of room since the last Flush. Failures are tried again at short intervals.
func (o *Outbox) Flush(ctx context.Context) bool {
	f := flush{}
	f.deadline, f.limited = ctx.Deadline() // a ctx may be of the program's own making: it isn't asked under a lock
	f.ended = ctx.Err() != nil
	o.mu.Lock()
	defer o.unlock()
	if o.closed {
		return o.queue.count == 0 && o.disk.unread == 0
	}
	f.target, f.barred, f.lost = o.queue.seq, o.way.barredCount, o.lostReported
	o.flushing++
	if !f.ended {
		o.hurry()
		o.reports.wanted = true
		if f.looks = o.disk.looks + 1; o.disk.adopting {
			f.looks++ // one that has begun may have passed what has died since
		}
	}
	ok, finished := false, false
	for {
		o.look(&f)
		o.pump(o.now())
		if ok, finished = o.flushed(&f); finished {
			break
		}
		changed := o.changed
		o.unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		f.ended = ctx.Err() != nil
		o.mu.Lock()
	}
	if !ok && f.ended {
		o.noteSilence(o.now())
	}
	o.flushing--
	o.lostReported = o.lost
	o.reports.wanted = o.reports.wanted && o.flushing > 0
	o.pump(o.now()) // the backlog has its pace again
	return ok
}

// noteSilence makes it the last error, if there is none, that requests have had no answer for a while: why a Flush ended
// without success is to be known before they have failed. mu is held.
func (o *Outbox) noteSilence(now time.Duration) {
	for _, it := range o.queue.flying {
		if age := now - it.since; o.way.err == nil && it.since > 0 && age >= o.timing.slow {
			o.way.err = fmt.Errorf("outbox: send: no answer for %v", age.Round(time.Millisecond))
		}
	}
}

// A flush is what a Flush goes by.
type flush struct {
	target uint64 // what was put up to here is to be sent
	barred uint64 // as they were at its beginning
	lost   uint64
	looks  uint64 // for what dead processes left, that are to be over

	deadline time.Time // of its ctx
	limited  bool      // there is one
	ended    bool      // its ctx has ended
}

// look has what earlier processes left be looked for, unless that was done since f began, or the disk fails. mu is held.
func (o *Outbox) look(f *flush) {
	if o.cfg.OpenStore == nil || !o.usable() {
		f.looks = 0
	}
	if o.disk.looks < f.looks && !o.disk.adopting {
		o.disk.adopting = true
		o.background(o.adopt)
	}
}

// flushed reports whether f is over, and how it ended. mu is held.
func (o *Outbox) flushed(f *flush) (ok, over bool) {
	looked := o.disk.adopted && o.disk.looks >= f.looks
	if looked {
		f.target = max(f.target, o.disk.adoptedSeq) // what earlier processes left counts as put before
	}
	waits := !looked || o.queue.waits(f.target)
	if !waits {
		now := o.now()
		ok = o.lost == f.lost && o.disk.unread == 0 && o.disk.adoptErr == nil
		return ok, f.ended || o.closed || !o.reports.sending && !(o.reports.wanted && o.canReport(now))
	}
	return false, f.ended || o.closed || o.way.barredCount != f.barred || !o.cfg.Active() || looked && o.outlasted(f)
}

// outlasted reports whether all that f waits for is limited for longer than f may take. mu is held.
func (o *Outbox) outlasted(f *flush) bool {
	if !f.limited || len(o.queue.flying) > 0 {
		return false
	}
	end := f.deadline.Sub(o.start)
	outlasted := true
	o.queue.eachFirst(func(it *item) {
		if it.seq <= f.target && o.until[it.entry.Category.index()] <= end {
			outlasted = false
		}
	})
	return outlasted
}

// hurry forgets the delays after failures, but not how long they have become. mu is held.
func (o *Outbox) hurry() {
	o.way.until, o.way.probing, o.flushTries = 0, false, 0
	o.queue.release(never - 1)
}

// retryDelay is how long to wait after a number of failures in a row, the last one included. mu is held.
func (o *Outbox) retryDelay(failures int) time.Duration {
	d := jitter(doubled(o.timing.retry, failures, o.timing.retryMax))
	if o.flushing > 0 {
		d = min(d, jitter(doubled(o.timing.flushRetry, o.flushTries, o.timing.flushMax)))
	}
	return min(d, o.timing.retryMax)
}
