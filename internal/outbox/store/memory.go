package store

import (
	"context"
	"sync"
	"sync/atomic"
)

// Memory is a Store that ends with the process. It takes what it is given: its owner keeps it within a limit.
type Memory struct {
	bytes atomic.Int64
	mu    sync.Mutex // guards the payload of each entry
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{} }

// Put implements Store. It never fails.
func (m *Memory) Put(r *Record) (*Entry, error) {
	e := r.NewEntry()
	e.Where.Memory = append(make([]byte, 0, len(r.Payload)), r.Payload...)
	m.bytes.Add(e.Size)
	return e, nil
}

// Payload implements Store. An entry that is done is damaged.
func (m *Memory) Payload(e *Entry, buf []byte) ([]byte, error) {
	m.mu.Lock()
	payload := e.Where.Memory
	m.mu.Unlock()
	if payload == nil {
		return nil, ErrDamaged
	}
	return append(buf[:0], payload...), nil
}

// Done implements Store.
func (m *Memory) Done(e *Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Where.Memory != nil {
		e.Where.Memory = nil
		m.bytes.Add(-e.Size)
	}
	return nil
}

// Adopt implements Store. No process leaves its memory to another.
func (m *Memory) Adopt(context.Context, func([]*Entry)) (Adopted, error) { return Adopted{}, nil }

// Unread implements Store. Memory can always be read.
func (m *Memory) Unread() Unread { return Unread{} }

// Recount implements Store. Nobody else holds anything.
func (m *Memory) Recount() {}

// Forget implements Store.
func (m *Memory) Forget() int { return 0 }

// Log implements Store. Memory has nothing to say.
func (m *Memory) Log() {}

// Bytes implements Store.
func (m *Memory) Bytes() int64 { return m.bytes.Load() }

// Probe implements Store. Memory doesn't fail.
func (m *Memory) Probe() error { return nil }

// Sync implements Store. Nothing of it survives a power cut.
func (m *Memory) Sync() error { return nil }

// Close implements Store.
func (m *Memory) Close() error { return nil }
