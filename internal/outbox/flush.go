package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// Flush sends what waits, the backlog included and without its usual pace, and returns once the server has accepted, or
// refused for good, all that was put before the call. It reports false when some of it waits still, because ctx ended,
// something that earlier processes left could not be read, reporting is off, the server refuses the way or the key, or
// limits all that is left for longer than ctx lasts; and when something was lost since the last Flush, for want of room
// or because the server fails whenever it gets it. Failures are tried again at short intervals.
func (o *Outbox) Flush(ctx context.Context) bool {
	f := &flush{ended: ctx.Err() != nil} // a ctx may be of the program's own making: it isn't asked under a lock
	if deadline, ok := ctx.Deadline(); ok {
		// By the caller's clock, which stands still if that is a synctest bubble's: ctx itself may never end.
		f.limited, f.end = true, min(time.Until(deadline), never/2)
	}
	if o.resident.Do(func() { o.beginFlush(f) }) {
		select {
		case <-f.done:
		case <-ctx.Done():
			o.resident.Do(func() { f.ended = true })
			<-f.done
		}
	} else {
		o.mu.Lock()
		f.ok = o.queue.count == 0 && o.disk.unread.Count == 0
		o.mu.Unlock()
	}
	o.notes.Say()
	return f.ok
}

// beginFlush is the resident's, whose next turn finishes f if it can.
func (o *Outbox) beginFlush(f *flush) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.done = make(chan struct{})
	f.target, f.rejected, f.lost = o.queue.seq, o.upstream.rejections, o.lostReported
	f.began = o.now()
	f.end += f.began
	o.flushes = append(o.flushes, f)
	if !f.ended {
		o.hurry()
		o.reports.wanted = true
		if f.looks = o.disk.looks + 1; o.disk.adopting {
			f.looks++ // one that has begun may have passed what has died since
		}
	}
}

// finishFlush reports whether f is over, and then tells its caller. It is the resident's. mu is held.
func (o *Outbox) finishFlush(f *flush, now time.Duration) bool {
	f.ended = f.ended || f.limited && now >= f.end
	ok, over := o.flushed(f, now)
	if !over {
		return false
	}
	if !ok && f.ended {
		o.noteSilence(now)
	}
	o.lostReported = o.lost
	o.reports.wanted = o.reports.wanted && len(o.flushes) > 1
	f.ok = ok
	close(f.done)
	return true
}

// noteSilence makes it the last error, if there is none, that requests have had no answer for a while: why a Flush
// ended without success is to be known before they have failed. mu is held.
func (o *Outbox) noteSilence(now time.Duration) {
	for _, it := range o.queue.flying {
		if age := now - it.since; o.upstream.err == nil && it.since > 0 && age >= o.timing.slow {
			o.upstream.err = fmt.Errorf("outbox: send: no answer for %v", age.Round(time.Millisecond))
		}
	}
}

// A flush is what a Flush goes by.
type flush struct {
	target   uint64 // what was put up to here is to be sent
	rejected uint64 // as they were at its beginning
	lost     uint64
	looks    uint64 // for what dead processes left, that are to be over

	began time.Duration

	lookAt  time.Duration // the next look is not before, after one that could not read all
	rereads int

	limited bool          // its ctx has a deadline
	end     time.Duration // which is then
	ended   bool          // its ctx has ended

	done chan struct{} // closed when it is over, after ok was set
	ok   bool
}

// maxRereads is how often a Flush looks again when something could not be read. On Windows a file or folder that
// another process deletes just now can't be opened.
const maxRereads = 3

// look has what earlier processes left be looked for, unless that was done since f began, or the disk fails. mu is
// held.
func (o *Outbox) look(f *flush, now time.Duration) {
	if o.opening() {
		return // and begins with a look
	}
	if o.cfg.OpenStore == nil || !o.usable() {
		f.looks = 0
	}
	if o.disk.looks >= f.looks && !f.ended && o.disk.adoptErr != nil && f.looks > 0 && f.rereads < maxRereads {
		f.rereads++
		f.looks = o.disk.looks + 1
		f.lookAt = now + doubled(o.timing.flushRetry, f.rereads, o.timing.flushMax)
	}
	switch {
	case o.disk.looks >= f.looks:
	case now >= f.lookAt:
		o.startAdoption()
	case !o.disk.adopting:
		o.adoptAt = min(o.adoptAt, f.lookAt)
	}
}

// flushed reports whether f is over, and how it ended. mu is held.
func (o *Outbox) flushed(f *flush, now time.Duration) (ok, over bool) {
	looked := o.disk.adopted && o.disk.looks >= f.looks
	if looked { // what earlier processes left, and what was reported of them, counts as put before
		f.target = max(f.target, o.disk.adoptedSeq)
	}
	waits := !looked
	o.queue.eachFirst(func(it *item) { waits = waits || it.seq <= f.target })
	if !waits {
		ok = o.lost == f.lost && o.disk.unread.Count == 0 && o.disk.adoptErr == nil
		return ok, f.ended || o.closed || !o.reports.sending && !(o.reports.wanted && o.canReport(now))
	}
	return false, f.ended || o.closed || o.upstream.rejections != f.rejected || !o.cfg.Active() ||
		looked && o.outlasted(f)
}

// outlasted reports whether all that f waits for is limited for longer than f may take. mu is held.
func (o *Outbox) outlasted(f *flush) bool {
	if !f.limited || len(o.queue.flying) > 0 {
		return false
	}
	outlasted := true
	o.queue.eachFirst(func(it *item) {
		if it.seq <= f.target && o.until[store.Index(it.entry.Category)] <= f.end {
			outlasted = false
		}
	})
	return outlasted
}

// hurry forgets the delays after failures, but not how long they have become. mu is held.
func (o *Outbox) hurry() {
	o.upstream.until, o.upstream.probing, o.flushTries = 0, false, 0
	o.queue.release(never-1, maxSuspects)
}

// retryDelay is how long to wait after a number of failures in a row, the last one included. mu is held.
func (o *Outbox) retryDelay(failures int) time.Duration {
	d := jitter(doubled(o.timing.retry, failures, o.timing.retryMax))
	if len(o.flushes) > 0 {
		d = min(d, jitter(doubled(o.timing.flushRetry, o.flushTries, o.timing.flushMax)))
	}
	return min(d, o.timing.retryMax)
}

// Timeout returns a context for [Outbox.Flush], [Outbox.Close] and what waits beside them, that ends after d by the
// outbox's clock. A timeout that is made inside a synctest bubble never comes while something outside is waited for:
// the bubble's time stands still meanwhile. The caller calls cancel. After Close the context has ended.
func (o *Outbox) Timeout(d time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	return o.resident.Timeout(d)
}
