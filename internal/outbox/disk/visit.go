package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// dsnFolders returns the folders below dir that are an outbox's; none when dir is missing.
func dsnFolders(sys System, dir string) (folders []string, err error) {
	if dir == "" { // it would be taken for one in which nothing waits
		return nil, errors.New("outbox: the name of the folder is empty; want that of Options.OutboxDir")
	}
	dir = filepath.Clean(dir) // as for Options.OutboxDir: in "a/../outbox" there may be no a
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

// visit calls read for the files in a DSN's folder, once for each name, while processes use them. It lists the folder
// again when read says that a file is gone: an adopter renames segments. Another error of read ends the visit.
func visit(sys System, folder string, read func(path, stem string, kind kind) error) error {
	if _, err := sys.CheckFolder(folder); err != nil {
		return unlessGone(err)
	}
	done := map[string]bool{}
	for range openTries {
		entries, err := sys.ReadFolder(folder)
		if err != nil {
			return unlessGone(fmt.Errorf("outbox: %w", err))
		}
		gone := false
		for _, entry := range entries {
			stem, kind := parseName(entry.Name())
			if kind == kindForeign || kind == kindNew || done[entry.Name()] {
				continue
			}
			done[entry.Name()] = true
			if err := read(filepath.Join(folder, entry.Name()), stem, kind); unlessGone(err) != nil {
				return err
			} else if err != nil {
				gone = true
			}
		}
		if !gone {
			return nil
		}
	}
	return fmt.Errorf("outbox: %s: its files are renamed faster than they can be read", folder)
}

// unlessGone returns err, nil if it says that a file or folder is gone.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
