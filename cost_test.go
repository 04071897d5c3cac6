package sentryconfig

import (
	"strconv"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/noise"
	"github.com/autoservice/sentryconfig/internal/tally"
)

// BenchmarkMaxPerMinute times what the limit adds to a capture that passes.
func BenchmarkMaxPerMinute(b *testing.B) {
	p := &policy{maxPerMinute: 1 << 40}
	events := make([]*sentry.Event, 1<<13)
	for i := range events {
		events[i] = &sentry.Event{Fingerprint: []string{"task " + strconv.Itoa(i), "fs.PathError", "not_exist"}}
	}
	for _, bench := range []struct {
		name string
		of   int
	}{{"one", 1}, {"many", len(events)}} {
		b.Run(bench.name, func(b *testing.B) {
			c := &Client{clock: clock.New(clock.Suspended), noise: noise.New()}
			i := 0
			for b.Loop() {
				c.holdBack(events[i%bench.of], p)
				i++
			}
		})
	}
}

// BenchmarkTaskStats times what counting a task adds to it.
func BenchmarkTaskStats(b *testing.B) {
	for _, bench := range []struct {
		name   string
		alerts []tally.Alert
	}{{"alone", nil}, {"alert", []tally.Alert{{Window: time.Hour, MinRuns: 10, MaxFailureRate: 0.5}}}} {
		b.Run(bench.name, func(b *testing.B) {
			c := &Client{clock: clock.New(clock.Suspended)}
			c.policy.Store(&policy{alerts: bench.alerts})
			for b.Loop() {
				t := c.types.Begin("backup")
				t.End(isFailure(sentry.SpanStatusOK), isSuccess(sentry.SpanStatusOK, ""))
				c.watchRate("backup", t, sentry.SpanStatusOK)
			}
		})
	}
}
