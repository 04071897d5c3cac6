//go:build !windows

package clock

import "time"

// Suspended returns how long the machine has been suspended since boot, as far as Go's monotonic clock includes that
// time. It includes none on Linux (CLOCK_MONOTONIC) and macOS (mach_absolute_time), which stop during suspension.
func Suspended() time.Duration { return 0 }
