package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// sentry-go writes some parts of an event in forms that only Sentry itself reads. The types here write those that
// Relay, Bugsink, Spotlight and sentry-cli agree on. See https://develop.sentry.dev/sdk/data-model/event-payloads/.

// appendPayload makes of b, which is empty, the JSON of the item for e. With an error, the bytes are of no use.
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

// appendJSON appends v as encoding/json writes it, but for HTML's characters, which stand for themselves.
func appendJSON(b []byte, v any) ([]byte, error) {
	w := appender(b)
	encoder := json.NewEncoder(&w)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(w, []byte{'\n'}), err
}

type appender []byte

func (b *appender) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// A wireBatch is all that an item for logs or metrics holds.
type wireBatch[T any] struct {
	Items []T `json:"items"`
}

// A wireCheckIn is what Sentry takes of a check-in: of the contexts, the ID of the trace alone.
// See https://develop.sentry.dev/sdk/telemetry/check-ins/.
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
	if c == nil { // a processor has made something else of the event
		return b, errors.New("a check-in without its monitor and status")
	}
	w := wireCheckIn{ID: c.ID, MonitorSlug: c.MonitorSlug, Status: c.Status, Duration: c.Duration.Seconds(),
		Release: e.Release, Environment: e.Environment, MonitorConfig: e.MonitorConfig}
	if id := e.Contexts["trace"]["trace_id"]; id != nil {
		w.Contexts = map[string]wireTrace{"trace": {id}}
	}
	return appendJSON(b, w)
}

// replaceNULs makes each NUL in the JSON b U+FFFD, in place: databases behind many servers refuse a NUL in a text.
// Encoders write it as an escape, so looking for one costs next to nothing where there is none.
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
		} else { // the backslash itself is escaped, and what follows is a text
			out = append(out, escape...)
		}
	}
	return append(out, rest...)
}

// Bare keeps of an event what can't fail to encode.
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
