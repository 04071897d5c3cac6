package sentrytest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A CheckIn is a report of a scheduled task to Sentry Crons.
type CheckIn struct {
	ID            string         `json:"check_in_id"` // all zeros: the monitor's newest check-in
	MonitorSlug   string         `json:"monitor_slug"`
	Status        string         `json:"status"` // ok, in_progress, error, missed or timeout
	Release       string         `json:"release,omitempty"`
	Environment   string         `json:"environment,omitempty"`
	MonitorConfig map[string]any `json:"monitor_config,omitempty"` // as decoded by encoding/json; nil for none

	Duration time.Duration `json:"-"` // 0 if missing
	TraceID  string        `json:"-"` // from the payload's trace context, else from the envelope; "" for none
	Received time.Time     `json:"-"`
	Raw      []byte        `json:"-"` // the check-in's JSON as received
}

const (
	maxSlugChars = 50

	// maxCheckInSeconds limits a check-in's duration: Sentry stores its milliseconds in 31 bits.
	maxCheckInSeconds = math.MaxInt32 / 1000.0
)

// wireCheckIn is a check-in in its JSON form.
type wireCheckIn struct {
	CheckIn
	Duration *float64 `json:"duration"` // in seconds
	Contexts struct {
		Trace *struct {
			ID any `json:"trace_id"`
		} `json:"trace"`
	} `json:"contexts"`
}

// readCheckIn reads an item of type check_in.
func readCheckIn(e *Envelope, item *Item) (*CheckIn, error) {
	if n := len(item.Payload); n > maxCheckInBytes {
		return nil, refuse(http.StatusRequestEntityTooLarge, "check_in of %d bytes, at most %d", n, maxCheckInBytes)
	}
	var wire wireCheckIn
	err := decode(item.Payload, &wire)
	if err == nil {
		err = wire.check()
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "check_in: %w", err)
	}
	c := wire.CheckIn
	c.Received, c.Raw = e.Received, item.Payload
	if wire.Duration != nil {
		c.Duration = time.Duration(math.Round(*wire.Duration * float64(time.Second)))
	}
	if trace := wire.Contexts.Trace; trace != nil {
		c.TraceID, _ = trace.ID.(string)
	} else if trace, ok := e.Header["trace"].(map[string]any); ok {
		c.TraceID, _ = trace["trace_id"].(string)
	}
	return &c, nil
}

// check returns the reason for which Sentry would reject the check-in.
func (c *wireCheckIn) check() error {
	switch {
	case !isHex(c.ID, 32) && c.ID != strings.Repeat("0", 32):
		return fmt.Errorf("check_in_id %.100q isn't 32 lower-case hexadecimal digits", c.ID)
	case c.MonitorSlug == "":
		return errors.New("no monitor_slug")
	case len(c.MonitorSlug) > maxSlugChars || strings.ContainsFunc(c.MonitorSlug, notInSlug):
		return fmt.Errorf("monitor_slug %.100q isn't 1 to %d of a-z, 0-9, - and _", c.MonitorSlug, maxSlugChars)
	case !slices.Contains([]string{"ok", "in_progress", "error", "missed", "timeout"}, c.Status):
		return fmt.Errorf("status %.100q isn't ok, in_progress, error, missed or timeout", c.Status)
	case c.Duration != nil && (*c.Duration < 0 || *c.Duration > maxCheckInSeconds):
		return fmt.Errorf("duration %v isn't 0 to %v seconds", *c.Duration, maxCheckInSeconds)
	case c.Contexts.Trace != nil && !isHex(c.Contexts.Trace.ID, 32):
		return fmt.Errorf("contexts.trace: trace_id %v isn't 32 lower-case hexadecimal digits", c.Contexts.Trace.ID)
	case c.MonitorConfig != nil:
		return checkSchedule(c.MonitorConfig["schedule"])
	}
	return nil
}

func notInSlug(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// checkSchedule checks a monitor's schedule, which its configuration must contain.
func checkSchedule(v any) error {
	schedule, _ := v.(map[string]any)
	value := schedule["value"]
	switch schedule["type"] {
	case "crontab":
		if text, _ := value.(string); text != "" {
			return nil
		}
	case "interval":
		unit, _ := schedule["unit"].(string)
		n, _ := value.(float64)
		units := []string{"minute", "hour", "day", "week", "month", "year"}
		if n >= 1 && n == math.Trunc(n) && slices.Contains(units, unit) {
			return nil
		}
	}
	return fmt.Errorf("monitor_config: schedule %.200v is neither a crontab nor an interval of whole units", v)
}
