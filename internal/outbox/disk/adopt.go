package disk

import (
	"cmp"
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
	switch {
	case rest == "journal":
		return stem, kindJournal
	case rest == "crash":
		return stem, kindCrash
	case isSegment && isNumber(number, 10, 0):
		return stem, kindSegment
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
	// An adopter removes the journal before it gives up the lock: then this is the lock of a file that nobody else sees.
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
func release(sys System, f File, journal string) {
	_ = sys.Remove(journal)
	_ = f.Close()
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
		if kind == kindSegment {
			segments[stem] = append(segments[stem], entry)
		}
	}
	slices.Sort(sorted)
	return sorted, segments, foreign
}

// An adoption is what one Adopt has met.
type adoption struct {
	found  []*store.Entry
	damage int // stretches
	unread unread
	dead   []*corpse
}

// unread is what could not be read, and so may wait: stretches of segments, and whole files.
type unread struct {
	count int
	bytes int64
	err   error // of the newest
}

func (u *unread) add(bytes int64, err error) {
	u.count++
	u.bytes += bytes
	u.err = err
}

// Adopt implements [store.Store]. With nothing new it costs reading the folder, and a try at the lock of each other process.
// The callbacks are called with no lock held but those of the dead processes' journals.
func (d *Store) Adopt() ([]*store.Entry, error) {
	var a adoption
	if err := d.look(&a); err != nil {
		return nil, err
	}
	if a.damage > 0 && d.cfg.OnDamage != nil {
		d.call("OnDamage", func() { d.cfg.OnDamage(a.damage) })
	}
	for _, c := range a.dead {
		told := d.cfg.OnDead == nil || len(c.Tasks) == 0 && len(c.Crash) == 0
		if !told {
			d.call("OnDead", func() { told = d.cfg.OnDead(c.Dead) })
		}
		d.adopting.Lock()
		d.bury(c, told)
		d.adopting.Unlock()
	}
	d.mu.Lock()
	d.unread = a.unread
	d.lookAround()
	d.mu.Unlock()
	slices.SortStableFunc(a.found, func(a, b *store.Entry) int { return cmp.Compare(a.Time, b.Time) })
	return a.found, nil
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

// look adopts what dead processes have left, and reads again what it could not read before.
func (d *Store) look(a *adoption) error {
	d.adopting.Lock()
	defer d.adopting.Unlock()
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
	d.readAgain(a)
	sorted, segments, foreign := stems(listed)
	for _, stem := range sorted {
		if stem != d.stem {
			d.adopt(a, stem, segments[stem])
		}
	}
	for _, entry := range foreign {
		d.expire(entry.Name(), "outbox: file is not ours")
	}
	return nil
}

// adopt takes over what a stem's process has left, if that is dead.
func (d *Store) adopt(a *adoption, stem string, segments []fs.DirEntry) {
	journal := filepath.Join(d.dir, stem+".journal")
	f, live, err := claim(d.sys, journal)
	if err != nil {
		d.unusable(a, journal, err)
	}
	if err != nil || live || f == nil {
		return
	}
	for _, entry := range segments {
		if err := d.adoptSegment(a, filepath.Join(d.dir, entry.Name())); err != nil {
			d.unusable(a, entry.Name(), err)
			if errors.Is(err, errFuture) {
				d.expire(entry.Name(), "outbox: segment is of a newer version")
			}
		}
	}
	a.dead = append(a.dead, d.examine(a, stem, f))
}

// unusable notes that a file of a dead process can't be used: what is in it waits for better times, or for the
// operator.
func (d *Store) unusable(a *adoption, path string, err error) {
	d.warn(path, err)
	if !errors.Is(err, errFuture) {
		a.unread.add(0, err)
	}
}

// adoptSegment makes a dead process's segment one of ours. Renaming it is what makes the adoption whole: before, it is
// the dead process's, and after, it is ours, whenever we die.
func (d *Store) adoptSegment(a *adoption, path string) error {
	f, err := d.sys.Open(path, os.O_RDWR)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // adopted since the folder was read
		}
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := &segment{size: info.Size()}
	found, damage, err := s.read(f, stretch{to: s.size})
	if err != nil {
		return err
	}
	a.damage += damage
	if damage > 0 || s.size == 0 {
		d.log.Add(slog.LevelWarn, "outbox: damaged segment", "file", path, "damaged", damage, "intact", s.waiting)
	}
	if s.over() {
		return d.sys.Remove(path)
	}
	_ = f.Sync() // its process may have died before it did
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil // the next process finds it
	}
	s.path = d.segmentPath()
	if err := d.sys.Rename(path, s.path); err != nil {
		return err
	}
	d.segments[s] = struct{}{}
	d.waiting.Add(s.bytes)
	d.unreadBytes.Add(s.unreadBytes())
	d.newNames = true
	d.countUnread(a, s)
	a.found = append(a.found, found...)
	return nil
}

// read reads a part of a dead process's segment: it returns the records that wait there, adds them to s, has what is
// damaged be healed, and notes what could not be read.
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
		damage++
		heal(f, s.size, part)
	}
	return found, damage, nil
}

// countUnread counts what of s could not be read. mu is held.
func (d *Store) countUnread(a *adoption, s *segment) {
	for _, part := range s.unread {
		a.unread.add(part.to-part.from, fmt.Errorf("outbox: read %s: %w", s.path, part.unread))
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
	for _, part := range parts {
		entries, damage, scanned := []*store.Entry(nil), 0, err
		if err == nil {
			entries, damage, scanned = now.read(f, part)
		}
		switch {
		case errors.Is(scanned, fs.ErrNotExist): // deleted under us
			a.damage++
		case scanned != nil:
			part.unread = scanned
			now.unread = append(now.unread, part)
		}
		for _, e := range entries {
			e.Where.Holder = s
		}
		a.found = append(a.found, entries...)
		a.damage += damage
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting.Add(now.bytes)
	d.unreadBytes.Add(now.unreadBytes() - s.unreadBytes())
	s.unread = now.unread
	s.waiting += now.waiting
	s.bytes += now.bytes
	d.countUnread(a, s)
	if s.over() && !d.closed {
		_ = d.drop(s)
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
func (d *Store) examine(a *adoption, stem string, journal File) *corpse {
	c := &corpse{Dead: Dead{CrashID: eventID(stem, 0)}, journal: journal, stem: stem} // tasks count from 1
	info, err := journal.Stat()
	if err == nil && info.Size() > 0 {
		c.LastAlive = info.ModTime()
		c.Process, c.Tasks, err = readJournal(journal, info.Size(), stem)
	}
	if err != nil {
		c.unread = fmt.Errorf("outbox: read %s.journal: %w", filepath.Join(d.dir, stem), err)
	}
	known := stemProcess(stem)
	if c.Process.PID == 0 {
		c.Process.PID = known.PID
	}
	if c.Process.Started.IsZero() {
		c.Process.Started = known.Started
	}
	if err := d.readCrash(c); err != nil {
		c.unread = fmt.Errorf("outbox: read %s.crash: %w", filepath.Join(d.dir, stem), err)
	}
	for _, t := range c.Tasks {
		for _, sign := range [...]time.Time{t.Started, t.Note.Time} { // a file's time may be some milliseconds behind
			if c.LastAlive.Before(sign) {
				c.LastAlive = sign
			}
		}
	}
	if c.unread != nil {
		d.warn(stem+".journal", c.unread)
		a.unread.add(0, c.unread)
	}
	return c
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
		release(d.sys, c.journal, filepath.Join(d.dir, name))
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
