package sentryconfig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
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

// A Client reports to one Sentry project: one configuration, one outbox, one switch. Its methods may be called from
// many goroutines at once. A nil *Client behaves like one that is switched off.
//
// A method reports to its Client, whatever the context carries: with a context of another Client's task it begins a
// task of its own beside that one. What one Client has captured, another may capture too.
type Client struct {
	fixed
	policy atomic.Pointer[policy]
	state  atomic.Uint32 // bits: see switchedOff
	offs   atomic.Uint64 // how often reporting went off, so that a task can tell whether it was off in between

	client    *sentry.Client     // nil without a DSN
	hub       *sentry.Hub        // where a call belongs that no task has: see ownHub
	bound     bool               // hub is sentry.CurrentHub(), bound by us
	apart     *sentry.Hub        // fallback hub, used once the host binds its own client to the current hub
	box       *outbox.Outbox     // nil without a DSN, and with the user's own transport
	transport *transport         // nil with the user's own
	collector *machine.Collector // nil without a DSN
	system    atomic.Pointer[systemContexts]
	tags      map[string]string // common to all events; never written to
	host      string            // this machine's name
	hooks     hooks
	tasks     tasks
	types     tally.Types
	noise     *noise.Limiter
	armed     atomic.Bool        // the keeper has a timer for tasks that may be stuck, or is told to set one
	clock     *clock.Clock       // turned by the keeper
	keeper    *resident.Resident // nil without a DSN
	badSlugs  sync.Map           // string -> true: of monitors, that were warned of

	maxBreadcrumbs int // below 0: none are kept
	tracing        tracing

	reconfiguring sync.Mutex // one Reconfigure at a time; guards asked
	asked         resolved   // what the options said, before ClientOptions had a word

	disk       atomic.Pointer[outbox.Disk] // once it is open
	crashes    crash.Output
	ready      chan struct{} // closed when all of the above is set
	background context.Context
}

// The bits of Client.state. A Client reports while isMade alone is set.
const (
	isMade uint32 = 1 << iota // by New: the zero Client is off
	switchedOff
	isClosed // the outbox still sends while Close waits for it
	isSilent // it has no DSN
)

// hooks are the user's own, from ClientOptions; they run after the package's.
type hooks struct {
	beforeSend, beforeSendTransaction func(*sentry.Event, *sentry.EventHint) *sentry.Event
	beforeBreadcrumb                  func(*sentry.Breadcrumb, *sentry.BreadcrumbHint) *sentry.Breadcrumb
	beforeSendLog                     func(*sentry.Log) *sentry.Log
	beforeSendMetric                  func(*sentry.Metric) *sentry.Metric
	integrations                      func([]sentry.Integration) []sentry.Integration
	sampler                           sentry.TracesSampler
}

// withheld is the ServerName that sentry-go would otherwise fill with the hostname; finish takes it out again.
const withheld = "[host]"

// errNoDSN is the last error of a Client that has nobody to report to.
var errNoDSN = errors.New("sentryconfig: no DSN: nothing is reported; " +
	`set Options.DSN or $SENTRY_DSN ("default" is DefaultDSN)`)

// New returns a Client that is at work. It touches no global state and leaves sentry.CurrentHub alone; [Close] it
// when it is no longer needed. Clients may share an OutboxDir, also for one DSN. A second Client of the process with
// CrashReports is an error: a process has one crash output. Errors and costs are those of [Init].
func New(opts Options) (*Client, error) {
	noticeEnabled()
	s, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	return newClient(opts, s)
}

func newClient(opts Options, s resolved) (*Client, error) {
	c := &Client{fixed: s.fixed, asked: s, tags: commonTags(s.detected), host: hostname(), clock: clock.New(clock.Suspended),
		noise: noise.New(),
		ready: make(chan struct{}), background: context.Background()}
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

// clientOptions are sentry-go's, the user's last word included.
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
			co.Dsn = c.dsn // else sentry-go would report to nobody, without a word
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
		co.ServerName = withheld
	}
	return co, nil
}

// start sets up what data flows through, from its end: the outbox, sentry-go's client, the collector.
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
	client.AddEventProcessor(c.finishDead) // first: the integrations have added theirs, the host program nothing yet
	client.AddEventProcessor(c.finishCheckIn)
	c.client = client
	c.keeper = resident.New(c.keep)
	c.collector = machine.New(c.collectorOptions())
	c.tracing = newTracing(co)
	c.apart = sentry.NewHub(c.client, sentry.NewScope())
	c.hub = c.apart
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
	add(&c.Users, machine.User(), os.Getenv("USER"), os.Getenv("USERNAME"), os.Getenv("LOGNAME"))
	add(&c.Hosts, hostname(), os.Getenv("COMPUTERNAME"))
	if wd, err := os.Getwd(); err == nil {
		add(&c.Dirs, wd)
	}
	if exe, err := os.Executable(); err == nil {
		add(&c.Dirs, filepath.Dir(exe))
	}
	return c
}

func hostname() string {
	name, _ := os.Hostname() // "" where it isn't known
	return name
}

// Flush waits until the server has accepted, or refused for good, all that was captured before it, but no longer than
// timeout. It reports false when some of it still waits, or was lost. What MaxPerMinute holds back isn't waited for.
// While there is nothing to wait for it returns true.
func (c *Client) Flush(timeout time.Duration) bool {
	noticeEnabled()
	if c == nil || c.client == nil || !c.open() {
		return true
	}
	return c.flush(timeout)
}

func (c *Client) flush(timeout time.Duration) bool {
	ok := false
	c.keeper.Run(func() { // sentry-go makes channels for it
		ctx, cancel := context.WithTimeout(c.background, timeout)
		defer cancel()
		ok = c.client.FlushWithContext(ctx)
	})
	return ok
}

// Close does what [Client.Flush] does, then stops every goroutine (but for a probe or a write that hangs in the
// operating system) and releases every file. Tasks that still run are cancelled tasks: their transactions end here.
// With OutboxDir, what is not delivered stays on disk for the next Client, of this process or another; without, it is
// lost, and Close reports false. A second Close does nothing and returns true.
func (c *Client) Close(timeout time.Duration) bool {
	noticeEnabled()
	if !c.open() {
		return true
	}
	c.cancelTasks()
	if c.state.Or(isClosed)&isClosed != 0 || c.client == nil {
		return true
	}
	// In the order in which data flows: what was held back, what sentry-go holds, the collector, the outbox.
	begun := time.Now()
	c.sendKept(c.noise.All()...)
	ok := c.flush(timeout)
	c.keeper.Run(c.client.Close)
	c.keeper.Close(keeperPatience)
	c.unbindHub()
	c.collector.Close()
	c.crashes.End()
	if c.box != nil { // which sends what was being captured meanwhile, as far as there is time
		ctx, cancel := c.box.Timeout(max(0, timeout-time.Since(begun)))
		defer cancel()
		ok = c.box.Close(ctx) && ok
	}
	removeClient(c)
	return ok
}

// Stats returns the counts of now, after Close the last ones. They stay zero with a Transport of the user's own.
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

// call runs the user's code f and reports a panic of it on the logger instead of passing it on.
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
