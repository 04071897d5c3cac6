package outbox

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// An item is an entry that waits. Times are since the outbox was opened, by the monotonic clock that nobody can set.
type item struct {
	entry *Entry
	store Store
	note  store.TaskNote // to be ended once it is on disk or gone; nil: there is none, or somebody else ends it
	lane  lane
	seq   uint64        // place in the order of capture
	put   time.Duration // when it was captured; for the backlog, when it was adopted
	retry time.Duration // not before, while it is delayed
	since time.Duration // when it was taken, while it is in flight
	probe bool          // it finds out whether the server works again

	silent bool // it had no answer in time

	// What has failed so far. Failures are the answers that count against it.
	tries         uint8
	failures      uint8
	failedFirst   time.Duration // when the first of those came
	firstAccepted uint64        // envelopes the server had accepted when this one failed first, and last
	lastAccepted  uint64
}

// lane is where an item waits. The lanes differ in what goes first, and in whose limit the items count to.
type lane uint8

const (
	laneBacklog  lane = iota // left behind by earlier processes, in the main store
	laneLive                 // in the main store
	laneOverflow             // in memory, since the main store fails or isn't open yet
	laneCount
)

// never is a time that doesn't come.
const never = time.Duration(math.MaxInt64)

// A queue knows what waits, and in which order. It has no lock and does nothing but remember.
//
// An item is in one place at a time: in its lane, delayed, or in flight.
type queue struct {
	lanes   [laneCount][store.CategoryCount]fifo
	delayed []*item
	flying  []*item // being sent or moved: a handful

	seq   uint64 // of the last item
	count int    // all items
	bytes int64
}

// push appends a new item.
func (q *queue) push(it *item) {
	q.seq++
	it.seq = q.seq
	q.count++
	q.bytes += it.entry.Size
	q.fifo(it).insert(it)
}

// busy says whether something of a category is being sent, or waits to be sent again.
func (q *queue) busy(c Category) bool {
	is := func(it *item) bool { return it.entry.Category == c }
	return slices.ContainsFunc(q.flying, is) || slices.ContainsFunc(q.delayed, is)
}

func (q *queue) fifo(it *item) *fifo { return &q.lanes[it.lane][store.Index(it.entry.Category)] }

// first returns the first item in order of capture of a lane's categories that have no limit at now.
func (q *queue) first(l lane, until *wire.Limits, now time.Duration) *item {
	var first *item
	for c := range q.lanes[l] {
		if it := q.lanes[l][c].first(); it != nil && until[c] <= now && (first == nil || it.seq < first.seq) {
			first = it
		}
	}
	return first
}

// leastTried is like first, but prefers items that have failed less often, by steps of that many tries. It looks at
// every item, and is meant for the rare attempt while a server fails.
func (q *queue) leastTried(l lane, until *wire.Limits, now time.Duration, step uint8) *item {
	var first *item
	for c := range q.lanes[l] {
		if until[c] > now {
			continue
		}
		items := q.lanes[l][c].all()
		if Category(c) == CategoryMonitor {
			items = items[:min(len(items), 1)] // check-ins keep their order
		}
		for _, it := range items {
			if first == nil || it.rank(step) < first.rank(step) ||
				it.rank(step) == first.rank(step) && it.seq < first.seq {
				first = it
			}
		}
	}
	return first
}

// rank is how often it has failed, by steps of that many tries; 0 for one that hasn't.
func (it *item) rank(step uint8) uint8 { return (it.tries + step - 1) / step }

// fly takes it out of its lane.
func (q *queue) fly(it *item) {
	q.fifo(it).remove(it)
	q.flying = append(q.flying, it)
}

// overflow returns an item that waits in memory for lack of a disk, in order of capture but for those delayed.
func (q *queue) overflow() *item {
	if it := q.first(laneOverflow, &wire.Limits{}, never); it != nil {
		return it
	}
	for _, it := range q.delayed {
		if it.lane == laneOverflow {
			return it
		}
	}
	return nil
}

// hasten puts an item back into its lane if it is delayed.
func (q *queue) hasten(it *item) {
	if i := slices.Index(q.delayed, it); i >= 0 {
		q.delayed = slices.Delete(q.delayed, i, i+1)
		q.fifo(it).insert(it)
	}
}

// putBack puts an item in flight back to its place in its lane.
func (q *queue) putBack(it *item) {
	q.unfly(it)
	q.fifo(it).insert(it)
}

// replace puts an item that was in flight into its lane, with the entry of another store. Stores differ in what they
// count as its size.
func (q *queue) replace(it *item, e *Entry) {
	q.bytes += e.Size - it.entry.Size
	it.entry = e
	q.fifo(it).insert(it)
}

// delay puts an item in flight aside until it.retry.
func (q *queue) delay(it *item) {
	q.unfly(it)
	q.delayed = append(q.delayed, it)
}

// arrive forgets an item in flight.
func (q *queue) arrive(it *item) {
	q.unfly(it)
	q.forget(it)
}

