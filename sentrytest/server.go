package sentrytest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// project is the ID of the only project a server has.
const project = "1"

// respondGrace is how long Close waits for the function given to Respond once its request is cancelled. One that takes no
// notice of the cancellation is left behind.
const respondGrace = 250 * time.Millisecond

// A Server is a Sentry server on a loopback address, with one project. It keeps all it gets, in memory, until it is garbage.
// Its methods may be called from many goroutines at once, and after Close. Events and envelopes share their maps and bytes
// with the server: they must not be changed.
type Server struct {
	tb      testing.TB
	key     string // the project's public key
	address string
	http    http.Server
	stop    context.CancelFunc // cancels the requests' contexts
	served  chan struct{}      // closed when http has stopped accepting
	closing sync.Once
	taking  sync.WaitGroup // requests that the server itself is at work on

	mu        sync.Mutex
	closed    bool
	hijacked  map[net.Conn]struct{}
	respond   *responder
	answering int           // calls of respond in progress
	answered  chan struct{} // set by Close: closed when answering gets to 0
	requests  int
	received
	refused []error
	waiting map[*waiter]struct{}
}

// received is what has arrived.
type received struct {
	envelopes    []Envelope
	events       []Event
	transactions []Event
	items        map[string][]Item
	ids          map[string]struct{} // of events and transactions
	duplicates   int
	discarded    map[string]map[string]int // by client reports
}

type responder struct {
	f func(n int, w http.ResponseWriter, r *http.Request) bool
	n int // requests so far
}

// NewServer starts a server. When tb's test ends, the server is closed, and the test fails for what nobody has noticed: a
// part of an event that Sentry would have changed or dropped without a word, unless the test asked for it with
// [Server.Refused]. What the client was told, a refusal, and times that are off are only logged. With a nil tb the caller
// closes the server. If no loopback address can be had, NewServer fails the test, or panics if tb is nil.
func NewServer(tb testing.TB) *Server {
	if tb != nil {
		tb.Helper()
	}
	listener, err := listen()
	if err != nil {
		if tb != nil {
			tb.Fatalf("sentrytest: %v", err)
		}
		panic(fmt.Sprintf("sentrytest: %v", err))
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		tb:       tb,
		key:      newKey(),
		address:  listener.Addr().String(),
		stop:     stop,
		served:   make(chan struct{}),
		hijacked: make(map[net.Conn]struct{}),
		waiting:  make(map[*waiter]struct{}),
		received: received{
			items:     make(map[string][]Item),
			ids:       make(map[string]struct{}),
			discarded: make(map[string]map[string]int),
		},
	}
	s.http.Handler = http.HandlerFunc(s.serve)
	s.http.ErrorLog = log.New(io.Discard, "", 0) // of broken connections, which tests bring about on purpose
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.http.ConnState = s.connState
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // ends with ErrServerClosed
	}()
	if tb != nil {
		tb.Cleanup(func() {
			s.Close()
			for _, err := range s.Refused() {
				var told *refusal
				var late untimely
				if errors.As(err, &told) || errors.As(err, &late) {
					tb.Logf("sentrytest: %v", err)
					continue
				}
				tb.Errorf("sentrytest: %v", err)
			}
		})
	}
	return s
}

func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if v6, err := net.Listen("tcp6", "[::1]:0"); err == nil {
			return v6, nil
		}
	}
	return listener, err
}

// newKey makes a key of the server's own, so that what a client of another test sends too late isn't taken for this one's.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// DSN returns the DSN of the server's project.
func (s *Server) DSN() string { return "http://" + s.key + "@" + s.address + "/" + project }

// Respond lets f answer requests: the server answers itself those for which f returns false. n numbers the requests from 0,
// counted since this call of Respond. Both f and the server can read the whole body. f is called in the request's
// goroutine, for several requests at once if they come so; it may write any answer, hijack the connection, panic with
// [http.ErrAbortHandler] to cut it, or hang until r.Context() is done, which Close sees to. A nil f leaves all answers to the
// server.
func (s *Server) Respond(f func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = nil
	if f != nil {
		s.respond = &responder{f: f}
	}
}

