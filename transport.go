package sentryconfig

import (
	"compress/flate"
	"context"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

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

// An itemType is what an item of an envelope holds.
type itemType string

const (
	itemEvent       itemType = "event"
	itemTransaction itemType = "transaction"
	itemCheckIn     itemType = "check_in"
	itemLog         itemType = "log"
	itemMetric      itemType = "trace_metric"
	itemFeedback    itemType = "feedback"
)

// itemTypeOf goes by the event's type: whatever else a hook has made of that is an event, as in sentry-go.
func itemTypeOf(e *sentry.Event) itemType {
	switch t := itemType(e.Type); {
	case t == itemTransaction, t == itemCheckIn, t == itemLog && len(e.Logs) > 0, t == itemMetric && len(e.Metrics) > 0,
		t == itemFeedback && e.Contexts[feedbackContext] != nil:
		return t
	}
	return itemEvent
}

const (
	// maxEventBytes and maxPackedBytes are what Sentry takes of an event, less room for the envelope around it.
	maxEventBytes  = protocol.MaxEventBytes - 16<<10
	maxPackedBytes = protocol.MaxPackedBytes - 4<<10
	// maxScratch is the largest memory that is kept for the next envelope: one giant must not stay for ever.
	maxScratch = 1 << 20
)

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
	defer unmark(e)
	rec := t.record(e)
	s := scratches.Get().(*scratch)
	defer s.release()
	if err := t.encode(s, e); err != nil {
		// Values are made safe before; what fails here is a defect or a hook's doing. The bare event is better than
		// none.
		t.client.logger.Error("sentryconfig: an event can't be encoded and is sent without its details",
			"event_id", e.EventID, "error", err)
		if err := t.encode(s, bareEvent(e, err)); err != nil {
			t.client.box.Discard("internal_sdk_error", rec.Category, 1)
			return
		}
	}
	rec.Payload = s.envelope
	if system := systemOf(e); system != nil {
		rec.Shared = system.json
	}
	if t.client.box.Put(&rec) && details != nil {
		details.stored = true
	}
}

// record is what the outbox has to know of e beside its envelope.
func (t *transport) record(e *sentry.Event) outbox.Record {
	rec := outbox.Record{
		Time:     time.Now(),
		EventID:  string(e.EventID),
		Category: outbox.CategoryError,
		Items:    1,
		PII:      t.client.policy.Load().pii,
		Urgent:   e.Level == sentry.LevelFatal,
	}
	switch itemTypeOf(e) {
	case itemTransaction:
		rec.Category, rec.Spans = outbox.CategoryTransaction, uint32(len(e.Spans))
	case itemCheckIn:
		rec.Category, rec.EventID = outbox.CategoryMonitor, ""
	case itemLog:
		rec.Category, rec.Items, rec.EventID = outbox.CategoryLog, uint32(len(e.Logs)), ""
	case itemMetric:
		rec.Category, rec.Items, rec.EventID = outbox.CategoryMetric, uint32(len(e.Metrics)), ""
	}
	return rec
}

// A scratch is memory to encode in.
type scratch struct{ envelope, body []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	if cap(s.envelope)+cap(s.body) <= maxScratch {
		scratches.Put(s)
	}
}

// encode makes s.envelope the envelope of e.
func (t *transport) encode(s *scratch, e *sentry.Event) (err error) {
	if s.body, err = t.fittingPayload(s.body[:0], e); err != nil {
		return err
	}
	s.envelope, err = t.appendEnvelope(s.envelope[:0], e, s.body)
	return err
}

// fittingPayload makes of b, which is empty, the payload of e. It cuts e, in place, until Sentry takes it.
func (t *transport) fittingPayload(b []byte, e *sentry.Event) ([]byte, error) {
	b, err := appendPayload(b, e)
	if of := itemTypeOf(e); err != nil || of != itemEvent && of != itemTransaction && of != itemFeedback {
		return b, err
	}
	limit := payloadLimit(b)
	if len(b) <= limit {
		return b, nil
	}
	spellOut(e)
	t.client.policy.Load().scrubber.Shrink(e, limit)
	if b, err = appendPayload(b[:0], e); err != nil || len(b) <= payloadLimit(b) {
		return b, err
	}
	t.client.policy.Load().scrubber.Shrink(e, maxPackedBytes) // text that can't be packed: its size is what counts
	return appendPayload(b[:0], e)
}

// payloadLimit returns how many bytes a payload like this one may have for Sentry to take it. It compresses a large
// payload to find out, so it is called once for each version of a payload.
func payloadLimit(payload []byte) int {
	if n := len(payload); n <= maxPackedBytes || n > maxEventBytes {
		return maxEventBytes
	}
	packed := packedSize(payload)
	if packed <= maxPackedBytes {
		return maxEventBytes
	}
	return int(int64(len(payload)) * maxPackedBytes / int64(packed) * 9 / 10) // in the same proportion
}

// packedSize is about what gzip makes of payload on its way to the server.
func packedSize(payload []byte) int {
	var n byteCounter
	w, err := flate.NewWriter(&n, flate.BestSpeed)
	if err != nil {
		return len(payload)
	}
	_, _ = w.Write(payload) // a byteCounter takes everything
	_ = w.Close()
	return int(n)
}

type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }
