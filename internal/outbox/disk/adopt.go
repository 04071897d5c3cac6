package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// Dead is what a dead process has left beside its records.
type Dead struct {
	Process   Process
	LastAlive time.Time     // when it wrote to its journal last
	Tasks     []Interrupted // that ran, in the order of their beginning
	Crash     []byte        // the runtime's last words, for crash.Parse; nil if there are none
	CrashID   string        // event ID of the crash's report: the same however often it is made
}

// A kind of file in a DSN's folder.
type kind uint8

const (
	kindForeign kind = iota
	kindJournal
	kindSegment
	kindCrash
	kindNew // a copy of a segment that is to take its place
)

const (
	stemTime = "20060102T150405Z"

	// maxAge is how long files are kept that nobody can use: as long as events.
	maxAge = 30 * 24 * time.Hour
	// maxPlausible is the age from which on a file isn't old: a clock was wrong when it was written, or is now.
	maxPlausible = 365 * 24 * time.Hour
	// maxCrash bounds what is read of a crash. The crashing goroutine comes first.
	maxCrash = 1 << 20
)

// parseName takes the name of a file apart. Anything that isn't named exactly as we name files is foreign.
func parseName(name string) (stem string, k kind) {
	stem, rest, _ := strings.Cut(name, ".")
	began, rest2, _ := strings.Cut(stem, "-")
	pid, random, _ := strings.Cut(rest2, "-")
	if _, err := time.Parse(stemTime, began); err != nil || !isNumber(pid, 10, 0) || !isNumber(random, 16, 8) {
		return "", kindForeign
	}
	number, isSegment := strings.CutSuffix(rest, ".seg")
	copied, isNew := strings.CutSuffix(rest, ".new")
	switch {
	case rest == "journal":
		return stem, kindJournal
	case rest == "crash":
		return stem, kindCrash
	case isSegment && isNumber(number, 10, 0):
		return stem, kindSegment
	case isNew && isNumber(copied, 10, 0):
		return stem, kindNew
	}
	return "", kindForeign
}

// isNumber says whether s is a number of n digits, of any number of digits if n is 0.
func isNumber(s string, base, n int) bool {
	_, err := strconv.ParseUint(s, base, 64)
	return err == nil && (n == 0 || len(s) == n)
}

// stemProcess is what a stem says of its process.
func stemProcess(stem string) (p Process) {
	began, rest, _ := strings.Cut(stem, "-")
	pid, _, _ := strings.Cut(rest, "-")
	p.Started, _ = time.Parse(stemTime, began)
	p.PID, _ = strconv.Atoi(pid)
	return p
}

// claim takes a dead process's files: its journal, locked, and live false. It makes the journal if it is missing, since
// segments may be left without. A nil file and live false: somebody else was faster.
func claim(sys System, journal string) (f File, live bool, err error) {
	f, err = sys.Open(journal, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, false, err
	}
	locked, err := f.TryLock()
	if !locked || err != nil {
		_ = f.Close()
		return nil, err == nil, err
	}
	// An adopter removes the journal before it gives up the lock: then this is the lock of a file that nobody else
	// sees.
	a, err := f.Stat()
	if err == nil {
		var b fs.FileInfo
		if b, err = sys.Stat(journal); err == nil && os.SameFile(a, b) {
			return f, false, nil
		}
	}
	_ = f.Close()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, false, err
}

// release removes a claimed journal, then gives up its lock: in this order nobody can claim it in between.
func release(sys System, f File, journal string) error {
	err := sys.Remove(journal)
	_ = f.Close()
	return err
}

// stems groups the files of a folder by stem, oldest first.
func stems(entries []fs.DirEntry) (sorted []string, segments map[string][]fs.DirEntry, foreign []fs.DirEntry) {
	segments = map[string][]fs.DirEntry{}
	for _, entry := range entries {
		stem, kind := parseName(entry.Name())
		if kind == kindForeign {
			foreign = append(foreign, entry)
			continue
		}
		if _, ok := segments[stem]; !ok {
			segments[stem] = nil
			sorted = append(sorted, stem)
		}
		if kind == kindSegment || kind == kindNew {
			segments[stem] = append(segments[stem], entry)
		}
	}
	slices.Sort(sorted)
	return sorted, segments, foreign
}

// An adoption is one Adopt.
type adoption struct {
	ctx    context.Context
	found  func([]*store.Entry)
	living map[string]bool // stems met, and whether their process lives
	store.Adopted
	torn int // segments with a damaged end, as a kill in the middle of a write leaves them: nobody had an ID for that
	dead []*corpse
}

