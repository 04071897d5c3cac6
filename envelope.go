package sentryconfig

import (
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/module"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// maxAttachmentShare of the outbox is what an event's attachments may take; larger ones would push out other events.
const maxAttachmentShare = 4

// thisModule is what sdk.packages says of this module, beside what it says of sentry-go.
var thisModule = sync.OnceValue(func() sentry.SdkPackage {
	p := sentry.SdkPackage{Name: "go:" + module.Path, Version: "(devel)"} // as the go command calls a local folder
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return p
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != module.Path {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" {
			p.Version = m.Version
		}
	}
	return p
})

// sdkHeader is what the header of each envelope says of the SDK, as a JSON object.
var sdkHeader = sync.OnceValue(func() string {
	w := wire{b: []byte{'{'}}
	w.sdk(sentry.SdkInfo{})
	return strings.TrimPrefix(string(w.b), `{"sdk":`)
})

// appendEnvelope makes of b, which is empty, the envelope of e: a header without sent_at, which the sender writes, an
// item with payload and one for each attachment. See https://develop.sentry.dev/sdk/data-model/envelopes/.
func (t *transport) appendEnvelope(b []byte, e *sentry.Event, payload []byte) ([]byte, error) {
	var contentType string
	var items int
	switch itemTypeOf(e) {
	case itemLog:
		contentType, items = "application/vnd.sentry.items.log+json", len(e.Logs)
	case itemMetric:
		contentType, items = "application/vnd.sentry.items.trace-metric+json", len(e.Metrics)
	}
	id := e.EventID
	if items > 0 {
		id = "" // it is no event
	}
	b, err := t.appendHeader(b, e, id)
	if err != nil {
		return b, err
	}
	b = append(append(append(b, "\n"+`{"type":"`...), itemTypeOf(e)...), '"')
	if items > 0 {
		b = append(append(append(b, `,"content_type":"`...), contentType...), '"')
		b = strconv.AppendInt(append(b, `,"item_count":`...), int64(items), 10)
	}
	b = strconv.AppendInt(append(b, `,"length":`...), int64(len(payload)), 10)
	b = append(append(append(b, "}\n"...), payload...), '\n')
	return t.appendAttachments(b, e)
}

// appendHeader appends the header of an envelope, whose event has an id, if any.
func (t *transport) appendHeader(b []byte, e *sentry.Event, id sentry.EventID) ([]byte, error) {
	b = append(b, '{')
	if id != "" {
		b = append(safe.AppendString(append(b, `"event_id":`...), string(id)), ',')
	}
	b = append(append(b, `"sdk":`...), sdkHeader()...)
	if trace := e.GetDynamicSamplingContext(); len(trace) > 0 {
		t.client.policy.Load().scrubber.TraceHeader(trace)
		var err error
		if b, err = safe.AppendJSON(append(b, `,"trace":`...), trace); err != nil {
			return b, err
		}
	}
	return append(replaceNULs(b), '}'), nil
}

func (t *transport) appendAttachments(b []byte, e *sentry.Event) ([]byte, error) {
	room := t.client.outboxBytes / maxAttachmentShare
	for _, a := range e.Attachments {
		if a == nil {
			continue
		}
		payload := a.Payload
		if int64(len(payload)) <= room {
			payload = t.client.policy.Load().scrubber.Payload(a)
		}
		if room -= int64(len(payload)); room < 0 {
			t.client.logger.Warn("sentryconfig: an attachment is left out: "+
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
