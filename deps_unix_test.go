//go:build unix

package sentryconfig_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Merely importing some of gopsutil's packages changes the registry or this process's privileges on Windows, or starts
// what never ends. A machine that only ever built for itself lacks the modules that Windows alone needs, and may be
// offline: -e lists what is there, and what is missing imports none of gopsutil.
func TestWindowsLinksNothingWithSideEffects(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "-deps", ".")
	cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0", "GOPROXY=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	deps := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		deps[strings.TrimSpace(line)] = true
	}
	const gopsutil = "github.com/shirou/gopsutil/v3/"
	for _, name := range []string{"disk", "host", "process", "load", "net", "winservices"} {
		if deps[gopsutil+name] {
			t.Errorf("the Windows build links gopsutil's %s: ask Windows itself, as machine_windows.go does", name)
		}
	}
	if !deps[gopsutil+"mem"] {
		t.Errorf("the Windows build doesn't link gopsutil's mem: are these its packages?\n%s", out)
	}
	if deps["testing"] {
		t.Error("the Windows build links testing")
	}
}

// A method that is looked up by a name that the compiler doesn't know makes the linker keep every method of the
// program.
func TestLinksNothingUnused(t *testing.T) {
	dir := t.TempDir()
	source := `package main

import "github.com/autoservice/sentryconfig"

type probe struct{}

func (probe) Error() string      { return "probe" }
func (probe) NobodyCalls() string { return "unused" }

func main() { sentryconfig.CaptureTaskException(nil, probe{}, "", nil, nil) }
`
	if err := os.WriteFile(dir+"/main.go", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	program := dir + "/program"
	if out, err := exec.Command("go", "build", "-o", program, dir+"/main.go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.Command("go", "tool", "nm", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(symbols), "main.probe.Error") &&
		!strings.Contains(string(symbols), "main.(*probe).Error") {
		t.Error("the program lacks what it needs: are these its symbols?")
	}
	if strings.Contains(string(symbols), "NobodyCalls") {
		t.Error("the linker keeps a method that nobody calls")
	}
}
