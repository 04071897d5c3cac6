package outbox

import (
	"encoding/json"
	"strconv"
	"time"
)

// reports counts what was lost until the server has been told. See https://develop.sentry.dev/sdk/client-reports/.
type reports struct {
	lost map[lostKey]int64
	last time.Time // when one was sent
}

type lostKey struct{ reason, category string }

// reportEvery is the least time between two client reports that nobody asked for.
const reportEvery = 30 * time.Second

func (r *reports) add(reason string, c Category, items, spans uint32) {
	if r.lost == nil {
		r.lost = make(map[lostKey]int64)
	}
	r.lost[lostKey{reason, c.String()}] += int64(max(items, 1))
	if c == CategoryTransaction {
		r.lost[lostKey{reason, "span"}] += int64(spans) + 1
	}
}

func (r *reports) any() bool { return len(r.lost) > 0 }

// take returns what is to be reported; giveBack undoes it.
func (r *reports) take(now time.Time) map[lostKey]int64 {
	lost := r.lost
	r.lost, r.last = nil, now
	return lost
}

func (r *reports) giveBack(lost map[lostKey]int64) {
	if r.lost == nil {
		r.lost = make(map[lostKey]int64)
	}
	for key, n := range lost {
		r.lost[key] += n
	}
}

func (o *Outbox) reportEnvelope(lost map[lostKey]int64) []byte {
	type discarded struct {
		Reason   string `json:"reason"`
		Category string `json:"category"`
		Quantity int64  `json:"quantity"`
	}
	var body struct {
		Timestamp time.Time   `json:"timestamp"`
		Discarded []discarded `json:"discarded_events"`
	}
	body.Timestamp = time.Now().UTC()
	for key, n := range lost {
		body.Discarded = append(body.Discarded, discarded{key.reason, key.category, n})
	}
	item, _ := json.Marshal(body) // plain strings and numbers
	header := "{}"
	if o.cfg.SDK != "" {
		header = `{"sdk":` + o.cfg.SDK + `}`
	}
	return []byte(header + "\n" + `{"type":"client_report","length":` + strconv.Itoa(len(item)) + "}\n" + string(item) + "\n")
}
