package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig"
)

// TestBurst: each of 10,000 captures that come as fast as they can arrives, once.
func TestBurst(t *testing.T) {
	n := 10_000
	if testing.Short() || raceDetector {
		n /= 10
	}
	for _, goroutines := range []int{1, 64} {
		t.Run(fmt.Sprintf("%d goroutines", goroutines), func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ids := make([]string, n)
			next := make(chan int)
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := range next {
						id := sentryconfig.CaptureTaskException(context.Background(), errors.New("out of paper"), "print", map[string]any{"page": i}, nil)
						ids[i] = string(id)
					}
				})
			}
			for i := range n {
				next <- i
			}
			close(next)
			wg.Wait()
			began := time.Now()
			if !sentryconfig.Flush(50 * time.Second) {
				t.Errorf("Flush: false; %+v", sentryconfig.ReadStats())
			}
			t.Logf("Flush took %v", time.Since(began))
			arrived := make(map[string]bool)
			for _, e := range server.Events() {
				arrived[e.ID] = true
			}
			for i, id := range ids {
				if id == "" || !arrived[id] {
					t.Fatalf("event %d (%q) is lost; %d arrived; %+v", i, id, len(arrived), sentryconfig.ReadStats())
				}
			}
			if stats := sentryconfig.ReadStats(); stats.Delivered != uint64(n) || stats.Dropped > 0 || server.Duplicates() > 0 {
				t.Errorf("%+v, %d duplicates", stats, server.Duplicates())
			}
		})
	}
}
