package sentryconfig

import (
	"encoding/json"
	"time"

	"github.com/autoservice/sentryconfig/internal/exception"
)

// Stats counts envelopes since a Client was made; for health pages and tests. It marshals to JSON by the names of its
// fields, LastError as its text.
type Stats struct {
	Captured, Delivered, Dropped uint64
	Pending                      uint64            // waiting now, from earlier processes included
	PendingBytes                 int64             // what they take in the outbox
	DroppedBy                    map[string]uint64 // by reason, as in client reports
	OldestPending                time.Time         // when the oldest was captured; zero when none waits

	// HeldBack counts events over Options.MaxPerMinute. The newest of a fingerprint counts here even if it is sent in
	// the end, to tell the number; the client reports, and DroppedBy, have under sample_rate those that are never sent.
	HeldBack  uint64
	Tasks     map[string]TaskStats // by task type, the first 1,000 of them
	LastError error                // of the disk, the server or the settings; nil once it works again
}

func (c *Client) stats() Stats {
	s := c.box.Stats()
	return Stats{
		Captured: s.Captured, Delivered: s.Delivered, Dropped: s.Dropped, DroppedBy: s.DroppedBy,
		Pending: s.Pending, PendingBytes: s.PendingBytes, OldestPending: s.OldestPending, LastError: s.LastError,
		HeldBack: c.noise.Total(), Tasks: c.taskStats(),
	}
}

// MarshalJSON implements [json.Marshaler]: no LastError is null, and so is no OldestPending.
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
