package sentrytest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
)

func TestMain(m *testing.M) {
	for _, env := range os.Environ() { // sentry-go reads some of them
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "SENTRY_") {
			_ = os.Unsetenv(name)
		}
	}
	code := m.Run()
	client.CloseIdleConnections()
	if code == 0 {
		if stacks := leaked(time.Minute); stacks != "" {
			fmt.Fprintln(os.Stderr, "goroutines outlive the tests:\n"+stacks)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked waits for the goroutines of this package to end and returns the stacks of those that don't.
func leaked(timeout time.Duration) string {
	for deadline := time.Now().Add(timeout); ; runtime.Gosched() {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var stacks []string
		for i, g := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(g, "/sentrytest") {
				stacks = append(stacks, g)
			}
		}
		if len(stacks) == 0 || time.Now().After(deadline) {
			return strings.Join(stacks, "\n\n")
		}
	}
}

// fakeTB records what a test would be told.
type fakeTB struct {
	testing.TB
	mu       sync.Mutex
	cleanups []func()
	errors   []string
	logs     []string
	fatal    string
}

func (tb *fakeTB) Helper() {}

func (tb *fakeTB) Cleanup(f func()) { tb.cleanups = append(tb.cleanups, f) }

func (tb *fakeTB) Errorf(format string, args ...any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.errors = append(tb.errors, fmt.Sprintf(format, args...))
}

func (tb *fakeTB) Logf(format string, args ...any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.logs = append(tb.logs, fmt.Sprintf(format, args...))
}

func (tb *fakeTB) Fatalf(format string, args ...any) {
	tb.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run runs f as a test.
func (tb *fakeTB) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
	for _, cleanup := range tb.cleanups {
		cleanup()
	}
}

// What the client was told, and may have been tried on purpose, doesn't fail the test; what nobody noticed does.
func TestEndOfTest(t *testing.T) {
	t.Parallel()
	old := `"timestamp":"2024-01-02T03:04:05Z"`
	for _, test := range []struct {
		name, body   string
		ask          bool
		logs, errors int
	}{
		{"taken", eventItem(""), false, 0, 0},
		{"refused", "rubbish", false, 1, 0},
		{"refused and asked for", "rubbish", true, 0, 0},
		{"with a fault", eventItem(`,"tags":{"a b":"c"}`), false, 0, 1},
		{"with a fault and asked for", eventItem(`,"tags":{"a b":"c"}`), true, 0, 0},
		{"old", eventItem("," + old), false, 1, 0},
		{"sent long ago", envelope(`{"event_id":"`+testID+`","sent_at":"2024-01-02T03:04:05Z"}`, `{"type":"event"}`, `{}`), false, 1, 0},
		{"old and with a fault", eventItem("," + old + `,"tags":{"a b":"c"}`), false, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := &fakeTB{TB: t}
			tb.run(func() {
				s := NewServer(tb)
				post(t, s, test.body)
				if test.ask && len(s.Refused()) != 1 {
					t.Error("nothing was refused")
				}
			})
			if len(tb.errors) != test.errors || len(tb.logs) != test.logs {
				t.Errorf("errors %q, want %d; logs %q, want %d", tb.errors, test.errors, tb.logs, test.logs)
			}
		})
	}
}

