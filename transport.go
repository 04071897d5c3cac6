package sentryconfig

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// transport connects sentry-go to the outbox. It encodes each event once, in the goroutine that captured it, and puts
// the envelope into the outbox.
type transport struct {
	client *Client
	// expected finds the capture that waits for the outbox to confirm its event.
	expected sync.Map // *sentry.Event -> *captureDetails
	// endings finds the notes of tasks whose transactions sentry-go makes, which passes no hint on.
	endings sync.Map // sentry.SpanID -> *captureDetails
	encoder atomic.Pointer[envelope.Encoder]
}

func newTransport(c *Client) *transport { return &transport{client: c} }

// maxAttachmentShare is the divisor for the share of the outbox that one event's attachments may take: a quarter.
// Larger attachments would push out other events.
const maxAttachmentShare = 4

// expect announces that SendEvent will get e next, and sets d.stored if the outbox then holds it.
func (t *transport) expect(e *sentry.Event, d *captureDetails) { t.expected.Store(e, d) }

// ending calls finish, which sends the transaction of the task with that span ID, and reports whether the outbox ends
// slot. There is none with a Transport of the user's own, where t is nil.
func (t *transport) ending(id sentry.SpanID, slot outbox.Slot, finish func()) bool {
	if slot == (outbox.Slot{}) {
		finish()
		return false
	}
	d := &captureDetails{note: slot}
	t.endings.Store(id, d)
	defer t.endings.Delete(id)
	finish()
	return d.over
}

// endingOf returns what ending has announced for e, nil if it has nothing.
func (t *transport) endingOf(e *sentry.Event) *captureDetails {
	if t == nil || envelope.ItemOf(e) != protocol.Transaction {
		return nil
	}
	if id, ok := e.Contexts["trace"]["span_id"].(sentry.SpanID); ok {
		if d, ok := t.endings.LoadAndDelete(id); ok {
			return d.(*captureDetails)
		}
	}
	return nil
}

// Configure implements sentry.Transport.
func (t *transport) Configure(sentry.ClientOptions) {}

// Flush implements sentry.Transport. It reports what the package's [Flush] does, also for plain sentry-go calls.
func (t *transport) Flush(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.FlushWithContext(ctx)
}

// FlushWithContext implements sentry.Transport.
func (t *transport) FlushWithContext(ctx context.Context) bool { return t.client.box.Flush(ctx) }

// Close implements sentry.Transport. It does nothing: the Client owns the outbox and closes it.
func (t *transport) Close() {}

// SendEvent implements sentry.Transport.
func (t *transport) SendEvent(e *sentry.Event) {
	details := new(captureDetails)
	if d, ok := t.expected.LoadAndDelete(e); ok {
		details = d.(*captureDetails)
	}
	defer envelope.Unmark(e)
	rec, trace := t.record(e), map[string]string(nil)
	if rec.Category == outbox.CategoryTransaction { // not what a hook captures with its hint
		trace, rec.Note = details.trace, details.note
	}
	b := envelope.NewBuffer()
	defer b.Release()
	encoder := t.encoderOf(t.client.policy.Load())
	if err := encoder.Encode(b, e, trace); err != nil {
		// Values were made safe before, so a failure here is a defect, or the work of a hook. The bare event is better
		// than none.
		t.client.logger.Error("sentryconfig: an event can't be encoded and is sent without its details",
			"event_id", e.EventID, "error", err)
		if err := encoder.Encode(b, envelope.Bare(e, err), trace); err != nil {
			t.client.box.Discard("internal_sdk_error", rec.Category, 1)
			return
		}
	}
	rec.Payload, rec.Shared = b.Envelope, envelope.SharedOf(e).JSON()
	details.stored = t.client.box.Put(&rec)
	details.over = details.stored && rec.Note != nil
}

// encoderOf returns the encoder for p. It is the same one until Reconfigure changes the policy.
func (t *transport) encoderOf(p *policy) *envelope.Encoder {
	enc := t.encoder.Load()
	if enc == nil || enc.Scrubber != p.scrubber {
		enc = &envelope.Encoder{Scrubber: p.scrubber,
			AttachmentBytes: t.client.outboxBytes / maxAttachmentShare, Logger: t.client.logger}
		t.encoder.Store(enc)
	}
	return enc
}

// record returns what the outbox needs to know about e beside the envelope.
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
