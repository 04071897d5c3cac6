package settings

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/getsentry/sentry-go"
)

// askDefault is the DSN that stands for DefaultDSN.
const askDefault = "default"

// ResolveDSN returns the DSN to report to, "" for none. That is asked, the DSN of the options, else $SENTRY_DSN, else
// defaultDSN if the program has changed it from builtIn. A test binary never gets builtIn.
func ResolveDSN(asked, defaultDSN, builtIn string) (string, error) {
	dsn, source := strings.TrimSpace(asked), "Options.DSN"
	if dsn == "" {
		given, set := os.LookupEnv("SENTRY_DSN")
		dsn, source = strings.TrimSpace(given), "$SENTRY_DSN"
		if !set && defaultDSN != builtIn {
			dsn = askDefault
		}
	}
	if dsn == askDefault {
		dsn, source = strings.TrimSpace(defaultDSN), "DefaultDSN"
	}
	if dsn == "" || dsn == builtIn && inTestBinary() {
		return "", nil
	}
	return dsn, CheckDSN(source, dsn)
}

// CheckDSN returns an error for a wrong DSN. It names the source, not the DSN, which may contain a secret key.
func CheckDSN(source, dsn string) error {
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
		reason = "doubled slash in its path" // the server would answer every event with 404
	} else if port := parsed.GetPort(); port < 1 || port > 65535 {
		reason = "no such port"
	}
	if reason != "" {
		return fmt.Errorf("sentryconfig: %s is not a Sentry DSN (%s); want https://<key>@<host>/<project>",
			source, reason)
	}
	return nil
}

// inTestBinary reports whether go test built this program. It doesn't import package testing, which would end up in
// users' programs.
func inTestBinary() bool {
	return flag.Lookup("test.v") != nil || strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")
}