// Adopt implements [store.Store]. With nothing new it costs reading the folder, and a try at the lock of each other
// process. The callbacks are called with no lock held but those of the dead processes' journals.
func (d *Store) Adopt(ctx context.Context, found func([]*store.Entry)) (store.Adopted, error) {
	if d.writes.hangs() {
		return store.Adopted{Unread: d.Unread()}, store.ErrHangs
	}
	a := adoption{ctx: ctx, found: found, living: map[string]bool{}}
	if err := d.look(&a); err != nil {
		return store.Adopted{Damaged: a.Damaged, Unread: d.Unread()}, err
	}
	d.mu.Lock()
	if ctx.Err() == nil {
		d.peers.known = a.living
	}
	d.recount()
	d.mu.Unlock()
	d.unreadMu.Lock()
	d.unread = a.Unread
	d.unreadMu.Unlock()
	return a.Adopted, nil
}

// maxDead bounds the dead processes that are taken over at once, and those that are told at once: the journals of both
// are open.
const maxDead = 64

// tellDead reports what dead processes were doing, and forgets it.
func (d *Store) tellDead(a *adoption) {
	for _, c := range a.dead {
		if a.ctx.Err() != nil {
			_ = c.journal.Close() // there is no time: the next process finds it
			continue
		}
		told := d.cfg.OnDead == nil
		if !told {
			d.report(a.ctx, c, &told)
		}
		d.alone(func() { d.bury(c, told) })
	}
	a.dead = nil
}

// report calls OnDead. The reports it makes are not synced one by one: until the journal is removed, which waits for
// one sync of all, they would be made again.
func (d *Store) report(ctx context.Context, c *corpse, told *bool) {
	reported := map[[16]byte]bool{}
	note := func(eventID string) {
		var id [16]byte
		_, _ = hex.Decode(id[:], []byte(eventID))
		reported[id] = true
	}
	for _, t := range c.Tasks {
		note(t.EventID)
	}
	note(c.CrashID)
	d.unreadMu.Lock()
	d.reported = reported
	d.unreadMu.Unlock()
	d.call("OnDead", func() { *told = d.cfg.OnDead(ctx, c.Dead) })
	d.unreadMu.Lock()
	d.reported = nil
	d.unreadMu.Unlock()
	if *told && d.Sync() != nil {
		*told = false
	}
}

// isReported says whether an event is a report of the dead that is being made just now.
func (d *Store) isReported(id [16]byte) bool {
	d.unreadMu.Lock()
	defer d.unreadMu.Unlock()
	return d.reported[id]
}

// call calls a callback, which must not bring the program down.
func (d *Store) call(name string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			d.log.Add(slog.LevelError, "outbox: a callback panicked", "callback", name, "panic", v)
		}
	}()
	f()
}

// look adopts what dead processes have left, and reads again what it could not read before. What they were doing is
// told last, since that takes a while.
func (d *Store) look(a *adoption) error {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return errClosed
	}
	listed, err := d.sys.ReadFolder(d.dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.restore()
		}
		return fmt.Errorf("outbox: %w", err)
	}
	d.alone(func() { d.readAgain(a) })
	rest, _, foreign := stems(listed)
	// The first are sent while others wait to be claimed, yet the folder is listed a few times only. Once ctx has ended
	// the program is about to end.
	for n := 1; len(rest) > 0 && err == nil && a.ctx.Err() == nil; n = min(2*n, maxDead) {
		rest, err = d.adoptSome(a, rest, n)
		if len(a.dead) >= maxDead {
			d.tellDead(a)
		}
	}
	d.tellDead(a)
	d.alone(func() {
		for _, entry := range foreign {
			d.expire(entry.Name(), "outbox: file is not ours")
		}
	})
	return err
}

// alone calls f with adopting held.
func (d *Store) alone(f func()) {
	d.adopting.Lock()
	defer d.adopting.Unlock()
	f()
}

// adoptSome takes over what the first n dead of the processes have left, and returns the stems behind them. The folder
// is listed again once their locks are ours: what they wrote since the first time is theirs, too.
func (d *Store) adoptSome(a *adoption, processes []string, n int) (rest []string, err error) {
	var dead []*corpse
	d.alone(func() { dead, rest = d.claimSome(a, processes, n) })
	if len(dead) == 0 {
		return rest, nil
	}
	listed, err := d.sys.ReadFolder(d.dir)
	if err != nil {
		err = fmt.Errorf("outbox: %w", err)
	}
	_, segments, _ := stems(listed)
	for _, c := range dead {
		if err != nil || a.ctx.Err() != nil { // the next look, or process, goes on
			_ = c.journal.Close()
			continue
		}
		d.alone(func() { d.adopt(a, c, segments[c.stem]) })
	}
	return rest, err
}

