// Package envelope makes the envelopes that Sentry takes of sentry-go's events: encoded once, in the forms that all
// servers agree on, and cut to what Sentry takes.
package envelope

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/module"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// An Encoder makes envelopes of events. Its fields aren't written to while it is used, by many goroutines at once.
type Encoder struct {
	Scrubber        Scrubber
	AttachmentBytes int64 // what an event's attachments may take together; the others are left out, with a warning
	Logger          *slog.Logger
}

// A Scrubber cuts an event that is too large, and removes what is secret or personal from what goes with an event.
type Scrubber interface {
	Shrink(e *sentry.Event, maxBytes int)
	TraceHeader(entries map[string]string)
	Payload(a *sentry.Attachment) []byte
}

// A Buffer is memory to encode in.
type Buffer struct {
	Envelope []byte // what Encode has made, without sent_at, until the next Encode or Release
	payload  []byte
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns a Buffer that is to be released.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// maxBuffer is the largest memory that is kept for the next envelope: one giant must not stay for ever.
const maxBuffer = 1 << 20

// Release ends the use of b and its Envelope.
func (b *Buffer) Release() {
	if cap(b.Envelope)+cap(b.payload) <= maxBuffer {
		buffers.Put(b)
	}
}

// Encode makes b.Envelope the envelope of e. It cuts e, in place, until Sentry takes it.
func (enc *Encoder) Encode(b *Buffer, e *sentry.Event) (err error) {
	if b.payload, err = enc.fittingPayload(b.payload[:0], e); err != nil {
		return err
	}
	b.Envelope, err = enc.appendEnvelope(b.Envelope[:0], e, b.payload)
	return err
}

// thisModule is what sdk.packages says of this module, beside what it says of sentry-go.
func thisModule() sentry.SdkPackage {
	return sentry.SdkPackage{Name: "go:" + module.Path, Version: module.Version()}
}

// SDKHeader returns what the header of each envelope says of the SDK, as a JSON object.
var SDKHeader = sync.OnceValue(func() string {
	w := wire{b: []byte{'{'}}
	w.sdk(sentry.SdkInfo{})
	return strings.TrimPrefix(string(w.b), `{"sdk":`)
})

// appendEnvelope makes of b, which is empty, the envelope of e: a header without sent_at, which the sender writes, an
// item with payload and one for each attachment. See https://develop.sentry.dev/sdk/data-model/envelopes/.
func (enc *Encoder) appendEnvelope(b []byte, e *sentry.Event, payload []byte) ([]byte, error) {
	item, id := ItemOf(e), e.EventID
	if item.Batch != "" {
		id = "" // it is no event
	}
	b, err := enc.appendHeader(b, e, id)
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

// appendHeader appends the header of an envelope, whose event has an id, if any.
func (enc *Encoder) appendHeader(b []byte, e *sentry.Event, id sentry.EventID) ([]byte, error) {
	b = append(b, '{')
	if id != "" {
		b = append(safe.AppendString(append(b, `"event_id":`...), string(id)), ',')
	}
	b = append(append(b, `"sdk":`...), SDKHeader()...)
	if trace := e.GetDynamicSamplingContext(); len(trace) > 0 {
		enc.Scrubber.TraceHeader(trace)
		var err error
		if b, err = safe.AppendJSON(append(b, `,"trace":`...), trace); err != nil {
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
