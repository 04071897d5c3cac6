package sentrytest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sentry's limits, from https://docs.sentry.io/concepts/data-management/size-limits/ and, for check-ins and client
// reports, from the defaults of Relay.
const (
	maxWireBytes         = 20_000_000  // a request as sent
	maxEnvelopeBytes     = 100_000_000 // an envelope, decompressed
	maxEventBytes        = 1_000_000   // an event or transaction
	maxPackedBytes       = 200_000     // an event or transaction, compressed
	maxCheckInBytes      = 100 << 10
	maxClientReportBytes = 4 << 10
	maxLogBytes          = 1 << 20 // a log; checked as the average of its batch
	maxMetricBytes       = 2 << 10 // a metric, likewise
)

// The types of items that the server reads.
const (
	typeEvent        = "event"
	typeTransaction  = "transaction"
	typeAttachment   = "attachment"
	typeLog          = "log"
	typeMetric       = "trace_metric"
	typeFeedback     = "feedback"
	typeCheckIn      = "check_in"
	typeClientReport = "client_report"
)

// An Envelope is the content of one request.
type Envelope struct {
	Header   map[string]any // event_id, sent_at, sdk, trace and others
	Items    []Item
	Received time.Time
	Raw      []byte // as sent, decompressed

	wireBytes int // size of the request's body as sent
}

// An Item is a part of an envelope: an event, an attachment, a batch of logs or others. The server keeps items of
// unknown types unchanged.
type Item struct {
	Type    string
	Header  map[string]any
	Payload []byte

	discarded []discarded // the lines of a client report
	checkIn   *CheckIn    // the check-in, for an item of that type
}

// discarded is a line of a client report.
type discarded struct {
	Reason   string
	Category string
	Quantity int
}

var errTooLarge = refuse(http.StatusRequestEntityTooLarge, "request of more than %d bytes", maxWireBytes)

// replay is a request's body that can be read twice: first by the function given to Respond, as far as it likes, then
// by the server.
type replay struct {
	from io.ReadCloser
	read []byte // the part that was read
}

func (p *replay) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.read = append(p.read, b[:n]...)
	return n, err
}

func (p *replay) Close() error { return nil }

// all returns the whole body. length is its length, if known.
func (p *replay) all(length int64) ([]byte, error) {
	if length > maxWireBytes {
		return nil, errTooLarge
	}
	if len(p.read) == 0 && length >= 0 {
		p.read = make([]byte, length)
		_, err := io.ReadFull(p.from, p.read)
		return p.read, err
	}
	rest, err := io.ReadAll(io.LimitReader(p.from, maxWireBytes+1))
	p.read = append(p.read, rest...)
	if err == nil && len(p.read) > maxWireBytes {
		err = errTooLarge
	}
	return p.read, err
}

var gzipReaders sync.Pool // of *gzip.Reader

// unpack decompresses a request's body.
func unpack(encoding string, wire []byte) ([]byte, error) {
	var from io.Reader
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return wire, nil
	case "gzip":
		z, ok := gzipReaders.Get().(*gzip.Reader)
		if !ok {
			z = new(gzip.Reader)
		}
		defer gzipReaders.Put(z)
		if err := z.Reset(bytes.NewReader(wire)); err != nil {
			return nil, refuse(http.StatusBadRequest, "gzip: %w", err)
		}
		from = z
	case "deflate":
		z, err := zlib.NewReader(bytes.NewReader(wire))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "deflate: %w", err)
		}
		from = z
	default:
		return nil, refuse(http.StatusUnsupportedMediaType,
			"content encoding %.100q: this server knows gzip and deflate", encoding)
	}
	var b bytes.Buffer
	b.Grow(min(8*len(wire), 1<<20)) // JSON compresses to about an eighth
	if _, err := b.ReadFrom(io.LimitReader(from, maxEnvelopeBytes+1)); err != nil {
		return nil, refuse(http.StatusBadRequest, "%s: %w", encoding, err)
	}
	if b.Len() > maxEnvelopeBytes {
		return nil, refuse(http.StatusRequestEntityTooLarge, "envelope of more than %d bytes", maxEnvelopeBytes)
	}
	return b.Bytes(), nil
}

// parseEnvelope splits an envelope into its items. With an error it returns what it had read until then.
func parseEnvelope(raw []byte) (Envelope, error) {
	e := Envelope{Raw: raw}
	line, rest := cutLine(raw)
	header, err := readHeader(line)
	if err != nil {
		return e, refuse(http.StatusBadRequest, "envelope header: %w", err)
	}
	e.Header = header
	if id, ok := header["event_id"]; ok && !isHex(id, 32) {
		delete(header, "event_id") // nothing must rely on it
		return e, refuse(http.StatusBadRequest,
			"envelope header: event_id %.100q isn't 32 lower-case hexadecimal digits, not all 0", id)
	}
	if _, err := sentAt(header); err != nil {
		return e, refuse(http.StatusBadRequest, "envelope header: %w", err)
	}
	for len(rest) > 0 {
		var item Item
		if item, rest, err = parseItem(rest); err != nil {
			return e, refuse(http.StatusBadRequest, "envelope item %d: %w", len(e.Items), err)
		}
		e.Items = append(e.Items, item)
	}
	return e, nil
}

