// Package outbox keeps envelopes until a Sentry server has taken them: a store that holds them, on disk or in memory, a
// queue that knows their order and limits, and a sender that delivers them.
//
// Data goes one way: Outbox.Put stores a record and queues its entry, the sender takes entries from the queue, reads
// their payload from the store, and marks them done there when the server has answered.
package outbox

import (
	"errors"
	"time"
)

// A Record is one envelope on its way into a store.
type Record struct {
	Time     time.Time // of the capture
	Category Category  // what the server limits it by
	EventID  string    // 32 hex digits, or "" for envelopes without an event
	Items    uint32    // how many things of its category it holds: 1, or the number of logs or metrics
	Spans    uint32    // spans within a transaction, for client reports
	PII      bool      // captured while personal data was allowed
	Urgent   bool      // a panic or level fatal: to be safe from a power cut at once
	Packed   bool      // Payload is raw DEFLATE of the envelope
	Payload  []byte    // the envelope, its header without sent_at; the store copies what it keeps
}

// An Entry is what the queue keeps of a stored record: everything but the payload. Fields are immutable once the store
// has returned it.
type Entry struct {
	Time     int64 // of the capture, nanoseconds since 1970
	Size     int64 // bytes of payload as stored
	EventID  [16]byte
	Items    uint32
	Spans    uint32
	Category Category
	PII      bool
	Packed   bool
	Backlog  bool // left behind by an earlier process

	where place
}

// place says where a store has put a payload: in memory, or at an offset of a segment.
type place struct {
	memory  []byte
	segment *segment
	offset  int64  // of the record
	sum     uint32 // CRC32C of the payload
	done    bool   // guarded by the disk store's mutex
}

// A Store keeps payloads. The queue calls it; it may be called from several goroutines at once.
type Store interface {
	// Put keeps a copy of r's payload. When it returns nil the record outlives the process (disk) or is held in memory;
	// with an error nothing is kept.
	Put(r *Record) (*Entry, error)
	// Payload returns e's payload as it was stored, in buf when that is large enough. ErrDamaged: it can never be read.
	// Any other error may pass.
	Payload(e *Entry, buf []byte) ([]byte, error)
	// Done forgets e: delivered, or dropped. It isn't handed out again, not to later processes either.
	Done(e *Entry) error
	// Adopt takes over what processes that have died left behind, oldest first, with Backlog set; nothing when another
	// process has taken it. What can't be read stays, see Unread. It also reports tasks that were interrupted and crashes
	// by the callbacks of its owner.
	Adopt() ([]*Entry, error)
	// Unread says how much Adopt has met that may wait but could not be read: how many stretches and files, their bytes
	// where they are known, and why. The next Adopt tries again.
	Unread() (count int, bytes int64, err error)
	// Forget gives up what could not be read in what was adopted, and returns how many stretches that was.
	Forget() int
	// Bytes is what the limit counts: payload bytes that wait, those of other processes included.
	Bytes() int64
	// Probe tries whether a store that has failed works again. It keeps nothing.
	Probe() error
	// Sync makes everything stored before it safe from a power cut.
	Sync() error
	// Log logs what the store has noted meanwhile. It is called with no lock held, for a Logger may come back.
	Log()
	// Close releases every file and lock; what waits stays for a later process.
	Close() error
}

// ErrDamaged says that a record's bytes are not those that were written.
var ErrDamaged = errors.New("outbox: damaged record")

// Category is a data category of Sentry's rate limits and client reports.
type Category uint8

// The categories that sentry-go v0.50.0 sends.
const (
	CategoryError Category = iota
	CategoryTransaction
	CategoryMonitor
	CategoryLog
	CategoryMetric
	CategoryOther
)

// String returns the name that X-Sentry-Rate-Limits and client reports use.
func (c Category) String() string {
	switch c {
	case CategoryError:
		return "error"
	case CategoryTransaction:
		return "transaction"
	case CategoryMonitor:
		return "monitor"
	case CategoryLog:
		return "log_item"
	case CategoryMetric:
		return "trace_metric"
	}
	return "default"
}
