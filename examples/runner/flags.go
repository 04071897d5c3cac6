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

const usage = `runner works through a list of tasks and reports to Sentry what goes wrong in them.

  runner [flags] [LIST.json | -]       the sample list without a list, standard input with -

  -dsn DSN          report to this project; "default" is sentryconfig.DefaultDSN. Without a DSN here, in the list, in the
                    settings or in $SENTRY_DSN a server inside stands in, and what it got is shown at the end.
                      runner -dsn 'https://<key>@<host>/<project>' tasks.json
  -settings FILE    options as an app_settings.json has them; the list's sentry_config wins over it
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
  -h                show this

A list is an array of tasks, one task by itself, or {"tasks": [...], "sentry_config": {"environment": "staging"}}. Tasks:

  {"type": "command", "command": ["program", "argument"], "timeout_seconds": 60}
  {"type": "disk_space", "path": "/", "min_free_percent": 10}
  {"type": "ping", "host": "example.com", "port": 443, "count": 3}
  {"type": "http_check", "url": "https://example.com/health", "expect_status": 200}
  {"type": "dns_lookup", "host": "example.com"}
  {"type": "hash_files", "path": "/opt/tools", "manifest": "/opt/tools/SHA256SUMS"}
  {"type": "temp_cleanup", "path": "/var/tmp/app", "older_than_days": 7, "apply": false}
  {"type": "system_info"}

each with a "label" and "timeout_seconds" if you like. Exit codes: 0 all well, 1 some tasks failed, 2 the list wasn't run.
`

type runnerFlags struct {
	dsn, settings, outbox, export, report string
	parallel                              int
	keepGoing                             bool
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
		return nil, fmt.Errorf("two lists are named, %s and %s; remedy: run them one after the other", lists[0], lists[1])
	case len(lists) == 1:
		f.list = lists[0]
	}
	if f.parallel < 1 {
		return nil, fmt.Errorf("-parallel is %d, want 1 or more; remedy: leave it out to run one task at a time", f.parallel)
	}
	if f.outbox != "" {
		abs, err := filepath.Abs(f.outbox)
		if err != nil {
			return nil, fmt.Errorf("-outbox %s: %w; remedy: name an absolute path", f.outbox, err)
		}
		f.outbox = abs
	}
	return f, f.checkReport()
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

// options puts together the settings, the list's sentry_config, which wins over them, and the flags, which win over both.
func (f *runnerFlags) options(l *list) (sentryconfig.Options, error) {
	var opts sentryconfig.Options
	if f.settings != "" {
		var err error
		if opts, err = sentryconfig.LoadOptions(f.settings); err != nil {
			// The run must not go on without them: they may say that nothing is to be reported.
			return opts, fmt.Errorf("-settings %s: %w; remedy: correct the file or leave the flag out", f.settings, err)
		}
	}
	if err := l.configure(&opts); err != nil {
		return opts, err
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
	return opts, nil
}
