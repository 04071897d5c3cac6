package sentrytest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// An Event is an error, a message, a transaction or a user's feedback as received. Maps hold what encoding/json
// decodes: numbers are float64.
type Event struct {
	ID          string                    `json:"event_id"`
	Type        string                    `json:"type"` // event, transaction or feedback
	Message     string                    `json:"message,omitempty"`
	Level       string                    `json:"level,omitempty"`
	Fingerprint []string                  `json:"fingerprint,omitempty"`
	Tags        map[string]string         `json:"tags,omitempty"`
	Contexts    map[string]map[string]any `json:"contexts,omitempty"`
	Breadcrumbs []Breadcrumb              `json:"breadcrumbs,omitempty"` // newest last
	Exceptions  []Exception               `json:"exception,omitempty"`   // outermost last
	Threads     []Thread                  `json:"threads,omitempty"`
	Transaction string                    `json:"transaction,omitempty"`
	Spans       []Span                    `json:"spans,omitempty"`
	Time        time.Time                 `json:"timestamp,omitzero"`       // of the event, or the end of a transaction
	Start       time.Time                 `json:"start_timestamp,omitzero"` // start of a transaction
	Platform    string                    `json:"platform,omitempty"`
	Logger      string                    `json:"logger,omitempty"`
	ServerName  string                    `json:"server_name,omitempty"`
	Release     string                    `json:"release,omitempty"`
	Dist        string                    `json:"dist,omitempty"`
	Environment string                    `json:"environment,omitempty"`
	User        map[string]any            `json:"user,omitempty"`
	Extra       map[string]any            `json:"extra,omitempty"`
	SDK         map[string]any            `json:"sdk,omitempty"`

	Attachments []Attachment   `json:"-"`
	Header      map[string]any `json:"-"` // the envelope's
	Raw         []byte         `json:"-"` // the event's JSON as received
}

// A Breadcrumb is a step that led to an event.
type Breadcrumb struct {
	Type     string         `json:"type,omitempty"`
	Category string         `json:"category,omitempty"`
	Message  string         `json:"message,omitempty"`
	Level    string         `json:"level,omitempty"`
	Data     map[string]any `json:"data,omitempty"`
	Time     time.Time      `json:"timestamp,omitzero"`
}

// An Exception is an error, or one that it wraps.
type Exception struct {
	Type      string     `json:"type,omitempty"`
	Value     string     `json:"value,omitempty"`
	Module    string     `json:"module,omitempty"`
	ThreadID  string     `json:"thread_id,omitempty"` // the ID of its Thread
	Mechanism *Mechanism `json:"mechanism,omitempty"`
	Frames    []Frame    `json:"frames,omitempty"` // innermost, where the error arose, last
}

// A Mechanism says how an exception came about, and how it is linked to others.
type Mechanism struct {
	Type             string         `json:"type"`
	Description      string         `json:"description,omitempty"`
	Source           string         `json:"source,omitempty"`
	Handled          *bool          `json:"handled,omitempty"` // nil if missing
	Synthetic        bool           `json:"synthetic,omitempty"`
	ExceptionID      int            `json:"exception_id"`
	ParentID         *int           `json:"parent_id,omitempty"`
	IsExceptionGroup bool           `json:"is_exception_group,omitempty"`
	Data             map[string]any `json:"data,omitempty"`
}

// A Frame is a call in a stack trace.
type Frame struct {
	Function    string         `json:"function,omitempty"`
	Module      string         `json:"module,omitempty"`
	Filename    string         `json:"filename,omitempty"`
	AbsPath     string         `json:"abs_path,omitempty"`
	Line        int            `json:"lineno,omitempty"`
	InApp       bool           `json:"in_app"`
	ContextLine string         `json:"context_line,omitempty"`
	Vars        map[string]any `json:"vars,omitempty"`
}

