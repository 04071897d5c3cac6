package machine

import (
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/shirou/gopsutil/v3/mem"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Of gopsutil, only packages without side effects are used here. Merely importing its disk and process packages changes
// the machine's registry and this process's privileges. Its CPU details use WMI, which may hang.

// OSName is Sentry's name for the operating system.
func OSName() string { return "Windows" }

// User returns the login name of the user who runs this process, "" when unknown.
func User() string {
	if name := os.Getenv("USERNAME"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
	}
	return ""
}

// BootID returns an ID of this boot of the machine, "" when unknown. sure says that another boot has another ID, which
// is never certain here: the ID is the prefetcher's count of boots, which may be off, and Fast Startup resumes a kernel
// without counting.
func BootID() (id string, sure bool) {
	k, err := machineKey(`SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters`)
	if err != nil {
		return "", false
	}
	defer func() { _ = k.Close() }()
	n, _, err := k.GetIntegerValue("BootId")
	if err != nil {
		return "", false
	}
	return strconv.FormatUint(n, 10), false
}

// machineKey opens a key below HKEY_LOCAL_MACHINE for reading.
func machineKey(path string) (registry.Key, error) {
	return registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
}

func platformProbes() []Probe {
	var system, own share
	var disks diskReader
	return []Probe{
		{Name: "os", Read: readOS},
		{Name: "processor", Read: readProcessor},
		{Name: "memory", Every: staleAfter, Read: readMemory},
		{Name: "cpu", Every: staleAfter, Read: func() map[string]Values { return readCPU(&system, &own) }},
		{Name: "process", Every: staleAfter, Read: readProcess},
		{Name: "disks", Every: disksAfter, Read: disks.read},
	}
}

func readOS() map[string]Values {
	v := windows.RtlGetVersion()
	release := strconv.Itoa(int(v.MajorVersion))
	if v.MajorVersion == 10 && v.BuildNumber >= 22000 { // Windows 11 still calls itself 10
		release = "11"
	}
	build := strconv.Itoa(int(v.BuildNumber))
	version := strconv.Itoa(int(v.MajorVersion)) + "." + strconv.Itoa(int(v.MinorVersion)) + "." + build
	c := Values{
		"name": "Windows", "release": release, "kernel_version": version,
		"platform": "Windows-" + release + "-" + version,
	}
	if k, err := machineKey(`SOFTWARE\Microsoft\Windows NT\CurrentVersion`); err == nil {
		if revision, _, err := k.GetIntegerValue("UBR"); err == nil {
			build += "." + strconv.FormatUint(revision, 10)
		}
		c["distribution_name"], c["distribution_version"] = "Windows", release
		if name, _, err := k.GetStringValue("ProductName"); err == nil && name != "" {
			if release == "11" {
				name = strings.Replace(name, "Windows 10", "Windows 11", 1)
			}
			c["distribution_pretty_name"] = name
		}
		_ = k.Close()
	}
	c["version"], c["build"] = version, build
	c["architecture"] = nativeArchitecture()
	if id := os.Getenv("PROCESSOR_IDENTIFIER"); id != "" {
		c["processor"] = id
	}
	return map[string]Values{"os": c}
}

// nativeArchitecture returns the machine's architecture, even for a process that runs under emulation.
func nativeArchitecture() string {
	var process, native uint16
	if windows.IsWow64Process2(windows.CurrentProcess(), &process, &native) == nil {
		switch native {
		case 0x8664:
			return "AMD64"
		case 0xaa64:
			return "ARM64"
		case 0x014c:
			return "x86"
		}
	}
	return strings.ToUpper(runtime.GOARCH)
}

var (
	kernel32                   = windows.NewLazySystemDLL("kernel32.dll")
	procGetTickCount64         = kernel32.NewProc("GetTickCount64")
	procGetSystemTimes         = kernel32.NewProc("GetSystemTimes")
	procGetProcessMemoryInfo   = kernel32.NewProc("K32GetProcessMemoryInfo")
	procGetLogicalProcessorsEx = kernel32.NewProc("GetLogicalProcessorInformationEx")
)

func readProcessor() map[string]Values {
	device, processor := Values{}, Values{}
	if k, err := machineKey(`HARDWARE\DESCRIPTION\System\CentralProcessor\0`); err == nil {
		if name, _, err := k.GetStringValue("ProcessorNameString"); err == nil && strings.TrimSpace(name) != "" {
			device["cpu_description"] = strings.TrimSpace(name)
		}
		if mhz, _, err := k.GetIntegerValue("~MHz"); err == nil && mhz > 0 {
			device["processor_frequency"] = int(mhz)
			processor["frequency_current_mhz"] = float64(mhz)
		}
		_ = k.Close()
	}
	if n := physicalCores(); n > 0 {
		processor["count_physical"] = n
	}
	if procGetTickCount64.Find() == nil {
		ms, _, _ := procGetTickCount64.Call()
		booted := time.Now().Add(-time.Duration(ms) * time.Millisecond)
		device["boot_time"] = booted.UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	return map[string]Values{"device": device, "cpu": processor}
}

// physicalCores counts the records of RelationProcessorCore (0). Each record begins with its relation and its size.
func physicalCores() (cores int) {
	if procGetLogicalProcessorsEx.Find() != nil {
		return 0
	}
	var size uint32
	_, _, _ = procGetLogicalProcessorsEx.Call(0, 0, uintptr(unsafe.Pointer(&size)))
	if size == 0 || size > 1<<20 {
		return 0
	}
	buf := make([]byte, size)
	ok, _, _ := procGetLogicalProcessorsEx.Call(0, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)))
	if ok == 0 {
		return 0
	}
	for buf = buf[:size]; len(buf) >= 8; cores++ {
		n := *(*uint32)(unsafe.Pointer(&buf[4]))
		if n < 8 || int(n) > len(buf) {
			break
		}
		buf = buf[n:]
	}
	return cores
}

