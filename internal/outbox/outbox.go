// Package outbox keeps envelopes until a Sentry server has taken them: a store holds them, on disk or in memory, a
// queue knows their order, and senders deliver them.
//
// Data goes one way: [Outbox.Put] stores a record and queues its entry, a sender takes entries from the queue, reads
// their payload from the store, and marks them done there when the server has answered. The rooms below: store has what
// the others talk about, disk keeps files, wire speaks the protocol.
package outbox

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
	"github.com/autoservice/sentryconfig/internal/resident"
)

// Config says where envelopes go and where they wait.
type Config struct {
	Dir       string       // the folder of the disk store, to name it in warnings
	URL       string       // the envelope endpoint
	Auth      string       // the value of X-Sentry-Auth
	UserAgent string       // of each request
	SDK       string       // a JSON object for the envelope headers of client reports; may be ""
	NoReports bool         // what is dropped is counted, but not reported to Sentry
	Client    *http.Client // a copy of it is used that follows no redirects
	CloseIdle func()       // closes the client's idle connections; nil: they are not the outbox's to close
	MaxBytes  int64        // room for payloads that wait; <= 0: the default of the store
	Logger    *slog.Logger
	PII       bool                  // personal data may be sent; SetPII changes it
	Active    func() bool           // reporting is on; nil: always. Called with locks held: it must be quick
	OpenStore func() (Store, error) // opens the store on disk; nil: memory only. Called again later when it failed

	timing  *timing     // nil: defaultTiming
	mayHang func() bool // nil: that of disk.System
}

// senders is how many requests are under way at once: enough to fill a slow line, few enough for a small server.
const senders = 8

const (
	// memoryBytes is the room in memory: a burst of 10,000 events and the program it happens in fit on a small machine.
	memoryBytes = 32 << 20
	// diskBytes is the room on disk.
	diskBytes = 64 << 20
	// packAbove is the part of the room that is used before payloads are packed. Packing makes five of one, but costs
	// about as much as the rest of a Put together, so it isn't done in calm times.
	packAbove = 1.0 / 4
	// reserve is the part of the room that may be used beyond it when other processes have taken all of it, so that a
	// process isn't deaf from its start. They make room again at their next look.
	reserve = 1.0 / 8
)

// timing holds every delay of an outbox. Tests shorten them.
type timing struct {
	request     time.Duration // a request as a whole. 1 MB takes 25 s on a line of 40 kB/s, which is slow but alive
	drain       time.Duration // reading an answer's body, whose status has said all, for the sake of its connection
	stuck       time.Duration // a request older than this doesn't count as a sender: it may never be answered
	suspect     time.Duration // how long after an envelope was accepted the next failure may be its envelope's doing
	closeGrace  time.Duration // Close gives requests under way this long to be answered
	slow        time.Duration // after this long, a request no longer delays later envelopes
	retry       time.Duration // after a failure, doubled each time
	retryMax    time.Duration // at most; a server that has been down for hours is not asked more often
	flushRetry  time.Duration // the same while a Flush waits: the program is about to end
	flushMax    time.Duration
	rejected    time.Duration // after an answer about the route or the credentials
	pace        time.Duration // between two envelopes of the backlog: a fleet that comes back must not storm its server
	report      time.Duration // between two client reports
	openWait    time.Duration // Open waits for the disk; longer is a disk in trouble, which must not delay the program
	diskRetry   time.Duration // a disk that fails isn't tried again before
	hangRetry   time.Duration // nor one that doesn't answer, while something waits in memory, which a kill loses
	hangMax     time.Duration // doubled each time, at most
	diskIdle    time.Duration // nor later
	adopt       time.Duration // between two looks for what dead processes left: "within a minute" is promised
	tell        time.Duration // between two times that others are told of drops and errors
	closeWait   time.Duration // Close waits for goroutines; longer ones hang in the operating system
	poisonProof time.Duration // how long the server's taking one envelope proves that it would take others
	poisonTime  time.Duration // answers that give an envelope up are spread over at least this: what is random passes
}

