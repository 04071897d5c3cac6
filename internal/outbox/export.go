package outbox

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Export writes what waits in dir to w as a tar stream: a folder for each DSN, in it one file for each envelope,
// numbered in the order of capture, ready for sentry-cli send-envelope --raw. Nothing is changed, and processes that use
// dir go on: what they store or deliver meanwhile may be in the stream or not. Damaged records are left out.
func Export(dir string, w io.Writer) error {
	sys := osSystem{}
	folders, err := dsnFolders(sys, dir)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, folder := range folders {
		x := exporter{sys: sys, folder: folder, out: out, files: map[string]bool{}, events: map[[16]byte]bool{}}
		if err := x.run(); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("outbox: export: %w", err)
	}
	return nil
}

// dsnFolders returns the folders below dir that are an outbox's; none when dir is missing.
func dsnFolders(sys system, dir string) (folders []string, err error) {
	entries, err := sys.readFolder(dir)
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
	sys    system
	folder string
	out    *tar.Writer
	files  map[string]bool   // names done
	events map[[16]byte]bool // IDs done: a segment that is adopted meanwhile changes its name
	n      int
	buf    []byte
	plain  bytes.Buffer
}

func (x *exporter) run() error {
	if _, err := x.sys.checkFolder(x.folder); err != nil {
		return err
	}
	for again := true; again; { // until no segment has been renamed under us
		again = false
		entries, err := x.sys.readFolder(x.folder)
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
			err := x.segment(filepath.Join(x.folder, entry.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				again = true
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporter) segment(path string) error {
	f, err := x.sys.open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	var failed error
	_, err = scan(f, info.Size(), func(e *Entry) {
		if failed == nil {
			failed = x.envelope(f, e)
		}
	})
	if failed == nil && err != nil {
		failed = fmt.Errorf("%w: %s", err, path)
	}
	return failed
}

// envelope writes one envelope. Only w can make it fail: a record that can't be read was damaged, or is delivered by now.
func (x *exporter) envelope(f file, e *Entry) error {
	if e.EventID != [16]byte{} {
		if x.events[e.EventID] {
			return nil
		}
		x.events[e.EventID] = true
	}
	payload, err := readPayload(f, e, x.buf)
	if err != nil {
		return nil
	}
	x.buf = payload
	if e.Packed {
		x.plain.Reset()
		r := flate.NewReader(bytes.NewReader(payload))
		n, err := io.Copy(&x.plain, io.LimitReader(r, maxPayload+1))
		if err != nil || n > maxPayload {
			return nil
		}
		payload = x.plain.Bytes()
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