func (q *queue) unfly(it *item) {
	if i := slices.Index(q.flying, it); i >= 0 {
		q.flying = slices.Delete(q.flying, i, i+1)
	}
}

func (q *queue) forget(it *item) {
	q.count--
	q.bytes -= it.entry.Size
}

// release puts delayed items whose time has come back into their lanes. Of those that were not answered in time, only
// so many are under way again at once.
func (q *queue) release(now time.Duration, silent int) {
	for _, it := range q.flying {
		if it.silent {
			silent--
		}
	}
	q.delayed = slices.DeleteFunc(q.delayed, func(it *item) bool {
		if it.retry > now || it.silent && silent <= 0 {
			return false
		}
		if it.silent {
			silent--
		}
		q.fifo(it).insert(it)
		return true
	})
}

// oldest returns the item that was captured first by the clock of the time, of those that wait in the lanes.
func (q *queue) oldest(lanes ...lane) *item {
	var oldest *item
	consider := func(it *item) {
		if it != nil && slices.Contains(lanes, it.lane) && (oldest == nil || it.entry.Time < oldest.entry.Time) {
			oldest = it
		}
	}
	for _, l := range lanes {
		for c := range q.lanes[l] {
			consider(q.lanes[l][c].first())
		}
	}
	for _, it := range q.delayed {
		consider(it)
	}
	return oldest
}

// remove forgets an item that waits, in a lane or delayed.
func (q *queue) remove(it *item) {
	if i := slices.Index(q.delayed, it); i >= 0 {
		q.delayed = slices.Delete(q.delayed, i, i+1)
	} else {
		q.fifo(it).remove(it)
	}
	q.forget(it)
}

// removeFunc forgets what waits and which selects, but for items in flight, and returns it.
func (q *queue) removeFunc(which func(*item) bool) (removed []*item) {
	take := func(it *item) bool {
		if !which(it) {
			return false
		}
		removed = append(removed, it)
		q.forget(it)
		return true
	}
	for l := range q.lanes {
		for c := range q.lanes[l] {
			if left := slices.DeleteFunc(q.lanes[l][c].all(), take); len(left) > 0 {
				q.lanes[l][c] = fifo{items: left}
			} else {
				q.lanes[l][c] = fifo{}
			}
		}
	}
	q.delayed = slices.DeleteFunc(q.delayed, take)
	return removed
}

// removeOld forgets the items at the front of each lane that old says are too old, and returns them.
func (q *queue) removeOld(old func(*item) bool) (removed []*item) {
	for l := range q.lanes {
		for c := range q.lanes[l] {
			for it := q.lanes[l][c].first(); it != nil && old(it); it = q.lanes[l][c].first() {
				q.remove(it)
				removed = append(removed, it)
			}
		}
	}
	return removed
}

// eachFirst calls f for the first item of each lane and category, and for each one delayed and in flight: among them is
// the first in order of capture, and the oldest.
func (q *queue) eachFirst(f func(*item)) {
	for l := range q.lanes {
		for c := range q.lanes[l] {
			if it := q.lanes[l][c].first(); it != nil {
				f(it)
			}
		}
	}
	for _, it := range q.delayed {
		f(it)
	}
	for _, it := range q.flying {
		f(it)
	}
}

// A fifo is a list of items sorted by seq, made to be appended to and taken from the front.
type fifo struct {
	items []*item
	head  int // items before it are taken
}

func (f *fifo) all() []*item { return f.items[f.head:] }

func (f *fifo) first() *item {
	if f.head == len(f.items) {
		return nil
	}
	return f.items[f.head]
}

func (f *fifo) find(seq uint64) int {
	return f.head + sort.Search(len(f.items)-f.head, func(i int) bool { return f.items[f.head+i].seq >= seq })
}

func (f *fifo) insert(it *item) {
	switch n := len(f.items); {
	case f.head == n || f.items[n-1].seq < it.seq:
		f.items = append(f.items, it)
	case f.head > 0 && it.seq < f.items[f.head].seq:
		f.head--
		f.items[f.head] = it
	default:
		f.items = slices.Insert(f.items, f.find(it.seq), it)
	}
}

// maxEmpty is how many places a fifo keeps for later when it is empty, and how many it may waste.
const maxEmpty = 1024

func (f *fifo) remove(it *item) {
	i := f.find(it.seq)
	if i == len(f.items) || f.items[i] != it {
		return
	}
	if i > f.head {
		f.items = slices.Delete(f.items, i, i+1)
		return
	}
	f.items[i] = nil
	f.head++
	switch n := len(f.items); {
	case f.head == n && cap(f.items) > maxEmpty:
		*f = fifo{}
	case f.head == n:
		f.items, f.head = f.items[:0], 0
	case f.head > maxEmpty && f.head > n/2:
		f.items, f.head = append([]*item(nil), f.items[f.head:]...), 0
	}
}
