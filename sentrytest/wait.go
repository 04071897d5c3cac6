package sentrytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// WaitEvents waits until n errors and messages have arrived, the timeout is over or the server is closed. It returns
// what has arrived, which may be more. With a tb it fails the test at once if there are fewer than n, and says what did
// arrive. It must then be called from the test's own goroutine. See [Server] for waiting inside a bubble of
// testing/synctest.
func (s *Server) WaitEvents(n int, timeout time.Duration) []Event {
	if s.tb != nil {
		s.tb.Helper()
	}
	return waitFor(s, "events", n, timeout, func() []Event { return s.events })
}

// WaitTransactions is like [Server.WaitEvents], for transactions.
func (s *Server) WaitTransactions(n int, timeout time.Duration) []Event {
	if s.tb != nil {
		s.tb.Helper()
	}
	return waitFor(s, "transactions", n, timeout, func() []Event { return s.transactions })
}

// WaitItems is like [Server.WaitEvents], for the items of a type; see [Server.Items].
func (s *Server) WaitItems(itemType string, n int, timeout time.Duration) []Item {
	if s.tb != nil {
		s.tb.Helper()
	}
	what := fmt.Sprintf("items of type %q", itemType)
	return waitFor(s, what, n, timeout, func() []Item { return s.items[itemType] })
}

// WaitEvent waits for an error or message that match accepts and returns the first, in order of arrival. It may have
// arrived before the call. A nil match accepts any. If there is none when the timeout is over or the server is closed,
// WaitEvent fails the test at once and says what did arrive. It must then be called from the test's own goroutine.
// Without a tb it returns the zero Event instead.
//
// match runs in the caller's goroutine, once per event, and may call any method of s. If it panics, so does WaitEvent.
func (s *Server) WaitEvent(match func(Event) bool, timeout time.Duration) Event {
	if s.tb != nil {
		s.tb.Helper()
	}
	var found Event
	looked := 0
	ok := s.wait(timeout, func() bool {
		s.mu.Lock()
		arrived := s.events[looked:] // the elements never change, so reading them needs no lock
		s.mu.Unlock()
		for _, e := range arrived {
			looked++
			if match == nil || match(e) {
				found = e
				return true
			}
		}
		return false
	})
	if !ok && s.tb != nil {
		s.tb.Fatalf("sentrytest: none of %d events matches %s\n%s", looked, s.after(timeout), s.overview())
	}
	return found
}

// RequireNoEvents fails the test at once, naming the events, if an error or message has arrived. It doesn't wait: call
// it after a Flush of the client, from the test's own goroutine. Without a tb it panics instead.
func (s *Server) RequireNoEvents() {
	if s.tb != nil {
		s.tb.Helper()
	}
	n := len(s.Events())
	if n == 0 {
		return
	}
	problem := fmt.Sprintf("sentrytest: %d events, want none\n%s", n, s.overview())
	if s.tb == nil {
		panic(problem)
	}
	s.tb.Fatalf("%s", problem)
}

// waitFor waits until list, which it calls with s.mu held, has n elements.
func waitFor[T any](s *Server, what string, n int, timeout time.Duration, list func() []T) []T {
	if s.tb != nil {
		s.tb.Helper()
	}
	s.wait(timeout, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(list()) >= n
	})
	s.mu.Lock()
	got := slices.Clone(list())
	s.mu.Unlock()
	if len(got) < n && s.tb != nil {
		s.tb.Fatalf("sentrytest: %d %s %s, want %d\n%s", len(got), what, s.after(timeout), n, s.overview())
	}
	return got
}

// shortestPause is the first interval of polling, about the duration of a request.
const shortestPause = time.Millisecond

