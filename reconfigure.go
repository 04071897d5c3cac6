package sentryconfig

import (
	"errors"
	"fmt"
	"slices"
)

// Reconfigure changes what can be changed while tasks run: Enabled, SendPII, SendSystemInfo, SecretKeys,
// TracesSampleRate, MaxPerMinute, StuckAfter, Alerts, Expected and ErrorClass. It holds from the next call on; what
// waits in the outbox with personal data is dropped, and counted, once SendPII is false. What was counted for an
// alert that stays is kept. If any other option differs, it returns an error that names it and changes nothing; the
// Logger and ClientOptions are not compared. With [LoadOptions] it makes settings effective at run time.
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

// permitted is p without what ClientOptions forbids.
func (c *Client) permitted(p *policy) policy {
	allowed := *p
	allowed.pii = p.pii && !c.forbidsPII
	return allowed
}

// agrees returns nil when c was given the same settings, functions and the Logger aside.
func (c *Client) agrees(other resolved) error {
	c.reconfiguring.Lock()
	defer c.reconfiguring.Unlock()
	if c.asked.differs(other.fixed) != "" || !c.asked.policy.equal(&other.policy) {
		return ErrInitialized
	}
	return nil
}

// differs names the first option that s and other differ in, and "" when there is none.
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
