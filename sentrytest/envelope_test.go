package sentrytest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	testID    = "0123456789abcdef0123456789abcdef"
	testTrace = "fedcba9876543210fedcba9876543210"
	testSpan  = "0123456789abcdef"
)

// envelope makes an envelope of lines: a header and an item's header and payload, each.
func envelope(lines ...string) string { return strings.Join(lines, "\n") }

func item(kind, payload string) string {
	return fmt.Sprintf(`{"type":%q,"length":%d}`+"\n%s\n", kind, len(payload), payload)
}

// eventItem is an envelope with an event with more fields.
func eventItem(fields string) string {
	return `{"event_id":"` + testID + `"}` + "\n" + item("event", `{"event_id":"`+testID+`"`+fields+`}`)
}

func transactionItem(fields string) string {
	return `{"event_id":"` + testID + `"}` + "\n" + item("transaction",
		`{"event_id":"`+testID+`","type":"transaction"`+fields+`}`)
}

const trace = `,"contexts":{"trace":{"trace_id":"` + testTrace + `","span_id":"` + testSpan + `"}}`

// arrival is when everything arrives at a server of newTestServer's.
var arrival = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newTestServer makes a server whose clock stands still.
func newTestServer(t testing.TB) *Server {
	t.Helper()
	return newServer(t, func() time.Time { return arrival })
}

// times are those of a transaction that has just ended and took 1.5 s.
var times = fmt.Sprintf(`,"start_timestamp":%d.5,"timestamp":%d`, arrival.Unix()-2, arrival.Unix())

func logItem(count int, entries, contentType string) string {
	payload := `{"items":[` + entries + `]}`
	return fmt.Sprintf("{}\n"+`{"type":"log","item_count":%d,"content_type":%q,"length":%d}`+"\n%s\n", count,
		contentType, len(payload), payload)
}

// timesAgo are those of a transaction that ended so long ago.
func timesAgo(age time.Duration) string {
	end := arrival.Add(-age)
	return fmt.Sprintf(`,"start_timestamp":%d,"timestamp":%q`, end.Unix()-1, end.Format(time.RFC3339Nano))
}

// span is a transaction's only span.
func span(fields string) string {
	return `,"spans":[{"trace_id":"` + testTrace + `","span_id":"` + testSpan + `"` + fields + `}]`
}

// fill returns n bytes that begin and end so.
func fill(begin, end string, n int) string {
	return begin + strings.Repeat("a", n-len(begin)-len(end)) + end
}

// noise is text that packs badly: to about three quarters.
func noise(n int) string {
	b, r := make([]byte, n), rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[r.IntN(64)]
	}
	return string(b)
}

// Of a batch, 12 bytes are around its entries.
func bigLog(n int) string { return fill(logEntry[:len(logEntry)-2], `"}`, n) }

func bigMetric(n int) string { return fill(metricEntry[:len(metricEntry)-1]+`,"unit":"`, `"}`, n) }

func metricItem(count int, entries string) string {
	payload := `{"items":[` + entries + `]}`
	return fmt.Sprintf("{}\n"+`{"type":"trace_metric","item_count":%d,"content_type":"application/vnd.sentry.items.trace-metric+json","length":%d}`+"\n%s\n",
		count, len(payload), payload)
}

const (
	metricEntry = `{"timestamp":1,"trace_id":"` + testTrace + `","name":"n","type":"counter","value":0}`

	logType  = "application/vnd.sentry.items.log+json"
	logEntry = `{"timestamp":1,"trace_id":"` + testTrace + `","level":"info","body":"x"}`
)

