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

// A memoryReader reads the machine's memory, and how much of it the container may use.
type memoryReader struct {
	groups func() []memoryGroup // found once: a process hardly ever moves to another
}

// newMemoryReader returns a reader that looks for control groups below root: "/", in tests another folder.
func newMemoryReader(root string) *memoryReader {
	return &memoryReader{groups: sync.OnceValue(func() []memoryGroup { return memoryGroups(root) })}
}

// read returns the machine's memory in the context device. The context memory is that of a container's limit, where
// that is smaller.
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

// A memoryGroup is a control group that may limit this process's memory: a folder in one of the kernel's two versions;
// see https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
type memoryGroup struct {
	dir   string
	files *memoryFiles
}

// memoryFiles are the names of the files that one version has.
type memoryFiles struct{ limit, current, inactive string }

var (
	memoryV1 = &memoryFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	memoryV2 = &memoryFiles{"memory.max", "memory.current", "inactive_file"}
)

// memoryGroups returns the process's own group and those around it as far as they are mounted, the innermost first.
func memoryGroups(root string) (groups []memoryGroup) {
	membership, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // no file, no groups
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

// groupsAlong returns the group called name and those around it, up to the root of the mount that shows it.
func groupsAlong(root string, mountinfo []byte, name, fstype string, files *memoryFiles) (groups []memoryGroup) {
	point, below := "", ""
	for left, right := range mountLines(mountinfo) {
		ofMemory := fstype == "cgroup2" ||
			len(right) > 2 && slices.Contains(strings.Split(right[2], ","), "memory")
		if right[0] != fstype || !ofMemory {
			continue
		}
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(unescapeMount(left[3]), "/"))
		// A name from outside, "/../other", or one that another mount would show: all that can be seen is the mount's
		// root.
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

// noLimit is more memory than any machine has. Version 1 gives a group without a limit the largest number of bytes.
const noLimit = 1 << 60

// memoryLimit returns the smallest limit of the groups, 0 if there is none, and how much of it is used. Like the tools
// of container engines it doesn't count pages of files that the kernel can drop at once.
func memoryLimit(groups []memoryGroup) (limit, used uint64) {
	for _, g := range groups {
		most, ok := g.number(g.files.limit) // not for "max", and the root has no limit
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
	text, _ := os.ReadFile(filepath.Join(g.dir, "memory.stat")) // else nothing is inactive
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, g.files.inactive+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}
