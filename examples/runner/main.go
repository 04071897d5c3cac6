// Command runner is a service runner: it works through a list of tasks and reports to Sentry what goes wrong in them,
// by way of sentryconfig. Without a list it takes a sample; without a DSN it starts a Sentry server of its own and
// shows what arrived.
//
//	go run ./examples/runner
//	go run ./examples/runner -view
//	go run ./examples/runner -dsn https://<key>@<host>/<project> -outbox /var/lib/runner/outbox tasks.json
//
// stdout gets one JSON report, stderr the log and, for a front end, markers; people at a terminal get a line for each
// task and a summary instead. It exits with 0 when at least one task ran and all that ran ended well, 1 when some
// didn't or none ran, 2 when the list wasn't run, 130 when it was interrupted.
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
	"runtime/debug"
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
		_, _ = io.WriteString(stdout, usage) // asked for: so that it can be paged
		return exitWell
	}
	if err != nil {
		return notRun(err)
	}
	if flags.version {
		_, _ = fmt.Fprintln(stdout, version())
		return exitWell
	}
	tasks, err := openList(flags.list, stdin)
	if err != nil {
		return notRun(err)
	}
	opts, err := flags.options(tasks)
	if err != nil {
		return notRun(err)
	}
	w := &work{flags: flags, list: tasks, opts: opts, stdout: stdout, stderr: stderr}
	if !flags.raw {
		w.filter = newFilter(opts.SecretKeys)
	}
	code, err := w.choose()
	if err != nil {
		return notRun(err)
	}
	return code
}

// work is the run of one list.
type work struct {
	flags          *runnerFlags
	list           *list
	opts           sentryconfig.Options
	filter         *filter
	stdout, stderr *os.File

	mode     progressMode
	settings *follower
	local    *sentrytest.Server // stands in for Sentry; nil: there is a DSN
}

// choose does what the flags ask for. It returns the exit code, and an error when nothing was done.
func (w *work) choose() (int, error) {
	f := w.flags
	switch {
	case f.export != "":
		return exitWell, export(w.opts.OutboxDir, f.export, w.stdout, w.stderr)
	case f.view && f.list == "" && w.opts.OutboxDir != "":
		return exitWell, viewOutbox(w.opts.OutboxDir, w.stderr)
	case f.check || f.dryRun:
		return preview(w.stdout, w.list, w.filter, f.dryRun), nil
	}
	return w.do()
}

// do runs the list and tells how it went. It returns the exit code, and an error when nothing ran.
func (w *work) do() (code int, err error) {
	// A reader of stdout or stderr that goes away must not end the tasks.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// On Windows SIGTERM is a closed console window, a log-off or a shutdown.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()

	w.mode = modeOf(w.stderr, w.flags.markers, w.flags.quiet)
	p := newProgress(w.stderr, w.mode, len(w.list.tasks), widthOf(w.stderr))
	defer p.close()
	ended := context.AfterFunc(ctx, func() {
		restore() // a second one ends the program at once
		_, _ = io.WriteString(p,
			"Stopping: what runs is cancelled, the rest is skipped. Ctrl-C once more ends at once.\n")
	})
	defer ended() // restore ends ctx too
	first := w.opts
	log := w.newLog(p)
	if w.opts.DSN == "" && os.Getenv("SENTRY_DSN") == "" {
		w.local = sentrytest.NewServer(nil)
		defer w.local.Close()
		w.opts.DSN = w.local.DSN()
	}
	if err := sentryconfig.Init(w.opts); err != nil {
		return 0, fmt.Errorf("%w; remedy: correct it in the flags, in sentry_config or in the settings", err)
	}
	defer sentryconfig.Close(0)
	w.settings = newFollower(w, first, w.opts)
	pages, err := w.view(p)
	defer pages.close()
	if err != nil {
		return 0, err
	}

	start := time.Now()
	j := job{tasks: w.list.tasks, parallel: w.flags.parallel, keepGoing: w.flags.keepGoing, progress: p,
		log: log, filter: w.filter, settings: w.settings}
	results := j.run(ctx)
	p.close()
	r := newReport(w.list.source, start, results, ctx.Err() != nil)

	// The report comes first: it must be there should somebody lose patience with the server.
	code = r.exitCode()
	if err := w.report(r, p); err != nil {
		w.opts.Logger.Error("the report can't be written", "error", err)
		code = exitFailed
	} else if w.flags.list == "" && code == exitFailed {
		code = exitWell // the sample has done what it is for
	}
	flush(ctx, sentryconfig.Flush)
	stats := sentryconfig.ReadStats()
	sentryconfig.Close(0)
	if w.mode != modeQuiet {
		w.conclude(p, r, stats)
	}
	ended() // what Ctrl-C stops now is the page
	pages.stay(ctx, restore, p)
	return code, nil
}

