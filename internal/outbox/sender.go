package outbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
)

// send sends it and then whatever comes next, until there is nothing. epoch is the upstream's when it was taken.
func (o *Outbox) send(it *item, epoch uint64) {
	s := &scratch{stored: wire.Buffer(), plain: wire.Buffer()}
	defer s.release()
	for it != nil {
		a := o.deliver(it, s)
		if outcomes[a.Verdict].leaves {
			o.forget(it) // before anybody hears that it has arrived: it must not be sent again
		}
		o.mu.Lock()
		o.settle(it, a, epoch)
		o.unlock()
		o.resident.Kick()
		if a.Finish != nil {
			a.Finish() // still counted as under way: the connection isn't free before
		}
		o.mu.Lock()
		o.sending--
		o.answered()
		now := o.now()
		if it = o.take(now); it != nil {
			epoch = o.upstream.epoch
		}
		o.unlock()
		o.resident.Kick()
	}
}

// A scratch is a sender's memory.
type scratch struct{ stored, plain *bytes.Buffer }

func (s *scratch) release() {
	wire.PutBuffer(s.stored)
	wire.PutBuffer(s.plain)
}

// deliver reads it from its store and sends it.
func (o *Outbox) deliver(it *item, s *scratch) wire.Answer {
	envelope, err := it.store.Payload(it.entry, s.stored.AvailableBuffer())
	if err != nil {
		err = fmt.Errorf("outbox: read envelope: %w", err)
		if errors.Is(err, store.ErrDamaged) {
			return wire.Answer{Verdict: wire.Damaged, Err: err}
		}
		s.stored = wire.Buffer() // the old one is the store's
		return wire.Answer{Verdict: wire.Unreadable, Err: err}
	}
	if cap(envelope) > s.stored.Cap() {
		s.stored = bytes.NewBuffer(envelope[:0])
	}
	if it.entry.Packed {
		s.plain.Reset()
		if err := wire.Inflate(s.plain, envelope); err != nil {
			return wire.Answer{Verdict: wire.Damaged, Err: fmt.Errorf("outbox: unpack envelope: %w", err)}
		}
		envelope = s.plain.Bytes()
	}
	return o.endpoint.Post(o.ctx, envelope, it.entry.Category)
}
