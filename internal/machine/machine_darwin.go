package machine

import (
	"os"
	"os/user"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Without cgo, gopsutil starts vm_stat, ps and sw_vers. The kernel gives the same answers through sysctl.

// OSName is Sentry's name for the operating system.
func OSName() string { return "macOS" }

// User returns the login name of the user who runs this process, "" when unknown.
func User() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}

// BootID returns an ID of this boot of the machine, "" when unknown. sure says that another boot has another ID.
func BootID() (id string, sure bool) {
	id, _ = unix.Sysctl("kern.bootsessionuuid")
	return id, true
}

func platformProbes() []Probe {
	var own share
	return []Probe{
		{Name: "os", Read: readOS},
		{Name: "processor", Read: readProcessor},
		{Name: "memory", Every: staleAfter, Read: readMemory},
		{Name: "cpu", Every: staleAfter, Read: func() map[string]Values { return readCPU(&own) }},
		{Name: "disks", Every: disksAfter, Read: readDisks},
	}
}

func readOS() map[string]Values {
	c := Values{"name": "macOS"}
	put := func(key, sysctl string) {
		if v, err := unix.Sysctl(sysctl); err == nil && v != "" {
			c[key] = v
		}
	}
	put("version", "kern.osproductversion")
	put("build", "kern.osversion")
	put("kernel_version", "kern.osrelease")
	put("release", "kern.osrelease")
	put("architecture", "hw.machine")
	put("processor", "machdep.cpu.brand_string")
	if version, ok := c["version"].(string); ok {
		c["platform"] = "macOS-" + version + "-" + runtime.GOARCH
	}
	return map[string]Values{"os": c}
}

func readProcessor() map[string]Values {
	device, processor := Values{}, Values{}
	if name, err := unix.Sysctl("machdep.cpu.brand_string"); err == nil && name != "" {
		device["cpu_description"] = strings.TrimSpace(name)
	}
	if n, err := unix.SysctlUint32("hw.physicalcpu"); err == nil && n > 0 {
		processor["count_physical"] = int(n)
	}
	if hz, err := unix.SysctlUint64("hw.cpufrequency"); err == nil && hz >= 1e6 { // unknown on Apple's own chips
		device["processor_frequency"] = int(hz / 1e6)
		processor["frequency_current_mhz"] = float64(hz / 1e6)
	}
	if t, err := unix.SysctlTimeval("kern.boottime"); err == nil && t.Sec > 0 {
		device["boot_time"] = time.Unix(t.Sec, 0).UTC().Format(time.RFC3339)
	}
	return map[string]Values{"device": device, "cpu": processor}
}

func readMemory() map[string]Values {
	total, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return nil
	}
	// Available is what the kernel can give a program at once: free pages, and file pages, which it can read again.
	// File pages include those read ahead; where file pages aren't counted, the latter take their place.
	count := func(name string) uint64 {
		n, _ := unix.SysctlUint32(name) // 0 if the kernel doesn't have it
		return uint64(n)
	}
	pages := count("vm.page_free_count") + count("vm.page_purgeable_count") +
		max(count("vm.page_pageable_external_count"), count("vm.page_speculative_count"))
	if pages == 0 {
		return map[string]Values{
			"memory": {"total_gb": gigabytes(total)}, "device": {"memory_size": total}, notedMemory: {"total": total},
		}
	}
	return memoryContexts(total, pages*uint64(unix.Getpagesize()))
}

func readCPU(own *share) map[string]Values {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return nil
	}
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if p, ok := own.next(used.Seconds(), time.Since(ProcessStart).Seconds()*float64(runtime.NumCPU())); ok {
		return map[string]Values{"process": {"cpu_percent": p}}
	}
	return nil
}

// readDisks lists the local volumes that a user sees. MNT_NOWAIT returns the kernel's cached state, so a dead network
// drive doesn't hang the call.
func readDisks() map[string]Values {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil || n == 0 {
		return nil
	}
	list := make([]unix.Statfs_t, n)
	if n, err = unix.Getfsstat(list, unix.MNT_NOWAIT); err != nil {
		return nil
	}
	disks, device := Values{}, Values{}
	for _, st := range list[:min(n, len(list))] {
		point := unix.ByteSliceToString(st.Mntonname[:])
		hidden := strings.HasPrefix(point, "/System/Volumes/") || st.Flags&unix.MNT_DONTBROWSE != 0
		if st.Blocks == 0 || point != "/" && hidden || len(disks) >= maxDisks {
			continue
		}
		size := uint64(st.Bsize)
		total, free, available := st.Blocks*size, st.Bfree*size, st.Bavail*size
		source, fstype := unix.ByteSliceToString(st.Mntfromname[:]), unix.ByteSliceToString(st.Fstypename[:])
		disks[point] = diskContext(source, fstype, total, free, available)
		if point == "/" {
			device["storage_size"], device["free_storage"] = total, available
		}
	}
	return map[string]Values{"disks": disks, "device": device}
}
