package sentryconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/getsentry/sentry-go"
)

// Options configures [Init]. The zero value is useful: it reports to [DefaultDSN], with personal data and system
// information, and traces every task. sentry.Set(false) tells an explicit false from "not set".
//
// The JSON names are those of the "sentry" section of an app_settings.json; see [LoadOptions].
type Options struct {
	// Enabled sets the switch of [SetEnabled] at Init. JSON enabled, default true.
	Enabled sentry.Option[bool]
	// SendPII lets events name the person and the machine: user name, hostname, paths, command line. JSON
	// send_default_pii, default true. Secrets are filtered whatever it says.
	SendPII sentry.Option[bool]
	// SendSystemInfo adds the state of the machine to every event. JSON send_system_info, default true.
	SendSystemInfo sentry.Option[bool]
	// TracesSampleRate is the share of tasks that become transactions, 0 to 1. JSON traces_sample_rate, default 1.
	TracesSampleRate sentry.Option[float64]
	// Environment names the deployment. JSON environment, default [DetectEnvironment]().
	Environment string
	// DSN names the project. JSON dsn, default $SENTRY_DSN, then [DefaultDSN].
	DSN string
	// Release names the version of the program. JSON release, default $SENTRY_RELEASE, then "autoservice@" and
	// $AUTOSERVICE_VERSION, then name@version of the main module when it has a version, then "autoservice@dev".
	Release string
	// OutboxDir is the absolute path of a folder in which events wait until they are delivered, across restarts. JSON
	// outbox_dir, default "": unsent events are kept in memory only.
	OutboxDir string
	// CrashReports reports crashes of the whole process at the next start. It needs OutboxDir and takes the process's
	// one crash output, see runtime/debug.SetCrashOutput, unless the program has set it before. JSON crash_reports.
	CrashReports bool
	// OutboxBytes is the room for unsent events, in bytes. JSON outbox_bytes, default 64 MiB on disk (all processes of
	// a DSN together), 32 MiB in memory.
	OutboxBytes int64
	// SecretKeys are names of values to filter, beside the package's own list. JSON secret_keys.
	SecretKeys []string
	// ErrorClass groups other people's error types; "" leaves an error to the package. It may be called from several
	// goroutines at once.
	ErrorClass func(error) string
	// Logger takes the package's own diagnostics; nil discards them.
	Logger *slog.Logger
	// ClientOptions has the last word on sentry-go's own options. Its hooks start nil, and run after the package's; its
	// Transport replaces the outbox whole.
	ClientOptions func(*sentry.ClientOptions)
}

// UnmarshalJSON reads the JSON names above into o. A field that data doesn't name, or names as null, keeps its value;
// unknown names are ignored. An error names the field.
func (o *Options) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("sentryconfig: options: want a JSON object: %w", err)
	}
	n := *o
	for _, f := range []struct {
		name string
		set  func(json.RawMessage) error
	}{
		{"enabled", optionField(&n.Enabled)},
		{"send_default_pii", optionField(&n.SendPII)},
		{"send_system_info", optionField(&n.SendSystemInfo)},
		{"traces_sample_rate", optionField(&n.TracesSampleRate)},
		{"environment", plainField(&n.Environment)},
		{"dsn", plainField(&n.DSN)},
		{"release", plainField(&n.Release)},
		{"outbox_dir", plainField(&n.OutboxDir)},
		{"crash_reports", plainField(&n.CrashReports)},
		{"outbox_bytes", plainField(&n.OutboxBytes)},
		{"secret_keys", plainField(&n.SecretKeys)},
	} {
		raw, ok := fields[f.name]
		if !ok || string(raw) == "null" {
			continue
		}
		if err := f.set(raw); err != nil {
			return fmt.Errorf("sentryconfig: options: field %q: %w", f.name, plainJSONError(err))
		}
	}
	*o = n
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

// plainJSONError words a type error without Go's terms for JSON values.
func plainJSONError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("is a JSON %s, want a %s", te.Value, te.Type)
	}
	return err
}

