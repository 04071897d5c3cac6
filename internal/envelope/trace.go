package envelope

import (
	"hash/maphash"
	"maps"
	"sync/atomic"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// A traceCache remembers trace headers: those of one type of task differ by the trace's ID alone. It has no lock, and a
// fixed number of places, chosen by the transaction's name. The zero value is empty.
type traceCache [8]atomic.Pointer[traceHeader]

// A traceHeader is the trace part of an envelope's header without the trace's ID.
type traceHeader struct {
	entries map[string]string // as sentry-go made them
	json    []byte            // scrubbed, without the opening brace
}

var traceSeed = maphash.MakeSeed()

// appendTrace appends the trace part of an envelope's header. It changes entries.
func (enc *Encoder) appendTrace(b []byte, entries map[string]string) ([]byte, error) {
	const idKey = "trace_id"
	id, hasID := entries[idKey]
	delete(entries, idKey)
	place := &enc.traces[maphash.String(traceSeed, entries["transaction"])%uint64(len(enc.traces))]
	known := place.Load()
	if known == nil || !maps.Equal(known.entries, entries) {
		known = &traceHeader{entries: maps.Clone(entries)}
		enc.Scrubber.TraceHeader(entries)
		encoded, err := safe.AppendJSON(nil, entries)
		if err != nil {
			return b, err
		}
		known.json = encoded[1:]
		place.Store(known)
	}
	b = append(b, '{')
	if hasID {
		b = safe.AppendString(append(b, `"`+idKey+`":`...), id)
		if len(entries) > 0 {
			b = append(b, ',')
		}
	}
	return append(b, known.json...), nil
}
