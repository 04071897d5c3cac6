package sentryconfig

import (
	"math"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/noise"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

// heldBack takes the place of an event ID: the event was held back, so the error is dealt with, but has no ID.
const heldBack sentry.EventID = "held back"

// toldID returns the ID that callers see.
func toldID(id sentry.EventID) sentry.EventID {
	if id == heldBack {
		return ""
	}
	return id
}

// holdBack reports whether e is over the limit and held back.
func (c *Client) holdBack(e *sentry.Event, p *policy) bool {
	limit := p.maxPerMinute
	if limit == 0 {
		if c.noise.Total() == 0 {
			return false
		}
		limit = math.MaxInt // since a Reconfigure: what was held back before it is still to be reported
	}
	d := c.noise.Count(e, limit, p.pii, c.clock.Now())
	c.discardHeld(d.Unsent)
	if d.Sooner {
		c.keeper.Kick()
	}
	if d.PushedOut != nil {
		c.sendKept(d.PushedOut)
	}
	return d.Held
}

// noiseTurn is the keeper's part: it sends the held-back events that are due, and returns when the next ones are.
func (c *Client) noiseTurn(now time.Duration) time.Duration {
	kept, next := c.noise.Due(now)
	if len(kept) > 0 {
		c.keeper.Go(func() { c.sendKept(kept...) })
	}
	return next
}

// dropKept drops the held-back events, as PurgeOutbox does with the events in the outbox.
func (c *Client) dropKept() { c.discard(reasonPurged, outbox.CategoryError, len(c.noise.All())) }

// sendKept sends events that were held back. They are already scrubbed and complete.
func (c *Client) sendKept(kept ...*noise.Kept) {
	for _, k := range kept {
		switch {
		case k.Personal && !c.policy.Load().pii: // personal data was switched off after the capture
			c.discard(reasonPurged, outbox.CategoryError, 1)
		case !c.active():
			c.discardHeld(1)
		default:
			c.call("ClientOptions.Transport", func() { c.client.Transport.SendEvent(k.Event) })
		}
	}
}

// reasonPurged is the client-report reason for events dropped by an opt-out or a purge. The outbox uses the same.
const reasonPurged = "before_send"

// discardHeld counts n held-back events that will never be sent.
func (c *Client) discardHeld(n int) { c.discard("sample_rate", outbox.CategoryError, n) }

// discard counts n lost items for the client reports.
func (c *Client) discard(reason string, kind outbox.Category, n int) {
	if c.box != nil {
		c.box.Discard(reason, kind, n)
	}
}