func TestTaken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{ // want: the items, type and payload
		{"no line feed at the end", "{}\n{\"type\":\"x\"}\npayload", "x=payload"},
		{"line feed at the end", "{}\n{\"type\":\"x\"}\npayload\n", "x=payload"},
		{"length", "{}\n{\"type\":\"x\",\"length\":7}\npayload", "x=payload"},
		{"length over line feeds", "{}\n{\"type\":\"x\",\"length\":5}\na\n\nb\n\n{\"type\":\"y\"}\nc", "x=a\n\nb\n y=c"},
		{"null length", "{}\n{\"type\":\"x\",\"length\":null}\na\n", "x=a"},
		{"length 0", "{}\n{\"type\":\"x\",\"length\":0}\n\n{\"type\":\"y\",\"length\":0}\n", "x= y="},
		{"header alone", "{}\n{\"type\":\"x\"}", "x="},
		{"unknown header fields", `{"future":[1]}` + "\n" + `{"type":"x","future":{}}` + "\n{}\n", "x={}"},
		{"binary payload", "{}\n{\"type\":\"x\",\"length\":4}\n\x00\xff\n\x80", "x=\x00\xff\n\x80"},
		{"event", eventItem(""), `event={"event_id":"` + testID + `"}`},
		{"event without a length", envelope(`{"event_id":"`+testID+`"}`, `{"type":"event"}`, `{"event_id":"`+testID+`"}`), `event={"event_id":"` + testID + `"}`},
		{"sent_at", `{"sent_at":"2026-01-02T03:04:05.678Z"}` + "\n{\"type\":\"x\"}\na", "x=a"},
		{"surrogate pair", eventItem(`,"message":"\ud83d\ude00\\ud800"`), `event={"event_id":"` + testID + `","message":"\ud83d\ude00\\ud800"}`},
		{"127 levels", eventItem(`,"modules":[` + strings.Repeat("[", 125) + strings.Repeat("]", 125) + `]`), ""},
		{"braces in a string", eventItem(`,"message":"` + strings.Repeat("[", 200) + `\""`), ""},
		{"transaction", transactionItem(times + trace), ""},
		{"no items", "{}", ""},
		{"no items, line feed", "{}\n", ""},
		{"event without an ID of its own", `{"event_id":"` + testID + `"}` + "\n" + item("event", `{"message":"m"}`), `event={"message":"m"}`},
		{"names again in other objects", eventItem(`,"extra":{"a":{"a":["a",{"a":"a"}]},"b":"a"}`), ""},
		{"transaction with a span", transactionItem(times + trace + span(times)), ""},
		{"transaction nearly too old", transactionItem(timesAgo(maxTransactionAge) + trace), ""},
		{"transaction nearly too far ahead", transactionItem(timesAgo(-maxAhead) + trace), ""},
		{"logs", logItem(1, logEntry, logType), ""},
		{"several logs", logItem(2, logEntry+","+logEntry, logType), ""},
		{"empty batch of logs", logItem(0, "", logType), ""},
		{"logs of 1 MiB each", logItem(2, bigLog(maxLogBytes-6)+","+bigLog(maxLogBytes-7), logType), ""},
		{"metrics", metricItem(1, metricEntry), ""},
		{"metric of 2 KiB", metricItem(1, bigMetric(maxMetricBytes-12)), ""},
		{"logs and metrics", logItem(1, logEntry, logType) + strings.TrimPrefix(metricItem(1, metricEntry), "{}\n"), ""},
		{"check-in begun", "{}\n" + item("check_in", `{"check_in_id":"`+testID+`","monitor_slug":"m","status":"in_progress","duration":1.5}`), ""},
		{"check-in of 100 KiB", "{}\n" + item("check_in", fill(`{"check_in_id":"`+testID+`","monitor_slug":"m","status":"ok","a":"`, `"}`, maxCheckInBytes)), ""},
		{"client report", "{}\n" + item("client_report", `{"timestamp":1,"discarded_events":[{"reason":"a","category":"b","quantity":2}]}`), ""},
		{"client report of 4 KiB", "{}\n" + item("client_report", fill(`{"a":"`, `"}`, maxClientReportBytes)), ""},
		{"attachment alone", `{"event_id":"` + testID + `"}` + "\n" + item("attachment", "a"), "attachment=a"},
		{"check-in", "{}\n" + item("check_in", `{"check_in_id":"`+testID+`","monitor_slug":"m","status":"ok"}`), ""},
		{"1 MB", `{"event_id":"` + testID + `"}` + "\n" + item("event", fill(`{"modules":{"a":"`, `"}}`, maxEventBytes)), ""},
		{"nearly 200 KB compressed", `{"event_id":"` + testID + `"}` + "\n" + item("event", `{"modules":{"a":"`+noise(255_000)+`"}}`), ""},
		{"large attachment", `{"event_id":"` + testID + `"}` + "\n" + item("attachment", strings.Repeat("a", 2*maxEventBytes)), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t)
			status, answer := post(t, s, test.body)
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, answer)
			}
			var got []string
			for _, item := range s.Envelopes()[0].Items {
				got = append(got, item.Type+"="+string(item.Payload))
			}
			if got := strings.Join(got, " "); test.want != "" && got != test.want {
				t.Errorf("items %q, want %q", got, test.want)
			}
			if raw := s.Envelopes()[0].Raw; string(raw) != test.body {
				t.Errorf("raw %q", raw)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"empty", "", 400, "empty line"},
		{"header of two lines", "{\n}\n", 400, "envelope header"},
		{"header with rubbish after it", "{} x\n", 400, "envelope header"},
		{"header with a name twice", `{"a":1,"a":2}`, 400, "two values"},
		{"item header with a name twice", "{}\n" + `{"type":"event","type":"x"}` + "\n{}", 400, "two values"},
		{"header broken", "{\n{\"type\":\"x\"}\n", 400, "envelope header"},
		{"header a list", "[]\n{\"type\":\"x\"}\n", 400, "envelope header"},
		{"header null", "null\n{\"type\":\"x\"}\n", 400, "null"},
		{"header ID short", `{"event_id":"0123"}` + "\n" + item("x", ""), 400, "32 lower-case"},
		{"header ID upper-case", `{"event_id":"` + strings.ToUpper(testID) + `"}` + "\n" + item("x", ""), 400, "32 lower-case"},
		{"header ID zero", `{"event_id":"` + strings.Repeat("0", 32) + `"}` + "\n" + item("x", ""), 400, "32 lower-case"},
		{"header ID a number", `{"event_id":1}` + "\n" + item("x", ""), 400, "32 lower-case"},
		{"sent_at", `{"sent_at":"yesterday"}` + "\n" + item("x", ""), 400, "sent_at"},
		{"sent_at a number", `{"sent_at":1}` + "\n" + item("x", ""), 400, "sent_at"},
		{"blank line between items", "{}\n{\"type\":\"x\"}\na\n\n{\"type\":\"y\"}\n", 400, "item 1: an empty line"},
		{"blank line at the end", "{}\n{\"type\":\"x\"}\na\n\n", 400, "empty line"},
		{"item header broken", "{}\n{\"type\n", 400, "item 0"},
		{"item without type", "{}\n{\"length\":1}\na", 400, "no type"},
		{"item type a number", "{}\n{\"type\":1}\na", 400, "no type"},
		{"length too long", "{}\n{\"type\":\"x\",\"length\":3}\nab", 400, "only 2 bytes follow"},
		{"length too short", "{}\n{\"type\":\"x\",\"length\":1}\nab\n", 400, "not a line feed"},
		{"length negative", "{}\n{\"type\":\"x\",\"length\":-1}\nab", 400, "isn't a length"},
		{"length a fraction", "{}\n{\"type\":\"x\",\"length\":1.5}\nab", 400, "isn't a length"},
		{"length huge", "{}\n{\"type\":\"x\",\"length\":1e300}\nab", 400, "isn't a length"},
		{"length a string", "{}\n{\"type\":\"x\",\"length\":\"2\"}\nab", 400, "isn't a length"},
		{"event without any ID", envelope(`{}`, `{"type":"event"}`, `{}`), 400, "event_id"},
		{"event with another ID", envelope(`{"event_id":"`+testTrace+`"}`, `{"type":"event"}`, `{"event_id":"`+testID+`"}`), 400, "envelope's header"},
		{"event without ID in the header", envelope(`{}`, `{"type":"event"}`, `{"event_id":"`+testID+`"}`), 400, "envelope's header"},
		{"event ID with dashes", envelope(`{}`, `{"type":"event"}`, `{"event_id":"01234567-89ab-cdef-0123-456789abcdef"}`), 400, "event_id"},
		{"two events", eventItem("") + item("event", "{}"), 400, "second one"},
		{"event is a list", envelope(`{"event_id":"`+testID+`"}`, `{"type":"event"}`, `[]`), 400, "event:"},
		{"event cut off", envelope(`{"event_id":"`+testID+`"}`, `{"type":"event"}`, `{"message":"a`), 400, "broken JSON at byte"},
		{"NaN", eventItem(`,"extra":{"a":NaN}`), 400, `"NaN}`},
		{"infinity", eventItem(`,"extra":{"a":1e400}`), 400, "1e400"},
		{"trailing comma", eventItem(`,"extra":{"a":1,}`), 400, "broken JSON"},
		{"two documents", eventItem(`} {`), 400, "broken JSON"},
		{"not UTF-8", eventItem(`,"message":"` + "\xff" + `"`), 400, "UTF-8"},
		{"high surrogate", eventItem(`,"message":"\ud83d"`), 400, "surrogate"},
		{"low surrogate", eventItem(`,"message":"\\\uDE00"`), 400, "surrogate"},
		{"two high surrogates", eventItem(`,"message":"\ud83d\ud83d"`), 400, "surrogate"},
		{"128 levels", eventItem(`,"modules":[` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `]`), 400, "127 levels"},
		{"a name twice", eventItem(`,"extra":{"a":1,"b":{},"a":2}`), 400, "two values of the name \"a\""},
		{"fingerprint a string", eventItem(`,"fingerprint":"a"`), 400, "fingerprint"},
		{"context no object", eventItem(`,"contexts":{"os":"linux"}`), 400, "contexts"},
		{"thread ID an object", eventItem(`,"threads":[{"id":{}}]`), 400, "thread ID"},
		{"thread ID a fraction", eventItem(`,"exception":[{"type":"a","thread_id":1.5}]`), 400, "thread ID"},
		{"breadcrumbs a text", eventItem(`,"breadcrumbs":{"values":"a"}`), 400, "breadcrumbs"},
		{"timestamp", eventItem(`,"timestamp":"noon"`), 400, "isn't a time"},
		{"timestamp far off", eventItem(`,"timestamp":1e30`), 400, "isn't a time"},
		{"tag an object", eventItem(`,"tags":{"a":{}}`), 400, `tag "a"`},
		{"tag pair without key", eventItem(`,"tags":[[1,"a"]]`), 400, "key"},
		{"more than 1 MB", `{"event_id":"` + testID + `"}` + "\n" + item("event", fill(`{"modules":{"a":"`, `"}}`, maxEventBytes+1)), 413, "at most 1000000"},
		{"more than 200 KB compressed", eventItem(`,"modules":{"a":"` + noise(270_000) + `"}`), 413, "compressed"},
		{"more than 200 KB compressed, with another item", eventItem(`,"modules":{"a":"`+noise(270_000)+`"}`) + item("x", ""), 413, "compressed"},
		{"transaction as event", eventItem(`,"type":"transaction"`), 400, "payload of type"},
		{"transaction without times", transactionItem(trace), 400, "no start_timestamp"},
		{"transaction without an end", transactionItem(`,"start_timestamp":1` + trace), 400, "no timestamp"},
		{"transaction ends too early", transactionItem(`,"start_timestamp":2,"timestamp":1` + trace), 400, "before it starts"},
		{"transaction too old", transactionItem(timesAgo(maxTransactionAge+time.Second) + trace), 400, "old"},
		{"transaction too far ahead", transactionItem(timesAgo(-maxAhead-time.Second) + trace), 400, "ahead"},
		{"transaction without trace", transactionItem(times), 400, "trace_id"},
		{"transaction with a short span ID", transactionItem(times + strings.Replace(trace, testSpan, "01", 1)), 400, "span_id"},
		{"span without IDs", transactionItem(times + trace + `,"spans":[{"start_timestamp":1,"timestamp":2}]`), 400, "spans[0]"},
		{"span without times", transactionItem(times + trace + span("")), 400, "spans[0]"},
		{"span ends too early", transactionItem(times + trace + span(`,"start_timestamp":2,"timestamp":1`)), 400, "spans[0]"},
		{"attachment without an ID", "{}\n" + item("attachment", "a"), 400, "event_id"},
		{"logs miscounted", logItem(2, logEntry, logType), 400, "item_count"},
		{"logs twice", logItem(1, logEntry, logType) + strings.TrimPrefix(logItem(1, logEntry, logType), "{}\n"), 413, "two items of type log"},
		{"logs too large", logItem(1, bigLog(maxLogBytes-11), logType), 413, "at most 1048576"},
		{"metric too large", metricItem(1, bigMetric(maxMetricBytes-11)), 413, "at most 2048"},
		{"metric without value", metricItem(1, strings.Replace(metricEntry, "value", "v", 1)), 400, "no value"},
		{"metrics miscounted", metricItem(2, metricEntry), 400, "item_count"},
		{"logs broken", "{}\n" + `{"type":"log"}` + "\n[", 400, "broken JSON"},
		{"logs of another kind", logItem(1, logEntry, "application/json"), 400, "content_type"},
		{"log without level", logItem(1, strings.Replace(logEntry, "level", "l", 1), logType), 400, "no level"},
		{"log with a short trace", logItem(1, strings.Replace(logEntry, testTrace, "12", 1), logType), 400, "trace_id"},
		{"check-in without monitor", "{}\n" + item("check_in", `{"check_in_id":"`+testID+`","status":"ok"}`), 400, "monitor_slug"},
		{"check-in with a status of its own", "{}\n" + item("check_in", `{"check_in_id":"`+testID+`","monitor_slug":"m","status":"fine"}`), 400, "status"},
		{"check-in ID", "{}\n" + item("check_in", `{"check_in_id":"1","monitor_slug":"m","status":"ok"}`), 400, "check_in_id"},
		{"check-in too large", "{}\n" + item("check_in", fill(`{"a":"`, `"}`, maxCheckInBytes+1)), 413, "at most"},
		{"client report too large", "{}\n" + item("client_report", fill(`{"a":"`, `"}`, maxClientReportBytes+1)), 413, "at most"},
		{"client report without reason", "{}\n" + item("client_report", `{"discarded_events":[{"category":"error","quantity":1}]}`), 400, "discarded_events[0]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t)
			status, answer := post(t, s, test.body)
			refused := s.Refused()
			if status != test.status || len(refused) != 1 {
				t.Fatalf("status %d: %s\nrefused %v, want status %d", status, answer, refused, test.status)
			}
			if !strings.Contains(refused[0].Error(), test.want) {
				t.Errorf("refused: %q, want it to say %q", refused[0], test.want)
			}
			var detail struct{ Detail string }
			if err := json.Unmarshal([]byte(answer), &detail); err != nil || detail.Detail != refused[0].Error() {
				t.Errorf("answer %s", answer)
			}
			if len(s.Envelopes())+len(s.Events())+len(s.Transactions()) > 0 {
				t.Error("it was kept")
			}
		})
	}
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	body := []byte(eventItem(`,"message":"` + strings.Repeat("hello ", 100) + `"`))
	bomb := bytes.Repeat(zip(make([]byte, 1<<20)), maxEnvelopeBytes>>20+1) // of so many members
	for _, test := range []struct {
		name, encoding string
		body           []byte
		status         int
	}{
		{"none", "", body, 200},
		{"identity", "identity", body, 200},
		{"gzip", "gzip", zip(body), 200},
		{"gzip in any case", "GZIP", zip(body), 200},
		{"gzip in several members", "gzip", append(zip(body[:50]), append(zip(body[50:70]), zip(body[70:])...)...), 200},
		{"deflate", "deflate", deflate(body), 200},
		{"gzip announced", "gzip", body, 400},
		{"deflate announced", "deflate", body, 400},
		{"gzip not announced", "", zip(body), 400},
		{"gzip cut off", "gzip", zip(body)[:60], 400},
		{"gzip with rubbish after it", "gzip", append(zip(body), "rubbish"...), 400},
		{"gzip damaged", "gzip", append(zip(body)[:len(zip(body))-8], 0, 0, 0, 0, 0, 0, 0, 0), 400},
		{"unknown", "br", body, 415},
		{"bomb", "gzip", bomb, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewServer(t)
			r := request(t, s, bytes.NewReader(test.body))
			r.Header.Set("Content-Encoding", test.encoding)
			status, answer := do(t, r)
			if status != test.status {
				t.Errorf("status %d: %s", status, answer)
			}
			if refused := s.Refused(); (len(refused) > 0) != (test.status != 200) {
				t.Errorf("refused %v", refused)
			}
			if status == 200 && (!bytes.Equal(s.Events()[0].Raw, s.Envelopes()[0].Items[0].Payload) ||
				s.Envelopes()[0].wireBytes != len(test.body)) {
				t.Errorf("%d events, %d bytes", len(s.Events()), s.Envelopes()[0].wireBytes)
			}
		})
	}
}

