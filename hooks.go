package sentryconfig

import (
	"maps"
	"math"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/scrub"
)

// Every event passes here between sentry-go's scope and the transport: first this package adds what is its own, then
// the user's hook sees the event, then the scrubber has the last word.

// wrapHooks puts the package's hooks around the user's.
func (c *Client) wrapHooks(co *sentry.ClientOptions) {
	c.hooks = hooks{co.BeforeSend, co.BeforeSendTransaction, co.BeforeSendLog, co.BeforeSendMetric, co.Integrations}
	co.BeforeSend = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSend, "ClientOptions.BeforeSend")
	}
	co.BeforeSendTransaction = func(e *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		return c.finish(e, hint, c.hooks.beforeSendTransaction, "ClientOptions.BeforeSendTransaction")
	}
	co.BeforeSendLog, co.BeforeSendMetric, co.Integrations = c.finishLog, c.finishMetric, c.chooseIntegrations
	if sampler := co.TracesSampler; sampler != nil {
		rate := co.TracesSampleRate
		co.TracesSampler = func(ctx sentry.SamplingContext) float64 {
			sampled := rate
			c.call("ClientOptions.TracesSampler", func() { sampled = sampler(ctx) })
			return sampled
		}
	}
}

// chooseIntegrations leaves out sentry-go's own environment integration: the collector reads more, and by BeforeSend
// the integration's values can't be told from those that the host program set. Then the user's hook chooses.
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

// finishLog does for a log what finish does for an event.
func (c *Client) finishLog(l *sentry.Log) *sentry.Log {
	if !active() {
		return nil
	}
	if hook := c.hooks.beforeSendLog; hook != nil {
		given := l
		if !c.call("ClientOptions.BeforeSendLog", func() { l = hook(given) }) {
			l = given
		}
	}
	if l != nil {
		c.scrubber.Log(l)
	}
	return l
}

// finishMetric does for a metric what finish does for an event.
func (c *Client) finishMetric(m *sentry.Metric) *sentry.Metric {
	if !active() {
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
	c.scrubber.Metric(m)
	return m
}

// finishCheckIn does for check-ins, which bypass BeforeSend, what finish does for events.
func (c *Client) finishCheckIn(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
	if e.CheckIn == nil {
		return e
	}
	if !active() {
		return nil
	}
	checkIn := *e.CheckIn // the caller's
	checkIn.MonitorSlug = c.scrubber.Text(checkIn.MonitorSlug)
	e.CheckIn = &checkIn
	c.scrubber.Event(e)
	return e
}

// cleanMessage removes what is secret or personal from a message before it becomes a class: in a class, one path or
// name is as good as another.
func (c *Client) cleanMessage(message string) string {
	return strings.ReplaceAll(c.scrubber.Text(cutText(message, 2*maxMessageRead)), scrub.Dir, "/dir")
}

// finish completes an event in place. If the user's hook panics, the event goes on as if there were no hook.
func (c *Client) finish(e *sentry.Event, hint *sentry.EventHint,
	hook func(*sentry.Event, *sentry.EventHint) *sentry.Event, name string) *sentry.Event {
	if !active() {
		return nil
	}
	details := captureOf(hint)
	c.addCommonTags(e)
	c.addSystem(e, hook != nil)
	if details != nil && len(e.Fingerprint) == 0 {
		e.Fingerprint = details.fingerprint
	}
	if c.pii && e.User.Username == "" {
		e.User.Username = c.user
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
	if e.ServerName == withheld {
		e.ServerName = ""
	}
	c.scrubber.Event(e)
	if details != nil && c.transport != nil {
		c.transport.expect(e, details)
	}
	return e
}

// addCommonTags gives e the tags that every event has, unless it has them.
func (c *Client) addCommonTags(e *sentry.Event) {
	_, detected := e.Tags["environment_detected"]
	if _, system := e.Tags["os_name"]; detected && (system || c.osName == "") {
		return
	}
	tags := make(map[string]string, len(e.Tags)+2) // the event's own may be the caller's
	c.commonTags(tags)
	maps.Copy(tags, e.Tags)
	e.Tags = tags
}

// firstSnapshotWait is how long the first capture waits for the first reading of the machine.
const firstSnapshotWait = 50_000_000 // nanoseconds: 50 ms

// addSystem merges the newest snapshot into e's contexts: what the host's scope set wins, key by key. The snapshot's
// maps are shared between events; private asks for copies, for a hook that may write to them.
func (c *Client) addSystem(e *sentry.Event, private bool) {
	if !c.systemInfo {
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
