package sentrytest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// message is an envelope with a message event.
func message(n int, text string) string {
	id := fmt.Sprintf("%032x", n)
	return `{"event_id":"` + id + `"}` + "\n" + item("event", fmt.Sprintf(`{"event_id":%q,"message":%q}`, id, text))
}

func TestWaitEvent(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	is := func(text string) func(Event) bool { return func(e Event) bool { return e.Message == text } }
	post(t, s, message(1, "a"))
	post(t, s, message(2, "b"))
	if e := s.WaitEvent(nil, 0); e.Message != "a" {
		t.Errorf("any event: %q", e.Message)
	}
	if e := s.WaitEvent(is("b"), 0); e.Message != "b" {
		t.Errorf("an event that had arrived: %q", e.Message)
	}
	if e := s.WaitEvent(func(e Event) bool { return e.Message != "" }, 0); e.Message != "a" {
		t.Errorf("several that match: %q isn't the first", e.Message)
	}

	var asked []string
	first := make(chan struct{})
	var later sync.WaitGroup
	later.Go(func() {
		<-first
		post(t, s, transactionItem(times+trace)) // is no event
		post(t, s, message(3, "c"))
		post(t, s, message(4, "d"))
	})
	e := s.WaitEvent(func(e Event) bool {
		if len(asked) == 0 {
			close(first)
		}
		asked = append(asked, e.Message)
		return e.Message == "d"
	}, time.Minute)
	later.Wait()
	if got := strings.Join(asked, ""); e.Message != "d" || got != "abcd" {
		t.Errorf("event %q after %q", e.Message, got)
	}
}

// match may use the server, and what it panics with is the caller's.
func TestWaitEventMatchPanics(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	post(t, s, message(1, "a"))
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("panic %v", v)
			}
		}()
		s.WaitEvent(func(Event) bool { panic("boom") }, time.Minute)
	}()
	post(t, s, message(2, "b"))
	second := func(e Event) bool { return len(s.Events()) == 2 && e.Message == "b" }
	if e := s.WaitEvent(second, time.Minute); e.Message != "b" {
		t.Errorf("event %q", e.Message)
	}
}

func TestWaitEventInVain(t *testing.T) {
	t.Parallel()
	never := func(Event) bool { return false }
	tb := &fakeTB{TB: t}
	tb.run(func() {
		s := NewServer(tb)
		post(t, s, eventItem(`,"exception":[{"type":"T","value":"v"}],"level":"warning",
			"tags":{"task_type":"backup","os_name":"Linux"}`))
		s.WaitEvent(never, time.Millisecond)
		t.Error("the test went on")
	})
	for _, want := range []string{"none of 1 events matches after 1ms", "T: v", "warning", `task_type="backup"`} {
		if !strings.Contains(tb.fatal, want) {
			t.Errorf("%q doesn't say %q", tb.fatal, want)
		}
	}
	if strings.Contains(tb.fatal, "Linux") {
		t.Errorf("%q says where", tb.fatal)
	}

	s := NewServer(nil)
	post(t, s, message(1, "a"))
	if e := s.WaitEvent(never, time.Millisecond); e.ID != "" {
		t.Errorf("without a tb: %+v", e)
	}
	waited := make(chan Event)
	go func() { waited <- s.WaitEvent(never, time.Hour) }()
	s.Close()
	if e := <-waited; e.ID != "" {
		t.Errorf("closed: %+v", e)
	}
}

func TestRequireNoEvents(t *testing.T) {
	t.Parallel()
	tb := &fakeTB{TB: t}
	tb.run(func() {
		s := newTestServer(tb)
		post(t, s, transactionItem(times+trace))
		post(t, s, checkIn(""))
		s.RequireNoEvents()
		post(t, s, message(1, "unexpected"))
		s.RequireNoEvents()
		t.Error("the test went on")
	})
	if !strings.Contains(tb.fatal, "1 events, want none") || !strings.Contains(tb.fatal, "unexpected") {
		t.Errorf("fatal: %s", tb.fatal)
	}

	s := NewServer(nil)
	defer s.Close()
	s.RequireNoEvents()
	post(t, s, message(1, "unexpected"))
	defer func() {
		if v := fmt.Sprint(recover()); !strings.Contains(v, "unexpected") {
			t.Errorf("without a tb: %s", v)
		}
	}()
	s.RequireNoEvents()
	t.Error("no panic without a tb")
}