// claimSome claims what the first n dead of the processes have left, and returns the stems behind them.
func (d *Store) claimSome(a *adoption, processes []string, n int) (dead []*corpse, rest []string) {
	for i, stem := range processes {
		if len(dead) == n || a.ctx.Err() != nil {
			return dead, processes[i:]
		}
		if stem == d.stem {
			continue
		}
		journal := filepath.Join(d.dir, stem+".journal")
		f, live, err := claim(d.sys, journal)
		if a.living[stem] = live || err != nil; err != nil {
			d.unusable(a, journal, err)
		}
		if err == nil && f != nil {
			dead = append(dead, &corpse{stem: stem, journal: f})
		}
	}
	return dead, nil
}

// adopt takes over what a dead process has left.
func (d *Store) adopt(a *adoption, c *corpse, segments []fs.DirEntry) {
	f := c.journal
	told, before, torn := readTold(f), a.Adopted, a.torn
	left, found, cut := told, int64(0), false
	for _, entry := range segments {
		if cut = a.ctx.Err() != nil; cut { // the next process goes on
			break
		}
		n, err := d.adoptSegment(a, filepath.Join(d.dir, entry.Name()), func(s *segment) {
			if left.ok { // never is more told than waits there, as the process itself did it
				left.records, left.bytes = max(0, left.records-int64(s.waiting)), max(0, left.bytes-s.bytes)
				_ = left.write(f)
			}
		})
		if found += n; err != nil {
			d.unusable(a, filepath.Join(d.dir, entry.Name()), err)
			if errors.Is(err, errFuture) {
				d.expire(entry.Name(), "outbox: segment is of a newer version")
			}
		}
	}
	if damage := a.Damaged - before.Damaged; damage > 0 && told.ok && a.Unread.Count == before.Unread.Count {
		least, missing := min(1, damage-(a.torn-torn)), int(told.records-found)
		if cut {
			missing = 0 // it isn't known which are, nor will the next process know
			_ = toldNothing.write(f)
		}
		a.Damaged = before.Damaged + max(least, missing) // what is damaged is what is missing
	}
	if cut {
		_ = f.Close()
		return
	}
	if told.ok && len(segments) > 0 {
		_ = toldNothing.write(f) // it is ours now, and we tell
	}
	d.examine(a, c)
	if a.ctx.Err() != nil { // it may not have been read whole
		_ = f.Close()
		return
	}
	if len(c.Tasks) == 0 && len(c.Crash) == 0 {
		d.bury(c, true)
		return
	}
	a.dead = append(a.dead, c)
}

// unusable notes that a file of a dead process can't be used: what is in it waits for better times, or for the
// operator.
func (d *Store) unusable(a *adoption, path string, err error) {
	d.warn(path, err)
	switch {
	case errors.Is(err, errFuture):
	case d.aged(path):
		a.Damaged++
		d.log.Add(slog.LevelWarn, "outbox: file could not be read for 30 days, and is given up", "file", path)
		_ = d.sys.Remove(path)
	default:
		a.Unread.Add(0, err)
	}
}

// unsyncedFor is how long what was written may not be on the disk yet: Linux writes pages back after 30 s.
const unsyncedFor = 2 * time.Minute

// aged says that a file is older than an event may become. One whose age can't be right ages from now on: a clock was
// wrong when it was written, or is now.
func (d *Store) aged(path string) bool {
	info, err := d.sys.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	age := time.Since(info.ModTime())
	if age.Abs() > maxPlausible {
		now := time.Now()
		_ = os.Chtimes(path, now, now)
		return false
	}
	return age > maxAge
}

// giveUpOld gives up what could not be read of a segment, once that is older than an event may become: else a bad
// sector would wait for ever. It returns how many stretches that was.
func (d *Store) giveUpOld(s *segment, path string) (count int) {
	if len(s.unread) == 0 || !d.aged(path) {
		return 0
	}
	d.log.Add(slog.LevelWarn, "outbox: parts of a segment could not be read for 30 days, and are given up",
		"file", path)
	count = len(s.unread)
	s.unread = nil
	return count
}

