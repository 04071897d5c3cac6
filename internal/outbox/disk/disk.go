package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/resident"
)

// Config configures Open.
type Config struct {
	Dir      string       // OutboxDir, an absolute path; made if missing
	DSN      string       // events of one project never go to another: each has a folder of its own
	MaxBytes int64        // room for all processes together; segments are made small enough for it
	Logger   *slog.Logger // nil discards
	Process  Process      // noted in the journal; PID and Started default to this process's and now

	// No lock is held while these are called.
	// OnDead is called by Adopt for each dead process that has left running tasks or a crash. True: it is reported and
	// may be forgotten. False: a later Adopt, of any process, tells it again; there is no more time once ctx has ended.
	// nil forgets. Put may be called from it.
	OnDead     func(ctx context.Context, dead Dead) bool
	System     System        // nil: the real one
	Patience   time.Duration // with a call that somebody waits for, before the disk hangs; 0: nobody waits for 100 ms
	CheckEvery time.Duration // Put looks whether the folder is still ours this often; 0: a second; < 0: always
}

// Disk is a Store of files.
//
// Below Dir each DSN has a folder; in it each process owns the files that begin with its stem, which says when it
// began, its PID, and 32 random bits:
//
//	<stem>.journal       locked while the process lives; its running tasks
//	<stem>.<number>.seg  records
//	<stem>.crash         the runtime's last words
//
// Whoever gets the lock of a dead process's journal owns its files, renames its segments to be his own, and removes the
// rest. A process that has nothing waiting leaves nothing behind.
type Store struct {
	cfg  Config
	sys  System
	log  store.Notebook // said by Log
	dir  string         // the DSN's folder
	stem string

	segmentSize   int64
	writes, reads *hand // make the calls that somebody waits for

	health      atomic.Pointer[store.Health] // to be written down; nil: nothing new
	waiting     tally                        // of ours
	others      atomic.Int64                 // payload bytes of other living processes, when last looked
	unreadBytes atomic.Int64                 // of ours that could not be read

	unreadMu sync.Mutex // nothing else is taken, or waited for, under it
	unread   store.Unread
	reported map[[16]byte]bool // IDs of reports of the dead that are being made; also guarded by unreadMu

	adopting sync.Mutex // one look at a time; taken before mu, and not held while a callback is called
	told     map[string]bool

	mu       sync.Mutex
	closed   bool
	journal  *Journal
	folder   fs.FileInfo // dir, as it was when checked
	checked  time.Time
	active   [2]*segment // see part
	segments map[*segment]struct{}
	opened   []*segment // not the active ones, oldest first
	number   int        // of the newest segment
	buf      []byte
	failed   error // of the last sync

	peers                  peers
	toldBytes, toldRecords int64         // of ours, as others can read
	held                   int64         // bytes of our segments' files
	rewriting              chan struct{} // closed when no segment is being rewritten any more; nil: none is
	reclaimed              time.Time     // when that was, last

	resident *resident.Resident // starts syncs and times them
	syncWait time.Duration
	next     *batch // the one that is asked for, or will be
	syncing  bool
	newNames bool        // in dir, since the last sync
	parents  []string    // folders above it with new names, likewise
	noted    atomic.Bool // in the journal, likewise
}

const (
	// maxSegment is how much is kept for one record that waits among done ones, and what is copied when a deleted
	// folder is made again.
	maxSegment = 4 << 20
	minSegment = 64 << 10
	// segmentParts is how many segments MaxBytes has room for at least. Bytes looks at what others hold once a segment.
	segmentParts = 16
	// maxOpened bounds the files held open, whatever hundreds of dead processes have left. All of a full outbox of the
	// default size is 16 segments, so that a folder deleted under us loses none of them.
	maxOpened = 16
	// checkEvery is how often Put looks by default whether the folder is still there, still ours and still safe.
	checkEvery = time.Second
	// probeSize is what Probe writes: a disk with less room than some events need isn't one that works again.
	probeSize = 64 << 10
	// unreadPart is the part of the room that what can't be read leaves free: nothing makes place there.
	unreadPart = 8
	// maxBuffer bounds what Put keeps between calls.
	maxBuffer = 256 << 10
	// openTries bounds the races with processes that remove the folder as they leave.
	openTries = 100
)

