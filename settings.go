package sentryconfig

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/scrub"
	"github.com/autoservice/sentryconfig/internal/settings"
	"github.com/autoservice/sentryconfig/internal/tally"
)

// fixed holds the options that can't change while a Client is open, checked and with all defaults.
type fixed struct {
	dsn          string // "" for none
	environment  string
	detected     string
	release      string
	outboxDir    string
	outboxBytes  int64
	crashReports bool
	logger       *slog.Logger

	forbidsPII bool // ClientOptions switched personal data off
	ownRate    bool // ClientOptions set a sample rate
}

// policy holds the options that [Reconfigure] changes. A call loads it once, so that each event follows one policy.
type policy struct {
	enabled    bool
	pii        bool
	systemInfo bool
	sampleRate float64
	secretKeys []string

	maxPerMinute int           // 0: no limit
	stuckAfter   time.Duration // 0: never
	alerts       []tally.Alert

	expected   func(error) bool
	errorClass func(error) string

	scrubber *scrub.Scrubber
	user     string // the user name; only with personal data
}

// derive sets the fields that follow from the others. It costs a new scrubber.
func (p policy) derive() *policy {
	config := scrub.Config{SecretKeys: p.secretKeys, PII: p.pii}
	if p.pii {
		p.user = machine.User()
	} else {
		n := machine.ReadNames()
		config.Homes, config.Users, config.Hosts, config.Dirs = n.Homes, n.Users, n.Hosts, n.Dirs
	}
	p.scrubber = scrub.New(config)
	return &p
}

// resolved holds Options, checked and with all defaults.
type resolved struct {
	fixed
	policy policy
}

func (o *Options) resolve() (resolved, error) {
	r := resolved{
		fixed: fixed{
			detected:     settings.DetectEnvironment(),
			crashReports: o.CrashReports,
			logger:       settings.Logger(o.Logger),
		},
		policy: policy{
			enabled:    o.Enabled.Or(true),
			pii:        o.SendPII.Or(true),
			systemInfo: o.SendSystemInfo.Or(true),
			sampleRate: o.TracesSampleRate.Or(1),
			secretKeys: slices.Clone(o.SecretKeys),
			expected:   o.Expected,
			errorClass: o.ErrorClass,

			maxPerMinute: o.MaxPerMinute,
			stuckAfter:   o.StuckAfter,
			alerts:       alertsOf(o.Alerts),
		},
	}
	if err := r.policy.check(); err != nil {
		return r, err
	}
	var err error
	if r.dsn, err = settings.ResolveDSN(o.DSN, DefaultDSN, builtInDSN); err != nil {
		return r, err
	}
	r.environment = cmp.Or(settings.CanonicalEnvironment(o.Environment), r.detected)
	if err := settings.CheckEnvironment(r.environment); err != nil {
		return r, err
	}
	r.release = cmp.Or(o.Release, settings.DefaultRelease())
	if err := settings.CheckRelease(r.release); err != nil {
		return r, err
	}
	r.outboxDir, r.outboxBytes, err = settings.Outbox(o.OutboxDir, o.OutboxBytes, o.CrashReports)
	return r, err
}

// check returns an error for the first value that makes no sense.
func (p *policy) check() error {
	if err := settings.CheckRate("sentryconfig: TracesSampleRate", p.sampleRate); err != nil {
		return err
	}
	if p.maxPerMinute < 0 {
		return fmt.Errorf("sentryconfig: MaxPerMinute is %d, want 0 for no limit or a number of events", p.maxPerMinute)
	}
	if p.stuckAfter < 0 {
		return fmt.Errorf("sentryconfig: StuckAfter is %v, want 0 for never or a duration", p.stuckAfter)
	}
	for i, a := range p.alerts {
		if err := a.Check(fmt.Sprintf("Alerts[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}
