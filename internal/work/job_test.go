package work

import (
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// TestEventIDOfLongNames: jobs whose names begin alike have IDs of their own, the same for whoever knows the name from
// the journal of a dead process.
func TestEventIDOfLongNames(t *testing.T) {
	long := strings.Repeat("a", 300)
	seen := make(map[string]bool)
	for _, job := range []outbox.Job{{ID: long + "1"}, {ID: long + "2"}, {ID: "x", Queue: long + "1"},
		{ID: "x", Queue: long + "2"}, {Identity: long + "1"}, {Identity: long + "2"}} {
		id := Job{Job: job}.InterruptedID()
		if noted := (Job{Job: job.Fit()}).InterruptedID(); noted != id {
			t.Errorf("%s, and %s as it was noted", id, noted)
		}
		seen[id] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d IDs of 6 jobs", len(seen))
	}
}
