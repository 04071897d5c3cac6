package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// A segment is a file of records, written from its beginning to its end and removed when all of them are done. All
// numbers are little-endian.
//
//	segment = header record*
//	header  = "SENTRYOB" version:u32 sum:u32              sum: CRC32C of the 12 bytes before it
//	record  = head payload
//	head    =  0 marker:u32    f5 'R' 'o' fa, where reading goes on after damage
//	           4 state:u8      'w' waiting, 'd' done: the only byte that is written again, so no sum covers it
//	           5 zero[3]
//	           8 sum:u32       CRC32C of the head from here to its end
//	          12 payload sum:u32
//	          16 length:u32    of the payload
//	          20 items:u32
//	          24 spans:u32
//	          28 category:u8
//	          29 flags:u8
//	          30 zero[2]
//	          32 time:i64      nanoseconds since 1970
//	          40 event id[16]
//
// A record is one write at a known offset. What that promises: it outlives the process from the moment the call
// returns, since the operating system has it. What it doesn't: that a record is whole. A process killed within a long
// write leaves a torn one, and after a power cut any page that was not synced may be old, zero or torn. So a reader
// believes nothing without its sum. The head has its own, so that a damaged payload costs itself alone and a damaged
// length isn't followed.
const (
	segmentMagic   = "SENTRYOB"
	segmentVersion = 1
	segmentHeader  = 16
	recordHead     = 56

	stateOffset  = 4
	stateWaiting = 'w'
	stateDone    = 'd'

	flagPII    = 1
	flagPacked = 2

	// maxPayload refuses what no Sentry server takes (Relay's limit for an envelope with attachments is 100 MiB).
	maxPayload = 128 << 20
)

var (
	recordMarker = []byte{0xf5, 'R', 'o', 0xfa}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli) // has an instruction on amd64 and arm64
)

// segment is the open end of a segment file. The disk's mutex guards it.
type segment struct {
	path    string
	file    File  // nil while it is closed
	size    int64 // where the next record goes
	waiting int   // records that aren't done
	bytes   int64 // their payloads
	dirty   bool  // written since the last sync

	moves     []move  // since it was rewritten, sorted by both sides; nil before
	rewriting bool    // it is being rewritten
	failed    bool    // which wasn't possible
	doneSince []int64 // what was done meanwhile, by the offsets of its entries

	torn   bool      // its end was damaged when it was adopted
	unread []stretch // could not be read when it was adopted: while there are any, it is neither removed nor cut
}

func (s *segment) unreadBytes() (sum int64) {
	for _, part := range s.unread {
		sum += part.to - part.from
	}
	return sum
}

// over says that nothing in s waits, as far as anybody can tell.
func (s *segment) over() bool { return s.waiting == 0 && len(s.unread) == 0 }

// appendHeader appends the header of a segment.
func appendHeader(b []byte) []byte {
	at := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, segmentVersion)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

// appendRecord appends r as a waiting record. It returns the sum of its payload too.
func appendRecord(b []byte, r *store.Record, id [16]byte) ([]byte, uint32) {
	at, sum := len(b), crc32.Checksum(r.Payload, castagnoli)
	var flags byte
	if r.PII {
		flags |= flagPII
	}
	if r.Packed {
		flags |= flagPacked
	}
	b = append(b, recordMarker...)
	b = append(b, stateWaiting, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Payload)))
	b = binary.LittleEndian.AppendUint32(b, r.Items)
	b = binary.LittleEndian.AppendUint32(b, r.Spans)
	b = append(b, byte(r.Category), flags, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Time.UnixNano()))
	b = append(b, id[:]...)
	binary.LittleEndian.PutUint32(b[at+8:], crc32.Checksum(b[at+12:], castagnoli))
	return append(b, r.Payload...), sum
}

