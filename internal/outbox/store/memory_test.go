package store

import (
	"bytes"
	"testing"
)

// TestMemoryShares: what payloads share is held once, counts once, and is there again when they are read.
func TestMemoryShares(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	shared := bytes.Repeat([]byte("shared "), 100)
	other := bytes.Clone(shared)
	payload := func(before, after string, part []byte) []byte {
		return append(append([]byte(before), part...), after...)
	}
	var entries []*Entry
	var want [][]byte
	put := func(p, shared []byte, packed bool, size int) {
		t.Helper()
		before := m.Bytes()
		e, err := m.Put(&Record{Payload: p, Shared: shared, Packed: packed})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Bytes() - before; got != int64(size) || e.Size != got {
			t.Errorf("it counts %d bytes, its size is %d, want %d", got, e.Size, size)
		}
		want = append(want, bytes.Clone(p))
		entries = append(entries, e)
		clear(p) // the store has copied what it keeps
	}
	put(payload("a", "b", shared), shared, false, 2+len(shared))
	put(payload("", "bc", shared), shared, false, 2)
	put(payload("ab", "", shared), shared, false, 2)
	put(payload("", "", shared), shared, false, 0)
	put(payload("a", "b", other), other, false, 2+len(other)) // another piece of memory
	put(payload("a", "b", shared[1:]), shared, false, 1+len(shared))
	put(payload("a", "b", shared), nil, false, 2+len(shared))
	put(payload("a", "b", shared), shared, true, 2+len(shared))
	for i, e := range entries {
		got, err := m.Payload(e, make([]byte, 0, 8*i))
		if err != nil || !bytes.Equal(got, want[i]) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		if err := m.Done(e); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Payload(e, nil); err == nil {
			t.Errorf("%d: there after it is done", i)
		}
	}
	if n := m.Bytes(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}
