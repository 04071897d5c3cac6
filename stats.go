package sentryconfig

import (
	"encoding/json"
	"time"
)

// Stats counts envelopes since a Client was made; for health pages and tests. It marshals to JSON by the names of its fields,
// LastError as its text.
type Stats struct {
	Captured, Delivered, Dropped uint64
	Pending                      uint64            // waiting now, from earlier processes included
	PendingBytes                 int64             // what they take in the outbox
	DroppedBy                    map[string]uint64 // by reason, as in client reports
	OldestPending                time.Time         // when the oldest was captured; zero when none waits
	LastError                    error             // of the disk, the server or the settings; nil once it works again
}

// MarshalJSON implements [json.Marshaler]: no LastError is null, and so is no OldestPending.
func (s Stats) MarshalJSON() ([]byte, error) {
	type plain Stats
	told := struct {
		plain
		DroppedBy     map[string]uint64
		OldestPending *time.Time
		LastError     *string
	}{plain: plain(s), DroppedBy: s.DroppedBy}
	if told.DroppedBy == nil {
		told.DroppedBy = map[string]uint64{}
	}
	if !s.OldestPending.IsZero() {
		told.OldestPending = &s.OldestPending
	}
	if s.LastError != nil {
		text := errorText(s.LastError)
		told.LastError = &text
	}
	return json.Marshal(told)
}
