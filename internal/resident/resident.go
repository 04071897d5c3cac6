// Package resident gives a component one goroutine of its own. That goroutine makes the component's timers and
// channels, reads its clock and starts its other goroutines, whoever calls the component.
//
// This matters under testing/synctest. Inside a bubble the clock is fake, and whatever is made there (goroutines,
// timers, channels, the count of a sync.WaitGroup) belongs to the bubble. Using it from outside ends the program, and
// the bubble ends only after its goroutines. A component that was made outside a bubble goes on outside even if it is
// called inside, because its resident is there. A component that was made inside follows the bubble's clock and ends
// with it.
//
// So callers must do none of that themselves: they lock a mutex, change the component's state, and call Kick.
package resident

import (
	"context"
	"sync"
	"time"
)

// Never is the result of a work function that needs no call before the next Kick.
const Never = time.Duration(-1)

// A Resident is a goroutine that works for one component. Its methods are safe for concurrent use, inside and outside
// bubbles.
type Resident struct {
	work func() time.Duration
	kick chan struct{} // of capacity 1; made where the resident lives, like all channels here

	mu      sync.Mutex
	calls   []func()
	round   chan struct{} // closed after the pending calls
	running int           // goroutines started by Go
	closing bool
	ended   chan struct{} // closed when the resident has ended
	idle    chan struct{} // of capacity 1; gets a value when the last goroutine of Go ends
}

// New starts a resident. It calls work after each Kick and Do, and when the duration that work returned has passed
// (Never: no call; 0: at once). It never calls work twice at the same time. A nil work does nothing. work must not
// block for long, and must not call Do or Close. The caller must Close the resident. While idle, it costs one parked
// goroutine.
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

// Kick makes the resident call work soon. It never blocks. It costs some tens of nanoseconds when a call is already
// due. After Close it does nothing.
func (r *Resident) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Do runs f in the resident's goroutine and returns after f; work runs afterwards. After Close it returns false without
// running f. The caller must not hold a lock that f or work takes. f must not block, and must not call Do or Close.
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

// Go runs f in a new goroutine where the resident lives, and returns at once. Close waits for f. After Close it returns
// false without running f. f may call every method except Close.
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

// Run runs f in a new goroutine where the resident lives, and returns after f: for other packages' code that makes
// channels. After Close it runs f in the caller's goroutine. The resident's own goroutine must not call it.
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

// Timeout returns a context that ends after d by the resident's clock. It is for callers whose own clock may stand
// still: inside a bubble, time stops while a goroutine waits for something outside, so a timeout made there never
// fires. The caller must call cancel. After Close, the returned context has already ended.
func (r *Resident) Timeout(d time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	made := r.Do(func() {
		ctx, cancel = context.WithTimeout(context.Background(), d)
		ctx.Done() // a context makes its channel at the first call
	})
	if !made {
		ctx, cancel = context.WithCancel(context.Background())
		cancel()
	}
	return ctx, cancel
}

// Close ends the resident after a last call of work, and waits for the goroutines of Go, at most patience by the
// resident's clock. It returns false if one is still running. Every further call also waits, and returns what is true
// by then. A goroutine of Go must not call it.
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

// call runs the pending calls.
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
	defer close(round) // even if one panics or exits the goroutine: nobody must wait for ever
	for _, f := range calls {
		f()
	}
}

// end is the resident's last call: it waits for the goroutines of Go.
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
