package sentrytest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// WaitEvents waits until there are n errors and messages, or the time is up, or the server is closed, and returns what has
// arrived, which may be more. With a tb it fails the test at once if there are fewer, and says what did arrive; it must then
// be called from the test's own goroutine.
func (s *Server) WaitEvents(n int, timeout time.Duration) []Event {
	if s.tb != nil {
		s.tb.Helper()
	}
	return wait(s, "events", n, timeout, func() []Event { return s.events })
}

// WaitTransactions is like [Server.WaitEvents], for transactions.
func (s *Server) WaitTransactions(n int, timeout time.Duration) []Event {
	if s.tb != nil {
		s.tb.Helper()
	}
	return wait(s, "transactions", n, timeout, func() []Event { return s.transactions })
}

// WaitItems is like [Server.WaitEvents], for the items of a type, as of [Server.Items].
func (s *Server) WaitItems(itemType string, n int, timeout time.Duration) []Item {
	if s.tb != nil {
		s.tb.Helper()
	}
	return wait(s, fmt.Sprintf("items of type %q", itemType), n, timeout, func() []Item { return s.items[itemType] })
}

// A waiter is somebody who waits.
type waiter struct {
	enough func() bool   // called with s.mu held
	woken  chan struct{} // closed once enough is true, or the server is closed
}

// wait waits for list, which is called with s.mu held, to have n elements.
func wait[T any](s *Server, what string, n int, timeout time.Duration, list func() []T) []T {
	if s.tb != nil {
		s.tb.Helper()
	}
	w := &waiter{func() bool { return len(list()) >= n }, make(chan struct{})}
	s.mu.Lock()
	s.waiting[w] = struct{}{}
	s.wake()
	s.mu.Unlock()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.woken:
	case <-timer.C:
	}

	s.mu.Lock()
	delete(s.waiting, w)
	got, closed := slices.Clone(list()), s.closed
	s.mu.Unlock()
	if len(got) < n && s.tb != nil {
		after := fmt.Sprintf("after %v", timeout)
		if closed {
			after = "when the server was closed"
		}
		s.tb.Fatalf("sentrytest: %d %s %s, want %d\n%s", len(got), what, after, n, s.overview())
	}
	return got
}

// wake wakes, once, those who have what they wait for. s.mu is held. Others sleep on: a burst must not wake them for each
// envelope.
func (s *Server) wake() {
	for w := range s.waiting {
		if s.closed || w.enough() {
			close(w.woken)
			delete(s.waiting, w)
		}
	}
}

// overviewLines is how many lines an overview has for each kind of thing: enough to find the mistake.
const overviewLines = 20

// overview says what has arrived, for people.
func (s *Server) overview() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "arrived: %d requests, %d envelopes, %d events, %d transactions, %d duplicates, %d complaints",
		s.requests, len(s.envelopes), len(s.events), len(s.transactions), s.duplicates, len(s.refused))
	list(&b, s.refused, func(err error) string { return err.Error() })
	list(&b, s.events, func(e Event) string { return fmt.Sprintf("event %s: %s %q", e.ID, e.Title(), e.Fingerprint) })
	list(&b, s.transactions, func(e Event) string { return fmt.Sprintf("transaction %s: %s", e.ID, e.Title()) })
	for itemType, items := range s.items {
		if itemType != typeEvent && itemType != typeTransaction {
			fmt.Fprintf(&b, "\n\t%d items of type %q", len(items), itemType)
		}
	}
	for reason, categories := range s.discarded {
		fmt.Fprintf(&b, "\n\tdiscarded by the client, %s: %v", reason, categories)
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
