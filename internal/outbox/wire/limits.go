package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

const (
	// maxLimit is the longest rate limit that is believed: a server's slip must not silence a machine for ever.
	maxLimit = 24 * time.Hour
	// defaultLimit is the protocol's, for a 429 that doesn't say how long.
	defaultLimit = time.Minute
	// minLimit keeps a 429 that says "0 s" from being asked again in a loop.
	minLimit = time.Second
	// Patience is how long anything but an error waits for its limit to end. Some servers answer every envelope with a
	// limit of a day for what they don't support, and that would fill the outbox.
	Patience = 5 * time.Minute
)

// Limits says for each category how much longer nothing of it may be sent.
type Limits [store.CategoryCount]time.Duration

// limitNames are the names in X-Sentry-Rate-Limits that concern an outbox. Others (sessions, profiles, spans sent by
// themselves, …) are somebody else's.
var limitNames = func() map[string]store.Category {
	names := make(map[string]store.Category)
	for _, item := range protocol.Items {
		for _, name := range item.Limits {
			names[name] = item.Category
		}
	}
	return names
}()

// raise sets the limit of c, unless it is longer already.
func (l *Limits) raise(c store.Category, d time.Duration) {
	l[store.Index(c)] = max(l[store.Index(c)], d)
}

func (l *Limits) raiseAll(d time.Duration) {
	for c := range l {
		l.raise(store.Category(c), d)
	}
}

// answerLimits reads the rate limits of an answer to an envelope of category c. A 429 always limits c at least, so that
// it isn't sent again at once.
func answerLimits(status int, h http.Header, c store.Category, now time.Time) Limits {
	var l Limits
	header := h.Values("X-Sentry-Rate-Limits")
	for _, value := range header {
		l.parse(value)
	}
	if status != http.StatusTooManyRequests || l[store.Index(c)] > 0 {
		return l
	}
	d, ok := parseRetryAfter(h.Get("Retry-After"), now)
	if !ok {
		d = defaultLimit
	}
	d = max(d, minLimit)
	if strings.Join(header, "") != "" { // which spoke of other categories
		l.raise(c, d)
	} else {
		l.raiseAll(d)
	}
	return l
}

// parse adds the limits of an X-Sentry-Rate-Limits header: quotas separated by commas, each
// retry_after:categories:scope:reason:namespaces, with categories separated by semicolons and none meaning all. What it
// can't read it passes over.
func (l *Limits) parse(value string) {
	for quota := range strings.SplitSeq(value, ",") {
		seconds, rest, _ := strings.Cut(strings.TrimSpace(quota), ":")
		d, ok := parseSeconds(seconds)
		if !ok {
			continue
		}
		categories, _, _ := strings.Cut(rest, ":")
		if categories = strings.TrimSpace(categories); categories == "" {
			l.raiseAll(d)
			continue
		}
		for name := range strings.SplitSeq(categories, ";") {
			if c, ok := limitNames[strings.ToLower(strings.TrimSpace(name))]; ok {
				l.raise(c, d)
			}
		}
	}
}

// parseRetryAfter reads a Retry-After header: seconds, or a date.
func parseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if d, ok := parseSeconds(value); ok && !strings.HasPrefix(value, "-") {
		return d, true
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), maxLimit), true
	}
	return 0, false
}

// parseSeconds reads seconds, whole or not, rounds them up and keeps them between 0 and maxLimit.
func parseSeconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil && !math.IsInf(f, 1) || math.IsNaN(f) {
		return 0, false
	}
	f = min(max(math.Ceil(f), 0), maxLimit.Seconds())
	return time.Duration(f) * time.Second, true
}
