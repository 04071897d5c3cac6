package disk

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/internal/resident"
)

const (
	// syncDelay is how much a power cut may cost.
	syncDelay = time.Second
	// syncWait bounds how long anybody waits for a sync, unless Config.Patience is longer: a disk that hangs must not
	// hang the program. A sync takes a few milliseconds on a solid-state disk and some tens on a turning one. What
	// isn't synced by then is soon after.
	syncWait = 50 * time.Millisecond
)

// A batch is one sync and those who wait for it.
type batch struct {
	wanted bool
	due    bool          // at once
	at     time.Time     // when it is due by itself; zero until the resident has seen it
	done   chan struct{} // closed when it is done
	over   chan struct{} // closed by giveUp, when it is done or has taken long
	giveUp func()
	err    error // once done is closed
}

// newBatch is for the resident, and the goroutines that it has started.
func newBatch() *batch {
	b := &batch{done: make(chan struct{}), over: make(chan struct{})}
	b.giveUp = sync.OnceFunc(func() { close(b.over) })
	return b
}

// syncSoon asks for a sync of what is dirty: after syncDelay, or at once. The mutex is held.
func (d *Store) syncSoon(now bool) *batch {
	b := d.next
	if !b.wanted || now && !b.due {
		b.wanted, b.due = true, b.due || now
		d.resident.Kick()
	}
	return b
}

// turn is the resident's work: it starts a sync when one is due, unless one is running, which then goes on with this
// one.
func (d *Store) turn() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, now := d.next, time.Now()
	b.wanted = b.wanted || d.health.Load() != nil
	if !b.wanted {
		return resident.Never
	}
	if b.at.IsZero() {
		b.at = now.Add(syncDelay)
	}
	if left := b.at.Sub(now); !b.due && left > 0 {
		return left
	}
	if b.due && d.syncing { // those who wait for b wait for that as well
		b.limit(d.syncWait)
	}
	b.due = true
	if !d.syncing {
		d.syncing = d.resident.Go(d.syncAll)
	}
	return resident.Never
}

// syncAll syncs batch after batch while one is due. One goroutine at most is in it, so a disk that hangs holds one.
// Nobody waits for the disk with the mutex held.
func (d *Store) syncAll() {
	for {
		d.mu.Lock()
		b := d.next
		if !b.due {
			d.syncing = false
			d.mu.Unlock()
			d.resident.Kick() // it may be due later
			return
		}
		d.next = newBatch()
		if !d.closed {
			_ = d.check() // the next Put meets the same error
		}
		d.tellNow()
		d.tellHealth()
		d.reclaim()
		files, folders := d.takeDirty()
		d.mu.Unlock()

		patience := time.AfterFunc(d.syncWait, b.giveUp)
		b.err = d.sync(files, folders)
		if b.err != nil {
			d.mu.Lock()
			d.syncFailed(b.err)
			d.mu.Unlock()
		}
		close(b.done)
		b.giveUp()
		patience.Stop()
		d.log.Say()
	}
}

// sync syncs files, and folders with new names.
func (d *Store) sync(files []File, folders []string) (first error) {
	for _, f := range files {
		if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) && first == nil {
			first = fmt.Errorf("outbox: sync: %w", err)
		}
	}
	for _, folder := range folders {
		err := d.sys.SyncFolder(folder)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) && first == nil {
			first = err // not that one above ours can't be opened
		}
	}
	return first
}

// takeDirty returns the files that a sync has to sync, and the folders that have new names.
func (d *Store) takeDirty() (files []File, folders []string) {
	for s := range d.segments {
		if s.dirty && s.file != nil {
			files = append(files, s.file)
			s.dirty = false
		}
	}
	noted := d.noted.Swap(false) // before the sync: what is noted during it asks for another
	if f := d.journal.opened(); f != nil && (noted || d.newNames) {
		files = append(files, f)
	}
	if d.newNames {
		folders = append([]string{d.dir}, d.parents...)
	}
	d.newNames, d.parents = false, nil
	return files, folders
}

// syncFailed goes on in a new segment. After a failed sync the operating system takes the pages it couldn't write for
// clean: another sync would say that all is well. The next Put fails, which tells the queue.
func (d *Store) syncFailed(err error) {
	d.failed = err
	for p, s := range d.active {
		if s != nil {
			d.finish(p)
		}
	}
}

// limit bounds the wait for b. It is for the goroutines that the store has started.
func (b *batch) limit(wait time.Duration) { time.AfterFunc(wait, b.giveUp) }

// wait waits for b, as long as limit allows.
func (b *batch) wait() { <-b.over }

// Sync implements [store.Store].
func (d *Store) Sync() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	b := d.syncSoon(true)
	d.mu.Unlock()
	<-b.done
	return b.err
}
