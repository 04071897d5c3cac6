package machine

import (
	"fmt"
	"maps"
	"time"
)

// An inquiry is the state of reading with one set of options. The Collector's mutex guards it and is held in all
// methods here.
type inquiry struct {
	Options
	probes []*probeState
	first  chan struct{} // closed with the first snapshot
	whole  chan struct{} // closed at the end of a reading: all probes have answered or timed out
	news   bool          // there are values to publish
	early  bool          // the last reading was published without its slow probes
}

type probeState struct {
	Probe
	busy    bool      // its goroutine is running
	late    bool      // it has timed out
	failed  bool      // the last answer was empty; values are from an earlier one
	askedAt time.Time // start of its last run
	values  map[string]Values
}

func newInquiry(opts Options) *inquiry {
	q := &inquiry{Options: opts, first: make(chan struct{}), whole: make(chan struct{})}
	for _, p := range opts.Probes {
		q.probes = append(q.probes, &probeState{Probe: p})
	}
	return q
}

// idle reports whether there are neither probes nor a Notice.
func (q *inquiry) idle() bool { return len(q.probes) == 0 && q.Notice == nil }

// complete releases those who wait for a complete reading.
func (q *inquiry) complete() {
	select {
	case <-q.whole:
	default:
		close(q.whole)
	}
}

// waiting returns the number of probes that may still answer, and times out the others.
func (q *inquiry) waiting(now time.Time) (n int) {
	for _, p := range q.probes {
		switch {
		case !p.busy || p.late:
		case now.Sub(p.askedAt) >= probeDeadline:
			p.late, q.news = true, true
		default:
			n++
		}
	}
	return n
}

// read starts a reading: it starts all probes that are due, concurrently. c.mu is held.
func (c *Collector) read(now time.Time) {
	q := c.inquiry
	q.news, q.early = true, false
	c.readAt = now
	if !c.tick.After(now) {
		c.tick = now.Add(refreshEvery)
	}
	for _, p := range q.probes {
		switch {
		case p.busy: // running since an earlier reading: don't wait for it
			p.late = true
		case p.values == nil || p.Every > 0 && now.Sub(p.askedAt) >= p.Every:
			p.busy, p.askedAt = true, now
			c.resident.Go(func() { c.ask(q, p) })
		}
	}
}

// ask runs a probe, survives its panic, and stores its answer.
func (c *Collector) ask(q *inquiry, p *probeState) {
	var values map[string]Values
	defer func() {
		if v := recover(); v != nil { // a Logger that hangs counts as a probe that hangs: it isn't called again
			q.Logger.Warn("sentryconfig: a probe of the system context panicked",
				"probe", p.Name, "panic", fmt.Sprint(v))
		}
		c.mu.Lock()
		p.busy, p.late, p.failed = false, false, values == nil && p.values != nil
		if values != nil {
			p.values = values
		}
		q.news = true
		c.mu.Unlock()
		c.resident.Kick()
	}()
	values = p.Read()
}

// publish builds a snapshot from the probes' values and triggers Notice. c.mu is held.
func (c *Collector) publish() {
	q := c.inquiry
	q.news = false
	s := make(map[string]Values, 10)
	stale := false
	for _, p := range q.probes {
		stale = stale || p.late || p.failed
		for name, values := range p.values {
			if s[name] == nil {
				s[name] = make(Values, len(values))
			}
			maps.Copy(s[name], values)
		}
	}
	noted := s[notedMemory]
	delete(s, notedMemory)
	system := Values{"collected_at": c.readAt.UTC().Format(time.RFC3339Nano)}
	if stale {
		system["stale"] = true
	}
	s["system"] = system
	if c.newest.Swap(&s) == nil {
		close(q.first)
	}
	if q.Notice == nil || c.closed {
		return
	}
	m := &Memory{}
	m.Total, _ = noted["total"].(uint64)
	m.Available, _ = noted["available"].(uint64)
	m.App, _ = s["app"]["app_memory"].(uint64)
	c.untold = m
	if !c.telling {
		c.telling = c.resident.Go(c.tell)
	}
}

// tell calls Notice until it has the newest figures. It may take long: Notice writes to a disk.
func (c *Collector) tell() {
	for {
		c.mu.Lock()
		m, notice := c.untold, c.inquiry.Notice
		c.untold, c.telling = nil, m != nil && notice != nil
		telling := c.telling
		c.mu.Unlock()
		if !telling {
			return
		}
		notice(*m)
	}
}
