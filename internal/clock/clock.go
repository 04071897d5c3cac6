// Package clock measures the time of one Client, with and without the time that the machine was suspended.
package clock

import (
	"math"
	"sync/atomic"
	"time"
)

// Never is a time that is never reached.
const Never = time.Duration(math.MaxInt64)

// A Clock measures the time since it was made, by the monotonic clock. Its methods are safe for concurrent use.
type Clock struct {
	made      time.Time
	turned    atomic.Int64         // Now at the last Turn, in nanoseconds
	suspended func() time.Duration // see Suspended
	asleep    atomic.Int64         // the last value of suspended that was more than jitter, in nanoseconds
}

// New makes a Clock. suspended is [Suspended], or a function of a test.
func New(suspended func() time.Duration) *Clock {
	return &Clock{made: time.Now(), suspended: suspended}
}

// Now returns the time since c was made. Inside a testing/synctest bubble that c was made outside of, the clock is
// years behind. There Now returns the time of the last Turn.
func (c *Clock) Now() time.Duration {
	if d := time.Since(c.made); d >= 0 {
		return d
	}
	return time.Duration(c.turned.Load())
}

// Turn is Now for the goroutine that lives where c was made. It stores the time for callers inside a bubble.
func (c *Clock) Turn() time.Duration {
	now := c.Now()
	c.turned.Store(int64(now))
	return now
}

// Awake returns Now without the time that the machine was suspended.
func (c *Clock) Awake() time.Duration { return c.Now() - c.slept() }

// slept returns how long the machine was suspended. Two clocks measure it, which drift apart: a change below a second
// is ignored.
func (c *Clock) slept() time.Duration {
	known, now := time.Duration(c.asleep.Load()), c.suspended()
	if (now - known).Abs() < time.Second {
		return known
	}
	c.asleep.Store(int64(now))
	return now
}

// A Start is the [Clock.Awake] time at which something began.
type Start struct{ at atomic.Int64 } // in nanoseconds

// unknown marks a Start inside a bubble that the Clock was made outside of; see Clock.Now.
const unknown = math.MinInt64

// Set sets s to the current time of c.
func (s *Start) Set(c *Clock) {
	if now := time.Since(c.made); now >= 0 {
		s.at.Store(int64(now - c.slept()))
	} else {
		s.at.Store(unknown)
	}
}

// Known reports whether s was set by the Clock's own time, or Age has set it since.
func (s *Start) Known() bool { return s.at.Load() != unknown }

// Age returns how long ago s was. awake is the current [Clock.Awake], read where the Clock was made. The first Age of
// an unknown s sets it to awake and returns 0.
func (s *Start) Age(awake time.Duration) time.Duration {
	began := time.Duration(s.at.Load())
	if began == unknown || began > awake {
		s.at.Store(int64(awake))
		return 0
	}
	return awake - began
}
