package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// newDiskReport checks how much of each real disk is free: {min_free_percent}. Network drives, removable ones and what
// has no room to lose (CDs, images) are left out.
func newDiskReport(p *params) runFunc {
	least := p.number("min_free_percent")
	p.will("read how much is free on every disk, want %v %%", least)
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "listing disks", "category", "disk")
		return within(ctx, func() (summary, error) {
			paths, err := listDisks()
			if err != nil {
				return nil, err
			}
			disks := []any{}
			var below []string
			for _, path := range paths {
				u, err := readDiskUsage(path)
				if err != nil || u.used+u.free == 0 {
					slog.WarnContext(ctx, "left out a disk", "category", "disk", "path", path, "error", err)
					continue
				}
				percent := 100 * float64(u.free) / float64(u.used+u.free)
				disks = append(disks, map[string]any{
					"path": path, "total_gb": round(float64(u.total) / gigabyte),
					"free_gb": round(float64(u.free) / gigabyte), "free_percent": round(percent),
				})
				if percent < least {
					below = append(below, fmt.Sprintf("%.1f %% on %s", percent, path))
				}
			}
			sum := summary{"disks": disks, "min_free_percent": least}
			switch {
			case len(disks) == 0:
				return sum, fail("no_disk", nil, "No disks found")
			case len(below) > 0:
				return sum, fail(belowLimit, nil, "free: %s, want %v %%", strings.Join(below, ", "), least)
			}
			return sum, nil
		})
	}
}
