package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files below a new folder, which stands for the root of a machine, and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestOSRelease(t *testing.T) {
	const text = "# of the vendor\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian GNU/Linux 12'\n\n"
	for name, files := range map[string]map[string]string{
		"in etc":     {"etc/os-release": text, "usr/lib/os-release": "ID=other\n"},
		"in usr/lib": {"usr/lib/os-release": text},
	} {
		release := osRelease(tree(t, files))
		if release["ID"] != "debian" || release["VERSION_ID"] != "12" ||
			release["PRETTY_NAME"] != "Debian GNU/Linux 12" {
			t.Errorf("%s: %v", name, release)
		}
	}
	if release := osRelease(t.TempDir()); len(release) > 0 {
		t.Errorf("without a file: %v", release)
	}
}

const (
	mib = 1 << 20
	gib = 1 << 30
	// what a group of version 1 without a limit has: the largest number of bytes in whole pages
	unlimited = "9223372036854771712\n"

	mountV2 = "30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"
	mountV1 = "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n" +
		"33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)

const cgV2, cgV1 = "sys/fs/cgroup/", "sys/fs/cgroup/memory/"

// memoryTrees are trees as container engines and systemd make them.
var memoryTrees = []struct {
	name, cgroup, mounts string
	files                map[string]string
	limit, used          uint64 // 0: none
}{
	{"Docker", "0::/\n", mountV2, map[string]string{
		cgV2 + "memory.max": "536870912\n", cgV2 + "memory.current": "314572800\n",
		cgV2 + "memory.stat": "anon 209715200\nfile 104857600\nactive_file 5\ninactive_file 104857600\n",
	}, 512 * mib, 200 * mib},
	{"Docker without a limit", "0::/\n", mountV2, map[string]string{
		cgV2 + "memory.max": "max\n", cgV2 + "memory.current": "314572800\n", cgV2 + "memory.stat": "inactive_file 0\n",
	}, 0, 0},
	{"a service in a slice with a smaller limit", "0::/my.slice/my-app.slice/run.service\n", mountV2, map[string]string{
		cgV2 + "my.slice/memory.max": "max\n", cgV2 + "my.slice/memory.current": "9999999999\n",
		cgV2 + "my.slice/my-app.slice/memory.max":                 "1073741824\n",
		cgV2 + "my.slice/my-app.slice/memory.current":             "734003200\n",
		cgV2 + "my.slice/my-app.slice/memory.stat":                "inactive_file 1048576\n",
		cgV2 + "my.slice/my-app.slice/run.service/memory.max":     "2147483648\n",
		cgV2 + "my.slice/my-app.slice/run.service/memory.current": "5\n",
	}, gib, 699 * mib},
	{"a pod whose container has the smaller limit", "0::/kubepods/pod1/c1\n", mountV2, map[string]string{
		cgV2 + "kubepods/memory.max": "2147483648\n", cgV2 + "kubepods/memory.current": "1073741824\n",
		cgV2 + "kubepods/pod1/memory.max": "1073741824\n", cgV2 + "kubepods/pod1/memory.current": "734003200\n",
		cgV2 + "kubepods/pod1/c1/memory.max": "536870912\n", cgV2 + "kubepods/pod1/c1/memory.current": "104857600\n",
		cgV2 + "kubepods/pod1/c1/memory.stat": "inactive_file 4194304\n",
	}, 512 * mib, 96 * mib},
	{"Docker with the host's namespace", "0::/system.slice/docker-1.scope\n",
		"30 23 0:26 /system.slice/docker-1.scope /sys/fs/cgroup ro - cgroup2 cgroup rw\n", map[string]string{
			cgV2 + "memory.max": "536870912\n", cgV2 + "memory.current": "314572800\n",
			cgV2 + "memory.stat": "inactive_file 104857600\n",
		}, 512 * mib, 200 * mib},
	{"a process outside of its namespace's root", "0::/../../other\n", mountV2, map[string]string{
		cgV2 + "memory.max": "536870912\n", cgV2 + "memory.current": "104857600\n",
	}, 512 * mib, 100 * mib},
	{"more inactive than used", "0::/\n", mountV2, map[string]string{
		cgV2 + "memory.max": "536870912\n", cgV2 + "memory.current": "100\n",
		cgV2 + "memory.stat": "inactive_file 200\n",
	}, 512 * mib, 0},
	{"used beyond the limit", "0::/\n", mountV2, map[string]string{
		cgV2 + "memory.max": "536870912\n", cgV2 + "memory.current": "536875008\n",
		cgV2 + "memory.stat": "inactive_file 0\n",
	}, 512 * mib, 512 * mib},
	{"use is unknown", "0::/\n", mountV2, map[string]string{cgV2 + "memory.max": "536870912\n"}, 0, 0},
	{"mounted elsewhere", "0::/a\n", `30 23 0:26 / /my\040groups rw - cgroup2 none rw` + "\n", map[string]string{
		"my groups/a/memory.max": "536870912\n", "my groups/a/memory.current": "104857600\n",
	}, 512 * mib, 100 * mib},
	{"mounted twice", "0::/a\n", "29 23 0:26 /b /elsewhere rw - cgroup2 none rw\n" + mountV2, map[string]string{
		"elsewhere/memory.max": "1024\n", "elsewhere/memory.current": "10\n",
		cgV2 + "a/memory.max": "536870912\n", cgV2 + "a/memory.current": "104857600\n",
	}, 512 * mib, 100 * mib},

	{"Docker, version 1", "12:cpu,cpuacct:/docker/1\n9:memory:/docker/1\n1:name=systemd:/docker/1\n0::/\n", mountV1 +
		"35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", map[string]string{
		cgV1 + "memory.limit_in_bytes": "268435456\n", cgV1 + "memory.usage_in_bytes": "104857600\n",
		cgV1 + "memory.stat": "inactive_file 1\ntotal_inactive_file 20971520\n",
	}, 256 * mib, 80 * mib},
	{"Docker without a limit, version 1", "9:memory:/docker/1\n0::/\n", mountV1 +
		"35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", map[string]string{
		cgV1 + "memory.limit_in_bytes": unlimited, cgV1 + "memory.usage_in_bytes": "104857600\n",
		cgV1 + "memory.stat": "total_inactive_file 20971520\n",
	}, 0, 0},
	{"nested, version 1", "9:memory:/jobs/one\n0::/\n", mountV1 +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", map[string]string{
		cgV1 + "memory.limit_in_bytes": unlimited, cgV1 + "memory.usage_in_bytes": "9999999999\n",
		cgV1 + "jobs/memory.limit_in_bytes": "268435456\n", cgV1 + "jobs/memory.usage_in_bytes": "104857600\n",
		cgV1 + "jobs/memory.stat":               "total_inactive_file 20971520\n",
		cgV1 + "jobs/one/memory.limit_in_bytes": unlimited, cgV1 + "jobs/one/memory.usage_in_bytes": "1\n",
	}, 256 * mib, 80 * mib},
	{"with others, version 1", "4:cpuset,memory:/\n",
		"35 31 0:32 / /cg rw - cgroup none rw,cpuset,memory\n", map[string]string{
			"cg/memory.limit_in_bytes": "268435456\n", "cg/memory.usage_in_bytes": "104857600\n",
		}, 256 * mib, 100 * mib},

	{"no groups", "", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n", nil, 0, 0},
	{"no such mount", "0::/a\n", "", nil, 0, 0},
	{"broken", "0\n:::\n0::\n9:memory\n", "30 23 0:26 /\n- -\n" + mountV2, map[string]string{
		cgV2 + "memory.max": "a lot\n", cgV2 + "memory.current": "\n",
	}, 0, 0},
}

// TestMemoryLimit reads the limit of trees as on machines with containers.
func TestMemoryLimit(t *testing.T) {
	for _, test := range memoryTrees {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"proc/self/cgroup": test.cgroup, "proc/self/mountinfo": test.mounts}
			for name, text := range test.files {
				files[name] = text
			}
			limit, used := memoryLimit(memoryGroups(tree(t, files)))
			if limit != test.limit || used != test.used {
				t.Errorf("%d bytes used of %d, want %d of %d", used, limit, test.used, test.limit)
			}
		})
	}
	if limit, _ := memoryLimit(memoryGroups(t.TempDir())); limit != 0 {
		t.Errorf("without /proc a limit of %d", limit)
	}
}

