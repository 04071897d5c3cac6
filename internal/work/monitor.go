package work

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/getsentry/sentry-go"
)

// maxSlug is Sentry's limit for a monitor's slug.
const maxSlug = 50

// FitSlug returns slug in the form that Sentry accepts: a-z, 0-9, _ and -.
func FitSlug(slug string) string {
	words := strings.FieldsFunc(strings.ToLower(slug), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
	for i := range words {
		words[i] = strings.Trim(words[i], "-")
	}
	slug = strings.Join(words, "-")
	return slug[:min(len(slug), maxSlug)]
}

var scheduleUnits = []string{"minute", "hour", "day", "week", "month", "year"}

// FitConfig returns a monitor's configuration in the form that Relay accepts: numbers below 0 become 0. It returns nil
// if Relay can't read the schedule. Otherwise Relay would drop the check-in.
func FitConfig(config sentry.MonitorConfig) *sentry.MonitorConfig {
	var schedule struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
		Unit  string `json:"unit"`
	}
	raw, err := json.Marshal(config.Schedule)
	if err != nil || json.Unmarshal(raw, &schedule) != nil {
		return nil
	}
	switch value := schedule.Value.(type) {
	case string:
		if value == "" {
			return nil
		}
	case float64:
		if value < 1 || !slices.Contains(scheduleUnits, schedule.Unit) {
			return nil
		}
	default:
		return nil
	}
	config.CheckInMargin, config.MaxRuntime = max(config.CheckInMargin, 0), max(config.MaxRuntime, 0)
	config.FailureIssueThreshold = max(config.FailureIssueThreshold, 0)
	config.RecoveryThreshold = max(config.RecoveryThreshold, 0)
	return &config
}
