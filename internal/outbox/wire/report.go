package wire

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Discarded is one row of a client report: why something was dropped, and the category it counts to.
type Discarded struct{ Reason, Category string }

// Report returns the envelope of a client report, see https://develop.sentry.dev/sdk/telemetry/client-reports/. sdk is
// a JSON object for the envelope's header, or "".
func Report(sdk string, lost map[Discarded]uint64, now time.Time) []byte {
	type discarded struct {
		Reason   string `json:"reason"`
		Category string `json:"category"`
		Quantity uint64 `json:"quantity"`
	}
	report := struct {
		Timestamp string      `json:"timestamp"`
		Discarded []discarded `json:"discarded_events"`
	}{Timestamp: now.UTC().Format(time.RFC3339)}
	for key, n := range lost {
		report.Discarded = append(report.Discarded, discarded{key.Reason, key.Category, n})
	}
	slices.SortFunc(report.Discarded, func(a, b discarded) int {
		return strings.Compare(a.Reason+a.Category, b.Reason+b.Category)
	})
	body, err := json.Marshal(report)
	if err != nil {
		return nil // texts and numbers don't fail
	}
	header := "{}"
	if sdk != "" {
		header = `{"sdk":` + sdk + `}`
	}
	item := `{"type":"client_report","length":` + strconv.Itoa(len(body)) + "}"
	return []byte(header + "\n" + item + "\n" + string(body) + "\n")
}
