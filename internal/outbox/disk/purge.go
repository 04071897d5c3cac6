package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// Purge deletes what waits in dir, and notes of interrupted tasks and crashes. Files of processes that live are left
// alone: where one has events waiting, an error names it. A missing dir is no error.
func Purge(dir string) error { return PurgeFrom(osSystem{}, dir) }

// PurgeFrom is [Purge] of the files of sys.
func PurgeFrom(sys System, dir string) error {
	folders, err := dsnFolders(sys, dir)
	errs := []error{err}
	for _, folder := range folders {
		errs = append(errs, purgeFolder(sys, folder))
	}
	return errors.Join(errs...)
}

func purgeFolder(sys System, folder string) error {
	if _, err := sys.CheckFolder(folder); err != nil {
		return err
	}
	for {
		some, err := purgeOnce(sys, folder)
		if !some || err != nil {
			_ = sys.Remove(folder) // fails unless it is empty
			return err
		}
	}
}

// purgeOnce purges what a list of the folder shows. It says true if that was something: a process that ended after the
// list was made has left more, perhaps.
func purgeOnce(sys System, folder string) (some bool, err error) {
	entries, err := sys.ReadFolder(folder)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, fmt.Errorf("outbox: %w", err)
	}
	var errs []error
	sorted, segments, _ := stems(entries)
	for _, stem := range sorted {
		journal := filepath.Join(folder, stem+".journal")
		f, live, err := claim(sys, journal)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case live && waits(sys, folder, segments[stem]):
			const waiting = "outbox: purge %s: process %d is running and has events waiting: end it first"
			errs = append(errs, fmt.Errorf(waiting, folder, stemProcess(stem).PID))
			continue
		case f == nil:
			continue
		}
		for _, segment := range segments[stem] {
			errs = append(errs, sys.Remove(filepath.Join(folder, segment.Name())))
		}
		errs = append(errs, sys.Remove(filepath.Join(folder, stem+".crash")))
		errs = append(errs, release(sys, f, journal)) // one that stays would be met again and again
		some = true
	}
	return some, errors.Join(errs...)
}

// waits says whether a segment has records that wait, or may have: what can't be read.
func waits(sys System, folder string, segments []fs.DirEntry) bool {
	found := false
	for _, segment := range segments {
		f, err := sys.Open(filepath.Join(folder, segment.Name()), os.O_RDONLY)
		if err != nil {
			found = found || !errors.Is(err, fs.ErrNotExist)
			continue
		}
		info, err := f.Stat()
		if err == nil {
			var stretches []stretch
			stretches, err = scan(f, info.Size(), func(*store.Entry) { found = true })
			found = found || slices.ContainsFunc(stretches, func(s stretch) bool { return s.unread != nil })
		}
		found = found || err != nil
		_ = f.Close()
	}
	return found
}