func TestWaitTooFew(t *testing.T) {
	t.Parallel()
	tb := &fakeTB{TB: t}
	tb.run(func() {
		s := NewServer(tb)
		post(t, s, eventItem(`,"message":"the only one","fingerprint":["f"]`))
		post(t, s, "{}\n"+item("client_report", `{"discarded_events":[{"reason":"r","category":"c","quantity":2}]}`))
		s.WaitEvents(2, time.Millisecond)
		t.Error("the test went on")
	})
	for _, want := range []string{"1 events after 1ms, want 2", "the only one", `["f"]`, "2 requests", "client_report",
		"map[c:2]"} {
		if !strings.Contains(tb.fatal, want) {
			t.Errorf("%q doesn't say %q", tb.fatal, want)
		}
	}

	s := NewServer(nil)
	defer s.Close()
	post(t, s, eventItem(""))
	if n := len(s.WaitEvents(2, time.Millisecond)); n != 1 {
		t.Errorf("%d events without a tb", n)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	const n = 50
	var waiters sync.WaitGroup
	waiters.Go(func() {
		for i := range n {
			id := fmt.Sprintf("%032x", i+1)
			post(t, s, `{"event_id":"`+id+`"}`+"\n"+item("event",
				`{"event_id":"`+id+`","message":"`+fmt.Sprint(i)+`"}`))
		}
		post(t, s, transactionItem(times+trace))
		post(t, s, logItem(1, logEntry, logType))
	})
	for range 4 { // t.Fatalf isn't for them, but they don't fail
		waiters.Go(func() { s.WaitEvents(n/2, time.Minute) })
	}
	if logs := s.WaitItems("log", 1, time.Minute); len(logs) != 1 {
		t.Errorf("%d batches of logs", len(logs))
	}
	if n := len(s.WaitTransactions(1, 0)); n != 1 {
		t.Errorf("%d transactions", n)
	}
	waiters.Wait()
	for i, e := range s.WaitEvents(n, 0) {
		if e.Message != fmt.Sprint(i) {
			t.Fatalf("event %d is %q: not in the order of arrival", i, e.Message)
		}
	}
}

func TestWaitEndsWithClose(t *testing.T) {
	t.Parallel()
	s := NewServer(nil)
	waiting := make(chan int)
	go func() { waiting <- len(s.WaitEvents(1, time.Hour)) }()
	s.Close()
	if n := <-waiting; n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	for range 3 {
		if status, _ := post(t, s, eventItem("")); status != 200 {
			t.Errorf("status %d", status)
		}
	}
	if len(s.Events()) != 1 || s.Duplicates() != 2 || len(s.Envelopes()) != 3 || len(s.Items("event")) != 3 ||
		s.Requests() != 3 {
		t.Errorf("%d events, %d duplicates, %d envelopes, %d items, %d requests", len(s.Events()), s.Duplicates(),
			len(s.Envelopes()), len(s.Items("event")), s.Requests())
	}
}

func TestClientReports(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	for range 2 {
		post(t, s, "{}\n"+item("client_report", `{"timestamp":1,"discarded_events":[{"reason":"r","category":"error","quantity":2},{"reason":"r","category":"span","quantity":1}]}`))
	}
	if got := fmt.Sprint(s.ClientReports()); got != "map[r:map[error:4 span:2]]" {
		t.Errorf("client reports %s", got)
	}
}

func TestRespond(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	var numbers []int
	var bodies []string
	s.Respond(func(n int, w http.ResponseWriter, r *http.Request) bool {
		numbers = append(numbers, n)
		b, err := io.ReadAll(io.LimitReader(r.Body, int64(20*(n+1)))) // a part, then all of it
		if err != nil {
			t.Error(err)
		}
		bodies = append(bodies, string(b))
		if n == 0 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 0
	})
	body := eventItem("")
	for i, want := range []int{429, 200, 200} {
		if status, answer := post(t, s, body); status != want {
			t.Errorf("request %d: status %d, want %d: %s", i, status, want, answer)
		}
	}
	s.Respond(nil)
	post(t, s, body)
	if fmt.Sprint(numbers) != "[0 1 2]" || bodies[1] != body[:40] || len(s.Envelopes()) != 3 ||
		string(s.Envelopes()[1].Raw) != body {
		t.Errorf("numbers %v, bodies %q, %d envelopes", numbers, bodies, len(s.Envelopes()))
	}
	s.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(500 + n)
		return true
	})
	if status, _ := post(t, s, body); status != 500 {
		t.Errorf("status %d: the count doesn't start again with a new function", status)
	}
}

// A client that sends much, and only then listens, gets an early answer, too, and no reset.
func TestRespondWithoutReading(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	const size = 8 << 20
	c := dial(t, s)
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", response.StatusCode)
	}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRespondCutsConnection(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"abort": func(int, http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"hijack": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.Close()
			}
			return true
		},
		"hijack and false": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.Close()
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			s.Respond(f)
			if response, err := client.Do(request(t, s, strings.NewReader(eventItem("")))); err == nil {
				_ = response.Body.Close()
				t.Errorf("status %d", response.StatusCode)
			}
			if len(s.Envelopes()) != 0 {
				t.Error("it was taken")
			}
		})
	}
}

