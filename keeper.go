package sentryconfig

import (
	"time"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/resident"
)

// A Client has a goroutine of its own, the keeper, for what is due later: events that were held back, and tasks that
// may be stuck. It sleeps while there is neither.

// keeperPatience is how long Close waits for what the keeper has begun: hooks of the user's that hang must not hang
// Close.
const keeperPatience = 2 * time.Second

// keep is the keeper's work.
func (c *Client) keep() time.Duration {
	if !c.open() { // Close sees to what is left
		return resident.Never
	}
	now := c.clock.Turn()
	due := min(c.noiseTurn(now), c.stuckTurn(now))
	if due == clock.Never {
		return resident.Never
	}
	return max(due-now, 0)
}
