package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dead is what a dead process has left beside its records.
type Dead struct {
	Process   Process
	LastAlive time.Time     // when it wrote to its journal last
	Tasks     []Interrupted // that ran, in the order of their beginning
	Crash     []byte        // the runtime's last words, for ParseCrash; nil if there are none
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
func claim(sys system, journal string) (f file, live bool, err error) {
	f, err = sys.open(journal, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, false, err
	}
	locked, err := f.tryLock()
	if !locked || err != nil {
		_ = f.Close()
		return nil, err == nil, err
	}
	// An adopter removes the journal before it gives up the lock: then this is the lock of a file that nobody else sees.
	a, err := f.Stat()
	if err == nil {
		var b fs.FileInfo
		if b, err = sys.stat(journal); err == nil && os.SameFile(a, b) {
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
func release(sys system, f file, journal string) {
	_ = sys.remove(journal)
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

// Adopt implements [Store]. With nothing new it costs reading the folder, and a try at the lock of each other process.
func (d *Disk) Adopt() ([]*Entry, error) {
	d.adopting.Lock()
	defer d.adopting.Unlock()
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	listed, err := d.sys.readFolder(d.dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return nil, d.restore()
		}
		return nil, fmt.Errorf("outbox: %w", err)
	}
	sorted, segments, foreign := stems(listed)
	var found []*Entry
	damage := 0
	for _, stem := range sorted {
		if stem == d.stem {
			continue
		}
		entries, n := d.adopt(stem, segments[stem])
		found = append(found, entries...)
		damage += n
	}
	for _, entry := range foreign {
		d.expire(entry.Name(), "outbox: file is not ours")
	}
	if damage > 0 && d.cfg.OnDamage != nil {
		d.cfg.OnDamage(damage)
	}
	d.mu.Lock()
	d.lookAround()
	d.mu.Unlock()
	slices.SortStableFunc(found, func(a, b *Entry) int { return cmp.Compare(a.Time, b.Time) })
	return found, nil
}

// adopt takes over what a stem's process has left, if that is dead.
func (d *Disk) adopt(stem string, segments []fs.DirEntry) (found []*Entry, damage int) {
	journal := filepath.Join(d.dir, stem+".journal")
	f, live, err := claim(d.sys, journal)
	if err != nil {
		d.warn(journal, err)
	}
	if err != nil || live || f == nil {
		return nil, 0
	}
	for _, entry := range segments {
		entries, n, err := d.adoptSegment(filepath.Join(d.dir, entry.Name()))
		if err != nil {
			d.warn(entry.Name(), err)
			if errors.Is(err, errFuture) {
				d.expire(entry.Name(), "outbox: segment is of a newer version")
			}
		}
		found = append(found, entries...)
		damage += n
	}
	if d.report(stem, f) {
		release(d.sys, f, journal)
	} else {
		_ = f.Close()
		d.expire(filepath.Base(journal), "outbox: interrupted tasks wait to be reported")
	}
	return found, damage
}

// adoptSegment makes a dead process's segment one of ours. Renaming it is what makes the adoption whole: before, it is
// the dead process's, and after, it is ours, whenever we die.
func (d *Disk) adoptSegment(path string) (found []*Entry, damage int, err error) {
	f, err := d.sys.open(path, os.O_RDWR)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // adopted since the folder was read
		}
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	s := &segment{}
	stretches, err := scan(f, info.Size(), func(e *Entry) {
		e.Backlog = true
		e.where.segment = s
		s.waiting++
		s.bytes += e.Size
		found = append(found, e)
	})
	if err != nil {
		return nil, 0, err
	}
	damage = len(stretches)
	if damage > 0 || info.Size() == 0 {
		d.log.Warn("outbox: damaged segment", "file", path, "damaged", damage, "intact", s.waiting)
	}
	if s.waiting == 0 {
		return nil, damage, d.sys.remove(path)
	}
	for _, damaged := range stretches {
		heal(f, info.Size(), damaged)
	}
	_ = f.Sync() // its process may have died before it did
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, 0, nil // the next process finds it
	}
	s.path = d.segmentPath()
	if err := d.sys.rename(path, s.path); err != nil {
		return nil, 0, err
	}
	d.segments[s] = struct{}{}
	d.waiting.Add(s.bytes)
	d.newNames = true
	return found, damage, nil
}

// report tells what a dead process was doing, and says whether that may be forgotten.
func (d *Disk) report(stem string, journal file) bool {
	crash := filepath.Join(d.dir, stem+".crash")
	dead := Dead{CrashID: eventID(stem, 0)} // tasks count from 1
	if info, err := journal.Stat(); err == nil && info.Size() > 0 {
		dead.LastAlive = info.ModTime()
		dead.Process, dead.Tasks = readJournal(journal, info.Size(), stem)
	}
	known := stemProcess(stem)
	if dead.Process.PID == 0 {
		dead.Process.PID = known.PID
	}
	if dead.Process.Started.IsZero() {
		dead.Process.Started = known.Started
	}
	if f, err := d.sys.open(crash, os.O_RDONLY); err == nil {
		if info, err := f.Stat(); err == nil && info.Size() > 0 {
			dead.Crash = make([]byte, min(info.Size(), maxCrash))
			n, _ := f.ReadAt(dead.Crash, 0)
			dead.Crash = dead.Crash[:n]
			if dead.LastAlive.Before(info.ModTime()) {
				dead.LastAlive = info.ModTime()
			}
		}
		_ = f.Close()
	}
	for _, t := range dead.Tasks {
		for _, sign := range [...]time.Time{t.Started, t.Note.Time} { // a file's time may be some milliseconds behind
			if dead.LastAlive.Before(sign) {
				dead.LastAlive = sign
			}
		}
	}
	if (len(dead.Tasks) > 0 || len(dead.Crash) > 0) && d.cfg.OnDead != nil && !d.cfg.OnDead(dead) {
		return false
	}
	_ = journal.Truncate(0) // should it not be removed, it tells of no tasks
	_ = d.sys.remove(crash)
	return true
}

// expire removes a file that nobody can use once it is older than an event may become, and says once that it is there.
func (d *Disk) expire(name, why string) {
	path := filepath.Join(d.dir, name)
	info, err := d.sys.stat(path)
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
		d.log.Warn(why+", and removed", "file", path)
		_ = d.sys.remove(path)
		return
	}
	if d.told[why+path] {
		return
	}
	d.told[why+path] = true
	d.log.Info(why, "file", path)
}

// warn says once that a file of a dead process can't be used. What may pass, since somebody else has the file open just
// now, is said when it happens again.
func (d *Disk) warn(path string, err error) {
	var unsafe *unsafeError
	again, lasting := d.told["again "+path], errors.As(err, &unsafe)
	d.told["again "+path] = true
	if (again || lasting) && !d.told[path] && !errors.Is(err, errFuture) {
		d.told[path] = true
		d.log.Warn("outbox: file of an earlier process can't be used", "error", err)
	}
}
