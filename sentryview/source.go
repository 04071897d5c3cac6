package sentryview

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
)

const (
	// maxRecords is how many events, and how many transactions, a page knows.
	maxRecords = 2000
	// maxBytes bounds what they take in memory.
	maxBytes = 64 << 20
	// decodedFactor is what an event takes, decoded and with its JSON, as a multiple of that JSON: an estimate for
	// events of this library, on the safe side.
	decodedFactor = 4
)

// A Source is what a page shows: what [Server] or [Outbox] returns. It may be used by many pages at once.
type Source interface {
	// version changes whenever read may return something else.
	version() string
	// read returns what there is now. It is called by one goroutine at a time.
	read() (*reading, error)
	// wait returns true once version is no longer seen, false when ctx is done or nothing will change any more.
	wait(ctx context.Context, seen string) bool
}

// A reading is what a source held at one time.
type reading struct {
	name         string    // of the source, for people
	events       []*record // errors, messages and feedback, oldest first
	transactions []*record // oldest first
	omitted      int       // older events and transactions that were left out
	outbox       *waiting  // of an Outbox
	server       *delivery // of a Server
}

// A record is an event, transaction or feedback with what is known of its delivery.
type record struct {
	sentrytest.Event
	arrived  time.Time // at the server, or when it was captured, if it waits
	waits    bool
	size     int    // bytes of its envelope
	project  string // the outbox's folder of its project
	problems string // why Sentry would refuse it; "" if it wouldn't
}

// Arrived, Waits, Size, Project and Problem are for templates.
func (r *record) Arrived() time.Time { return r.arrived }
func (r *record) Waits() bool        { return r.waits }
func (r *record) Size() int          { return r.size }
func (r *record) Project() string    { return r.project }
func (r *record) Problem() string    { return r.problems }

// at is when it happened.
func (r *record) at() time.Time {
	if r.Time.IsZero() {
		return r.arrived
	}
	return r.Time
}

// delivery is what a server can tell of clients.
type delivery struct {
	envelopes, duplicates int
	discarded             map[string]map[string]int // by reason and category
}

// A budget bounds what is kept.
type budget struct{ bytes int }

// take says whether there is room for an event of n bytes of JSON.
func (b *budget) take(n int) bool {
	if b.bytes -= n * decodedFactor; b.bytes < 0 {
		b.bytes = 0 // what is older is left out too: no gaps
		return false
	}
	return true
}

// newest keeps the newest of list, which is oldest first, as far as there is room, and returns how many it left out.
func (b *budget) newest(list []*record) (kept []*record, omitted int) {
	for i := len(list) - 1; i >= 0; i-- {
		if len(list)-i > maxRecords || !b.take(len(list[i].Raw)) {
			return slices.Clone(list[i+1:]), i + 1
		}
	}
	return list, 0
}

// Server shows what has arrived at s, live. It can still be looked at when s is closed.
func Server(s *sentrytest.Server) Source { return &serverSource{s} }

type serverSource struct{ s *sentrytest.Server }

func (src *serverSource) version() string { return fmt.Sprint(len(src.s.Envelopes())) }

func (src *serverSource) wait(ctx context.Context, seen string) bool {
	arrival := src.s.Arrivals()
	if src.version() != seen {
		return true
	}
	select {
	case <-arrival:
		return src.version() != seen // false: the server was closed
	case <-ctx.Done():
		return false
	}
}

func (src *serverSource) read() (*reading, error) {
	envelopes := src.s.Envelopes()
	carriers := make(map[string]*sentrytest.Envelope, len(envelopes))
	for i := range envelopes {
		id, _ := envelopes[i].Header["event_id"].(string)
		if _, again := carriers[id]; !again {
			carriers[id] = &envelopes[i]
		}
	}
	records := func(lists ...[]sentrytest.Event) (all []*record) {
		for _, list := range lists {
			for _, e := range list {
				r := &record{Event: e}
				if carrier := carriers[e.ID]; carrier != nil {
					r.arrived, r.size = carrier.Received, len(carrier.Raw)
				}
				all = append(all, r)
			}
		}
		return all
	}
	events := records(src.s.Events(), src.s.Feedback())
	slices.SortStableFunc(events, func(a, b *record) int { return a.arrived.Compare(b.arrived) })
	room := budget{maxBytes}
	r := &reading{name: "Test server " + hostOf(src.s.DSN())}
	var older int
	r.events, r.omitted = room.newest(events)
	r.transactions, older = room.newest(records(src.s.Transactions()))
	r.omitted += older
	r.server = &delivery{len(envelopes), src.s.Duplicates(), src.s.ClientReports()}
	return r, nil
}
