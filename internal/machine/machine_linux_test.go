package machine

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readMachine asks all probes once.
func readMachine(t *testing.T) map[string]Values {
	t.Helper()
	all := make(map[string]Values)
	for _, p := range Probes(true, "test") {
		for name, values := range p.Read() {
			if all[name] == nil {
				all[name] = Values{}
			}
			maps.Copy(all[name], values)
		}
	}
	return all
}

// output returns what a program of the system says. These are as much a part of it as /proc.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "OMP_NUM_THREADS=", "OMP_THREAD_LIMIT=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(string(out))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// procValue is the number beside a name in a file of /proc.
func procValue(t *testing.T, path, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `:?\s+(\d+)`).FindStringSubmatch(readFile(t, path))
	if m == nil {
		t.Fatalf("no %s in %s", name, path)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func asFloat(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

// near fails the test unless got is within tolerance, a share of want; NaN is near to nothing.
func near(t *testing.T, what string, got any, want, tolerance float64) {
	t.Helper()
	if g := asFloat(got); !(math.Abs(g-want) <= math.Abs(want)*tolerance) {
		t.Errorf("%s = %v, want about %v", what, got, want)
	}
}

// fromOSRelease is a value of /etc/os-release as the shell reads it, "" where it isn't told.
func fromOSRelease(t *testing.T, name string) string {
	t.Helper()
	return output(t, "sh", "-c", ". /etc/os-release && echo \"$"+name+"\"")
}

func TestContextMatchesTheMachine(t *testing.T) {
	all := readMachine(t)
	for _, test := range []struct{ context, key, want string }{
		{"os", "name", "Linux"},
		{"os", "kernel_version", output(t, "uname", "-r")},
		{"os", "release", output(t, "uname", "-r")},
		{"os", "version", output(t, "uname", "-r")},
		{"os", "distribution_name", fromOSRelease(t, "ID")},
		{"os", "distribution_version", fromOSRelease(t, "VERSION_ID")},
		{"os", "distribution_pretty_name", fromOSRelease(t, "PRETTY_NAME")},
		{"os", "build", output(t, "uname", "-v")},
		{"os", "architecture", output(t, "uname", "-m")},
		{"os", "processor", output(t, "uname", "-m")},
		{"device", "name", output(t, "uname", "-n")},
		{"device", "processor_count", output(t, "nproc")},
		{"cpu", "count_logical", output(t, "nproc")},
		{"process", "pid", strings.Fields(readFile(t, "/proc/self/stat"))[0]},
		{"process", "parent_pid", strconv.Itoa(int(procValue(t, "/proc/self/status", "PPid")))},
		{"process", "cwd", readLink(t, "/proc/self/cwd")},
		{"process", "executable", readLink(t, "/proc/self/exe")},
		{"environment", "executable_path", readLink(t, "/proc/self/exe")},
		{"process", "cmdline", strings.TrimSpace(strings.ReplaceAll(readFile(t, "/proc/self/cmdline"), "\x00", " "))},
		{"device", "boot_time", time.Unix(int64(procValue(t, "/proc/stat", "btime")), 0).UTC().Format(time.RFC3339)},
	} {
		got, there := all[test.context][test.key]
		if test.want == "" && there || test.want != "" && fmt.Sprint(got) != test.want {
			t.Errorf("%s.%s = %q, want %q", test.context, test.key, got, test.want)
		}
	}

	checkMemory(t, all["device"], all["memory"])
	near(t, "process.memory_mb", all["process"]["memory_mb"], procValue(t, "/proc/self/status", "VmRSS")/1024, 0.3)
	near(t, "process.threads", all["process"]["threads"], procValue(t, "/proc/self/status", "Threads"), 0.5)
	// /proc counts the race detector's memory, too. The collector of garbage gives memory back at any time.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	own := asFloat(readRuntime()["app"]["app_memory"])
	runtime.ReadMemStats(&after)
	one, other := float64(before.Sys-before.HeapReleased), float64(after.Sys-after.HeapReleased)
	if !(own >= min(one, other)*0.9 && own <= max(one, other)*1.1) {
		t.Errorf("app.app_memory = %v, want %v to %v", own, one, other)
	}

	info := readFile(t, "/proc/cpuinfo")
	if model := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindStringSubmatch(info); model != nil {
		if got := all["device"]["cpu_description"]; got != strings.TrimSpace(model[1]) {
			t.Errorf("device.cpu_description = %q, want %q", got, model[1])
		}
	}
	if cores := physicalCores(t); cores > 0 {
		near(t, "cpu.count_physical", all["cpu"]["count_physical"], float64(cores), 0)
	}
	if mhz := all["device"]["processor_frequency"]; mhz != nil {
		near(t, "cpu.frequency_current_mhz", all["cpu"]["frequency_current_mhz"], asFloat(mhz), 0.01)
		if _, isInt := mhz.(int); !isInt {
			t.Errorf("device.processor_frequency = %T, want whole MHz", mhz)
		}
	}
	matchDisks(t, all)
}

// checkMemory compares the contexts device and memory with what the system's own tools say.
func checkMemory(t *testing.T, device, memory Values) {
	t.Helper()
	total := procValue(t, "/proc/meminfo", "MemTotal") * 1024
	near(t, "device.memory_size", device["memory_size"], total, 0)
	free := strings.Fields(regexp.MustCompile(`(?m)^Mem:.*$`).FindString(output(t, "free", "-b")))
	available, err := strconv.ParseFloat(free[len(free)-1], 64)
	if err != nil {
		t.Fatal(err)
	}
	const moved = 0.3 // other processes use memory meanwhile
	near(t, "device.free_memory", device["free_memory"], available, moved)
	if limit, used := memoryLimit(memoryGroups("/")); limit > 0 && float64(limit) < total { // in a container
		total, available = float64(limit), float64(limit-used)
	} else {
		share := (1 - asFloat(device["free_memory"])/total) * 100
		near(t, "memory.percent_used", memory["percent_used"], share, 0.01)
	}
	near(t, "memory.total_gb", memory["total_gb"], math.Round(total/(1<<30)*100)/100, 0)
	near(t, "memory.available_gb", memory["available_gb"], available/(1<<30), moved)
	near(t, "memory.used_gb", asFloat(memory["used_gb"])+asFloat(memory["available_gb"]), total/(1<<30), 0.01)
}

func readLink(t *testing.T, path string) string {
	t.Helper()
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// physicalCores counts the cores that the kernel's topology tells apart.
func physicalCores(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
	if err != nil {
		t.Fatal(err)
	}
	siblings := make(map[string]bool)
	for _, file := range files {
		siblings[readFile(t, file)] = true
	}
	return len(siblings)
}

// matchDisks compares the disks with df, which gets its numbers by itself.
func matchDisks(t *testing.T, all map[string]Values) {
	t.Helper()
	if all["disks"]["/"] == nil {
		t.Error("no / among the disks")
	}
	for point, v := range all["disks"] {
		disk := v.(map[string]any)
		lines := strings.Split(output(t, "df", "-B1", "--output=size,used,avail,pcent,fstype,source", point), "\n")
		fields := strings.Fields(lines[len(lines)-1])
		var n [4]float64
		for i := range n {
			var err error
			if n[i], err = strconv.ParseFloat(strings.TrimSuffix(fields[i], "%"), 64); err != nil {
				t.Fatal(err)
			}
		}
		// 0.01 GB is what rounding does, 0.3 what others write meanwhile.
		for key, want := range map[string]float64{"total_gb": n[0], "used_gb": n[1], "free_gb": n[2]} {
			if got := asFloat(disk[key]); !(math.Abs(got-want/(1<<30)) <= 0.3) {
				t.Errorf("disk %s: %s = %v, df says %v", point, key, got, want/(1<<30))
			}
		}
		if got := asFloat(disk["percent_used"]); !(math.Abs(got-n[3]) <= 2) { // df rounds up
			t.Errorf("disk %s: percent_used = %v, df says %v", point, got, n[3])
		}
		if disk["fstype"] != fields[4] || disk["device"] != fields[5] {
			t.Errorf("disk %s: %v on %v, df says %v on %v", point, disk["fstype"], disk["device"], fields[4], fields[5])
		}
		if point == "/" {
			near(t, "device.storage_size", all["device"]["storage_size"], n[0], 0)
			near(t, "device.free_storage", all["device"]["free_storage"], n[2], 0.1)
		}
	}
}

// busy reads from /proc/stat how long the processors worked, and how long they were there.
func busy(t *testing.T) (worked, there float64) {
	t.Helper()
	line, _, _ := strings.Cut(readFile(t, "/proc/stat"), "\n")
	for i, field := range strings.Fields(line)[1:9] { // user nice system idle iowait irq softirq steal
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		there += n
		if i != 3 && i != 4 {
			worked += n
		}
	}
	return worked, there
}

func TestContextCPUUse(t *testing.T) {
	// A busy machine may stop the test between any two readings: the outer ones and the inner ones bound what readCPU
	// may say.
	type reading struct{ worked, there, used, wall float64 }
	start := time.Now()
	read := func() (r reading) {
		r.worked, r.there = busy(t)
		r.used, r.wall = cpuTime(t).Seconds(), time.Since(start).Seconds()
		return r
	}
	var system, own share
	before := read()
	if c := readCPU(&system, &own); c["cpu"] != nil || c["process"] != nil {
		t.Errorf("the first reading has %v, but there is nothing to compare with", c)
	}
	begun := read()
	for from := time.Now(); time.Since(from) < 3*minCPUInterval; { // work, so that there is something to see
		_ = bytes.Repeat([]byte("x"), 1<<16)
	}
	done := read()
	c := readCPU(&system, &own)
	after := read()
	const ticks = 20 // percent that the counters, of 10 ms, may be wrong by
	percent := asFloat(c["cpu"]["percent_used"])
	low := (done.worked - begun.worked) / (after.there - before.there) * 100
	high := (after.worked - before.worked) / (done.there - begun.there) * 100
	if !(percent >= low-ticks && percent <= high+ticks) || percent > 100 {
		t.Errorf("cpu.percent_used = %v, /proc/stat says %v to %v", percent, low, high)
	}
	percent = asFloat(c["process"]["cpu_percent"])
	cores := float64(runtime.NumCPU())
	low = (done.used - begun.used) / (after.wall - before.wall) / cores * 100
	high = (after.used - before.used) / (done.wall - begun.wall) / cores * 100
	if !(percent >= low-ticks && percent <= high+ticks) || percent <= 0 || percent > 100 {
		t.Errorf("process.cpu_percent = %v, /proc/self/stat says %v to %v", percent, low, high)
	}
}

// cpuTime is what /proc/self/stat says that this process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	stat := readFile(t, "/proc/self/stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, in 1/100 s
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func TestRealMounts(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  []string // mount point, type, device, and "network"
	}{
		{"a machine", []string{
			"22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw",
			"23 22 0:21 / /proc rw - proc proc rw",
			"24 22 0:22 / /run rw - tmpfs tmpfs rw",
			"25 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw",
			"26 22 7:3 / /snap/core/1 ro - squashfs /dev/loop3 ro",
			"27 22 7:4 / /mnt/iso ro - iso9660 /dev/loop4 ro",
			"28 22 8:2 /home/x /mnt/bind rw - ext4 /dev/sda2 rw",
			`29 22 8:17 / /media/My\040Disk rw - exfat /dev/sdb1 rw`,
			"30 22 0:50 / /mnt/share rw - cifs //server/share rw",
			"31 22 0:51 / /net/home rw - nfs4 server:/home rw",
			"32 22 8:17 / /mnt/again rw - exfat /dev/sdb1 rw",
		}, []string{"/ ext4 /dev/sda2", "/boot/efi vfat /dev/sda1", "/media/My Disk exfat /dev/sdb1",
			"/mnt/share cifs //server/share network", "/net/home nfs4 server:/home network"}},
		{"a container", []string{
			"100 99 0:44 / / rw - overlay overlay rw,lowerdir=/x",
			"101 100 0:45 / /proc rw - proc proc rw",
			"102 100 8:2 /var/lib/docker/containers/1/hosts /etc/hosts rw - ext4 /dev/sda2 rw",
			"103 100 0:46 / /dev/shm rw - tmpfs shm rw",
		}, []string{"/ overlay overlay"}},
		{"btrfs with subvolumes", []string{
			"40 1 0:30 /@ / rw - btrfs /dev/nvme0n1p2 rw,subvol=/@",
			"41 40 0:30 /@home /home rw - btrfs /dev/nvme0n1p2 rw,subvol=/@home",
		}, []string{"/ btrfs /dev/nvme0n1p2"}},
		{"root mounted over", []string{
			"1 1 0:2 / / rw - rootfs rootfs rw",
			"22 1 8:2 / / rw - ext4 /dev/sda2 rw",
		}, []string{"/ ext4 /dev/sda2"}},
		{"root last", []string{
			"25 22 8:1 / /boot rw - ext4 /dev/sda1 rw",
			"22 1 8:2 / / rw - ext4 /dev/sda2 rw",
		}, []string{"/ ext4 /dev/sda2", "/boot ext4 /dev/sda1"}},
		{"root on a RAM disk", []string{"22 1 0:2 / / rw - tmpfs tmpfs rw"}, []string{"/ tmpfs tmpfs"}},
		{"ZFS", []string{"22 1 0:2 / / rw - zfs rpool/ROOT rw", "23 22 0:3 / /tank rw - zfs tank rw"},
			[]string{"/ zfs rpool/ROOT", "/tank zfs tank"}},
		{"broken lines", []string{"", "22", "22 1 8:2 / /", "- -", "22 1 8:2 / /x rw - ext4"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, m := range realMounts([]byte(strings.Join(test.lines, "\n"))) {
				line := m.point + " " + m.fstype + " " + m.source
				if m.network {
					line += " network"
				}
				got = append(got, line)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}
