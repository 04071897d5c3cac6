package outbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// diskHealth is what is known of the store on disk.
type diskHealth struct {
	err        error // nil while it works
	adoptErr   error
	readErr    error
	failed     bool
	hangs      int           // how often in a row it hasn't answered
	busy       bool          // it is being opened, or what waits in memory is being moved to it
	again      time.Duration // when it may be tried again, and when it will be
	at         time.Duration
	fresh      bool // it has failed since the last turn, which sets these times
	adopting   bool
	adopted    bool   // once: what earlier processes left is known
	adoptedSeq uint64 // up to where it is
	looks      uint64 // how often it was looked for

	unread store.Unread
}

func (o *Outbox) overflowWaits() bool { return o.queue.overflow() != nil }

// usable says whether the main store is to be used. mu is held.
func (o *Outbox) usable() bool { return o.main != nil && !o.disk.failed }

// openDisk opens the store on disk and waits for that, but not for long: one that hangs is taken for one that fails. On
// a busy machine it waits for the processor, which is no fault of the disk's.
func (o *Outbox) openDisk() {
	opened := make(chan struct{})
	o.mu.Lock()
	o.disk.busy = true
	o.background(func() {
		o.restore()
		close(opened)
	})
	o.mu.Unlock()
	patience := time.NewTimer(o.timing.openWait)
	defer patience.Stop()
	for busy := 0; ; busy++ {
		select {
		case <-opened:
			return
		case <-patience.C:
		}
		if busy == maxBusy || o.cfg.mayHang() {
			break
		}
		patience.Reset(o.timing.openWait)
	}
	o.mu.Lock()
	if o.main == nil && !o.disk.failed {
		o.diskFails(errDiskHangs)
	}
	o.unlock()
}

// opening says whether the store on disk is still being opened: what lies there isn't known yet. mu is held.
func (o *Outbox) opening() bool { return o.main == nil && o.disk.busy }

// maxBusy bounds how often Open waits again for a disk that isn't what it waits for.
const maxBusy = 20

var errDiskHangs = errors.New("opening it takes long")

// diskFails records that the disk can't be used. mu is held.
func (o *Outbox) diskFails(err error) {
	o.disk.failed, o.disk.fresh = true, true
	o.disk.err = fmt.Errorf("outbox: %s can't be used, events wait in memory: %w", o.place(), err)
	o.warn("disk", "sentryconfig: the outbox can't be used: events wait in memory and move there when it works again; "+
		"make the folder writable for this user and the disk roomy enough",
		"path", o.place(), "error", err)
}

// diskWorks records that the disk is usable again. mu is held.
func (o *Outbox) diskWorks() {
	o.disk.failed, o.disk.err, o.disk.hangs = false, nil, 0
	o.resolved("disk", "sentryconfig: the outbox can be used again")
}

// In reports whether o keeps its records in dir.
func (o *Outbox) In(dir string) bool {
	ours, err := os.Stat(o.cfg.Dir)
	if o.cfg.Dir == "" || err != nil {
		return false
	}
	other, err := os.Stat(filepath.Clean(dir))
	return err == nil && os.SameFile(ours, other)
}

func (o *Outbox) place() string {
	if o.cfg.Dir == "" {
		return "the disk store"
	}
	return o.cfg.Dir
}

// dispatchDisk tries a disk that failed again, and moves what waits in memory to one that works. mu is held.
func (o *Outbox) dispatchDisk(now time.Duration) {
	if o.disk.fresh {
		o.disk.fresh = false
		retry := o.timing.diskRetry
		if errors.Is(o.disk.err, store.ErrHangs) { // a busy machine may look so; until it answers, asking costs nothing
			o.disk.hangs++
			retry = min(retry, doubled(o.timing.hangRetry, o.disk.hangs, o.timing.hangMax))
		}
		o.disk.again, o.disk.at = now+retry, now+o.timing.diskIdle
	}
	if o.cfg.OpenStore == nil || o.disk.busy {
		return
	}
	switch waits := o.overflowWaits(); {
	case !o.disk.failed && !waits:
		return
	case o.disk.failed && (now < o.disk.again || now < o.disk.at && !waits):
		return
	}
	o.disk.busy = true
	o.background(o.restore)
}

