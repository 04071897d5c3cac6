package wire

import (
	"encoding/binary"
	"math/bits"
)

// compress/flate makes codes for each block by how often its bytes occur, which takes several times as long as all the
// rest for a block of a few KiB. For those, blocks here use the codes that the format itself has, and look for
// repetitions alone: a tenth larger, a fifth of the time. See RFC 1951, 3.2.6.

const (
	maxSmall    = 1 << 13 // bytes of a block: no repetition is too far away, and a position fits into a uint16
	minMatch    = 4
	maxMatch    = 258
	hashBits    = 12
	endOfBlock  = 256
	firstLength = 257
)

// A blockWriter appends blocks of DEFLATE to b.
type blockWriter struct {
	b     []byte
	bits  uint64 // that are not whole bytes yet, the first one lowest
	count uint
	last  [1 << hashBits]uint16 // where the newest four bytes of a hash begin, plus one
}

func (w *blockWriter) put(v uint64, count uint) {
	w.bits |= v << w.count
	if w.count += count; w.count >= 32 {
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(w.bits)) //nolint:gosec // the lower half
		w.bits >>= 32
		w.count -= 32
	}
}

// symbol writes a literal byte, endOfBlock or a length by the format's own code, whose bits go highest first.
func (w *blockWriter) symbol(s int) {
	switch {
	case s < 144:
		w.put(uint64(bits.Reverse8(uint8(0x30+s))), 8)
	case s < endOfBlock:
		w.put(uint64(bits.Reverse16(uint16(0x190+s-144))>>7), 9)
	case s < 280:
		w.put(uint64(bits.Reverse8(uint8(s-endOfBlock))>>1), 7)
	default:
		w.put(uint64(bits.Reverse8(uint8(0xc0+s-280))), 8)
	}
}

// match writes that the next length bytes are those distance bytes before.
func (w *blockWriter) match(length, distance int) {
	n, d := uint(length-3), uint(distance-1)
	switch {
	case length == maxMatch:
		w.symbol(285)
	case n < 8:
		w.symbol(firstLength + int(n))
	default:
		extra := uint(bits.Len(n)) - 3
		w.symbol(firstLength + 4 + int(4*extra+n>>extra&3))
		w.put(uint64(n&(1<<extra-1)), extra)
	}
	code, extra := d, uint(0)
	if d >= 4 {
		extra = uint(bits.Len(d)) - 2
		code = 2*(extra+1) + d>>extra&1
	}
	w.put(uint64(bits.Reverse8(uint8(code))>>3), 5)
	w.put(uint64(d&(1<<extra-1)), extra)
}

// block writes plain, at most maxSmall bytes, as a block that isn't the last.
func (w *blockWriter) block(plain []byte) {
	clear(w.last[:])
	w.put(0b010, 3)
	i := 0
	for i+minMatch <= len(plain) {
		four := binary.LittleEndian.Uint32(plain[i:])
		place := &w.last[four*0x9e3779b1>>(32-hashBits)]
		before := int(*place) - 1
		*place = uint16(i + 1) //nolint:gosec // below maxSmall
		if before < 0 || binary.LittleEndian.Uint32(plain[before:]) != four {
			w.symbol(int(plain[i]))
			i++
			continue
		}
		n := minMatch
		for n < maxMatch && i+n < len(plain) && plain[before+n] == plain[i+n] {
			n++
		}
		w.match(n, i-before)
		i += n
	}
	for ; i < len(plain); i++ {
		w.symbol(int(plain[i]))
	}
	w.symbol(endOfBlock)
}

// stored writes plain, at most 65,535 bytes, as a block that isn't compressed, and ends in a whole byte.
func (w *blockWriter) stored(plain []byte, last bool) {
	head := uint64(0)
	if last {
		head = 1
	}
	w.put(head, 3)
	for ; w.count > 0; w.count -= min(w.count, 8) {
		w.b = append(w.b, byte(w.bits))
		w.bits >>= 8
	}
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(len(plain)))
	w.b = binary.LittleEndian.AppendUint16(w.b, ^uint16(len(plain)))
	w.b = append(w.b, plain...)
}
