package machine

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// ProcessStart is about when the process started: the initialisation of this package.
var ProcessStart = time.Now()

// minCPUInterval is the shortest interval over which a CPU percentage is meaningful.
const minCPUInterval = 100 * time.Millisecond

// Probes returns new probes for everything that can be read on this platform. pii allows personal data: names of the
// machine and of folders, and the command line. detected is the detected environment, for the context environment.
func Probes(pii bool, detected string) []Probe {
	return append(platformProbes(), // what Go itself knows on every platform
		Probe{Name: "program", Read: func() map[string]Values { return readProgram(pii, detected) }},
		Probe{Name: "runtime", Every: staleAfter, Read: readRuntime})
}

func readProgram(pii bool, detected string) map[string]Values {
	app := Values{"app_start_time": ProcessStart.UTC().Format(time.RFC3339)}
	app["app_name"] = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if info, ok := debug.ReadBuildInfo(); ok {
		// The latter is the name that go run FILE.go gives the module.
		if info.Main.Path != "" && info.Main.Path != "command-line-arguments" {
			app["app_name"] = info.Main.Path
		}
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			app["app_version"] = info.Main.Version
		}
		var revision, dirty string
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+dirty"
			}
		}
		if revision != "" {
			app["app_build"] = revision + dirty
		}
	}
	process := Values{"pid": os.Getpid(), "parent_pid": os.Getppid()}
	environment := Values{"detected": detected}
	device := Values{"arch": runtime.GOARCH, "processor_count": runtime.NumCPU()}
	if pii {
		if wd, err := os.Getwd(); err == nil {
			process["cwd"] = wd
		}
		if exe, err := os.Executable(); err == nil {
			process["executable"], environment["executable_path"] = exe, exe
		}
		process["cmdline"] = safe.CutText(strings.Join(os.Args, " "), 2<<10)
		if name := Hostname(); name != "" {
			device["name"] = name
		}
	}
	return map[string]Values{
		"app": app, "process": process, "environment": environment, "device": device,
		"runtime": {"name": "go", "version": runtime.Version(), "compiler": runtime.Compiler},
		"cpu":     {"count_logical": runtime.NumCPU()},
	}
}

func readRuntime() map[string]Values {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/sched/threads/total:threads"},
	}
	metrics.Read(samples)
	app, process := Values{}, Values{}
	if samples[0].Value.Kind() == metrics.KindUint64 && samples[1].Value.Kind() == metrics.KindUint64 {
		app["app_memory"] = samples[0].Value.Uint64() - samples[1].Value.Uint64()
	}
	if samples[2].Value.Kind() == metrics.KindUint64 { // since Go 1.26
		process["threads"] = samples[2].Value.Uint64()
	}
	return map[string]Values{
		"runtime": {"gomaxprocs": runtime.GOMAXPROCS(0), "goroutines": runtime.NumGoroutine()},
		"app":     app, "process": process,
	}
}

// A share converts readings of two counters, time used and time passed, into a percentage. Each probe has its own. It
// is safe for concurrent use.
type share struct {
	mu           sync.Mutex
	at           time.Time
	used, passed float64
	percent      float64
	known        bool
}

// next takes the newest readings and returns the percentage since the previous ones. If those are younger than
// minCPUInterval, it repeats its last result.
func (s *share) next(used, passed float64) (percent float64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.at.IsZero() || now.Sub(s.at) >= minCPUInterval {
		if !s.at.IsZero() && passed > s.passed && used >= s.used {
			s.percent, s.known = percentOf(used-s.used, passed-s.passed)
		}
		s.at, s.used, s.passed = now, used, passed
	}
	return s.percent, s.known
}

// percentOf returns used/total in percent, from 0 to 100 with two decimals. It returns false if there is no such
// number.
func percentOf(used, total float64) (float64, bool) {
	p := used / total * 100
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return 0, false
	}
	return round(min(max(p, 0), 100)), true
}

// round rounds to two decimals.
func round(f float64) float64 { return math.Round(f*100) / 100 }

// gigabytes converts to units of 2^30 bytes, with two decimals.
func gigabytes(bytes uint64) float64 { return round(float64(bytes) / (1 << 30)) }

// notedMemory is the pseudo-context in which a probe returns the figures for Notice, in bytes. Snapshots don't contain
// it.
const notedMemory = "noted memory"

// memoryContexts returns the contexts memory and device, from byte counts that every platform has.
func memoryContexts(total, available uint64) map[string]Values {
	if total == 0 {
		return nil
	}
	available = min(available, total)
	memory := Values{
		"total_gb": gigabytes(total), "available_gb": gigabytes(available), "used_gb": gigabytes(total - available),
	}
	if p, ok := percentOf(float64(total-available), float64(total)); ok {
		memory["percent_used"] = p
	}
	return map[string]Values{
		"memory": memory, "device": {"memory_size": total, "free_memory": available},
		notedMemory: {"total": total, "available": available},
	}
}

// maxDisks limits the mount points of a snapshot: Windows has as many drive letters.
const maxDisks = 26

// diskContext describes one file system; sizes are in bytes.
func diskContext(device, fstype string, total, free, available uint64) map[string]any {
	used := total - min(free, total)
	d := map[string]any{
		"device": device, "fstype": fstype,
		"total_gb": gigabytes(total), "used_gb": gigabytes(used), "free_gb": gigabytes(available),
	}
	if p, ok := percentOf(float64(used), float64(used+available)); ok { // like df: without the part reserved for root
		d["percent_used"] = p
	}
	return d
}
