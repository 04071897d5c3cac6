package sentryconfig

import (
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
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/scrub"
)

// settings are what stays as it is while a Client is open: Options with every default filled in and checked.
type settings struct {
	dsn          string // "": none
	environment  string
	detected     string
	release      string
	outboxDir    string
	outboxBytes  int64
	crashReports bool
	logger       *slog.Logger

	forbidsPII bool // ClientOptions has switched personal data off
	ownRate    bool // ClientOptions has set a sample rate
}

// A policy is what [Reconfigure] changes. A call loads it once, so that an event is made by one policy.
type policy struct {
	enabled    bool
	pii        bool
	systemInfo bool
	sampleRate float64
	secretKeys []string

	maxPerMinute int           // 0: no limit
	stuckAfter   time.Duration // 0: never
	alerts       []Alert

	expected   func(error) bool
	errorClass func(error) string

	scrubber *scrub.Scrubber
	user     string // with personal data
}

// derive fills in what follows from the rest. It costs a scrubber.
func (p policy) derive() *policy {
	p.scrubber = scrub.New(scrubConfig(p.pii, p.secretKeys))
	if p.pii {
		p.user = machine.User()
	}
	return &p
}

// resolved are Options with every default filled in and checked.
type resolved struct {
	settings
	policy policy
}

const (
	defaultDiskBytes   = 64 << 20 // Options.OutboxBytes with OutboxDir
	defaultMemoryBytes = 32 << 20 // Options.OutboxBytes without
)

func (o *Options) resolve() (resolved, error) {
	r := resolved{
		settings: settings{
			detected:     DetectEnvironment(),
			outboxDir:    o.OutboxDir,
			outboxBytes:  o.OutboxBytes,
			crashReports: o.CrashReports,
			logger:       guardedLogger(o.Logger),
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
			alerts:       slices.Clone(o.Alerts),
		},
	}
	if err := r.policy.check(); err != nil {
		return r, err
	}
	if err := r.resolveDSN(o.DSN); err != nil {
		return r, err
	}
	r.environment = canonicalEnvironment(o.Environment)
	if r.environment == "" {
		r.environment = r.detected
	}
	if err := checkEnvironment(r.environment); err != nil {
		return r, err
	}
	r.release = o.Release
	if r.release == "" {
		r.release = defaultRelease()
	}
	if err := checkRelease(r.release); err != nil {
		return r, err
	}
	return r, r.resolveOutbox()
}

