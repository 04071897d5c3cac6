package sentryconfig

import (
	"log/slog"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/settings"
)

// Options configures [Init] and [New]. The zero value reports to the project of $SENTRY_DSN, with personal data and
// system information, and traces every task. sentry.Set(false) tells an explicit false from "not set".
//
// The JSON names are those of the "sentry" section of an app_settings.json; see [LoadOptions].
type Options struct {
	// DSN names the project. JSON dsn, default $SENTRY_DSN. "default" is [DefaultDSN]. Without one nothing is reported.
	DSN string
	// Environment names the deployment. JSON environment, default [DetectEnvironment]().
	Environment string
	// Release names the version of the program. JSON release, default $SENTRY_RELEASE, then "autoservice@" and
	// $AUTOSERVICE_VERSION, then name@version of the main module when it has a version, then "autoservice@dev".
	Release string
	// OutboxDir is the absolute path of a folder in which events wait until they are delivered, across restarts. JSON
	// outbox_dir, default "": unsent events are kept in memory only.
	OutboxDir string
	// OutboxBytes is the room for unsent events, in bytes. JSON outbox_bytes, default 64 MiB on disk (all processes of
	// a DSN together), 32 MiB in memory.
	OutboxBytes int64

	// Enabled sets the Client's switch; see [Client.SetEnabled]. JSON enabled, default true.
	Enabled sentry.Option[bool]
	// SendPII lets events name the person and the machine: user name, hostname, paths, command line. JSON
	// send_default_pii, default true. Secrets are filtered whatever it says.
	SendPII sentry.Option[bool]
	// SendSystemInfo adds the state of the machine to every event. JSON send_system_info, default true.
	SendSystemInfo sentry.Option[bool]
	// CrashReports reports crashes of the whole process at the next start. It needs OutboxDir and takes the process's
	// one crash output, see runtime/debug.SetCrashOutput, unless the program has set it before. JSON crash_reports.
	CrashReports bool
	// SecretKeys are names of values to filter, beside the package's own list. JSON secret_keys.
	SecretKeys []string

	// TracesSampleRate is the share of tasks that become transactions, 0 to 1, default 1. JSON traces_sample_rate: a
	// number, or an object by environment, {"production": 0.1, "*": 1}, of which the JSON's own environment decides,
	// else
	// [DetectEnvironment](); where it names neither that nor "*", the rate is 1.
	TracesSampleRate sentry.Option[float64]
	// MaxPerMinute is how many error events of one fingerprint may be sent in a minute; 0, the default, sets no limit.
	// A capture of one more returns no ID. It is held back and counted: the next event of that fingerprint that passes
	// has the tag held_back with their number. When none passes in the following minute, or at [Close], the newest that
	// was held back is sent with it. What a dead process left to report isn't limited. JSON max_per_minute.
	MaxPerMinute int
	// StuckAfter is how long a task may run before an event tells, once and while it runs, where it hangs; 0, the
	// default, means for ever. Time during which the machine was suspended doesn't count. The look at the goroutines
	// stops the program for a moment, as runtime.Stack does. JSON stuck_after, a text such as "10m".
	StuckAfter time.Duration
	// Alerts report when too many runs of a task fail; see [Alert]. JSON alerts, a list.
	Alerts []Alert

	// Expected accepts errors that are no trouble: such an error is no event but a breadcrumb, and its task ends well.
	// [RunTask] asks it about what a task returned, and about each of several joined errors, before anything else; it
	// is not asked about panics. It may be called from several goroutines at once.
	Expected func(error) bool
	// ErrorClass groups other people's error types; "" leaves an error to the package. It may be called from several
	// goroutines at once.
	ErrorClass func(error) string
	// Logger takes the package's own diagnostics; nil discards them.
	Logger *slog.Logger
	// ClientOptions has the last word on sentry-go's own options. Its hooks start nil, and run after the package's; its
	// Transport replaces the outbox whole.
	ClientOptions func(*sentry.ClientOptions)

	unknown []string // names that UnmarshalJSON has ignored, for a warning when there is a Logger
}

// UnmarshalJSON reads the JSON names of [Options] into o. A field that data doesn't name, or names as null, keeps its
// value. A wrong type is an error that names the field. An unknown name that is close to a known one (equal but for _
// and case, or holding "enabled", "pii" or "send", or one edit away from an opt-out) is an error that names the
// closest: a mistyped opt-out must not pass for consent. Other unknown names are ignored, with a warning on
// Options.Logger at Init and Reconfigure.
func (o *Options) UnmarshalJSON(data []byte) error {
	n := *o
	unknown, err := settings.ReadFields(data, []settings.Field{
		{Name: "dsn", Set: settings.Plain(&n.DSN)},
		{Name: "environment", Set: settings.Plain(&n.Environment)}, // before the sample rate, which may depend on it
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

// noticeUnknownNames warns of the names that UnmarshalJSON has ignored.
func (c *Client) noticeUnknownNames(o Options) {
	if len(o.unknown) > 0 {
		c.logger.Warn("sentryconfig: options: unknown fields are ignored", "fields", o.unknown)
	}
}

// LoadOptions reads an app_settings.json: {"sentry_enabled": bool, "sentry": {the JSON names of [Options]}}. Other
// names are the program's own, but for misspellings of sentry_enabled (case, _ and -, one letter), which are errors.
// With an error the Options returned are disabled: an unreadable file must not undo an opt-out.
func LoadOptions(path string) (Options, error) {
	var o Options
	enabled, err := settings.ReadFile(path, o.UnmarshalJSON)
	if err != nil {
		return Options{Enabled: sentry.Set(false)}, err
	}
	if enabled.IsSet && (!enabled.Or(true) || !o.Enabled.IsSet) {
		o.Enabled = enabled // either of the two switches is enough for an opt-out
	}
	return o, nil
}
