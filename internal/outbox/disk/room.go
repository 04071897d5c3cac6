package disk

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// OutboxBytes counts what waits in all processes together, and not the files: those hold what is delivered too. So each
// process says in its journal how much of its own waits, in one number at the end of the first slot:
//
//	told:u64   bytes in the lower 40 bits, records above them plus one; zero: not told
//
// Eight bytes at a multiple of eight are one write that nobody reads half of.
const (
	toldOffset = slotSize - 8
	toldBits   = 40
	maxTold    = 1<<(64-toldBits) - 2

	// tellParts is the part of a segment by which what waits may change before it is told at once; else within
	// syncDelay.
	tellParts = 8
	// recountEvery bounds how often Recount looks.
	recountEvery = 100 * time.Millisecond
)

// A tally counts records and their payload bytes. Its methods may be called from many goroutines at once.
type tally struct{ records, bytes atomic.Int64 }

func (t *tally) add(records int, bytes int64) {
	t.records.Add(int64(records))
	t.bytes.Add(bytes)
}

// told is what a process says of itself.
type told struct {
	records, bytes int64
	ok             bool // it says so
}

// toldNothing is what a process tells that has nothing waiting.
var toldNothing = told{ok: true}

func appendTold(t told) []byte {
	n := uint64(min(t.records, maxTold)+1)<<toldBits | uint64(min(t.bytes, 1<<toldBits-1))
	return binary.LittleEndian.AppendUint64(nil, n)
}

// write puts t into the journal of the process that it is told of.
func (t told) write(journal io.WriterAt) error {
	_, err := journal.WriteAt(appendTold(t), toldOffset)
	return err
}

// readTold reads what a journal tells. Programs of before tell nothing.
func readTold(journal io.ReaderAt) told {
	var b [8]byte
	if n, _ := journal.ReadAt(b[:], toldOffset); n < len(b) {
		return told{}
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n>>toldBits == 0 {
		return told{}
	}
	return told{records: int64(n>>toldBits) - 1, bytes: int64(n & (1<<toldBits - 1)), ok: true}
}

// tell tells others how much waits, at once if it has changed by much. Never are more records told than wait: after a
// kill, what is missing of those told would be taken for lost. mu is held.
func (d *Store) tell() {
	diff := d.waiting.bytes.Load() - d.toldBytes
	switch {
	case d.waiting.records.Load() < d.toldRecords:
		d.tellNow()
	case diff == 0:
	case max(diff, -diff) >= d.segmentSize/tellParts:
		d.tellNow()
	default:
		d.syncSoon(false) // which tells
	}
}

// tellNow tells others how much waits. A disk that fails costs their knowledge, and no more. mu is held.
func (d *Store) tellNow() {
	now := d.left()
	if d.journal.tell(appendTold(now), toldOffset) {
		d.toldBytes, d.toldRecords = now.bytes, now.records
	}
}

// left is what waits of ours.
func (d *Store) left() told {
	return told{records: max(0, d.waiting.records.Load()), bytes: max(0, d.waiting.bytes.Load())}
}

// peers is what is known of other processes: which of them lived at the last look, and which were met there.
type peers struct {
	known map[string]bool // by stem: it lived; nil before the first look
	at    time.Time       // when they were counted last
}

// counts says whether what a stem's process holds counts as others': not if it was dead at the last look, for then it
// is being adopted and counts as ours as soon as it is; and not before the first look, which finds that out.
func (p *peers) counts(stem string) bool {
	lived, met := p.known[stem]
	return p.known != nil && (lived || !met)
}

// Recount implements [store.Store].
func (d *Store) Recount() {
	_ = d.writes.do(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if since := time.Since(d.peers.at); since < 0 || since >= recountEvery {
			d.recount()
		}
	}, false)
}

// recount adds up what other processes hold. Those that don't tell are taken to hold what their files do. mu is held.
func (d *Store) recount() {
	entries, err := d.sys.ReadFolder(d.dir)
	if err != nil {
		return
	}
	d.peers.at = time.Now()
	sizes := map[string]int64{}
	for _, entry := range entries {
		stem, kind := parseName(entry.Name())
		if kind != kindSegment || stem == d.stem || !d.peers.counts(stem) {
			continue
		}
		if info, err := entry.Info(); err == nil {
			sizes[stem] += max(0, info.Size()-segmentHeader)
		}
	}
	var sum int64
	for stem, size := range sizes {
		if t := d.toldBy(stem); t.ok {
			size = t.bytes
		}
		sum += size
	}
	d.others.Store(sum)
}

// toldBy reads what another process tells.
func (d *Store) toldBy(stem string) told {
	f, err := d.sys.Open(filepath.Join(d.dir, stem+".journal"), os.O_RDONLY)
	if err != nil {
		return told{}
	}
	defer func() { _ = f.Close() }()
	return readTold(f)
}