// ParseEnvelope reads an envelope that wasn't sent to a [Server], such as one in an outbox. event is its event,
// transaction or feedback, with its attachments. It is nil if there is none, or none that can be read. Size and age
// aren't checked. The error is the first reason for which Sentry would reject the envelope; e and event still hold
// everything that could be read. Both share memory with raw, which must not change.
func ParseEnvelope(raw []byte) (e Envelope, event *Event, err error) {
	e, err = parseEnvelope(raw)
	var attachments []Attachment
	for i := range e.Items {
		switch item := &e.Items[i]; item.Type {
		case typeEvent, typeTransaction, typeFeedback:
			if event != nil {
				continue
			}
			parsed, fault := parseEvent(item.Type, item.Payload)
			if err == nil {
				err = fault
			}
			event = parsed
		case typeAttachment:
			attachments = append(attachments, newAttachment(item))
		}
	}
	if event != nil {
		event.Header, event.Attachments = e.Header, attachments
		if id, _ := e.Header["event_id"].(string); event.ID == "" {
			event.ID = id
		}
	}
	return e, event, err
}

// sentAt returns the time of sending that the header gives, the zero time if it gives none.
func sentAt(header map[string]any) (time.Time, error) {
	at, ok := header["sent_at"]
	if !ok {
		return time.Time{}, nil
	}
	text, _ := at.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("sent_at %.100q isn't a time as of RFC 3339", at)
	}
	return t, nil
}

// parseItem reads the item at the start of raw and returns what follows it.
func parseItem(raw []byte) (item Item, rest []byte, err error) {
	line, rest := cutLine(raw)
	if item.Header, err = readHeader(line); err != nil {
		return item, nil, err
	}
	item.Type, _ = item.Header["type"].(string)
	if item.Type == "" {
		return item, nil, fmt.Errorf("header %.100q has no type", line)
	}
	length, ok := item.Header["length"]
	if !ok || length == nil {
		item.Payload, rest = cutLine(rest)
		return item, rest, nil
	}
	f, ok := length.(float64)
	n := int(f)
	switch {
	case !ok || f < 0 || f > maxEnvelopeBytes || float64(n) != f:
		return item, nil, fmt.Errorf("%s: length %v isn't a length", item.Type, length)
	case n > len(rest):
		return item, nil, fmt.Errorf("%s: length %d, but only %d bytes follow", item.Type, n, len(rest))
	case n < len(rest) && rest[n] != '\n':
		return item, nil, fmt.Errorf("%s: after the %d bytes of its length comes %q, not a line feed",
			item.Type, n, rest[n])
	}
	item.Payload = rest[:n:n]
	return item, rest[min(n+1, len(rest)):], nil
}

// cutLine returns the first line of b, without its line feed, and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b[:len(b):len(b)], nil
	}
	return b[:i:i], b[i+1:]
}

func readHeader(line []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, errors.New("an empty line where a header should be")
	}
	var header map[string]any
	if err := decode(line, &header); err != nil {
		return nil, fmt.Errorf("header %.100q: %w", line, err)
	}
	if header == nil {
		return nil, errors.New("header is null")
	}
	return header, nil
}

// readItems reads the items of known types, and returns the envelope's event, transaction or feedback, nil if there is
// none.
func readItems(e *Envelope) (event *Event, err error) {
	id, _ := e.Header["event_id"].(string)
	var attachments []Attachment
	seen := make(map[string]bool)
	for i := range e.Items {
		item := &e.Items[i]
		switch item.Type {
		case typeLog, typeMetric, typeCheckIn:
			if seen[item.Type] {
				return nil, refuse(http.StatusRequestEntityTooLarge, "an envelope with two items of type %s", item.Type)
			}
			seen[item.Type] = true
		}
		switch item.Type {
		case typeEvent, typeTransaction, typeFeedback:
			if event != nil {
				return nil, refuse(http.StatusBadRequest,
					"an envelope with an item of type %s and a second one, %s", event.Type, item.Type)
			}
			event, err = readEvent(e, item, id)
		case typeAttachment:
			if id == "" {
				return nil, refuse(http.StatusBadRequest, "an attachment in an envelope without an event_id")
			}
			attachments = append(attachments, newAttachment(item))
		case typeLog, typeMetric:
			err = checkBatch(item)
		case typeCheckIn:
			item.checkIn, err = readCheckIn(e, item)
		case typeClientReport:
			err = readClientReport(item)
		}
		if err != nil {
			return nil, err
		}
	}
	if event != nil {
		event.Attachments = attachments
	}
	return event, nil
}

