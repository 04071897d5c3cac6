// Command runner is a service runner: it works through a list of tasks and reports to Sentry what goes wrong in them,
// by way of sentryconfig. Without a list it takes a sample; without a DSN it starts a Sentry server of its own and
// shows what arrived.
//
//	go run ./examples/runner
//	go run ./examples/runner -dsn https://<key>@<host>/<project> -outbox /var/lib/runner/outbox tasks.json
//
// stdout gets one JSON report, stderr the log and, for a front end, markers. It exits with 0 when at least one task ran
// and all that ran ended well, 1 when some didn't or none ran, 2 when the list wasn't run, 130 when it was interrupted.
package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

const (
	exitWell   = 0
	exitFailed = 1
	exitNotRun = 2
	// exitInterrupted is what shells have for a program that Ctrl-C has ended.
	exitInterrupted = 130
)

const (
	// flushTimeout is how long the end of a run waits for a slow server. What isn't delivered then waits in the outbox.
	flushTimeout = 5 * time.Second
	// hurriedFlushTimeout is the same after an interrupt: whoever stops a service kills it when it takes much longer.
	hurriedFlushTimeout = 2 * time.Second
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr *os.File) int {
	notRun := func(err error) int {
		text := newFilter(nil).text(err.Error())
		_, _ = fmt.Fprintln(stderr, "runner: "+strings.ReplaceAll(text, "\n", "\nrunner: "))
		return exitNotRun
	}
	flags, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stderr, usage)
		return exitWell
	}
	if err != nil {
		return notRun(err)
	}
	tasks, err := openList(flags.list, stdin)
	if err != nil {
		return notRun(err)
	}
	opts, err := flags.options(tasks)
	if err != nil {
		return notRun(err)
	}
	if flags.export != "" {
		if err := export(opts.OutboxDir, flags.export, stdout, stderr); err != nil {
			return notRun(err)
		}
		return exitWell
	}

	filter := newFilter(opts.SecretKeys)
	if flags.raw {
		filter = nil
	}
	if flags.check || flags.dryRun {
		return preview(stdout, tasks, filter, flags.dryRun)
	}

	// A reader of stdout or stderr that goes away must not end the tasks.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// On Windows SIGTERM is a closed console window, a log-off or a shutdown.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore) // a second one ends the program at once

	p := newProgress(stderr, isTerminal(stderr), len(tasks.tasks))
	handler := slog.NewTextHandler(p, &slog.HandlerOptions{ReplaceAttr: filter.attr})
	slog.SetDefault(slog.New(sentryconfig.NewLogHandler(handler))) // the log of a task becomes its breadcrumbs
	opts.Logger = slog.New(handler)

	off := !opts.Enabled.Or(true)
	var local *sentrytest.Server
	if opts.DSN == "" && os.Getenv("SENTRY_DSN") == "" {
		local = sentrytest.NewServer(nil)
		defer local.Close()
		opts.DSN = local.DSN()
	}
	if err := sentryconfig.Init(opts); err != nil {
		return notRun(fmt.Errorf("%w; remedy: correct it in the flags, in sentry_config or in the settings", err))
	}
	defer sentryconfig.Close(0)

	start := time.Now()
	j := job{tasks: tasks.tasks, parallel: flags.parallel, keepGoing: flags.keepGoing, progress: p,
		log: opts.Logger, filter: filter}
	results := j.run(ctx)
	p.close()
	r := newReport(tasks.source, start, results, ctx.Err() != nil)

	// The report comes first: it must be there should somebody lose patience with the server.
	code := r.exitCode()
	if err := writeReport(r, stdout, flags.report); err != nil {
		opts.Logger.Error("the report can't be written", "error", err)
		code = exitFailed
	}
	flush(ctx, sentryconfig.Flush)
	stats := sentryconfig.ReadStats()
	sentryconfig.Close(0)
	if off {
		_, _ = io.WriteString(p, "\nNothing was reported to Sentry: reporting is off in sentry_config or in the settings.\n")
	} else if local != nil {
		showLocal(p, local)
	}
	showDelivery(p, stats, opts.OutboxDir)
	showSkipped(p, r)
	return code
}

// flush waits for what is on its way, and no longer than hurriedFlushTimeout after an interrupt, one that comes
// meanwhile included.
func flush(ctx context.Context, flush func(timeout time.Duration) bool) {
	done := make(chan struct{})
	go func() { // which Close ends
		defer close(done)
		flush(flushTimeout)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(hurriedFlushTimeout):
	}
}

//go:embed sample*.json
var samples embed.FS

// openList reads the list of that name: a file, - for stdin, "" for the sample.
func openList(name string, stdin io.Reader) (*list, error) {
	switch name {
	case "":
		name := "sample_" + runtime.GOOS + ".json" // where the usual programs have other names
		text, err := samples.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			name = "sample.json"
			text, err = samples.ReadFile(name)
		}
		if err != nil {
			return nil, err
		}
		return readList(bytes.NewReader(text), name, ".")
	case "-":
		return readList(stdin, "standard input", ".")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &inputError{source: name, problem: err.Error(), remedy: fileRemedy}
	}
	defer func() { _ = f.Close() }()
	return readList(f, name, filepath.Dir(name))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func writeReport(r *report, stdout io.Writer, path string) error {
	text, err := r.encode()
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	if path == "" {
		return err
	}
	return errors.Join(err, writeFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}))
}

// export writes what waits in the outbox to a file, or to stdout when it is -.
func export(dir, to string, stdout, stderr *os.File) error {
	if dir == "" {
		return errors.New("-export needs to know the outbox; remedy: add -outbox DIR")
	}
	if to == "-" {
		if isTerminal(stdout) {
			return errors.New("-export - writes an archive, which is nothing for a terminal; remedy: -export FILE")
		}
		return sentryconfig.ExportOutbox(dir, stdout)
	}
	if err := writeFile(to, func(w io.Writer) error { return sentryconfig.ExportOutbox(dir, w) }); err != nil {
		return err
	}
	// sentry-cli takes one path or pattern, so the shell must leave the pattern alone.
	_, _ = fmt.Fprintf(stderr, "What waits in %s is in %s, and still in the outbox. It has a folder for each project. "+
		"On a machine that is online:\n  tar -xf %s\n"+
		"  SENTRY_DSN='https://<key>@<host>/<project>' sentry-cli send-envelope --raw '<its folder>/*.envelope'\n",
		dir, to, filepath.Base(to))
	return nil
}
