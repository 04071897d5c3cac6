package wire

import (
	"bytes"
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
	maxParts = 4      // envelopes that wait for long are compressed like others
	minPart  = 1 << 9 // below, it isn't worth looking for
	maxEnd   = 1 << 8 // what comes after it is copied up to here: nearly always a few brackets
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

// deflate appends prefix and envelope to b as raw DEFLATE.
func (p *Parts) deflate(b *bytes.Buffer, prefix string, envelope []byte) error {
	known, at := p.find(envelope)
	begin, end := envelope, []byte(nil)
	if known != nil {
		begin, end = envelope[:at], envelope[at+len(known.plain):]
	}
	if len(begin) > maxSmall {
		return deflateLarge(b, []byte(prefix), envelope)
	}
	w := blockWriters.Get().(*blockWriter)
	defer blockWriters.Put(w)
	w.b = b.AvailableBuffer()
	w.stored([]byte(prefix), false)
	w.block(begin)
	if known != nil {
		w.stored(nil, false)
		w.b = append(w.b, known.packed()...)
	}
	if len(end) <= maxEnd {
		w.stored(end, true)
		end = nil
	}
	b.Write(w.b)
	w.b = nil
	if end == nil {
		return nil
	}
	return deflateLarge(b, end)
}

// deflateLarge appends all of list to b as raw DEFLATE, by compress/flate.
func deflateLarge(b *bytes.Buffer, list ...[]byte) error {
	w := takeCompressor(b)
	defer putCompressor(w)
	for _, plain := range list {
		if _, err := w.Write(plain); err != nil {
			return err
		}
	}
	return w.Close()
}

var blockWriters = sync.Pool{New: func() any { return new(blockWriter) }}