// TestMemoryWithinTheLimit: the context memory and the notes of running tasks speak of the container, the device of the
// machine; a limit that isn't smaller than the machine is none.
func TestMemoryWithinTheLimit(t *testing.T) {
	contexts := func(limit string) map[string]any {
		all := make(map[string]any)
		reader := newMemoryReader(tree(t, map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/memory.max": limit + "\n", "sys/fs/cgroup/memory.current": "33554432\n",
			"sys/fs/cgroup/memory.stat": "inactive_file 16777216\n",
		}))
		for name, values := range reader.read() {
			for key, value := range values {
				all[name+"."+key] = value
			}
		}
		return all
	}
	machine, within, beyond := contexts("max"), contexts("67108864"), contexts("9223372036854775807")
	for name, want := range map[string]any{
		"memory.total_gb": 0.06, "memory.used_gb": 0.02, "memory.available_gb": 0.05, "memory.percent_used": 25.0,
		notedMemory + ".total": uint64(64 * mib), notedMemory + ".available": uint64(48 * mib),
	} {
		if within[name] != want {
			t.Errorf("%s = %v, want %v", name, within[name], want)
		}
	}
	for _, name := range []string{"device.memory_size", "memory.total_gb", notedMemory + ".total"} {
		if machine[name] == nil || beyond[name] != machine[name] {
			t.Errorf("%s = %v with a limit beyond the machine, %v without one", name, beyond[name], machine[name])
		}
	}
	if within["device.memory_size"] != machine["device.memory_size"] || within["device.free_memory"] == nil {
		t.Errorf("the device has %v of %v", within["device.free_memory"], within["device.memory_size"])
	}
	for name := range collectorSnapshot(t) {
		if strings.HasPrefix(name, notedMemory) {
			t.Errorf("context %s is told", name)
		}
	}
}

// collectorSnapshot returns the first whole reading of a collector.
func collectorSnapshot(t *testing.T) map[string]any {
	t.Helper()
	c := New(Options{Logger: discardLogger, Probes: Probes(false, "test")})
	defer c.Close()
	names := make(map[string]any)
	for name, values := range c.Settled() {
		names[name] = values
	}
	if names["memory"] == nil {
		t.Errorf("contexts %v", names)
	}
	return names
}
