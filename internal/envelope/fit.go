package envelope

import (
	"compress/flate"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

const (
	// maxEventBytes and maxPackedBytes are what Sentry takes of an event, less room for the envelope around it.
	maxEventBytes  = protocol.MaxEventBytes - 16<<10
	maxPackedBytes = protocol.MaxPackedBytes - 4<<10
)

// fittingPayload makes of b, which is empty, the payload of e. It cuts e, in place, until Sentry takes it.
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
	enc.Scrubber.Shrink(e, maxPackedBytes) // text that can't be packed: its size is what counts
	return appendPayload(b[:0], e)
}

// payloadLimit returns how many bytes a payload like this one may have for Sentry to take it. It compresses a large
// payload to find out, so it is called once for each version of a payload.
func payloadLimit(payload []byte) int {
	if n := len(payload); n <= maxPackedBytes || n > maxEventBytes {
		return maxEventBytes
	}
	packed := packedSize(payload)
	if packed <= maxPackedBytes {
		return maxEventBytes
	}
	return int(int64(len(payload)) * maxPackedBytes / int64(packed) * 9 / 10) // in the same proportion
}

// packedSize is about what gzip makes of payload on its way to the server.
func packedSize(payload []byte) int {
	var n byteCounter
	w, err := flate.NewWriter(&n, flate.BestSpeed)
	if err != nil {
		return len(payload)
	}
	_, _ = w.Write(payload) // a byteCounter takes everything
	_ = w.Close()
	return int(n)
}

type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }
