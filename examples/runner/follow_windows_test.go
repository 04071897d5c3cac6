package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

const holderFile = "RUNNER_TEST_HOLDS" // in the environment: the test binary keeps this file to itself

func init() {
	if path := os.Getenv(holderFile); path != "" {
		playHolder(path)
	}
}

// playHolder writes to a file that nobody else may open meanwhile, until stdin ends.
func playHolder(path string) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		panic(err)
	}
	const access = windows.GENERIC_READ | windows.GENERIC_WRITE
	h, err := windows.CreateFile(name, access, 0, nil, windows.TRUNCATE_EXISTING, 0, 0)
	if err != nil {
		panic(err)
	}
	f := os.NewFile(uintptr(h), path)
	if _, err := f.WriteString(settingsOff); err != nil {
		panic(err)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = f.Close()
	os.Exit(0)
}

// TestSettingsThatAreHeld lets another process write the settings and keep them to itself for two tasks.
func TestSettingsThatAreHeld(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(self)
	release, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	hold := func(t *testing.T, path string) {
		holder.Env = append(os.Environ(), holderFile+"="+path)
		if err := holder.Start(); err != nil {
			t.Error(err)
			return
		}
		if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || strings.TrimSpace(line) != "held" {
			t.Errorf("%q, %v", line, err)
		}
	}
	free := func(t *testing.T, _ string) {
		_ = release.Close()
		if err := holder.Wait(); err != nil {
			t.Error(err)
		}
	}
	o := follow(t, settingsOn, []step{
		{"held by another process", hold, true},
		{"still held", nothing, true},
		{"free", free, false},
	})
	if n := strings.Count(o.stderr, "the settings can't be followed"); n != 1 {
		t.Errorf("said %d times, want once: %s", n, o.stderr)
	}
}
