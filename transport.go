package sentryconfig

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// transport is the seam between sentry-go and the outbox: it encodes an event into an envelope, once, in the goroutine that
// captured it, and puts it into the outbox. See https://develop.sentry.dev/sdk/data-model/envelopes/.
type transport struct {
	client *Client
	// expected finds the capture that waits to hear whether the outbox holds its event.
	expected sync.Map // *sentry.Event -> *captureDetails
}

func newTransport(c *Client) *transport { return &transport{client: c} }

var sdkHeader = `{"name":"sentry.go","version":"` + sentry.SDKVersion + `"}`

const (
	// maxEventBytes and maxPackedBytes are what Sentry takes of an event, less room for the envelope around it.
	maxEventBytes  = 1_000_000 - 16<<10
	maxPackedBytes = 200_000 - 4<<10
	// maxAttachmentShare of the outbox is what an event's attachments may take; larger ones would push out other events.
	maxAttachmentShare = 4
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
	rec := outbox.Record{
		Time:     time.Now(),
		EventID:  string(e.EventID),
		Category: outbox.CategoryError,
		Items:    1,
		PII:      t.client.policy.Load().pii,
		Urgent:   e.Level == sentry.LevelFatal,
	}
	switch {
	case e.Type == "transaction":
		rec.Category, rec.Spans = outbox.CategoryTransaction, uint32(len(e.Spans))
	case e.Type == "check_in":
		rec.Category, rec.EventID = outbox.CategoryMonitor, ""
	case len(e.Logs) > 0:
		rec.Category, rec.Items, rec.EventID = outbox.CategoryLog, uint32(len(e.Logs)), ""
	case len(e.Metrics) > 0:
		rec.Category, rec.Items, rec.EventID = outbox.CategoryMetric, uint32(len(e.Metrics)), ""
	}
	buf := envelopes.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 1<<20 { // one giant must not stay for ever
			buf.Reset()
			envelopes.Put(buf)
		}
	}()
	if err := t.encode(buf, e); err != nil {
		// Values are made safe before; what fails here is a defect or a hook's doing. The bare event is better than none.
		t.client.logger.Error("sentryconfig: an event can't be encoded and is sent without its details", "event_id", e.EventID, "error", err)
		buf.Reset()
		if err := t.encode(buf, bareEvent(e, err)); err != nil {
			t.client.box.Discard("internal_sdk_error", rec.Category, 1)
			return
		}
	}
	rec.Payload = buf.Bytes()
	if t.client.box.Put(&rec) && details != nil {
		details.stored = true
	}
}

var envelopes = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// bareEvent keeps of an event what can't fail to encode.
func bareEvent(e *sentry.Event, err error) *sentry.Event {
	bare := sentry.NewEvent()
	bare.EventID, bare.Timestamp, bare.StartTime, bare.Type = e.EventID, e.Timestamp, e.StartTime, e.Type
	bare.Level, bare.Message, bare.Platform = e.Level, e.Message, e.Platform
	bare.Environment, bare.Release, bare.Transaction = e.Environment, e.Release, e.Transaction
	bare.TransactionInfo, bare.Fingerprint, bare.Tags, bare.Sdk = e.TransactionInfo, e.Fingerprint, e.Tags, e.Sdk
	bare.Contexts["error"] = sentry.Context{"encoding": err.Error()}
	if trace := e.Contexts["trace"]; e.Type == "transaction" {
		bare.Contexts["trace"] = sentry.Context{"trace_id": trace["trace_id"], "span_id": trace["span_id"], "op": trace["op"]}
	}
	for _, x := range e.Exception {
		bare.Exception = append(bare.Exception, sentry.Exception{Type: x.Type, Value: x.Value})
	}
	return bare
}