// newLog makes the log of the package and of the tasks, and returns that of the run. At a terminal, people see tasks
// end as lines of their own, and of the logs what needs them.
func (w *work) newLog(p *progress) *slog.Logger {
	level := map[progressMode]slog.Level{modeMarkers: slog.LevelInfo, modeQuiet: slog.LevelError}
	least, ok := level[w.mode]
	if !ok {
		least = slog.LevelWarn
	}
	handler := slog.NewTextHandler(p, &slog.HandlerOptions{Level: least, ReplaceAttr: w.filter.attr})
	// the log of a task becomes its breadcrumbs
	slog.SetDefault(slog.New(sentryconfig.NewLogHandler(taskHandler{handler})))
	w.opts.Logger = slog.New(handler)
	if w.mode == modeMarkers {
		return w.opts.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// report writes the report as JSON for programs and as a summary for people.
func (w *work) report(r *report, p *progress) error {
	person := isTerminal(w.stdout) && !w.flags.json
	switch {
	case w.mode == modeLive || w.mode == modePlain:
		showSummary(p, r)
	case person && w.mode == modeMarkers:
		showSummary(w.stdout, r)
	}
	var stdout io.Writer = w.stdout
	if person {
		stdout = io.Discard
	}
	return writeReport(r, stdout, w.flags.report)
}

// conclude says what Sentry got and what is left to do.
func (w *work) conclude(p *progress, r *report, stats sentryconfig.Stats) {
	if off := !w.settings.enabled(); off && stats.Captured == 0 {
		_, _ = io.WriteString(p,
			"\nNothing was reported to Sentry: reporting is off in sentry_config or in the settings.\n")
	} else if w.local != nil {
		showLocal(p, w.local, w.flags)
	}
	showDelivery(p, stats, w.opts.OutboxDir)
	showSkipped(p, r)
	if w.flags.list == "" {
		_, _ = io.WriteString(p, "\nThis was the sample list, which shows each way in which a task can end.\n"+
			"Your own: runner LIST.json; runner -h has the tasks.\n")
	}
}

// version says what was built.
func version() string {
	text := "runner of sentryconfig"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	text += " " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(info.Main.Version, s.Value[:min(len(s.Value), 12)]) {
			text += " " + s.Value
		}
	}
	return fmt.Sprintf("%s (%s, %s/%s)", text, info.GoVersion, runtime.GOOS, runtime.GOARCH)
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

// emptyArchive is the size of a tar file without files, in bytes: two blocks.
const emptyArchive = 1024

// withoutInterrupted says what an archive leaves out: an interrupted task is no envelope until it has been reported.
const withoutInterrupted = "Interrupted tasks are not in it until a run with this outbox has reported them; " +
	"-view shows them."

// export writes what waits in the outbox to a file, or to stdout when it is -.
func export(dir, to string, stdout, stderr *os.File) error {
	if dir == "" {
		return errors.New("-export needs to know the outbox; remedy: add -outbox DIR")
	}
	if err := checkOutbox("-export", dir); err != nil {
		return err
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
	if info, err := os.Stat(to); err == nil && info.Size() <= emptyArchive {
		_, _ = fmt.Fprintf(stderr, "Nothing waits in %s: %s is an empty archive. %s\n", dir, to, withoutInterrupted)
		return nil
	}
	// sentry-cli takes one path or pattern, so the shell must leave the pattern alone.
	_, _ = fmt.Fprintf(stderr, "What waits in %s is in %s, and still in the outbox. It has a folder for each project. "+
		"On a machine that is online:\n  tar -xf %s\n"+
		"  SENTRY_DSN='https://<key>@<host>/<project>' sentry-cli send-envelope --raw '<its folder>/*.envelope'\n%s\n",
		dir, to, filepath.Base(to), withoutInterrupted)
	return nil
}
