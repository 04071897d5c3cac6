package disk

import (
	"encoding/json"
	"io"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// A process says in its journal what it has lost and what troubles it, for a page that shows the outbox: as a part
// behind that of the process. A reader that meets it half written sees that by its sum. Programs of before neither
// write nor read it.
const (
	healthOffset = noteOffset
	healthSize   = toldOffset - healthOffset
	// maxError is how much of an error's text is kept: of it all six bytes may become (see maxText), and beside it the
	// reasons need room.
	maxError = 400
	// healthTries is how often a reader looks: it takes longer than writing the part does.
	healthTries = 3
)

// Tell implements [store.Store]. It is written with the next sync, so at most once a second.
func (d *Store) Tell(h store.Health) {
	h.Error = cutTo(h.Error, maxError)
	d.health.Store(&h)
	d.resident.Kick()
}

// tellHealth writes what Tell was called with since the last time. mu is held.
func (d *Store) tellHealth() {
	h := d.health.Swap(nil)
	if h == nil {
		return
	}
	meta, err := json.Marshal(h)
	if err != nil || partHead+len(meta) > healthSize {
		return
	}
	_ = d.journal.tell(appendPart(nil, 0, meta, nil), healthOffset) // a disk that fails costs others the news
}

// readHealth reads what a journal says of its process's health. The zero Health: it says nothing.
func readHealth(journal io.ReaderAt) (h store.Health) {
	buf := make([]byte, healthSize)
	for range healthTries {
		n, _ := journal.ReadAt(buf, healthOffset)
		if _, meta, _, ok := parsePart(buf[:n]); ok && json.Unmarshal(meta, &h) == nil {
			return h
		}
	}
	return store.Health{}
}
