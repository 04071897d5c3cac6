package sentryconfig_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// TestOffCallsAreInlined: what a call costs while reporting is off follows from its being inlined, and a little more in
// it would silently end that.
func TestOffCallsAreInlined(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to ask: ", err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"busy", "CaptureTaskException", "CaptureTaskFailure", "AddBreadcrumb",
		"CreateTaskSpan", "(*Client).CaptureTaskException", "(*Client).CaptureTaskFailure",
		"(*Client).AddBreadcrumb", "(*Client).CreateTaskSpan"} {
		if !strings.Contains(string(out), ": can inline "+name+"\n") {
			t.Errorf("%s is not inlined any more", name)
		}
	}
}

// TestEnabledIsNoticed: calls that are off don't look at everything, but what switches reporting on is never missed.
func TestEnabledIsNoticed(t *testing.T) {
	server := start(t, sentryconfig.Options{Enabled: sentry.Set(false)})
	t.Cleanup(func() { sentryconfig.Enabled = true })
	capture := func(wanted bool, when string) {
		t.Helper()
		for _, id := range []sentry.EventID{
			sentryconfig.CaptureTaskFailure(t.Context(), "x", when, nil, nil),
			sentryconfig.Default().CaptureTaskFailure(t.Context(), "x", when, nil, nil),
		} {
			if (id != "") != wanted {
				t.Errorf("%s: reported: %v", when, !wanted)
			}
		}
	}
	capture(false, "off by the option")
	sentryconfig.Enabled = false
	capture(false, "off by both")
	sentryconfig.SetEnabled(true)
	capture(false, "off by the variable that nobody looked at while all was off")
	sentry.CaptureMessage("plain, off by the variable")
	sentryconfig.Enabled = true
	capture(true, "on")
	sentryconfig.Enabled = false
	capture(false, "off by the variable")
	sentry.CaptureMessage("plain, off by the variable")
	sentryconfig.SetEnabled(false)
	sentryconfig.Enabled = true
	capture(false, "off by the switch")
	sentryconfig.SetEnabled(true)
	capture(true, "on again")
	flush(t)
	if events := server.Events(); len(events) != 4 {
		t.Errorf("%d events, want 4", len(events))
	}
}
