package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
)

// diskUsage is the state of a file system, in bytes.
type diskUsage struct {
	total, used uint64
	free        uint64 // for this user, which may be less than what is not used
}

// belowLimit is the code of a measured value that is less than it has to be.
const belowLimit = "below_limit"

const gigabyte = 1 << 30

// newDiskSpace checks how much of the file system of path is free: {path, min_free_percent}.
func newDiskSpace(p *params) runFunc {
	path := p.text("path")
	least := p.number("min_free_percent")
	p.will("read how much is free on %s, want %v %%", path, least)
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "reading disk usage", "path", path)
		u, err := within(ctx, func() (diskUsage, error) {
			if _, err := os.Stat(path); err != nil {
				return diskUsage{}, err
			}
			return readDiskUsage(path)
		})
		if err != nil {
			return nil, err
		}
		if u.used+u.free == 0 {
			return nil, errors.New("the file system of " + path + " has no size")
		}
		percent := 100 * float64(u.free) / float64(u.used+u.free)
		sum := summary{
			"path":             path,
			"total_gb":         round(float64(u.total) / gigabyte),
			"free_gb":          round(float64(u.free) / gigabyte),
			"free_percent":     round(percent),
			"min_free_percent": least,
		}
		if percent < least {
			return sum, fail(belowLimit, nil, "%.1f %% free on %s, want %v %%", percent, path, least)
		}
		return sum, nil
	}
}
