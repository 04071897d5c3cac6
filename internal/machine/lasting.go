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
	if device := maps.Clone(snapshot["device"]); len(device) > 0 {
		delete(device, "free_memory")
		delete(device, "free_storage")
		if !sameBoot {
			delete(device, "boot_time")
		}
		contexts["device"] = device
	}
	disks := make(Values)
	for point, v := range snapshot["disks"] {
		if disk, ok := v.(map[string]any); ok {
			disk = maps.Clone(disk)
			for _, changing := range []string{"used_gb", "free_gb", "percent_used"} {
				delete(disk, changing)
			}
			disks[point] = disk
		}
	}
	if len(disks) > 0 {
		contexts["disks"] = disks
	}
	return contexts
}

var bootID = sync.OnceValues(BootID) // constant: a boot outlasts the process

// Restarted reports whether the machine was restarted since BootID returned boot, and whether that can be told.
func Restarted(boot string) (restarted, known bool) {
	now, sure := bootID()
	if now == "" || boot == "" {
		return false, false
	}
	restarted = now != boot
	return restarted, restarted || sure
}
