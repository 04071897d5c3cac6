package wire

import (
	"net/http"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// l makes Limits of seconds by category: error, transaction, monitor, log, metric, other.
func l(seconds ...int) (l Limits) {
	for i, s := range seconds {
		l[i] = time.Duration(s) * time.Second
	}
	return l
}

func all(s int) (all Limits) {
	for i := range all {
		all[i] = time.Duration(s) * time.Second
	}
	return all
}

const day = 24 * 60 * 60

func TestParseRateLimits(t *testing.T) {
	t.Parallel()
	longerForErrors := all(60)
	longerForErrors.raise(protocol.CategoryError, 100*time.Second)
	for _, c := range []struct {
		name, header string
		want         Limits
	}{
		{"nothing", "", l()},
		{"errors", "60:error:key", l(60)},
		{"transactions, as Bugsink has it", "86400:transaction;span", l(0, day)},
		{"two quotas", "60:transaction, 2700:default;error;security:key", l(2700, 60, 0, 0, 0, 2700)},
		{"the longest of several", "60:error,10:error,30:error", l(60)},
		{"all", "60::key", all(60)},
		{"all, briefly", "60", all(60)},
		{"all and one", "60::key,100:error:key", longerForErrors},
		{"a reason and namespaces", "60:metric_bucket;trace_metric:key:quota:custom", l(0, 0, 0, 0, 60)},
		{"unknown categories limit nothing", "60:unheard_of;metric_bucket;attachment", l()},
		{"bytes", "60:log_byte,50:trace_metric_byte", l(0, 0, 0, 60, 50)},
		{"monitors", "5:monitor", l(0, 0, 5)},
		{"spaces and case", "  60 : Error ; TRANSACTION : x ", l(60, 60)},
		{"fractions are rounded up", "1.2:error", l(2)},
		{"at most a day", "1e300:error,9999999999999999999999999:transaction", l(day, day)},
		{"infinite", "inf:error,1e999:transaction", l(day, day)},
		{"negative", "-5:error", l()},
		{"not a number", "nan:error,x:error,:error,NaN", l()},
		{"empty quotas", ",,60:error,", l(60)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Limits
			got.parse(c.header)
			if got != c.want {
				t.Errorf("%q: got %v, want %v", c.header, got, c.want)
			}
		})
	}
}

func TestAnswerLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name              string
		status            int
		limits, retry     string
		want              Limits
		categoryIfNotZero store.Category
	}{
		{"200", 200, "", "", l(), 0},
		{"200 with limits", 200, "60:transaction", "", l(0, 60), 0},
		{"Retry-After says nothing without 429", 503, "", "60", l(), 0},
		{"429 alone", 429, "", "", all(60), 0},
		{"429 with seconds", 429, "", "7", all(7), 0},
		{"429 with a date", 429, "", now.Add(90 * time.Second).Format(http.TimeFormat), all(90), 0},
		{"429 with a date gone by", 429, "", now.Add(-time.Hour).Format(http.TimeFormat), all(1), 0},
		{"429 with a date far away", 429, "", now.AddDate(50, 0, 0).Format(http.TimeFormat), all(day), 0},
		{"429 with rubbish", 429, "", "soon", all(60), 0},
		{"429 with less than 0", 429, "", "-5", all(60), 0},
		{"429 with 0", 429, "", "0", all(1), 0},
		{"429 with both", 429, "30:error", "7", l(30), 0},
		{"429 that speaks of others", 429, "30:transaction", "7", l(7, 30), 0},
		{"429 that speaks of others, for a log", 429, "30:transaction", "", l(0, 30, 0, 60), protocol.CategoryLog},
		{"429 with a limit that is over", 429, "0:error", "", l(60), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			if c.limits != "" {
				h.Set("X-Sentry-Rate-Limits", c.limits)
			}
			if c.retry != "" {
				h.Set("Retry-After", c.retry)
			}
			if got := answerLimits(c.status, h, c.categoryIfNotZero, now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("an empty header", func(t *testing.T) {
		h := http.Header{"X-Sentry-Rate-Limits": {""}, "Retry-After": {"7"}}
		if got := answerLimits(429, h, protocol.CategoryError, now); got != all(7) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("several headers", func(t *testing.T) {
		h := http.Header{"X-Sentry-Rate-Limits": {"1:error", "2:transaction"}}
		if got := answerLimits(200, h, protocol.CategoryError, now); got != l(1, 2) {
			t.Errorf("got %v", got)
		}
	})
}

func FuzzRateLimits(f *testing.F) {
	for _, s := range []string{
		"60:error:key", "86400:transaction;span", "1e999::", "60:metric_bucket:key:quota:a;b", ",,:;:", "-1:error",
	} {
		f.Add(s, s)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, header, retry string) {
		h := http.Header{"X-Sentry-Rate-Limits": {header}, "Retry-After": {retry}}
		for _, status := range []int{200, 429} {
			for c, d := range answerLimits(status, h, protocol.CategoryError, now) {
				if d < 0 || d > maxLimit {
					t.Errorf("%s limited for %v", store.Category(c), d)
				}
				if status == 429 && store.Category(c) == protocol.CategoryError && d < minLimit {
					t.Errorf("429 Limits for %v", d)
				}
			}
		}
	})
}
