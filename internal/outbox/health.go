package outbox

import (
	"maps"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// health is what others may read of this process, as it was told to the store last.
type health struct {
	told    store.Health
	dropped uint64        // in all
	again   time.Duration // not before
}

// tellHealth tells the store what was dropped and what the last error is, if that has changed: a page that shows the
// outbox reads it there. It returns when it wants to be called again. It is the resident's. mu is held.
func (o *Outbox) tellHealth(now time.Duration) time.Duration {
	h := &o.health
	text := ""
	if err := o.lastError(); err != nil {
		text = err.Error() // of our own making: no callback
	}
	over := text == "" && h.told.Error != "" && h.told.Solved.IsZero()
	other := text != "" && (text != h.told.Error || !h.told.Solved.IsZero())
	changed := over || other || o.stats.Dropped != h.dropped
	switch {
	case o.main == nil || o.closed || !changed:
		return never
	case now < h.again:
		return h.again
	}
	switch {
	case over:
		h.told.Solved = time.Now()
	case other:
		h.told.Error, h.told.ErrorAt, h.told.Solved = text, time.Now(), time.Time{}
	}
	if o.stats.Dropped != h.dropped {
		h.told.Dropped, h.dropped = maps.Clone(o.stats.DroppedBy), o.stats.Dropped
	}
	h.again = now + o.timing.tell
	o.main.Tell(h.told)
	return never
}
