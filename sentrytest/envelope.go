package sentrytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An Envelope is what one request carried.
type Envelope struct {
	Header   map[string]any
	Items    []Item
	Received time.Time
	Raw      []byte // unpacked
}

// An Item is one part of an envelope. Items of unknown types are kept as they are.
type Item struct {
	Type    string
	Header  map[string]any
	Payload []byte
}

func parseEnvelope(raw []byte) (Envelope, error) {
	e := Envelope{Raw: raw}
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	if err := json.Unmarshal(line, &e.Header); err != nil || e.Header == nil {
		return e, fmt.Errorf("envelope header %.100q is no JSON object", line)
	}
	if id, ok := e.Header["event_id"]; ok && !isEventID(id) {
		return e, fmt.Errorf("envelope header: event_id %v isn't 32 hex digits", id)
	}
	if at, ok := e.Header["sent_at"]; ok {
		text, _ := at.(string)
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return e, fmt.Errorf("envelope header: sent_at %v isn't RFC 3339", at)
		}
	}
	for len(rest) > 0 {
		item, after, err := parseItem(rest)
		if err != nil {
			return e, fmt.Errorf("item %d: %w", len(e.Items), err)
		}
		e.Items = append(e.Items, item)
		rest = after
	}
	return e, nil
}

func parseItem(raw []byte) (item Item, rest []byte, err error) {
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	var header struct {
		Type   string `json:"type"`
		Length *int   `json:"length"`
	}
	if err := json.Unmarshal(line, &header); err != nil {
		return item, nil, fmt.Errorf("header %.100q: %w", line, err)
	}
	if err := json.Unmarshal(line, &item.Header); err != nil {
		return item, nil, err
	}
	if header.Type == "" {
		return item, nil, errors.New("header without a type")
	}
	item.Type = header.Type
	if header.Length == nil {
		item.Payload, rest, _ = bytes.Cut(rest, []byte("\n"))
		return item, rest, nil
	}
	n := *header.Length
	if n < 0 || n > len(rest) {
		return item, nil, fmt.Errorf("length %d, but %d bytes follow", n, len(rest))
	}
	item.Payload, rest = rest[:n], rest[n:]
	if len(rest) > 0 {
		if rest[0] != '\n' {
			return item, nil, fmt.Errorf("length %d ends inside the payload", n)
		}
		rest = rest[1:]
	}
	return item, rest, nil
}

func isEventID(v any) bool {
	id, ok := v.(string)
	if !ok || len(id) != 32 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