// Open opens the disk store. It fails when the folder can't be used: its error names the path and the reason, and a
// later call may work. It reads nothing of what is there: Adopt does.
func Open(cfg Config) (*Store, error) {
	if !filepath.IsAbs(cfg.Dir) {
		return nil, fmt.Errorf("outbox: folder %q is not an absolute path", cfg.Dir)
	}
	if cfg.Patience == 0 {
		cfg.Patience = writeLimit
	}
	if cfg.Process.PID == 0 {
		cfg.Process.PID = os.Getpid()
	}
	if cfg.Process.Started.IsZero() {
		cfg.Process.Started = time.Now()
	}
	d := &Store{
		cfg: cfg, sys: cfg.System, log: store.Notebook{Logger: cfg.Logger},
		dir: filepath.Join(cfg.Dir, FolderName(cfg.DSN)), segmentSize: maxSegment,
		told: map[string]bool{}, segments: map[*segment]struct{}{}, next: newBatch(),
		syncWait: max(syncWait, cfg.Patience),
	}
	if d.cfg.CheckEvery == 0 {
		d.cfg.CheckEvery = checkEvery
	}
	if d.sys == nil {
		d.sys = osSystem{}
	}
	if cfg.MaxBytes > 0 {
		d.segmentSize = max(minSegment, min(maxSegment, cfg.MaxBytes/segmentParts))
	}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	d.resident = resident.New(d.turn)
	d.writes, d.reads = newHand(cfg.Patience, d.sys.MayHang), newHand(readLimit, d.sys.MayHang)
	d.journal.hand = d.writes
	return d, nil
}

// path returns the path of a file of this process.
func (d *Store) path(suffix string) string { return filepath.Join(d.dir, d.stem+suffix) }

// segmentPath returns the path of a new segment of this process.
func (d *Store) segmentPath() string {
	d.number++
	return d.path(fmt.Sprintf(".%06d.seg", d.number))
}

// Journal returns the journal of this process's tasks.
func (d *Store) Journal() *Journal { return d.journal }

// CrashFile creates the file for the runtime's last words, for debug.SetCrashOutput. The caller closes it. Close
// removes it if it is empty, after the caller has called debug.SetCrashOutput(nil).
func (d *Store) CrashFile() (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	return openPrivate(d.path(".crash"), os.O_RDWR|os.O_CREATE)
}

var errClosed = fmt.Errorf("outbox: store: %w", os.ErrClosed)

// Put implements [store.Store]: one write, no sync but for urgent records.
func (d *Store) Put(r *store.Record) (*store.Entry, error) {
	if len(r.Payload) > maxPayload {
		return nil, fmt.Errorf("outbox: envelope of %d bytes is too large", len(r.Payload))
	}
	p := puts.Get().(*putting)
	p.e = r.NewEntry()
	p.record, p.sum = appendRecord(p.record[:0], r, p.e.EventID)
	p.urgent = r.Urgent && !d.isReported(p.e.EventID)
	p.note = r.Note
	if err := d.writes.do(func() { d.put(p) }, false); err != nil {
		return nil, err // p isn't ours any more
	}
	e, b, err := p.e, p.batch, p.err
	p.e, p.note, p.batch, p.err = nil, nil, nil, nil
	if cap(p.record) <= maxBuffer {
		puts.Put(p)
	}
	if err != nil {
		return nil, err
	}
	if b != nil {
		b.wait()
	}
	return e, nil
}

// putting is a record on its way to the disk.
type putting struct {
	e      *store.Entry
	record []byte
	sum    uint32 // of its payload
	urgent bool
	note   store.TaskNote

	batch *batch // to wait for; nil: none
	err   error
}

var puts = sync.Pool{New: func() any { return new(putting) }}

// put writes a record. It is the hand's.
func (d *Store) put(p *putting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.err = d.write(p); p.err != nil {
		return
	}
	if b := d.syncSoon(p.urgent); p.urgent {
		b.limit(d.syncWait)
		p.batch = b
	}
	note := p.note
	if !d.writes.made() { // the caller keeps it elsewhere, and the note with it
		_ = d.done(p.e)
		return
	}
	if note != nil { // p is the caller's by now
		note.EndNow()
		d.noted.Store(true) // the sync waits for the mutex
	}
}

func (d *Store) write(w *putting) error {
	if d.closed {
		return errClosed
	}
	if err := d.failed; err != nil {
		d.failed = nil
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	part := part(w.e.Category)
	if s := d.active[part]; s != nil && s.size > segmentHeader && s.size+int64(len(w.record)) > d.segmentSize {
		d.finish(part)
	}
	if d.active[part] == nil {
		if err := d.newSegment(part); err != nil {
			return err
		}
	}
	s, b, at := d.active[part], w.record, d.active[part].size
	if s.size == 0 {
		b, at = append(appendHeader(d.buf[:0]), b...), segmentHeader
		if cap(b) <= maxBuffer {
			d.buf = b
		}
	}
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		// A part may have been written. The next record goes to the same place, so this matters only if there is none.
		if s.file.Truncate(s.size) != nil || s.waiting == 0 {
			d.finish(part)
		}
		return fmt.Errorf("outbox: %w", err)
	}
	d.resize(s, s.size+int64(len(b)))
	s.waiting++
	s.bytes += w.e.Size
	s.dirty = true
	d.waiting.add(1, w.e.Size)
	w.e.Where = store.Place{Holder: s, Offset: at, Sum: w.sum}
	d.tell()
	return nil
}

