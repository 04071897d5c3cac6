package sentryconfig

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Reporting is on while three things agree: the variable Enabled, the Client's own switch, and that the Client is open.

// gate says in one word what an off call needs to know, so that it costs no more than a load.
var gate atomic.Uint32

const (
	// seenOff is what Enabled said at the host's last call: goroutines of ours must not read a variable that the host
	// writes.
	seenOff uint32 = 1 << iota
	// someOn says that some Client is open and its own switch on.
	someOn
)

// asks says, for each value of gate, whether a call has something to do: never while all Clients are off, always while
// one is on, and once Enabled was seen to be false, when it isn't any more.
var (
	no, yes = false, true
	asks    = [...]*bool{0: &no, seenOff: &Enabled, someOn: &yes, seenOff | someOn: &Enabled}
)

// busy reports whether a call has something to do, or to find out. Calls that ask it first and then call one function
// are inlined, so that they cost nothing while reporting is off: TestOffCallsAreInlined.
func busy() bool { return *asks[gate.Load()] }

// clients are those that are open: what Enabled switches, and PurgeOutbox looks through.
var clients struct {
	mu   sync.Mutex
	open []*Client
}

func addClient(c *Client) {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	clients.open = append(clients.open, c)
	setGate()
}

func removeClient(c *Client) {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	clients.open = slices.DeleteFunc(clients.open, func(other *Client) bool { return other == c })
	setGate()
}

// setGate notes whether some Client is on. clients.mu is held.
func setGate() {
	if slices.ContainsFunc(clients.open, func(c *Client) bool { return c.state.Load() == isMade }) {
		gate.Or(someOn)
	} else {
		gate.And(^someOn)
	}
}

func allClients() []*Client {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	return slices.Clone(clients.open)
}

// noticeEnabled passes a change of Enabled on to the Clients.
func noticeEnabled() {
	on := Enabled
	if on {
		if gate.And(^seenOff)&seenOff == 0 {
			return
		}
	} else if gate.Or(seenOff)&seenOff != 0 {
		return
	}
	for _, c := range allClients() {
		if !on {
			c.wentOff()
		}
		c.wake()
	}
}

// SetEnabled switches c on or off at run time; safe for concurrent use. Switched off, it records and sends nothing;
// what waits in its outbox stays there. A task that was off at any time is dropped whole.
func (c *Client) SetEnabled(on bool) {
	noticeEnabled() // which no call does while all Clients are off
	if c == nil {
		return
	}
	if on {
		c.state.And(^switchedOff)
	} else if c.state.Or(switchedOff)&switchedOff == 0 {
		c.wentOff()
	}
	clients.mu.Lock()
	setGate()
	clients.mu.Unlock()
	c.wake()
}

// reporting reports whether c takes what a call brings: what every call that isn't off asks first.
func (c *Client) reporting() bool {
	if Enabled != (gate.Load()&seenOff == 0) {
		noticeEnabled()
	}
	return Enabled && c != nil && c.state.Load() == isMade
}

// finishing is reporting for the end of a task: one that ends while Close is at work is sent, too.
func (c *Client) finishing() bool { return c.reporting() || c.active() }

// finishing is reporting for how t goes wrong: so does the error of a task that Close hasn't ended yet.
func (t *TaskSpan) finishing() bool {
	return t.client.reporting() || t.client.active() && !t.finished.Load()
}

// takes is reporting for what goes wrong in ctx, which may belong to such a task.
func (c *Client) takes(ctx context.Context) bool {
	if c.reporting() {
		return true
	}
	t := c.taskIn(ctx)
	return t != nil && t.finishing()
}

// active is reporting for goroutines of our own and for sentry-go's hooks: what was captured before Close still goes
// out.
func (c *Client) active() bool { return gate.Load()&seenOff == 0 && c.state.Load()&switchedOff == 0 }

// open reports whether c is one that New made, and not closed.
func (c *Client) open() bool { return c != nil && c.state.Load()&(isMade|isClosed) == isMade }

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
