package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const blockSize = 50

// BenchmarkCaller is what the caller of a capture waits: all tools in turns, by their defaults, with a transport that
// discards. Between blocks, untimed, each sends what it holds. Of the blocks the lower quartile is reported, since what
// other programs take of the processor only adds; only ratios count on a busy machine.
func BenchmarkCaller(b *testing.B) {
	tools := make([]*Tool, len(Names))
	for i, name := range Names {
		tools[i] = New(name, b.TempDir())
		if err := tools[i].Start("http://sentry.invalid", Discard{}); err != nil {
			b.Fatal(err)
		}
	}
	times := make([][]float64, len(Names))
	for b.Loop() {
		for i, tool := range tools {
			start := time.Now()
			for range blockSize {
				tool.Capture(ErrExample)
			}
			times[i] = append(times[i], float64(time.Since(start).Nanoseconds())/blockSize)
			tool.Flush()
		}
	}
	b.ReportMetric(0, "ns/op") // of a round: means nothing
	for i, name := range Names {
		b.ReportMetric(quartile(times[i])/1000, "µs-"+strings.ReplaceAll(name, " ", "-"))
	}
}

func quartile(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/4]
}

// TestTools: each tool reports what it is given, so that what is measured is what is meant.
func TestTools(t *testing.T) {
	for _, name := range Names {
		t.Run(name, func(t *testing.T) {
			server := NewServer()
			defer server.Close()
			tool := New(name, t.TempDir())
			if err := tool.Start(server.URL, server.Client().Transport); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				tool.Capture(fmt.Errorf("number %d: %w", i, ErrExample))
			}
			tool.Flush()
			if n := server.Events(); n != 3 {
				t.Errorf("%d events arrived, want 3", n)
			}
		})
	}
}
