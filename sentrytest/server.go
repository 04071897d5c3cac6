package sentrytest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	key     = "0123456789abcdef0123456789abcdef"
	project = "1"

	maxEventBytes    = 1 << 20   // of one event, as Sentry says
	maxPackedBytes   = 200 << 10 // of a request as sent, attachments apart
	maxEnvelopeBytes = 100 << 20
)

// A Server is a Sentry server on a loopback address. Its methods may be called from many goroutines at once.
type Server struct {
	tb   testing.TB
	http *httptest.Server

	mu           sync.Mutex
	respond      func(n int, w http.ResponseWriter, r *http.Request) bool
	requests     int
	envelopes    []Envelope
	events       []Event
	transactions []Event
	seen         map[string]bool
	duplicates   int
	refused      []error
	waiting      map[*waiter]struct{}
}

// A waiter is somebody who waits for a list to have n elements.
type waiter struct {
	list *[]Event
	n    int
	done chan struct{} // closed when there are so many
}

// NewServer starts a server, which tb closes when the test ends. What the server must refuse fails the test, unless
// [Server.Refused] is called for it. With a nil tb the caller closes the server.
func NewServer(tb testing.TB) *Server {
	s := &Server{tb: tb, seen: make(map[string]bool), waiting: make(map[*waiter]struct{})}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	if tb != nil {
		tb.Cleanup(func() {
			s.Close()
			for _, err := range s.Refused() {
				tb.Errorf("sentrytest: %v", err)
			}
		})
	}
	return s
}

// DSN returns the DSN of the server's only project.
func (s *Server) DSN() string {
	u, err := url.Parse(s.http.URL)
	if err != nil { // httptest made it
		panic(err)
	}
	u.User, u.Path = url.User(key), "/"+project
	return u.String()
}

// Respond lets f answer requests: it gets each request's number, from 0, and returns true when it has answered; otherwise
// the server does. The body may be read by both. A nil f gives all requests back to the server.
func (s *Server) Respond(f func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = f
}

// Close stops the server. Requests that hang are cut off. What has arrived can still be read.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(io.LimitReader(r.Body, maxEnvelopeBytes))
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	n, respond := s.requests, s.respond
	s.requests++
	s.mu.Unlock()
	if respond != nil {
		r.Body = io.NopCloser(bytes.NewReader(sent))
		if respond(n, w, r) {
			return
		}
	}
	id, status, err := s.take(r, sent)
	if err != nil {
		s.mu.Lock()
		s.refused = append(s.refused, err)
		s.mu.Unlock()
		w.Header().Set("X-Sentry-Error", strings.ReplaceAll(err.Error(), "\n", " "))
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
}

func (s *Server) take(r *http.Request, sent []byte) (id string, status int, err error) {
	switch {
	case r.Method != http.MethodPost:
		return "", http.StatusMethodNotAllowed, fmt.Errorf("method %s, want POST", r.Method)
	case r.URL.Path != "/api/"+project+"/envelope/":
		return "", http.StatusNotFound, fmt.Errorf("path %s, want /api/%s/envelope/", r.URL.Path, project)
	case authKey(r) != key:
		return "", http.StatusForbidden, fmt.Errorf("key %q, want %q", authKey(r), key)
	}
	body := sent
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		zip, err := gzip.NewReader(bytes.NewReader(sent))
		if err != nil {
			return "", http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
		if body, err = io.ReadAll(io.LimitReader(zip, maxEnvelopeBytes)); err != nil {
			return "", http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
	default:
		return "", http.StatusUnsupportedMediaType, fmt.Errorf("content encoding %q", encoding)
	}
	e, err := parseEnvelope(body)
	if err != nil {
		return "", http.StatusBadRequest, err
	}
	e.Received = time.Now()
	var event *Event
	attachments := 0
	for _, item := range e.Items {
		switch item.Type {
		case "event", "transaction":
			if event, err = parseEvent(item.Payload); err != nil {
				return "", http.StatusBadRequest, err
			}
			if len(item.Payload) > maxEventBytes {
				return "", http.StatusRequestEntityTooLarge, fmt.Errorf("%s of %d bytes, at most %d", item.Type, len(item.Payload), maxEventBytes)
			}
			event.Header, event.Type = e.Header, item.Type
		case "attachment":
			attachments++
		}
	}
	if event != nil && attachments == 0 && len(sent) > maxPackedBytes {
		return "", http.StatusRequestEntityTooLarge, fmt.Errorf("request of %d bytes, at most %d", len(sent), maxPackedBytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.envelopes = append(s.envelopes, e)
	if event != nil {
		id = event.ID
		switch {
		case s.seen[id]:
			s.duplicates++
		case event.Type == "transaction":
			s.transactions = append(s.transactions, *event)
		default:
			s.events = append(s.events, *event)
		}
		s.seen[id] = true
	}
	for w := range s.waiting { // few; each is woken once, when it has what it waits for
		if len(*w.list) >= w.n {
			close(w.done)
			delete(s.waiting, w)
		}
	}
	return id, 0, nil
}

func authKey(r *http.Request) string {
	for _, field := range strings.Split(strings.TrimPrefix(r.Header.Get("X-Sentry-Auth"), "Sentry "), ",") {
		if name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name == "sentry_key" {
			return value
		}
	}
	return r.URL.Query().Get("sentry_key")
}

// Events returns the errors and messages, in the order of arrival. One that arrived twice is there once, as at Sentry.
func (s *Server) Events() []Event { return copyOf(s, &s.events) }

// Transactions returns the transactions, in the order of arrival.
func (s *Server) Transactions() []Event { return copyOf(s, &s.transactions) }

// Envelopes returns all envelopes as they arrived, repeated ones included.
func (s *Server) Envelopes() []Envelope { return copyOf(s, &s.envelopes) }

func copyOf[T any](s *Server, list *[]T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]T(nil), *list...)
}

// Duplicates returns how many events arrived a second time.
func (s *Server) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates
}