// A Thread is a goroutine, or a thread of another language.
type Thread struct {
	ID      string  `json:"id,omitempty"`
	Name    string  `json:"name,omitempty"`
	Crashed bool    `json:"crashed,omitempty"`
	Current bool    `json:"current,omitempty"`
	Frames  []Frame `json:"frames,omitempty"` // innermost last
}

// A Span is a part of a transaction, or of another span.
type Span struct {
	TraceID      string            `json:"trace_id"`
	SpanID       string            `json:"span_id"`
	ParentSpanID string            `json:"parent_span_id,omitempty"`
	Op           string            `json:"op,omitempty"`
	Description  string            `json:"description,omitempty"`
	Status       string            `json:"status,omitempty"`
	Origin       string            `json:"origin,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Data         map[string]any    `json:"data,omitempty"`
	Start        time.Time         `json:"start_timestamp"`
	Time         time.Time         `json:"timestamp"` // end
}

// An Attachment is a file sent with an event.
type Attachment struct {
	Filename    string
	ContentType string
	Data        []byte
}

// Tag returns the value of a tag, "" if it is missing.
func (e Event) Tag(name string) string { return e.Tags[name] }

// outermost returns the exception that gives an issue its title, the zero Exception if there is none.
func (e *Event) outermost() Exception {
	if len(e.Exceptions) == 0 {
		return Exception{}
	}
	return e.Exceptions[len(e.Exceptions)-1]
}

// Duration returns the duration of a transaction, 0 for other events.
func (e Event) Duration() time.Duration {
	if e.Start.IsZero() {
		return 0
	}
	return e.Time.Sub(e.Start)
}

func newAttachment(item *Item) Attachment {
	a := Attachment{Data: item.Payload}
	a.Filename, _ = item.Header["filename"].(string)
	a.ContentType, _ = item.Header["content_type"].(string)
	return a
}

// wireEvent is an Event in all forms that clients may send. Its own fields take precedence over those of Event.
type wireEvent struct {
	Event
	Type        string               `json:"type"`
	Message     wireMessage          `json:"message"`
	LogEntry    wireMessage          `json:"logentry"`
	Tags        wireTags             `json:"tags"`
	Breadcrumbs wireList[wireCrumb]  `json:"breadcrumbs"`
	Exceptions  wireList[wireError]  `json:"exception"`
	Threads     wireList[wireThread] `json:"threads"`
	Spans       []wireSpan           `json:"spans"`
	Time        wireTime             `json:"timestamp"`
	Start       wireTime             `json:"start_timestamp"`
}

type wireCrumb struct {
	Breadcrumb
	Time wireTime `json:"timestamp"`
}

type wireStack struct {
	Frames []Frame `json:"frames"`
}

type wireError struct {
	Exception
	ThreadID wireThreadID `json:"thread_id"`
	Stack    wireStack    `json:"stacktrace"`
}

type wireThread struct {
	Thread
	ID    wireThreadID `json:"id"`
	Stack wireStack    `json:"stacktrace"`
}

type wireSpan struct {
	Span
	Tags  wireTags `json:"tags"`
	Start wireTime `json:"start_timestamp"`
	Time  wireTime `json:"timestamp"`
}

// parseEvent reads the payload of an item of type event, transaction or feedback.
func parseEvent(itemType string, raw []byte) (*Event, error) {
	var wire wireEvent
	if err := decode(raw, &wire); err != nil {
		return nil, err
	}
	e := wire.Event
	e.Type = itemType
	e.Raw = raw
	e.Message = string(wire.LogEntry)
	if e.Message == "" {
		e.Message = string(wire.Message)
	}
	if text, ok := e.Contexts[typeFeedback]["message"].(string); ok && itemType == typeFeedback {
		e.Message = text // as Sentry does
	}
	e.Tags = wire.Tags
	e.Time, e.Start = wire.Time.Time, wire.Start.Time
	e.Breadcrumbs = convert(wire.Breadcrumbs, func(w *wireCrumb) Breadcrumb {
		w.Breadcrumb.Time = w.Time.Time
		return w.Breadcrumb
	})
	e.Exceptions = convert(wire.Exceptions, func(w *wireError) Exception {
		w.Exception.ThreadID, w.Exception.Frames = string(w.ThreadID), w.Stack.Frames
		return w.Exception
	})
	e.Threads = convert(wire.Threads, func(w *wireThread) Thread {
		w.Thread.ID, w.Thread.Frames = string(w.ID), w.Stack.Frames
		return w.Thread
	})
	e.Spans = convert(wire.Spans, func(w *wireSpan) Span {
		w.Span.Tags, w.Span.Start, w.Span.Time = w.Tags, w.Start.Time, w.Time.Time
		return w.Span
	})
	return &e, e.check(wire.Type)
}

func convert[W, T any](wire []W, f func(*W) T) []T {
	if len(wire) == 0 {
		return nil
	}
	list := make([]T, len(wire))
	for i := range wire {
		list[i] = f(&wire[i])
	}
	return list
}

// wireTime is an RFC 3339 time, in UTC if it has no zone, or a number of seconds since 1970.
type wireTime struct{ time.Time }

func (t *wireTime) UnmarshalJSON(raw []byte) (err error) {
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] != '"':
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return fmt.Errorf("%.100s isn't a time", raw)
		}
		t.Time, err = unixTime(seconds)
		return err
	}
	text := string(raw[1 : len(raw)-1])
	if t.Time, err = time.Parse(time.RFC3339, text); err != nil {
		if t.Time, err = time.Parse("2006-01-02T15:04:05", text); err != nil {
			return fmt.Errorf("%.100q isn't a time as of RFC 3339", text)
		}
	}
	return nil
}

// wireThreadID is a string or an integer. A thread ID of the operating system may need all 64 bits.
type wireThreadID string

func (id *wireThreadID) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' || string(raw) == "null" {
		return json.Unmarshal(raw, (*string)(id))
	}
	if _, err := strconv.ParseUint(string(raw), 10, 64); err != nil {
		return fmt.Errorf("thread ID %.100s is neither a text nor a whole number", raw)
	}
	*id = wireThreadID(raw)
	return nil
}

// wireMessage is a string, or an object that contains one.
type wireMessage string

func (m *wireMessage) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return json.Unmarshal(raw, (*string)(m))
	}
	var entry struct{ Formatted, Message string }
	if err := json.Unmarshal(raw, &entry); err != nil {
		return err
	}
	*m = wireMessage(entry.Formatted)
	if *m == "" {
		*m = wireMessage(entry.Message)
	}
	return nil
}

// wireList is a list, an object with a list, {"values": [...]}, or a single element.
type wireList[T any] []T

func (l *wireList[T]) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return json.Unmarshal(raw, (*[]T)(l))
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || len(object) == 0 {
		return err
	}
	if values, ok := object["values"]; ok {
		return json.Unmarshal(values, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(raw, &(*l)[0])
}

// wireTags is an object or a list of pairs. Values may also be numbers and booleans.
type wireTags map[string]string

func (t *wireTags) UnmarshalJSON(raw []byte) error {
	if raw[0] != '[' {
		var object map[string]any
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		*t = make(wireTags, len(object))
		for key, value := range object {
			if err := t.set(key, value); err != nil {
				return err
			}
		}
		return nil
	}
	var pairs []*[2]any
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return err
	}
	*t = make(wireTags, len(pairs))
	for _, pair := range pairs {
		if pair == nil {
			continue
		}
		key, ok := pair[0].(string)
		if !ok {
			return fmt.Errorf("tag %v: its key isn't a string", *pair)
		}
		if err := t.set(key, pair[1]); err != nil {
			return err
		}
	}
	return nil
}

func (t wireTags) set(key string, value any) error {
	switch value := value.(type) {
	case nil:
	case string:
		t[key] = value
	case float64:
		t[key] = strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		t[key] = strconv.FormatBool(value)
	default:
		return fmt.Errorf("tag %q: its value isn't a string", key)
	}
	return nil
}
