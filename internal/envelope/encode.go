package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// sentry-go writes some parts of an event in forms that only Sentry itself reads. The types here write the forms that
// Relay, Bugsink, Spotlight and sentry-cli all read. See https://develop.sentry.dev/sdk/data-model/event-payloads/.

// appendPayload appends the JSON of the item for e to b, which is empty. After an error the bytes are undefined.
func appendPayload(b []byte, e *sentry.Event) (_ []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("encoding panicked: %v", v)
		}
	}()
	switch ItemOf(e) {
	case protocol.Log:
		b, err = appendJSON(b, wireBatch[sentry.Log]{e.Logs})
	case protocol.Metric:
		b, err = appendJSON(b, wireBatch[sentry.Metric]{e.Metrics})
	case protocol.CheckIn:
		b, err = appendCheckIn(b, e)
	default:
		b, err = appendEvent(b, e)
	}
	if err != nil {
		return b, err
	}
	return replaceNULs(b), nil
}

// appendJSON appends v as encoding/json writes it, without the escapes for HTML.
func appendJSON(b []byte, v any) ([]byte, error) {
	w := appender(b)
	encoder := json.NewEncoder(&w)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(w, []byte{'\n'}), err
}

type appender []byte

func (b *appender) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// A wireBatch is the payload of an item for logs or metrics.
type wireBatch[T any] struct {
	Items []T `json:"items"`
}

// A wireCheckIn is the payload of a check-in. Of the contexts, Sentry reads only the trace ID. See
// https://develop.sentry.dev/sdk/telemetry/check-ins/.
type wireCheckIn struct {
	ID            sentry.EventID        `json:"check_in_id"`
	MonitorSlug   string                `json:"monitor_slug"`
	Status        sentry.CheckInStatus  `json:"status"`
	Duration      float64               `json:"duration,omitempty"` // seconds
	Release       string                `json:"release,omitempty"`
	Environment   string                `json:"environment,omitempty"`
	Contexts      map[string]wireTrace  `json:"contexts,omitempty"`
	MonitorConfig *sentry.MonitorConfig `json:"monitor_config,omitempty"`
}

type wireTrace struct {
	TraceID any `json:"trace_id"`
}

func appendCheckIn(b []byte, e *sentry.Event) ([]byte, error) {
	c := e.CheckIn
	if c == nil { // an event processor has removed the check-in
		return b, errors.New("a check-in without its monitor and status")
	}
	w := wireCheckIn{ID: c.ID, MonitorSlug: c.MonitorSlug, Status: c.Status, Duration: c.Duration.Seconds(),
		Release: e.Release, Environment: e.Environment, MonitorConfig: e.MonitorConfig}
	if id := e.Contexts["trace"]["trace_id"]; id != nil {
		w.Contexts = map[string]wireTrace{"trace": {id}}
	}
	return appendJSON(b, w)
}

// replaceNULs replaces each NUL in the JSON b by U+FFFD, in place, because the databases of many servers reject a NUL.
// Encoders write NUL as an escape, so JSON without one costs only a search.
func replaceNULs(b []byte) []byte {
	const escape = `\u0000`
	at := bytes.Index(b, []byte(escape))
	if at < 0 {
		return b
	}
	out, rest := b[:0], b
	for ; at >= 0; at = bytes.Index(rest, []byte(escape)) {
		before := rest[:at]
		backslashes := len(before) - len(bytes.TrimRight(before, `\`))
		rest = rest[at+len(escape):]
		out = append(out, before...)
		if backslashes%2 == 0 {
			out = append(out, "\ufffd"...)
		} else { // an escaped backslash: what follows is plain text
			out = append(out, escape...)
		}
	}
	return append(out, rest...)
}

// Bare returns the parts of e that can't fail to encode, with err as an explanation.
func Bare(e *sentry.Event, err error) *sentry.Event {
	bare := sentry.NewEvent()
	bare.EventID, bare.Timestamp, bare.StartTime, bare.Type = e.EventID, e.Timestamp, e.StartTime, e.Type
	bare.Level, bare.Message, bare.Platform = e.Level, e.Message, e.Platform
	bare.Environment, bare.Release, bare.Transaction = e.Environment, e.Release, e.Transaction
	bare.TransactionInfo, bare.Fingerprint, bare.Tags, bare.Sdk = e.TransactionInfo, e.Fingerprint, e.Tags, e.Sdk
	bare.Contexts["error"] = sentry.Context{"encoding": err.Error()}
	if trace := e.Contexts["trace"]; ItemOf(e) == protocol.Transaction {
		bare.Contexts["trace"] = sentry.Context{
			"trace_id": trace["trace_id"], "span_id": trace["span_id"], "op": trace["op"]}
	}
	for _, x := range e.Exception {
		bare.Exception = append(bare.Exception, sentry.Exception{Type: x.Type, Value: x.Value})
	}
	return bare
}
