package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
)

// A Field is a name in a JSON object, and the function that reads its value.
type Field struct {
	Name string
	Set  func(json.RawMessage) error
}

// ReadFields reads a JSON object, in the order of fields. It doesn't set a field that data doesn't name, or names as
// null. An unknown name that is probably a misspelt known one is an error; ReadFields returns the others, sorted.
func ReadFields(data []byte, fields []Field) (unknown []string, err error) {
	var found map[string]json.RawMessage
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, fmt.Errorf("sentryconfig: options: %w", objectError(err))
	}
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Name)
		raw, ok := found[f.Name]
		delete(found, f.Name)
		if !ok || string(raw) == "null" {
			continue
		}
		if err := f.Set(raw); err != nil {
			return nil, fmt.Errorf("sentryconfig: options: field %q: %w", f.Name, plainError(err))
		}
	}
	for name := range found {
		if isMistyped(name, names) {
			return nil, fmt.Errorf("sentryconfig: options: unknown field %q: did you mean %q?",
				name, closestName(name, names))
		}
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	return unknown, nil
}

// Plain reads a value of any type.
func Plain[T any](p *T) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var v T // into a new variable, so that a slice shares no memory with the old one
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		*p = v
		return nil
	}
}

// Option reads a value of any type, and records that it is set.
func Option[T any](p *sentry.Option[T]) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		*p = sentry.Set(v)
		return nil
	}
}

// Duration reads a duration in Go's form: "10m", "1h30m".
func Duration(p *time.Duration) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("%w, such as \"10m\"", plainError(err))
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration, such as \"10m\"", text)
		}
		*p = d
		return nil
	}
}

// DurationText formats d as Duration reads it, without parts that are 0: "15m" instead of "15m0s".
func DurationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Rate reads a rate, or an object of rates by environment. It selects the environment that *environment names when the
// result is called, else the detected one.
func Rate(p *sentry.Option[float64], environment *string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		if raw[0] != '{' {
			return Option(p)(raw)
		}
		var rates map[string]float64
		if err := json.Unmarshal(raw, &rates); err != nil {
			return err
		}
		own := CanonicalEnvironment(*environment)
		if own == "" {
			own = DetectEnvironment()
		}
		chosen, found := 1.0, false
		for name, rate := range rates {
			if err := CheckRate("the rate of "+name, rate); err != nil {
				return err
			}
			if CanonicalEnvironment(name) == own {
				chosen, found = rate, true
			}
		}
		if every, ok := rates["*"]; ok && !found {
			chosen = every
		}
		*p = sentry.Set(chosen)
		return nil
	}
}

// objectError says what data has instead of a JSON object.
func objectError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("want a JSON object, not a JSON %s", te.Value)
	}
	return fmt.Errorf("want a JSON object: %w", err)
}

// plainError words a type error without Go's terms for JSON values.
func plainError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("is a JSON %s, want %s", te.Value, wanted(te.Type))
	}
	return err
}

// wanted names a type for people who write JSON.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "a " + t.String()
	}
}

// Our names in a settings file.
const (
	enabledName = "sentry_enabled"
	sectionName = "sentry"
)

// ReadFile reads a settings file. It passes our section of it, if there is one, to readSection, and returns the switch
// beside that. Other names belong to the program, except misspellings of ours, which are errors.
func ReadFile(path string, readSection func([]byte) error) (enabled sentry.Option[bool], err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return enabled, fmt.Errorf("sentryconfig: load options: %w", err)
	}
	if err = readFile(data, readSection, &enabled); err != nil {
		err = fmt.Errorf("sentryconfig: load options from %s: %w", path, err)
	}
	return enabled, err
}

func readFile(data []byte, readSection func([]byte) error, enabled *sentry.Option[bool]) error {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // Windows editors write a byte order mark
	if string(data) == "null" {
		return errors.New("want a JSON object, not null")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return objectError(err)
	}
	for name := range fields {
		if ours := misspelt(name); ours != "" {
			return fmt.Errorf("unknown field %q: did you mean %q?", name, ours)
		}
	}
	if raw, ok := fields[sectionName]; ok && string(raw) != "null" {
		if err := readSection(raw); err != nil {
			return err
		}
	}
	if raw, ok := fields[enabledName]; ok && string(raw) != "null" {
		if err := Option(enabled)(raw); err != nil {
			return fmt.Errorf("field %q: %w", enabledName, plainError(err))
		}
	}
	return nil
}
