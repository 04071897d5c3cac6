package settings

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"
)

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// DefaultRelease returns the release from the process's environment or the build, made valid for Sentry.
func DefaultRelease() string {
	if r := fitName(os.Getenv("SENTRY_RELEASE"), maxReleaseLength); CheckRelease(r) == nil {
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

// fitName makes a name valid that nobody chose for Sentry: a branch name such as feature/x must not stop all reporting.
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

// maxReleaseLength is Sentry's limit for a release, in characters.
const maxReleaseLength = 200

// CheckRelease returns an error for a name that Sentry rejects.
func CheckRelease(release string) error {
	if release == "" || utf8.RuneCountInString(release) > maxReleaseLength ||
		strings.ContainsAny(release, "/\\\n\r\t") || strings.TrimSpace(release) != release ||
		release == "." || release == ".." || strings.EqualFold(release, "latest") {
		return fmt.Errorf("sentryconfig: release %q: Sentry wants at most %d characters, no slash, no line break, "+
			"no space at its ends, and not \"latest\"", release, maxReleaseLength)
	}
	return nil
}
