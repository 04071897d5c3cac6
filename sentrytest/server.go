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

// project is the ID of the server's only project.
const project = "1"

// respondGrace is how long Close waits for the function given to Respond after cancelling its request. A function that
// ignores the cancellation is left behind.
const respondGrace = 250 * time.Millisecond

// A Server is a Sentry server on a loopback address, with one project. It records everything it receives, in memory.
// Its methods are safe for concurrent use, and may be called after Close. Events, check-ins and envelopes share their
// maps and bytes with the server: they must not be changed.
//
// With testing/synctest, make the server outside the bubble and the client inside. Each answer closes its connection,
// so that no goroutine of the client stays in the bubble. Events from the year 2000, where a bubble's clock starts, are
// judged by that clock. All methods may be called inside the bubble. Methods that wait use the bubble's clock, which
// runs once the client's requests are answered. If a request hangs until the timeout has also passed by the real clock,
// the server closes and the wait ends. A function given to Respond runs outside the bubble.
type Server struct {
	tb        testing.TB
	now       func() time.Time
	hangAfter time.Duration // a field, so that tests can shorten it
	key       string        // the project's public key
	address   string
	http      http.Server
	served    chan struct{} // closed when http no longer accepts connections

	closeOnce   sync.Once
	closing     chan struct{}    // closed by Close
	ended       chan struct{}    // closed when Close has nothing left to wait for
	taking      sync.WaitGroup   // requests that the server itself is handling
	bubbleWaits chan *bubbleWait // waits in bubbles that begin

	mu        sync.Mutex
	closed    bool
	hung      bool // closed because a request hung and blocked a wait in a bubble
	hijacked  map[net.Conn]struct{}
	respond   *responder
	answering int           // calls of respond in progress
	answered  chan struct{} // closed once the server is closed and answering is 0
	requests  int
	finished  int           // finished requests
	arrival   chan struct{} // closed at the next arrival, or when the server closes
	received
	refused []error
}

// received holds what has arrived.
type received struct {
	envelopes    []Envelope
	events       []Event
	transactions []Event
	feedback     []Event
	checkIns     []CheckIn
	items        map[string][]Item
	ids          map[string]struct{} // IDs of events, transactions and feedback
	duplicates   int
	discarded    map[string]map[string]int // from client reports
}

type responder struct {
	f func(n int, w http.ResponseWriter, r *http.Request) bool
	n int // requests so far
}

// NewServer starts a server. At the end of tb's test, it closes the server, and fails the test if Sentry would have
// silently changed or dropped a part of an event, unless the test has fetched that with [Server.Refused]. It only logs
// what the client was told: rejections and wrong times. With a nil tb the caller must Close the server. If no loopback
// address is available, NewServer fails the test, or panics if tb is nil.
func NewServer(tb testing.TB) *Server {
	if tb != nil {
		tb.Helper()
	}
	return newServer(tb, time.Now)
}

// newServer is NewServer with a clock for arrivals.
func newServer(tb testing.TB, now func() time.Time) *Server {
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
	s := &Server{
		tb: tb, now: now, hangAfter: hangAfter, key: newKey(), address: listener.Addr().String(),
		// Made outside any bubble, so that goroutines inside and outside can use them.
		served: make(chan struct{}), closing: make(chan struct{}), ended: make(chan struct{}),
		answered: make(chan struct{}), bubbleWaits: make(chan *bubbleWait), arrival: make(chan struct{}),
		hijacked: make(map[net.Conn]struct{}),
		received: received{
			items:     make(map[string][]Item),
			ids:       make(map[string]struct{}),
			discarded: make(map[string]map[string]int),
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.http.Handler = http.HandlerFunc(s.serve)
	s.http.ErrorLog = log.New(io.Discard, "", 0) // tests break connections on purpose
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	s.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	s.http.ConnState = s.connState
	s.http.SetKeepAlivesEnabled(false) // an open connection would keep a goroutine of the client in its bubble
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // returns ErrServerClosed
	}()
	go func() {
		defer close(s.ended)
		s.watchBubbles()
		s.shutDown(cancel)
	}()
	if tb != nil {
		tb.Cleanup(s.cleanUp)
	}
	return s
}

// cleanUp closes the server at the end of tb's test and fails the test for faults that it hasn't fetched.
func (s *Server) cleanUp() {
	s.tb.Helper()
	s.Close()
	for _, err := range s.Refused() {
		var told *refusal
		var late untimely
		if errors.As(err, &told) || errors.As(err, &late) {
			s.tb.Logf("sentrytest: %v", err)
			continue
		}
		s.tb.Errorf("sentrytest: %v", err)
	}
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

// newKey returns a random key, so that late events of another test's client are rejected.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// DSN returns the DSN of the server's project.
func (s *Server) DSN() string { return "http://" + s.key + "@" + s.address + "/" + project }

// Respond makes f answer requests. If f returns false, the server answers as usual. n numbers the requests from 0 since
// this call of Respond. Both f and the server can read the whole body. f runs in the request's goroutine, so it must be
// safe for concurrent use. It may write any answer, hijack the connection, cut it by panicking with
// [http.ErrAbortHandler], or block until r.Context() is done, which Close ensures. A nil f makes the server answer all
// requests.
func (s *Server) Respond(f func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = nil
	if f != nil {
		s.respond = &responder{f: f}
	}
}

// Close stops the server: it cancels the running requests, cuts all connections and waits for the server's goroutines.
// It waits only briefly for a function given to Respond. The methods that read what arrived keep working. A second
// Close does nothing.
func (s *Server) Close() {
	s.closeOnce.Do(func() { close(s.closing) })
	<-s.ended
}

// shutDown does the work of Close, in a goroutine outside any bubble, because one inside can't wait by the real clock.
// cancel cancels the requests' contexts.
func (s *Server) shutDown(cancel context.CancelFunc) {
	s.mu.Lock()
	s.closed = true
	close(s.arrival)
	if s.answering == 0 {
		close(s.answered)
	}
	hijacked := s.hijacked
	s.mu.Unlock()

	_ = s.http.Close() // from closing listener and connections; nothing can be done about it
	cancel()           // after closing, so that cancelled requests can't answer any more
	for c := range hijacked {
		_ = c.Close()
	}
	<-s.served
	s.taking.Wait()
	grace := time.NewTimer(respondGrace)
	defer grace.Stop()
	select {
	case <-s.answered:
	case <-grace.C:
	}
}

// connKey is the context key of a request's net.Conn.
type connKey struct{}

// connState tracks the connections that a function given to Respond has hijacked: http.Server no longer closes them.
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
	defer func() {
		s.mu.Lock()
		s.finished++
		s.mu.Unlock()
	}()

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
			panic(http.ErrAbortHandler) // the client closed the connection
		}
		drain(r, body)
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

// answer runs respond and reports whether it answered.
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
			err := fmt.Errorf("the function given to Respond panicked: %v\n%s", v, debug.Stack())
			s.refused = append(s.refused, err)
		}
		if s.answering--; s.answering == 0 && s.closed {
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
	if done && !hijacked {
		drain(r, body)
	}
	return done || hijacked
}