// readEvent reads an item of type event, transaction or feedback. id is the envelope's event ID.
func readEvent(e *Envelope, item *Item, id string) (*Event, error) {
	if err := checkEventSize(e, item); err != nil {
		return nil, err
	}
	event, err := parseEvent(item.Type, item.Payload)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%s: %w", item.Type, err)
	}
	event.Header = e.Header
	if event.ID == "" {
		event.ID = id
	}
	if !isHex(event.ID, 32) || event.ID != id {
		return nil, refuse(http.StatusBadRequest,
			"%s: event_id %.100q, but %q in the envelope's header", item.Type, event.ID, id)
	}
	if what := event.ageFault(event.arrival(e.Received)); what != "" && item.Type == typeTransaction {
		return nil, refuse(http.StatusBadRequest, "%s: %s", item.Type, what)
	}
	return event, nil
}

func checkEventSize(e *Envelope, item *Item) error {
	n := len(item.Payload)
	if n > maxEventBytes {
		return refuse(http.StatusRequestEntityTooLarge, "%s of %d bytes, at most %d", item.Type, n, maxEventBytes)
	}
	if n <= maxPackedBytes {
		return nil
	}
	packed := e.wireBytes
	if packed == len(e.Raw) || len(e.Items) > 1 { // uncompressed, or sent with other items: compress it alone
		packed = packedSize(item.Payload)
	}
	if packed > maxPackedBytes {
		return refuse(http.StatusRequestEntityTooLarge,
			"%s of %d bytes, compressed, at most %d", item.Type, packed, maxPackedBytes)
	}
	return nil
}

func packedSize(b []byte) int {
	var n byteCounter
	z := gzip.NewWriter(&n)
	_, _ = z.Write(b) // a byteCounter never fails
	_ = z.Close()
	return int(n)
}

type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }

// checkBatch checks a batch of logs or metrics.
func checkBatch(item *Item) error {
	var batch struct {
		Items []map[string]any `json:"items"`
	}
	if err := decode(item.Payload, &batch); err != nil {
		return refuse(http.StatusBadRequest, "%s: %w", item.Type, err)
	}
	want := "application/vnd.sentry.items." + strings.ReplaceAll(item.Type, "_", "-") + "+json"
	if contentType := item.Header["content_type"]; contentType != want {
		return refuse(http.StatusBadRequest, "%s: content_type %v, want %s", item.Type, contentType, want)
	}
	if count := item.Header["item_count"]; count != float64(len(batch.Items)) {
		return refuse(http.StatusBadRequest, "%s: item_count %v with %d items", item.Type, count, len(batch.Items))
	}
	required, maxBytes := []string{"timestamp", "trace_id", "level", "body"}, maxLogBytes
	if item.Type == typeMetric {
		maxBytes = maxMetricBytes
		required = []string{"timestamp", "trace_id", "name", "type", "value"}
	}
	if n := len(item.Payload) / max(1, len(batch.Items)); n > maxBytes {
		return refuse(http.StatusRequestEntityTooLarge,
			"%s: %d bytes for each of %d items, at most %d", item.Type, n, len(batch.Items), maxBytes)
	}
	for i, entry := range batch.Items {
		for _, name := range required {
			if entry[name] == nil {
				return refuse(http.StatusBadRequest, "%s: items[%d] has no %s", item.Type, i, name)
			}
		}
		if !isHex(entry["trace_id"], 32) {
			return refuse(http.StatusBadRequest,
				"%s: items[%d]: trace_id %v isn't 32 lower-case hexadecimal digits", item.Type, i, entry["trace_id"])
		}
	}
	return nil
}

func readClientReport(item *Item) error {
	if n := len(item.Payload); n > maxClientReportBytes {
		return refuse(http.StatusRequestEntityTooLarge,
			"client_report of %d bytes, at most %d", n, maxClientReportBytes)
	}
	var report struct {
		Discarded []discarded `json:"discarded_events"`
	}
	if err := decode(item.Payload, &report); err != nil {
		return refuse(http.StatusBadRequest, "client_report: %w", err)
	}
	for i, d := range report.Discarded {
		if d.Reason == "" || d.Category == "" || d.Quantity < 0 {
			return refuse(http.StatusBadRequest, "client_report: discarded_events[%d] is %+v", i, d)
		}
	}
	item.discarded = report.Discarded
	return nil
}

func decode(raw []byte, into any) error {
	if err := checkJSON(raw); err != nil {
		return err
	}
	err := json.Unmarshal(raw, into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := int(min(max(syntax.Offset-1, 0), int64(len(raw))))
		return fmt.Errorf("broken JSON at byte %d, %.40q: %w", at, raw[at:], err)
	}
	return err
}
