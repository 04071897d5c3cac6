package machine

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// memoryProbe answers with a total that grows by one with each reading.
func memoryProbe(n *atomic.Uint64) Probe {
	return Probe{Name: "memory", Every: staleAfter, Read: func() map[string]Values {
		c := memoryContexts(100+n.Add(1), 50)
		c["app"] = Values{"app_memory": uint64(7)}
		return c
	}}
}

// TestNotice: each snapshot is told, one at a time; those that come while Notice is at work are one call, with the
// newest.
func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reading atomic.Uint64
		var told []Memory
		var at atomic.Int64
		goOn := make(chan struct{})
		c := New(Options{Logger: discardLogger, Probes: []Probe{memoryProbe(&reading)}, Notice: func(m Memory) {
			if at.Add(1) > 1 {
				t.Error("Notice is called twice at the same time")
			}
			told = append(told, m)
			<-goOn
			at.Add(-1)
		}})
		c.TaskStarted()
		time.Sleep(3*refreshEvery + time.Second)
		begun := time.Now()
		if s := c.Snapshot(0); s["memory"] == nil || s[notedMemory] != nil || time.Since(begun) != 0 {
			t.Errorf("while Notice hangs the snapshot is %v", s)
		}
		close(goOn)
		synctest.Wait()
		if len(told) != 2 || told[0] != (Memory{101, 50, 7}) || told[1] != (Memory{104, 50, 7}) {
			t.Errorf("told %v", told)
		}
		c.Close()
		if len(told) != 2 {
			t.Errorf("told %v at Close", told)
		}
	})
}

// TestNoticeHangs: a Notice that hangs, as on a dead disk, holds up nothing but itself; Close waits for it 100 ms.
func TestNoticeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := New(Options{Logger: discardLogger, Notice: func(Memory) { <-release }})
		c.TaskStarted()
		time.Sleep(time.Hour)
		start := time.Now()
		c.Ask(Options{Logger: discardLogger, Probes: Probes(false, "test")})
		if c.Snapshot(time.Minute) == nil {
			t.Error("no snapshot")
		}
		c.Close()
		if took := time.Since(start); took > closeWait+quickAnswer {
			t.Errorf("it took %v", took)
		}
		close(release)
	})
}

// TestSignOfLife: without probes a reading is a call of Notice, and without Notice there is none.
func TestSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		c := New(Options{Logger: discardLogger, Notice: func(m Memory) {
			if m != (Memory{}) {
				t.Errorf("memory %v, but nobody was asked", m)
			}
			told.Add(1)
		}})
		c.TaskStarted()
		time.Sleep(time.Minute + time.Second)
		if n := told.Load(); n != 13 {
			t.Errorf("told %d times in a minute, want 13", n)
		}
		c.Ask(Options{Logger: discardLogger})
		time.Sleep(time.Minute)
		if n := told.Load(); n != 13 || c.Snapshot(0) != nil || c.Settled() != nil {
			t.Errorf("with nothing to ask and nobody to tell: told %d times, snapshot %v", n, c.Snapshot(0))
		}
		c.Close()
	})
}

// TestCostOfIdleness: a collector costs one parked goroutine, and nothing after Close. It isn't parallel: it counts
// those of all collectors.
func TestCostOfIdleness(t *testing.T) {
	await := func(want int) {
		t.Helper()
		buf := make([]byte, 1<<20)
		for end := time.Now().Add(time.Minute); ; runtime.Gosched() {
			all := string(buf[:runtime.Stack(buf, true)])
			n := 0
			for stack := range strings.SplitSeq(all, "\n\n") {
				if strings.Contains(stack, "/internal/resident.") {
					n++
				}
			}
			if n == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d goroutines, want %d:\n%s", n, want, all)
			}
		}
	}
	await(0) // those of tests before this one end
	c := New(Options{Logger: discardLogger, Probes: Probes(true, "test"), Notice: func(Memory) {}})
	c.Settled()
	await(1)
	c.TaskStarted()
	await(1)
	c.TaskFinished()
	c.Close()
	await(0)
}

// TestFreshInABubble: tasks that begin in a bubble don't have the machine read again while the last reading is fresh by
// the clock outside, whatever the bubble's clock says.
func TestFreshInABubble(t *testing.T) {
	var asked counter
	begun := time.Now()
	c := New(Options{Logger: discardLogger, Probes: []Probe{{Name: "counting", Read: asked.read}, {Name: "changing",
		Every: time.Nanosecond, Read: asked.read}}})
	defer c.Close()
	c.Settled()
	synctest.Test(t, func(*testing.T) {
		for range 1000 {
			c.TaskStarted()
			time.Sleep(time.Hour)
			c.TaskFinished()
		}
	})
	c.resident.Do(func() {}) // whatever it was told, it has looked at
	took := time.Since(begun)
	most := 2 + int64(took/staleAfter) + int64(took/refreshEvery)
	if n := asked.n.Load(); n > most {
		t.Errorf("probes were asked %d times, want at most %d", n, most)
	}
}

func BenchmarkTask(b *testing.B) {
	c := New(Options{Logger: discardLogger, Probes: Probes(true, "test")})
	defer c.Close()
	for b.Loop() {
		c.TaskStarted()
		c.TaskFinished()
	}
}
