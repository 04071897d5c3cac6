package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// Parts are stretches that many envelopes have in common: what is said of the machine, which changes every few seconds.
// Each is compressed once. In the envelopes that hold it, it is copied between what comes before and what comes after,
// which is legal in DEFLATE, since none of the three refers to another. A nil *Parts knows none. Its methods may be
// called from many goroutines at once.
type Parts struct {
	newest atomic.Pointer[[]*part] // first the newest
	mu     sync.Mutex              // held to change the list
}

type part struct {
	plain  []byte
	packed func() []byte
}

const (
	maxParts = 4       // envelopes that wait for long are compressed like others
	minPart  = 1 << 9  // below, it isn't worth looking for
	maxEnd   = 1 << 10 // what comes after it is copied up to here: nearly always a few brackets
)

// Note has plain looked for in envelopes from now on. It is kept, and must not be written to. It is cheap for what was
// noted last.
func (p *Parts) Note(plain []byte) {
	if len(plain) < minPart {
		return
	}
	same := func(known *part) bool { return &known.plain[0] == &plain[0] && len(known.plain) == len(plain) }
	if list := p.newest.Load(); list != nil && same((*list)[0]) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []*part{{plain: plain, packed: sync.OnceValue(func() []byte { return deflatePart(plain) })}}
	if old := p.newest.Load(); old != nil {
		if slices.ContainsFunc(*old, same) {
			return
		}
		list = append(list, (*old)[:min(len(*old), maxParts-1)]...)
	}
	p.newest.Store(&list)
}

// find returns the newest part that b holds, and where it begins; nil: none.
func (p *Parts) find(b []byte) (*part, int) {
	if p == nil {
		return nil, 0
	}
	list := p.newest.Load()
	if list == nil {
		return nil, 0
	}
	for _, known := range *list {
		if at := store.FindShared(b, known.plain); at >= 0 {
			return known, at
		}
	}
	return nil, 0
}

// deflatePart returns plain as raw DEFLATE that isn't ended, in whole bytes.
func deflatePart(plain []byte) []byte {
	b := Buffer()
	defer PutBuffer(b)
	w := takeCompressor(b)
	defer putCompressor(w)
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Flush()
	return bytes.Clone(b.Bytes())
}

// Deflate appends payload to b as raw DEFLATE.
func (p *Parts) Deflate(b *bytes.Buffer, payload []byte) error { return p.deflate(b, "", payload) }

func (p *Parts) deflate(b *bytes.Buffer, prefix string, payload []byte) error {
	known, at := p.find(payload)
	w := takeCompressor(b)
	defer putCompressor(w)
	if _, err := w.Write([]byte(prefix)); err != nil {
		return err
	}
	if known != nil {
		if _, err := w.Write(payload[:at]); err != nil {
			return err
		}
		if err := w.Flush(); err != nil { // which ends in a whole byte
			return err
		}
		b.Write(known.packed())
		payload = payload[at+len(known.plain):]
		if len(payload) <= maxEnd {
			appendStored(b, payload)
			return nil
		}
		w.Reset(b) // it must not refer to what is before the part
	}
	if _, err := w.Write(payload); err != nil {
		return err
	}
	return w.Close()
}

// appendStored ends a stream of DEFLATE, which is in whole bytes, with a block that isn't compressed.
func appendStored(b *bytes.Buffer, end []byte) {
	head := append(b.AvailableBuffer(), 1) // the last block
	head = binary.LittleEndian.AppendUint16(head, uint16(len(end)))
	head = binary.LittleEndian.AppendUint16(head, ^uint16(len(end)))
	b.Write(head)
	b.Write(end)
}
