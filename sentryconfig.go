package sentryconfig

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// Enabled turns reporting on (the default) or off, for every [Client]. Set it before [Init] or between tasks;
// [SetEnabled] is for use while tasks run. A Client reports while Enabled is true and its own switch is on;
// Options.Enabled sets that switch.
var Enabled = true

// builtInDSN is the value of [DefaultDSN] in a program that hasn't put its own there.
const builtInDSN = "https://50870527bd92f4631d029e6881e76daf@o4510235877769216.ingest.us.sentry.io/4510250131324928"

// DefaultDSN is the project of AutoService. The DSN "default" means it, in Options, $SENTRY_DSN and settings. A program
// that puts its own DSN here has it used without asking, either at link time (-ldflags "-X
// github.com/autoservice/sentryconfig.DefaultDSN=https://…") or before [Init].
//
// Without any DSN a Client reports nothing: Init and New return no error, Options.Logger gets a warning, and
// Stats.LastError says so. The same holds when $SENTRY_DSN is set to "" and Options.DSN is empty. A test binary never
// reports to the built-in value.
var DefaultDSN = builtInDSN

// ErrInitialized is returned by [Init] while the default Client has other settings. [Close] ends that one;
// [Reconfigure] changes what can be changed while tasks run.
var ErrInitialized = errors.New("sentryconfig: already initialised with other settings; " +
	"call Close first, or Reconfigure")

var (
	current atomic.Pointer[Client] // the default one
	closed  atomic.Pointer[Client] // the default one that was closed last, for its counts
)

// Default returns the Client that [Init] made, or [SetDefault] set, and nil without one.
func Default() *Client { return current.Load() }

// SetDefault makes c the Client that the package-level functions report to, for programs that make theirs with [New].
// It leaves sentry.CurrentHub alone, and the Client before c open. A nil c takes the default away.
func SetDefault(c *Client) { current.Store(c) }

// clientOf returns the Client that a package-level call with ctx reports to: that of the task in ctx, or the default
// one.
func clientOf(ctx context.Context) *Client {
	if t := TaskSpanFromContext(ctx); t != nil {
		return t.client
	}
	return current.Load()
}

// Init makes the default Client: it is [New], [SetDefault], and binding sentry.CurrentHub where the host program has no
// client of its own, so that plain sentry-go calls report as well.
//
// It returns an error for options that are wrong (DSN, environment, sample rate, a relative OutboxDir, CrashReports
// without OutboxDir); a disk or server that fails is none. While initialised, another Init with the same settings
// returns nil, with others [ErrInitialized]; neither changes anything. Functions and the Logger are not compared. It
// reads the machine in the background, talks to no server, and takes about a millisecond.
func Init(opts Options) error {
	noticeEnabled()
	s, err := opts.resolve()
	if err != nil {
		return err
	}
	for {
		before := current.Load()
		if before.open() {
			return before.agrees(s)
		}
		c, err := newClient(opts, s)
		if err != nil {
			if now := current.Load(); now.open() {
				return now.agrees(s) // another Init was faster
			}
			return err
		}
		c.bindHub()
		if current.CompareAndSwap(before, c) {
			return nil
		}
		c.Close(0)
	}
}

// SetEnabled switches the default Client on or off; see [Client.SetEnabled].
func SetEnabled(on bool) { current.Load().SetEnabled(on) }

// Reconfigure changes the settings of the default Client; see [Client.Reconfigure].
func Reconfigure(opts Options) error { return current.Load().Reconfigure(opts) }

// Flush waits until the server has what the default Client captured; see [Client.Flush].
func Flush(timeout time.Duration) bool { return current.Load().Flush(timeout) }

// Close closes the default Client; see [Client.Close]. Init may follow.
func Close(timeout time.Duration) bool {
	c := current.Swap(nil)
	if c == nil {
		return true
	}
	closed.Store(c)
	return c.Close(timeout)
}

// ReadStats returns the counts of the default Client, after [Close] the last ones; zero without one.
func ReadStats() Stats {
	if c := current.Load(); c != nil {
		return c.Stats()
	}
	return closed.Load().Stats()
}

// CaptureTaskException reports err as what ended, or disturbed, a task; see [Client.CaptureTaskException].
func CaptureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return captureTaskException(ctx, err, taskType, taskData, extra)
	}
	return
}

func captureTaskException(ctx context.Context, err error, taskType string, taskData any,
	extra map[string]any) sentry.EventID {
	return clientOf(ctx).captureTaskException(ctx, err, taskType, taskData, extra)
}

// CaptureTaskFailure reports that a task found things not as they should be; see [Client.CaptureTaskFailure].
func CaptureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) (id sentry.EventID) {
	if busy() {
		return captureTaskFailure(ctx, taskType, reason, taskData, extra)
	}
	return
}

func captureTaskFailure(ctx context.Context, taskType, reason string, taskData any,
	extra map[string]any) sentry.EventID {
	return clientOf(ctx).captureTaskFailure(ctx, taskType, reason, taskData, extra)
}

// CreateTaskSpan begins a task; see [Client.CreateTaskSpan].
func CreateTaskSpan(ctx context.Context, taskType string, index, total int, taskData any,
	opts ...sentry.SpanOption) (context.Context, *TaskSpan) {
	if busy() || ctx == nil {
		return begin(createTaskSpan, ctx, taskType, index, total, taskData, opts)
	}
	return ctx, nil
}

func createTaskSpan(ctx context.Context, taskType string, index, total int, taskData any,
	opts []sentry.SpanOption) (context.Context, *TaskSpan) {
	return clientOf(ctx).createTaskSpan(ctx, taskType, index, total, taskData, opts)
}

// RunTask runs one task; see [Client.RunTask].
func RunTask(ctx context.Context, task Task, run func(context.Context) error) error {
	return clientOf(ctx).RunTask(ctx, task, run)
}

// CaptureFeedback sends what a person says of the program; see [Client.CaptureFeedback].
func CaptureFeedback(ctx context.Context, f Feedback) sentry.EventID {
	if !busy() {
		return ""
	}
	return clientOf(ctx).CaptureFeedback(ctx, f)
}

// AddBreadcrumb records a step before what may go wrong; see [Client.AddBreadcrumb].
func AddBreadcrumb(ctx context.Context, message, category string, level sentry.Level, data map[string]any) {
	if busy() {
		addBreadcrumb(ctx, message, category, level, data)
	}
}

func addBreadcrumb(ctx context.Context, message, category string, level sentry.Level, data map[string]any) {
	clientOf(ctx).recordBreadcrumb(ctx, message, category, level, data)
}

// NewLogHandler returns a handler that makes breadcrumbs of records; see [Client.NewLogHandler]. Each record goes to
// the Client of the task in its context, and without one to the default Client of that moment.
func NewLogHandler(next slog.Handler) slog.Handler { return newLogHandler(next, clientOf) }

// PurgeOutbox deletes what waits in the outbox dir, of every project, for example after an opt-out: what earlier
// processes left, and what this process has waiting there, which counts as dropped. What other processes that run have
// waiting stays, and an error names them; so does an envelope that this one is sending just now.
func PurgeOutbox(dir string) error {
	for _, c := range allClients() {
		if c.box != nil && c.box.In(dir) {
			c.box.Clear()
			c.dropKept()
		}
	}
	return outbox.Purge(dir)
}
