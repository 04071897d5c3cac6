package sentryconfig

import (
	"strings"
	"testing"
)

func TestDetectEnvironment(t *testing.T) {
	for _, test := range []struct{ autoservice, sentry, want string }{
		{"", "", "development"}, // a test binary lies in neither folder
		{"prod", "staging", "production"},
		{"", "stage", "staging"},
		{"dev", "", "development"},
		{"customer-7", "", "customer-7"},
		{"feature/new thing", "", "feature-new-thing"},
		{" None ", "prod", "production"},
		{strings.Repeat("x", 70), "", strings.Repeat("x", 64)},
	} {
		t.Setenv("AUTOSERVICE_ENV", test.autoservice)
		t.Setenv("SENTRY_ENVIRONMENT", test.sentry)
		if got := DetectEnvironment(); got != test.want {
			t.Errorf("with %q and %q: %q, want %q", test.autoservice, test.sentry, got, test.want)
		}
	}
}
