package outbox

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	requestTimeout = 30 * time.Second // of one request, body and answer included; as in sentry-go
	firstDelay     = time.Second      // after a failure, doubled each time
	maxDelay       = 5 * time.Minute
	flushDelay     = 100 * time.Millisecond // the first one while a Flush waits, doubled up to a second
	refusedDelay   = 5 * time.Minute        // after an answer that speaks of the way or the key
	maxFailures    = 10                     // 5xx answers to one envelope while others are accepted
	gzipFrom       = 1 << 10                // bytes; smaller bodies gain nothing
	maxAnswer      = 64 << 10               // bytes read of an answer, so that its connection can be used again
)

// perSender is how many entries must wait for each sender before there is another: a few arrive in the order of their
// capture, a burst fills the line.
const perSender = 8

// kick starts senders for what can be sent now, or a timer for what can be sent later. o.mu is held.
func (o *Outbox) kick() {
	if o.closed || o.running >= Senders || o.running*perSender > o.waitingCount() {
		return
	}
	now := time.Now()
	e, wake := o.next(now)
	if e == nil {
		o.wakeAt(now, wake)
		return
	}
	o.running++
	o.flying[e] = struct{}{}
	o.workers.Go(func() { o.send(e) })
}

// wakeAt has the sender look again at the given time; zero: never. o.mu is held.
func (o *Outbox) wakeAt(now, at time.Time) {
	if at.IsZero() {
		return
	}
	wait := max(at.Sub(now), time.Millisecond)
	if o.timer == nil {
		o.timer = time.AfterFunc(wait, o.Wake)
		return
	}
	o.timer.Reset(wait)
}

// send delivers e and then whatever comes next, until there is nothing.
func (o *Outbox) send(e *Entry) {
	buf := payloads.Get().(*[]byte)
	defer payloads.Put(buf)
	for e != nil {
		a := o.deliver(e, buf)
		o.mu.Lock()
		delete(o.flying, e)
		o.settle(e, a)
		now := time.Now()
		if a.accepted() && o.reports.any() && now.Sub(o.reports.last) >= reportEvery && !o.closed {
			lost := o.reports.take(now)
			o.mu.Unlock()
			told := o.post(o.ctx, o.reportEnvelope(lost))
			o.mu.Lock()
			if !told.accepted() {
				o.reports.giveBack(lost)
			}
		}
		var wake time.Time
		if e, wake = o.next(now); e != nil {
			o.flying[e] = struct{}{}
			o.kick() // another sender, while there is more
		} else {
			o.running--
			o.wakeAt(now, wake)
		}
		o.broadcast()
		o.mu.Unlock()
	}
}

var payloads = sync.Pool{New: func() any { return new([]byte) }}

// An answer is what became of one request.
type answer struct {
	status  int // 0 without one
	err     error
	header  http.Header
	damaged bool // the payload can't be read any more
	drop    string
}

func (a answer) accepted() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// refused reports an answer that speaks of the way or the key, not of the envelope.
func (a answer) refused() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired:
		return true
	}
	return a.status >= 300 && a.status < 400
}

func (o *Outbox) deliver(e *Entry, buf *[]byte) answer {
	o.mu.Lock()
	store := o.storeOf(e)
	old := o.expired(e, time.Now())
	o.mu.Unlock()
	if old {
		return answer{drop: "cache_overflow"}
	}
	if e.PII && !o.cfg.PII {
		return answer{drop: "before_send"}
	}
	payload, err := store.Payload(e, *buf)
	if err != nil {
		return answer{err: err, damaged: errors.Is(err, ErrDamaged)}
	}
	*buf = payload[:0]
	if e.Packed {
		if payload, err = io.ReadAll(flate.NewReader(bytes.NewReader(payload))); err != nil {
			return answer{err: err, damaged: true}
		}
	}
	return o.post(o.ctx, payload)
}

