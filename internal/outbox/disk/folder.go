package disk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FolderName names the folder of a DSN: by what makes its project, so that neither a scheme nor a secret key of old
// makes another one of it.
func FolderName(dsn string) string {
	name := dsn
	if u, err := url.Parse(dsn); err == nil && u.Host != "" {
		name = strings.ToLower(u.Host) + strings.TrimRight(u.Path, "/") + "?" + u.User.Username()
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

// acquire makes the folders and takes a stem: its journal, locked.
func (d *Store) acquire() error {
	var err error
	for range openTries {
		if err = d.makeFolders(); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue // a process that left has removed the folder
			}
			return err
		}
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails
		d.stem = fmt.Sprintf("%s-%d-%x", time.Now().UTC().Format(stemTime), os.Getpid(), random)
		j := &Journal{path: d.path(".journal"), process: d.cfg.Process, touched: d.touched}
		var f File
		if f, err = d.createLocked(j.path); err == nil {
			if err = j.start(f); err == nil {
				d.journal, d.newNames = j, true
				return nil
			}
			_ = d.sys.Remove(j.path)
			_ = f.Close()
			return fmt.Errorf("outbox: write %s: %w", j.path, err)
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) && !errors.Is(err, errLocked) {
			return err
		}
	}
	return err
}

// errLocked says that somebody else has a lock.
var errLocked = errors.New("outbox: locked by another process")

// createLocked creates a journal and locks it. Between the two an adopter may take it for a dead process's, and remove
// it: then the error is errLocked or fs.ErrNotExist.
func (d *Store) createLocked(path string) (File, error) {
	f, err := d.sys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err = d.lockAlone(f, path); err != nil {
		if !errors.Is(err, errLocked) && !errors.Is(err, fs.ErrNotExist) {
			_ = d.sys.Remove(path)
		}
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lockAlone locks f and makes sure that the lock locks: there are file systems that give it to everyone.
func (d *Store) lockAlone(f File, path string) error {
	ok, err := f.TryLock()
	if err != nil {
		return fmt.Errorf("outbox: %s has no file locks, choose an OutboxDir on a local disk: %w", d.cfg.Dir, err)
	}
	if !ok {
		return errLocked
	}
	again, err := d.sys.Open(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer func() { _ = again.Close() }()
	if !sameFile(f.Stat, again.Stat) { // two adopters: one has removed f, the other has made the next
		return errLocked
	}
	if ok, err = again.TryLock(); ok && err == nil {
		return fmt.Errorf("outbox: file locks don't work in %s, choose an OutboxDir on a local disk", d.cfg.Dir)
	}
	if !d.same(f, path) {
		return errLocked
	}
	return nil
}

// same says whether path still leads to f.
func (d *Store) same(f File, path string) bool {
	return sameFile(f.Stat, func() (fs.FileInfo, error) { return d.sys.Stat(path) })
}

func sameFile(a, b func() (fs.FileInfo, error)) bool {
	first, err := a()
	if err != nil {
		return false
	}
	second, err := b()
	return err == nil && os.SameFile(first, second)
}

// makeFolders makes sure that the folders are there and can be used. OutboxDir itself is the host's choice, links and
// permissions included; what is below it is ours.
func (d *Store) makeFolders() error {
	for path := d.dir; ; path = filepath.Dir(path) {
		parent := filepath.Dir(path)
		if _, err := os.Lstat(path); err == nil || parent == path {
			break
		}
		if !slices.Contains(d.parents, parent) {
			d.parents = append(d.parents, parent)
		}
	}
	err := d.sys.MakeFolder(d.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(d.cfg.Dir), 0o700); err == nil {
			err = d.sys.MakeFolder(d.cfg.Dir)
		}
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	info, err := os.Stat(d.cfg.Dir)
	switch {
	case err != nil:
		return fmt.Errorf("outbox: %w", err)
	case !info.IsDir():
		return fmt.Errorf("outbox: %s is not a folder: choose another OutboxDir", d.cfg.Dir)
	}
	kind, err := networkKind(d.cfg.Dir)
	if err != nil {
		return err
	}
	if kind != "" {
		return fmt.Errorf("outbox: %s is on a network share (%s), whose locks can't be relied on: "+
			"choose an OutboxDir on a local disk", d.cfg.Dir, kind)
	}
	if err := d.sys.MakeFolder(d.dir); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	folder, err := d.sys.CheckFolder(d.dir)
	if err != nil {
		return err
	}
	d.folder, d.checked = folder, time.Now()
	return nil
}

// check notices that the folder has been deleted, moved or opened to others. Writing to a deleted file works on Unix,
// and what is written dies with the process: no event ID may be given for that, so the file's links are looked at
// before each write and the folder once a second.
func (d *Store) check() error {
	now := time.Now()
	if !slices.ContainsFunc(d.active[:], func(s *segment) bool { return s != nil && s.file.Deleted() }) {
		if since := now.Sub(d.checked); since >= 0 && since < d.cfg.CheckEvery {
			return nil
		}
		folder, err := d.sys.CheckFolder(d.dir)
		if err == nil && os.SameFile(folder, d.folder) && !d.journal.deleted() {
			d.checked = now
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return d.restore()
}

// restore makes again what has been deleted under us: the folders, the journal with its lock, and every segment whose
// file is still open, from the file. Segments that were not open are lost, and their records found damaged.
func (d *Store) restore() error {
	d.checked = time.Time{} // until all is well
	d.folder = nil
	if err := d.makeFolders(); err != nil {
		return err
	}
	checked := d.checked
	d.checked = time.Time{}
	if f := d.journal.opened(); f != nil && !d.same(f, d.journal.path) {
		err := d.journal.replace(func() (File, error) { return d.createLocked(d.journal.path) })
		if err != nil {
			return fmt.Errorf("outbox: restore: %w", err)
		}
	}
	restored := 0
	for s := range d.segments {
		if s.file == nil || d.same(s.file, s.path) {
			continue
		}
		f, err := d.sys.Open(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return fmt.Errorf("outbox: restore: %w", err)
		}
		if err := copyFile(f, s.file); err != nil {
			_ = f.Close()
			_ = d.sys.Remove(s.path)
			return fmt.Errorf("outbox: restore %s: %w", s.path, err)
		}
		_ = s.file.Close()
		s.file, s.dirty = f, true
		restored += s.waiting
	}
	d.checked, d.newNames = checked, true
	d.log.Add(slog.LevelWarn, "outbox: folder was deleted, and is made again", "folder", d.dir, "events", restored)
	return nil
}

// copyFile copies all of one file into another, an empty one.
func copyFile(to, from File) error {
	info, err := from.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, windowSize)
	for off := int64(0); off < info.Size(); {
		n, err := from.ReadAt(buf[:min(int64(len(buf)), info.Size()-off)], off)
		if n == 0 && err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if _, err := to.WriteAt(buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