// Close stops the server: it cancels the requests in progress, cuts all connections and waits for the server's goroutines,
// but no longer than a moment for a function given to Respond. What has arrived can still be read. A second Close does
// nothing.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		answered := make(chan struct{})
		if s.answering == 0 {
			close(answered)
		} else {
			s.answered = answered
		}
		hijacked := s.hijacked
		s.wake()
		s.mu.Unlock()

		_ = s.http.Close() // of the listener and the connections; nothing to do about an error
		s.stop()           // after it, lest what is cancelled still gets to answer
		for c := range hijacked {
			_ = c.Close()
		}
		<-s.served
		s.taking.Wait()
		grace := time.NewTimer(respondGrace)
		defer grace.Stop()
		select {
		case <-answered:
		case <-grace.C:
		}
	})
}

// connKey is the key of a request's net.Conn in its context.
type connKey struct{}

// connState keeps the connections that a function given to Respond has taken over: the http.Server no longer closes them.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	s.hijacked[c] = struct{}{}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	n, respond := 0, s.respond
	if respond != nil {
		n = respond.n
		respond.n++
	}
	s.mu.Unlock()

	body := &replay{from: r.Body}
	r.Body = body
	if respond != nil && s.answer(respond, n, w, r, body) {
		return
	}

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.taking.Add(1)
	s.mu.Unlock()
	defer s.taking.Done()

	wire, err := body.all(r.ContentLength)
	if err != nil {
		if !errors.Is(err, errTooLarge) {
			panic(http.ErrAbortHandler) // the client broke off
		}
		s.reply(w, "", err)
		return
	}
	e, event, err := s.parse(r, wire)
	if err == nil {
		s.keep(e, event)
	}
	id, _ := e.Header["event_id"].(string)
	s.reply(w, id, err)
}

// answer lets respond answer and returns whether it did.
func (s *Server) answer(respond *responder, n int, w http.ResponseWriter, r *http.Request, body *replay) (done bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.answering++
	s.mu.Unlock()
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	defer func() {
		v := recover()
		s.mu.Lock()
		if err, ok := v.(error); v != nil && (!ok || !errors.Is(err, http.ErrAbortHandler)) && !s.closed {
			s.refused = append(s.refused, fmt.Errorf("the function given to Respond panicked: %v\n%s", v, debug.Stack()))
		}
		if s.answering--; s.answering == 0 && s.answered != nil {
			close(s.answered)
		}
		s.mu.Unlock()
		if v != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	done = respond.f(n, w, r)
	s.mu.Lock()
	_, hijacked := s.hijacked[conn]
	s.mu.Unlock()
	switch {
	case hijacked:
		return true
	case done && r.Header.Get("Expect") == "":
		// A client that is still sending when the connection closes may see a reset instead of the answer.
		_, _ = io.Copy(io.Discard, body.from)
	}
	return done
}

// reply answers as Sentry does.
func (s *Server) reply(w http.ResponseWriter, id string, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		if id == "" {
			_, _ = io.WriteString(w, "{}")
			return
		}
		_, _ = io.WriteString(w, `{"id":"`+id+`"}`) // checked to be hexadecimal
		return
	}
	s.mu.Lock()
	s.refused = append(s.refused, err)
	s.mu.Unlock()
	status := http.StatusBadRequest
	if refusal := (*refusal)(nil); errors.As(err, &refusal) {
		status = refusal.status
	}
	detail, jsonErr := json.Marshal(map[string]string{"detail": err.Error()})
	if jsonErr != nil {
		detail = []byte("{}")
	}
	w.Header().Set("X-Sentry-Error", strings.Map(headerRune, err.Error()))
	w.WriteHeader(status)
	_, _ = w.Write(detail)
}

func headerRune(r rune) rune {
	if r < ' ' || r > '~' {
		return ' '
	}
	return r
}

// A refusal is an error with the status it is answered with.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string {
	return "refused with " + strconv.Itoa(r.status) + ": " + r.err.Error()
}

func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Errorf(format, args...)}
}

