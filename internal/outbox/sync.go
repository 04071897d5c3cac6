package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// syncDelay is how much a power cut may cost.
	syncDelay = time.Second
	// syncWait bounds how long anybody waits for a sync: a disk that hangs must not hang the program. A sync takes a few
	// milliseconds on a solid-state disk and some tens on a turning one. What isn't synced by then is soon after.
	syncWait = 50 * time.Millisecond
)

// A batch is one sync and those who wait for it.
type batch struct {
	due  bool
	done chan struct{}
	err  error // once done is closed
}

// syncSoon asks for a sync of what is dirty: after syncDelay, or at once. The mutex is held.
func (d *Disk) syncSoon(now bool) *batch {
	if d.next == nil {
		d.next = &batch{done: make(chan struct{})}
		d.timer = time.AfterFunc(syncDelay, d.syncDue)
	}
	b := d.next
	if now {
		b.due = true
		if !d.syncing {
			d.syncing = true
			go d.syncAll()
		}
	}
	return b
}

// syncDue is the timer's: it syncs in the timer's goroutine unless a sync is running, which then goes on with this one.
func (d *Disk) syncDue() {
	d.mu.Lock()
	run := d.next != nil && !d.syncing && !d.closed
	if d.next != nil {
		d.next.due = true
	}
	if run {
		d.syncing = true
	}
	d.mu.Unlock()
	if run {
		d.syncAll()
	}
}

// syncAll syncs batch after batch while one is due. One goroutine at most is in it, so a disk that hangs holds one.
// Nobody waits for the disk with the mutex held.
func (d *Disk) syncAll() {
	for {
		d.mu.Lock()
		b := d.next
		if b == nil || !b.due {
			d.syncing = false
			d.mu.Unlock()
			return
		}
		d.next = nil
		d.timer.Stop()
		if !d.closed {
			_ = d.check() // the next Put meets the same error
		}
		files, folders := d.takeDirty()
		d.mu.Unlock()

		for _, f := range files {
			if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) && b.err == nil {
				b.err = fmt.Errorf("outbox: sync: %w", err)
			}
		}
		for _, folder := range folders {
			err := d.sys.syncFolder(folder)
			if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) && b.err == nil {
				b.err = err // not that one above ours can't be opened
			}
		}
		if b.err != nil {
			d.mu.Lock()
			d.syncFailed(b.err)
			d.mu.Unlock()
		}
		close(b.done)
		d.log.say()
	}
}

// takeDirty returns the files that a sync has to sync, and the folders that have new names.
func (d *Disk) takeDirty() (files []file, folders []string) {
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
func (d *Disk) syncFailed(err error) {
	d.failed = err
	for p, s := range d.active {
		if s != nil {
			d.finish(p)
		}
	}
}

// wait waits for b, within syncWait.
func (b *batch) wait() {
	t := time.NewTimer(syncWait)
	defer t.Stop()
	select {
	case <-b.done:
	case <-t.C:
	}
}

// Sync implements [Store].
func (d *Disk) Sync() error {
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
