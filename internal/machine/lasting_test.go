package machine

import (
	"fmt"
	"testing"
)

// TestLasting: of the machine's state stays what doesn't change, and the start of the machine if it is the
// same.
func TestLasting(t *testing.T) {
	snapshot := map[string]Values{
		"os": {"name": "Linux"},
		"device": {"arch": "amd64", "memory_size": 2, "free_memory": 1, "free_storage": 1, "boot_time": "then",
			"added_later": 1},
		"disks": {"/": map[string]any{
			"fstype": "ext4", "total_gb": 2.0, "used_gb": 1.0, "free_gb": 1.0, "percent_used": 50.0, "added_later": 1,
		}},
		"process": {"pid": 1}, "memory": {"total_gb": 1.0}, "environment": {"detected": "here"},
	}
	before := fmt.Sprint(snapshot)
	const rest = "disks:map[/:map[fstype:ext4 total_gb:2]] os:map[name:Linux]]"
	for sameBoot, want := range map[bool]string{
		true:  "map[device:map[arch:amd64 boot_time:then memory_size:2] " + rest,
		false: "map[device:map[arch:amd64 memory_size:2] " + rest,
	} {
		if got := fmt.Sprint(Lasting(snapshot, sameBoot)); got != want {
			t.Errorf("same boot %v: %s, want %s", sameBoot, got, want)
		}
	}
	if len(Lasting(nil, true)) > 0 || fmt.Sprint(snapshot) != before {
		t.Errorf("of nothing %v, and the snapshot is now %v", Lasting(nil, true), snapshot)
	}
}
