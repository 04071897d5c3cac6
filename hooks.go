package sentryconfig

import (
	"cmp"
	"maps"
	"math"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/grouping"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/scrub"
	"github.com/autoservice/sentryconfig/internal/work"
)

// Every event passes through here on its way from sentry-go's scope to the transport. The package adds its own data,
// then the user's hook sees the event, and the scrubber comes last.

// wrapHooks installs the package's hooks, which call the user's.
func (c *Client) wrapHooks(co *sentry.ClientOptions) {
	c.hooks = hooks{co.BeforeSend, co.BeforeSendTransaction, co.BeforeBreadcrumb, co.BeforeSendLog, co.BeforeSendMetric,
		co.Integrations, co.TracesSampler}
	c.maxBreadcrumbs = cmp.Or(co.MaxBreadcrumbs, 100) // as in sentry-go
	co.BeforeSend = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSend, "ClientOptions.BeforeSend")
	}
	co.BeforeSendTransaction = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSendTransaction, "ClientOptions.BeforeSendTransaction")
	}
	co.BeforeSendLog, co.BeforeSendMetric, co.Integrations = c.finishLog, c.finishMetric, c.chooseIntegrations
	co.TracesSampler = c.sample
}

// sample is the TracesSampler: it asks the user's sampler. Without one, the decision that the span begins with counts,
// else the rate. It begins with its parent's, or with that of its task where the span is made late: see makeLate.
func (c *Client) sample(ctx sentry.SamplingContext) float64 {
	rate := c.sampleRate()
	switch {
	case c.hooks.sampler != nil:
		c.call("ClientOptions.TracesSampler", func() { rate = c.hooks.sampler(ctx) })
	case ctx.Span.Sampled == sentry.SampledTrue:
		return 1
	case ctx.Span.Sampled == sentry.SampledFalse:
		return 0
	}
	return rate
}

// sampleRate returns the rate of the options, which Reconfigure may change, unless ClientOptions has set another.
func (c *Client) sampleRate() float64 {
	if c.ownRate {
		return c.tracing.sampleRate
	}
	return c.policy.Load().sampleRate
}

// chooseIntegrations removes sentry-go's environment integration. The collector reads more, and in BeforeSend the
// integration's values can't be told from those that the host program set. Then the user's hook chooses.
func (c *Client) chooseIntegrations(list []sentry.Integration) []sentry.Integration {
	kept := make([]sentry.Integration, 0, len(list))
	for _, i := range list {
		if i.Name() != "Environment" {
			kept = append(kept, i)
		}
	}
	if c.hooks.integrations != nil {
		c.call("ClientOptions.Integrations", func() { kept = c.hooks.integrations(kept) })
	}
	return kept
}

// through returns what the user's hook, if there is one, makes of v: v itself when the hook panics.
func through[T any](c *Client, name string, hook func(*T) *T, v *T) *T {
	out := v
	if hook != nil && !c.call(name, func() { out = hook(v) }) {
		return v
	}
	return out
}

// finishLog does for a log what finish does for an event.
func (c *Client) finishLog(l *sentry.Log) *sentry.Log {
	if !c.active() {
		return nil
	}
	if l = through(c, "ClientOptions.BeforeSendLog", c.hooks.beforeSendLog, l); l != nil {
		c.policy.Load().scrubber.Log(l)
	}
	return l
}

// finishMetric does for a metric what finish does for an event.
func (c *Client) finishMetric(m *sentry.Metric) *sentry.Metric {
	if !c.active() {
		return nil
	}
	if m = through(c, "ClientOptions.BeforeSendMetric", c.hooks.beforeSendMetric, m); m == nil {
		return nil
	}
	// JSON can't hold such a value, and the whole batch would be lost.
	if f, ok := m.Value.Float64(); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		c.logger.Warn("sentryconfig: a metric is left out: its value is no number", "name", m.Name, "value", f)
		return nil
	}
	c.policy.Load().scrubber.Metric(m)
	return m
}

