package sentryconfig

import "github.com/autoservice/sentryconfig/internal/settings"

// DetectEnvironment names the environment this program runs in: $AUTOSERVICE_ENV, then $SENTRY_ENVIRONMENT, then by the
// executable's path (below target/debug: development; below target/release or dist: production), then "development".
// The names dev, prod and stage mean development, production and staging. A name that Sentry doesn't take is made fit
// for it: feature/x becomes feature-x.
func DetectEnvironment() string { return settings.DetectEnvironment() }
