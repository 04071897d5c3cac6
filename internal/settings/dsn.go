package settings

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/getsentry/sentry-go"
)

// askDefault is the DSN that means DefaultDSN.
const askDefault = "default"

// ResolveDSN returns the DSN to report to, "" for none: asked, which is that of the options, else $SENTRY_DSN, else
// defaultDSN where the program itself has put another one in the place of builtIn. A test binary never gets builtIn.
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

// CheckDSN names the source of a wrong DSN, not the DSN: it may hold a secret key.
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
