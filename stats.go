package sentryconfig

import (
	"encoding/json"
	"time"

	"github.com/autoservice/sentryconfig/internal/exception"
)

// Stats counts envelopes since a Client was made, for health pages and tests. As JSON it has the names of its fields,
// and the text of LastError.
type Stats struct {
	Captured      uint64            // passed to the outbox
	Delivered     uint64            // accepted by the server, including those of earlier processes
	Dropped       uint64            // given up, including those that the server rejected; DroppedBy has the reasons
	Pending       uint64            // unsent now, including those of earlier processes
	PendingBytes  int64             // size of the unsent ones in the outbox
	DroppedBy     map[string]uint64 // by the reason in client reports
	OldestPending time.Time         // capture time of the oldest unsent one; zero if there is none

	// HeldBack counts the events over Options.MaxPerMinute, including the newest of a fingerprint, which may be sent
	// later with the count. DroppedBy["sample_rate"], and the client reports, count only those that are never sent.
	HeldBack  uint64
	Tasks     map[string]TaskStats // by task type; at most 1,000 types
	LastError error                // from disk, server or settings; nil once it works again
}

func (c *Client) stats() Stats {
	s := c.box.Stats()
	return Stats{
		Captured: s.Captured, Delivered: s.Delivered, Dropped: s.Dropped, DroppedBy: s.DroppedBy,
		Pending: s.Pending, PendingBytes: s.PendingBytes, OldestPending: s.OldestPending, LastError: s.LastError,
		HeldBack: c.noise.Total(), Tasks: c.taskStats(),
	}
}

// MarshalJSON implements [json.Marshaler]. Without a LastError or an OldestPending, the field is null.
func (s Stats) MarshalJSON() ([]byte, error) {
	type plain Stats
	told := struct {
		plain
		DroppedBy     map[string]uint64
		OldestPending *time.Time
		Tasks         map[string]TaskStats
		LastError     *string
	}{plain: plain(s), DroppedBy: s.DroppedBy, Tasks: s.Tasks}
	if told.DroppedBy == nil {
		told.DroppedBy = map[string]uint64{}
	}
	if told.Tasks == nil {
		told.Tasks = map[string]TaskStats{}
	}
	if !s.OldestPending.IsZero() {
		told.OldestPending = &s.OldestPending
	}
	if s.LastError != nil {
		text := exception.Text(s.LastError)
		told.LastError = &text
	}
	return json.Marshal(told)
}
