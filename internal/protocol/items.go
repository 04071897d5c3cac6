package protocol

import "time"

// A Category is what Sentry limits and counts an item by. Its values are in files on disk: they never change. A new one
// goes to the end, behind CategoryOther.
type Category uint8

const (
	CategoryError Category = iota
	CategoryTransaction
	CategoryMonitor
	CategoryLog
	CategoryMetric
	CategoryOther // of a newer version, and of what the limit named "default" concerns
)

// Ages after which Sentry refuses an item, or dates it wrongly.
const (
	maxErrorAge   = 30 * 24 * time.Hour
	maxOtherAge   = 5 * 24 * time.Hour
	maxCheckInAge = 10 * time.Minute // Sentry dates a check-in by its arrival
)

// An Item is a kind of item that an envelope holds.
type Item struct {
	Type     string   // in the item's header, and sentry-go's type of such an event
	Category Category // in the outbox
	// Limits are the names that X-Sentry-Rate-Limits has for the category; client reports use the first. A limit in
	// bytes limits what it counts the bytes of.
	Limits []string
	MaxAge time.Duration // what is older is dropped
	Batch  string        // content type of items that hold a list; "" for those that hold one thing
	Event  bool          // it has the ID of an event, and the limits of events hold
}

// Items has a row for each category, by its value.
var Items = [...]Item{
	{Type: "event", Category: CategoryError, Limits: []string{"error"}, MaxAge: maxErrorAge, Event: true},
	{Type: "transaction", Category: CategoryTransaction, Limits: []string{"transaction"}, MaxAge: maxOtherAge, Event: true},
	{Type: "check_in", Category: CategoryMonitor, Limits: []string{"monitor"}, MaxAge: maxCheckInAge},
	{Type: "log", Category: CategoryLog, Limits: []string{"log_item", "log_byte"}, MaxAge: maxOtherAge,
		Batch: "application/vnd.sentry.items.log+json"},
	{Type: "trace_metric", Category: CategoryMetric, Limits: []string{"trace_metric", "trace_metric_byte"},
		MaxAge: maxOtherAge, Batch: "application/vnd.sentry.items.trace-metric+json"},
	{Category: CategoryOther, Limits: []string{"default"}, MaxAge: maxOtherAge},
}

// The kinds that an event of sentry-go's may become.
var (
	Event       = &Items[CategoryError]
	Transaction = &Items[CategoryTransaction]
	CheckIn     = &Items[CategoryMonitor]
	Log         = &Items[CategoryLog]
	Metric      = &Items[CategoryMetric]
	Feedback    = &Item{Type: "feedback", Category: CategoryError, Event: true} // limited as events are
)

// Index is the place of c in Items, and in tables like it. What a newer version wrote counts as CategoryOther.
func (c Category) Index() int {
	if int(c) < len(Items) {
		return int(c)
	}
	return int(CategoryOther)
}

// Item returns the row of c.
func (c Category) Item() Item { return Items[c.Index()] }

// String returns the name that X-Sentry-Rate-Limits and client reports use.
func (c Category) String() string { return c.Item().Limits[0] }
