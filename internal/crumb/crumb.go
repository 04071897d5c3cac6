// Package crumb makes breadcrumbs of calls and of log records, and keeps those of a task until they are asked for.
package crumb

import (
	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// A Crumb is a new breadcrumb. With Listed its data is a list while it has few entries: that costs half of what a map
// does, unless the map is needed in the end. The values are immutable, or the Crumb's own.
type Crumb struct {
	sentry.Breadcrumb // Data is nil while the entries are in few
	Listed            bool
	n                 int // entries in few
	few               [maxFew]pair
}

// maxFew is how many entries a list has at most, so that simple ones fit.
const maxFew = protocol.MaxCrumbBytes / safe.SimpleBytes

type pair struct {
	key   string
	value any
}

// Set makes c a breadcrumb of the call's arguments. Data is copied, and takes about protocol.MaxCrumbBytes of JSON at
// most. Set keeps no reference to it, so a literal that a caller passes needs no allocation. c is
// new.
func (c *Crumb) Set(message, category string, level sentry.Level, data map[string]any) {
	c.Type, c.Category, c.Level = "default", category, level
	c.Message = safe.CutText(message, protocol.MaxMessageChars)
	if !c.setList(data) {
		c.Data = safe.Map(data, protocol.MaxCrumbBytes)
	}
}

// setList lists data and reports true, if that is wanted, and safe.Map would keep each entry as it is.
func (c *Crumb) setList(data map[string]any) bool {
	if !c.Listed || len(data) == 0 || len(data) > maxFew {
		return false
	}
	for key, value := range data {
		if !safe.IsSimple(key, value) {
			c.n = 0
			return false
		}
		c.few[c.n] = pair{key, value}
		c.n++
	}
	return true
}

// put sets an entry of c's data.
func (c *Crumb) put(key string, value any) {
	if c.Data == nil {
		if c.Listed && c.n < maxFew {
			c.few[c.n] = pair{key, value}
			c.n++
			return
		}
		c.Data = mapOf(c.few[:c.n])
		c.n = 0
	}
	c.Data[key] = value
}

// mapOf returns the map that a list stands for. Of entries with the same key the last one counts.
func mapOf(list []pair) map[string]any {
	m := make(map[string]any, 4) // up to 8 entries take the same memory
	for _, p := range list {
		m[p.key] = p.value
	}
	return m
}

// Made returns c as sentry-go takes it.
func (c *Crumb) Made() *sentry.Breadcrumb {
	b := c.Breadcrumb
	if c.n > 0 {
		b.Data = mapOf(c.few[:c.n])
	}
	return &b
}
