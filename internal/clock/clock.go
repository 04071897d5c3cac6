// Package clock tells the time of one Client, with and without the time that the machine was suspended.
package clock

import (
	"math"
	"sync/atomic"
	"time"
)

// Never is a time that doesn't come.
const Never = time.Duration(math.MaxInt64)

// A Clock tells the time since it was made, by the monotonic clock. Its methods may be called from many goroutines at
// once.
type Clock struct {
	made      time.Time
	turned    atomic.Int64         // Now at the last Turn, in nanoseconds
	suspended func() time.Duration // see Suspended
	asleep    atomic.Int64         // what it said when it last changed by more than a moment, in nanoseconds
}

// New makes a Clock. suspended is [Suspended], or a test's own.
func New(suspended func() time.Duration) *Clock {
	return &Clock{made: time.Now(), suspended: suspended}
}

// Now is the time since c was made. Inside a bubble of testing/synctest that c was made outside of, the clock is
// another, years behind: there it is the time of the last Turn.
func (c *Clock) Now() time.Duration {
	if d := time.Since(c.made); d >= 0 {
		return d
	}
	return time.Duration(c.turned.Load())
}

// Turn is Now, asked by the goroutine that lives where c was made.
func (c *Clock) Turn() time.Duration {
	now := c.Now()
	c.turned.Store(int64(now))
	return now
}

// Awake is Now without the time that the machine was suspended.
func (c *Clock) Awake() time.Duration { return c.Now() - c.slept() }

// slept is how long the machine was suspended. The clocks that tell it tick apart: less than a second is no sleep.
func (c *Clock) slept() time.Duration {
	known, now := time.Duration(c.asleep.Load()), c.suspended()
	if (now - known).Abs() < time.Second {
		return known
	}
	c.asleep.Store(int64(now))
	return now
}

// A Start is when something has begun, by [Clock.Awake].
type Start struct{ at atomic.Int64 } // in nanoseconds

// unknown is the Start of what has begun by a clock that isn't the Client's: see Now.
const unknown = math.MinInt64

// Set sets s to the time of c.
func (s *Start) Set(c *Clock) {
	if now := time.Since(c.made); now >= 0 {
		s.at.Store(int64(now - c.slept()))
	} else {
		s.at.Store(unknown)
	}
}

// Known reports whether s was set by the Client's own clock, or has been asked for its Age.
func (s *Start) Known() bool { return s.at.Load() != unknown }

// Age is for how long what began at s has been running: awake is [Clock.Awake], asked where the Clock was made.
func (s *Start) Age(awake time.Duration) time.Duration {
	began := time.Duration(s.at.Load())
	if began == unknown || began > awake {
		s.at.Store(int64(awake))
		return 0
	}
	return awake - began
}