// drain reads the rest of a request. A client that is still sending when the connection closes may see a reset instead
// of the answer. A client that asks first ("Expect: 100-continue") sends nothing after an answer.
func drain(r *http.Request, body *replay) {
	if r.Header.Get("Expect") == "" {
		_, _ = io.Copy(io.Discard, body.from)
	}
}

// reply answers as Sentry does.
func (s *Server) reply(w http.ResponseWriter, id string, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		if id == "" {
			_, _ = io.WriteString(w, "{}")
			return
		}
		_, _ = io.WriteString(w, `{"id":"`+id+`"}`) // known to be hexadecimal
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

// A refusal is an error with the HTTP status of its answer.
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

// parse reads the request's content, at least as strictly as Sentry. event is nil if there is none.
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
		return e, nil, refuse(http.StatusUnauthorized,
			"no X-Sentry-Auth header with a sentry_key, nor a parameter sentry_key")
	}
	if err != nil {
		return e, nil, err
	}
	if hasDSN && dsn != s.DSN() {
		return e, nil, refuse(http.StatusForbidden, "envelope header: dsn %v, want %s", dsn, s.DSN())
	}
	e.Received = s.now()
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

// keep stores an accepted envelope.
func (s *Server) keep(e Envelope, event *Event) {
	var faults []error
	if event != nil {
		faults = event.faults(e.Received)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.announce()
	s.refused = append(s.refused, faults...)
	s.envelopes = append(s.envelopes, e)
	for _, item := range e.Items {
		s.items[item.Type] = append(s.items[item.Type], item)
		if item.checkIn != nil {
			s.checkIns = append(s.checkIns, *item.checkIn)
		}
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
		case event.Type == typeFeedback:
			s.feedback = append(s.feedback, *event)
		default:
			s.events = append(s.events, *event)
		}
	}
}

// announce wakes those who wait for an arrival. It must run outside any bubble, because the channel is outside. mu is
// held.
func (s *Server) announce() {
	if s.closed {
		return
	}
	close(s.arrival)
	s.arrival = make(chan struct{})
}

// Arrivals returns a channel that is closed when the next envelope arrives, or when the server closes; after Close it
// is already closed. To miss nothing, get the channel first and read what has arrived afterwards. Inside a bubble of
// testing/synctest use [Server.WaitEvents] and similar methods instead: the bubble's clock stops while something in it
// waits for a channel from outside.
func (s *Server) Arrivals() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrival
}

// Events returns the errors and messages, in order of arrival. As at Sentry, an event that arrived twice occurs once.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Transactions returns the transactions, in order of arrival, each once.
func (s *Server) Transactions() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transactions)
}

// Feedback returns users' feedback, in order of arrival, each once: events of Type "feedback" with the text in Message
// and the rest (contact_email, name, url, associated_event_id) in Contexts["feedback"]. [Server.Events] doesn't include
// them.
func (s *Server) Feedback() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.feedback)
}

// CheckIns returns the check-ins, in order of arrival, including repeated ones. Sentry shows check-ins with the same ID
// as one, with the newest status.
func (s *Server) CheckIns() []CheckIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.checkIns)
}

// Envelopes returns all accepted envelopes, in order of arrival, including repeated ones.
func (s *Server) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.envelopes)
}

// Items returns the items of a type, such as "log", "trace_metric", "check_in" or an unknown one, in order of arrival,
// including repeated ones.
func (s *Server) Items(itemType string) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items[itemType])
}

// ClientReports returns how much clients reported as discarded, in total, by reason and category:
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

// Duplicates returns how often an event or transaction arrived again.
func (s *Server) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates
}

// Requests returns the number of requests, including those that Respond's function answered.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refused returns what was wrong with the requests since the last call, in order of arrival: what the server rejected,
// and what it accepted although Sentry would have changed or dropped a part, such as a tag that is too long. Faults
// that the test never fetches fail it or are logged at its end; see [NewServer]. Answers of Respond's function don't
// count.
func (s *Server) Refused() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.refused
	s.refused = nil
	return refused
}