var defaultTiming = timing{
	request:     30 * time.Second,
	drain:       250 * time.Millisecond,
	stuck:       2 * time.Second,
	suspect:     10 * time.Second,
	closeGrace:  40 * time.Millisecond,
	slow:        250 * time.Millisecond,
	retry:       time.Second,
	retryMax:    5 * time.Minute,
	flushRetry:  100 * time.Millisecond,
	flushMax:    time.Second,
	rejected:    5 * time.Minute,
	pace:        time.Second / 50,
	report:      30 * time.Second,
	openWait:    100 * time.Millisecond,
	diskRetry:   5 * time.Second,
	hangRetry:   10 * time.Millisecond,
	hangMax:     100 * time.Millisecond,
	diskIdle:    30 * time.Second,
	adopt:       30 * time.Second,
	tell:        time.Second,
	closeWait:   2 * time.Second,
	poisonProof: time.Minute,
	poisonTime:  10 * time.Minute,
}

// Stats is what an Outbox has counted since it was opened, in envelopes, and what waits in it.
type Stats struct {
	Captured, Delivered, Dropped uint64
	Pending                      uint64 // waiting now, from earlier processes included
	PendingBytes                 int64
	DroppedBy                    map[string]uint64 // by reason, as in client reports
	OldestPending                time.Time
	LastError                    error // of the disk or the server; nil once it works again
}

// An Outbox holds envelopes and delivers them. Its methods may be called from many goroutines at once.
//
// It has a resident, which decides what to do now and later, reads the clock for that, and starts all other goroutines
// (requests, and work on a disk, which may hang), so that an Outbox may be used inside a synctest bubble wherever it
// was opened. Callers store, change what the resident goes by, and kick it. Close waits for all of them.
type Outbox struct {
	cfg      Config
	timing   timing
	endpoint wire.Endpoint
	start    time.Time       // what times are since
	ctx      context.Context // of the requests; ends with Close
	cancel   context.CancelFunc
	work     context.Context // of adoption; ends as Close begins
	stopWork context.CancelFunc

	resident *resident.Resident

	// putMu makes the order in the store the order of the queue, and limits exact. It is taken before mu. It may be
	// held during a write to disk, never during a request; mu never during either, nor while a Logger is called.
	putMu sync.Mutex

	mu          sync.Mutex
	closed      bool
	running     int                // goroutines of background, and Close
	finished    context.CancelFunc // tells Close that there are none left
	queue       queue
	main        Store // nil while the disk isn't open
	overflow    *store.Memory
	disk        diskHealth
	upstream    upstreamHealth
	until       wire.Limits               // when each category's rate limit ends
	refusing    [store.CategoryCount]bool // it is so long that nothing of the category is taken
	fresh       []*item                   // put since the last turn, which stamps them with the time
	backlogNext bool                      // it is the backlog's turn
	pacedAt     time.Duration             // when the next envelope of the backlog may go
	sending     int                       // requests under way
	quiet       chan struct{}             // closed when there are none; nil unless Close waits for that
	clock       serverClock
	expireAt    time.Duration // when to look for what is too old
	undone      []*item       // what the store could not forget
	accepted    uint64        // envelopes the server took, and when it took the last
	acceptAt    time.Duration
	shared      *byte         // where what the newest record shares begins
	calm        bool          // nothing more can be sent before the next turn, whatever is put
	turnAt      time.Duration // when there is something to do again
	adoptAt     time.Duration // when to look for what dead processes left
	reports     reports
	health      health

	flushes      []*flush
	flushTries   int    // failures since the newest Flush began
	lost         uint64 // envelopes lost for want of room, age or damage
	lostReported uint64 // those that a Flush has told of

	stats  Stats
	warned map[string]bool // kinds of trouble that the Logger knows of
	done   []*item         // for the store to forget, once mu is free
	notes  store.Notebook  // for the Logger, once mu is free
}