// Probe implements [store.Store]: it does what Put does for a large record, and syncs it, in a segment of its own that
// it removes again. Should the process die before, that is a segment with nothing waiting.
func (d *Store) Probe() error {
	if d.writes.hangs() {
		return store.ErrHangs
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed
	}
	err := d.check()
	path := d.segmentPath()
	d.mu.Unlock()
	if err != nil {
		return err
	}
	f, err := d.sys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	b := append(appendDone(appendHeader(nil), probeSize), make([]byte, probeSize)...)
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, d.sys.Remove(path), f.Close())
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// Answers implements [store.Store]: it tells others how much waits, which is the smallest write.
func (d *Store) Answers() bool {
	return !errors.Is(d.writes.do(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tellNow()
	}, false), store.ErrHangs)
}

// part says which of the active segments a category's records go to. Errors have one of their own: a server may limit
// them for weeks while it takes the rest, and each that waits keeps its whole segment on disk.
func part(c store.Category) int {
	if c == protocol.CategoryError {
		return 0
	}
	return 1
}

// newSegment begins a part's segment. Its first write is the first record's.
func (d *Store) newSegment(part int) error {
	path := d.segmentPath()
	f, err := d.sys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.restore(); err != nil {
			return err
		}
		f, err = d.sys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if err != nil {
		return err
	}
	d.active[part] = &segment{path: path, file: f}
	d.segments[d.active[part]] = struct{}{}
	d.newNames = true
	d.recount()
	return nil
}

// finish ends a part's active segment: it is only read from now on.
func (d *Store) finish(part int) {
	s := d.active[part]
	d.active[part] = nil
	if s.waiting == 0 {
		_ = d.drop(s)
		return
	}
	d.keepOpen(s)
}

// keepOpen remembers that s has its file open, and closes that of another one if there are too many. One that isn't
// synced yet stays open until it is.
func (d *Store) keepOpen(s *segment) {
	if len(d.opened) >= maxOpened {
		if i := slices.IndexFunc(d.opened, func(o *segment) bool { return !o.dirty }); i >= 0 {
			_ = d.opened[i].file.Close()
			d.opened[i].file = nil
			d.opened = slices.Delete(d.opened, i, i+1)
		}
	}
	d.opened = append(d.opened, s)
}

// drop removes a segment whose records are all done. If the file stays, Close or the next process removes it.
func (d *Store) drop(s *segment) error {
	err := d.sys.Remove(s.path) // before it is closed: nobody else can have it then
	if s.file != nil {
		if err != nil {
			_ = s.file.Truncate(0)
		}
		_ = s.file.Close()
		s.file = nil
		d.opened = slices.DeleteFunc(d.opened, func(o *segment) bool { return o == s })
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	d.resize(s, 0)
	delete(d.segments, s)
	return nil
}

// segmentOf is the segment that holds e.
func segmentOf(e *store.Entry) *segment { return e.Where.Holder.(*segment) }

// open returns the file of a segment, opening it if need be.
func (d *Store) open(s *segment) (File, error) {
	if d.closed {
		return nil, errClosed
	}
	if s.file != nil {
		return s.file, nil
	}
	f, err := d.sys.Open(s.path, os.O_RDWR)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", store.ErrDamaged, err)
		}
		return nil, err
	}
	s.file = f
	d.keepOpen(s)
	return f, nil
}

// Payload implements [store.Store].
func (d *Store) Payload(e *store.Entry, buf []byte) ([]byte, error) {
	var payload []byte
	var err error
	if hangs := d.reads.do(func() { payload, err = d.payload(e, buf) }, false); hangs != nil {
		return nil, hangs
	}
	return payload, err
}

func (d *Store) payload(e *store.Entry, buf []byte) ([]byte, error) {
	s := segmentOf(e)
	for {
		d.mu.Lock()
		f, err := d.open(s)
		off := s.at(e.Where.Offset)
		d.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if off < 0 {
			return nil, store.ErrDamaged // it was done
		}
		p, err := readPayload(f, off, e, buf)
		switch {
		case errors.Is(err, os.ErrClosed): // by keepOpen, or rewritten meanwhile
		case err != nil:
			return nil, fmt.Errorf("outbox: read %s: %w", s.path, err)
		default:
			return p, nil
		}
	}
}

