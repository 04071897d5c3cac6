package outbox

import (
	"bytes"
	"compress/flate"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Config says where envelopes go and where they wait.
type Config struct {
	DSN       string
	URL       string       // the envelope endpoint
	Auth      string       // the value of X-Sentry-Auth
	UserAgent string       // of each request
	SDK       string       // a JSON object for the envelope headers of client reports
	Client    *http.Client // a copy is used that follows no redirect
	CloseIdle func()       // closes the client's idle connections; nil: they are not ours to close
	MaxBytes  int64        // room for what waits
	Logger    *slog.Logger
	PII       bool                  // personal data may be sent
	Active    func() bool           // reporting is on; nil: always
	OpenStore func() (Store, error) // opens the store on disk; nil: memory only. Called again when it failed.
}

const (
	// Senders is how many requests are under way at once: enough to fill a slow line, few enough for a small server.
	Senders = 8
	// openWait is what Open waits for the disk, which takes less than a millisecond; on one that hangs, records go to memory
	// until it is there.
	openWait = 200 * time.Millisecond
	// diskRetry is how long a disk that failed is left alone.
	diskRetry = 5 * time.Second
	// adoptEvery is how often a process looks for what others that have died left behind.
	adoptEvery = 30 * time.Second
	// maxMemory is the room in memory while a disk can't be used.
	maxMemory = 32 << 20
)

// Stats is what an Outbox has counted, in envelopes.
type Stats struct {
	Captured, Delivered, Dropped uint64
	Pending                      uint64
	PendingBytes                 int64
	DroppedBy                    map[string]uint64
	OldestPending                time.Time
	LastError                    error
}

// An Outbox holds envelopes and delivers them. Its methods may be called from many goroutines at once.
type Outbox struct {
	cfg     Config
	client  *http.Client
	ctx     context.Context // of the requests; ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup // every goroutine of the outbox

	opened chan struct{} // closed once the disk has been tried

	mu        sync.Mutex
	memory    memoryStore
	disk      Store // nil while there is none
	diskError error
	diskAgain time.Time // when a failed disk may be tried again
	opening   bool
	queues    [2][CategoryOther + 1]fifo // by lane and category
	delayed   []*Entry                   // waiting for their own notBefore
	flying    map[*Entry]struct{}
	seq       uint64
	running   int // workers under way
	timer     *time.Timer
	adopting  *time.Timer
	changed   chan struct{} // closed and renewed when anything a Flush waits for has changed
	flushers  int
	closed    bool

	limits      rateLimits
	retryAt     time.Time     // nothing is sent before
	delay       time.Duration // the last one, 0 after a success
	refused     uint64        // how often the server refused the way or the key
	serverError error
	serverDown  bool // warned about
	clockOK     bool // the server's clock agrees with ours
	backlogAt   time.Time
	turn        uint

	stats      Stats
	overflowed bool // something was dropped for want of room since the last Flush
	reports    reports
}

const (
	laneLive = iota
	laneBacklog
)

// Open returns an outbox that works. It waits for no network, and for the disk only a moment.
func Open(cfg Config) *Outbox {
	if cfg.Active == nil {
		cfg.Active = func() bool { return true }
	}
	client := *cfg.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o := &Outbox{cfg: cfg, client: &client, opened: make(chan struct{}), changed: make(chan struct{}),
		flying: make(map[*Entry]struct{}), stats: Stats{DroppedBy: make(map[string]uint64)}}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	if cfg.OpenStore == nil {
		close(o.opened)
		return o
	}
	o.opening = true
	o.workers.Go(func() {
		ok := o.openDisk()
		close(o.opened) // before adopting, which may put what it finds out about the dead
		if ok {
			o.adopt()
		}
	})
	timer := time.NewTimer(openWait)
	defer timer.Stop()
	select {
	case <-o.opened:
	case <-timer.C:
	}
	return o
}

// Put stores r and has it sent. It reports whether the outbox holds it; it doesn't wait for the network. r's payload is
// copied.
func (o *Outbox) Put(r *Record) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.stats.Captured++
	limit := o.limit()
	if used := o.bytes(); used > limit/2 && !r.Packed { // little room: make more of it
		if packed, ok := pack(r.Payload); ok {
			c := *r
			c.Payload, c.Packed = packed, true
			r = &c
		}
	}
	size := int64(len(r.Payload))
	if size > limit {
		o.drop(r.Category, r.Items, r.Spans, o.overflowReason())
		o.overflowed = true
		return false
	}
	for o.bytes()+size > limit {
		if !o.evict() {
			o.drop(r.Category, r.Items, r.Spans, o.overflowReason())
			o.overflowed = true
			return false
		}
	}
	e := o.store(r)
	if until := o.limits[r.Category]; r.Category != CategoryError && time.Until(until) > longLimit {
		o.finish(e, "ratelimit_backoff")
		return true
	}
	o.push(e)
	o.kick()
	return true
}

