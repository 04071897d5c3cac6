package sentryconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/getsentry/sentry-go"
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
// and case, or holding "enabled", "pii" or "send") is an error that names the closest: a mistyped opt-out must not
// pass for consent. Other unknown names are ignored, with a warning on Options.Logger at Init.
func (o *Options) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("sentryconfig: options: %w", objectError(err))
	}
	n := *o
	n.unknown = nil
	known := []struct {
		name string
		set  func(json.RawMessage) error
	}{
		{"dsn", plainField(&n.DSN)},
		{"environment", plainField(&n.Environment)}, // before the sample rate, which may depend on it
		{"release", plainField(&n.Release)},
		{"outbox_dir", plainField(&n.OutboxDir)},
		{"outbox_bytes", plainField(&n.OutboxBytes)},
		{"enabled", optionField(&n.Enabled)},
		{"send_default_pii", optionField(&n.SendPII)},
		{"send_system_info", optionField(&n.SendSystemInfo)},
		{"crash_reports", plainField(&n.CrashReports)},
		{"secret_keys", plainField(&n.SecretKeys)},
		{"traces_sample_rate", n.sampleRateField},
		{"max_per_minute", plainField(&n.MaxPerMinute)},
		{"stuck_after", durationField(&n.StuckAfter)},
		{"alerts", n.alertsField},
	}
	names := make([]string, 0, len(known))
	for _, f := range known {
		names = append(names, f.name)
		raw, ok := fields[f.name]
		delete(fields, f.name)
		if !ok || string(raw) == "null" {
			continue
		}
		if err := f.set(raw); err != nil {
			return fmt.Errorf("sentryconfig: options: field %q: %w", f.name, plainJSONError(err))
		}
	}
	for name := range fields {
		if isMistyped(name, names) {
			return fmt.Errorf("sentryconfig: options: unknown field %q: did you mean %q?", name, closestName(name, names))
		}
		n.unknown = append(n.unknown, name)
	}
	slices.Sort(n.unknown)
	*o = n
	return nil
}

// noticeUnknownNames warns of the names that UnmarshalJSON has ignored.
func (c *Client) noticeUnknownNames(o Options) {
	if len(o.unknown) > 0 {
		c.logger.Warn("sentryconfig: options: unknown fields are ignored", "fields", o.unknown)
	}
}

// sampleRateField reads a rate, or rates by environment: those of the options' own environment, else of the detected
// one.
func (o *Options) sampleRateField(raw json.RawMessage) error {
	if raw[0] != '{' {
		return optionField(&o.TracesSampleRate)(raw)
	}
	var rates map[string]float64
	if err := json.Unmarshal(raw, &rates); err != nil {
		return err
	}
	environment := canonicalEnvironment(o.Environment)
	if environment == "" {
		environment = DetectEnvironment()
	}
	chosen, found := 1.0, false
	for name, rate := range rates {
		if err := checkRate("the rate of "+name, rate); err != nil {
			return err
		}
		if canonicalEnvironment(name) == environment {
			chosen, found = rate, true
		}
	}
	if every, ok := rates["*"]; ok && !found {
		chosen = every
	}
	o.TracesSampleRate = sentry.Set(chosen)
	return nil
}

func plainField[T any](p *T) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var v T // decoded apart, so that a slice doesn't share memory with the old one
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		*p = v
		return nil
	}
}

func optionField[T any](p *sentry.Option[T]) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		*p = sentry.Set(v)
		return nil
	}
}

// durationField reads a duration as Go writes it: "10m", "1h30m".
func durationField(p *time.Duration) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("%w, such as \"10m\"", plainJSONError(err))
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration, such as \"10m\"", text)
		}
		*p = d
		return nil
	}
}

// objectError says what there is where a JSON object was wanted.
func objectError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("want a JSON object, not a JSON %s", te.Value)
	}
	return fmt.Errorf("want a JSON object: %w", err)
}

// plainJSONError words a type error without Go's terms for JSON values.
func plainJSONError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("is a JSON %s, want a %s", te.Value, te.Type)
	}
	return err
}

// LoadOptions reads an app_settings.json: {"sentry_enabled": bool, "sentry": {the JSON names of [Options]}}. Other
// names are the program's own, but for misspellings of sentry_enabled (case, _ and -, one letter), which are errors.
// With an error the Options returned are disabled: an unreadable file must not undo an opt-out.
func LoadOptions(path string) (Options, error) {
	o, err := loadOptions(path)
	if err != nil {
		return Options{Enabled: sentry.Set(false)}, err
	}
	return o, nil
}

// The names of a settings file that are ours.
const (
	enabledName = "sentry_enabled"
	sectionName = "sentry"
)

func loadOptions(path string) (o Options, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return o, fmt.Errorf("sentryconfig: load options: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("sentryconfig: load options from %s: %w", path, err)
		}
	}()
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // Windows editors write one
	if string(data) == "null" {
		return o, errors.New("want a JSON object, not null")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return o, objectError(err)
	}
	for name := range fields {
		if ours := misspelt(name); ours != "" {
			return o, fmt.Errorf("unknown field %q: did you mean %q?", name, ours)
		}
	}
	if raw, ok := fields[sectionName]; ok && string(raw) != "null" {
		if err := o.UnmarshalJSON(raw); err != nil {
			return o, err
		}
	}
	if raw, ok := fields[enabledName]; ok && string(raw) != "null" {
		var on bool
		if err := json.Unmarshal(raw, &on); err != nil {
			return o, fmt.Errorf("field %q: %w", enabledName, plainJSONError(err))
		}
		if !on || !o.Enabled.IsSet {
			o.Enabled = sentry.Set(on) // either of the two switches is enough for an opt-out
		}
	}
	return o, nil
}
