package sentryconfig

import (
	"time"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/resident"
)

// A Client owns one goroutine, the keeper, for work that is due later: held-back events, and tasks that may be stuck.
// It sleeps while there are none.

// keeperPatience limits how long Close waits for work that the keeper has started: a hook that hangs must not hang
// Close.
const keeperPatience = 2 * time.Second

// keep does what is due, and returns how long the keeper sleeps.
func (c *Client) keep() time.Duration {
	if !c.open() { // Close handles what is left
		return resident.Never
	}
	now := c.clock.Turn()
	due := min(c.noiseTurn(now), c.stuckTurn(now))
	if due == clock.Never {
		return resident.Never
	}
	return max(due-now, 0)
}
