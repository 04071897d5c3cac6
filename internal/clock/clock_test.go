package clock

import (
	"testing"
	"time"
)

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
