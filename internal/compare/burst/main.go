// Burst has each tool report 5,000 errors, one right after the other, to a server in another process, and prints what
// the caller waited, what arrived, and what all of it cost: the CPU time of the tool's process. With -pace 50 each tool
// may send what it holds after every 50 captures, so that all arrive and the CPU times can be compared.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/autoservice/sentryconfig/internal/compare"
)

var (
	count = flag.Int("n", 5000, "captures")
	pace  = flag.Int("pace", 0, "captures between two flushes; 0: one flush at the end")
	tool  = flag.String("tool", "", "report with this one alone, to -url: how this program starts itself")
	url   = flag.String("url", "", "the server's address")
)

// A result is what the process of a tool says of itself.
type result struct{ Caller, CPU time.Duration }

func main() {
	flag.Parse()
	var err error
	if *tool != "" {
		err = report()
	} else {
		err = all()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "burst:", err)
		os.Exit(1)
	}
}

// report is a tool's process.
func report() error {
	dir, err := os.MkdirTemp("", "burst")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := compare.New(*tool, dir)
	if t == nil {
		return fmt.Errorf("no tool is called %q; there are %q", *tool, compare.Names)
	}
	if err := t.Start(*url, nil); err != nil {
		return err
	}
	before := cpuTime()
	var r result
	for i := range *count {
		start := time.Now()
		t.Capture(compare.ErrExample)
		r.Caller += time.Since(start)
		if *pace > 0 && i%*pace == *pace-1 {
			t.Flush()
		}
	}
	t.Flush()
	r.CPU = cpuTime() - before
	return json.NewEncoder(os.Stdout).Encode(r)
}

func all() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Printf("%-22s %8s %16s %16s\n", "of "+fmt.Sprint(*count), "arrived", "caller, µs each", "CPU, µs each")
	for _, name := range compare.Names {
		server := compare.NewServer()
		cmd := exec.Command(program, "-tool", name, "-url", server.URL,
			"-n", fmt.Sprint(*count), "-pace", fmt.Sprint(*pace))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		server.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var r result
		if err := json.Unmarshal(out, &r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(*count) }
		fmt.Printf("%-22s %8d %16.1f %16.1f\n", name, server.Events(), each(r.Caller), each(r.CPU))
	}
	return nil
}
