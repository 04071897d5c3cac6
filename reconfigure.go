package sentryconfig

import (
	"errors"
	"fmt"
	"slices"
)

// Reconfigure changes the options that can change while tasks run: Enabled, SendPII, SendSystemInfo, SecretKeys,
// TracesSampleRate, MaxPerMinute, StuckAfter, Alerts, Expected and ErrorClass. The change applies from the next call
// on. If any other option differs, it returns an error that names the option, and changes nothing; Logger and
// ClientOptions aren't compared. It also returns an error for options that are wrong, and when the Client is closed.
//
// Setting SendPII to false also drops unsent events with personal data, and counts them. An alert that stays keeps its
// counts. With [LoadOptions], Reconfigure applies a changed settings file at run time. It is safe for concurrent use.
func (c *Client) Reconfigure(opts Options) error {
	if !c.open() {
		return errors.New("sentryconfig: Reconfigure: there is no Client that is open")
	}
	n, err := opts.resolve()
	if err != nil {
		return err
	}
	c.noticeUnknownNames(opts)
	c.reconfiguring.Lock()
	defer c.reconfiguring.Unlock()
	if name := c.asked.differs(n.fixed); name != "" {
		return fmt.Errorf("sentryconfig: Reconfigure: %s can't be changed while the Client is open; "+
			"Close it and make another", name)
	}
	before := c.policy.Load()
	after := c.permitted(&n.policy).derive()
	c.policy.Store(after)
	c.asked.policy = n.policy
	if c.box != nil {
		c.box.SetPII(after.pii)
	}
	if c.collector != nil && (after.pii != before.pii || after.systemInfo != before.systemInfo) {
		c.collector.Ask(c.collectorOptions())
	}
	if c.keeper != nil && before.stuckAfter != after.stuckAfter {
		c.keeper.Kick()
	}
	if before.enabled != after.enabled {
		c.SetEnabled(after.enabled)
	}
	return nil
}

// permitted returns p without what ClientOptions forbids.
func (c *Client) permitted(p *policy) policy {
	allowed := *p
	allowed.pii = p.pii && !c.forbidsPII
	return allowed
}

// agrees returns nil if other has the settings that c was given. It doesn't compare functions and the Logger.
func (c *Client) agrees(other resolved) error {
	c.reconfiguring.Lock()
	defer c.reconfiguring.Unlock()
	if c.asked.differs(other.fixed) != "" || !c.asked.policy.equal(&other.policy) {
		return ErrInitialized
	}
	return nil
}

// differs returns the name of the first option that differs between s and other, "" when none does.
func (s *fixed) differs(other fixed) string {
	for _, o := range []struct {
		name string
		same bool
	}{
		{"DSN", s.dsn == other.dsn},
		{"Environment", s.environment == other.environment},
		{"Release", s.release == other.release},
		{"OutboxDir", s.outboxDir == other.outboxDir},
		{"OutboxBytes", s.outboxBytes == other.outboxBytes},
		{"CrashReports", s.crashReports == other.crashReports},
	} {
		if !o.same {
			return o.name
		}
	}
	return ""
}

func (p *policy) equal(other *policy) bool {
	return p.enabled == other.enabled && p.pii == other.pii && p.systemInfo == other.systemInfo &&
		p.sampleRate == other.sampleRate && slices.Equal(p.secretKeys, other.secretKeys) &&
		p.maxPerMinute == other.maxPerMinute && p.stuckAfter == other.stuckAfter && slices.Equal(p.alerts, other.alerts)
}