// parse reads what the request carries, as strictly as Sentry or stricter. event is nil if there is none.
func (s *Server) parse(r *http.Request, wire []byte) (e Envelope, event *Event, err error) {
	if r.Method != http.MethodPost {
		return e, nil, refuse(http.StatusMethodNotAllowed, "method %s, want POST", r.Method)
	}
	if path := "/api/" + project + "/envelope/"; r.URL.Path != path && r.URL.Path+"/" != path {
		return e, nil, refuse(http.StatusNotFound, "path %s, want %s", r.URL.Path, path)
	}
	key := authKey(r)
	if key != "" && key != s.key {
		return e, nil, refuse(http.StatusForbidden, "key %.100q, want %q", key, s.key)
	}
	body, err := unpack(r.Header.Get("Content-Encoding"), wire)
	if err != nil {
		return e, nil, err
	}
	e, err = parseEnvelope(body)
	dsn, hasDSN := e.Header["dsn"]
	if key == "" && !hasDSN {
		return e, nil, refuse(http.StatusUnauthorized, "no X-Sentry-Auth header with a sentry_key, nor a parameter sentry_key")
	}
	if err != nil {
		return e, nil, err
	}
	if hasDSN && dsn != s.DSN() {
		return e, nil, refuse(http.StatusForbidden, "envelope header: dsn %v, want %s", dsn, s.DSN())
	}
	e.Received = time.Now()
	e.wireBytes = len(wire)
	event, err = readItems(&e)
	return e, event, err
}

// authKey returns the request's public key, "" if it has none.
func authKey(r *http.Request) string {
	scheme, fields, _ := strings.Cut(r.Header.Get("X-Sentry-Auth"), " ")
	if strings.EqualFold(scheme, "Sentry") {
		for field := range strings.SplitSeq(fields, ",") {
			if name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name == "sentry_key" {
				return value
			}
		}
	}
	return r.URL.Query().Get("sentry_key")
}

// keep stores an envelope that was taken.
func (s *Server) keep(e Envelope, event *Event) {
	var faults []error
	if event != nil {
		faults = event.faults(e.Received)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, faults...)
	s.envelopes = append(s.envelopes, e)
	for _, item := range e.Items {
		s.items[item.Type] = append(s.items[item.Type], item)
		for _, d := range item.discarded {
			categories := s.discarded[d.Reason]
			if categories == nil {
				categories = make(map[string]int)
				s.discarded[d.Reason] = categories
			}
			categories[d.Category] += d.Quantity
		}
	}
	if event != nil {
		_, again := s.ids[event.ID]
		s.ids[event.ID] = struct{}{}
		switch {
		case again:
			s.duplicates++
		case event.Type == typeTransaction:
			s.transactions = append(s.transactions, *event)
		default:
			s.events = append(s.events, *event)
		}
	}
	s.wake()
}

// Events returns the errors and messages, in the order of arrival. An event that arrived twice is there once, as at Sentry.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Transactions returns the transactions, in the order of arrival, each once.
func (s *Server) Transactions() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transactions)
}

// Envelopes returns all envelopes that the server took, in the order of arrival; repeated ones as often as they arrived.
func (s *Server) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.envelopes)
}

// Items returns the items of a type, such as "log", "trace_metric", "check_in" or one that the server doesn't know, in the
// order of arrival; repeated ones as often as they arrived.
func (s *Server) Items(itemType string) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items[itemType])
}

// ClientReports returns how much clients said they had to discard, in all, by reason and category:
// ClientReports()["queue_overflow"]["error"].
func (s *Server) ClientReports() map[string]map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	reports := make(map[string]map[string]int, len(s.discarded))
	for reason, categories := range s.discarded {
		reports[reason] = make(map[string]int, len(categories))
		for category, n := range categories {
			reports[reason][category] = n
		}
	}
	return reports
}

// Duplicates returns how often an event or transaction arrived that had arrived before.
func (s *Server) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates
}

// Requests returns how many requests there were, those that Respond's function answered included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refused returns, and forgets, what was wrong with the requests since the last call, in the order of arrival: what the
// server refused, and what it took although Sentry would have changed or dropped a part of it, such as a tag that is too
// long. What is never asked for comes up at the test's end, see [NewServer]. Answers of Respond's function are no refusals.
func (s *Server) Refused() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.refused
	s.refused = nil
	return refused
}
