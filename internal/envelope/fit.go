package envelope

import (
	"compress/flate"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

const (
	// maxEventBytes and maxPackedBytes are Sentry's limits for an event, less room for the rest of the envelope.
	maxEventBytes  = protocol.MaxEventBytes - 16<<10
	maxPackedBytes = protocol.MaxPackedBytes - 4<<10
)

// fittingPayload appends the payload of e to b, which is empty. It cuts e, in place, until the payload fits.
func (enc *Encoder) fittingPayload(b []byte, e *sentry.Event) ([]byte, error) {
	b, err := appendPayload(b, e)
	if err != nil || !ItemOf(e).Event {
		return b, err
	}
	limit := payloadLimit(b)
	if len(b) <= limit {
		return b, nil
	}
	spellOut(e)
	enc.Scrubber.Shrink(e, limit)
	if b, err = appendPayload(b[:0], e); err != nil || len(b) <= payloadLimit(b) {
		return b, err
	}
	enc.Scrubber.Shrink(e, maxPackedBytes) // this text doesn't compress, so its full size counts
	return appendPayload(b[:0], e)
}

// payloadLimit returns how large a payload like this one may be for Sentry to accept it. To find out, it compresses a
// large payload, so call it once for each version of a payload.
func payloadLimit(payload []byte) int {
	if n := len(payload); n <= maxPackedBytes || n > maxEventBytes {
		return maxEventBytes
	}
	packed := packedSize(payload)
	if packed <= maxPackedBytes {
		return maxEventBytes
	}
	return int(int64(len(payload)) * maxPackedBytes / int64(packed) * 9 / 10) // in proportion, less a tenth
}

// packedSize returns about the size of payload after the sender's gzip.
func packedSize(payload []byte) int {
	var n byteCounter
	w, err := flate.NewWriter(&n, flate.BestSpeed)
	if err != nil {
		return len(payload)
	}
	_, _ = w.Write(payload) // a byteCounter never fails
	_ = w.Close()
	return int(n)
}

type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }
