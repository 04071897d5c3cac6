package main

import (
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/autoservice/sentryconfig/internal/scrub"
)

// secretNames knows the names that hold secrets.
var secretNames = scrub.New(scrub.Config{PII: true})

// A filter keeps secrets out of the report and the log, as sentryconfig does out of events. Personal data stays: both
// are this machine's own. A nil filter keeps everything. It is for concurrent use.
type filter struct {
	scrubber atomic.Pointer[scrub.Scrubber]
}

func newFilter(secretKeys []string) *filter {
	f := new(filter)
	f.use(secretKeys)
	return f
}

// use filters by other keys from now on.
func (f *filter) use(secretKeys []string) {
	if f != nil {
		f.scrubber.Store(scrub.New(scrub.Config{SecretKeys: secretKeys, PII: true}))
	}
}

func (f *filter) text(s string) string {
	if f == nil {
		return s
	}
	return f.scrubber.Load().Text(s)
}

// result filters what a task says of itself. hidden are values that are reported in no case.
func (f *filter) result(r *result, hidden []string) {
	r.Type, r.Label, r.Reason = f.text(r.Type), f.text(r.Label), hide(f.text(r.Reason), hidden)
	if f == nil {
		return
	}
	if sum, ok := f.scrubber.Load().Value(r.Summary).(summary); ok {
		r.Summary = sum
	}
}

// hide replaces values in text.
func hide(text string, values []string) string {
	for _, v := range values {
		text = strings.ReplaceAll(text, v, filtered)
	}
	return text
}

// attr filters an attribute of the log.
func (f *filter) attr(_ []string, a slog.Attr) slog.Attr {
	if f == nil {
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(f.named(a.Key, a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(f.named(a.Key, v.Error()))
		case []string:
			a.Value = slog.AnyValue(f.scrubber.Load().Value(v))
		}
	}
	return a
}

func (f *filter) named(name, value string) string {
	if f.scrubber.Load().SecretName(name) {
		return filtered
	}
	return f.scrubber.Load().Text(value)
}
