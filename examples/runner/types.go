package main

import (
	"math"
	"time"
)

// A taskType is a row of the table of task types: what a task of it may say, where it runs, and what runs it.
type taskType struct {
	params  []param
	new     func(p *params) runFunc
	limit   time.Duration // of tasks without timeout_seconds; 0: none, because the work may rightly take hours
	windows bool          // the program that does the work is a part of Windows
	tool    bool          // executable_path names the program of this name, wherever it stands; see programParams
}

// commonParams are those of every task.
var commonParams = []param{
	{name: "type", kind: kindString, example: `"command"`},
	{name: "label", kind: kindString, example: `"what it is for"`},
	{name: "ui_label", kind: kindString, example: `"what it is for"`},
	{name: "timeout_seconds", kind: kindNumber, example: "60", high: math.Inf(1)},
}

// programParams are those of a task of any other type that names a program.
var programParams = []param{
	{name: "executable_path", kind: kindString, example: `"..\\tools\\scanner.exe"`, required: true},
	{name: "args", kind: kindTexts, example: `["--quick"]`},
	{name: "working_path", kind: kindString, example: `"..\\logs"`},
	{name: "success_codes", kind: kindWholes, example: "[0, 1]"},
}

var (
	executablePath = param{name: "executable_path", kind: kindString, example: `"..\\tools\\program.exe"`}
	hostParam      = param{name: "host", kind: kindString, example: `"example.com"`, required: true}
	portParam      = param{name: "port", kind: kindWhole, example: "443", otherwise: 443, low: 1, high: 65535}
	driveParam     = param{name: "drive", kind: kindString, example: `"C:"`}
	extraArgs      = param{name: "extra_args", kind: kindTexts, example: `["-4"]`}
)

// leastFree is the parameter min_free_percent.
func leastFree(otherwise float64) param {
	return param{name: "min_free_percent", kind: kindNumber, example: "10", otherwise: otherwise, high: 100}
}

// atLeast is a parameter that a measured value must reach; absent, any will do.
func atLeast(name string) param {
	return param{name: name, kind: kindNumber, example: "100", high: math.Inf(1)}
}

func flagParam(name string) param { return param{name: name, kind: kindBool, example: "true"} }

