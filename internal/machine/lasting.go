package machine

import (
	"maps"
	"sync"
)

// Lasting returns the part of a snapshot that describes the machine itself and doesn't change while it runs. So it also
// applies to a process that has died on this machine. sameBoot says that the process died since the last boot. The
// caller owns the returned maps.
func Lasting(snapshot map[string]Values, sameBoot bool) map[string]Values {
	contexts := make(map[string]Values, 3)
	if system := snapshot["os"]; len(system) > 0 {
		contexts["os"] = maps.Clone(system)
	}
	if device := only(snapshot["device"], lastingOfDevice); len(device) > 0 {
		if !sameBoot {
			delete(device, "boot_time")
		}
		contexts["device"] = device
	}
	disks := make(Values)
	for point, v := range snapshot["disks"] {
		if disk, ok := v.(map[string]any); ok {
			disks[point] = only(disk, lastingOfDisk)
		}
	}
	if len(disks) > 0 {
		contexts["disks"] = disks
	}
	return contexts
}

var bootID = sync.OnceValues(BootID) // constant: a boot outlasts the process

// What is lasting of a device and a disk. What isn't named is taken to change.
var (
	lastingOfDevice = []string{"name", "arch", "cpu_description", "processor_count", "processor_frequency",
		"memory_size", "storage_size", "boot_time"}
	lastingOfDisk = []string{"device", "fstype", "total_gb"}
)

// only returns the values of those keys.
func only(from Values, keys []string) Values {
	values := make(Values, len(keys))
	for _, key := range keys {
		if v, ok := from[key]; ok {
			values[key] = v
		}
	}
	return values
}

// Restarted reports whether the machine was restarted since BootID returned boot, and whether that can be told.
func Restarted(boot string) (restarted, known bool) {
	now, sure := bootID()
	if now == "" || boot == "" {
		return false, false
	}
	restarted = now != boot
	return restarted, restarted || sure
}
