package sentryconfig

import (
	"math"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/scrub"
)

// Every event passes here between sentry-go's scope and the transport: ours is added first, then the user's own hook
// sees the event, then the scrubber has the last word.

// wrapHooks puts the package's hooks around the user's.
func (c *Client) wrapHooks(co *sentry.ClientOptions) {
	c.hooks = hooks{co.BeforeSend, co.BeforeSendTransaction, co.BeforeSendLog, co.BeforeSendMetric, co.Integrations,
		co.TracesSampler}
	co.BeforeSend = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSend, "ClientOptions.BeforeSend")
	}
	co.BeforeSendTransaction = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSendTransaction, "ClientOptions.BeforeSendTransaction")
	}
	co.BeforeSendLog = func(l *sentry.Log) *sentry.Log {
		if !c.active() {
			return nil
		}
		if hook := c.hooks.beforeSendLog; hook != nil {
			given := l
			if !c.call("ClientOptions.BeforeSendLog", func() { l = hook(given) }) {
				l = given
			}
		}
		if l != nil {
			c.policy.Load().scrubber.Log(l)
		}
		return l
	}
	co.BeforeSendMetric = func(m *sentry.Metric) *sentry.Metric {
		if !c.active() {
			return nil
		}
		if hook := c.hooks.beforeSendMetric; hook != nil {
			given := m
			if !c.call("ClientOptions.BeforeSendMetric", func() { m = hook(given) }) {
				m = given
			}
		}
		if m == nil {
			return nil
		}
		if f, ok := m.Value.Float64(); ok && (math.IsNaN(f) || math.IsInf(f, 0)) { // its whole batch couldn't be encoded
			c.logger.Warn("sentryconfig: a metric is left out: its value is no number", "name", m.Name, "value", f)
			return nil
		}
		c.policy.Load().scrubber.Metric(m)
		return m
	}
	co.Integrations = func(list []sentry.Integration) []sentry.Integration {
		kept := make([]sentry.Integration, 0, len(list))
		for _, i := range list {
			if i.Name() != "Environment" { // ours tells more, and its values can't be told from the host's
				kept = append(kept, i)
			}
		}
		if c.hooks.integrations != nil {
			c.call("ClientOptions.Integrations", func() { kept = c.hooks.integrations(kept) })
		}
		return kept
	}
	co.TracesSampler = c.sampler(co.TracesSampleRate)
}

// sampler is the user's, else the rate of the options, which Reconfigure may change; given is what ClientOptions set.
func (c *Client) sampler(given float64) sentry.TracesSampler {
	return func(ctx sentry.SamplingContext) float64 {
		rate := c.policy.Load().sampleRate
		if c.ownRate {
			rate = given
		}
		switch {
		case c.hooks.sampler != nil:
			c.call("ClientOptions.TracesSampler", func() { rate = c.hooks.sampler(ctx) })
		case ctx.ParentSampled == sentry.SampledTrue:
			return 1
		case ctx.ParentSampled == sentry.SampledFalse:
			return 0
		}
		return rate
	}
}

// placeholderInSlug writes what the scrubber puts in place of a name as Sentry takes it in a slug.
var placeholderInSlug = strings.NewReplacer("[", "", "]", "", "Filtered", "filtered", "~", "home")

// finishCheckIn has for check-ins the part of the hooks, which they don't pass.
func (c *Client) finishCheckIn(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
	if e.CheckIn == nil {
		return e
	}
	if !c.active() {
		return nil
	}
	checkIn := *e.CheckIn // the caller's
	if slug := c.policy.Load().scrubber.Text(checkIn.MonitorSlug); slug != checkIn.MonitorSlug {
		checkIn.MonitorSlug = placeholderInSlug.Replace(slug)
	}
	e.CheckIn = &checkIn
	c.policy.Load().scrubber.Event(e)
	return e
}

// cleanMessage takes out of a message what is secret or personal before it becomes a class: for an error's class paths and
// names are one as good as the other.
func (c *Client) cleanMessage(message string) string {
	return strings.ReplaceAll(c.policy.Load().scrubber.Text(cutText(message, 2*maxMessageRead)), scrub.Dir, "/dir")
}

// finish completes an event in place. A hook of the user's that panics is as if there were none: the event is kept.
func (c *Client) finish(e *sentry.Event, hint *sentry.EventHint, hook func(*sentry.Event, *sentry.EventHint) *sentry.Event, name string) *sentry.Event {
	if !c.active() {
		return nil
	}
	details, p := captureOf(hint), c.policy.Load()
	if details == nil || details.dead == nil { // else finishDead has added what holds for the dead process
		c.addSystem(e, p, hook != nil)
	}
	if details != nil && len(e.Fingerprint) == 0 {
		e.Fingerprint = details.fingerprint
	}
	if p.pii && e.User.Username == "" {
		e.User.Username = p.user
	}
	if hook != nil {
		given := e
		if !c.call(name, func() { e = hook(given, hint) }) {
			e = given
		}
		if e == nil {
			return nil
		}
	}
	if e.ServerName == withheld || e.ServerName == c.host {
		e.ServerName = ""
		if p.pii {
			e.ServerName = c.host
		}
	}
	p.scrubber.Event(e)
	if details != nil && c.transport != nil {
		c.transport.expect(e, details)
	}
	return e
}

// firstSnapshotWait is how long the first capture waits for the first reading of the machine.
const firstSnapshotWait = 50_000_000 // nanoseconds: 50 ms

// addSystem merges the newest snapshot into e's contexts: what the host's scope set wins, key by key. The snapshot's maps
// are shared between events; private asks for copies, for a hook that may write to them.
func (c *Client) addSystem(e *sentry.Event, p *policy, private bool) {
	if !p.systemInfo {
		return
	}
	snapshot := c.collector.snapshot(firstSnapshotWait)
	if e.Contexts == nil {
		e.Contexts = make(map[string]sentry.Context, len(snapshot))
	}
	for name, ours := range snapshot {
		theirs := e.Contexts[name]
		if len(theirs) == 0 && !private {
			e.Contexts[name] = ours
			continue
		}
		merged := make(sentry.Context, len(ours)+len(theirs))
		for k, v := range ours {
			merged[k] = v
		}
		for k, v := range theirs {
			merged[k] = v
		}
		e.Contexts[name] = merged
	}
}