// LoadOptions reads an app_settings.json: {"sentry_enabled": bool, "sentry": {the JSON names of [Options]}}. Other names
// are ignored. With an error, the Options returned are disabled: an unreadable file must not undo an opt-out.
func LoadOptions(path string) (Options, error) {
	off := Options{Enabled: sentry.Set(false)}
	data, err := os.ReadFile(path)
	if err != nil {
		return off, fmt.Errorf("sentryconfig: load options: %w", err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows editors write one
	var file struct {
		Enabled *bool           `json:"sentry_enabled"`
		Sentry  json.RawMessage `json:"sentry"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) && te.Field != "" {
			err = fmt.Errorf("field %q: %w", te.Field, plainJSONError(err))
		}
		return off, fmt.Errorf("sentryconfig: load options from %s: %w", path, err)
	}
	if data = bytes.TrimSpace(data); string(data) == "null" {
		return off, fmt.Errorf("sentryconfig: load options from %s: want a JSON object, not null", path)
	}
	var o Options
	if len(file.Sentry) > 0 && string(file.Sentry) != "null" {
		if err := o.UnmarshalJSON(file.Sentry); err != nil {
			return off, fmt.Errorf("sentryconfig: load options from %s: %w", path, err)
		}
	}
	if file.Enabled != nil && (!*file.Enabled || !o.Enabled.IsSet) {
		o.Enabled = sentry.Set(*file.Enabled) // either of the two switches is enough for an opt-out
	}
	return o, nil
}

// settings are Options with every default filled in and checked.
type settings struct {
	enabled     bool
	pii         bool
	systemInfo  bool
	sampleRate  float64
	dsn         string
	usesDefault bool // dsn is DefaultDSN
	environment string
	detected    string
	release     string
	outboxDir   string
	outboxBytes int64
	logger      *slog.Logger
}

const (
	defaultDiskBytes   = 64 << 20 // Options.OutboxBytes with OutboxDir
	defaultMemoryBytes = 32 << 20 // Options.OutboxBytes without
)

func (o *Options) resolve() (settings, error) {
	s := settings{
		enabled:     o.Enabled.Or(true),
		pii:         o.SendPII.Or(true),
		systemInfo:  o.SendSystemInfo.Or(true),
		sampleRate:  o.TracesSampleRate.Or(1),
		detected:    DetectEnvironment(),
		outboxDir:   o.OutboxDir,
		outboxBytes: o.OutboxBytes,
		logger:      o.Logger,
	}
	if s.logger == nil {
		s.logger = discardLogger
	}
	if math.IsNaN(s.sampleRate) || s.sampleRate < 0 || s.sampleRate > 1 {
		return s, fmt.Errorf("sentryconfig: TracesSampleRate is %v, want 0 to 1", s.sampleRate)
	}
	if err := s.resolveDSN(o.DSN); err != nil {
		return s, err
	}
	s.environment = canonicalEnvironment(o.Environment)
	if s.environment == "" {
		s.environment = s.detected
	}
	if err := checkEnvironment(s.environment); err != nil {
		return s, err
	}
	s.release = o.Release
	if s.release == "" {
		s.release = defaultRelease()
	}
	if err := checkRelease(s.release); err != nil {
		return s, err
	}
	switch {
	case s.outboxBytes < 0:
		return s, fmt.Errorf("sentryconfig: OutboxBytes is %d, want 0 for the default or a number of bytes", s.outboxBytes)
	case s.outboxBytes == 0 && s.outboxDir != "":
		s.outboxBytes = defaultDiskBytes
	case s.outboxBytes == 0:
		s.outboxBytes = defaultMemoryBytes
	}
	if s.outboxDir != "" {
		if !filepath.IsAbs(s.outboxDir) {
			return s, fmt.Errorf("sentryconfig: OutboxDir is %q, want an absolute path: a relative one would depend on the working folder", s.outboxDir)
		}
		s.outboxDir = filepath.Clean(s.outboxDir)
	} else if o.CrashReports {
		return s, errors.New("sentryconfig: CrashReports needs OutboxDir: the crash output is kept there until the next start")
	}
	return s, nil
}

func (s *settings) resolveDSN(dsn string) error {
	source := "Options.DSN"
	if dsn == "" {
		dsn, source = os.Getenv("SENTRY_DSN"), "$SENTRY_DSN"
	}
	if dsn == "" {
		if inTestBinary() {
			return errors.New("sentryconfig: no DSN: a test binary never reports to DefaultDSN; set Options.DSN, for example to that of a sentrytest.NewServer")
		}
		dsn, source, s.usesDefault = DefaultDSN, "DefaultDSN", true
	}
	s.dsn = strings.TrimSpace(dsn)
	return checkDSN(source, s.dsn)
}

// checkDSN names the source of a wrong DSN, not the DSN: it may hold a secret key.
func checkDSN(source, dsn string) error {
	if _, err := sentry.NewDsn(dsn); err != nil {
		var pe *sentry.DsnParseError
		reason := "it can't be parsed"
		if errors.As(err, &pe) {
			reason = pe.Message
			if strings.HasPrefix(reason, "invalid url") { // net/url's message quotes the DSN
				reason = "invalid URL"
			}
		}
		return fmt.Errorf("sentryconfig: %s is not a Sentry DSN (%s); want https://<key>@<host>/<project>", source, reason)
	}
	return nil
}

// inTestBinary reports whether this is a program made by go test. It doesn't import testing, which would reach users.
func inTestBinary() bool {
	return flag.Lookup("test.v") != nil || strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

func defaultRelease() string {
	if r := os.Getenv("SENTRY_RELEASE"); r != "" {
		return r
	}
	if v := os.Getenv("AUTOSERVICE_VERSION"); v != "" {
		return "autoservice@" + v
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		name := path.Base(info.Main.Path)
		if majorVersion.MatchString(name) {
			name = path.Base(path.Dir(info.Main.Path))
		}
		return name + "@" + info.Main.Version
	}
	return "autoservice@dev"
}

// maxReleaseLength is Sentry's limit on the name of a release, in characters.
const maxReleaseLength = 200

func checkRelease(release string) error {
	if len(release) > maxReleaseLength || strings.ContainsAny(release, "/\\\n\r\t") || strings.TrimSpace(release) != release ||
		release == "." || release == ".." || release == "latest" {
		return fmt.Errorf("sentryconfig: release %q: Sentry wants at most %d characters, no slash, no line break, no space at its ends, and not \"latest\"", release, maxReleaseLength)
	}
	return nil
}