func readMemory() map[string]Values {
	m, err := mem.VirtualMemory()
	if err != nil {
		return nil
	}
	return memoryContexts(m.Total, m.Available)
}

func readCPU(system, own *share) map[string]Values {
	result := map[string]Values{}
	var idle, kernel, user windows.Filetime
	if procGetSystemTimes.Find() == nil {
		ok, _, _ := procGetSystemTimes.Call(
			uintptr(unsafe.Pointer(&idle)), uintptr(unsafe.Pointer(&kernel)), uintptr(unsafe.Pointer(&user)))
		if ok != 0 {
			total := seconds(kernel) + seconds(user) // kernel time includes idle time
			if p, ok := system.next(total-seconds(idle), total); ok {
				result["cpu"] = Values{"percent_used": p}
			}
		}
	}
	var created, exited windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) == nil {
		available := time.Since(ProcessStart).Seconds() * float64(runtime.NumCPU())
		if p, ok := own.next(seconds(kernel)+seconds(user), available); ok {
			result["process"] = Values{"cpu_percent": p}
		}
	}
	return result
}

func seconds(t windows.Filetime) float64 {
	return float64(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) / 1e7
}

func readProcess() map[string]Values {
	// PROCESS_MEMORY_COUNTERS
	var counters struct {
		size, faults                                                                     uint32
		peakWorkingSet, workingSet, peakPaged, paged, peakNonPaged, nonPaged, pf, peakPf uintptr
	}
	counters.size = uint32(unsafe.Sizeof(counters))
	if procGetProcessMemoryInfo.Find() != nil {
		return nil
	}
	ok, _, _ := procGetProcessMemoryInfo.Call(
		uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size))
	if ok == 0 {
		return nil
	}
	return map[string]Values{"process": {"memory_mb": round(float64(counters.workingSet) / (1 << 20))}}
}

// A diskReader reads the drives that have letters.
type diskReader struct{ network networkDrives[drive] }

func (d *diskReader) read() map[string]Values {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return nil
	}
	disks, device := Values{}, Values{}
	system := strings.ToUpper(os.Getenv("SystemDrive"))
	for i := range maxDisks {
		if mask&(1<<i) == 0 {
			continue
		}
		root := string(rune('A'+i)) + `:\`
		s, ok := d.stat(root)
		if !ok {
			continue
		}
		disks[root[:2]] = s.info
		if root[:2] == system {
			device["storage_size"], device["free_storage"] = s.total, s.free
		}
	}
	return map[string]Values{"disks": disks, "device": device}
}

type drive struct {
	info        map[string]any
	total, free uint64
}

func (d *diskReader) stat(root string) (drive, bool) {
	path, err := windows.UTF16PtrFromString(root)
	if err != nil {
		return drive{}, false
	}
	read := func() (drive, bool) { return readDrive(root, path) }
	switch windows.GetDriveType(path) {
	case windows.DRIVE_FIXED, windows.DRIVE_REMOVABLE, windows.DRIVE_RAMDISK:
		return read()
	case windows.DRIVE_REMOTE:
		return d.network.ask(root, read)
	}
	return drive{}, false
}

func readDrive(root string, path *uint16) (drive, bool) {
	var available, total, free uint64
	if windows.GetDiskFreeSpaceEx(path, &available, &total, &free) != nil || total == 0 {
		return drive{}, false
	}
	var fstype [windows.MAX_PATH + 1]uint16
	// On failure the type stays "".
	_ = windows.GetVolumeInformation(path, nil, 0, nil, nil, nil, &fstype[0], uint32(len(fstype)))
	info := diskContext(root[:2], windows.UTF16ToString(fstype[:]), total, free, available)
	return drive{info, total, available}, true
}
