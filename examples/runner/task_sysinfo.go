package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"time"
)

// newSystemInfo tells what machine this is: {}.
func newSystemInfo(p *params) runFunc {
	p.will("read what machine this is")
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "reading system information", "category", "system")
		return within(ctx, func() (summary, error) {
			zone, _ := time.Now().Zone()
			sum := summary{
				"os":           runtime.GOOS,
				"architecture": runtime.GOARCH,
				"cpus":         runtime.NumCPU(),
				"go":           runtime.Version(),
				"time_zone":    zone,
			}
			if host, err := os.Hostname(); err == nil {
				sum["hostname"] = host
			}
			if version := osVersion(); version != "" {
				sum["os_version"] = version
			}
			if memory := memoryBytes(); memory > 0 {
				sum["memory_gb"] = round(float64(memory) / gigabyte)
			}
			if dir, err := os.Getwd(); err == nil {
				if u, err := readDiskUsage(dir); err == nil {
					sum["disk_total_gb"] = round(float64(u.total) / gigabyte)
					sum["disk_free_gb"] = round(float64(u.free) / gigabyte)
				}
			}
			return sum, nil
		})
	}
}