// settle acts on the answer to e. o.mu is held.
func (o *Outbox) settle(e *Entry, a answer) {
	now := time.Now()
	if a.header != nil {
		o.limits.update(a.header, a.status, now)
		if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
			o.clockOK = date.Sub(now).Abs() < 24*time.Hour
		}
	}
	switch {
	case a.drop != "":
		o.finish(e, a.drop)
	case a.damaged:
		o.cfg.Logger.Warn("sentryconfig: a damaged record of the outbox is dropped", "error", a.err)
		o.finish(e, "internal_sdk_error")
	case a.accepted():
		o.delay = 0
		if o.serverDown {
			o.cfg.Logger.Info("sentryconfig: the server takes events again")
		}
		o.serverError, o.serverDown = nil, false
		o.finish(e, "")
		o.dropLimited(now)
	case a.status == http.StatusTooManyRequests:
		o.serverError = fmt.Errorf("outbox: the server limits %s: HTTP status 429", e.Category)
		o.putBack(e)
		o.dropLimited(now)
	case a.refused():
		o.refused++
		o.retryAt, o.delay = now.Add(refusedDelay), refusedDelay
		o.putBack(e)
		o.trouble(fmt.Errorf("outbox: the server refuses the DSN's key or project, or a proxy is in the way: HTTP status %d", a.status), "tried again every 5 minutes")
	case a.status >= 400 && a.status < 500 && a.status != http.StatusRequestTimeout:
		o.serverError = fmt.Errorf("outbox: the server refused an envelope: HTTP status %d", a.status)
		o.cfg.Logger.Warn("sentryconfig: the server refused an envelope, which is dropped", "status", a.status)
		o.finish(e, "send_error")
	default:
		if o.ctx.Err() != nil { // Close interrupted it
			o.putBack(e)
			return
		}
		o.failed(e, a, now)
	}
}

// failed is for answers that may be better next time: none at all, 408, 5xx.
func (o *Outbox) failed(e *Entry, a answer, now time.Time) {
	err := a.err
	if err == nil {
		err = fmt.Errorf("outbox: HTTP status %d", a.status)
	}
	o.trouble(err, "events wait in the outbox")
	first, most := firstDelay, maxDelay
	if o.flushers > 0 {
		first, most = flushDelay, time.Second
	}
	o.delay = min(max(2*o.delay, first), most)
	wait := o.delay/2 + rand.N(o.delay/2+1)
	o.retryAt = now.Add(wait)
	if a.status < 500 {
		o.putBack(e)
		return
	}
	// It may be the envelope's fault: the next attempt is another's, and this one waits for its own turn.
	if e.failures++; e.failures >= maxFailures && o.stats.Delivered > 0 && o.others() {
		o.finish(e, "send_error")
		return
	}
	own := min(firstDelay<<min(e.failures-1, 16), maxDelay)
	if o.flushers > 0 {
		own = wait
	}
	e.notBefore = now.Add(own)
	o.delayed = append(o.delayed, e)
}

// others reports whether the server takes other envelopes: nothing else waits, or only what failed as well.
func (o *Outbox) others() bool { return !o.waiting(laneLive) && !o.waiting(laneBacklog) }

// trouble notes what is wrong with the server, and says it once until it works again.
func (o *Outbox) trouble(err error, remedy string) {
	o.serverError = err
	if !o.serverDown {
		o.serverDown = true
		o.cfg.Logger.Warn("sentryconfig: the server can't be reached or refuses: "+remedy, "error", err)
	}
}

// dropLimited drops what the server won't take for long, but never errors.
func (o *Outbox) dropLimited(now time.Time) {
	for lane := range o.queues {
		for c := range o.queues[lane] {
			if Category(c) == CategoryError || o.limits[c].Sub(now) <= longLimit {
				continue
			}
			for q := &o.queues[lane][c]; q.len() > 0; {
				o.finish(q.pop(), "ratelimit_backoff")
			}
		}
	}
}

// post sends one envelope, its header completed by the time of sending.
func (o *Outbox) post(ctx context.Context, envelope []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	packed := len(envelope) >= gzipFrom
	var err error
	if packed {
		zip := zippers.Get().(*gzip.Writer)
		zip.Reset(body)
		if err = writeEnvelope(zip, envelope); err == nil {
			err = zip.Close()
		}
		zippers.Put(zip)
	} else {
		err = writeEnvelope(body, envelope)
	}
	if err != nil {
		return answer{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.URL, bytes.NewReader(bytes.Clone(body.Bytes()))) // the transport may read it after Do has returned
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	req.Header.Set("X-Sentry-Auth", o.cfg.Auth)
	req.Header.Set("User-Agent", o.cfg.UserAgent)
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // the status has said it all
	_ = resp.Body.Close()
	return answer{status: resp.StatusCode, header: resp.Header}
}

var (
	bodies  = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	zippers = sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
		return w
	}}
)

// writeEnvelope writes sent_at into the header of an envelope, and the rest as it is: a stale one would move the event in
// time, because Relay takes the difference to its own clock for drift.
func writeEnvelope(w io.Writer, envelope []byte) error {
	if len(envelope) < 2 || envelope[0] != '{' {
		return errors.New("outbox: not an envelope")
	}
	head := `{"sent_at":"` + time.Now().UTC().Format(time.RFC3339Nano) + `"`
	if envelope[1] != '}' {
		head += ","
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	_, err := w.Write(envelope[1:])
	return err
}
