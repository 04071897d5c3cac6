package crumb

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
)

// A Ring keeps the newest breadcrumbs of a task, until it is closed by whoever needs them. The zero Ring is closed. Its
// methods may be called from many goroutines at once, but for Open.
type Ring struct {
	open    atomic.Bool
	forgets atomic.Bool
	mu      sync.Mutex
	slots   []slot
	most    int
	next    int // the oldest slot, once there are most
}

// A slot holds a breadcrumb. A Draft that takes its place uses its memory again.
type slot struct {
	crumb *sentry.Breadcrumb
	list  []pair // its data, unless that is empty
}

// firstSlots is how many breadcrumbs a Ring has room for at first: as many as a short task has.
const firstSlots = 8

// Open makes a new Ring take breadcrumbs: the newest most, which is at least 1. With forgets, Close is rarely called.
func (r *Ring) Open(most int, forgets bool) {
	r.most = most
	r.open.Store(true)
	r.forgets.Store(forgets)
}

// Forgets reports whether r is more likely to forget the next breadcrumb than to return it, so that it should be a
// Draft. Until r is full that is a matter of Open: to make a map later, of a list, costs more than to make it at once.
func (r *Ring) Forgets() bool { return r.forgets.Load() }

// Add keeps b, which nobody may change any more, with the time of the call if it has none, and reports whether it did:
// not once r is closed.
func (r *Ring) Add(b *sentry.Breadcrumb) bool {
	return r.add(b, func(s *slot) { s.crumb, s.list = b, s.list[:0] })
}

// AddDraft is Add for a copy of d.
func (r *Ring) AddDraft(d *Draft) bool {
	return r.add(&d.Breadcrumb, func(s *slot) {
		if s.crumb == nil {
			s.crumb = new(sentry.Breadcrumb)
		}
		*s.crumb, s.list = d.Breadcrumb, append(s.list[:0], d.few[:d.n]...)
	})
}

// add has put, which may not call anything, fill a slot for b.
func (r *Ring) add(b *sentry.Breadcrumb, put func(*slot)) bool {
	if !r.open.Load() {
		return false
	}
	if b.Timestamp.IsZero() {
		b.Timestamp = time.Now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open.Load() {
		return false
	}
	put(r.slot())
	return true
}

// slot returns the slot for the next breadcrumb. r.mu is held.
func (r *Ring) slot() *slot {
	if len(r.slots) == r.most {
		s := &r.slots[r.next]
		r.next = (r.next + 1) % r.most
		return s
	}
	if r.slots == nil {
		r.slots = make([]slot, 0, min(firstSlots, r.most))
	}
	r.slots = append(r.slots, slot{})
	if len(r.slots) == r.most {
		r.forgets.Store(true)
	}
	return &r.slots[len(r.slots)-1]
}

// Close makes r take no more, and calls use with each of its breadcrumbs, oldest first, outside of r's lock.
func (r *Ring) Close(use func(*sentry.Breadcrumb)) {
	r.mu.Lock()
	slots := r.slots
	r.slots = nil
	r.open.Store(false)
	r.forgets.Store(false)
	r.mu.Unlock()
	for i := range slots {
		s := &slots[(r.next+i)%len(slots)]
		if len(s.list) > 0 {
			s.crumb.Data = mapOf(s.list)
		}
		use(s.crumb)
	}
}
