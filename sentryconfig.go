package sentryconfig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Enabled turns the package on (the default) or off. Set it before Init or between tasks; to switch while tasks run, use
// [SetEnabled]. Reporting is on while Enabled && the switch is on; Options.Enabled sets the switch at Init.
var Enabled = true

// DefaultDSN receives events when neither Options.DSN nor $SENTRY_DSN names a project.
// Replace it at link time: -ldflags "-X github.com/autoservice/sentryconfig.DefaultDSN=https://…"
// Init says on Options.Logger when it is used. A test binary never reports to it: there Init asks for a DSN.
var DefaultDSN = "https://50870527bd92f4631d029e6881e76daf@o4510235877769216.ingest.us.sentry.io/4510250131324928"

// ErrInitialized is returned by [Init] while another configuration is in force. Close ends that one.
var ErrInitialized = errors.New("sentryconfig: already initialised with another DSN, environment, release or OutboxDir; call Close first")

var (
	lifecycle sync.Mutex // held by Init and Close
	current   atomic.Pointer[Client]

	switchedOff  atomic.Bool   // by SetEnabled or Options.Enabled
	seenDisabled atomic.Bool   // what Enabled said at the host's last call: goroutines of ours must not read a variable that the host writes
	offs         atomic.Uint64 // how often reporting went off, so that a task can tell whether it was off in between
)

// SetEnabled switches reporting at run time; safe for concurrent use. Switched off, the package records and sends nothing;
// what waits in the outbox stays there. A task that was off at any time is dropped whole.
func SetEnabled(on bool) {
	if !switchedOff.Swap(!on) && !on {
		wentOff()
	}
	wake()
}

// reporting returns the reporter, or nil while reporting is off: the first line of every call. It costs two loads.
func reporting() *Client {
	if Enabled == seenDisabled.Load() {
		noticeEnabled()
	}
	if !Enabled || switchedOff.Load() {
		return nil
	}
	return current.Load()
}

func noticeEnabled() {
	on := Enabled
	if !seenDisabled.Swap(!on) && !on {
		wentOff()
	}
	wake()
}

// wentOff drops the tasks that run: they are not reported as interrupted either.
func wentOff() {
	offs.Add(1)
	if c := current.Load(); c != nil {
		c.journal().EndAll()
	}
}

func wake() {
	if c := current.Load(); c != nil && c.box != nil {
		c.box.Wake()
	}
}

// active is reporting for goroutines of our own and for sentry-go's hooks.
func active() bool { return !seenDisabled.Load() && !switchedOff.Load() }

// Init starts reporting. It returns an error for options that are wrong (DSN, environment, sample rate, a relative
// OutboxDir, CrashReports without OutboxDir); a disk or server that fails is no reason to. While initialised, another Init
// with the same DSN, environment, release and OutboxDir changes nothing and returns nil, with others it changes nothing
// and returns [ErrInitialized]. It reads the machine in the background, talks to no server, and takes about a millisecond.
func Init(opts Options) error {
	lifecycle.Lock()
	defer lifecycle.Unlock()
	noticeEnabled()
	s, err := opts.resolve()
	if err != nil {
		return err
	}
	if c := current.Load(); c != nil {
		if c.identity == identityOf(s) {
			return nil
		}
		return ErrInitialized
	}
	before := !switchedOff.Load()
	SetEnabled(s.enabled) // first: the outbox begins with what earlier processes left
	c, err := newReporter(opts, s)
	if err != nil {
		SetEnabled(before)
		return err
	}
	current.Store(c)
	if s.usesDefault {
		s.logger.Info("sentryconfig: neither Options.DSN nor $SENTRY_DSN is set: reporting to DefaultDSN")
	}
	return nil
}

// identity is what a second Init must agree with.
type identity struct{ dsn, environment, release, outboxDir string }

func identityOf(s settings) identity {
	return identity{s.dsn, s.environment, s.release, s.outboxDir}
}

// Flush waits until the server has accepted, or refused for good, all captured before it, but no longer than timeout. It
// reports false when some of it waits still or was dropped for want of room. Without Init there is nothing to wait for.
func Flush(timeout time.Duration) bool {
	noticeEnabled()
	c := current.Load()
	if c == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.client.FlushWithContext(ctx)
}

// Close does what Flush does, then stops every goroutine (but for a probe that hangs in the operating system) and releases
// every file. Tasks that still run are cancelled tasks: their transactions end here. With OutboxDir what is not delivered stays on disk for the next
// Init, of this process or another; without, it is lost, and Close reports false. Init may follow. A second Close does
// nothing and returns true.
func Close(timeout time.Duration) bool {
	noticeEnabled()
	lifecycle.Lock()
	defer lifecycle.Unlock()
	c := current.Load()
	if c == nil {
		return true
	}
	c.cancelTasks()
	current.Store(nil)
	return c.close(timeout)
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

func hostnames() []string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return []string{name}
	}
	return nil
}