// encode writes the envelope of e to b: a header without sent_at, which the sender writes, then an item for the event and
// one for each attachment.
func (t *transport) encode(b *bytes.Buffer, e *sentry.Event) error {
	body, err := marshalEvent(e)
	if err != nil {
		return err
	}
	if limit := maxEventBytes; len(body) > limit || len(body) > maxPackedBytes && packedSize(body) > maxPackedBytes {
		if len(body) <= limit { // too large packed: shrink in the same proportion
			limit = int(int64(len(body)) * maxPackedBytes / int64(packedSize(body)) * 9 / 10)
		}
		t.client.policy.Load().scrubber.Shrink(e, limit)
		if body, err = marshalEvent(e); err != nil {
			return err
		}
		if packedSize(body) > maxPackedBytes { // text that can't be packed: its size is what counts
			t.client.policy.Load().scrubber.Shrink(e, maxPackedBytes)
			if body, err = marshalEvent(e); err != nil {
				return err
			}
		}
	}
	if err := t.writeHeader(b, e); err != nil {
		return err
	}
	switch {
	case len(e.Logs) > 0:
		writeBatchHeader(b, "log", len(e.Logs), "application/vnd.sentry.items.log+json", len(body))
	case len(e.Metrics) > 0:
		writeBatchHeader(b, "trace_metric", len(e.Metrics), "application/vnd.sentry.items.trace-metric+json", len(body))
	default:
		kind := "event" // whatever else a hook has made its type, as in sentry-go
		if e.Type == "transaction" || e.Type == "check_in" {
			kind = e.Type
		}
		b.WriteString(`{"type":"` + kind + `","length":`)
		b.WriteString(strconv.Itoa(len(body)))
		b.WriteString("}\n")
	}
	b.Write(body)
	b.WriteByte('\n')
	return t.writeAttachments(b, e)
}

func marshalEvent(e *sentry.Event) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("encoding panicked: %v", v)
		}
	}()
	if len(e.Contexts) == 0 || e.CheckIn != nil {
		return e.MarshalJSON()
	}
	// The contexts are most of an event, and nearly all of them texts and numbers: they are encoded here, the rest by sentry-go.
	rest := *e
	rest.Contexts = nil
	encoded, err := rest.MarshalJSON()
	if err != nil {
		return nil, err
	}
	body = append(make([]byte, 0, len(encoded)+contextBytes), `{"contexts":`...)
	if body, err = safe.AppendJSON(body, e.Contexts); err != nil {
		return nil, err
	}
	if len(encoded) > len("{}") {
		body = append(body, ',')
	}
	return append(body, encoded[1:]...), nil
}

// contextBytes is about what the contexts of an event take.
const contextBytes = 6 << 10

func (t *transport) writeHeader(b *bytes.Buffer, e *sentry.Event) error {
	b.WriteByte('{')
	if e.EventID != "" && len(e.Logs) == 0 && len(e.Metrics) == 0 {
		b.WriteString(`"event_id":"` + string(e.EventID) + `",`)
	}
	b.WriteString(`"sdk":` + sdkHeader)
	if trace := e.GetDynamicSamplingContext(); len(trace) > 0 {
		t.client.policy.Load().scrubber.TraceHeader(trace)
		encoded, err := json.Marshal(trace)
		if err != nil {
			return err
		}
		b.WriteString(`,"trace":`)
		b.Write(encoded)
	}
	b.WriteString("}\n")
	return nil
}

func writeBatchHeader(b *bytes.Buffer, kind string, count int, contentType string, length int) {
	fmt.Fprintf(b, `{"type":%q,"item_count":%d,"content_type":%q,"length":%d}`+"\n", kind, count, contentType, length)
}

func (t *transport) writeAttachments(b *bytes.Buffer, e *sentry.Event) error {
	room := t.client.outboxBytes / maxAttachmentShare
	for _, a := range e.Attachments {
		if a == nil {
			continue
		}
		if room -= int64(len(a.Payload)); room < 0 {
			t.client.logger.Warn("sentryconfig: an attachment is left out: the attachments of an event may take a quarter of Options.OutboxBytes",
				"filename", a.Filename, "bytes", len(a.Payload))
			continue
		}
		header, err := json.Marshal(struct {
			Type        string `json:"type"`
			Length      int    `json:"length"`
			Filename    string `json:"filename"`
			ContentType string `json:"content_type,omitempty"`
		}{"attachment", len(a.Payload), a.Filename, a.ContentType})
		if err != nil {
			return err
		}
		b.Write(header)
		b.WriteByte('\n')
		b.Write(a.Payload)
		b.WriteByte('\n')
	}
	return nil
}

// packedSize is about what gzip makes of body on its way to the server.
func packedSize(body []byte) int {
	var n byteCounter
	w, err := flate.NewWriter(&n, flate.BestSpeed)
	if err != nil {
		return len(body)
	}
	_, _ = w.Write(body) // a byteCounter takes everything
	_ = w.Close()
	return int(n)
}

type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }
