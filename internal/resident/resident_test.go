package resident

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	t.Parallel()
	var worked atomic.Int64
	r := New(func() time.Duration { worked.Add(1); return Never })
	n := 0
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 100 {
				if !r.Do(func() { n++ }) { // no lock: one goroutine runs them all
					t.Error("Do: false")
				}
			}
		})
	}
	wg.Wait()
	if !r.Close(time.Minute) || n != 5000 || worked.Load() == 0 {
		t.Errorf("%d calls, %d of work", n, worked.Load())
	}
	if r.Do(func() { n++ }) || r.Go(func() { n++ }) || !r.Close(time.Minute) || n != 5000 {
		t.Error("it works after Close")
	}
	r.Kick()
	ctx, cancel := r.Timeout(time.Hour)
	defer cancel()
	if ctx.Err() == nil {
		t.Error("a context after Close hasn't ended")
	}
}

// TestClose: Close waits for what Go has started, and has work called a last time.
func TestClose(t *testing.T) {
	t.Parallel()
	var seen, worked atomic.Int64
	r := New(func() time.Duration { worked.Add(1); return Never })
	release := make(chan struct{})
	for range 10 {
		r.Go(func() { <-release; seen.Add(1) })
	}
	r.Do(func() {})
	before := worked.Load()
	r.Go(func() { close(release) })
	if !r.Close(time.Minute) || seen.Load() != 10 || worked.Load() <= before {
		t.Errorf("%d goroutines have ended, work was called %d times", seen.Load(), worked.Load()-before)
	}
}

// TestCloseIsPatient: Close leaves behind what doesn't end in time, by the resident's clock.
func TestCloseIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(nil)
		release, start := make(chan struct{}), time.Now()
		r.Go(func() { <-release })
		if r.Close(time.Minute) || time.Since(start) != time.Minute {
			t.Errorf("Close took %v", time.Since(start))
		}
		close(release)
		synctest.Wait()
		if !r.Close(0) {
			t.Error("it is over, and Close says false")
		}
	})
}

// TestWork: work is called after a Kick, and when its time has come.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		next := make(chan time.Duration, 10)
		r := New(func() time.Duration {
			calls = append(calls, time.Since(start))
			select {
			case d := <-next:
				return d
			default:
				return Never
			}
		})
		next <- time.Hour
		next <- 0
		next <- time.Minute
		r.Kick()
		time.Sleep(24 * time.Hour)
		want := []time.Duration{0, time.Hour, time.Hour, time.Hour + time.Minute}
		synctest.Wait()
		if len(calls) != len(want) {
			t.Fatalf("calls at %v, want %v", calls, want)
		}
		for i, at := range want {
			if calls[i] != at {
				t.Fatalf("calls at %v, want %v", calls, want)
			}
		}
		r.Close(0)
	})
}

// TestBubble has a resident that lives outside be used inside a bubble: its goroutines, timers and clock stay outside,
// the bubble's time doesn't pass, and the bubble ends.
func TestBubble(t *testing.T) {
	var worked atomic.Int64
	r := New(func() time.Duration { worked.Store(time.Now().Unix()); return Never })
	defer r.Close(0)
	before := time.Now()
	release := make(chan struct{})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r.Go(func() { <-release }) // would hold up the bubble's end if it were part of it
		var now time.Time
		if !r.Do(func() { now = time.Now() }) || now.Sub(before) > time.Hour || now.Before(before) {
			t.Errorf("the resident's clock says %v", now)
		}
		ctx, cancel := r.Timeout(time.Millisecond)
		defer cancel()
		<-ctx.Done() // by the real clock
		if ctx.Err() != context.DeadlineExceeded || time.Since(start) != 0 {
			t.Errorf("%v; %v passed in the bubble", ctx.Err(), time.Since(start))
		}
		_, cancel = r.Timeout(time.Hour)
		cancel()
		r.Kick()
	})
	r.Do(func() {})
	close(release)
	if !r.Close(time.Minute) || worked.Load() < before.Unix() {
		t.Errorf("worked at %d", worked.Load())
	}
}

// TestInside: a resident that was made in a bubble lives by its clock, and is gone when it is closed.
func TestInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := New(nil)
		ctx, cancel := r.Timeout(time.Hour)
		defer cancel()
		<-ctx.Done()
		if time.Since(start) != time.Hour {
			t.Errorf("an hour took %v", time.Since(start))
		}
		done := make(chan struct{})
		r.Go(func() { close(done) })
		<-done
		r.Close(time.Minute)
	})
}

// TestNothingStays isn't parallel: it counts goroutines.
func TestNothingStays(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 100 {
		r := New(nil)
		r.Go(func() {})
		r.Close(time.Minute)
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
	}
}

func BenchmarkKick(b *testing.B) {
	r := New(nil)
	defer r.Close(0)
	for b.Loop() {
		r.Kick()
	}
}

func BenchmarkDo(b *testing.B) {
	r := New(nil)
	defer r.Close(0)
	for b.Loop() {
		r.Do(func() {})
	}
}

// Run runs other people's code where the resident lives: the channels it makes are not of the caller's bubble.
func TestRun(t *testing.T) {
	r := New(nil)
	var made chan struct{}
	synctest.Test(t, func(t *testing.T) {
		r.Run(func() { made = make(chan struct{}) })
	})
	close(made)
	r.Close(time.Minute)
	ran := false
	r.Run(func() { ran = true })
	if !ran {
		t.Error("not run after Close")
	}
}