var taskTypes = map[string]taskType{
	"command": {new: newCommand, params: []param{
		{name: "command", kind: kindTexts, example: `["program", "argument"]`, required: true},
		{name: "working_path", kind: kindString, example: `"..\\logs"`},
		{name: "success_codes", kind: kindWholes, example: "[0, 1]"},
	}},
	"disk_space": {new: newDiskSpace, limit: 30 * time.Second, params: []param{ // a dead network drive never answers
		{name: "path", kind: kindString, example: `"C:\\"`, required: true},
		leastFree(10),
	}},
	"disk_space_report": {new: newDiskReport, limit: 30 * time.Second, params: []param{leastFree(5)}},
	"ping": {new: newPing, params: []param{ // each attempt has its own limit
		hostParam, portParam,
		{name: "count", kind: kindWhole, example: "3", otherwise: 3, low: 1, high: 100},
	}},
	"ping_test": {new: newPingTest, params: []param{
		hostParam, portParam,
		{name: "count", kind: kindWhole, example: "4", otherwise: 4, low: 1, high: 100},
	}},
	"http_check": {new: newHTTPCheck, limit: 30 * time.Second, params: []param{
		{name: "url", kind: kindString, example: `"https://example.com/health"`, required: true},
		{name: "expect_status", kind: kindWhole, example: "200", otherwise: 200, low: 100, high: 599},
		{name: "authorization", kind: kindString, example: `"env:HEALTH_TOKEN"`, secret: true},
	}},
	"dns_lookup": {new: newDNSLookup, limit: 15 * time.Second, params: []param{hostParam}},
	"hash_files": {new: newHashFiles, params: []param{
		{name: "path", kind: kindString, example: `"C:\\Tools"`, required: true},
		{name: "manifest", kind: kindManifest, example: `"SHA256SUMS"`},
	}},
	"temp_cleanup": {new: newTempCleanup, params: []param{
		{name: "path", kind: kindString, example: `"C:\\Temp"`, required: true},
		{name: "older_than_days", kind: kindNumber, example: "7", otherwise: 7, high: 100 * 365},
		flagParam("apply"),
	}},
	"system_info": {new: newSystemInfo, limit: 30 * time.Second},
	"demo_panic": {new: newDemoPanic, params: []param{
		{name: "index", kind: kindWhole, example: "3", otherwise: 3, high: 1000},
	}},

	"battery_health_report": {new: newBatteryReport, limit: 30 * time.Second, params: []param{
		{name: "index", kind: kindWhole, example: "0", high: 100},
	}},
	"smartctl_report": {new: newSmartReport, limit: 10 * time.Minute, tool: true, params: []param{
		executablePath,
		{name: "detail_level", kind: kindString, example: `"basic"`, choices: []string{"basic", "complete"}},
		{name: "devices", kind: kindTexts, example: `["/dev/sda"]`},
	}},
	"iperf_test": {new: newIperf, tool: true, params: []param{
		executablePath, extraArgs,
		{name: "server", kind: kindString, example: `"192.168.0.10"`, required: true},
		{name: "port", kind: kindWhole, example: "5201", otherwise: 5201, low: 1, high: 65535},
		{name: "duration_minutes", kind: kindNumber, example: "1", high: 24 * 60},
		{name: "duration_seconds", kind: kindNumber, example: "10", high: 24 * 3600},
		{name: "protocol", kind: kindString, example: `"tcp"`, choices: []string{"tcp", "udp"}},
		flagParam("reverse"),
		{name: "parallel_streams", kind: kindWhole, example: "1", otherwise: 1, low: 1, high: 128},
		{name: "omit_seconds", kind: kindWhole, example: "0", high: 60},
		{name: "interval_seconds", kind: kindNumber, example: "1", otherwise: 1, high: 60},
		{name: "bandwidth", kind: kindString, example: `"100M"`},
		atLeast("min_mbps"),
	}},
	"speedtest": {new: newSpeedtest, limit: 5 * time.Minute, tool: true, params: []param{
		executablePath,
		{name: "threads", kind: kindWhole, example: "1", high: 128},
		flagParam("share"), flagParam("secure"), flagParam("skip_download"), flagParam("skip_upload"),
		{name: "server", kind: kindWhole, example: "12345", high: math.MaxInt32},
		{name: "servers", kind: kindWholes, example: "[12345]"},
		atLeast("min_download_mbps"), atLeast("min_upload_mbps"),
	}},
	"sfc_scan": {new: newSfcScan, windows: true, tool: true, params: []param{executablePath}},
	"dism_health_check": {new: newDismCheck, windows: true, tool: true, params: []param{
		executablePath,
		{name: "actions", kind: kindTexts, example: `["checkhealth"]`,
			choices: []string{"checkhealth", "scanhealth", "restorehealth"}},
	}},
	"chkdsk_scan": {new: newChkdsk, windows: true, tool: true, params: []param{
		executablePath, driveParam,
		{name: "mode", kind: kindString, example: `"read_only"`,
			choices: []string{"read_only", "fix_errors", "comprehensive"}},
		flagParam("schedule_if_busy"),
	}},
	"winsat_disk": {new: newWinsat, windows: true, tool: true, params: []param{
		executablePath, driveParam,
		{name: "test_mode", kind: kindString, example: `"full"`,
			choices: []string{"full", "random_read", "sequential_read", "sequential_write", "flush"}},
	}},
	"windows_update": {new: newWindowsUpdate, windows: true, tool: true, params: []param{
		executablePath, flagParam("microsoft_update"), flagParam("accept_all"), flagParam("ignore_reboot"),
	}},
}
