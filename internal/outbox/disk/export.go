package disk

import (
	"archive/tar"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// Export writes what waits in dir to w as a tar stream: a folder for each DSN, in it one file for each envelope,
// numbered in the order of capture, ready for sentry-cli send-envelope --raw. Nothing is changed, and processes that
// use dir go on: what they store or deliver meanwhile may be in the stream or not. Damaged records are left out. When
// some of it can't be read the stream is complete but for that, and the error names it.
func Export(dir string, w io.Writer) error { return ExportFrom(osSystem{}, dir, w) }

// ExportFrom is [Export] from the files of sys.
func ExportFrom(sys System, dir string, w io.Writer) error {
	folders, err := dsnFolders(sys, dir)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	var unread []error
	for _, folder := range folders {
		x := exporter{sys: sys, folder: folder, out: out, files: map[string]bool{}, events: map[[16]byte]bool{}}
		if err := x.run(); err != nil {
			return err
		}
		unread = append(unread, x.unread)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("outbox: export: %w", err)
	}
	return errors.Join(unread...)
}

// dsnFolders returns the folders below dir that are an outbox's; none when dir is missing.
func dsnFolders(sys System, dir string) (folders []string, err error) {
	entries, err := sys.ReadFolder(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("outbox: %w", err)
	}
	for _, entry := range entries {
		if isNumber(entry.Name(), 16, 16) {
			folders = append(folders, filepath.Join(dir, entry.Name()))
		}
	}
	return folders, nil
}

// An exporter writes one DSN's envelopes.
type exporter struct {
	sys    System
	folder string
	out    *tar.Writer
	files  map[string]bool   // names done
	events map[[16]byte]bool // IDs done: a segment that is adopted meanwhile changes its name
	n      int
	buf    []byte
	unread error // of the newest that couldn't be read
}

func (x *exporter) run() error {
	if _, err := x.sys.CheckFolder(x.folder); err != nil {
		return err
	}
	for again := true; again; { // until no segment has been renamed under us
		again = false
		entries, err := x.sys.ReadFolder(x.folder)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return fmt.Errorf("outbox: %w", err)
		}
		for _, entry := range entries {
			if _, kind := parseName(entry.Name()); kind != kindSegment || x.files[entry.Name()] {
				continue
			}
			x.files[entry.Name()] = true
			path := filepath.Join(x.folder, entry.Name())
			f, err := x.sys.Open(path, os.O_RDONLY)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				again = true
				continue
			case err != nil:
				x.unread = err
				continue
			}
			err = x.segment(f, path)
			_ = f.Close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporter) segment(f File, path string) error {
	info, err := f.Stat()
	if err != nil {
		x.unread = fmt.Errorf("outbox: %w", err)
		return nil
	}
	var failed error
	stretches, err := scan(f, info.Size(), func(e *store.Entry) {
		if failed == nil {
			failed = x.envelope(f, e)
		}
	})
	if failed == nil && err != nil {
		failed = fmt.Errorf("%w: %s", err, path)
	}
	for _, s := range stretches {
		if s.unread != nil {
			x.unread = fmt.Errorf("outbox: read %s: %w", path, s.unread)
		}
	}
	return failed
}

// envelope writes one envelope. Only w can make it fail: a damaged record is left out.
func (x *exporter) envelope(f File, e *store.Entry) error {
	if e.EventID != [16]byte{} {
		if x.events[e.EventID] {
			return nil
		}
		x.events[e.EventID] = true
	}
	payload, err := readPayload(f, e.Where.Offset, e, x.buf)
	if err != nil {
		if !errors.Is(err, store.ErrDamaged) {
			x.unread = fmt.Errorf("outbox: read an envelope: %w", err)
		}
		return nil
	}
	x.buf = payload
	if e.Packed {
		if payload, err = unpack(payload, maxPayload); err != nil {
			return nil
		}
	}
	x.n++
	id := "no-event"
	if e.EventID != [16]byte{} {
		id = hex.EncodeToString(e.EventID[:])
	}
	err = x.out.WriteHeader(&tar.Header{
		Name: fmt.Sprintf("%s/%06d-%s.envelope", filepath.Base(x.folder), x.n, id), Mode: 0o600,
		Size: int64(len(payload)), ModTime: time.Unix(0, e.Time), Typeflag: tar.TypeReg,
	})
	if err == nil {
		_, err = x.out.Write(payload)
	}
	if err != nil {
		return fmt.Errorf("outbox: export: %w", err)
	}
	return nil
}
