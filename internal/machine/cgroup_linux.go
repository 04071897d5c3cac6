package machine

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/shirou/gopsutil/v3/mem"
)

// A memoryReader reads the machine's memory and the container's limit on it.
type memoryReader struct {
	groups func() []memoryGroup // computed once: a process hardly ever changes its group
}

// newMemoryReader returns a reader that looks for control groups below root, which is "/" except in tests.
func newMemoryReader(root string) *memoryReader {
	return &memoryReader{groups: sync.OnceValue(func() []memoryGroup { return memoryGroups(root) })}
}

// read returns the machine's memory as the context device. The context memory has the container's limit where that is
// smaller.
func (r *memoryReader) read() map[string]Values {
	m, err := mem.VirtualMemory()
	if err != nil {
		return nil
	}
	contexts := memoryContexts(m.Total, m.Available)
	if limit, used := memoryLimit(r.groups()); limit > 0 && limit < m.Total {
		within := memoryContexts(limit, limit-used)
		contexts["memory"], contexts[notedMemory] = within["memory"], within[notedMemory]
	}
	return contexts
}

// A memoryGroup is a control group that may limit this process's memory: a folder of one of the kernel's two versions.
// See https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
type memoryGroup struct {
	dir   string
	files *memoryFiles
}

// memoryFiles are the file names of one version.
type memoryFiles struct{ limit, current, inactive string }

var (
	memoryV1 = &memoryFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	memoryV2 = &memoryFiles{"memory.max", "memory.current", "inactive_file"}
)

// memoryGroups returns the process's own group and the groups around it, as far as they are mounted, innermost first.
func memoryGroups(root string) (groups []memoryGroup) {
	membership, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // without the file there are no groups
	mountinfo, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	for line := range strings.Lines(string(membership)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			groups = append(groups, groupsAlong(root, mountinfo, fields[2], "cgroup2", memoryV2)...)
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			groups = append(groups, groupsAlong(root, mountinfo, fields[2], "cgroup", memoryV1)...)
		}
	}
	return groups
}

// groupsAlong returns the group called name and the groups around it, up to the root of the mount that shows it.
func groupsAlong(root string, mountinfo []byte, name, fstype string, files *memoryFiles) (groups []memoryGroup) {
	point, below := "", ""
	for left, right := range mountLines(mountinfo) {
		ofMemory := fstype == "cgroup2" ||
			len(right) > 2 && slices.Contains(strings.Split(right[2], ","), "memory")
		if right[0] != fstype || !ofMemory {
			continue
		}
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(unescapeMount(left[3]), "/"))
		// The name may lie outside the mount, "/../other", or belong to another mount. Then only the mount's root is
		// visible.
		inside = inside && (rest == "" || rest[0] == '/') && !strings.HasPrefix(rest, "/..")
		if inside || point == "" {
			point, below = unescapeMount(left[4]), ""
		}
		if inside {
			below = path.Clean("/" + rest)
			break
		}
	}
	if point == "" {
		return nil
	}
	for ; below != "" && below != "/"; below = path.Dir(below) {
		groups = append(groups, memoryGroup{filepath.Join(root, point, below), files})
	}
	return append(groups, memoryGroup{filepath.Join(root, point), files})
}

// noLimit is more memory than any machine has. Version 1 reports the largest number of bytes for a group without a
// limit.
const noLimit = 1 << 60

// memoryLimit returns the smallest limit of the groups, 0 without one, and the memory used of it. As container tools
// do, it doesn't count file pages that the kernel can drop at once.
func memoryLimit(groups []memoryGroup) (limit, used uint64) {
	for _, g := range groups {
		most, ok := g.number(g.files.limit) // fails for "max"; the root has no limit
		if !ok || most == 0 || most >= noLimit || limit > 0 && most >= limit {
			continue
		}
		if current, ok := g.number(g.files.current); ok {
			limit, used = most, min(current-min(g.inactive(), current), most)
		}
	}
	return limit, used
}

func (g memoryGroup) number(file string) (n uint64, ok bool) {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

func (g memoryGroup) inactive() uint64 {
	text, _ := os.ReadFile(filepath.Join(g.dir, "memory.stat")) // without the file nothing counts as inactive
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, g.files.inactive+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}