// check finds values that make no sense.
func (p *policy) check() error {
	if err := checkRate("TracesSampleRate", p.sampleRate); err != nil {
		return err
	}
	if p.maxPerMinute < 0 {
		return fmt.Errorf("sentryconfig: MaxPerMinute is %d, want 0 for no limit or a number of events", p.maxPerMinute)
	}
	if p.stuckAfter < 0 {
		return fmt.Errorf("sentryconfig: StuckAfter is %v, want 0 for never or a duration", p.stuckAfter)
	}
	for i, a := range p.alerts {
		if err := a.check(fmt.Sprintf("Alerts[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func checkRate(name string, rate float64) error {
	if math.IsNaN(rate) || rate < 0 || rate > 1 {
		return fmt.Errorf("sentryconfig: %s is %v, want 0 to 1", name, rate)
	}
	return nil
}

func (s *settings) resolveOutbox() error {
	switch {
	case s.outboxBytes < 0:
		return fmt.Errorf("sentryconfig: OutboxBytes is %d, want 0 for the default or a number of bytes", s.outboxBytes)
	case s.outboxBytes == 0 && s.outboxDir != "":
		s.outboxBytes = defaultDiskBytes
	case s.outboxBytes == 0:
		s.outboxBytes = defaultMemoryBytes
	}
	if s.outboxDir == "" {
		if s.crashReports {
			return errors.New("sentryconfig: CrashReports needs OutboxDir: the crash output is kept there until the next start")
		}
		return nil
	}
	if !filepath.IsAbs(s.outboxDir) {
		return fmt.Errorf("sentryconfig: OutboxDir is %q, want an absolute path: "+
			"a relative one would depend on the working folder", s.outboxDir)
	}
	s.outboxDir = filepath.Clean(s.outboxDir)
	return nil
}

// askDefault is the DSN that means DefaultDSN.
const askDefault = "default"

// resolveDSN finds the DSN: that of Options, else of $SENTRY_DSN, else one that the program itself has put into
// DefaultDSN.
func (s *settings) resolveDSN(dsn string) error {
	source := "Options.DSN"
	if dsn = strings.TrimSpace(dsn); dsn == "" {
		given, set := os.LookupEnv("SENTRY_DSN")
		dsn, source = strings.TrimSpace(given), "$SENTRY_DSN"
		if !set && DefaultDSN != builtInDSN {
			dsn = askDefault
		}
	}
	if dsn == askDefault {
		dsn, source = strings.TrimSpace(DefaultDSN), "DefaultDSN"
	}
	if dsn == "" || dsn == builtInDSN && inTestBinary() {
		return nil
	}
	s.dsn = dsn
	return checkDSN(source, dsn)
}

// checkDSN names the source of a wrong DSN, not the DSN: it may hold a secret key.
func checkDSN(source, dsn string) error {
	reason := ""
	if parsed, err := sentry.NewDsn(dsn); err != nil {
		var pe *sentry.DsnParseError
		reason = "it can't be parsed"
		if errors.As(err, &pe) {
			reason = pe.Message
			if strings.HasPrefix(reason, "invalid url") { // net/url's message quotes the DSN
				reason = "invalid URL"
			}
		}
	} else if _, rest, _ := strings.Cut(dsn, "://"); strings.Contains(rest, "//") {
		reason = "doubled slash in its path" // the server would answer 404 to every event
	} else if port := parsed.GetPort(); port < 1 || port > 65535 {
		reason = "no such port"
	}
	if reason != "" {
		return fmt.Errorf("sentryconfig: %s is not a Sentry DSN (%s); want https://<key>@<host>/<project>", source, reason)
	}
	return nil
}

// inTestBinary reports whether this is a program made by go test. It doesn't import testing, which would reach users.
func inTestBinary() bool {
	return flag.Lookup("test.v") != nil || strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// defaultRelease is the release that the process's environment or the build names, made fit for Sentry.
func defaultRelease() string {
	if r := fitName(os.Getenv("SENTRY_RELEASE"), maxReleaseLength); checkRelease(r) == nil {
		return r
	}
	if v := fitName(os.Getenv("AUTOSERVICE_VERSION"), maxReleaseLength/2); v != "" {
		return "autoservice@" + v
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		name := path.Base(info.Main.Path)
		if majorVersion.MatchString(name) {
			name = path.Base(path.Dir(info.Main.Path))
		}
		return fitName(name+"@"+info.Main.Version, maxReleaseLength)
	}
	return "autoservice@dev"
}

// fitName makes a name that nobody chose for Sentry fit for it: a branch name such as feature/x must not stop all
// reporting.
func fitName(name string, limit int) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || unicode.IsControl(r) {
			return '-'
		}
		return r
	}, strings.TrimSpace(strings.ToValidUTF8(name, "-")))
	if runes := []rune(name); len(runes) > limit {
		name = strings.TrimSpace(string(runes[:limit]))
	}
	return name
}

// maxReleaseLength is Sentry's limit on the name of a release, in characters.
const maxReleaseLength = 200

func checkRelease(release string) error {
	if release == "" || utf8.RuneCountInString(release) > maxReleaseLength || strings.ContainsAny(release, "/\\\n\r\t") ||
		strings.TrimSpace(release) != release || release == "." || release == ".." || release == "latest" {
		return fmt.Errorf("sentryconfig: release %q: Sentry wants at most %d characters, no slash, no line break, "+
			"no space at its ends, and not \"latest\"", release, maxReleaseLength)
	}
	return nil
}
