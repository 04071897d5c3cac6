package disk

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

const (
	// minRewrite is the size from which on a segment is worth rewriting.
	minRewrite = 8 << 10
	// reclaimEvery is how long nothing is rewritten after all that could be was.
	reclaimEvery = 100 * time.Millisecond
)

// A move says where a record of a segment is since the segment was rewritten. Entries keep the offset at which the
// record was written first.
type move struct{ from, to int64 }

// at returns where the record is that was at off first.
func (s *segment) at(off int64) int64 {
	if s.moves == nil {
		return off
	}
	i := sort.Search(len(s.moves), func(i int) bool { return s.moves[i].from >= off })
	if i < len(s.moves) && s.moves[i].from == off {
		return s.moves[i].to
	}
	return -1 // it was done by then
}

// origin returns where the record was first that is at off now.
func (s *segment) origin(off int64) int64 {
	i := sort.Search(len(s.moves), func(i int) bool { return s.moves[i].to >= off })
	if i < len(s.moves) && s.moves[i].to == off {
		return s.moves[i].from
	}
	return off
}

// sparse says that more than half of s is done, so that rewriting it wins that back.
func (s *segment) sparse() bool {
	return s.waiting > 0 && len(s.unread) == 0 && s.size >= minRewrite && s.size > 2*s.bytes
}

// resize notes that a segment's file has another size. mu is held.
func (d *Store) resize(s *segment, size int64) {
	d.held += size - s.size
	s.size = size
}

// reclaim has sparse segments be rewritten in the background once all files together are larger than twice what waits
// and one segment: in calm operation, and while a backlog is sent, they are removed whole before. mu is held.
func (d *Store) reclaim() {
	if d.closed || d.rewriting != nil || d.held <= 2*d.waiting.bytes.Load()+d.segmentSize {
		return
	}
	if since := time.Since(d.reclaimed); since >= 0 && since < reclaimEvery {
		return
	}
	done := make(chan struct{})
	if d.resident.Go(func() { d.rewriteAll(done) }) {
		d.rewriting = done
	}
}

// rewriteAll rewrites sparse segments until there is no need. It closes done.
func (d *Store) rewriteAll(done chan struct{}) {
	defer close(done)
	for {
		d.mu.Lock()
		s := d.sparsest()
		if s == nil {
			d.rewriting, d.reclaimed = nil, time.Now()
			d.mu.Unlock()
			return
		}
		d.number++
		s.rewriting, s.failed = true, true
		path, size := d.path(fmt.Sprintf(".%06d.new", d.number)), s.size
		d.mu.Unlock()
		err := d.rewrite(s, size, path)
		d.mu.Lock()
		s.rewriting, s.failed, s.doneSince = false, err != nil, nil
		d.mu.Unlock()
	}
}

// sparsest returns the segment whose rewriting wins most; nil if there is no need of any. mu is held.
func (d *Store) sparsest() (most *segment) {
	if d.closed || d.held <= 2*d.waiting.bytes.Load()+d.segmentSize {
		return nil
	}
	for s := range d.segments {
		if s.sparse() && !s.failed && !slices.Contains(d.active[:], s) &&
			(most == nil || s.size-s.bytes > most.size-most.bytes) {
			most = s
		}
	}
	return most
}

// rewrite puts a copy of s with the records that wait in its place. Until the rename the old one counts, and from then
// on the new one, whenever the process dies.
func (d *Store) rewrite(s *segment, size int64, path string) error {
	from, err := d.sys.Open(s.path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := d.sys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	moves, end, err := d.copyWaiting(s, to, from, size)
	if err == nil {
		err = to.Sync() // before the rename: a name must not lead to less than it did
	}
	if err == nil {
		_ = from.Close() // Windows replaces no file that is open
		err = d.swap(s, to, path, moves, end)
	}
	if err != nil {
		_ = to.Close()
		_ = d.sys.Remove(path)
	}
	return err
}

// copyWaiting copies the records of a segment that wait, and returns where they are and where the copy ends.
func (d *Store) copyWaiting(s *segment, to, from File, size int64) (moves []move, end int64, err error) {
	var found []*store.Entry
	stretches, err := scan(from, size, func(e *store.Entry) { found = append(found, e) })
	if err != nil || len(stretches) > 0 {
		return nil, 0, fmt.Errorf("outbox: rewrite %s: %d stretches can't be read: %w", s.path, len(stretches), err)
	}
	if _, err := to.WriteAt(appendHeader(nil), 0); err != nil {
		return nil, 0, err
	}
	end = segmentHeader
	var buf []byte
	for _, e := range found {
		n := recordHead + e.Size
		buf = slices.Grow(buf[:0], int(n))[:n]
		if _, err := from.ReadAt(buf, e.Where.Offset); err != nil {
			return nil, 0, err
		}
		if _, err := to.WriteAt(buf, end); err != nil {
			return nil, 0, err
		}
		moves = append(moves, move{s.origin(e.Where.Offset), end})
		end += n
	}
	return moves, end, nil
}

// swap makes the copy the segment.
func (d *Store) swap(s *segment, to File, path string, moves []move, end int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || s.over() {
		return errClosed // nothing to win any more
	}
	after := segment{moves: moves}
	for _, off := range s.doneSince {
		if at := after.at(off); at >= 0 {
			if _, err := to.WriteAt([]byte{stateDone}, at+stateOffset); err != nil {
				return err
			}
		}
	}
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
		d.opened = slices.DeleteFunc(d.opened, func(o *segment) bool { return o == s })
	}
	if err := d.sys.Rename(path, s.path); err != nil {
		return err // the old one is opened again when it is read
	}
	d.resize(s, end)
	s.file, s.moves, s.dirty = to, moves, true
	d.keepOpen(s)
	d.newNames = true
	d.syncSoon(false)
	return nil
}
