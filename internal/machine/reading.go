package machine

import (
	"fmt"
	"maps"
	"time"
)

// An inquiry is what a Collector asks by one set of options. The Collector's mutex guards it: it is held in all methods
// here.
type inquiry struct {
	Options
	probes []*probeState
	first  chan struct{} // closed with the first snapshot
	whole  chan struct{} // closed with the end of a reading, when all probes have answered or had their time
	news   bool          // there is something to publish
	early  bool          // the last reading was published without its slow probes
}

type probeState struct {
	Probe
	busy    bool      // its goroutine runs
	late    bool      // that has taken too long
	failed  bool      // its last answer was none, and values are those of an earlier one
	askedAt time.Time // last
	values  map[string]Values
}

func newInquiry(opts Options) *inquiry {
	q := &inquiry{Options: opts, first: make(chan struct{}), whole: make(chan struct{})}
	for _, p := range opts.Probes {
		q.probes = append(q.probes, &probeState{Probe: p})
	}
	return q
}

// idle reports whether there is nothing to ask and nobody to tell.
func (q *inquiry) idle() bool { return len(q.probes) == 0 && q.Notice == nil }

// complete lets those go on who wait for a whole reading.
func (q *inquiry) complete() {
	select {
	case <-q.whole:
	default:
		close(q.whole)
	}
}

// waiting counts the probes that may still answer, and gives up those that have had their time.
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

// read begins a reading: it asks the probes that are due, side by side. c.mu is held.
func (c *Collector) read(now time.Time) {
	q := c.inquiry
	q.news, q.early = true, false
	c.readAt = now
	if !c.tick.After(now) {
		c.tick = now.Add(refreshEvery)
	}
	for _, p := range q.probes {
		switch {
		case p.busy: // since an earlier reading: this one doesn't wait for it
			p.late = true
		case p.values == nil || p.Every > 0 && now.Sub(p.askedAt) >= p.Every:
			p.busy, p.askedAt = true, now
			c.resident.Go(func() { c.ask(q, p) })
		}
	}
}

// ask runs a probe, whatever it does, and keeps its answer.
func (c *Collector) ask(q *inquiry, p *probeState) {
	var values map[string]Values
	defer func() {
		if v := recover(); v != nil { // a Logger that hangs is like a probe that hangs: there is never a second call
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

// publish makes a snapshot of what the probes have answered, and has Notice told. c.mu is held.
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

// tell calls Notice until it knows the newest figures. It may take its time: it writes to a disk.
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