// adoptSegment makes a dead process's segment one of ours, and returns how many records wait there. Renaming it is what
// makes the adoption whole: before, it is the dead process's, and after, it is ours, whenever we die. taking is called
// before that.
func (d *Store) adoptSegment(a *adoption, path string, taking func(*segment)) (n int64, err error) {
	if strings.HasSuffix(path, ".new") { // it died as it rewrote a segment, which is there still
		return 0, d.sys.Remove(path)
	}
	f, err := d.sys.Open(path, os.O_RDWR)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // adopted since the folder was read
		}
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	s := &segment{size: info.Size()}
	found, damage, err := s.read(f, stretch{to: s.size})
	if err != nil {
		return 0, err
	}
	damage += d.giveUpOld(s, path)
	a.Damaged += damage
	if s.torn {
		a.torn++
	}
	if damage > 0 {
		d.log.Add(slog.LevelWarn, "outbox: damaged segment", "file", path, "damaged", damage, "intact", s.waiting)
	}
	if s.over() {
		return 0, d.sys.Remove(path)
	}
	if time.Since(info.ModTime()).Abs() < unsyncedFor {
		_ = f.Sync() // its process may have died before it did
	}
	taking(s)
	if err := d.take(s, path); err != nil {
		return 0, err
	}
	d.countUnread(a, s)
	if len(found) > 0 {
		a.found(found)
	}
	return int64(len(found)), nil
}

// take makes a dead process's segment, whose file is at path, one of ours.
func (d *Store) take(s *segment, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed // the next process finds it
	}
	s.path = d.segmentPath()
	if err := d.sys.Rename(path, s.path); err != nil {
		return err
	}
	d.segments[s] = struct{}{}
	d.waiting.add(s.waiting, s.bytes)
	d.unreadBytes.Add(s.unreadBytes())
	d.newNames = true
	d.tell()
	d.held += s.size
	d.reclaim()
	return nil
}

// read reads a part of a dead process's segment: it returns the records that wait there, adds them to s, has what is
// damaged be healed, and notes what could not be read. Damage counts as a record, unless there was no room for one.
func (s *segment) read(f File, part stretch) (found []*store.Entry, damage int, err error) {
	waiting, bytes := s.waiting, s.bytes
	stretches, err := scanStretch(f, part, s.size, func(e *store.Entry) {
		e.Backlog = true
		e.Where.Holder = s
		waiting++
		bytes += e.Size
		found = append(found, e)
	})
	if err != nil {
		return nil, 0, err
	}
	s.waiting, s.bytes = waiting, bytes
	for _, part := range stretches {
		if part.unread != nil {
			s.unread = append(s.unread, part)
			continue
		}
		if part.from > 0 || part.to > segmentHeader {
			damage++
			s.torn = s.torn || part.to == s.size
		}
		heal(f, s.size, part)
	}
	return found, damage, nil
}

// countUnread counts what of s could not be read. The caller owns s.unread: it holds adopting.
func (d *Store) countUnread(a *adoption, s *segment) {
	for _, part := range s.unread {
		a.Unread.Add(part.to-part.from, fmt.Errorf("outbox: read %s: %w", s.path, part.unread))
	}
}

// readAgain reads what could not be read when a segment was adopted.
func (d *Store) readAgain(a *adoption) {
	d.mu.Lock()
	var again []*segment
	for s := range d.segments {
		if len(s.unread) > 0 {
			again = append(again, s)
		}
	}
	d.mu.Unlock()
	for _, s := range again {
		d.readSegmentAgain(a, s)
	}
}

func (d *Store) readSegmentAgain(a *adoption, s *segment) {
	f, err := d.sys.Open(s.path, os.O_RDWR) // d.open's file may be closed for lack of room meanwhile
	if err == nil {
		defer func() { _ = f.Close() }()
	}
	d.mu.Lock()
	parts := s.unread
	d.mu.Unlock()
	now := segment{path: s.path, size: s.size}
	var found []*store.Entry
	for _, part := range parts {
		entries, damage, scanned := []*store.Entry(nil), 0, err
		if err == nil {
			entries, damage, scanned = now.read(f, part)
		}
		switch {
		case errors.Is(scanned, fs.ErrNotExist): // deleted under us
			a.Damaged++
		case scanned != nil:
			part.unread = scanned
			now.unread = append(now.unread, part)
		}
		for _, e := range entries {
			e.Where.Holder = s
		}
		found = append(found, entries...)
		a.Damaged += damage
	}
	a.Damaged += d.giveUpOld(&now, s.path)
	d.mu.Lock()
	d.waiting.add(now.waiting, now.bytes)
	d.unreadBytes.Add(now.unreadBytes() - s.unreadBytes())
	s.unread = now.unread
	s.waiting += now.waiting
	s.bytes += now.bytes
	d.countUnread(a, s)
	if s.over() && !d.closed {
		_ = d.drop(s)
	}
	d.mu.Unlock()
	if len(found) > 0 {
		a.found(found)
	}
}

