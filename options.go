package sentryconfig

import (
	"log/slog"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/settings"
)

// Options configures [Init] and [New]. The zero value reports to the project of $SENTRY_DSN, with personal data and
// system information, and traces every task. sentry.Set(false) distinguishes an explicit false from a field that isn't
// set. New and Init copy the lists. The functions are called, possibly concurrently, until Close.
//
// The JSON names are those in the "sentry" section of an app_settings.json; see [LoadOptions].
type Options struct {
	// DSN selects the project. JSON dsn, default $SENTRY_DSN. "default" is [DefaultDSN]. Without a DSN nothing is
	// reported.
	DSN string
	// Environment names the deployment. JSON environment, default [DetectEnvironment]().
	Environment string
	// Release names the program's version. JSON release. The default is $SENTRY_RELEASE, then "autoservice@" and
	// $AUTOSERVICE_VERSION, then name@version of the main module if it has a version, then "autoservice@dev".
	Release string
	// OutboxDir is the absolute path of a folder for unsent events, which survive restarts there. JSON outbox_dir. The
	// default "" keeps unsent events in memory only.
	OutboxDir string
	// OutboxBytes limits the size of all unsent events together, in bytes. JSON outbox_bytes. The default is 64 MiB on
	// disk, shared by all processes with the same DSN and OutboxDir, and 32 MiB in memory.
	OutboxBytes int64

	// Enabled sets the Client's own switch; see [Client.SetEnabled]. JSON enabled, default true.
	Enabled sentry.Option[bool]
	// SendPII allows personal data: user name, hostname, paths, command line. JSON send_default_pii, default true.
	// Secrets are filtered either way.
	SendPII sentry.Option[bool]
	// SendSystemInfo adds the machine's state to every event. JSON send_system_info, default true.
	SendSystemInfo sentry.Option[bool]
	// CrashReports reports crashes of the whole process at the next start. It requires OutboxDir. It uses the process's
	// only crash output (runtime/debug.SetCrashOutput), unless the program has already set one. JSON crash_reports,
	// default false.
	CrashReports bool
	// SecretKeys names further values to filter, in addition to the package's own list. JSON secret_keys.
	SecretKeys []string

	// TracesSampleRate is the share of tasks that become transactions, from 0 to 1, default 1. JSON traces_sample_rate:
	// a number, or an object with a rate for each environment, such as {"production": 0.1, "*": 1}. The environment in
	// the same JSON selects the rate, otherwise [DetectEnvironment]() does. If the object has neither that name nor
	// "*", the rate is 1.
	TracesSampleRate sentry.Option[float64]
	// MaxPerMinute limits the error events of one fingerprint per minute; 0, the default, is no limit. JSON
	// max_per_minute. Further captures return no ID; their events are held back and counted. The next event of that
	// fingerprint that is sent has the count in its tag held_back. If none is sent in the following minute, or at
	// [Close], the newest held-back event is sent with the count. Reports about dead processes aren't limited.
	MaxPerMinute int
	// StuckAfter limits how long a task may run before one event reports, while it still runs, where it hangs. 0, the
	// default, never does. JSON stuck_after, a string such as "10m". Time while the machine was suspended doesn't
	// count. The report stops the program briefly to read its goroutines, as runtime.Stack does.
	StuckAfter time.Duration
	// Alerts report task types of which too many runs fail; see [Alert]. JSON alerts, a list.
	Alerts []Alert

	// Expected accepts errors that are part of normal operation. An accepted error becomes a breadcrumb instead of an
	// event, and its task ends with the status ok. [RunTask] asks about the returned error before anything else; it
	// asks about each of several joined errors, and never about panics. Expected must be safe for concurrent use.
	Expected func(error) bool
	// ErrorClass returns the class by which an error of another package's type is grouped; "" leaves the choice to this
	// package. It must be safe for concurrent use.
	ErrorClass func(error) string
	// Logger receives the package's own diagnostics; nil discards them.
	Logger *slog.Logger
	// ClientOptions may change sentry-go's own options, after the package has filled them in. Its hooks start nil and
	// run after the package's own. A Transport set there replaces the outbox.
	ClientOptions func(*sentry.ClientOptions)

	unknown []string // ignored by UnmarshalJSON; Init and Reconfigure log a warning
}

// UnmarshalJSON reads the JSON names of [Options] into o. A field that data doesn't name, or names as null, keeps its
// value. A wrong type is an error that names the field, and o stays unchanged.
//
// An unknown name close to a known one is an error that names the closest: a mistyped opt-out must not pass for
// consent. A name is close if it equals a known one apart from _ and case, contains "enabled", "pii" or "send", or is
// one edit away from an opt-out. Other unknown names are ignored; Init and Reconfigure log them on Options.Logger.
func (o *Options) UnmarshalJSON(data []byte) error {
	n := *o
	unknown, err := settings.ReadFields(data, []settings.Field{
		{Name: "dsn", Set: settings.Plain(&n.DSN)},
		{Name: "environment", Set: settings.Plain(&n.Environment)}, // before traces_sample_rate, which may depend on it
		{Name: "release", Set: settings.Plain(&n.Release)},
		{Name: "outbox_dir", Set: settings.Plain(&n.OutboxDir)},
		{Name: "outbox_bytes", Set: settings.Plain(&n.OutboxBytes)},
		{Name: "enabled", Set: settings.Option(&n.Enabled)},
		{Name: "send_default_pii", Set: settings.Option(&n.SendPII)},
		{Name: "send_system_info", Set: settings.Option(&n.SendSystemInfo)},
		{Name: "crash_reports", Set: settings.Plain(&n.CrashReports)},
		{Name: "secret_keys", Set: settings.Plain(&n.SecretKeys)},
		{Name: "traces_sample_rate", Set: settings.Rate(&n.TracesSampleRate, &n.Environment)},
		{Name: "max_per_minute", Set: settings.Plain(&n.MaxPerMinute)},
		{Name: "stuck_after", Set: settings.Duration(&n.StuckAfter)},
		{Name: "alerts", Set: n.readAlerts},
	})
	if err != nil {
		return err
	}
	n.unknown = unknown
	*o = n
	return nil
}

// noticeUnknownNames logs the names that UnmarshalJSON ignored.
func (c *Client) noticeUnknownNames(o Options) {
	if len(o.unknown) > 0 {
		c.logger.Warn("sentryconfig: options: unknown fields are ignored", "fields", o.unknown)
	}
}

// LoadOptions reads an app_settings.json: {"sentry_enabled": bool, "sentry": {the JSON names of [Options]}}. It ignores
// other names, which belong to the program, except misspellings of sentry_enabled (case, _ and -, one letter): those
// are errors. With an error it returns disabled Options, because an unreadable file must not undo an opt-out.
func LoadOptions(path string) (Options, error) {
	var o Options
	enabled, err := settings.ReadFile(path, o.UnmarshalJSON)
	if err != nil {
		return Options{Enabled: sentry.Set(false)}, err
	}
	if enabled.IsSet && (!enabled.Or(true) || !o.Enabled.IsSet) {
		o.Enabled = enabled // one of the two switches is enough for an opt-out
	}
	return o, nil
}
