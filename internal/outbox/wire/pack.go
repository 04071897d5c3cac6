package wire

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// PackFrom is where compression begins to pay: below it, a packet is a packet.
	PackFrom = 1 << 10
	// maxEnvelope bounds what a payload is unpacked to. Sentry takes no envelope of more.
	maxEnvelope = 200 << 20
	// maxPooled is the largest buffer that is kept for the next envelope: one giant must not stay for ever.
	maxPooled = 1 << 20
)

// Compressors are large (about 1 MiB), so they are held for as long as they compress and no longer: there are about as
// many as processors, not as many as requests in flight. Two wait for the next envelope; a sync.Pool would lose them to
// the garbage collector, and make new ones, all the time.
var compressors = make(chan *flate.Writer, 2)

func takeCompressor(b *bytes.Buffer) *flate.Writer {
	select {
	case w := <-compressors:
		w.Reset(b)
		return w
	default:
		w, _ := flate.NewWriter(b, flate.BestSpeed) // fails for unknown levels alone
		return w
	}
}

func putCompressor(w *flate.Writer) {
	w.Reset(io.Discard) // the buffer is not its own
	select {
	case compressors <- w:
	default:
	}
}

var (
	inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}
	buffers   = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// Buffer returns an empty buffer. It is given back by [PutBuffer], unless something else keeps it.
func Buffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

// PutBuffer gives a buffer back. Nobody reads it any more.
func PutBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		b.Reset()
		buffers.Put(b)
	}
}

// Inflate appends to b what [Parts.Deflate] made packed of.
func Inflate(b *bytes.Buffer, packed []byte) error {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return err
	}
	n, err := b.ReadFrom(io.LimitReader(r, maxEnvelope+1))
	if err == nil && n > maxEnvelope {
		err = fmt.Errorf("more than %d bytes", maxEnvelope)
	}
	return err
}

// sentAtPrefix returns what takes the place of the envelope's first byte, '{', so that its header says when it is sent;
// "" when the envelope has no header that this could be said in.
func sentAtPrefix(envelope []byte, now time.Time) string {
	header, _, _ := bytes.Cut(envelope, []byte{'\n'})
	header = bytes.TrimRight(header, " \t\r")
	if len(header) < 2 || header[0] != '{' {
		return ""
	}
	prefix := `{"sent_at":"` + now.UTC().Format("2006-01-02T15:04:05.000000Z") + `"`
	if rest := bytes.TrimLeft(header[1:], " \t"); rest[0] != '}' {
		prefix += ","
	}
	return prefix
}

// A wireBody is an envelope as it is sent. HTTP transports may read a request's body after they have answered it, so
// its memory is used again only once every reader of it is closed.
type wireBody struct {
	buf    *bytes.Buffer
	packed bool // by gzip
	open   atomic.Int32
}

// newWireBody writes the envelope as it is sent at now. The envelope isn't kept.
func newWireBody(envelope []byte, now time.Time, parts *Parts) (*wireBody, error) {
	b := &wireBody{buf: Buffer()}
	prefix := sentAtPrefix(envelope, now)
	if prefix != "" {
		envelope = envelope[1:]
	}
	size := len(prefix) + len(envelope)
	if b.packed = size >= PackFrom; !b.packed {
		b.buf.WriteString(prefix)
		b.buf.Write(envelope)
		return b, nil
	}
	b.buf.WriteString("\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff") // the header of gzip: DEFLATE, no time, fastest
	if err := parts.deflate(b.buf, prefix, envelope); err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(prefix)), crc32.IEEETable, envelope)
	b.buf.Write(binary.LittleEndian.AppendUint32(b.buf.AvailableBuffer(), sum))
	b.buf.Write(binary.LittleEndian.AppendUint32(b.buf.AvailableBuffer(), uint32(size))) //nolint:gosec // modulo 2³²
	return b, nil
}

func (b *wireBody) reader() io.ReadCloser {
	b.open.Add(1)
	return &wireReader{Reader: bytes.NewReader(b.buf.Bytes()), body: b}
}

// release gives the memory back, if nobody may read it any more.
func (b *wireBody) release() {
	if b.open.Load() == 0 {
		PutBuffer(b.buf)
	}
}

type wireReader struct {
	*bytes.Reader
	body   *wireBody
	closed atomic.Bool
}

func (r *wireReader) Close() error {
	if !r.closed.Swap(true) {
		r.body.open.Add(-1)
	}
	return nil
}
