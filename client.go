package sentryconfig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/noise"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/resident"
	"github.com/autoservice/sentryconfig/internal/scrub"
	"github.com/autoservice/sentryconfig/internal/settings"
	"github.com/autoservice/sentryconfig/internal/tally"
)

// A Client reports to one Sentry project. It has one configuration, one outbox and one switch. Its methods are safe for
// concurrent use. A nil *Client behaves like one that is switched off.
//
// A method always reports to its own Client. With a context that carries another Client's task, it starts a separate
// task beside that one. Two Clients de-duplicate separately: one may capture what the other has captured.
type Client struct {
	fixed
	policy atomic.Pointer[policy]
	state  atomic.Uint32 // see switchedOff
	offs   atomic.Uint64 // counts each switching off, so that a task can tell whether reporting was off in between

	client    *sentry.Client     // nil without a DSN
	hub       *sentry.Hub        // for calls outside any task; see ownHub
	bound     bool               // hub is sentry.CurrentHub(), and we bound our client to it
	apart     *sentry.Hub        // fallback hub, used once the host binds its own client to the current hub
	scopes    scopeGuard         // of our captures
	box       *outbox.Outbox     // nil without a DSN, and with a Transport of the user's own
	transport *transport         // nil with a Transport of the user's own
	collector *machine.Collector // nil without a DSN
	system    atomic.Pointer[systemContexts]
	tags      map[string]string // common to all events; never written to
	host      string            // the machine's hostname
	hooks     hooks
	tasks     tasks
	types     tally.Types
	noise     *noise.Limiter
	armed     atomic.Bool        // the keeper has a timer for stuck tasks, or is about to set one
	clock     *clock.Clock       // the keeper calls its Turn
	keeper    *resident.Resident // nil without a DSN
	badSlugs  sync.Map           // string -> true; slugs of monitors that a warning was logged for

	maxBreadcrumbs int // below 0: none are kept
	tracing        tracing

	reconfiguring sync.Mutex // one Reconfigure at a time; guards asked
	asked         resolved   // the options before ClientOptions changed them

	disk       atomic.Pointer[outbox.Disk] // nil until it is open
	crashes    crash.Output
	ready      chan struct{} // closed when all fields above are set
	background context.Context
}

// The bits of Client.state. A Client reports while isMade is the only one set.
const (
	isMade uint32 = 1 << iota // set by New: the zero Client is off
	switchedOff
	isClosed // the outbox still sends while Close waits for it
	isSilent // it has no DSN
)

// hooks are those of the user, taken from ClientOptions. They run after the package's own.
type hooks struct {
	beforeSend, beforeSendTransaction func(*sentry.Event, *sentry.EventHint) *sentry.Event
	beforeBreadcrumb                  func(*sentry.Breadcrumb, *sentry.BreadcrumbHint) *sentry.Breadcrumb
	beforeSendLog                     func(*sentry.Log) *sentry.Log
	beforeSendMetric                  func(*sentry.Metric) *sentry.Metric
	integrations                      func([]sentry.Integration) []sentry.Integration
	sampler                           sentry.TracesSampler
}

// errNoDSN is Stats.LastError of a Client without a DSN.
var errNoDSN = errors.New("sentryconfig: no DSN: nothing is reported; " +
	`set Options.DSN or $SENTRY_DSN ("default" is DefaultDSN)`)

// New starts a Client: it opens the outbox and begins to read the machine's state in the background. It changes no
// global state and leaves sentry.CurrentHub alone. The caller must [Close] it when it is no longer needed. Several
// Clients may share an OutboxDir, even for the same DSN. CrashReports for a second Client in the process is an error,
// because a process has one crash output. All other errors, and the cost, are those of [Init].
func New(opts Options) (*Client, error) {
	noticeEnabled()
	s, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	return newClient(opts, s)
}

func newClient(opts Options, s resolved) (*Client, error) {
	c := &Client{
		fixed: s.fixed, asked: s, tags: commonTags(s.detected), host: machine.Hostname(),
		clock: clock.New(clock.Suspended), noise: noise.New(),
		ready: make(chan struct{}), background: context.Background(),
	}
	c.state.Store(isMade)
	c.noticeUnknownNames(opts)
	c.policy.Store(s.policy.derive())
	if !s.policy.enabled {
		c.state.Or(switchedOff)
	}
	co, err := c.clientOptions(opts)
	if err != nil {
		return nil, err
	}
	if co.Dsn == "" && co.Transport == nil {
		c.state.Or(isSilent)
		c.logger.Warn(errNoDSN.Error())
		return c, nil
	}
	if c.crashReports && !c.crashes.Claim() {
		return nil, errCrashesTaken
	}
	if err := c.start(co); err != nil {
		c.crashes.End()
		return nil, err
	}
	addClient(c)
	return c, nil
}

