package sentryconfig_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// TestEveryOption: an option can be read from JSON, makes other settings, is changed by Reconfigure or refused by its
// name, has its row in docs/options.md, and is known to the runner, which finds misspelt ones.
func TestEveryOption(t *testing.T) {
	functions := map[string]bool{"Expected": true, "ErrorClass": true, "Logger": true, "ClientOptions": true}
	others := map[string]struct{ name, value string }{
		"DSN":              {"dsn", `"http://0123@sentry.invalid/1"`},
		"Environment":      {"environment", `"staging"`},
		"Release":          {"release", `"a@2"`},
		"OutboxDir":        {"outbox_dir", asJSON(t, filepath.Join(t.TempDir(), "other"))},
		"OutboxBytes":      {"outbox_bytes", "1048576"},
		"Enabled":          {"enabled", "false"},
		"SendPII":          {"send_default_pii", "false"},
		"SendSystemInfo":   {"send_system_info", "false"},
		"CrashReports":     {"crash_reports", "true"},
		"SecretKeys":       {"secret_keys", `["pin"]`},
		"TracesSampleRate": {"traces_sample_rate", "0.5"},
		"MaxPerMinute":     {"max_per_minute", "7"},
		"StuckAfter":       {"stuck_after", `"10m"`},
		"Alerts":           {"alerts", `[{"window": "1h"}]`},
	}
	page, err := os.ReadFile(filepath.Join("docs", "options.md"))
	if err != nil {
		t.Fatal(err)
	}
	runner, err := os.ReadFile(filepath.Join("examples", "runner", "input.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, known, _ := strings.Cut(string(runner), "\nvar configNames")
	known, _, _ = strings.Cut(known, "\n}")
	base := sentryconfig.Options{Release: "a@1", Environment: "production", OutboxDir: t.TempDir(),
		Enabled: sentry.Set(true)}
	server := start(t, base)
	base.DSN = server.DSN()
	options := reflect.TypeFor[sentryconfig.Options]()
	for i := range options.NumField() {
		field := options.Field(i).Name
		if !options.Field(i).IsExported() {
			continue
		}
		other, inJSON := others[field]
		row := fmt.Sprintf("| `%s` | `%s` |", field, other.name)
		if functions[field] {
			row = fmt.Sprintf("| `%s` | |", field)
		}
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/options.md has no row %s", row)
		}
		switch {
		case functions[field]:
			continue
		case !inJSON:
			t.Errorf("Options.%s: add its JSON name to UnmarshalJSON, what it means to resolve, and a row here", field)
			continue
		}
		if !strings.Contains(known, strconv.Quote(other.name)) {
			t.Errorf("configNames in examples/runner/input.go lacks %q", other.name)
		}
		changed := base
		if err := json.Unmarshal(fmt.Appendf(nil, `{%q: %s}`, other.name, other.value), &changed); err != nil {
			t.Errorf("Options.%s in JSON: %v", field, err)
		}
		now, before := reflect.ValueOf(changed).Field(i).Interface(), reflect.ValueOf(base).Field(i).Interface()
		if reflect.DeepEqual(now, before) {
			t.Errorf("Options.%s isn't read from %q: add it to UnmarshalJSON", field, other.name)
			continue
		}
		checkChange(t, field, base, changed, string(page))
	}
}

// checkChange checks what Init and Reconfigure make of options that differ from base in one field, and whether page
// says that Reconfigure can change it.
func checkChange(t *testing.T, field string, base, changed sentryconfig.Options, page string) {
	t.Helper()
	if err := sentryconfig.Init(changed); !errors.Is(err, sentryconfig.ErrInitialized) {
		t.Errorf("Init with another %s: %v, want ErrInitialized: add it to resolve, and to policy.equal "+
			"or fixed.differs", field, err)
	}
	err := sentryconfig.Reconfigure(changed)
	_, changeable, _ := strings.Cut(page, "\n`Reconfigure` changes ")
	changeable, _, _ = strings.Cut(changeable, ".")
	if said := strings.Contains(changeable, "`"+field+"`"); said != (err == nil) {
		t.Errorf("docs/options.md says of what Reconfigure changes %q, but Reconfigure with another %s: %v",
			changeable, field, err)
	}
	if err != nil {
		if !strings.Contains(err.Error(), "Reconfigure: "+field+" ") {
			t.Errorf("Reconfigure with another %s: %v", field, err)
		}
		return
	}
	if err := sentryconfig.Init(changed); err != nil {
		t.Errorf("Init after Reconfigure with another %s: %v", field, err)
	}
	if err := sentryconfig.Reconfigure(base); err != nil {
		t.Errorf("Reconfigure to the former %s: %v", field, err)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
