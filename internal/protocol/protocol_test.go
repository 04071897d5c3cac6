package protocol

import (
	"slices"
	"testing"
)

// TestItems: values that are in files on disk stay what they are, and no two rows share one, or a name.
func TestItems(t *testing.T) {
	t.Parallel()
	names := []string{"error", "transaction", "monitor", "log_item", "trace_metric", "default"}
	if len(Items) != len(names) {
		t.Fatalf("there are %d rows: add the limit of the new one to the end of the names here, which never change "+
			"places, and the form of its item to ItemOf and appendPayload in internal/envelope", len(Items))
	}
	var seen []string
	for i, item := range Items {
		if int(item.Category) != i || item.Category.String() != names[i] || item.MaxAge <= 0 {
			t.Errorf("row %d: %+v is called %s", i, item, item.Category)
		}
		for _, name := range item.Limits {
			if slices.Contains(seen, name) {
				t.Errorf("the limit %s has two rows", name)
			}
			seen = append(seen, name)
		}
	}
	if got := Category(200).String(); got != "default" {
		t.Errorf("a newer version's category is called %s", got)
	}
	kinds := []*Item{Event, Transaction, CheckIn, Log, Metric, Feedback}
	for i, want := range []string{"event", "transaction", "check_in", "log", "trace_metric", "feedback"} {
		if kinds[i].Type != want {
			t.Errorf("%s is called %s", want, kinds[i].Type)
		}
	}
}
