// Package resident gives a component one goroutine of its own: the place where its timers and channels are made, its
// clock is read and its other goroutines are started, whoever calls the component.
//
// It matters under testing/synctest. Inside a bubble the clock is a fake one, and what is made there (goroutines,
// timers, channels, the count of a sync.WaitGroup) belongs to the bubble: it ends the program to use it from outside,
// and the bubble doesn't end before its goroutines do. A component that was made outside a bubble and is called inside
// goes on outside, since its resident is there; one that was made inside lives by the bubble's clock and ends with it.
//
// What callers do themselves must be free of all that: they take a mutex, change the component's state, and call Kick.
package resident

import (
	"context"
	"sync"
	"time"
)

// Never is what work returns when it needs no call before the next Kick.
const Never = time.Duration(-1)

// A Resident is a goroutine that works for one component. Its methods may be called from many goroutines at once,
// inside bubbles and outside.
type Resident struct {
	work func() time.Duration
	kick chan struct{} // of capacity 1; made where the resident lives, as are all channels here

	mu      sync.Mutex
	calls   []func()
	round   chan struct{} // closed when the calls that wait now have been made
	running int           // goroutines that Go has started
	closing bool
	ended   chan struct{} // closed when the resident has ended
	idle    chan struct{} // of capacity 1: no goroutine runs any more
}

// New starts a resident. It calls work after each Kick and Do, and once the duration has passed that work returned last
// (Never: not at all; 0: at once), never twice at the same time; nil is a resident without work. work must not block
// for long, and not call Do or Close. The caller closes the resident: it costs a goroutine that is parked, and nothing
// else, while nothing happens.
func New(work func() time.Duration) *Resident {
	if work == nil {
		work = func() time.Duration { return Never }
	}
	r := &Resident{
		work: work, kick: make(chan struct{}, 1), round: make(chan struct{}),
		ended: make(chan struct{}), idle: make(chan struct{}, 1),
	}
	go r.live()
	return r
}

// Kick has the resident call work soon. It never blocks, and costs some tens of nanoseconds when a call is due already.
// After Close it does nothing.
func (r *Resident) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Do runs f in the resident's goroutine, has work called, and returns after f and before that. It reports false without
// running f after Close. The caller holds no lock that f or work takes. f must not block, and not call Do or Close.
func (r *Resident) Do(f func()) bool {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		return false
	}
	r.calls = append(r.calls, f)
	round := r.round
	r.mu.Unlock()
	r.Kick()
	<-round
	return true
}

// Go runs f in a goroutine where the resident lives; Close waits for it. It returns at once, and reports false without
// running f after Close. f may call every method but Close.
func (r *Resident) Go(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.running++
	r.calls = append(r.calls, func() { go r.run(f) })
	r.Kick()
	return true
}

func (r *Resident) run(f func()) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.running--; r.running == 0 {
			select {
			case r.idle <- struct{}{}:
			default:
			}
		}
	}()
	f()
}

// Run runs f in a goroutine where the resident lives, and returns when f has: for calls of other people's code that
// makes channels of its own. After Close it runs f in the caller's. The caller is no goroutine of the resident's.
func (r *Resident) Run(f func()) {
	var done chan struct{}
	started := false
	r.Do(func() {
		done = make(chan struct{})
		started = r.Go(func() {
			defer close(done)
			f()
		})
	})
	if !started {
		f()
		return
	}
	<-done
}

// Timeout returns a context that ends after d by the resident's clock, for callers whose own clock may stand still:
// inside a bubble time doesn't pass while a goroutine waits for what is outside, so a timeout made there never comes.
// The caller calls cancel. After Close the context has ended.
func (r *Resident) Timeout(d time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	made := r.Do(func() {
		ctx, cancel = context.WithTimeout(context.Background(), d)
		ctx.Done() // the channel is made by the first who asks for it
	})
	if !made {
		ctx, cancel = context.WithCancel(context.Background())
		cancel()
	}
	return ctx, cancel
}

// Close ends the resident, after a last call of work, and waits for the goroutines of Go, for at most patience by the
// resident's clock: it reports false when one is left behind. Each call waits, and returns the same but for what has
// ended meanwhile. The caller is none of these goroutines.
func (r *Resident) Close(patience time.Duration) bool {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		r.calls = append(r.calls, func() { r.end(patience) })
	}
	r.mu.Unlock()
	r.Kick()
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running == 0
}

// live is the resident's life.
func (r *Resident) live() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for next := Never; ; {
		var due <-chan time.Time
		if next != Never {
			timer.Reset(next)
			due = timer.C
		}
		select {
		case <-r.kick:
		case <-due:
		}
		timer.Stop()
		r.call()
		select {
		case <-r.ended:
			return
		default:
		}
		next = r.work()
	}
}

// call makes the calls that wait.
func (r *Resident) call() {
	r.mu.Lock()
	calls, round := r.calls, r.round
	if r.calls = nil; len(calls) > 0 {
		r.round = make(chan struct{})
	}
	r.mu.Unlock()
	if len(calls) == 0 {
		return
	}
	defer close(round) // even if one panics or exits the goroutine: nobody may wait for ever
	for _, f := range calls {
		f()
	}
}

// end is the resident's last call.
func (r *Resident) end(patience time.Duration) {
	defer close(r.ended)
	r.work()
	stop := time.NewTimer(patience)
	defer stop.Stop()
	for {
		r.mu.Lock()
		running := r.running
		r.mu.Unlock()
		if running == 0 {
			return
		}
		select {
		case <-r.idle:
		case <-stop.C:
			return
		}
	}
}
