package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DetectEnvironment returns the environment that this program runs in, as sentryconfig.DetectEnvironment documents.
func DetectEnvironment() string {
	for _, name := range []string{"AUTOSERVICE_ENV", "SENTRY_ENVIRONMENT"} {
		env := CanonicalEnvironment(fitEnvironment(os.Getenv(name)))
		if env != "" && CheckEnvironment(env) == nil {
			return env
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return environmentDevelopment
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return environmentOfPath(exe)
}

const (
	environmentDevelopment = "development"
	environmentProduction  = "production"
	environmentStaging     = "staging"

	// maxEnvironmentLength is Sentry's limit, in characters.
	maxEnvironmentLength = 64
)

// CanonicalEnvironment expands the short names of environments.
func CanonicalEnvironment(name string) string {
	name = strings.TrimSpace(name)
	switch strings.ToLower(name) {
	case "dev":
		return environmentDevelopment
	case "prod":
		return environmentProduction
	case "stage":
		return environmentStaging
	}
	return name
}

// fitEnvironment makes a name from the process's environment valid for Sentry.
func fitEnvironment(name string) string {
	return strings.Join(strings.Fields(fitName(name, maxEnvironmentLength)), "-")
}

// environmentOfPath judges by the folders of exe. It accepts either slash on every system, because the path may come
// from another one.
func environmentOfPath(exe string) string {
	folders := strings.FieldsFunc(strings.ToLower(exe), func(r rune) bool { return r == '/' || r == '\\' })
	if len(folders) > 0 {
		folders = folders[:len(folders)-1] // without the file itself
	}
	production := false
	for i, folder := range folders {
		inTarget := i > 0 && folders[i-1] == "target"
		switch {
		case inTarget && folder == "debug":
			return environmentDevelopment
		case inTarget && folder == "release", folder == "dist":
			production = true
		}
	}
	if production {
		return environmentProduction
	}
	return environmentDevelopment
}

// CheckEnvironment returns an error for a name that Sentry rejects. The empty name, which means no choice, passes.
func CheckEnvironment(name string) error {
	if utf8.RuneCountInString(name) > maxEnvironmentLength || !utf8.ValidString(name) ||
		strings.ContainsAny(name, "/\\ ") || strings.ContainsFunc(name, unicode.IsControl) ||
		strings.EqualFold(name, "None") {
		return fmt.Errorf("sentryconfig: environment %q: Sentry wants at most %d characters, no slash, no space, "+
			"no line break, and not \"None\"; set Options.Environment, $AUTOSERVICE_ENV or $SENTRY_ENVIRONMENT",
			name, maxEnvironmentLength)
	}
	return nil
}
