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
		x := exporter{sys: sys, folder: folder, out: out, events: map[[16]byte]bool{}}
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

// An exporter writes one DSN's envelopes.
type exporter struct {
	sys    System
	folder string
	out    *tar.Writer
	events map[[16]byte]bool // IDs done: a segment that is adopted meanwhile changes its name
	n      int
	buf    []byte
	unread error // of the newest that couldn't be read
}

// run writes what can be read of the folder. It fails only when w does.
func (x *exporter) run() error {
	var failed error
	err := visit(x.sys, x.folder, func(path, _ string, kind kind) error {
		if kind != kindSegment {
			return nil
		}
		f, err := x.sys.Open(path, os.O_RDONLY)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return err
			}
			x.unread = err
			return nil
		}
		defer func() { _ = f.Close() }()
		failed = x.segment(f, path)
		return failed
	})
	if failed == nil && err != nil {
		x.unread = err
	}
	return failed
}

func (x *exporter) segment(f File, path string) (failed error) {
	info, err := f.Stat()
	if err != nil {
		x.unread = fmt.Errorf("outbox: %w", err)
		return nil
	}
	stretches, err := scan(f, info.Size(), func(e *store.Entry) {
		if failed == nil {
			failed = x.envelope(f, e)
		}
	})
	if err != nil {
		x.unread = fmt.Errorf("%w: %s", err, path)
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