// Requests returns how many requests there were, those that Respond answered included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refused returns what the server refused since the last call, and why.
func (s *Server) Refused() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.refused
	s.refused = nil
	return refused
}

// Items returns the items of one type, such as "log", "trace_metric" or "check_in".
func (s *Server) Items(kind string) (items []Item) {
	for _, e := range s.Envelopes() {
		for _, item := range e.Items {
			if item.Type == kind {
				items = append(items, item)
			}
		}
	}
	return items
}

// ClientReports returns what clients said they dropped, by reason and category.
func (s *Server) ClientReports() map[string]map[string]int {
	sums := make(map[string]map[string]int)
	for _, item := range s.Items("client_report") {
		var report struct {
			Discarded []struct {
				Reason, Category string
				Quantity         int
			} `json:"discarded_events"`
		}
		if json.Unmarshal(item.Payload, &report) != nil {
			continue
		}
		for _, d := range report.Discarded {
			if sums[d.Reason] == nil {
				sums[d.Reason] = make(map[string]int)
			}
			sums[d.Reason][d.Category] += d.Quantity
		}
	}
	return sums
}

// WaitEvents returns the events once there are n, or what has arrived when time is up; with a tb it fails the test then.
func (s *Server) WaitEvents(n int, timeout time.Duration) []Event {
	s.help()
	return s.wait("events", n, timeout, &s.events)
}

// WaitTransactions is WaitEvents for transactions.
func (s *Server) WaitTransactions(n int, timeout time.Duration) []Event {
	s.help()
	return s.wait("transactions", n, timeout, &s.transactions)
}

func (s *Server) help() {
	if s.tb != nil {
		s.tb.Helper()
	}
}

func (s *Server) wait(what string, n int, timeout time.Duration, list *[]Event) []Event {
	s.help()
	w := &waiter{list, n, make(chan struct{})}
	s.mu.Lock()
	if len(*list) >= n {
		close(w.done)
	} else {
		s.waiting[w] = struct{}{}
	}
	s.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	}
	s.mu.Lock()
	delete(s.waiting, w)
	got := append([]Event(nil), *list...)
	s.mu.Unlock()
	if len(got) < n && s.tb != nil {
		s.tb.Fatalf("sentrytest: %d %s after %v, want %d\n%s", len(got), what, timeout, n, s.overview())
	}
	return got
}

func (s *Server) overview() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests, %d envelopes, %d refused", s.requests, len(s.envelopes), len(s.refused))
	for _, err := range s.refused {
		fmt.Fprintf(&b, "\nrefused: %v", err)
	}
	for _, e := range s.events {
		fmt.Fprintf(&b, "\nevent %s: %s", e.ID, e.Title())
	}
	for _, e := range s.transactions {
		fmt.Fprintf(&b, "\ntransaction %s: %s", e.ID, e.Transaction)
	}
	return b.String()
}
