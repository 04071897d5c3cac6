package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/autoservice/sentryconfig"
)

//nolint:misspell // NO_COLOR is everybody's name for it
const usage = `runner works through a list of tasks and reports to Sentry what goes wrong in them.

  runner [flags] [LIST.json | -]       the sample list without a list, standard input with -

At a terminal people see a line for each task and a summary; NO_COLOR and TERM=dumb keep it from moving. What isn't a
terminal gets a JSON report on standard output, and markers and the log on standard error.

  -dsn DSN          report to this project; "default" is sentryconfig.DefaultDSN. Without a DSN here, in the list, in
                    the settings or in $SENTRY_DSN a server inside stands in, and what it got is shown at the end.
                      runner -dsn 'https://<key>@<host>/<project>' tasks.json
  -settings FILE    options as an app_settings.json has them; the list's sentry_config wins over it. A change
                    of the file holds from the next task on, but for dsn, environment, release, outbox_dir,
                    outbox_bytes and crash_reports
                      runner -settings app_settings.json tasks.json
  -outbox DIR       keep what isn't delivered in this folder until a later run delivers it
                      runner -outbox /var/lib/runner/outbox tasks.json
  -export FILE      run nothing; write what waits in the outbox to FILE, or to standard output with -, to be sent from
                    another machine
                      runner -outbox /var/lib/runner/outbox -export waiting.tar
  -parallel N       run N tasks side by side (1)
                      runner -parallel 4 tasks.json
  -keep-going=false skip the rest after a task that didn't end well
                      runner -keep-going=false tasks.json
  -report FILE      write the report to FILE too
                      runner -report report.json tasks.json
  -check            run nothing; say what is wrong with the list, with exit code 2, and which tasks can't start, with 1
                      runner -check tasks.json
  -dry-run          run nothing; say for each task what would run
                      runner -dry-run tasks.json
  -raw              keep secrets in the report and in the log; what goes to Sentry is filtered all the same
                      runner -raw tasks.json
  -events FILE      write what the server inside got to FILE, as Sentry gets it
                      runner -events events.json tasks.json
  -view             show on a page in a browser, at an address that is printed, what the server inside gets and what
                    waits in the outbox. It is live while tasks run and stays until Ctrl-C. With an outbox and without
                    a list nothing runs
                      runner -view tasks.json
                      runner -view -outbox /var/lib/runner/outbox
  -json             write the report to standard output even if that is a terminal
                      runner -json tasks.json
  -markers          tell a front end on standard error how the run is coming along, even if that is a terminal: lines
                    TASK_START:<index>:<type>, then TASK_OK, TASK_FAIL or TASK_SKIP:<index>:<type> - <reason>, each
                    followed by PROGRESS_JSON:{"completed", "total", "percent", "index", "type", "label", "status",
                    "elapsed_seconds"}; other lines are the log
                      runner -markers tasks.json
  -quiet            say nothing on standard error but what keeps the list from being run
                      runner -quiet tasks.json
  -version          show the version
                      runner -version
  -h                show this

A list is an array of tasks, one task by itself, or {"tasks": [...], "sentry_config": {"environment": "staging"}}:

  {"type": "command", "command": ["program", "argument"], "timeout_seconds": 60}
  {"type": "disk_space", "path": "/", "min_free_percent": 10}
  {"type": "ping", "host": "example.com", "port": 443, "count": 3}
  {"type": "http_check", "url": "https://example.com/health", "expect_status": 200}
  {"type": "dns_lookup", "host": "example.com"}
  {"type": "hash_files", "path": "/opt/tools", "manifest": "/opt/tools/SHA256SUMS"}
  {"type": "temp_cleanup", "path": "/var/tmp/app", "older_than_days": 7, "apply": false}
  {"type": "system_info"}
  {"type": "ping_test", "host": "example.com", "count": 4}
  {"type": "disk_space_report", "min_free_percent": 5}
  {"type": "battery_health_report"}
  {"type": "smartctl_report", "detail_level": "basic"}
  {"type": "iperf_test", "server": "192.168.0.10", "duration_minutes": 1, "min_mbps": 100}
  {"type": "speedtest", "min_download_mbps": 20}
  {"type": "sfc_scan"}                                       and the four below: on Windows
  {"type": "dism_health_check", "actions": ["checkhealth", "scanhealth", "restorehealth"]}
  {"type": "chkdsk_scan", "drive": "C:", "mode": "read_only"}
  {"type": "winsat_disk", "drive": "C:"}
  {"type": "windows_update", "accept_all": true}
  {"type": "any_name", "executable_path": "..\\tools\\scanner.exe", "args": ["--quick"], "working_path": "..\\logs",
   "success_codes": [0, 1]}

each with a "label" and "timeout_seconds" if you like. Names of programs are relative to the list's folder; "env:NAME"
as the value of a secret parameter, or after a flag such as --password, is read from the environment and never reported.
Exit codes: 0 all that ran went well, or the sample ran, 1 some tasks failed or none ran, 2 the list wasn't run,
130 interrupted.
`