// restore opens the disk, if need be, and moves what waits in memory to it, in order of capture. When nothing waits,
// the disk is tried by itself.
func (o *Outbox) restore() {
	o.mu.Lock()
	main := o.main
	o.mu.Unlock()
	if main == nil {
		var err error
		if main, err = o.open(); err != nil {
			o.mu.Lock()
			o.disk.busy = false
			o.disk.adopted = true // there is nothing to wait for
			o.diskFails(err)
			o.unlock()
			o.resident.Kick()
			return
		}
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			_ = main.Close()
			return
		}
		o.main = main
		o.diskWorks()
		o.disk.adopted = false
		o.startAdoption()
		o.unlock()
	}
	for o.moveOne(main) {
	}
	o.mu.Lock()
	if o.disk.failed && !o.overflowWaits() {
		o.mu.Unlock()
		err := main.Probe()
		o.mu.Lock()
		if err != nil {
			o.diskFails(err)
		} else {
			o.diskWorks()
		}
	}
	o.disk.busy = false
	o.unlock()
	o.resident.Kick()
}

// open calls OpenStore, which must not bring the program down.
func (o *Outbox) open() (s Store, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("outbox: opening the store panicked: %v", v)
		}
	}()
	return o.cfg.OpenStore()
}

// moveOne moves the first that waits in memory to main, and reports whether there may be more to move.
func (o *Outbox) moveOne(main Store) bool {
	moved := o.move(main)
	o.mu.Lock()
	o.unlock()
	return moved
}

func (o *Outbox) move(main Store) bool {
	o.putMu.Lock()
	defer o.putMu.Unlock()
	o.mu.Lock()
	it := o.queue.overflow()
	if it == nil {
		o.mu.Unlock()
		return false
	}
	o.queue.hasten(it)
	o.queue.fly(it)
	it.since = o.now()
	note := it.note
	o.mu.Unlock()

	payload, err := it.store.Payload(it.entry, nil)
	var moved *Entry
	if err == nil {
		r := recordOf(it.entry, payload)
		r.Note = note
		if excess := main.Bytes() + int64(len(payload)) - o.cfg.MaxBytes; excess > 0 {
			o.mu.Lock()
			o.evict(main, excess)
			o.unlockQuietly()
		}
		moved, err = main.Put(r)
	}
	o.mu.Lock()
	defer o.unlockQuietly()
	if err != nil {
		o.queue.putBack(it)
		o.diskFails(err)
		return false
	}
	o.diskWorks()
	o.done = append(o.done, &item{entry: it.entry, store: it.store})
	o.queue.unfly(it)
	it.store, it.lane, it.note = main, laneLive, nil
	o.queue.replace(it, moved)
	if moved.PII && !o.cfg.PII { // since it was taken
		o.withhold()
	}
	return true
}

// recordOf is the record that became e.
func recordOf(e *Entry, payload []byte) *Record {
	r := &Record{
		Time: time.Unix(0, e.Time), Category: e.Category, Items: e.Items, Spans: e.Spans, PII: e.PII, Packed: e.Packed,
		Payload: payload,
	}
	if e.EventID != [16]byte{} {
		r.EventID = hex.EncodeToString(e.EventID[:])
	}
	return r
}

