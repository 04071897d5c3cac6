package machine

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestOutsideTheBubble: a collector that was made outside a synctest bubble goes on outside while a task in the bubble
// uses it: the machine is read by the real clock, the bubble's time passes as it likes, and the bubble ends.
func TestOutsideTheBubble(t *testing.T) {
	var asked counter
	hanging := make(chan struct{})
	defer close(hanging)
	c := New(Options{Logger: discardLogger, Probes: []Probe{
		{Name: "counting", Every: staleAfter, Read: asked.read},
		{Name: "hanging", Read: func() map[string]Values { <-hanging; return nil }},
	}})
	defer c.Close()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if s := c.Snapshot(time.Minute); s["counted"] == nil || time.Since(start) != 0 {
			t.Errorf("the first snapshot is %v, after %v of the bubble's time", s, time.Since(start))
		}
		c.TaskStarted()
		time.Sleep(time.Hour)
		c.TaskFinished()
		c.Ask(Options{Logger: discardLogger, Probes: []Probe{{Name: "counting", Read: asked.read}}})
		if s := c.Settled(); s["counted"] == nil || s["system"]["stale"] != nil {
			t.Errorf("what was asked for in the bubble is %v", s)
		}
		c.Ask(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "hanging", Read: func() map[string]Values { <-hanging; return nil }},
		}})
		before := time.Now()
		c.Close()
		if s := c.Snapshot(time.Hour); s["counted"] != nil || time.Since(before) != 0 {
			t.Errorf("after Close %v, and %v have passed in the bubble", s, time.Since(before))
		}
		c.TaskStarted()
		c.TaskFinished()
		c.Ask(Options{Logger: discardLogger})
	})
}

// TestFirstSnapshotOutside: what the first capture waits is measured where the collector lives. In a bubble no time
// passes while a goroutine waits for what is outside.
func TestFirstSnapshotOutside(t *testing.T) {
	hanging := make(chan struct{})
	defer close(hanging)
	c := New(Options{Logger: discardLogger})
	defer c.Close()
	synctest.Test(t, func(t *testing.T) {
		c.Ask(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "hanging", Read: func() map[string]Values { <-hanging; return nil }},
		}})
		start := time.Now()
		_ = c.Snapshot(time.Nanosecond) // nil, or what is known after quickAnswer on a machine that is slow
		if time.Since(start) != 0 {
			t.Errorf("it took %v of the bubble's time", time.Since(start))
		}
	})
}

// TestInsideTheBubble: a collector that was made in a bubble reads the machine by its clock and ends with it.
func TestInsideTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked counter
		c := New(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "counting", Every: staleAfter, Read: asked.read},
		}})
		c.Snapshot(time.Minute)
		time.Sleep(time.Minute)
		c.TaskStarted()
		time.Sleep(time.Hour)
		c.TaskFinished()
		time.Sleep(time.Hour)
		if n := asked.n.Load(); n != 1+1+720 && n != 1+720 { // the task's end and the last reading fall together
			t.Errorf("the machine was read %d times: at first, at the task's start and every 5 s are 722", n)
		}
		start := time.Now()
		c.Ask(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "slow", Read: func() map[string]Values { time.Sleep(time.Hour); return nil }},
		}})
		if s := c.Snapshot(time.Millisecond); s != nil || time.Since(start) != time.Millisecond {
			t.Errorf("a slow machine: %v after %v", s, time.Since(start))
		}
		if s := c.Settled(); s["system"]["stale"] != true || time.Since(start) != probeDeadline {
			t.Errorf("a slow machine: %v after %v", s, time.Since(start))
		}
		c.Close()
		if took := time.Since(start); took != probeDeadline {
			t.Errorf("Close waited %v for a probe that hangs", took-probeDeadline)
		}
		time.Sleep(2 * time.Hour) // the probe comes back
	})
}

// TestSettledWhileAskedAnew: who waits for a whole reading gets that of the newest options.
func TestSettledWhileAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "slow", Read: func() map[string]Values {
				time.Sleep(time.Second)
				return map[string]Values{"old": {"n": 1}}
			}},
		}})
		settled := make(chan map[string]Values, 1)
		go func() { settled <- c.Settled() }()
		synctest.Wait()
		var asked counter
		c.Ask(Options{Logger: discardLogger, Probes: []Probe{{Name: "counting", Read: asked.read}}})
		if s := <-settled; s["counted"] == nil || s["old"] != nil {
			t.Errorf("settled: %v", s)
		}
		c.Close()
		if s := c.Settled(); s["counted"] == nil {
			t.Errorf("after Close: %v", s)
		}
		time.Sleep(time.Second) // the slow probe comes back
	})
}

// TestCloseEndsTheWait: a reading that Close interrupts is over for those who wait for it.
func TestCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked counter
		hanging := make(chan struct{})
		c := New(Options{Logger: discardLogger, Probes: []Probe{
			{Name: "hanging", Read: func() map[string]Values { <-hanging; return nil }},
			{Name: "counting", Read: asked.read},
		}})
		start := time.Now()
		done := make(chan map[string]Values)
		go func() { done <- c.Settled() }()
		synctest.Wait()
		c.Close()
		if s := <-done; s["counted"] == nil {
			t.Errorf("what had been read by then is lost: %v", s)
		}
		if took := time.Since(start); took > closeWait {
			t.Errorf("it took %v", took)
		}
		close(hanging)
	})
}
