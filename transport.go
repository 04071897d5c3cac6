package sentryconfig

import (
	"context"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// transport is the seam between sentry-go and the outbox: it encodes an event into an envelope, once, in the goroutine
// that captured it, and puts it into the outbox.
type transport struct {
	client *Client
	// expected finds the capture that waits to hear whether the outbox holds its event.
	expected sync.Map // *sentry.Event -> *captureDetails
}

func newTransport(c *Client) *transport { return &transport{client: c} }

// maxAttachmentShare of the outbox is what an event's attachments may take; larger ones would push out other events.
const maxAttachmentShare = 4

// expect announces that e comes next, and that its capture wants to know whether it was stored.
func (t *transport) expect(e *sentry.Event, d *captureDetails) { t.expected.Store(e, d) }

// Configure implements sentry.Transport.
func (t *transport) Configure(sentry.ClientOptions) {}

// Flush implements sentry.Transport: it reports what [Flush] does, for plain sentry-go calls too.
func (t *transport) Flush(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.FlushWithContext(ctx)
}

// FlushWithContext implements sentry.Transport.
func (t *transport) FlushWithContext(ctx context.Context) bool { return t.client.box.Flush(ctx) }

// Close implements sentry.Transport. The outbox is closed by the Client, which owns it.
func (t *transport) Close() {}

// SendEvent implements sentry.Transport.
func (t *transport) SendEvent(e *sentry.Event) {
	var details *captureDetails
	if d, ok := t.expected.LoadAndDelete(e); ok {
		details = d.(*captureDetails)
	}
	defer envelope.Unmark(e)
	rec := t.record(e)
	b := envelope.NewBuffer()
	defer b.Release()
	encoder := envelope.Encoder{Scrubber: t.client.policy.Load().scrubber,
		AttachmentBytes: t.client.outboxBytes / maxAttachmentShare, Logger: t.client.logger}
	if err := encoder.Encode(b, e); err != nil {
		// Values are made safe before; what fails here is a defect or a hook's doing. The bare event is better than
		// none.
		t.client.logger.Error("sentryconfig: an event can't be encoded and is sent without its details",
			"event_id", e.EventID, "error", err)
		if err := encoder.Encode(b, envelope.Bare(e, err)); err != nil {
			t.client.box.Discard("internal_sdk_error", rec.Category, 1)
			return
		}
	}
	rec.Payload, rec.Shared = b.Envelope, envelope.SharedOf(e).JSON()
	if t.client.box.Put(&rec) && details != nil {
		details.stored = true
	}
}

// record is what the outbox has to know of e beside its envelope.
func (t *transport) record(e *sentry.Event) outbox.Record {
	item := envelope.ItemOf(e)
	rec := outbox.Record{
		Time:     time.Now(),
		Category: item.Category,
		Items:    uint32(envelope.Count(e)),
		PII:      t.client.policy.Load().pii,
		Urgent:   e.Level == sentry.LevelFatal,
	}
	if item.Event {
		rec.EventID = string(e.EventID)
	}
	if item == protocol.Transaction {
		rec.Spans = uint32(len(e.Spans))
	}
	return rec
}
