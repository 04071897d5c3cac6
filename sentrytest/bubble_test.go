package sentrytest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"
)

// bubbleClient is a client of a bubble's own: a connection belongs to the bubble that it was made in.
func bubbleClient() *http.Client { return &http.Client{Transport: &http.Transport{}} }

// send posts an envelope from inside a bubble, where t.Context of the outer test may not be used.
func send(t *testing.T, c *http.Client, s *Server, body string) int {
	r, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/api/1/envelope/", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header.Set("X-Sentry-Auth", "Sentry sentry_key="+s.key)
	response, err := c.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// bubbleEvent is an envelope as a client inside a bubble sends it, all its times by the bubble's clock.
func bubbleEvent(n int) string {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	id := fmt.Sprintf("%032x", n)
	return fmt.Sprintf(`{"event_id":%q,"sent_at":%q}`, id, now) + "\n" +
		item("event", fmt.Sprintf(`{"event_id":%q,"timestamp":%q,"message":"%d"}`, id, now, n))
}

// A connection that stays open would keep a goroutine of the client in the bubble: its clock would stand still and the
// bubble would never end.
func TestBubbleEnds(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	synctest.Test(t, func(t *testing.T) {
		c := bubbleClient()
		for n := range 3 {
			if status := send(t, c, s, bubbleEvent(n+1)); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		}
		time.Sleep(time.Hour)
		if got := len(s.WaitEvents(3, time.Second)); got != 3 {
			t.Errorf("%d events", got)
		}
	})
}

// What is right by the bubble's clock is right, and what is wrong by it is wrong.
func TestBubbleTimes(t *testing.T) {
	t.Parallel()
	at := func(age time.Duration) string { return time.Now().Add(-age).UTC().Format(time.RFC3339Nano) }
	transaction := func(age time.Duration, header string) string {
		return `{"event_id":"` + testID + `"` + header + "}\n" + item("transaction", fmt.Sprintf(
			`{"event_id":%q,"start_timestamp":%q,"timestamp":%q%s}`, testID, at(age+time.Second), at(age), trace))
	}
	event := func(age time.Duration, header string) string {
		return `{"event_id":"` + testID + `"` + header + "}\n" + item("event", fmt.Sprintf(
			`{"event_id":%q,"timestamp":%q}`, testID, at(age)))
	}
	real := `,"sent_at":"` + at(0) + `"`
	for _, test := range []struct {
		name     string
		body     func() string
		complain string
	}{
		{"event", func() string { return bubbleEvent(1) }, ""},
		{"event without sent_at", func() string { return event(0, "") }, ""},
		{"transaction", func() string { return transaction(0, `,"sent_at":"`+at(0)+`"`) }, ""},
		{"transaction without sent_at", func() string { return transaction(0, "") }, ""},
		{"transaction after a year", func() string {
			time.Sleep(365 * 24 * time.Hour)
			return transaction(time.Hour, `,"sent_at":"`+at(0)+`"`)
		}, ""},
		{"no time but sent_at", func() string {
			return `{"event_id":"` + testID + `","sent_at":"` + at(0) + "\"}\n" + item("event", `{}`)
		}, ""},
		{"feedback", func() string {
			return `{"event_id":"` + testID + `","sent_at":"` + at(0) + "\"}\n" + item("feedback", fmt.Sprintf(
				`{"timestamp":%q,"contexts":{"feedback":{"message":"m"}}}`, at(time.Minute)))
		}, ""},
		{"check-in", func() string {
			return `{"sent_at":"` + at(0) + "\"}\n" +
				item("check_in", `{"check_in_id":"`+testID+`","monitor_slug":"m","status":"ok"}`)
		}, ""},
		{"old event", func() string { return event(maxEventAge+time.Hour, `,"sent_at":"`+at(0)+`"`) }, "old"},
		{"event ahead", func() string { return event(-time.Hour, `,"sent_at":"`+at(0)+`"`) }, "ahead"},
		{"old transaction", func() string {
			return transaction(maxTransactionAge+time.Hour, `,"sent_at":"`+at(0)+`"`)
		}, "old"},
		{"sent by a client outside", func() string { return event(0, real) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			synctest.Test(t, func(t *testing.T) { send(t, bubbleClient(), s, test.body()) })
			refused := s.Refused()
			if (len(refused) > 0) != (test.complain != "") || !strings.Contains(fmt.Sprint(refused), test.complain) {
				t.Errorf("refused %v, want %q", refused, test.complain)
			}
		})
	}
}

// While somebody waits in a bubble, its clock goes on whenever the client waits for nothing but time.
func TestBubbleWait(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n < 3
	})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		go func() {
			c := bubbleClient()
			for backOff := time.Second; send(t, c, s, bubbleEvent(1)) != http.StatusOK; backOff *= 2 {
				time.Sleep(backOff)
			}
			time.Sleep(time.Hour)
			send(t, c, s, bubbleEvent(2))
		}()
		s.WaitEvents(1, time.Minute)
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("the first event after %v, want 7 s", took)
		}
		e := s.WaitEvent(func(e Event) bool { return e.Message == "2" }, 2*time.Hour)
		if took := time.Since(start); e.Message != "2" || took < time.Hour || took > 62*time.Minute {
			t.Errorf("event %q after %v, want an hour", e.Message, took)
		}
		if n := len(s.WaitItems("event", 2, 0)); n != 2 {
			t.Errorf("%d items", n)
		}
	})
}