type runnerFlags struct {
	dsn, settings, outbox, export, report string
	parallel                              int
	keepGoing, check, dryRun, raw         bool
	events                                string
	view                                  bool
	json, markers, quiet, version         bool
	list                                  string
}

// parseFlags reads flags and the list's name, in any order.
func parseFlags(args []string) (*runnerFlags, error) {
	f := &runnerFlags{}
	set := flag.NewFlagSet("runner", flag.ContinueOnError)
	set.SetOutput(io.Discard) // run says it, in one line
	set.StringVar(&f.dsn, "dsn", "", "")
	set.StringVar(&f.settings, "settings", "", "")
	set.StringVar(&f.outbox, "outbox", "", "")
	set.StringVar(&f.export, "export", "", "")
	set.StringVar(&f.report, "report", "", "")
	set.IntVar(&f.parallel, "parallel", 1, "")
	set.BoolVar(&f.keepGoing, "keep-going", true, "")
	set.BoolVar(&f.check, "check", false, "")
	set.BoolVar(&f.dryRun, "dry-run", false, "")
	set.BoolVar(&f.raw, "raw", false, "")
	set.StringVar(&f.events, "events", "", "")
	set.BoolVar(&f.view, "view", false, "")
	set.BoolVar(&f.json, "json", false, "")
	set.BoolVar(&f.markers, "markers", false, "")
	set.BoolVar(&f.quiet, "quiet", false, "")
	set.BoolVar(&f.version, "version", false, "")
	var lists []string
	for {
		if err := set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w; remedy: runner -h shows the flags", err)
		}
		if set.NArg() == 0 {
			break
		}
		lists, args = append(lists, set.Arg(0)), set.Args()[1:]
	}
	switch {
	case len(lists) > 1:
		return nil, fmt.Errorf("two lists are named, %s and %s; remedy: run them one after the other",
			lists[0], lists[1])
	case len(lists) == 1:
		f.list = lists[0]
	}
	if f.parallel < 1 {
		return nil, fmt.Errorf("-parallel is %d, want 1 or more; remedy: leave it out to run one task at a time",
			f.parallel)
	}
	if f.outbox != "" {
		abs, err := filepath.Abs(f.outbox)
		if err != nil {
			return nil, fmt.Errorf("-outbox %s: %w; remedy: name an absolute path", f.outbox, err)
		}
		f.outbox = abs
	}
	return f, errors.Join(f.checkView(), f.checkReport())
}

// checkReport finds a report that can't be written before hours have gone into it.
func (f *runnerFlags) checkReport() error {
	if f.report == "" {
		return nil
	}
	dir := filepath.Dir(f.report)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("-report %s: there is no folder %s; remedy: create it first", f.report, dir)
	}
	if info, err := os.Stat(f.report); err == nil && info.IsDir() {
		return fmt.Errorf("-report %s is a folder; remedy: name a file in it", f.report)
	}
	return nil
}

// options puts together the settings, the list's sentry_config, which wins over them, and the flags, which win over
// both.
func (f *runnerFlags) options(l *list) (sentryconfig.Options, error) {
	var opts sentryconfig.Options
	if f.settings != "" {
		var err error
		if opts, err = sentryconfig.LoadOptions(f.settings); err != nil {
			// The run must not go on without them: they may say that nothing is to be reported.
			return opts, fmt.Errorf("-settings %s: %w; remedy: correct the file or leave the flag out", f.settings, err)
		}
	}
	err := f.override(l, &opts)
	return opts, err
}

// override lets the list's sentry_config and the flags win over the settings.
func (f *runnerFlags) override(l *list, opts *sentryconfig.Options) error {
	if err := l.configure(opts); err != nil {
		return err
	}
	switch dsn := strings.TrimSpace(f.dsn); dsn {
	case "":
	case "default":
		opts.DSN = sentryconfig.DefaultDSN
	default:
		opts.DSN = dsn
	}
	if f.outbox != "" {
		opts.OutboxDir = f.outbox
	}
	return nil
}
