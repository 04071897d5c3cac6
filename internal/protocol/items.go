package protocol

import "time"

// A Category is what Sentry limits and counts an item by. Files on disk contain the values: never change them. A new
// one goes to the end, behind CategoryOther.
type Category uint8

const (
	CategoryError Category = iota
	CategoryTransaction
	CategoryMonitor
	CategoryLog
	CategoryMetric
	CategoryOther // written by a newer version, or limited by the name "default"
)

// The age above which Sentry rejects an item, or dates it wrongly.
const (
	maxErrorAge   = 30 * 24 * time.Hour
	maxOtherAge   = 5 * 24 * time.Hour
	maxCheckInAge = 10 * time.Minute // Sentry dates a check-in by its arrival
)

// An Item describes a kind of envelope item.
type Item struct {
	Type     string   // in the item's header; also sentry-go's type of such an event
	Category Category // the outbox stores it
	// Limits are the category's names in X-Sentry-Rate-Limits. Client reports use the first. A limit in bytes also
	// limits the items that it counts the bytes of.
	Limits []string
	MaxAge time.Duration // older items are dropped
	Batch  string        // content type of items that hold a list; "" for single ones
	Event  bool          // it has an event ID and falls under the limits for events
}

// Items has one row per category, at the index of its value.
var Items = [...]Item{
	{Type: "event", Category: CategoryError, Limits: []string{"error"}, MaxAge: maxErrorAge, Event: true},
	{Type: "transaction", Category: CategoryTransaction, Limits: []string{"transaction"}, MaxAge: maxOtherAge,
		Event: true},
	{Type: "check_in", Category: CategoryMonitor, Limits: []string{"monitor"}, MaxAge: maxCheckInAge},
	{Type: "log", Category: CategoryLog, Limits: []string{"log_item", "log_byte"}, MaxAge: maxOtherAge,
		Batch: "application/vnd.sentry.items.log+json"},
	{Type: "trace_metric", Category: CategoryMetric, Limits: []string{"trace_metric", "trace_metric_byte"},
		MaxAge: maxOtherAge, Batch: "application/vnd.sentry.items.trace-metric+json"},
	{Category: CategoryOther, Limits: []string{"default"}, MaxAge: maxOtherAge},
}

// The kinds that sentry-go's events are sent as.
var (
	Event       = &Items[CategoryError]
	Transaction = &Items[CategoryTransaction]
	CheckIn     = &Items[CategoryMonitor]
	Log         = &Items[CategoryLog]
	Metric      = &Items[CategoryMetric]
	Feedback    = &Item{Type: "feedback", Category: CategoryError, Event: true} // limited like events
)

// Index returns the place of c in Items, and in tables like it. Values of a newer version count as CategoryOther.
func (c Category) Index() int {
	if int(c) < len(Items) {
		return int(c)
	}
	return int(CategoryOther)
}

// Item returns the row of c.
func (c Category) Item() Item { return Items[c.Index()] }

// String returns the name in X-Sentry-Rate-Limits and client reports.
func (c Category) String() string { return c.Item().Limits[0] }
