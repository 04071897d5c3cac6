package outbox

import (
	"slices"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// The reasons for which an outbox drops, as client reports name them.
const (
	reasonQueueOverflow = "queue_overflow"     // no room in memory, or too old there
	reasonCacheOverflow = "cache_overflow"     // no room on disk, or too old there
	reasonLimited       = "ratelimit_backoff"  // the server limits it for long
	reasonSendError     = "send_error"         // the server refused it
	reasonDamaged       = "internal_sdk_error" // the store can't read it any more
	reasonWithheld      = "before_send"        // it holds personal data, which this program doesn't send, or was purged
)

// reports counts what was dropped until the server has been told, which is done by client reports: see
// https://develop.sentry.dev/sdk/telemetry/client-reports/. They are made when they are sent and never stored.
type reports struct {
	lost    map[wire.Discarded]uint64
	at      time.Duration // when to send what was lost
	fresh   bool          // something was lost since the last turn, which sets that time
	tries   int           // that have failed in a row
	wanted  bool          // a Flush wants it now
	sending bool
}

// report counts an envelope for the next client report. The first one starts the wait for others to be reported with
// it. mu is held.
func (o *Outbox) report(reason string, c Category, items, spans uint32) {
	if o.cfg.NoReports {
		return
	}
	r := &o.reports
	if r.lost == nil {
		r.lost = make(map[wire.Discarded]uint64)
	}
	if len(r.lost) == 0 {
		r.at, r.fresh = never, true
	}
	r.lost[wire.Discarded{Reason: reason, Category: c.String()}] += uint64(max(items, 1))
	if c == CategoryTransaction {
		// Sentry counts the transaction as a span too.
		r.lost[wire.Discarded{Reason: reason, Category: "span"}] += uint64(spans) + 1
	}
}

// canReport says whether a client report may be sent, if one is due. mu is held.
func (o *Outbox) canReport(now time.Duration) bool {
	return len(o.reports.lost) > 0 && !o.closed && o.cfg.Active() && o.upstream.clear() && o.reportFrom() <= now
}

// reportFrom is when the server's limits allow a client report, which has no category: only a limit of all concerns it.
func (o *Outbox) reportFrom() time.Duration { return slices.Min(o.until[:]) }

// dispatchReport sends a client report, if one is due. mu is held.
func (o *Outbox) dispatchReport(now time.Duration) {
	if o.reports.fresh {
		o.reports.fresh, o.reports.at = false, now+o.timing.report
	}
	due := o.reports.at <= now || o.reports.wanted && o.queue.count == 0
	if !due || o.reports.sending || !o.canReport(now) {
		return
	}
	lost := o.reports.lost
	o.reports.lost, o.reports.sending, o.reports.wanted = nil, true, false
	o.background(func() { o.sendReport(lost) })
}

func (o *Outbox) sendReport(lost map[wire.Discarded]uint64) {
	a := o.endpoint.Post(o.ctx, wire.Report(o.cfg.SDK, lost, time.Now()), CategoryOther)
	o.mu.Lock()
	defer o.unlock()
	o.reports.sending = false
	now := o.now()
	o.limit(a.Limits, now)
	switch a.Verdict {
	case wire.Accepted, wire.Refused: // refused: it would be again
		o.reports.tries = 0
	default:
		o.reports.tries++
		wait := jitter(doubled(o.timing.report, o.reports.tries, o.timing.retryMax))
		if a.Verdict == wire.Rejected {
			wait = o.timing.rejected
		}
		if o.reports.lost == nil {
			o.reports.lost = make(map[wire.Discarded]uint64)
		}
		for key, n := range lost {
			o.reports.lost[key] += n
		}
		o.reports.at, o.reports.fresh = now+wait, false
	}
	o.resident.Kick()
}
