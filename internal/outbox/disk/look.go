package disk

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// A Project is what waits for one DSN, as a look at its folder finds it.
type Project struct {
	Name    string     // of its folder
	Waiting []*Waiting // oldest first
	Left    []Left     // what its processes have noted, oldest first
	Damaged int        // stretches of segments that say nothing
	Newer   int        // segments that only a newer program can read
	Unread  error      // what could not be read, or is not safe to use
}

// Waiting is an envelope that waits. Entry's fields must not be changed.
type Waiting struct {
	*store.Entry
	path string
}

// Left is what a process has noted of itself, whether it lives or not: a look takes no lock, so it can't tell.
type Left struct {
	Dead
	Name  string // of its files
	Ended bool   // in good order: its journal says nothing of it any more

	Health    store.Health // what it said of its delivery a moment ago; zero: nothing
	Envelopes int64        // that wait in its files, as it says itself
	Bytes     int64        // theirs
	Tells     bool         // it has said so: programs of before don't
}

// Look reads what waits in dir and what runs there, while processes use it. It changes nothing and takes no lock, so
// what others store, deliver or rename meanwhile may be told or not. It reads heads alone; see [Waiting.Envelope] for
// the rest. A dir that is missing holds nothing. What belongs to another user is not read: see Project.Unread.
func Look(dir string) ([]Project, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("outbox: %s is not a folder", dir)
	}
	sys := osSystem{}
	folders, err := dsnFolders(sys, dir)
	if err != nil {
		return nil, err
	}
	var projects []Project
	for _, folder := range folders {
		p := Project{Name: filepath.Base(folder)}
		p.look(sys, folder)
		projects = append(projects, p)
	}
	return projects, nil
}

func (p *Project) look(sys System, folder string) {
	err := visit(sys, folder, func(path, stem string, kind kind) error {
		err := p.file(sys, path, stem, kind)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return err
		case errors.Is(err, errFuture):
			p.Newer++
		case err != nil:
			p.Unread = err
		}
		return nil
	})
	if err != nil {
		p.Unread = err
	}
	seen := map[[16]byte]bool{} // a segment that was renamed between two readings is met twice
	p.Waiting = slices.DeleteFunc(p.Waiting, func(w *Waiting) bool {
		again := w.EventID != [16]byte{} && seen[w.EventID]
		seen[w.EventID] = true
		return again
	})
	slices.SortStableFunc(p.Waiting, func(a, b *Waiting) int { return int(min(1, max(-1, a.Time-b.Time))) })
	slices.SortFunc(p.Left, func(a, b Left) int { return a.Process.Started.Compare(b.Process.Started) })
}

// file reads one file of a project.
func (p *Project) file(sys System, path, stem string, kind kind) error {
	f, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if kind != kindSegment {
		return p.left(stem).read(f, info, kind)
	}
	stretches, err := scan(f, info.Size(), func(e *store.Entry) { p.Waiting = append(p.Waiting, &Waiting{e, path}) })
	if err != nil {
		return fmt.Errorf("%w: %s", err, path)
	}
	for _, s := range stretches {
		switch {
		case s.unread != nil:
			p.Unread = fmt.Errorf("outbox: read %s: %w", path, s.unread)
		case s.to < info.Size(): // a torn end may be a record that is just being written
			p.Damaged++
		}
	}
	return nil
}

// left returns what is known of a process, to be added to.
func (p *Project) left(stem string) *Left {
	for i := range p.Left {
		if p.Left[i].Name == stem {
			return &p.Left[i]
		}
	}
	p.Left = append(p.Left, Left{Name: stem, Dead: Dead{Process: stemProcess(stem), CrashID: eventID(stem, 0)}})
	return &p.Left[len(p.Left)-1]
}

// read reads a journal or the last words of a process.
func (l *Left) read(f File, info fs.FileInfo, kind kind) error {
	if l.LastAlive.Before(info.ModTime()) {
		l.LastAlive = info.ModTime()
	}
	if kind == kindCrash {
		words := make([]byte, min(info.Size(), maxCrash))
		n, err := f.ReadAt(words, 0)
		l.Crash = words[:n]
		if err == io.EOF {
			err = nil
		}
		return err
	}
	process, tasks, err := readJournal(context.Background(), f, info.Size(), l.Name)
	l.Tasks, l.Health = tasks, readHealth(f)
	told := readTold(f)
	l.Envelopes, l.Bytes, l.Tells = told.records, told.bytes, told.ok
	l.Ended = process == Process{} && len(tasks) == 0 && err == nil
	if process.PID != 0 {
		l.Process = process
	}
	if l.Process.Started.IsZero() {
		l.Process.Started = stemProcess(l.Name).Started
	}
	return err
}

// Sum tells envelopes of the same time apart.
func (w *Waiting) Sum() uint32 { return w.Where.Sum }

// Captured is when the envelope was captured.
func (w *Waiting) Captured() time.Time { return time.Unix(0, w.Time) }

// Envelope reads an envelope of at most limit bytes. It fails with fs.ErrNotExist when the segment's owner has changed
// meanwhile, and with ErrDamaged for one that can't be read.
func (w *Waiting) Envelope(limit int64) ([]byte, error) {
	if w.Size > limit {
		return nil, fmt.Errorf("outbox: envelope of %d bytes, more than %d", w.Size, limit)
	}
	f, err := osSystem{}.Open(w.path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var head [recordHead]byte
	var there store.Entry
	_, err = f.ReadAt(head[:], w.Where.Offset)
	if _, ok := parseHead(head[:], &there); err == nil && (!ok || there.EventID != w.EventID || there.Time != w.Time) {
		return nil, fmt.Errorf("outbox: the segment was rewritten: %w", fs.ErrNotExist)
	}
	payload, err := readPayload(f, w.Where.Offset, w.Entry, nil)
	if err != nil || !w.Packed {
		return payload, err
	}
	return unpack(payload, limit)
}

// unpack returns the plain form of a packed payload, of at most limit bytes.
func unpack(payload []byte, limit int64) ([]byte, error) {
	var plain bytes.Buffer
	n, err := io.Copy(&plain, io.LimitReader(flate.NewReader(bytes.NewReader(payload)), limit+1))
	switch {
	case n > limit:
		return nil, fmt.Errorf("outbox: envelope of more than %d bytes", limit)
	case err != nil:
		return nil, store.ErrDamaged
	}
	return plain.Bytes(), nil
}