// Done implements [store.Store]: one byte is written, or a segment removed. With an error the record may come again
// from the next process; for this one it is done.
func (d *Store) Done(e *store.Entry) error {
	var err error
	hangs := d.writes.do(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if err = errClosed; !d.closed {
			err = d.done(e)
		}
	}, false)
	if hangs != nil {
		return hangs
	}
	return err
}

// done is Done, with mu held.
func (d *Store) done(e *store.Entry) error {
	s := segmentOf(e)
	if e.Where.Done {
		return nil
	}
	e.Where.Done = true
	s.waiting--
	s.bytes -= e.Size
	d.waiting.add(-1, -e.Size)
	d.tell()
	if s.over() {
		if !slices.Contains(d.active[:], s) {
			return d.drop(s)
		}
		if s.file.Truncate(segmentHeader) == nil { // and is filled again
			d.resize(s, segmentHeader)
			return nil
		}
	}
	if s.rewriting {
		s.doneSince = append(s.doneSince, e.Where.Offset)
	}
	f, err := d.open(s)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte{stateDone}, s.at(e.Where.Offset)+stateOffset); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	d.reclaim()
	return nil
}

// Bytes implements [store.Store]. What other processes hold is what they told when this one last began a segment,
// adopted, or called Recount. What could not be read counts whole, but for a part of the room: nothing makes place
// there, and events captured now must have some.
func (d *Store) Bytes() int64 {
	unread := d.unreadBytes.Load()
	if limit := d.cfg.MaxBytes; limit > 0 {
		unread = min(unread, limit-limit/unreadPart)
	}
	return d.waiting.bytes.Load() + d.others.Load() + unread
}

// Unread implements [store.Store].
func (d *Store) Unread() store.Unread {
	d.unreadMu.Lock()
	defer d.unreadMu.Unlock()
	return d.unread
}

// Forget implements [store.Store]. What belongs to dead processes still is left to [Purge].
func (d *Store) Forget() (count int) {
	d.adopting.Lock()
	defer d.adopting.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.segments {
		count += d.giveUp(s)
	}
	return count
}

// giveUp gives up what could not be read of s, and returns how many stretches that was. mu is held.
func (d *Store) giveUp(s *segment) (count int) {
	for _, part := range s.unread {
		count++
		d.unreadMu.Lock()
		d.unread.Count--
		d.unread.Bytes -= part.to - part.from
		if d.unread.Count == 0 {
			d.unread.Err = nil
		}
		d.unreadMu.Unlock()
		d.unreadBytes.Add(part.from - part.to)
		part.unread = nil
		if f, err := d.open(s); err == nil && s.waiting > 0 {
			heal(f, s.size, part)
		}
	}
	if s.unread = nil; s.waiting == 0 && !slices.Contains(d.active[:], s) {
		_ = d.drop(s)
	}
	return count
}

// Log implements [store.Store].
func (d *Store) Log() { d.log.Say() }

// touched is the journal's: it was written to.
func (d *Store) touched() {
	if d.noted.Swap(true) {
		return // a sync is on its way
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.syncSoon(false)
	}
}

// Close implements [store.Store]. It syncs what waits, for at most syncWait.
func (d *Store) Close() error {
	began := time.Now()
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	defer d.log.Say()
	// A sync holds the journal's file, and with it the lock.
	defer func() { d.resident.Close(d.syncWait - time.Since(began)) }()
	defer d.reads.close()
	defer d.writes.close()
	var b *batch
	for s := range d.segments {
		if s.dirty && s.waiting > 0 {
			b = d.syncSoon(true)
		}
	}
	d.closed = true // from here on nothing else changes
	rewriting := d.rewriting
	d.mu.Unlock()
	if rewriting != nil { // it removes what isn't to stay
		patience := time.NewTimer(d.syncWait)
		defer patience.Stop()
		select {
		case <-rewriting:
		case <-patience.C:
		}
	}
	if b != nil {
		b.wait()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for s := range d.segments {
		if s.over() {
			errs = append(errs, d.drop(s))
		} else if s.file != nil {
			errs = append(errs, s.file.Close())
		}
	}
	d.active, d.opened = [2]*segment{}, nil
	if info, err := d.sys.Stat(d.path(".crash")); err == nil && info.Size() == 0 {
		errs = append(errs, d.sys.Remove(d.path(".crash")))
	}
	errs = append(errs, d.journal.close(d.sys, d.left()))
	_ = d.sys.Remove(d.dir) // fails unless it is empty
	return errors.Join(errs...)
}
