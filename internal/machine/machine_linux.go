package machine

import (
	"errors"
	"iter"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"golang.org/x/sys/unix"
)

// OSName is Sentry's name for the operating system.
func OSName() string { return "Linux" }

// User returns the login name of the user who runs this process, "" when unknown.
func User() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}

// BootID returns an ID of this boot of the machine, "" when unknown. sure says that another boot has another ID.
func BootID() (id string, sure bool) {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), true
}

func platformProbes() []Probe {
	var system, own share
	return []Probe{
		{Name: "os", Read: readOS},
		{Name: "processor", Read: readProcessor},
		{Name: "memory", Every: staleAfter, Read: newMemoryReader("/").read},
		{Name: "cpu", Every: staleAfter, Read: func() map[string]Values { return readCPU(&system, &own) }},
		{Name: "process", Every: staleAfter, Read: readProcess},
		{Name: "disks", Every: disksAfter, Read: new(diskReader).read},
	}
}

func readOS() map[string]Values {
	c := Values{"name": "Linux"}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release := unix.ByteSliceToString(u.Release[:])
		c["version"], c["kernel_version"], c["release"] = release, release, release
		c["build"] = unix.ByteSliceToString(u.Version[:])
		machine := unix.ByteSliceToString(u.Machine[:])
		c["architecture"], c["processor"] = machine, machine
		c["platform"] = "Linux-" + release + "-" + machine
	}
	release := osRelease("/")
	for key, name := range map[string]string{
		"ID": "distribution_name", "VERSION_ID": "distribution_version", "PRETTY_NAME": "distribution_pretty_name",
	} {
		if release[key] != "" {
			c[name] = release[key]
		}
	}
	return map[string]Values{"os": c}
}

// osRelease reads etc/os-release below root, which is "/" except in tests. See
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html.
func osRelease(root string) map[string]string {
	values := make(map[string]string)
	text, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		text, _ = os.ReadFile(filepath.Join(root, "usr/lib/os-release"))
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[name] = strings.Trim(value, `"'`)
		}
	}
	return values
}

func readProcessor() map[string]Values {
	device, processor := Values{}, Values{}
	if infos, err := cpu.Info(); err == nil && len(infos) > 0 {
		if infos[0].ModelName != "" {
			device["cpu_description"] = infos[0].ModelName
		}
		if mhz := infos[0].Mhz; mhz >= 1 {
			device["processor_frequency"] = int(mhz)
			processor["frequency_current_mhz"] = round(mhz)
		}
	}
	if n, err := cpu.Counts(false); err == nil && n > 0 {
		processor["count_physical"] = n
	}
	if stat, err := os.ReadFile("/proc/stat"); err == nil {
		for line := range strings.Lines(string(stat)) {
			if text, ok := strings.CutPrefix(line, "btime "); ok {
				if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
					device["boot_time"] = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
				}
			}
		}
	}
	return map[string]Values{"device": device, "cpu": processor}
}

func readCPU(system, own *share) map[string]Values {
	result := map[string]Values{}
	times, err := cpu.Times(false)
	if err != nil || len(times) == 0 {
		return nil
	}
	t := times[0]
	idle := t.Idle + t.Iowait
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal // user time includes guest time
	if p, ok := system.next(busy, busy+idle); ok {
		result["cpu"] = Values{"percent_used": p}
	}
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
		used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
		if p, ok := own.next(used.Seconds(), time.Since(ProcessStart).Seconds()*float64(runtime.NumCPU())); ok {
			result["process"] = Values{"cpu_percent": p}
		}
	}
	return result
}

func readProcess() map[string]Values {
	c := Values{}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseUint(fields[0], 10, 64)
		switch {
		case err != nil:
		case name == "VmRSS":
			c["memory_mb"] = round(float64(n) / 1024)
		case name == "Threads":
			c["threads"] = n
		}
	}
	return map[string]Values{"process": c}
}

// A diskReader reads the mounted file systems.
type diskReader struct{ network networkDrives[unix.Statfs_t] }

func (d *diskReader) read() map[string]Values {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	disks, device := Values{}, Values{}
	for _, m := range realMounts(text) {
		if len(disks) >= maxDisks {
			break
		}
		st, ok := d.stat(m)
		if !ok || st.Blocks == 0 {
			continue
		}
		size := uint64(st.Frsize) // the unit of the counts; Bsize is the preferred size for reads
		if size == 0 {
			size = uint64(st.Bsize)
		}
		total, free, available := st.Blocks*size, st.Bfree*size, st.Bavail*size
		disks[m.point] = diskContext(m.source, m.fstype, total, free, available)
		if m.point == "/" {
			device["storage_size"], device["free_storage"] = total, available
		}
	}
	return map[string]Values{"disks": disks, "device": device}
}

func (d *diskReader) stat(m mount) (unix.Statfs_t, bool) {
	read := func() (st unix.Statfs_t, ok bool) {
		ok = retryInterrupted(func() error { return unix.Statfs(m.point, &st) }) == nil
		return st, ok
	}
	if m.network {
		return d.network.ask(m.point, read)
	}
	return read()
}

func retryInterrupted(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

type mount struct {
	point, fstype, source string
	network               bool
}

// realMounts returns the mounts of /proc/self/mountinfo that a user would call a disk, each once; see
// proc_pid_mountinfo(5). They always include the root, in containers too.
func realMounts(mountinfo []byte) []mount {
	var mounts []mount
	seen := make(map[string]bool)
	for a, b := range mountLines(mountinfo) {
		m := mount{point: unescapeMount(a[4]), fstype: b[0], source: unescapeMount(b[1])}
		m.network = networkFS[m.fstype]
		loop := strings.HasPrefix(m.source, "/dev/loop")
		block := strings.HasPrefix(m.source, "/dev/") && !loop && m.fstype != "squashfs"
		pool := poolFS[m.fstype]
		bind := a[3] != "/" && m.fstype != "btrfs" || strings.HasPrefix(m.point, "/snap/")
		device := a[2] // major:minor identifies a file system, however often it is mounted
		switch {
		case m.point == "/":
		case !block && !pool && !m.network, bind, seen[device], seen[m.source]:
			continue
		}
		seen[device], seen[m.source] = true, true
		if m.point == "/" { // a later mount covers it, or it follows a bind mount of itself
			mounts = append([]mount{m}, withoutRoot(mounts)...)
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// mountLines yields the fields of each line before and after the dash. It skips lines with fewer than five and two.
func mountLines(mountinfo []byte) iter.Seq2[[]string, []string] {
	return func(yield func(left, right []string) bool) {
		for line := range strings.Lines(string(mountinfo)) {
			left, right, _ := strings.Cut(line, " - ")
			a, b := strings.Fields(left), strings.Fields(right)
			if len(a) >= 5 && len(b) >= 2 && !yield(a, b) {
				return
			}
		}
	}
}

func withoutRoot(mounts []mount) []mount {
	if len(mounts) > 0 && mounts[0].point == "/" {
		return mounts[1:]
	}
	return mounts
}

// networkFS lists file systems whose server may not answer.
var networkFS = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "fuse.sshfs": true, "ceph": true,
	"glusterfs": true, "fuse.glusterfs": true, "afs": true, "davfs": true, "fuse.rclone": true,
}

// poolFS lists local file systems whose source is no block device: a storage pool, or the host of a virtual machine.
var poolFS = map[string]bool{
	"zfs": true, "btrfs": true, "bcachefs": true, "virtiofs": true, "9p": true, "drvfs": true,
}

// unescapeMount resolves the octal escapes of mountinfo.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
