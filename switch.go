package sentryconfig

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Reporting is on while three things agree: the variable Enabled, the Client's own switch, and that the Client is open.

// seenDisabled is what Enabled said at the host's last call: goroutines of ours must not read a variable that the host
// writes.
var seenDisabled atomic.Bool

// clients are those that are open: what Enabled switches, and PurgeOutbox looks through.
var clients struct {
	mu   sync.Mutex
	open []*Client
}

func addClient(c *Client) {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	clients.open = append(clients.open, c)
}

func removeClient(c *Client) {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	clients.open = slices.DeleteFunc(clients.open, func(other *Client) bool { return other == c })
}

func allClients() []*Client {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	return slices.Clone(clients.open)
}

// noticeEnabled passes a change of Enabled on to the Clients.
func noticeEnabled() {
	on := Enabled
	if seenDisabled.Swap(!on) == !on {
		return
	}
	for _, c := range allClients() {
		if !on {
			c.wentOff()
		}
		c.wake()
	}
}

// SetEnabled switches c on or off at run time; safe for concurrent use. Switched off, it records and sends nothing; what
// waits in its outbox stays there. A task that was off at any time is dropped whole.
func (c *Client) SetEnabled(on bool) {
	if c == nil {
		return
	}
	if on {
		c.state.And(^switchedOff)
	} else if c.state.Or(switchedOff)&switchedOff == 0 {
		c.wentOff()
	}
	c.wake()
}

// reporting reports whether c takes what a call brings: the first line of every call.
func (c *Client) reporting() bool {
	if Enabled == seenDisabled.Load() {
		noticeEnabled()
	}
	return Enabled && c != nil && c.state.Load() == 0
}

// active is reporting for goroutines of our own and for sentry-go's hooks: what was captured before Close still goes out.
func (c *Client) active() bool { return !seenDisabled.Load() && c.state.Load()&switchedOff == 0 }

// open reports whether c is there and not closed.
func (c *Client) open() bool { return c != nil && c.state.Load()&isClosed == 0 }

// wentOff drops the tasks that run: they are not reported as interrupted either.
func (c *Client) wentOff() {
	c.offs.Add(1)
	c.journal().EndAll()
}

func (c *Client) wake() {
	if c.box != nil {
		c.box.Wake()
	}
}
