// Package crumb makes breadcrumbs of calls and of log records, and keeps those of a task until they are asked for.
package crumb

import (
	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// New returns a breadcrumb of a call's arguments. Data is copied, and takes about protocol.MaxCrumbBytes of JSON at
// most. New keeps no reference to it, so a literal that a caller passes needs no allocation.
func New(message, category string, level sentry.Level, data map[string]any) *sentry.Breadcrumb {
	b := new(sentry.Breadcrumb)
	set(b, message, category, level)
	b.Data = safe.Map(data, protocol.MaxCrumbBytes)
	return b
}

// set sets what a breadcrumb says beside its time and its data.
func set(b *sentry.Breadcrumb, message, category string, level sentry.Level) {
	b.Type, b.Category, b.Level = "default", category, level
	b.Message = safe.CutText(message, protocol.MaxMessageChars)
}

// A Draft is a breadcrumb that is likely to be forgotten: its data is a list while it has few entries. That costs half
// of what a map does, unless the map is needed in the end. The values are immutable, or the Draft's own.
type Draft struct {
	sentry.Breadcrumb     // Data is nil while the entries are in few
	n                 int // entries in few
	few               [maxFew]pair
}

// maxFew is how many entries a list has at most, so that simple ones fit.
const maxFew = protocol.MaxCrumbBytes / safe.SimpleBytes

type pair struct {
	key   string
	value any
}

// Set makes d, which is new, what New returns.
func (d *Draft) Set(message, category string, level sentry.Level, data map[string]any) {
	set(&d.Breadcrumb, message, category, level)
	if !d.list(data) {
		d.Data = safe.Map(data, protocol.MaxCrumbBytes)
	}
}

// list lists data and reports true, if safe.Map would keep each entry as it is.
func (d *Draft) list(data map[string]any) bool {
	if len(data) == 0 || len(data) > maxFew {
		return false
	}
	for key, value := range data {
		if !safe.IsSimple(key, value) {
			d.n = 0
			return false
		}
		d.few[d.n] = pair{key, value}
		d.n++
	}
	return true
}

// put sets an entry of d's data.
func (d *Draft) put(key string, value any) {
	if d.Data == nil && d.n < maxFew {
		d.few[d.n] = pair{key, value}
		d.n++
		return
	}
	if d.Data == nil {
		d.Data = mapOf(d.few[:d.n])
		d.n = 0
	}
	d.Data[key] = value
}

// mapOf returns the map that a list stands for. Of entries with the same key the last one counts.
func mapOf(list []pair) map[string]any {
	m := make(map[string]any, 4) // up to 8 entries take the same memory
	for _, p := range list {
		m[p.key] = p.value
	}
	return m
}

// Made returns d as sentry-go takes it.
func (d *Draft) Made() *sentry.Breadcrumb {
	b := d.Breadcrumb
	if d.n > 0 {
		b.Data = mapOf(d.few[:d.n])
	}
	return &b
}
