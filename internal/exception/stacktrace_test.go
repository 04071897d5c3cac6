package exception

import (
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/module"
)

// TestOwnFrames: a stack trace shows the program and its libraries, not how it was reported.
func TestOwnFrames(t *testing.T) {
	for _, test := range []struct {
		pkg, file string
		kept      bool
	}{
		{module.Path, "/src/span.go", false},
		{module.Path, "/src/span_test.go", true},
		{module.Path + "/internal/outbox", "/src/outbox.go", false},
		{module.Path + "/internal/outbox/disk", "/src/disk.go", false},
		{module.Path + "/internal/outbox", "/src/outbox_test.go", true},
		{module.Path + "/sentrytest", "/src/server.go", true},
		{module.Path + "x", "/src/x.go", true},
		{"main", "/src/main.go", true},
	} {
		frame := sentry.Frame{Function: "f", Module: test.pkg, AbsPath: test.file}
		if kept := complete(&frame); kept != test.kept {
			t.Errorf("%s in %s: kept %v, want %v", test.pkg, test.file, kept, test.kept)
		}
	}
}
