package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// The bits of smartctl's exit code, see smartctl(8). A failing disk sets others beside its own.
const (
	smartBadCommand   = 1 << 0
	smartNotOpened    = 1 << 1
	smartCommandError = 1 << 2
	smartFailing      = 1 << 3
	smartPrefail      = 1 << 4
	smartWasPrefail   = 1 << 5
	smartErrorLog     = 1 << 6
	smartSelfTestLog  = 1 << 7
)

var smartBits = []struct {
	bit     int
	meaning string
}{
	{smartBadCommand, "smartctl didn't understand its arguments"},
	{smartNotOpened, "it could not be opened"},
	{smartCommandError, "some command to it failed"},
	{smartFailing, "it is failing"},
	{smartPrefail, "attributes are at or below their threshold: it will fail soon"},
	{smartWasPrefail, "attributes were at or below their threshold"},
	{smartErrorLog, "its error log has errors"},
	{smartSelfTestLog, "its self-test log has errors"},
}

type smartScan struct {
	Devices []smartDevice `json:"devices"`
}

type smartDevice struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// smartReport is what of smartctl -j is read.
type smartReport struct {
	Smartctl struct {
		ExitStatus *int `json:"exit_status"`
		Messages   []struct {
			String string `json:"string"`
		} `json:"messages"`
	} `json:"smartctl"`
	ModelName string `json:"model_name"`
	Firmware  string `json:"firmware_version"`
	Status    *struct {
		Passed bool `json:"passed"`
	} `json:"smart_status"`
	Temperature *struct {
		Current int `json:"current"`
	} `json:"temperature"`
	PowerOn *struct {
		Hours int `json:"hours"`
	} `json:"power_on_time"`
	PowerCycles *int `json:"power_cycle_count"`
	NVMe        *struct {
		Used        int   `json:"percentage_used"`
		Spare       int   `json:"available_spare"`
		MediaErrors int64 `json:"media_errors"`
		Unsafe      int64 `json:"unsafe_shutdowns"`
	} `json:"nvme_smart_health_information_log"`
}

// newSmartReport asks each disk how it is: {devices, detail_level, executable_path}. A disk that is failing, will fail
// soon or can't be read is a failure, and so is a machine without disks.
func newSmartReport(p *params) runFunc {
	prog := p.tool("smartctl", "/usr/sbin/smartctl")
	prog.whole = true
	level := "-a"
	if p.word("detail_level") == "complete" {
		level = "-x"
	}
	var named []smartDevice
	for _, name := range p.texts("devices") {
		named = append(named, smartDevice{Name: name})
	}
	scan := *prog
	scan.args = []string{"--scan", "-j"}
	p.will("%s, and then %s of each disk", scan.plan(), level)
	return func(ctx context.Context) (summary, error) {
		devices := named
		if devices == nil {
			e, err := scan.run(ctx)
			if err != nil {
				return e.summary(), err
			}
			var found smartScan
			if err := jsonIn(e.all.Bytes(), &found); err != nil {
				return e.summary(), e.unreadable(err)
			}
			devices = found.Devices
		}
		if len(devices) == 0 {
			return summary{"disks": []any{}}, fail("no_disk", nil, "No disks found")
		}
		var disks []smartDisk
		for _, device := range devices {
			disk, err := readSmart(ctx, *prog, device, level)
			if err != nil {
				return summary{"disk": device.Name}, err
			}
			disks = append(disks, disk)
		}
		return judgeDisks(disks)
	}
}

type smartDisk struct {
	name    string
	exit    int
	state   string // "": well
	summary summary
	denied  bool // it can't be read because the runner may not
}

func readSmart(ctx context.Context, prog invocation, device smartDevice, level string) (smartDisk, error) {
	prog.args = []string{"-j", level}
	if device.Type != "" {
		prog.args = append(prog.args, "-d", device.Type)
	}
	prog.args = append(prog.args, device.Name)
	e, err := prog.run(ctx)
	if err != nil {
		return smartDisk{}, err
	}
	d := smartDisk{name: device.Name, exit: e.exit, summary: summary{"name": device.Name, "exit_code": e.exit}}
	var report smartReport
	if err := jsonIn(e.all.Bytes(), &report); err != nil || e.exit < 0 {
		return d, e.unreadable(errors.Join(err, errorOf(e)))
	}
	var said []string
	for _, m := range report.Smartctl.Messages {
		said = append(said, m.String)
	}
	var notes []string
	for _, b := range smartBits {
		if e.exit&b.bit != 0 {
			notes = append(notes, b.meaning)
		}
	}
	passed := report.Status == nil || report.Status.Passed
	switch {
	case e.exit&smartFailing != 0 || !passed:
		d.state = "disk_failing"
	case e.exit&smartPrefail != 0:
		d.state = "disk_will_fail"
	case e.exit&(smartBadCommand|smartNotOpened) != 0:
		d.state = "disk_unreadable"
		if saysAny(strings.Join(said, " "), "permission denied", "access is denied") {
			d.denied = true
		}
	}
	d.fill(&report, append(notes, said...))
	slog.InfoContext(ctx, "read a disk", "category", "disk", "name", device.Name, "exit_code", e.exit, "passed", passed)
	return d, nil
}

func (d *smartDisk) fill(report *smartReport, notes []string) {
	for name, text := range map[string]string{"model": report.ModelName, "firmware": report.Firmware} {
		if text != "" {
			d.summary[name] = text
		}
	}
	if len(notes) > 0 {
		d.summary["notes"] = notes
	}
	if report.Status != nil {
		d.summary["passed"] = report.Status.Passed
	}
	if report.Temperature != nil {
		d.summary["temperature_c"] = report.Temperature.Current
	}
	if report.PowerOn != nil {
		d.summary["power_on_hours"] = report.PowerOn.Hours
	}
	if report.PowerCycles != nil {
		d.summary["power_cycles"] = *report.PowerCycles
	}
	if n := report.NVMe; n != nil {
		d.summary["used_percent"], d.summary["spare_percent"] = n.Used, n.Spare
		d.summary["media_errors"], d.summary["unsafe_shutdowns"] = n.MediaErrors, n.Unsafe
	}
}

// judgeDisks says which disks are not well; the worst trouble of them gives the failure its code.
func judgeDisks(disks []smartDisk) (summary, error) {
	var all []any
	names := make(map[string][]string)
	denied := false
	for _, d := range disks {
		all = append(all, d.summary)
		names[d.state] = append(names[d.state], d.name)
		denied = denied || d.denied
	}
	sum := summary{"disks": all}
	if len(names["disk_unreadable"]) == len(disks) && denied {
		return sum, fmt.Errorf("smartctl: %w", errNeedsAdministrator) // it didn't come out bad, it didn't come out
	}
	var reasons []string
	code := ""
	for _, s := range []struct{ state, text string }{
		{"disk_failing", "failing"}, {"disk_will_fail", "will fail soon"}, {"disk_unreadable", "can't be read"},
	} {
		if found := names[s.state]; len(found) > 0 {
			reasons = append(reasons, s.text+": "+strings.Join(found, ", "))
			if code == "" {
				code = s.state
			}
		}
	}
	if code == "" {
		return sum, nil
	}
	return sum, fail(code, nil, "%s", strings.Join(reasons, "; "))
}