// adopt takes over what dead processes left behind, and sees to it that this is done again.
func (o *Outbox) adopt() {
	o.mu.Lock()
	main := o.main
	o.mu.Unlock()
	count := 0
	met, err := o.adoptFrom(main, func(entries []*store.Entry) {
		count += len(entries)
		o.backlog(main, entries)
	})
	o.mu.Lock()
	defer o.unlock()
	o.disk.unread = met.Unread
	if err == nil {
		err = met.Unread.Err
	}
	if err != nil {
		o.disk.adoptErr = fmt.Errorf("outbox: read what earlier processes left in %s: %w", o.place(), err)
		o.warn("adopt", "sentryconfig: what earlier processes left in the outbox can't be read: it is tried again",
			"path", o.place(), "error", err)
	} else {
		o.disk.adoptErr = nil
		o.resolved("adopt", "")
	}
	for range met.Damaged {
		o.lose(reasonDamaged, protocol.CategoryError, 1, 0)
	}
	if count > 0 {
		o.say(slog.LevelInfo, "sentryconfig: events of earlier processes are sent", "count", count)
	}
	o.disk.adopted, o.disk.adoptedSeq = true, o.queue.seq
	o.disk.adopting = false
	o.disk.looks++
	if o.closed {
		return
	}
	// Others may have died, or taken more room than there is: that of this process then makes place.
	o.evict(main, main.Bytes()-o.cfg.MaxBytes)
	o.adoptAt = o.now() + o.timing.adopt
	o.resident.Kick()
}

// backlog queues what was adopted. It begins to leave at once, while the rest is adopted.
func (o *Outbox) backlog(main Store, entries []*store.Entry) {
	o.mu.Lock()
	defer o.unlock()
	now := o.now()
	for _, e := range entries {
		it := &item{entry: e, store: main, lane: laneBacklog, put: now}
		switch {
		case e.PII && !o.cfg.PII:
			o.drop(it, reasonWithheld, false)
		case o.hopeless(e.Category, now):
			o.drop(it, reasonLimited, false)
		default:
			o.queue.push(it)
		}
	}
	o.expireAt = 0
	o.resident.Kick()
}

// startAdoption starts adopt, unless it runs. mu is held.
func (o *Outbox) startAdoption() {
	o.adoptAt = never
	if !o.disk.adopting && !o.closed {
		o.disk.adopting = true
		o.background(o.adopt)
	}
}

func (o *Outbox) adoptFrom(main Store, found func([]*store.Entry)) (met store.Adopted, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("outbox: adoption panicked: %v", v)
		}
	}()
	return main.Adopt(o.work, found)
}

// closeStores moves what waits in memory to the disk, if that is possible after all, and closes it.
func (o *Outbox) closeStores() {
	o.mu.Lock()
	main, waits := o.main, o.overflowWaits()
	o.mu.Unlock()
	if main == nil && waits {
		main, _ = o.open() // why it fails has been said
	}
	if o.cfg.OpenStore != nil && main != nil {
		for o.moveOne(main) {
		}
	}
	o.putMu.Lock()
	o.putMu.Unlock() //nolint:staticcheck // a Put that began before o.closed was set has its record in the store now
	o.mu.Lock()
	undone := o.undone
	o.undone = nil
	lost := 0
	for l := range o.queue.lanes {
		for c := range o.queue.lanes[l] {
			if lane(l) == laneOverflow || o.cfg.OpenStore == nil {
				lost += len(o.queue.lanes[l][c].all())
			}
		}
	}
	for _, it := range o.queue.delayed {
		if it.lane == laneOverflow || o.cfg.OpenStore == nil {
			lost++
		}
	}
	if lost > 0 {
		remedy := "Options.OutboxDir would have kept them"
		if o.cfg.OpenStore != nil {
			remedy = "the outbox on disk can't be used"
		}
		o.say(slog.LevelWarn, "sentryconfig: events that waited in memory are lost; "+remedy, "count", lost)
	}
	o.unlock()
	for _, it := range undone {
		_ = it.store.Done(it.entry) // the last chance; else it is sent again
	}
	if main != nil {
		if err := main.Close(); err != nil {
			o.say(slog.LevelWarn, "sentryconfig: the outbox can't be closed", "path", o.place(), "error", err)
			o.notes.Say()
		}
		main.Log()
	}
}
