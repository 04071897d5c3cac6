package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Memory is a Store that ends with the process. It takes what it is given: its owner keeps it within a limit.
type Memory struct {
	bytes atomic.Int64
	mu    sync.Mutex // guards the payload of each entry
	last  []byte     // what the newest entries share
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{} }

// Put implements Store. It never fails. What r shares is kept as it is, and counts for the first entry that has it.
func (m *Memory) Put(r *Record) (*Entry, error) {
	e := r.NewEntry()
	own := r.Payload
	if at := FindShared(r.Payload, r.Shared); at >= 0 && !r.Packed {
		e.Where.Shared, e.Where.Split = r.Shared, at
		own = append(make([]byte, 0, len(r.Payload)-len(r.Shared)), r.Payload[:at]...)
		own = append(own, r.Payload[at+len(r.Shared):]...)
		m.mu.Lock()
		if len(m.last) == len(r.Shared) && &m.last[0] == &r.Shared[0] {
			e.Size -= int64(len(r.Shared))
		}
		m.last = r.Shared
		m.mu.Unlock()
	} else {
		own = append(make([]byte, 0, len(own)), own...)
	}
	e.Where.Memory = own
	m.bytes.Add(e.Size)
	return e, nil
}

// Payload implements Store. An entry that is done is damaged.
func (m *Memory) Payload(e *Entry, buf []byte) ([]byte, error) {
	m.mu.Lock()
	own, shared, split := e.Where.Memory, e.Where.Shared, e.Where.Split
	m.mu.Unlock()
	if own == nil {
		return nil, ErrDamaged
	}
	buf = slices.Grow(buf[:0], len(own)+len(shared))
	return append(append(append(buf, own[:split]...), shared...), own[split:]...), nil
}

// Done implements Store.
func (m *Memory) Done(e *Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Where.Memory != nil {
		e.Where.Memory, e.Where.Shared = nil, nil
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

// Tell implements Store. Nobody else can read memory.
func (m *Memory) Tell(Health) {}

// Log implements Store. Memory has nothing to say.
func (m *Memory) Log() {}

// Bytes implements Store.
func (m *Memory) Bytes() int64 { return m.bytes.Load() }

// Answers implements Store. Memory does.
func (m *Memory) Answers() bool { return true }

// Probe implements Store. Memory doesn't fail.
func (m *Memory) Probe() error { return nil }

// Sync implements Store. Nothing of it survives a power cut.
func (m *Memory) Sync() error { return nil }

// Close implements Store.
func (m *Memory) Close() error { return nil }
