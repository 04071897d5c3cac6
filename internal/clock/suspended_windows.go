package clock

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var procQueryUnbiasedInterruptTime = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")

// Suspended returns how long the machine has been suspended since boot, as far as Go's monotonic clock includes that
// time. On Windows it includes all of it: Go reads the interrupt time, which goes on during suspension.
func Suspended() time.Duration {
	var units uint64 // of 100 ns
	if procQueryUnbiasedInterruptTime.Find() != nil {
		return 0
	}
	if ok, _, _ := procQueryUnbiasedInterruptTime.Call(uintptr(unsafe.Pointer(&units))); ok == 0 {
		return 0
	}
	return windows.DurationSinceBoot() - time.Duration(units)*100
}
