package outbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = time.Minute    // a 429 that doesn't say how long
	maxLimit     = 24 * time.Hour // longer ones are taken for a mistake
	// longLimit is what a limit may last before what isn't an error is dropped rather than kept: self-hosted servers
	// answer every envelope with a day's limit for transactions.
	longLimit = 5 * time.Minute
)

// rateLimits says until when the server wants nothing of a category.
type rateLimits [CategoryOther + 1]time.Time

// update takes the limits of an answer, whatever its status. See
// https://develop.sentry.dev/sdk/expected-features/rate-limiting/.
func (l *rateLimits) update(h http.Header, status int, now time.Time) {
	if values := h.Values("X-Sentry-Rate-Limits"); len(values) > 0 {
		found := false
		for _, quota := range strings.Split(strings.Join(values, ","), ",") {
			found = l.quota(quota, now) || found
		}
		if found {
			return
		}
	}
	if status == http.StatusTooManyRequests {
		l.set(allCategories, now.Add(retryAfter(h.Get("Retry-After"), now)))
	}
}

const allCategories = ""

// quota takes one "seconds:categories:scope:reason:namespaces" and reports whether it made sense.
func (l *rateLimits) quota(text string, now time.Time) bool {
	fields := strings.Split(text, ":")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(fields[0]), 64)
	if err != nil || !(seconds >= 0) || len(fields) < 2 {
		return false
	}
	until := now.Add(atMost(seconds))
	for _, category := range strings.Split(fields[1], ";") {
		l.set(strings.ToLower(strings.TrimSpace(category)), until)
	}
	return true
}

func (l *rateLimits) set(category string, until time.Time) {
	for c := range l {
		if category == allCategories || category == Category(c).String() {
			if until.After(l[c]) {
				l[c] = until
			}
		}
	}
}

func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return atMost(seconds)
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return min(at.Sub(now), maxLimit)
	}
	return defaultLimit
}

func atMost(seconds float64) time.Duration {
	if seconds >= maxLimit.Seconds() {
		return maxLimit
	}
	return time.Duration(seconds * float64(time.Second))
}
