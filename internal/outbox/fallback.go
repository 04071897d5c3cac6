package outbox

import (
	"fmt"
	"time"
)

// This file is about a disk that can't be used, from the start or later: what is captured goes to memory then, and moves
// to the disk when that works again.

// openDisk opens the store on disk, and reports whether there is one now.
func (o *Outbox) openDisk() bool {
	disk, err := o.cfg.OpenStore()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opening = false
	if err != nil {
		o.diskFails(err)
		return false
	}
	if o.closed {
		_ = disk.Close() // nothing is in it yet
		return false
	}
	o.disk = disk
	o.diskWorks()
	return true
}

// reopen tries again in the background. o.mu is held.
func (o *Outbox) reopen() {
	if o.closed {
		return
	}
	o.opening = true
	o.diskAgain = time.Now().Add(diskRetry)
	o.workers.Go(func() {
		if o.openDisk() {
			o.adopt()
		}
	})
}

// adopt takes over what dead processes left behind, and sees to it that this is done again.
func (o *Outbox) adopt() {
	o.mu.Lock()
	disk := o.disk
	closed := o.closed
	o.mu.Unlock()
	if disk == nil || closed {
		return
	}
	entries, err := disk.Adopt()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.cfg.Logger.Warn("sentryconfig: what earlier processes left in the outbox can't be read", "error", err)
	}
	for _, e := range entries {
		o.push(e)
	}
	if o.closed {
		return
	}
	o.adopting = time.AfterFunc(adoptEvery, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if !o.closed {
			o.workers.Go(o.adopt)
		}
	})
	o.kick()
}

// diskFails notes an error of the disk and says it once. o.mu is held.
func (o *Outbox) diskFails(err error) {
	if o.diskError == nil {
		o.cfg.Logger.Warn("sentryconfig: the outbox can't use its disk: events wait in memory, the disk is tried again", "error", err)
	}
	o.diskError = fmt.Errorf("outbox: events wait in memory: %w", err)
	o.diskAgain = time.Now().Add(diskRetry)
	if o.adopting == nil && !o.closed { // the first opening failed: nothing else would try again
		o.adopting = time.AfterFunc(adoptEvery, o.tryDisk)
	}
}

func (o *Outbox) tryDisk() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.adopting = nil
	if o.disk == nil && !o.opening {
		o.reopen()
	}
}

// diskWorks is the end of a failure. o.mu is held.
func (o *Outbox) diskWorks() {
	if o.diskError != nil {
		o.cfg.Logger.Info("sentryconfig: the outbox can use its disk again")
		o.diskError = nil
	}
	o.moveToDisk()
}

// moveToDisk moves what waits in memory. o.mu is held.
func (o *Outbox) moveToDisk() {
	if o.disk == nil || o.memory.Bytes() == 0 {
		return
	}
	o.each(func(e *Entry) {
		if _, flying := o.flying[e]; flying || e.where.memory == nil || o.diskError != nil {
			return
		}
		stored, err := o.disk.Put(e.record())
		if err != nil {
			o.diskFails(err)
			return
		}
		_ = o.memory.Done(e)
		e.where = stored.where
	})
}
