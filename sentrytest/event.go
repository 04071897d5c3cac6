package sentrytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// An Event is an error, a message or a transaction as the server got it.
type Event struct {
	ID          string                    `json:"event_id"`
	Type        string                    `json:"-"` // event or transaction
	Message     string                    `json:"-"`
	Level       string                    `json:"level"`
	Fingerprint []string                  `json:"fingerprint"`
	Tags        map[string]string         `json:"tags"`
	Contexts    map[string]map[string]any `json:"contexts"`
	Breadcrumbs []Breadcrumb              `json:"-"`
	Exceptions  []Exception               `json:"-"` // the outermost last
	Threads     []Thread                  `json:"-"`
	Transaction string                    `json:"transaction"`
	Spans       []Span                    `json:"spans"`
	Time        time.Time                 `json:"-"`
	Start       time.Time                 `json:"-"` // of a transaction
	Platform    string                    `json:"platform"`
	ServerName  string                    `json:"server_name"`
	Release     string                    `json:"release"`
	Environment string                    `json:"environment"`
	User        map[string]any            `json:"user"`
	Extra       map[string]any            `json:"extra"`
	SDK         map[string]any            `json:"sdk"`
	Header      map[string]any            `json:"-"` // of the envelope
	Raw         []byte                    `json:"-"` // the event's JSON
}

// A Breadcrumb is a step before an event.
type Breadcrumb struct {
	Type      string         `json:"type"`
	Category  string         `json:"category"`
	Message   string         `json:"message"`
	Level     string         `json:"level"`
	Data      map[string]any `json:"data"`
	Timestamp any            `json:"timestamp"` // as sent: RFC 3339, or seconds since 1970
}

// An Exception is one error of a chain.
type Exception struct {
	Type      string
	Value     string
	Module    string
	Mechanism *Mechanism
	Frames    []Frame // the innermost last
}

// A Mechanism says how an exception came to be reported.
type Mechanism struct {
	Type    string `json:"type"`
	Handled *bool  `json:"handled"`
	Source  string `json:"source"`
}

// A Frame is a line of a stack trace.
type Frame struct {
	Function string `json:"function"`
	Module   string `json:"module"`
	Filename string `json:"filename"`
	AbsPath  string `json:"abs_path"`
	Line     int    `json:"lineno"`
	InApp    bool   `json:"in_app"`
}

// A Thread is a goroutine.
type Thread struct {
	ID      string
	Name    string
	Crashed bool
	Current bool
	Frames  []Frame
}

// A Span is a part of a transaction.
type Span struct {
	SpanID       string            `json:"span_id"`
	ParentSpanID string            `json:"parent_span_id"`
	TraceID      string            `json:"trace_id"`
	Op           string            `json:"op"`
	Description  string            `json:"description"`
	Status       string            `json:"status"`
	Data         map[string]any    `json:"data"`
	Tags         map[string]string `json:"tags"`
}

// Tag returns the value of a tag, "" when there is none.
func (e Event) Tag(name string) string { return e.Tags[name] }

// Title is what Sentry shows as the title of the event's issue.
func (e Event) Title() string {
	switch {
	case e.Type == "transaction":
		return e.Transaction
	case len(e.Exceptions) > 0:
		x := e.Exceptions[len(e.Exceptions)-1]
		value, _, _ := strings.Cut(x.Value, "\n")
		return x.Type + ": " + value
	}
	line, _, _ := strings.Cut(e.Message, "\n")
	return line
}

const maxTag = 200 // characters of a tag's key and value, as Sentry says

func parseEvent(raw []byte) (*Event, error) {
	type stacktrace struct {
		Frames []Frame `json:"frames"`
	}
	type exception struct {
		Type       string
		Value      string
		Module     string
		Mechanism  *Mechanism
		Stacktrace *stacktrace
	}
	type thread struct {
		ID         any
		Name       string
		Crashed    bool
		Current    bool
		Stacktrace *stacktrace
	}
	var wire struct {
		Event
		Message     json.RawMessage `json:"message"`
		LogEntry    json.RawMessage `json:"logentry"`
		Breadcrumbs json.RawMessage `json:"breadcrumbs"`
		Exception   json.RawMessage `json:"exception"`
		Threads     json.RawMessage `json:"threads"`
		Timestamp   json.RawMessage `json:"timestamp"`
		Start       json.RawMessage `json:"start_timestamp"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	e := wire.Event
	e.Raw = raw
	if !isEventID(e.ID) {
		return nil, fmt.Errorf("event: event_id %q isn't 32 hex digits", e.ID)
	}
	for name, value := range e.Tags {
		if utf8.RuneCountInString(name) > maxTag || utf8.RuneCountInString(value) > maxTag || strings.Contains(value, "\n") {
			return nil, fmt.Errorf("event: tag %.50q = %.50q: at most %d characters and no line break", name, value, maxTag)
		}
	}
	var err error
	if e.Message, err = parseMessage(wire.Message, wire.LogEntry); err != nil {
		return nil, err
	}
	if e.Time, err = parseTime(wire.Timestamp); err != nil {
		return nil, fmt.Errorf("event: timestamp: %w", err)
	}
	if e.Start, err = parseTime(wire.Start); err != nil {
		return nil, fmt.Errorf("event: start_timestamp: %w", err)
	}
	if e.Breadcrumbs, err = parseList[Breadcrumb](wire.Breadcrumbs); err != nil {
		return nil, fmt.Errorf("event: breadcrumbs: %w", err)
	}
	exceptions, err := parseList[exception](wire.Exception)
	if err != nil {
		return nil, fmt.Errorf("event: exception: %w", err)
	}
	for _, x := range exceptions {
		y := Exception{Type: x.Type, Value: x.Value, Module: x.Module, Mechanism: x.Mechanism}
		if x.Stacktrace != nil {
			y.Frames = x.Stacktrace.Frames
		}
		e.Exceptions = append(e.Exceptions, y)
	}
	threads, err := parseList[thread](wire.Threads)
	if err != nil {
		return nil, fmt.Errorf("event: threads: %w", err)
	}
	for _, x := range threads {
		y := Thread{ID: fmt.Sprint(x.ID), Name: x.Name, Crashed: x.Crashed, Current: x.Current}
		if x.Stacktrace != nil {
			y.Frames = x.Stacktrace.Frames
		}
		e.Threads = append(e.Threads, y)
	}
	return &e, nil
}

// parseList reads a list, or Sentry's older form {"values": [...]}.
func parseList[T any](raw json.RawMessage) (list []T, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] == '[' {
		err = json.Unmarshal(raw, &list)
		return list, err
	}
	var values struct{ Values []T }
	err = json.Unmarshal(raw, &values)
	return values.Values, err
}

func parseMessage(message, logEntry json.RawMessage) (string, error) {
	for _, raw := range []json.RawMessage{message, logEntry} {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text, nil
		}
		var entry struct{ Formatted, Message string }
		if err := json.Unmarshal(raw, &entry); err != nil {
			return "", fmt.Errorf("event: message: %w", err)
		}
		if entry.Formatted != "" {
			return entry.Formatted, nil
		}
		return entry.Message, nil
	}
	return "", nil
}

func parseTime(raw json.RawMessage) (t time.Time, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return t, nil
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil {
		return time.UnixMicro(int64(seconds * 1e6)), nil
	}
	err = json.Unmarshal(raw, &t)
	return t, err
}