// clientOptions returns sentry-go's options after ClientOptions has changed them.
func (c *Client) clientOptions(opts Options) (*sentry.ClientOptions, error) {
	p := c.policy.Load()
	co := &sentry.ClientOptions{
		Dsn:              c.dsn,
		Environment:      c.environment,
		Release:          c.release,
		SendDefaultPII:   p.pii, //nolint:staticcheck // DataCollection in its place would hide it from the host
		EnableTracing:    true,
		TracesSampleRate: p.sampleRate,
	}
	if opts.ClientOptions != nil {
		if err := callClientOptions(opts.ClientOptions, co); err != nil {
			return nil, err
		}
		if co.Dsn == "" {
			co.Dsn = c.dsn // sentry-go would silently report nothing
		}
		if co.Dsn != "" {
			if err := settings.CheckDSN("the Dsn that Options.ClientOptions set", co.Dsn); err != nil {
				return nil, err
			}
		}
		c.dsn = co.Dsn
		c.forbidsPII = p.pii && !co.SendDefaultPII //nolint:staticcheck // as above; each of the two can only take away
		c.ownRate = co.TracesSampleRate != p.sampleRate
		if c.forbidsPII {
			c.policy.Store(c.permitted(p).derive())
		}
	}
	if co.ServerName == "" && !c.policy.Load().pii {
		co.ServerName = scrub.Host // sentry-go would fill in the hostname; finish takes it out again
	}
	return co, nil
}

// start builds the pipeline from its end: outbox, sentry-go client, collector.
func (c *Client) start(co *sentry.ClientOptions) error {
	ready := sync.OnceFunc(func() { close(c.ready) })
	defer ready()
	ownTransport := co.Transport
	c.wrapHooks(co)
	if ownTransport == nil {
		if err := c.openOutbox(co); err != nil {
			return err
		}
		co.Transport = c.transport
	}
	client, err := sentry.NewClient(*co)
	if err != nil {
		if c.box != nil {
			ready()
			c.box.Close(cancelledContext())
		}
		return fmt.Errorf("sentryconfig: %w", err)
	}
	client.AddEventProcessor(c.finishDead) // first: right after the integrations' processors
	client.AddEventProcessor(c.finishCheckIn)
	c.client = client
	c.keeper = resident.New(c.keep)
	c.collector = machine.New(c.collectorOptions())
	c.apart = sentry.NewHub(c.client, sentry.NewScope())
	c.hub = c.apart
	c.tracing = c.newTracing(co)
	return nil
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

// Flush waits until the server has accepted, or rejected for good, everything captured before the call, at most for
// timeout. It returns false when some of it is still waiting or was lost, and true when there was nothing to wait for.
// It doesn't wait for events that MaxPerMinute holds back. It is safe for concurrent use.
func (c *Client) Flush(timeout time.Duration) bool {
	noticeEnabled()
	if c == nil || c.client == nil || !c.open() {
		return true
	}
	return c.flush(timeout)
}

func (c *Client) flush(timeout time.Duration) bool {
	ok := false
	c.keeper.Run(func() { // sentry-go makes channels here; see internal/resident
		ctx, cancel := context.WithTimeout(c.background, timeout)
		defer cancel()
		ok = c.client.FlushWithContext(ctx)
	})
	return ok
}

// Close does what [Client.Flush] does, then stops every goroutine and releases every file. The exception is a probe or
// a write that hangs in the operating system. Close ends the tasks that still run, with the status cancelled.
//
// With OutboxDir, undelivered events stay on disk for the next Client, in this process or another. Without it they are
// lost, and Close returns false. A second Close does nothing and returns true.
func (c *Client) Close(timeout time.Duration) bool {
	noticeEnabled()
	if !c.open() {
		return true
	}
	if c.state.Or(isClosed)&isClosed != 0 || c.client == nil {
		return true
	}
	c.cancelTasks() // none begins any more
	// In the order of the data: held-back events, sentry-go's batches, the collector, the outbox.
	begun := time.Now()
	c.sendKept(c.noise.All()...)
	ok := c.flush(timeout)
	c.keeper.Run(c.client.Close)
	c.keeper.Close(keeperPatience)
	c.unbindHub()
	c.collector.Close()
	c.crashes.End()
	if c.box != nil { // it still sends what was captured meanwhile, if time is left
		ctx, cancel := c.box.Timeout(max(0, timeout-time.Since(begun)))
		defer cancel()
		ok = c.box.Close(ctx) && ok
	}
	removeClient(c)
	return ok
}

// Stats returns the current counts, and after Close the final ones. They stay zero with a Transport of the user's own.
func (c *Client) Stats() Stats {
	switch {
	case c == nil:
		return Stats{}
	case c.box != nil:
		return c.stats()
	case c.state.Load()&isSilent != 0:
		return Stats{LastError: errNoDSN}
	}
	return Stats{}
}

// call runs f, which is code of the user's. It recovers a panic, logs it, and returns false.
func (c *Client) call(what string, f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			c.logger.Error("sentryconfig: " + what + " panicked: " + fmt.Sprint(v))
			ok = false
		}
	}()
	f()
	return true
}

var errCrashesTaken = errors.New("sentryconfig: CrashReports: another Client of this process has the crash output; " +
	"set it for one of them")

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