// Too few events are a failure at the timeout, by the bubble's clock and so at once.
func TestBubbleWaitTooFew(t *testing.T) {
	t.Parallel()
	tb := &fakeTB{TB: t}
	s := NewServer(tb)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tb.run(func() {
			send(t, bubbleClient(), s, bubbleEvent(1))
			s.WaitEvents(2, 24*time.Hour)
			t.Error("the test went on")
		})
		if took := time.Since(start); took != 24*time.Hour {
			t.Errorf("after %v", took)
		}
	})
	if !strings.Contains(tb.fatal, "1 events after 24h0m0s, want 2") {
		t.Errorf("fatal: %s", tb.fatal)
	}
}

// The bubble's clock stands still while a request hangs. A wait ends nevertheless.
func TestBubbleWaitWhileARequestHangs(t *testing.T) {
	t.Parallel()
	tb := &fakeTB{TB: t}
	s := NewServer(tb)
	s.hangAfter = 10 * time.Millisecond
	s.Respond(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	})
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if response, err := bubbleClient().Post("http://"+s.address, "", strings.NewReader("{}")); err == nil {
				_ = response.Body.Close()
				t.Error("the request was answered")
			}
		}()
		tb.run(func() {
			s.WaitEvents(1, 10*time.Millisecond)
			t.Error("the test went on")
		})
		<-ended
	})
	if !strings.Contains(tb.fatal, "of a request that hangs") {
		t.Errorf("fatal: %s", tb.fatal)
	}
}

// A server can be closed in a bubble while requests are in progress, as when a machine goes offline.
func TestBubbleClose(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	inside := make(chan struct{}) // made outside
	s.Respond(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		close(inside)
		<-r.Context().Done()
		return true
	})
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if response, err := bubbleClient().Post("http://"+s.address, "", strings.NewReader("{}")); err == nil {
				_ = response.Body.Close()
				t.Error("the request was answered")
			}
		}()
		<-inside
		s.Close()
		<-ended
		if n := len(s.WaitEvents(0, time.Hour)); n != 0 {
			t.Errorf("%d events", n)
		}
		s.Close()
	})
}

// Many wait at once, inside and outside.
func TestBubbleWaitConcurrent(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	outside := make(chan int)
	go func() { outside <- len(s.WaitEvents(20, time.Minute)) }()
	synctest.Test(t, func(t *testing.T) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if n := len(s.WaitEvents(20, time.Minute)); n != 20 {
					t.Errorf("%d events", n)
				}
			})
		}
		for n := range 20 {
			all.Go(func() { send(t, bubbleClient(), s, bubbleEvent(n+1)) })
		}
		all.Wait()
	})
	if n := <-outside; n != 20 {
		t.Errorf("outside: %d events", n)
	}
}

// Each answer ends its connection, whoever gives it.
func TestAnswersEndTheirConnection(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 1
	})
	for _, body := range []string{eventItem(""), eventItem(""), "rubbish"} {
		c := dial(t, s)
		fmt.Fprintf(c, "POST /api/1/envelope/?sentry_key=%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
			s.key, len(body), body)
		answer, err := io.ReadAll(c) // which ends with the connection
		if err != nil || !strings.Contains(string(answer), "\r\nConnection: close\r\n") {
			t.Errorf("%v, answer %q", err, answer)
		}
	}
	s.Refused()
}

// A client of sentry-go's inside a bubble, with its background workers.
func TestBubbleRealClient(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	synctest.Test(t, func(t *testing.T) {
		c, err := sentry.NewClient(sentry.ClientOptions{
			Dsn: s.DSN(), Transport: sentry.NewHTTPTransport(), HTTPClient: bubbleClient(),
			EnableTracing: true, TracesSampleRate: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		hub := sentry.NewHub(c, sentry.NewScope())
		span := sentry.StartTransaction(sentry.SetHubOnContext(t.Context(), hub), "work")
		time.Sleep(time.Hour)
		span.Finish()
		hub.CaptureMessage("hello")
		hub.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "nightly", Status: sentry.CheckInStatusOK}, nil)
		if e := s.WaitEvent(nil, time.Minute); e.Time.Year() != 2000 {
			t.Errorf("time %v", e.Time)
		}
		if tx := s.WaitTransactions(1, time.Minute)[0]; tx.Duration() != time.Hour {
			t.Errorf("the transaction took %v", tx.Duration())
		}
		s.WaitItems("check_in", 1, time.Minute)
	})
	if refused := s.Refused(); len(refused) > 0 {
		t.Errorf("refused %v", refused)
	}
}
