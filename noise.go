package sentryconfig

import (
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/noise"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

// heldBack stands for an event ID of an error that was held back: it has been seen to, but there is no event to name.
const heldBack sentry.EventID = "held back"

// toldID is the ID to return to a caller.
func toldID(id sentry.EventID) sentry.EventID {
	if id == heldBack {
		return ""
	}
	return id
}

// holdBack reports whether e is over the limit and held back.
func (c *Client) holdBack(e *sentry.Event, p *policy) bool {
	if p.maxPerMinute == 0 {
		return false
	}
	d := c.noise.Count(e, p.maxPerMinute, p.pii, c.clock.Now())
	c.discardHeld(d.Unsent)
	if d.Sooner {
		c.keeper.Kick()
	}
	if d.PushedOut != nil {
		c.sendKept(d.PushedOut)
	}
	return d.Held
}

// noiseTurn is the keeper's part: it has the events sent whose time has come, and returns when the next are due.
func (c *Client) noiseTurn(now time.Duration) time.Duration {
	kept, next := c.noise.Due(now)
	if len(kept) > 0 {
		c.keeper.Go(func() { c.sendKept(kept...) })
	}
	return next
}

// dropKept drops the events that are kept, as PurgeOutbox does with those that wait in the outbox.
func (c *Client) dropKept() { c.discard(reasonPurged, len(c.noise.All())) }

// sendKept sends events that were held back. Scrubbed and completed they are already.
func (c *Client) sendKept(kept ...*noise.Kept) {
	for _, k := range kept {
		switch {
		case k.Personal && !c.policy.Load().pii: // since it was captured
			c.discard(reasonPurged, 1)
		case !c.active():
			c.discardHeld(1)
		default:
			c.call("ClientOptions.Transport", func() { c.client.Transport.SendEvent(k.Event) })
		}
	}
}

// reasonPurged is the reason in client reports for what personal data or a purge keeps from being sent, as in the
// outbox.
const reasonPurged = "before_send"

// discardHeld counts n events that were held back and will not be sent.
func (c *Client) discardHeld(n int) { c.discard("sample_rate", n) }

// discard counts n events for the client reports.
func (c *Client) discard(reason string, n int) {
	if c.box != nil {
		c.box.Discard(reason, outbox.CategoryError, n)
	}
}
