package sentryconfig

import (
	"math"
	"time"

	"github.com/autoservice/sentryconfig/internal/resident"
)

// A Client has a goroutine of its own, the keeper, for what is due later: events that were held back, and tasks that
// may be stuck. It sleeps while there is neither.

// never is when nothing is due.
const never = time.Duration(math.MaxInt64)

// keeperPatience is how long Close waits for what the keeper has begun: hooks of the user's that hang must not hang
// Close.
const keeperPatience = 2 * time.Second

// keep is the keeper's work.
func (c *Client) keep() time.Duration {
	if !c.open() { // Close sees to what is left
		return resident.Never
	}
	now := c.now()
	c.turned.Store(int64(now))
	due := min(c.noise.turn(c, now), c.stuck.turn(c, now))
	if due == never {
		return resident.Never
	}
	return max(due-now, 0)
}

// now is the time since c was made, by the monotonic clock. Inside a bubble of testing/synctest that c was made
// outside of, the clock is another, years behind: there it is the time of the keeper's last turn.
func (c *Client) now() time.Duration {
	if d := time.Since(c.began); d >= 0 {
		return d
	}
	return time.Duration(c.turned.Load())
}