// Requests and answers may come in pieces, with all the time in the world between them.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	half, rest := make(chan struct{}), make(chan struct{})
	s.Respond(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if _, err := io.ReadFull(r.Body, make([]byte, 10)); err != nil {
			t.Error(err)
		}
		close(half)
		return false
	})
	body, sent := io.Pipe()
	go func() {
		_, _ = io.WriteString(sent, eventItem("")[:20])
		<-half
		_, _ = io.WriteString(sent, eventItem("")[20:])
		_ = sent.Close()
	}()
	if status, answer := do(t, request(t, s, body)); status != 200 || len(s.Events()) != 1 {
		t.Errorf("status %d, %d events: %s", status, len(s.Events()), answer)
	}

	s.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"id":`)
		_ = http.NewResponseController(w).Flush()
		<-rest
		_, _ = io.WriteString(w, `"1"}`)
		return true
	})
	response, err := client.Do(request(t, s, strings.NewReader(eventItem(""))))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	close(rest) // the client has the header while the server is still at the body
	if answer, err := io.ReadAll(response.Body); err != nil || string(answer) != `{"id":"1"}` {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestRespondPanics(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Respond(func(int, http.ResponseWriter, *http.Request) bool { panic("boom") })
	if response, err := client.Do(request(t, s, strings.NewReader(eventItem("")))); err == nil {
		_ = response.Body.Close()
		t.Errorf("status %d", response.StatusCode)
	}
	if refused := s.Refused(); len(refused) != 1 || !strings.Contains(refused[0].Error(), "boom") ||
		!strings.Contains(refused[0].Error(), "TestRespondPanics") {
		t.Errorf("refused %v", refused)
	}
}

// Close returns whatever the connections and the functions given to Respond are at.
func TestCloseWhileBusy(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	inside := make(chan struct{}, 1)
	for name, f := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"hangs until cancelled": func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			inside <- struct{}{}
			<-r.Context().Done()
			return false
		},
		"hangs in the answer": func(_ int, w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			inside <- struct{}{}
			<-r.Context().Done()
			return true
		},
		"hangs for ever": func(int, http.ResponseWriter, *http.Request) bool {
			inside <- struct{}{}
			<-release
			return true
		},
		"hijacks": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
				t.Error(err)
			}
			inside <- struct{}{}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewServer(t)
			s.Respond(f)
			answered := make(chan error)
			go func() {
				response, err := client.Do(request(t, s, strings.NewReader(eventItem(""))))
				if err == nil {
					_, err = io.ReadAll(response.Body)
					_ = response.Body.Close()
				}
				answered <- err
			}()
			<-inside
			s.Close() // returns, or the test hangs
			if err := <-answered; err == nil {
				t.Error("the client got an answer")
			}
			if len(s.Events()) != 0 {
				t.Error("the event was taken")
			}
			s.Close()
		})
	}
}

// A client that is slow with its request doesn't keep Close, and what it didn't finish isn't taken or complained about.
func TestCloseWhileReceiving(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	reading := make(chan struct{})
	s.Respond(func(int, http.ResponseWriter, *http.Request) bool { close(reading); return false })
	c := dial(t, s)
	fmt.Fprintf(c, "POST /api/1/envelope/?sentry_key=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{}\n", s.key)
	<-reading
	s.Close()
	if len(s.Envelopes()) != 0 {
		t.Error("half a request was taken")
	}
}

func TestCloseInRespond(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	closed := make(chan struct{})
	s.Respond(func(int, http.ResponseWriter, *http.Request) bool {
		s.Close()
		close(closed)
		return true
	})
	if response, err := client.Do(request(t, s, strings.NewReader(eventItem("")))); err == nil {
		_ = response.Body.Close()
	}
	<-closed
}

// Everything at once, for the race detector.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	const clients, each = 64, 20
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%016x%016x", i+1, c)
				post(t, s, `{"event_id":"`+id+`"}`+"\n"+item("event",
					`{"event_id":"`+id+`","fingerprint":["`+fmt.Sprint(i%5)+`"]}`))
				switch i % 10 {
				case 0:
					s.Respond(func(int, http.ResponseWriter, *http.Request) bool { return false })
				case 1:
					_, _, _, _ = s.Events(), s.Envelopes(), s.ClientReports(), s.Items("event")
				case 2:
					_, _ = s.Refused(), s.Issues()
				}
			}
		})
	}
	s.WaitEvents(clients*each, time.Minute)
	wg.Wait()
	if issues := s.Issues(); len(issues) != 5 {
		t.Errorf("%d issues, want 5", len(issues))
	}
}

// newHub makes a hub of sentry-go's that reports to s.
func newHub(t testing.TB, s *Server, change func(*sentry.ClientOptions)) *sentry.Hub {
	t.Helper()
	options := sentry.ClientOptions{
		Dsn: s.DSN(), Transport: sentry.NewHTTPSyncTransport(), HTTPClient: client,
		EnableTracing: true, TracesSampleRate: 1,
		Release: "sentrytest@1", Environment: "test", ServerName: "host",
	}
	if change != nil {
		change(&options)
	}
	c, err := sentry.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return sentry.NewHub(c, sentry.NewScope())
}

func TestRealClient(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sentry.ClientOptions){
		"HTTPSyncTransport": nil,
		"HTTPTransport":     func(o *sentry.ClientOptions) { o.Transport = sentry.NewHTTPTransport() },
		"default":           func(o *sentry.ClientOptions) { o.Transport = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			hub := newHub(t, s, change)
			ctx := sentry.SetHubOnContext(t.Context(), hub)
			start := time.Now().Round(0).Truncate(time.Microsecond)
			step := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

			hub.Scope().SetTag("kind", "test")
			hub.Scope().SetContext("task", sentry.Context{"index": 3, "name": "n"})
			hub.Scope().SetUser(sentry.User{ID: "u"})
			hub.AddBreadcrumb(&sentry.Breadcrumb{Message: "step", Category: "c", Level: sentry.LevelInfo,
				Timestamp: step}, nil)
			message := hub.CaptureMessage("hello")
			hub.Scope().AddAttachment(&sentry.Attachment{Filename: "a.bin", ContentType: "application/x",
				Payload: []byte("\x00\n\xff\n")})
			exception := hub.CaptureException(fmt.Errorf("outer: %w", errors.New("inner")))
			hub.Scope().ClearAttachments()
			transaction := sentry.StartTransaction(ctx, "work", sentry.WithOpName("task"))
			sentry.StartSpan(transaction.Context(), "step").Finish()
			transaction.Finish()
			hub.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "nightly", Status: sentry.CheckInStatusOK}, nil)
			sentry.NewLogger(ctx).Info().String("k", "v").Emit("a log")
			sentry.NewMeter(ctx).WithCtx(ctx).Count("jobs", 1)
			if !hub.Flush(time.Minute) {
				t.Error("Flush = false")
			}

			events := s.WaitEvents(2, time.Minute)
			byID := make(map[string]Event)
			for _, e := range events {
				byID[e.ID] = e
			}
			m, x := byID[string(*message)], byID[string(*exception)]
			if m.Message != "hello" || m.Level != "info" || m.Tag("kind") != "test" ||
				m.Contexts["task"]["index"] != 3.0 || m.User["id"] != "u" ||
				m.Release != "sentrytest@1" || m.Environment != "test" || m.ServerName != "host" ||
				m.Platform != "go" || len(m.Attachments) != 0 ||
				m.SDK["name"] != "sentry.go" || m.Header["event_id"] != m.ID || m.Time.Before(start) ||
				m.Time.After(time.Now()) {
				t.Errorf("message %s", m.Raw)
			}
			if got := m.Breadcrumbs; len(got) != 1 || got[0].Message != "step" || !got[0].Time.Equal(step) {
				t.Errorf("breadcrumbs %+v", m.Breadcrumbs)
			}
			outer := x.outermost()
			if len(x.Exceptions) != 2 || outer.Type != "*fmt.wrapError" || outer.Value != "outer: inner" ||
				len(outer.Frames) == 0 || outer.Mechanism == nil {
				t.Errorf("exception %s", x.Raw)
			}
			if top := outer.Frames[len(outer.Frames)-1]; !strings.HasPrefix(top.Function, "TestRealClient") ||
				top.Line == 0 || !top.InApp {
				t.Errorf("frame %+v", top)
			}
			if a := x.Attachments; len(a) != 1 || a[0].Filename != "a.bin" || a[0].ContentType != "application/x" ||
				!bytes.Equal(a[0].Data, []byte("\x00\n\xff\n")) {
				t.Errorf("attachments %+v", a)
			}
			tx := s.WaitTransactions(1, time.Minute)[0]
			if tx.Transaction != "work" || tx.Contexts["trace"]["op"] != "task" || len(tx.Spans) != 1 ||
				tx.Spans[0].Op != "step" ||
				tx.Spans[0].ParentSpanID != tx.Contexts["trace"]["span_id"] || tx.Duration() < 0 || tx.Start.IsZero() {
				t.Errorf("transaction %s", tx.Raw)
			}
			for kind, want := range map[string]string{"log": "a log", "trace_metric": "jobs", "check_in": "nightly"} {
				if items := s.WaitItems(kind, 1, time.Minute); !bytes.Contains(items[0].Payload, []byte(want)) {
					t.Errorf("%s: %s", kind, items[0].Payload)
				}
			}
			if n := len(s.Issues()); n != 2 {
				t.Errorf("%d issues", n)
			}
		})
	}
}

// sentry-go takes the server's limits for Sentry's, and reports what it dropped.
func TestRealClientLimited(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			w.Header().Set("X-Sentry-Rate-Limits", "60:error:org")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 0
	})
	hub := newHub(t, s, nil)
	ctx := sentry.SetHubOnContext(context.Background(), hub)
	hub.CaptureMessage("limits")
	hub.CaptureMessage("dropped")
	sentry.StartTransaction(ctx, "goes on").Finish()
	hub.Flush(time.Minute)
	s.WaitTransactions(1, time.Minute)
	if n := len(s.Events()); n != 0 {
		t.Errorf("%d events", n)
	}
	if n := s.Requests(); n < 2 {
		t.Errorf("%d requests", n)
	}
}