// parseHead fills e from the head of a record. It says false for anything but a head as appendRecord writes it.
func parseHead(b []byte, e *store.Entry) (waiting, ok bool) {
	if !bytes.Equal(b[:4], recordMarker) ||
		binary.LittleEndian.Uint32(b[8:]) != crc32.Checksum(b[12:recordHead], castagnoli) {
		return false, false
	}
	e.Where.Sum = binary.LittleEndian.Uint32(b[12:])
	e.Size = int64(binary.LittleEndian.Uint32(b[16:]))
	e.Items = binary.LittleEndian.Uint32(b[20:])
	e.Spans = binary.LittleEndian.Uint32(b[24:])
	e.Category = store.Category(b[28])
	e.PII = b[29]&flagPII != 0
	e.Packed = b[29]&flagPacked != 0
	e.Time = int64(binary.LittleEndian.Uint64(b[32:]))
	copy(e.EventID[:], b[40:])
	// A flipped bit in the state must not lose an event: only what can be nothing else is done.
	return b[stateOffset] != stateDone, true
}

// errFuture says that a newer program has written a segment.
var errFuture = errors.New("outbox: segment of a newer version")

// maxReadErrors bounds how many bad sectors a scan steps over: each can take a dying disk seconds.
const maxReadErrors = 64

// A stretch is a part of a segment in which no record was found.
type stretch struct {
	from, to int64
	unread   error // some of it couldn't be read, which may pass; nil: it was read, and is damaged
}

// scan calls found with each waiting record of a segment, oldest first, and returns the stretches of it that are
// damaged or couldn't be read. It reads heads alone, in memory that doesn't grow with the segment: a payload's sum is
// checked by who reads it. The entry is found's to keep.
func scan(r io.ReaderAt, size int64, found func(*store.Entry)) ([]stretch, error) {
	return scanStretch(r, stretch{to: size}, size, found)
}

// scanStretch is scan for a part of a segment of size bytes.
func scanStretch(r io.ReaderAt, part stretch, size int64, found func(*store.Entry)) (damage []stretch, err error) {
	w := window{r: r, size: size}
	damaged := false
	for off := part.from; off < part.to; {
		failures := w.failures
		if off == 0 {
			version, ok := parseHeader(w.at(0, segmentHeader))
			if ok && version > segmentVersion {
				return nil, errFuture
			}
			if ok {
				off = segmentHeader
				continue
			}
		}
		if e, waiting := w.record(off); e != nil {
			if waiting {
				found(e)
			}
			damaged = false
			off += recordHead + e.Size
			continue
		}
		if !damaged {
			damaged = true
			damage = append(damage, stretch{from: off})
		}
		off = w.next(off + 1)
		last := &damage[len(damage)-1]
		last.to = min(off, part.to)
		if w.failures > failures {
			last.unread = w.err
		}
		if w.failures > maxReadErrors {
			last.to = part.to
			return damage, nil
		}
	}
	return damage, nil
}

// heal makes a damaged stretch of a segment one that says nothing, so that it is counted once: what is at the end is
// cut off, what is between records becomes a record that is done. It is tried, no more: a stretch that stays is counted
// again.
func heal(f interface {
	io.WriterAt
	Truncate(size int64) error
}, size int64, s stretch) {
	if s.unread != nil {
		return
	}
	if s.to == size {
		_ = f.Truncate(s.from)
		return
	}
	var b []byte
	if s.from == 0 {
		b = appendHeader(b)
	}
	if length := s.to - s.from - int64(len(b)); length != 0 {
		if length -= recordHead; length < 0 || length > maxPayload {
			return // no room for a head
		}
		b = appendDone(b, uint32(length))
	}
	_, _ = f.WriteAt(b, s.from)
}

// appendDone appends the head of a record that is done, with length bytes of payload.
func appendDone(b []byte, length uint32) []byte {
	at := len(b)
	b, _ = appendRecord(b, &store.Record{}, [16]byte{})
	b[at+stateOffset] = stateDone
	binary.LittleEndian.PutUint32(b[at+16:], length)
	binary.LittleEndian.PutUint32(b[at+8:], crc32.Checksum(b[at+12:at+recordHead], castagnoli))
	return b
}

