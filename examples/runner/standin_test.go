package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An answer is what a program that stands in for a tool does when its arguments contain When.
type answer struct {
	When   string // of the arguments, joined by spaces; "" is any
	Stdout []byte
	Stderr []byte
	Exit   int
	Args   bool // say the arguments on stdout, one a line
	Stdin  bool // say on stdout what stdin has
}

// sureWait is how long something may take that is sure to come.
const sureWait = time.Minute

const answersSuffix = ".answers"

// standIn makes a program of that name, which is the test binary under another one, and returns its path. It answers as
// the first of answers that fits, and with exit code 99 when none does.
func standIn(t *testing.T, name string, answers ...answer) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".exe")
	if os.Link(self, path) != nil { // another file system
		binary, err := os.ReadFile(self)
		if err == nil {
			err = os.WriteFile(path, binary, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path+answersSuffix, []byte(toJSON(answers)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// playStandIn is the program of standIn. It returns false when this is no such program.
func playStandIn() (exit int, played bool) {
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	text, err := os.ReadFile(self + answersSuffix)
	if err != nil {
		return 0, false
	}
	var answers []answer
	if err := json.Unmarshal(text, &answers); err != nil {
		panic(err)
	}
	args := strings.Join(os.Args[1:], " ")
	for _, a := range answers {
		if !strings.Contains(args, a.When) {
			continue
		}
		if a.Args {
			_, _ = os.Stdout.WriteString(strings.Join(os.Args[1:], "\n") + "\n")
		}
		if a.Stdin {
			_, _ = io.Copy(os.Stdout, os.Stdin)
		}
		_, _ = os.Stdout.Write(a.Stdout)
		_, _ = os.Stderr.Write(a.Stderr)
		return a.Exit, true
	}
	return 99, true
}
