package sentryconfig

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/scrub"
)

// A Client reports to one Sentry project: one configuration, one outbox, one switch.
type Client struct {
	settings
	identity   identity
	errorClass func(error) string

	client    *sentry.Client
	hub       *sentry.Hub // where a call belongs that no task has: see ownHub
	bound     bool        // hub is sentry.CurrentHub(), bound by us
	apart     *sentry.Hub // what hub is from when the host program binds a client of its own there
	box       *outbox.Outbox
	transport *transport // nil with the user's own
	scrubber  *scrub.Scrubber
	collector *collector // nil with neither SendSystemInfo nor OutboxDir
	user      string     // with SendPII
	osName    string
	hooks     hooks
	tasks     tasks

	disk         atomic.Pointer[outbox.Disk] // once it is open
	crashReports bool
	crashes      crashOutput
	ready        chan struct{} // closed when all of the above is set
	background   context.Context
}

// hooks are the user's own, from ClientOptions; they run after the package's.
type hooks struct {
	beforeSend, beforeSendTransaction func(*sentry.Event, *sentry.EventHint) *sentry.Event
	beforeSendLog                     func(*sentry.Log) *sentry.Log
	beforeSendMetric                  func(*sentry.Metric) *sentry.Metric
	integrations                      func([]sentry.Integration) []sentry.Integration
}

// withheld is the ServerName without SendPII, which sentry-go would fill with the hostname; finish removes it again.
const withheld = "[host]"

func newReporter(opts Options, s settings) (*Client, error) {
	c := &Client{settings: s, identity: identityOf(s), errorClass: opts.ErrorClass, osName: osName(),
		crashReports: opts.CrashReports, ready: make(chan struct{}), background: context.Background()}
	ready := sync.OnceFunc(func() { close(c.ready) })
	defer ready()
	co := sentry.ClientOptions{
		Dsn:              s.dsn,
		Environment:      s.environment,
		Release:          s.release,
		SendDefaultPII:   s.pii, //nolint:staticcheck // DataCollection in its place would hide it from the host
		EnableTracing:    true,
		TracesSampleRate: s.sampleRate,
	}
	if opts.ClientOptions != nil {
		if err := callClientOptions(opts.ClientOptions, &co); err != nil {
			return nil, err
		}
		if co.Dsn == "" {
			co.Dsn = s.dsn // else sentry-go would report to nobody, without a word
		}
		if err := checkDSN("the Dsn that Options.ClientOptions set", co.Dsn); err != nil {
			return nil, err
		}
		c.pii = s.pii && co.SendDefaultPII //nolint:staticcheck // as above; each of the two can only take away
	}
	if !c.pii && co.ServerName == "" {
		co.ServerName = withheld
	}
	c.scrubber = scrub.New(scrubConfig(c.pii, opts.SecretKeys))
	if c.pii {
		c.user = currentUser()
	}
	ownTransport := co.Transport
	c.wrapHooks(&co)
	if ownTransport == nil {
		if err := c.openOutbox(&co); err != nil {
			return nil, err
		}
		co.Transport = c.transport
	}
	client, err := sentry.NewClient(co)
	if err != nil {
		if c.box != nil {
			ready()
			c.box.Close(cancelledContext())
		}
		return nil, fmt.Errorf("sentryconfig: %w", err)
	}
	client.AddEventProcessor(c.finishDead) // first: the integrations have added theirs, the host program nothing yet
	client.AddEventProcessor(c.finishCheckIn)
	c.client = client
	if s.systemInfo || s.outboxDir != "" {
		opts := collectorOptions{pii: c.pii, environment: s.detected, logger: s.logger}
		if !s.systemInfo {
			opts.probes = []probe{} // it asks nothing, and gives the tasks' signs of life
		}
		c.collector = newCollector(opts)
		c.collector.notify(c.noteMachine)
	}
	c.bindHub()
	return c, nil
}

func callClientOptions(f func(*sentry.ClientOptions), co *sentry.ClientOptions) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("sentryconfig: Options.ClientOptions panicked: %v", v)
		}
	}()
	f(co)
	return nil
}

// scrubConfig names this machine and its user in all their forms. It reads them at Init, once.
func scrubConfig(pii bool, secretKeys []string) scrub.Config {
	c := scrub.Config{SecretKeys: secretKeys, PII: pii}
	if pii {
		return c
	}
	add := func(list *[]string, names ...string) {
		for _, name := range names {
			if name != "" {
				*list = append(*list, name)
			}
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		add(&c.Homes, home)
	}
	if u, err := user.Current(); err == nil {
		add(&c.Homes, u.HomeDir)
		add(&c.Users, u.Username, u.Name)
	}
	add(&c.Users, currentUser(), os.Getenv("USER"), os.Getenv("USERNAME"), os.Getenv("LOGNAME"))
	add(&c.Hosts, hostnames()...)
	add(&c.Hosts, os.Getenv("COMPUTERNAME"))
	if wd, err := os.Getwd(); err == nil {
		add(&c.Dirs, wd)
	}
	if exe, err := os.Executable(); err == nil {
		add(&c.Dirs, filepath.Dir(exe))
	}
	return c
}

// close stops everything, in the order in which data flows: what sentry-go holds, the collector, the outbox.
func (c *Client) close(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ok := c.client.FlushWithContext(ctx)
	if c.collector != nil {
		c.collector.close()
	}
	if c.bound && sentry.CurrentHub().Client() == c.client {
		sentry.CurrentHub().BindClient(nil)
		sentry.CurrentHub().Scope().ClearBreadcrumbs() // ours: the next Init begins afresh
	}
	c.client.Close()
	c.endCrashes()
	if c.box != nil {
		ok = c.box.Close(cancelledContext()) && ok // what sentry-go handed over only now waits, or is lost
	}
	return ok
}

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// discardLogger is what a nil Options.Logger means.
var discardLogger = slog.New(slog.DiscardHandler)