// A body of unknown length is read as one of known length is, up to the limit.
func TestChunked(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	r := request(t, s, io.MultiReader(strings.NewReader(eventItem(""))))
	if status, answer := do(t, r); status != 200 {
		t.Errorf("status %d: %s", status, answer)
	}
	large := fill(`{"event_id":"`+testID+`"}`+"\n"+`{"type":"attachment"}`+"\n", "\n", maxWireBytes)
	for body, want := range map[string]int{large: 200, large + "a": 413} {
		for _, r := range []io.Reader{io.MultiReader(strings.NewReader(body)), strings.NewReader(body)} {
			if status, _ := do(t, request(t, s, r)); status != want {
				t.Errorf("%d bytes: status %d, want %d", len(body), status, want)
			}
			if refused := s.Refused(); (len(refused) > 0) != (want != 200) {
				t.Errorf("%d bytes: refused %v", len(body), refused)
			}
		}
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	valid := eventItem("")
	for _, test := range []struct {
		name   string
		change func(s *Server, r *http.Request)
		body   func(s *Server) string
		status int
	}{
		{name: "header", status: 200},
		{name: "header in other case", status: 200, change: func(s *Server, r *http.Request) {
			r.Header.Set("X-Sentry-Auth", "sentry sentry_client=x/1,sentry_version=7,sentry_key="+s.key)
		}},
		{name: "parameter", status: 200, change: func(s *Server, r *http.Request) {
			r.Header.Del("X-Sentry-Auth")
			r.URL.RawQuery = "sentry_key=" + s.key
		}},
		{name: "DSN in the envelope", status: 200, change: func(_ *Server, r *http.Request) { r.Header.Del("X-Sentry-Auth") },
			body: func(s *Server) string { return `{"dsn":"` + s.DSN() + `",` + valid[1:] }},
		{name: "no slash at the end", status: 200, change: func(_ *Server, r *http.Request) { r.URL.Path = "/api/1/envelope" }},
		{name: "no key", status: 401, change: func(_ *Server, r *http.Request) { r.Header.Del("X-Sentry-Auth") }},
		{name: "no key and rubbish", status: 401, change: func(_ *Server, r *http.Request) { r.Header.Del("X-Sentry-Auth") },
			body: func(*Server) string { return "rubbish" }},
		{name: "header without key", status: 401, change: func(_ *Server, r *http.Request) { r.Header.Set("X-Sentry-Auth", "Sentry sentry_version=7") }},
		{name: "header of another scheme", status: 401, change: func(s *Server, r *http.Request) { r.Header.Set("X-Sentry-Auth", "Bearer sentry_key="+s.key) }},
		{name: "wrong key", status: 403, change: func(_ *Server, r *http.Request) { r.Header.Set("X-Sentry-Auth", "Sentry sentry_key="+testID) }},
		{name: "wrong parameter", status: 403, change: func(_ *Server, r *http.Request) {
			r.Header.Del("X-Sentry-Auth")
			r.URL.RawQuery = "sentry_key=" + testID
		}},
		{name: "another DSN in the envelope", status: 403, body: func(s *Server) string { return `{"dsn":"http://x@127.0.0.1/1",` + valid[1:] }},
		{name: "wrong project", status: 404, change: func(_ *Server, r *http.Request) { r.URL.Path = "/api/2/envelope/" }},
		{name: "another endpoint", status: 404, change: func(_ *Server, r *http.Request) { r.URL.Path = "/api/1/store/" }},
		{name: "GET", status: 405, change: func(_ *Server, r *http.Request) { r.Method = http.MethodGet }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			body := valid
			if test.body != nil {
				body = test.body(s)
			}
			r := request(t, s, strings.NewReader(body))
			if test.change != nil {
				test.change(s, r)
			}
			if status, answer := do(t, r); status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, answer)
			}
			want := 0
			if test.status == 200 {
				want = 1
			}
			if n := len(s.Events()); n != want {
				t.Errorf("%d events, want %d", n, want)
			}
			if n := len(s.Refused()); n != 1-want {
				t.Errorf("%d refused, want %d", n, 1-want)
			}
		})
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "{}\n", eventItem(`,"tags":[["a",1]],"message":"\ud83d\ude00"`),
		transactionItem(times + trace + `,"spans":[{}]`), logItem(1, logEntry, logType),
		"{}\n{\"type\":\"x\",\"length\":5}\na\n\nb\n\n{\"type\":\"y\"}\nc",
		eventItem(`,"exception":{"values":[{"type":"a","stacktrace":{"frames":[{"in_app":true}]}}]},"breadcrumbs":{"values":[{"timestamp":1.5}]}`),
		"{}\n" + item("client_report", `{"discarded_events":[{"reason":"a","category":"b","quantity":2}]}`),
		checkIn(`,"monitor_config":{"schedule":{"type":"crontab","value":"* * * * *"}}`), feedback(`"message":"m"`, ""),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		e, err := parseEnvelope(raw)
		var event *Event
		if err == nil {
			e.Received = arrival
			event, err = readItems(&e)
		}
		if !bytes.Equal(raw, given) {
			t.Fatal("the bytes were changed")
		}
		if err != nil {
			if r := (*refusal)(nil); !errors.As(err, &r) || r.status < 400 || r.status > 499 {
				t.Fatalf("error %v isn't a refusal", err)
			}
			return
		}
		if event != nil {
			if !json.Valid(event.Raw) || !isHex(event.ID, 32) {
				t.Fatalf("event %q", event.Raw)
			}
			_, _, _ = event.Title(), event.groupKey(), event.faults(e.Received)
		}
		// What was taken says the same when it is written in full.
		var b bytes.Buffer
		writeJSON(t, &b, e.Header)
		for _, item := range e.Items {
			item.Header["length"] = len(item.Payload)
			writeJSON(t, &b, item.Header)
			b.Write(item.Payload)
			b.WriteByte('\n')
		}
		again, err := parseEnvelope(b.Bytes())
		if err != nil || len(again.Items) != len(e.Items) {
			t.Fatalf("written again as %q: %v", b.Bytes(), err)
		}
		for i := range e.Items {
			if again.Items[i].Type != e.Items[i].Type || !bytes.Equal(again.Items[i].Payload, e.Items[i].Payload) {
				t.Fatalf("item %d is %q, was %q", i, again.Items[i].Payload, e.Items[i].Payload)
			}
		}
	})
}

func writeJSON(t *testing.T, b *bytes.Buffer, v any) {
	t.Helper()
	if err := json.NewEncoder(b).Encode(v); err != nil {
		t.Fatal(err)
	}
}

func zip(b []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(b)
	_ = z.Close()
	return packed.Bytes()
}

func deflate(b []byte) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(b)
	_ = z.Close()
	return packed.Bytes()
}

// post sends an envelope as a client would.
func post(t testing.TB, s *Server, body string) (status int, answer string) {
	t.Helper()
	return do(t, request(t, s, strings.NewReader(body)))
}

func request(t testing.TB, s *Server, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+"/api/1/envelope/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Sentry-Auth", "Sentry sentry_version=7, sentry_client=test/1, sentry_key="+s.key)
	return r
}

// client has nothing of the environment's, such as a proxy.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// do may be called from any goroutine of the test. Without an answer status is 0.
func do(t testing.TB, r *http.Request) (status int, answer string) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(b)
}