// parseHeader returns the version of a segment, and false when b doesn't begin one.
func parseHeader(b []byte) (version uint32, ok bool) {
	if len(b) < segmentHeader || string(b[:8]) != segmentMagic ||
		binary.LittleEndian.Uint32(b[12:]) != crc32.Checksum(b[:12], castagnoli) {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b[8:]), true
}

// window reads a file through a buffer that it moves.
type window struct {
	r        io.ReaderAt
	size     int64
	buf      []byte
	off      int64 // of buf
	failures int
	err      error // of the last failure
}

const (
	windowSize = 64 << 10
	sector     = 4 << 10 // what a read error costs
)

// at returns n bytes at off, or nil when the file has no such bytes or doesn't give them.
func (w *window) at(off int64, n int) []byte {
	if off+int64(n) > w.size || !w.fill(off, n) {
		return nil
	}
	return w.buf[off-w.off:][:n]
}

// fill makes buf hold n bytes at off.
func (w *window) fill(off int64, n int) bool {
	if off >= w.off && off+int64(n) <= w.off+int64(len(w.buf)) {
		return true
	}
	if w.buf == nil {
		w.buf = make([]byte, windowSize)
	}
	w.buf, w.off = w.buf[:cap(w.buf)], off
	got, err := w.r.ReadAt(w.buf, off)
	if got < n && err != nil && err != io.EOF {
		got, err = w.r.ReadAt(w.buf, off) // once more: not every error lasts
	}
	if got < n && err != nil && err != io.EOF {
		end := off + int64(n) + sector - 1 // a bad sector behind this one is no reason
		got, err = w.r.ReadAt(w.buf[:min(end-end%sector-off, int64(len(w.buf)))], off)
	}
	w.buf = w.buf[:got]
	if got < n {
		w.failures++
		if w.err = err; err == nil || err == io.EOF {
			w.err = io.ErrUnexpectedEOF // the file has shrunk
		}
	}
	return got >= n
}

// record returns the record whose head is at off, and whether it waits; nil if no head, or no whole record, is there.
func (w *window) record(off int64) (e *store.Entry, waiting bool) {
	b := w.at(off, recordHead)
	if b == nil {
		return nil, false
	}
	e = &store.Entry{}
	waiting, ok := parseHead(b, e)
	if !ok || off+recordHead+e.Size > w.size {
		return nil, false
	}
	e.Where.Offset = off
	return e, waiting
}

// next returns the offset of the next marker at or after off, or the file's size.
func (w *window) next(off int64) int64 {
	for off+recordHead <= w.size {
		if !w.fill(off, len(recordMarker)) {
			if w.failures > maxReadErrors {
				return w.size
			}
			off += sector - off%sector
			continue
		}
		b := w.buf[off-w.off:]
		if i := bytes.Index(b, recordMarker); i >= 0 {
			return off + int64(i)
		}
		off += int64(len(b) - len(recordMarker) + 1) // a marker may lie across the end of the window
	}
	return w.size
}

// readPayload reads the payload of the record at off into buf, growing it when it is too small.
func readPayload(r io.ReaderAt, off int64, e *store.Entry, buf []byte) ([]byte, error) {
	if int64(cap(buf)) < e.Size {
		buf = make([]byte, e.Size)
	}
	buf = buf[:e.Size]
	n, err := r.ReadAt(buf, off+recordHead)
	switch {
	case n < len(buf) && err == io.EOF:
		return nil, store.ErrDamaged
	case n < len(buf):
		return nil, err
	case crc32.Checksum(buf, castagnoli) != e.Where.Sum:
		return nil, store.ErrDamaged
	}
	return buf, nil
}