// A corpse is what a dead process was doing, and the files that say so.
type corpse struct {
	Dead
	journal File // claimed
	stem    string
	unread  error // some of it could not be read
	crash   bool  // there is a file of last words, and it was read
}

// examine reads what a dead process was doing.
func (d *Store) examine(a *adoption, c *corpse) {
	c.CrashID = eventID(c.stem, 0) // tasks count from 1
	info, err := c.journal.Stat()
	if err == nil && info.Size() > 0 {
		c.LastAlive = info.ModTime()
		c.Process, c.Tasks, err = readJournal(a.ctx, c.journal, info.Size(), c.stem)
	}
	if err != nil {
		c.unread = fmt.Errorf("outbox: read %s.journal: %w", filepath.Join(d.dir, c.stem), err)
	}
	known := stemProcess(c.stem)
	if c.Process.PID == 0 {
		c.Process.PID = known.PID
	}
	if c.Process.Started.IsZero() {
		c.Process.Started = known.Started
	}
	if err := d.readCrash(c); err != nil {
		c.unread = fmt.Errorf("outbox: read %s.crash: %w", filepath.Join(d.dir, c.stem), err)
	}
	for _, t := range c.Tasks {
		for _, sign := range [...]time.Time{t.Started, t.Note.Time} { // a file's time may be some milliseconds behind
			if c.LastAlive.Before(sign) {
				c.LastAlive = sign
			}
		}
	}
	if c.unread != nil {
		d.warn(c.stem+".journal", c.unread)
		a.Unread.Add(0, c.unread)
	}
}

// readCrash reads a dead process's last words, if there are any.
func (d *Store) readCrash(c *corpse) error {
	f, err := d.sys.Open(filepath.Join(d.dir, c.stem+".crash"), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	words := make([]byte, min(info.Size(), maxCrash))
	if n, err := f.ReadAt(words, 0); n < len(words) && err != io.EOF {
		return err
	}
	c.crash = true
	if len(words) == 0 {
		return nil
	}
	c.Crash = words
	if c.LastAlive.Before(info.ModTime()) {
		c.LastAlive = info.ModTime()
	}
	return nil
}

// bury forgets what a dead process was doing, once that is told. What could not be read stays, to be told later.
func (d *Store) bury(c *corpse, told bool) {
	name := c.stem + ".journal"
	if told && c.crash {
		_ = d.sys.Remove(filepath.Join(d.dir, c.stem+".crash"))
	}
	if told && c.unread == nil {
		_ = c.journal.Truncate(0) // should it not be removed, it tells of no tasks
		_ = release(d.sys, c.journal, filepath.Join(d.dir, name))
		return
	}
	why := "outbox: interrupted tasks wait to be reported"
	if told {
		why = "outbox: what a dead process was doing can't be read"
		for _, t := range c.Tasks {
			_, _ = c.journal.WriteAt(make([]byte, partHead), t.at)
		}
	}
	_ = c.journal.Close()
	d.expire(name, why)
}

// expire removes a file that nobody can use once it is older than an event may become, and says once that it is there.
func (d *Store) expire(name, why string) {
	path := filepath.Join(d.dir, name)
	info, err := d.sys.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	age := time.Since(info.ModTime())
	if _, kind := parseName(name); kind != kindForeign && age.Abs() > maxPlausible {
		now := time.Now() // a clock was wrong when it was written, or is now: it ages from here on
		_ = os.Chtimes(path, now, now)
		return
	}
	if age > maxAge {
		d.log.Add(slog.LevelWarn, why+", and removed", "file", path)
		_ = d.sys.Remove(path)
		return
	}
	if d.told[why+path] {
		return
	}
	d.told[why+path] = true
	d.log.Add(slog.LevelInfo, why, "file", path)
}

// warn says once that a file of a dead process can't be used. What may pass, since somebody else has the file open just
// now, is said when it happens again.
func (d *Store) warn(path string, err error) {
	var unsafe *unsafeError
	again, lasting := d.told["again "+path], errors.As(err, &unsafe)
	d.told["again "+path] = true
	if (again || lasting) && !d.told[path] && !errors.Is(err, errFuture) {
		d.told[path] = true
		d.log.Add(slog.LevelWarn, "outbox: file of an earlier process can't be used", "error", err)
	}
}
