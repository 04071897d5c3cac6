package crash_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/autoservice/sentryconfig/internal/crash"
)

// TestClaim: one Output at a time has the process's crash output, from Claim to End.
func TestClaim(t *testing.T) {
	var one, other crash.Output
	if !one.Claim() || other.Claim() || one.Claim() {
		t.Error("it isn't claimed once")
	}
	other.End()
	if new(crash.Output).Claim() {
		t.Error("one that hadn't claimed it released it")
	}
	one.End()
	next := new(crash.Output)
	if !next.Claim() {
		t.Error("it can't be claimed again")
	}
	next.End()
	next.End()
}

// TestOutput isn't parallel: the crash output is the process's.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	created := 0
	create := func() (*os.File, error) {
		created++
		return os.Create(filepath.Join(dir, "words"))
	}
	begin := func(what string, out *crash.Output, want bool) {
		t.Helper()
		if taken, err := out.Begin(create); taken != want || err != nil {
			t.Errorf("%s: taken %v, %v", what, taken, err)
		}
	}
	var one, other, third crash.Output
	failure := errors.New("no file")
	if taken, err := one.Begin(func() (*os.File, error) { return nil, failure }); taken || !errors.Is(err, failure) {
		t.Errorf("a file that can't be created: %v, %v", taken, err)
	}
	begin("the first", &one, false)
	begin("one while the first has it", &other, true)
	other.End()
	begin("one after that has ended", &third, true)
	one.End()
	begin("an ended one", &one, false)
	if created != 1 {
		t.Errorf("%d files were created", created)
	}

	f, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()); err != nil {
		t.Fatal(err)
	}
	begin("one beside the program's own", &third, true)
	if err := debug.SetCrashOutput(nil, debug.CrashOptions{}); err != nil {
		t.Fatal(err)
	}
	begin("one after the program gave its own up", &third, false)
	third.End()
	begin("the output that End gave back", new(crash.Output), false)
	if err := debug.SetCrashOutput(nil, debug.CrashOptions{}); err != nil {
		t.Fatal(err)
	}
}