// Open returns an outbox that works. It waits for a disk no longer than a moment, and never for the network.
func Open(cfg Config) *Outbox {
	if cfg.Active == nil {
		cfg.Active = func() bool { return true }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.mayHang == nil {
		cfg.mayHang = disk.OS().MayHang
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = memoryBytes
		if cfg.OpenStore != nil {
			cfg.MaxBytes = diskBytes
		}
	}
	client := &http.Client{}
	if cfg.Client != nil {
		*client = *cfg.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o := &Outbox{
		cfg: cfg, timing: defaultTiming, start: time.Now(),
		overflow: store.NewMemory(), warned: make(map[string]bool),
		stats:  Stats{DroppedBy: make(map[string]uint64)},
		turnAt: never, adoptAt: never, notes: store.Notebook{Logger: cfg.Logger},
	}
	if cfg.timing != nil {
		o.timing = *cfg.timing
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.work, o.stopWork = context.WithCancel(o.ctx)
	o.ctx.Done() // the channel is made by the first who asks for it
	o.endpoint = wire.Endpoint{
		URL: cfg.URL, Auth: cfg.Auth, UserAgent: cfg.UserAgent, Client: client, CloseIdle: o.closeIdle,
		Timeout: o.timing.request, Drain: o.timing.drain, Parts: new(wire.Parts),
	}
	o.resident = resident.New(o.turn)
	if cfg.OpenStore == nil {
		o.main, o.disk.adopted = o.overflow, true
		return o
	}
	o.openDisk()
	return o
}

// now is the time since the outbox was opened, by the monotonic clock. It is for the resident and the goroutines that
// it has started: others may live by another clock.
func (o *Outbox) now() time.Duration { return time.Since(o.start) }

// unlock releases mu, then does the work that must not run under it: Store.Done calls and logging.
func (o *Outbox) unlock() {
	main := o.main
	o.unlockQuietly()
	o.notes.Say()
	if main != nil {
		main.Log()
	}
}

// unlockQuietly is unlock without the logging, for when putMu is held: a Logger may capture, and so come back to Put.
func (o *Outbox) unlockQuietly() {
	done := o.done
	o.done = nil
	o.mu.Unlock()
	for _, it := range done {
		o.forget(it)
	}
}

// forget has the item's store forget it. One that can't is asked again when something else is done.
func (o *Outbox) forget(it *item) {
	if it.note != nil {
		it.note.End()
	}
	if it.store.Done(it.entry) == nil {
		return
	}
	o.mu.Lock()
	if len(o.undone) < maxUndone {
		o.undone = append(o.undone, it)
	}
	o.mu.Unlock()
}

// maxUndone bounds the memory for what a failing store could not forget. The rest is sent again by a later process.
const maxUndone = 4096

// background runs f in a goroutine that Close waits for, unless the outbox is closed. It is for the resident and the
// goroutines that it has started. mu is held.
func (o *Outbox) background(f func()) {
	if o.closed {
		return
	}
	o.running++
	go func() {
		defer o.ended()
		f()
	}()
}

// ended is the end of a goroutine of background. The last one after Close closes the stores.
func (o *Outbox) ended() {
	o.mu.Lock()
	o.running--
	last := o.closed && o.running == 0
	o.mu.Unlock()
	if last {
		o.closeStores()
		o.closeIdle()
		o.finished()
	}
}

// turn is the resident's work: what can be done now is begun. It returns when the next is due, and does nothing itself
// that could wait or call back.
func (o *Outbox) turn() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for _, f := range o.flushes {
		o.look(f, now)
	}
	if now >= o.adoptAt {
		o.startAdoption()
	}
	o.dispatch(now)
	if n := len(o.flushes); n > 0 {
		o.flushes = slices.DeleteFunc(o.flushes, func(f *flush) bool { return o.finishFlush(f, now) })
		if len(o.flushes) < n {
			o.dispatch(now) // the backlog has its pace again
		}
	}
	if len(o.done) > 0 || o.notes.Some() {
		o.background(func() {
			o.mu.Lock()
			o.unlock()
		})
	}
	o.calm = o.sending >= o.senders(now) || now < o.upstream.until
	next := min(o.turnAt, o.adoptAt, o.tellHealth(now))
	for _, f := range o.flushes {
		if f.limited {
			next = min(next, f.end)
		}
	}
	if o.closed || next == never {
		return resident.Never
	}
	return max(next-now, 0)
}

// say logs once mu is free.
func (o *Outbox) say(level slog.Level, message string, args ...any) {
	o.notes.Add(level, message, args...)
}

// warn logs a kind of trouble once, until resolved says that it is over.
func (o *Outbox) warn(kind, message string, args ...any) {
	if !o.warned[kind] {
		o.warned[kind] = true
		o.say(slog.LevelWarn, message, args...)
	}
}

func (o *Outbox) resolved(kind, message string) {
	if o.warned[kind] {
		delete(o.warned, kind)
		if message != "" {
			o.say(slog.LevelInfo, message)
		}
	}
}

// Put stores r and has it sent. It reports whether the outbox holds it: not when reporting is off, after Close, when r
// alone exceeds the room, or when the server refuses r's category for a while. It never waits for the network. r's
// payload is copied. If o holds r, it ends r's Note.
func (o *Outbox) Put(r *Record) bool {
	if !o.cfg.Active() {
		return false
	}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return false
	}
	o.stats.Captured++
	used := o.overflow.Bytes()
	if o.usable() {
		used = o.main.Bytes()
	}
	reason := ""
	switch {
	case r.PII && !o.cfg.PII:
		reason = reasonWithheld
	case o.refusing[store.Index(r.Category)]:
		reason = reasonLimited
	}
	if reason != "" {
		o.count(reason, r.Category, r.Items, r.Spans)
		o.unlock()
		o.resident.Kick()
		return false
	}
	shares := o.shares(r.Shared, len(r.Payload))
	o.mu.Unlock()

	o.endpoint.Parts.Note(r.Shared)
	if !r.Packed && !shares && float64(used+int64(len(r.Payload))) > packAbove*float64(o.cfg.MaxBytes) {
		b := wire.Buffer()
		defer wire.PutBuffer(b)
		r = packed(r, b)
	}

	o.putMu.Lock()
	it := o.store(r)
	o.mu.Lock()
	held := it != nil
	if held {
		o.queue.push(it)
		o.fresh = append(o.fresh, it)
	}
	early := held && r.Note != nil && it.lane == laneOverflow
	if early && errors.Is(o.disk.err, store.ErrHangs) { // it is on disk soon, and a kill until then must not lose both
		it.note, early = r.Note, false
	}
	if r.PII && !o.cfg.PII { // since it was asked above
		held = false
		o.withhold()
	}
	calm := o.calm && held && it.lane == laneLive
	o.putMu.Unlock()
	o.unlock()
	if early { // a disk that is full has room for the notes of other tasks then
		r.Note.End()
	}
	if !calm {
		o.resident.Kick()
	}
	return held
}

// shares reports whether shared, a third or more of size bytes, is what the newest record shares as well: memory, which
// doesn't copy it again, has about as little left to hold as if the whole were packed. mu is held.
func (o *Outbox) shares(shared []byte, size int) bool {
	var at *byte
	if 3*len(shared) > size {
		at = &shared[0]
	}
	again := at != nil && at == o.shared && o.cfg.OpenStore == nil
	o.shared = at
	return again
}

// packed returns r with its payload packed into b, if that makes it smaller.
func packed(r *Record, b *bytes.Buffer) *Record {
	if len(r.Payload) < wire.PackFrom {
		return r
	}
	if err := wire.Deflate(b, r.Payload); err != nil || b.Len() >= len(r.Payload) {
		return r
	}
	p := *r
	p.Payload, p.Packed, p.Shared = b.Bytes(), true, nil
	return &p
}

// store puts r into the main store, or into memory while that fails; nil: neither has room for it. putMu is held.
func (o *Outbox) store(r *Record) *item {
	o.mu.Lock()
	closed, usable, main := o.closed, o.usable(), o.main
	o.mu.Unlock()
	if closed {
		return nil
	}
	if usable {
		if !o.makeRoom(main, r, o.cfg.MaxBytes) {
			return nil
		}
		e, err := main.Put(r)
		if err == nil {
			return &item{entry: e, store: main, lane: laneLive}
		}
		o.mu.Lock()
		o.diskFails(err)
		o.mu.Unlock()
	}
	if !o.makeRoom(o.overflow, r, min(o.cfg.MaxBytes, memoryBytes)) {
		return nil
	}
	e, err := o.overflow.Put(r)
	if err != nil {
		return nil
	}
	return &item{entry: e, store: o.overflow, lane: laneOverflow}
}

// makeRoom drops what is oldest in store until r fits into limit, and reports whether it does. If not, r is counted as
// dropped. putMu is held.
func (o *Outbox) makeRoom(store Store, r *Record, limit int64) bool {
	size := int64(len(r.Payload))
	excess := store.Bytes() + size - limit
	if excess > 0 {
		store.Recount() // before anything is lost for what others held a while ago
		excess = store.Bytes() + size - limit
	}
	if excess <= 0 {
		return true
	}
	o.mu.Lock()
	defer o.unlockQuietly()
	// Counted by what is dropped, not by store.Bytes: a store that can't forget must not lose everything.
	if size <= limit {
		excess -= o.evict(store, excess)
	}
	if size > limit || float64(excess) > reserve*float64(limit) {
		o.lose(o.overflowReason(store), r.Category, r.Items, r.Spans)
		return false
	}
	return true
}

// evict drops the oldest of store until excess bytes are free, and returns how many are. mu is held.
func (o *Outbox) evict(store Store, excess int64) (freed int64) {
	lanes := []lane{laneBacklog, laneLive}
	if store != o.main {
		lanes = []lane{laneOverflow}
	}
	for freed < excess {
		oldest := o.queue.oldest(lanes...)
		if oldest == nil {
			break
		}
		freed += oldest.entry.Size
		o.queue.remove(oldest)
		o.drop(oldest, o.overflowReason(store), true)
	}
	return freed
}

func (o *Outbox) overflowReason(store Store) string {
	if store == o.overflow {
		return reasonQueueOverflow
	}
	return reasonCacheOverflow
}

// drop counts an item that has left the queue and has it forgotten. Those that are lost were neither accepted nor
// refused: the next Flush tells of them. mu is held.
func (o *Outbox) drop(it *item, reason string, lost bool) {
	e := it.entry
	if lost {
		o.lose(reason, e.Category, e.Items, e.Spans)
	} else {
		o.count(reason, e.Category, e.Items, e.Spans)
	}
	o.done = append(o.done, it)
}

// lose counts an envelope that was lost by the outbox. mu is held.
func (o *Outbox) lose(reason string, c Category, items, spans uint32) {
	o.lost++
	o.count(reason, c, items, spans)
	if reason == reasonQueueOverflow || reason == reasonCacheOverflow {
		o.warn("room", "sentryconfig: the outbox is full or its events too old: the oldest are dropped",
			"max_bytes", o.cfg.MaxBytes)
	}
}

// count counts a dropped envelope. mu is held.
func (o *Outbox) count(reason string, c Category, items, spans uint32) {
	if o.stats.Dropped == o.health.dropped {
		o.calm = false // the resident tells others
	}
	o.stats.Dropped++
	o.stats.DroppedBy[reason]++
	o.report(reason, c, items, spans)
}

// Discard counts n things of a category that were lost before they reached the outbox.
func (o *Outbox) Discard(reason string, c Category, n int) {
	if n <= 0 {
		return
	}
	o.mu.Lock()
	o.stats.Dropped += uint64(n)
	o.stats.DroppedBy[reason] += uint64(n)
	o.report(reason, c, uint32(n), 0)
	o.unlock()
	o.resident.Kick()
}

// Clear drops all that waits and isn't in flight. It is counted as withheld.
func (o *Outbox) Clear() {
	o.mu.Lock()
	for _, it := range o.queue.removeFunc(func(*item) bool { return true }) {
		o.drop(it, reasonWithheld, false)
	}
	main := o.main
	o.mu.Unlock()
	if main == nil {
		main = o.overflow
	}
	given := main.Forget()
	o.mu.Lock()
	for range given {
		o.count(reasonWithheld, CategoryError, 1, 0)
	}
	if o.disk.unread = main.Unread(); o.disk.unread.Err == nil {
		o.disk.adoptErr = nil
	}
	o.unlock()
	o.resident.Kick()
}

// SetPII allows personal data, or forbids it: then all that waits with some is dropped and counted as withheld, what is
// in flight once it comes back, and what is put later is refused. It doesn't log: its caller may hold a lock. The next
// turn does.
func (o *Outbox) SetPII(allowed bool) {
	o.mu.Lock()
	o.cfg.PII = allowed
	if !allowed {
		o.withhold()
	}
	o.unlockQuietly()
	o.resident.Kick()
}

// withhold drops what waits with personal data. mu is held.
func (o *Outbox) withhold() {
	for _, it := range o.queue.removeFunc(func(it *item) bool { return it.entry.PII }) {
		o.drop(it, reasonWithheld, false)
	}
}

// Wake has the sender, and each Flush that waits, look again: reporting was switched on or off.
func (o *Outbox) Wake() { o.resident.Kick() }

// Stats returns what has been counted until now; after Close, what was counted until then, and what was left. It asks
// neither disk nor server.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.DroppedBy = maps.Clone(o.stats.DroppedBy)
	s.Pending, s.PendingBytes = uint64(o.queue.count+o.disk.unread.Count), o.queue.bytes+o.disk.unread.Bytes
	o.queue.eachFirst(func(it *item) {
		if t := time.Unix(0, it.entry.Time); s.OldestPending.IsZero() || t.Before(s.OldestPending) {
			s.OldestPending = t
		}
	})
	s.LastError = o.lastError()
	return s
}

