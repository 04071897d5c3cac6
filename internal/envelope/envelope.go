// Package envelope encodes sentry-go's events as envelopes: once, in the forms that all servers read, and cut to
// Sentry's limits.
package envelope

import (
	"log/slog"
	"strconv"
	"sync"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/module"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// An Encoder encodes events. It is safe for concurrent use; its fields must not change meanwhile. It remembers parts
// that events have in common.
type Encoder struct {
	Scrubber        Scrubber
	AttachmentBytes int64 // limit for an event's attachments together; the others are left out, with a warning
	Logger          *slog.Logger

	traces traceCache
}

// A Scrubber shortens events that are too large, and removes secrets and personal data from trace headers and
// attachments.
type Scrubber interface {
	Shrink(e *sentry.Event, maxBytes int)
	TraceHeader(entries map[string]string)
	Payload(a *sentry.Attachment) []byte
}

// A Buffer holds the memory for encoding. It is not safe for concurrent use.
type Buffer struct {
	Envelope []byte // the result of Encode, without sent_at; valid until the next Encode or Release
	payload  []byte
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns a Buffer from a pool. Call Release after use.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// maxBuffer is the largest buffer that goes back to the pool, so that one giant event doesn't hold its memory for ever.
const maxBuffer = 1 << 20

// Release returns b to the pool. b.Envelope must not be used afterwards.
func (b *Buffer) Release() {
	if cap(b.Envelope)+cap(b.payload) <= maxBuffer {
		buffers.Put(b)
	}
}

// Encode encodes e into b.Envelope. If e exceeds Sentry's limits, Encode cuts e, in place. trace is the trace header,
// for Encode to change; nil stands for e's own. An error means that e holds a value that JSON can't express.
func (enc *Encoder) Encode(b *Buffer, e *sentry.Event, trace map[string]string) (err error) {
	if b.payload, err = enc.fittingPayload(b.payload[:0], e); err != nil {
		return err
	}
	if trace == nil {
		trace = e.GetDynamicSamplingContext()
	}
	b.Envelope, err = enc.appendEnvelope(b.Envelope[:0], e, trace, b.payload)
	return err
}

// thisModule returns this module's entry in sdk.packages, beside that of sentry-go.
func thisModule() sentry.SdkPackage {
	return sentry.SdkPackage{Name: "go:" + module.Path, Version: module.Version()}
}

// SDKHeader returns the SDK part of each envelope's header, as a JSON object.
var SDKHeader = sync.OnceValue(func() string { return string(encodeSDK(sentry.SdkInfo{})) })

// appendEnvelope appends the envelope of e to b, which is empty: a header without sent_at, which the sender adds, an
// item with payload, and an item per attachment. See https://develop.sentry.dev/sdk/data-model/envelopes/.
func (enc *Encoder) appendEnvelope(b []byte, e *sentry.Event, trace map[string]string, payload []byte) ([]byte, error) {
	item, id := ItemOf(e), e.EventID
	if item.Batch != "" {
		id = "" // only events have an ID
	}
	b, err := enc.appendHeader(b, id, trace)
	if err != nil {
		return b, err
	}
	b = append(append(append(b, "\n"+`{"type":"`...), item.Type...), '"')
	if item.Batch != "" {
		b = append(append(append(b, `,"content_type":"`...), item.Batch...), '"')
		b = strconv.AppendInt(append(b, `,"item_count":`...), int64(Count(e)), 10)
	}
	b = strconv.AppendInt(append(b, `,"length":`...), int64(len(payload)), 10)
	b = append(append(append(b, "}\n"...), payload...), '\n')
	return enc.appendAttachments(b, e)
}

// appendHeader appends the header of an envelope. id is the event's, "" without an event.
func (enc *Encoder) appendHeader(b []byte, id sentry.EventID, trace map[string]string) ([]byte, error) {
	b = append(b, '{')
	if id != "" {
		b = append(safe.AppendString(append(b, `"event_id":`...), string(id)), ',')
	}
	b = append(append(b, `"sdk":`...), SDKHeader()...)
	if len(trace) > 0 {
		var err error
		if b, err = enc.appendTrace(append(b, `,"trace":`...), trace); err != nil {
			return b, err
		}
	}
	return append(replaceNULs(b), '}'), nil
}

func (enc *Encoder) appendAttachments(b []byte, e *sentry.Event) ([]byte, error) {
	room := enc.AttachmentBytes
	for _, a := range e.Attachments {
		if a == nil {
			continue
		}
		payload := a.Payload
		if int64(len(payload)) <= room {
			payload = enc.Scrubber.Payload(a)
		}
		if room -= int64(len(payload)); room < 0 {
			enc.Logger.Warn("sentryconfig: an attachment is left out: "+
				"the attachments of an event may take a quarter of Options.OutboxBytes",
				"filename", a.Filename, "bytes", len(a.Payload))
			continue
		}
		header, err := appendJSON(nil, struct {
			Type        string `json:"type"`
			Length      int    `json:"length"`
			Filename    string `json:"filename"`
			ContentType string `json:"content_type,omitempty"`
		}{"attachment", len(payload), a.Filename, a.ContentType})
		if err != nil {
			return b, err
		}
		b = append(append(b, replaceNULs(header)...), '\n')
		b = append(append(b, payload...), '\n')
	}
	return b, nil
}
