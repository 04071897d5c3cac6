package sentryconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/safe"
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
	switch itemTypeOf(e) {
	case itemLog:
		b, err = appendJSON(b, wireBatch[sentry.Log]{e.Logs})
	case itemMetric:
		b, err = appendJSON(b, wireBatch[sentry.Metric]{e.Metrics})
	case itemCheckIn:
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

// plainEvent is a sentry.Event without its MarshalJSON.
type plainEvent sentry.Event

// omitted leaves out the field that it shadows.
type omitted = *struct{}

// A wireEvent is an event or a transaction. Its own fields shadow those of sentry-go.
type wireEvent struct {
	*plainEvent

	SDK         sentry.SdkInfo                `json:"sdk"`
	LogEntry    wireMessage                   `json:"logentry,omitzero"`
	Breadcrumbs wireValues[sentry.Breadcrumb] `json:"breadcrumbs,omitzero"`
	Exception   wireValues[wireException]     `json:"exception,omitzero"`
	Threads     wireValues[sentry.Thread]     `json:"threads,omitzero"`
	Request     *wireRequest                  `json:"request,omitempty"`
	User        *sentry.User                  `json:"user,omitempty"`

	// Of transactions alone, but for the type, which feedback has too.
	Type            string                  `json:"type,omitempty"`
	StartTime       time.Time               `json:"start_timestamp,omitzero"`
	Spans           *[]*plainSpan           `json:"spans,omitempty"`
	TransactionInfo *sentry.TransactionInfo `json:"transaction_info,omitempty"`

	Contexts      omitted `json:"contexts,omitempty"` // written by appendEvent
	Message       omitted `json:"message,omitempty"`  // a text at the top level is for log entries of old
	CheckIn       omitted `json:"check_in,omitempty"`
	MonitorConfig omitted `json:"monitor_config,omitempty"`
}

type wireMessage struct {
	Message string `json:"message"`
}

// wireValues is how a list of an event's parts is written. The scrubber has removed entries that were nil.
type wireValues[T any] struct {
	Values []*T `json:"values"`
}

func (v wireValues[T]) IsZero() bool { return len(v.Values) == 0 }

// A wireException names its thread by a text, as the thread itself does.
type wireException struct {
	*sentry.Exception
	ThreadID uint64 `json:"thread_id,omitempty,string"`
}

// A wireRequest has its cookies among the headers alone: servers with a schema refuse a text of them. Its URL is one:
// with the brackets of what stands for this machine's name it would have no valid host.
type wireRequest struct {
	*sentry.Request
	URL     string  `json:"url,omitempty"`
	Cookies omitted `json:"cookies,omitempty"`
}

// plainSpan is a sentry.Span without its MarshalJSON, which may write what was encoded before the span was scrubbed.
type plainSpan sentry.Span

// appendEvent appends the JSON of an event or a transaction.
func appendEvent(b []byte, e *sentry.Event) ([]byte, error) {
	w := wireEvent{plainEvent: (*plainEvent)(e), SDK: sdkOf(e), LogEntry: wireMessage{e.Message}}
	w.Breadcrumbs.Values = e.Breadcrumbs
	for i := range e.Exception {
		w.Exception.Values = append(w.Exception.Values, &wireException{&e.Exception[i], e.Exception[i].ThreadID})
	}
	for i := range e.Threads {
		w.Threads.Values = append(w.Threads.Values, &e.Threads[i])
	}
	if e.Request != nil {
		w.Request = &wireRequest{Request: e.Request, URL: strings.ReplaceAll(e.Request.URL, withheld, "host")}
	}
	if !e.User.IsEmpty() {
		w.User = &e.User
	}
	if itemTypeOf(e) == itemTransaction {
		spans := make([]*plainSpan, len(e.Spans))
		for i, s := range e.Spans {
			spans[i] = (*plainSpan)(s)
		}
		w.Type, w.StartTime, w.Spans, w.TransactionInfo = e.Type, e.StartTime, &spans, e.TransactionInfo
	}
	if itemTypeOf(e) == itemFeedback {
		w.Type = e.Type
	}
	if len(e.Contexts) == 0 {
		return appendJSON(b, &w)
	}
	// The contexts are most of an event, and nearly all of them texts and numbers, which need no reflection.
	b = append(b, `{"contexts":`...)
	b, err := safe.AppendJSON(b, e.Contexts)
	if err != nil {
		return b, err
	}
	rest := len(b)
	if b, err = appendJSON(b, &w); err != nil {
		return b, err
	}
	if b[rest+1] == '}' { // nothing but contexts
		return append(b[:rest], '}'), nil
	}
	b[rest] = ','
	return b, nil
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

// bareEvent keeps of an event what can't fail to encode.
func bareEvent(e *sentry.Event, err error) *sentry.Event {
	bare := sentry.NewEvent()
	bare.EventID, bare.Timestamp, bare.StartTime, bare.Type = e.EventID, e.Timestamp, e.StartTime, e.Type
	bare.Level, bare.Message, bare.Platform = e.Level, e.Message, e.Platform
	bare.Environment, bare.Release, bare.Transaction = e.Environment, e.Release, e.Transaction
	bare.TransactionInfo, bare.Fingerprint, bare.Tags, bare.Sdk = e.TransactionInfo, e.Fingerprint, e.Tags, e.Sdk
	bare.Contexts["error"] = sentry.Context{"encoding": err.Error()}
	if trace := e.Contexts["trace"]; itemTypeOf(e) == itemTransaction {
		bare.Contexts["trace"] = sentry.Context{
			"trace_id": trace["trace_id"], "span_id": trace["span_id"], "op": trace["op"]}
	}
	for _, x := range e.Exception {
		bare.Exception = append(bare.Exception, sentry.Exception{Type: x.Type, Value: x.Value})
	}
	return bare
}