// store puts r on disk, or into memory while that fails. o.mu is held.
func (o *Outbox) store(r *Record) *Entry {
	if o.disk != nil && (o.diskError == nil || !time.Now().Before(o.diskAgain)) {
		e, err := o.disk.Put(r)
		if err == nil {
			o.diskWorks()
			return e
		}
		o.diskFails(err)
	} else if o.disk == nil && o.cfg.OpenStore != nil && !o.opening && !time.Now().Before(o.diskAgain) {
		o.reopen()
	}
	e, _ := o.memory.Put(r)
	return e
}

func (o *Outbox) limit() int64 {
	if o.cfg.OpenStore != nil && (o.disk == nil || o.diskError != nil) {
		return min(o.cfg.MaxBytes, maxMemory)
	}
	return o.cfg.MaxBytes
}

// bytes is what the limit counts. While the disk fails that is memory alone.
func (o *Outbox) bytes() int64 {
	n := o.memory.Bytes()
	if o.disk != nil && o.diskError == nil {
		n += o.disk.Bytes()
	}
	return n
}

func (o *Outbox) overflowReason() string {
	if o.disk != nil && o.diskError == nil {
		return "cache_overflow"
	}
	return "queue_overflow"
}

// Discard counts n things of a category that were lost before they reached the outbox.
func (o *Outbox) Discard(reason string, c Category, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(c, uint32(n), 0, reason)
}

// Wake has the sender look again: reporting was switched on.
func (o *Outbox) Wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kick()
}

// Stats returns the counts of now.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.DroppedBy = make(map[string]uint64, len(o.stats.DroppedBy))
	for reason, n := range o.stats.DroppedBy {
		s.DroppedBy[reason] = n
	}
	var oldest int64
	o.each(func(e *Entry) {
		s.Pending++
		s.PendingBytes += e.Size
		if oldest == 0 || e.Time < oldest {
			oldest = e.Time
		}
	})
	if oldest != 0 {
		s.OldestPending = timeOf(oldest)
	}
	s.LastError = o.serverError
	if o.diskError != nil {
		s.LastError = o.diskError
	}
	return s
}

// Flush sends what waits, the backlog included and without its usual pace, and returns once the server has accepted, or
// refused for good, all that was put before. It reports false when ctx ends first, when the server refuses the way or the
// key, or when something was dropped for want of room.
func (o *Outbox) Flush(ctx context.Context) bool {
	select {
	case <-o.opened:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(o.flying) == 0 && o.first() > o.seq
	}
	mark, refused := o.seq, o.refused
	o.flushers++
	o.retryAt, o.delay = time.Time{}, 0
	for _, e := range o.delayed {
		e.notBefore = time.Time{}
	}
	o.kick()
	for o.first() <= mark && o.refused == refused && ctx.Err() == nil && !o.hopeless(ctx) && !o.closed {
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		o.mu.Lock()
	}
	if o.first() > mark && o.refused == refused && o.reports.any() && ctx.Err() == nil && !o.closed && o.cfg.Active() {
		body := o.reports.take(time.Now())
		o.mu.Unlock()
		answer := o.post(ctx, o.reportEnvelope(body))
		o.mu.Lock()
		if !answer.accepted() {
			o.reports.giveBack(body)
		}
	}
	o.flushers--
	ok := o.first() > mark && !o.overflowed
	o.overflowed = false
	o.kick()
	return ok
}

// hopeless reports whether all that waits is limited for longer than ctx lasts, or reporting is off.
func (o *Outbox) hopeless(ctx context.Context) bool {
	if !o.cfg.Active() {
		return true
	}
	deadline, ok := ctx.Deadline()
	if !ok || len(o.flying) > 0 || len(o.delayed) > 0 {
		return false
	}
	for lane := range o.queues {
		for c := range o.queues[lane] {
			if o.queues[lane][c].len() > 0 && o.limits[c].Before(deadline) {
				return false
			}
		}
	}
	return true
}

// Close flushes until ctx ends, then stops every goroutine and closes the store; what waits on disk stays there. With a ctx
// that has ended it returns at once. A second Close does nothing.
func (o *Outbox) Close(ctx context.Context) bool {
	ok := o.Flush(ctx)
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return ok
	}
	o.closed = true
	for _, t := range []*time.Timer{o.timer, o.adopting} {
		if t != nil {
			t.Stop()
		}
	}
	o.broadcast()
	o.mu.Unlock()
	o.cancel()
	o.workers.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.disk != nil {
		o.moveToDisk()
		if err := o.disk.Close(); err != nil {
			o.cfg.Logger.Warn("sentryconfig: the outbox can't be closed cleanly", "error", err)
		}
	}
	if o.cfg.CloseIdle != nil {
		o.cfg.CloseIdle()
	}
	return ok
}

var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is a valid one
	return w
}}

// pack compresses a payload and reports whether that was worth it.
func pack(payload []byte) ([]byte, bool) {
	var b bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&b)
	_, err := w.Write(payload)
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err == nil && b.Len() < len(payload)
}

func timeOf(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds) }
