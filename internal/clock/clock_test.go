package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// Sleep of the machine doesn't count; what is less than a second is the ticking of two clocks.
func TestAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asleep := time.Duration(0)
		c := New(func() time.Duration { return asleep })
		var began Start
		began.Set(c)
		time.Sleep(time.Hour)
		asleep = 59 * time.Minute
		if now, awake := c.Now(), c.Awake(); now != time.Hour || awake != time.Minute {
			t.Errorf("now %v, awake %v", now, awake)
		}
		asleep += 999 * time.Millisecond
		if age := began.Age(c.Awake()); age != time.Minute {
			t.Errorf("age %v", age)
		}
		asleep += time.Millisecond
		if age := began.Age(c.Awake()); age != time.Minute-time.Second {
			t.Errorf("age %v", age)
		}
	})
}

// In a bubble whose clock is years behind, a Clock from outside stands at its last turn; what begins there is as old as
// the first look at it from outside.
func TestClockFromOutside(t *testing.T) {
	c := New(func() time.Duration { return 0 })
	turned := c.Turn()
	var began Start
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		if now := c.Now(); now != turned {
			t.Errorf("now %v, turned at %v", now, turned)
		}
		if began.Set(c); began.Known() {
			t.Error("known")
		}
	})
	first := c.Awake()
	if age := began.Age(first); age != 0 || !began.Known() {
		t.Errorf("age %v, known %v", age, began.Known())
	}
	if age := began.Age(first + time.Minute); age != time.Minute {
		t.Errorf("age %v", age)
	}
}

// The time that the machine was suspended never shrinks, and is less than it has been running.
func TestSuspended(t *testing.T) {
	before := Suspended()
	after := Suspended()
	// On Windows it is the difference of two clocks, one of which ticks every 16 ms.
	const tick = 100 * time.Millisecond
	if after < before-tick || before < -tick {
		t.Errorf("suspended for %v, and then %v", before, after)
	}
}