// wait calls done until it returns true, the timeout is over or the server is closed, and returns the last result of
// done.
//
// It polls because nothing else works inside a bubble. A channel made inside must not be used outside. A channel made
// outside stops the bubble's clock while anything inside waits for it, and with it the client's back-off. A sleep in a
// bubble ends once the client's requests are answered.
func (s *Server) wait(timeout time.Duration, done func() bool) bool {
	if done() {
		return true
	}
	start := time.Now()
	if bubbleTime(start) {
		w := new(bubbleWait)
		w.timeout = timeout
		defer w.ended.Store(true)
		select {
		case s.bubbleWaits <- w:
		case <-s.ended:
		}
	}
	for {
		closed := s.isClosed() // first: what arrived before Close counts
		if done() {
			return true
		}
		waited := time.Since(start)
		if closed || waited >= timeout {
			return false
		}
		time.Sleep(min(max(waited/100, shortestPause), timeout-waited)) // at most a hundredth too long
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// after says why a wait has failed.
func (s *Server) after(timeout time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.hung:
		return fmt.Sprintf("after %v of a request that hangs, while the clock of the bubble stood still", timeout)
	case s.closed:
		return "when the server was closed"
	}
	return fmt.Sprintf("after %v", timeout)
}

// A bubbleWait is a wait inside a bubble. Its timeout follows the bubble's clock, which stands still while a request is
// in progress. With a request that hangs, the wait would never end.
type bubbleWait struct {
	timeout time.Duration
	ended   atomic.Bool
}

const (
	// hangAfter is how long, beyond the timeout of a wait in a bubble and by the real clock, requests may be in
	// progress without one beginning or ending. A request takes milliseconds, on a busy machine a second.
	hangAfter = 5 * time.Second

	hangTick = 10 * time.Millisecond
)

// watchBubbles returns on Close, or when a request hangs and blocks a wait in a bubble.
func (s *Server) watchBubbles() {
	waits := make(map[*bubbleWait]time.Time) // and since when
	ticker := time.NewTicker(hangTick)
	ticker.Stop()
	defer ticker.Stop()
	// Requests begun and ended, and when that number last changed or none was in progress.
	requests, last := 0, time.Now()
	for {
		select {
		case <-s.closing:
			return
		case w := <-s.bubbleWaits:
			waits[w] = time.Now()
			ticker.Reset(hangTick)
		case <-ticker.C:
			s.mu.Lock()
			n, inProgress := s.requests+s.finished, s.requests > s.finished || len(s.hijacked) > 0
			s.mu.Unlock()
			if n != requests || !inProgress {
				requests, last = n, time.Now()
			}
			for w, since := range waits {
				switch idle := min(time.Since(since), time.Since(last)); {
				case w.ended.Load():
					delete(waits, w)
				case idle-s.hangAfter > w.timeout:
					s.mu.Lock()
					s.hung = true
					s.mu.Unlock()
					return
				}
			}
			if len(waits) == 0 {
				ticker.Stop()
			}
		}
	}
}

// overviewLines limits how many lines an overview has for each kind of thing: enough to find the mistake.
const overviewLines = 20

// overview describes what has arrived, for people.
func (s *Server) overview() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "arrived: %d requests, %d envelopes, %d events, %d transactions, %d duplicates, %d complaints",
		s.requests, len(s.envelopes), len(s.events), len(s.transactions), s.duplicates, len(s.refused))
	list(&b, s.refused, func(err error) string { return err.Error() })
	list(&b, s.events, Event.line)
	list(&b, s.feedback, Event.line)
	list(&b, s.transactions, Event.line)
	list(&b, s.checkIns, func(c CheckIn) string {
		return fmt.Sprintf("check-in %s of %s: %s", c.ID, c.MonitorSlug, c.Status)
	})
	for _, itemType := range slices.Sorted(maps.Keys(s.items)) {
		switch itemType {
		case typeEvent, typeFeedback, typeTransaction, typeCheckIn:
		default:
			fmt.Fprintf(&b, "\n\t%d items of type %q", len(s.items[itemType]), itemType)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(s.discarded)) {
		fmt.Fprintf(&b, "\n\tdiscarded by the client, %s: %v", reason, s.discarded[reason])
	}
	return b.String()
}

func list[T any](b *strings.Builder, things []T, line func(T) string) {
	for i, thing := range things {
		if i == overviewLines {
			fmt.Fprintf(b, "\n\t… and %d more", len(things)-i)
			return
		}
		b.WriteString("\n\t" + line(thing))
	}
}

// line describes e in one line. It leaves out tags that say where it happened instead of what.
func (e Event) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Type, e.ID, e.Title())
	if e.Type == typeTransaction {
		return b.String()
	}
	fmt.Fprintf(&b, " %q %s", e.Fingerprint, e.Level)
	for _, name := range slices.Sorted(maps.Keys(e.Tags)) {
		if name != "os_name" && name != "environment_detected" {
			fmt.Fprintf(&b, " %s=%q", name, e.Tags[name])
		}
	}
	return b.String()
}
