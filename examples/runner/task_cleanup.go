package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// newTempCleanup removes what is old below a folder: {path, older_than_days, apply}. Without apply it only counts. It
// removes files, and folders that are empty then; it follows and removes no link, leaves devices and sockets, and
// leaves what it may not touch.
func newTempCleanup(p *params) runFunc {
	path := p.text("path")
	days := p.number("older_than_days")
	apply := p.bool("apply")
	p.will("look below %s for what is older than %v days, apply: %v", path, days, apply)
	return func(ctx context.Context) (summary, error) {
		if err := checkCleanable(path); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(path) // nothing leads out of it, even when a folder becomes a link while this runs
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }()
		c := cleaner{root: root, before: time.Now().Add(-time.Duration(days * 24 * float64(time.Hour))), apply: apply}
		slog.InfoContext(ctx, "looking for old files", "category", "file",
			"path", path, "before", c.before, "apply", apply)
		err = c.walk(ctx)
		slog.InfoContext(ctx, "looked", "category", "file", "old_files", c.files, "left", c.left)
		sum := summary{
			"path": path, "older_than_days": days, "applied": apply,
			"files": c.files, "folders": c.folders, "mb": round(float64(c.bytes) / (1 << 20)),
			"left": c.left, "links": c.links,
		}
		return sum, err
	}
}

// checkCleanable refuses folders that nobody means to clean.
func checkCleanable(path string) error {
	named, err := os.Lstat(filepath.Clean(path)) // a separator at the end would lead through a link
	if err != nil {
		return err
	}
	if named.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s is a link, and links are not followed: name the folder that it leads to", path)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if full == filepath.Dir(full) {
		return fmt.Errorf("%s is a whole drive: name a folder on it", path)
	}
	if home, err := os.Stat(homeDir()); err == nil && os.SameFile(info, home) {
		return fmt.Errorf("%s is the home folder: name a folder in it", path)
	}
	return nil
}

func homeDir() string {
	home, _ := os.UserHomeDir()
	return home
}

type cleaner struct {
	root   *os.Root
	before time.Time
	apply  bool

	files, folders int // removed, or to be removed
	bytes          int64
	left           int // may not be touched
	links          int
}

func (c *cleaner) walk(ctx context.Context) error {
	var folders []string // old ones, outer before inner
	err := fs.WalkDir(c.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.leave(ctx, name, err)
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			c.links++
			return nil
		}
		if name == "." || !d.IsDir() && !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		switch {
		case err != nil:
			c.leave(ctx, name, err)
		case !info.ModTime().Before(c.before):
		case d.IsDir():
			folders = append(folders, name) // its time before anything was removed from it
		case c.remove(ctx, name):
			c.files++
			c.bytes += info.Size()
		}
		return nil
	})
	if err != nil || !c.apply {
		return err // what a dry run leaves of a folder isn't known
	}
	for _, name := range slices.Backward(folders) {
		if c.root.Remove(name) == nil { // fails where something is left in it
			c.folders++
		}
	}
	return nil
}

func (c *cleaner) remove(ctx context.Context, name string) bool {
	if !c.apply {
		return true
	}
	if err := c.root.Remove(name); err != nil {
		c.leave(ctx, name, err)
		return false
	}
	return true
}

// leave counts what may not be touched, or is in use.
func (c *cleaner) leave(ctx context.Context, name string, err error) {
	c.left++
	slog.DebugContext(ctx, "left", "category", "file", "name", name, "error", err)
}