// finishCheckIn does for check-ins, which bypass BeforeSend, what finish does for events.
func (c *Client) finishCheckIn(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
	if e.CheckIn == nil {
		return e
	}
	if !c.active() {
		return nil
	}
	checkIn := *e.CheckIn // a copy: the original belongs to the caller
	checkIn.MonitorSlug = work.FitSlug(c.policy.Load().scrubber.Text(checkIn.MonitorSlug))
	checkIn.ID, checkIn.Duration = envelope.FitID(checkIn.ID), max(checkIn.Duration, 0)
	e.CheckIn = &checkIn
	if e.MonitorConfig != nil {
		if e.MonitorConfig = work.FitConfig(*e.MonitorConfig); e.MonitorConfig == nil {
			c.warnOfSchedule(checkIn.MonitorSlug)
		}
	}
	c.policy.Load().scrubber.Event(e)
	return e
}

// cleanMessage prepares a message for use as an error class: secrets and personal data are replaced, and all
// directories look the same.
func (c *Client) cleanMessage(message string) string {
	return strings.ReplaceAll(c.policy.Load().scrubber.Text(grouping.Excerpt(message)), scrub.Dir, "/dir")
}

// finish completes an event in place. If the user's hook panics, the event is sent as if there were no hook.
func (c *Client) finish(e *sentry.Event, hint *sentry.EventHint,
	hook func(*sentry.Event, *sentry.EventHint) *sentry.Event, name string) *sentry.Event {
	if !c.active() {
		return nil
	}
	details, p := captureOf(hint), c.policy.Load()
	if details == nil {
		details = c.transport.endingOf(e)
	}
	system := c.complete(e, details, p, hook != nil)
	if hook != nil {
		ours := func(e *sentry.Event) *sentry.Event { return hook(e, hint) }
		if e = through(c, name, ours, e); e == nil {
			return nil
		}
		if c.transport != nil {
			system.Reclaim(e)
		}
	}
	if e.ServerName == scrub.Host || e.ServerName == c.host {
		e.ServerName = ""
		if p.pii && !details.elsewhere() {
			e.ServerName = c.host
		}
	}
	e.EventID = envelope.FitID(e.EventID)
	p.scrubber.EventBut(e, system.Marks())
	if envelope.ItemOf(e) == protocol.Event && !details.ofDead() && c.holdBack(e, p) {
		if details != nil {
			details.held = true
		}
		envelope.Unmark(e)
		return nil
	}
	if details != nil && c.transport != nil {
		c.transport.expect(e, details)
	}
	return e
}

// complete adds the package's own data to e: tags, the machine's contexts, the fingerprint and the user. It returns
// those contexts. hooked says that a hook of the user's will see e.
func (c *Client) complete(e *sentry.Event, details *captureDetails, p *policy, hooked bool) (system *envelope.Shared) {
	if envelope.ItemOf(e) == protocol.Transaction {
		work.MoveOrigin(e)
	}
	c.addCommonTags(e)
	if !details.ofDead() { // for a dead process, finishDead has added what applies
		system = c.systemContexts(p)
		system.AddTo(e, hooked || c.transport == nil)
	}
	if details != nil && len(e.Fingerprint) == 0 {
		e.Fingerprint = details.fingerprint
	}
	if p.pii && e.User.Username == "" && !details.elsewhere() {
		e.User.Username = p.user
	}
	return system
}

// addCommonTags adds the tags that every event has, unless e has them.
func (c *Client) addCommonTags(e *sentry.Event) {
	for name := range c.tags {
		if _, ok := e.Tags[name]; !ok {
			tags := make(map[string]string, len(e.Tags)+len(c.tags)) // the event's own may be the caller's
			maps.Copy(tags, c.tags)
			maps.Copy(tags, e.Tags)
			e.Tags = tags
			return
		}
	}
}
