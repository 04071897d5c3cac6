package crumb

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
)

// A Ring keeps the newest crumbs of a task, until it is closed by whoever needs them. The zero Ring is closed. Its
// methods may be called from many goroutines at once, but for Open.
type Ring struct {
	open    atomic.Bool
	forgets atomic.Bool
	mu      sync.Mutex
	slots   []*slot
	most    int
	next    int // the oldest slot, once there are most
}

// A slot is a Crumb in a Ring. The crumb that takes its place uses its memory again.
type slot struct {
	sentry.Breadcrumb
	list []pair
}

// firstSlots is how many crumbs a Ring has room for at first: as many as a short task has.
const firstSlots = 8

// Open makes a new Ring take crumbs: the newest most, which is at least 1. With forgets, Close is rarely called.
func (r *Ring) Open(most int, forgets bool) {
	r.most = most
	r.open.Store(true)
	r.forgets.Store(forgets)
}

// Forgets reports whether r is more likely to forget the next crumb than to return it, so that it should be Listed.
// Until r is full that is a matter of Open: to make a map later, of a list, costs more than to make it at once.
func (r *Ring) Forgets() bool { return r.forgets.Load() }

// Add keeps a copy of c, with the time of the call if c has none, and reports whether it did: not once r is closed.
func (r *Ring) Add(c *Crumb) bool {
	if !r.open.Load() {
		return false
	}
	if c.Timestamp.IsZero() {
		c.Timestamp = time.Now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open.Load() {
		return false
	}
	var s *slot
	if len(r.slots) < r.most {
		s = r.grow()
	} else {
		s = r.slots[r.next]
		r.next = (r.next + 1) % r.most
	}
	s.Breadcrumb = c.Breadcrumb
	s.list = append(s.list[:0], c.few[:c.n]...)
	return true
}

// grow returns a new slot. r.mu is held.
func (r *Ring) grow() *slot {
	if r.slots == nil {
		r.slots = make([]*slot, 0, min(firstSlots, r.most))
	}
	s := new(slot)
	r.slots = append(r.slots, s)
	if len(r.slots) == r.most {
		r.forgets.Store(true)
	}
	return s
}

// Close makes r take no more, and calls use with each of its crumbs, oldest first, outside of r's lock.
func (r *Ring) Close(use func(*sentry.Breadcrumb)) {
	r.mu.Lock()
	slots := r.slots
	r.slots = nil
	r.open.Store(false)
	r.forgets.Store(false)
	r.mu.Unlock()
	for i := range slots {
		s := slots[(r.next+i)%len(slots)]
		if len(s.list) > 0 {
			s.Data = mapOf(s.list)
		}
		s.list = nil
		use(&s.Breadcrumb)
	}
}