// lastError is what troubles the outbox now. mu is held.
func (o *Outbox) lastError() error {
	return joinErrors(o.disk.err, o.disk.adoptErr, o.disk.readErr, o.upstream.err)
}

// Close is Flush, and then stops every goroutine, timer and connection of the outbox and closes its store: what waits
// on disk stays there for a later process, what waits in memory is lost. With a ctx that has ended it doesn't flush. It
// returns what Flush did; a second Close returns at once.
func (o *Outbox) Close(ctx context.Context) bool {
	ok := o.Flush(ctx)
	patience, finished := o.resident.Timeout(o.timing.closeWait)
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		finished()
		return ok
	}
	o.closed, o.finished = true, finished
	o.running += 2
	o.resident.Go(func() {
		o.stopWork()
		o.awaitAnswers()
		o.cancel()
		o.closeIdle()
		o.ended()
	})
	o.resident.Go(func() {
		if o.diskHangs() { // it must not hang the program: what waits for it is left behind
			finished()
		}
		o.ended()
	})
	o.unlock()
	<-patience.Done()
	o.resident.Close(0)
	return ok
}

// diskHangs asks the disk, for at most 100 ms.
func (o *Outbox) diskHangs() bool {
	o.mu.Lock()
	main, hangs := o.main, o.opening() && errors.Is(o.disk.err, errDiskHangs)
	o.mu.Unlock()
	return hangs || main != nil && !main.Answers()
}

// awaitAnswers gives the requests under way a moment: what is cut off is sent again by a later process.
func (o *Outbox) awaitAnswers() {
	o.mu.Lock()
	if o.sending == 0 {
		o.mu.Unlock()
		return
	}
	quiet := make(chan struct{})
	o.quiet = quiet
	o.mu.Unlock()
	patience := time.NewTimer(o.timing.closeGrace)
	defer patience.Stop()
	select {
	case <-quiet:
	case <-patience.C:
	}
}

// answered tells Close when no request is under way any more. mu is held.
func (o *Outbox) answered() {
	if o.sending == 0 && o.quiet != nil {
		close(o.quiet)
		o.quiet = nil
	}
}

// closeIdle closes idle connections. It is the host program's function, which must not bring it down.
func (o *Outbox) closeIdle() {
	defer func() { _ = recover() }()
	if o.cfg.CloseIdle != nil {
		o.cfg.CloseIdle()
	}
}

// joinErrors is errors.Join that leaves a single error as it is.
func joinErrors(errs ...error) error {
	var found []error
	for _, err := range errs {
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}
