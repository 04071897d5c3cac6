// Package store defines what an outbox and its stores talk about: records on their way in, entries that wait, and the
// Store itself, of which Memory is the simplest.
package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/autoservice/sentryconfig/internal/protocol"
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
	Shared   []byte    // a stretch of Payload that many envelopes have in common, as one piece of memory; nil: none
	Note     TaskNote  // of the task that r tells the end of; nil: there is none
}

// A TaskNote tells later processes that a task was interrupted. It ends once the task's record outlives the process, or
// is gone.
type TaskNote interface {
	End()
	EndNow() // End for a store on disk that has written the record, in the same step: it waits for the disk alone
}

// sharedHead is how much of a stretch is looked for: short enough for the processor's own instructions.
const sharedHead = 48

// FindShared returns where shared is in payload, or -1.
func FindShared(payload, shared []byte) int {
	if len(shared) < sharedHead {
		return -1
	}
	// In an event without attachments nothing comes after it but the ends of two objects and of the line.
	if at := len(payload) - len(shared) - len("}}\n"); at >= 0 && bytes.HasPrefix(payload[at:], shared) {
		return at
	}
	at := bytes.Index(payload, shared[:sharedHead])
	if at < 0 || !bytes.HasPrefix(payload[at:], shared) {
		return -1
	}
	return at
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

	Where Place // the store's own
}

// A Place is where a store has put a payload. Only that store reads and changes it.
type Place struct {
	Memory []byte // the payload itself, without what is shared
	Shared []byte // which isn't copied
	Split  int    // where that belongs in Memory
	Holder any    // the file that holds it
	Offset int64  // of the record in the file
	Sum    uint32 // CRC32C of the payload
	Done   bool
}

// NewEntry returns what the queue keeps of r, without its place. An event ID that isn't one is left out: it is only
// shown.
func (r *Record) NewEntry() *Entry {
	e := &Entry{
		Time: r.Time.UnixNano(), Size: int64(len(r.Payload)), Items: r.Items, Spans: r.Spans,
		Category: r.Category, PII: r.PII, Packed: r.Packed,
	}
	if len(r.EventID) == hex.EncodedLen(len(e.EventID)) {
		_, _ = hex.Decode(e.EventID[:], []byte(r.EventID))
	}
	return e
}

// A Store keeps payloads. The outbox calls it; it may be called from several goroutines at once.
type Store interface {
	// Put keeps a copy of r's payload. When it returns nil the record outlives the process (disk) or is held in memory;
	// with an error nothing is kept. It returns within 100 ms, whatever the disk does.
	Put(r *Record) (*Entry, error)
	// Payload returns e's payload as it was stored, in buf when that is large enough. ErrDamaged: it can never be read.
	// Any other error may pass; after one, buf is the store's.
	Payload(e *Entry, buf []byte) ([]byte, error)
	// Done forgets e: delivered, or dropped. It isn't handed out again, not to later processes either. It returns
	// within 100 ms.
	Done(e *Entry) error
	// Adopt takes over what processes that have died left behind, with Backlog set, and calls found with it, segment by
	// segment, the oldest first; nothing when another process has taken it. It ends early when ctx does. What can't be
	// read stays and is read again by the next Adopt. It also reports tasks that were interrupted and crashes by the
	// callbacks of its owner.
	Adopt(ctx context.Context, found func([]*Entry)) (Adopted, error)
	// Unread is what Adopt has met that may wait but could not be read. It asks no disk.
	Unread() Unread
	// Forget gives up what could not be read in what was adopted, and returns how many stretches that was.
	Forget() int
	// Bytes is what the limit counts: payload bytes that wait, those of other processes included. It asks no disk.
	Bytes() int64
	// Recount looks how much other processes hold now, unless it did a moment ago. It returns within 100 ms.
	Recount()
	// Answers reports whether the store does at all, within 100 ms: false is a disk that hangs.
	Answers() bool
	// Probe tries whether a store that has failed works again. It keeps nothing.
	Probe() error
	// Sync makes everything stored before it safe from a power cut.
	Sync() error
	// Tell has others read how this process is doing, soon and as long as it lives. It waits for nothing.
	Tell(h Health)
	// Log logs what the store has noted meanwhile. It is called with no lock held, for a Logger may come back.
	Log()
	// Close releases every file and lock; what waits stays for a later process.
	Close() error
}

// Adopted is what an Adopt has met beside what it found.
type Adopted struct {
	Damaged int // records that are lost: as many as were noted to wait, or else at least one a damaged stretch
	Unread  Unread
}

// Unread is what may wait but could not be read: stretches of segments, and whole files.
type Unread struct {
	Count int
	Bytes int64 // where that is known
	Err   error // of the newest
}

// Add counts one more.
func (u *Unread) Add(bytes int64, err error) {
	u.Count++
	u.Bytes += bytes
	u.Err = err
}

// Health is what a process has lost since it began, and its last trouble.
type Health struct {
	// envelopes by reason, as in client reports; not changed any more
	Dropped map[string]uint64 `json:"dropped,omitempty"`
	Error   string            `json:"error,omitempty"`   // the last, "" if there was none
	ErrorAt time.Time         `json:"error_at,omitzero"` // when it was met first
	Solved  time.Time         `json:"solved,omitzero"`   // since when all works again; zero: it doesn't
}

// ErrHangs says that the disk doesn't answer. It may at any moment.
var ErrHangs = errors.New("outbox: the disk doesn't answer")

// ErrDamaged says that a record's bytes are not those that were written.
var ErrDamaged = errors.New("outbox: damaged record")

// Category is a data category of Sentry's rate limits and client reports.
type Category = protocol.Category

// CategoryCount is how many categories there are.
const CategoryCount = len(protocol.Items)

// Index is the category's place in tables. A newer program's category, read from disk, counts as CategoryOther.
func Index(c Category) int { return c.Index() }
