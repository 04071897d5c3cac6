package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// pipeDelay is how long a program that has ended may leave its output open in a process it leaves behind.
const pipeDelay = 2 * time.Second

// An invocation is a program and how a task runs it.
type invocation struct {
	path   string   // a file, or a name to look for in PATH
	args   []string // as it gets them
	shown  []string // as they are reported; nil: as it gets them
	dir    string   // "": the runner's own
	stdin  string
	whole  bool     // keep all of its stdout: it is to be parsed
	hidden []string // values no output may show
}

// command is what is reported of the program and its arguments.
func (p *invocation) command() []string {
	args := p.shown
	if args == nil {
		args = p.args
	}
	return append([]string{p.path}, args...)
}

// name is the program's own, without folder and .exe.
func (p *invocation) name() string {
	name := strings.ToLower(p.path[strings.LastIndexAny(p.path, `/\`)+1:])
	return strings.TrimSuffix(name, ".exe")
}

// String is the command line for people.
func (p *invocation) String() string {
	words := p.command()
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\"'") {
			words[i] = fmt.Sprintf("%q", w)
		}
	}
	s := strings.Join(words, " ")
	if p.dir != "" {
		s += " in " + p.dir
	}
	return s
}

// plan is what -dry-run says of it.
func (p *invocation) plan() string {
	if _, err := exec.LookPath(p.path); err != nil && !errors.Is(err, exec.ErrDot) {
		return "run " + p.String() + ", which can't be found or run here"
	}
	return "run " + p.String()
}

// find returns the file to run. Its errors, and those of a missing working folder, are the same on every system.
func (p *invocation) find() (string, error) {
	path, err := exec.LookPath(p.path)
	if errors.Is(err, exec.ErrNotFound) && filepath.IsAbs(p.path) { // which has nothing to do with PATH
		err = &exec.Error{Name: p.path, Err: fs.ErrNotExist}
	}
	if err == nil && p.dir != "" {
		info, statErr := os.Stat(p.dir)
		switch {
		case statErr != nil:
			err = fmt.Errorf("working folder: %w", statErr)
		case !info.IsDir():
			err = fmt.Errorf("working folder: %s is a file", p.dir)
		}
	}
	return path, err
}

// An execution is a program that was started and has ended.
type execution struct {
	program        *invocation
	exit           int // its exit code; -1 when a signal ended it
	duration       time.Duration
	stdout, stderr output
	all            cappedBuffer // of stdout, when it was asked for
	leftRunning    bool         // a process that it left behind holds its output
	err            *exec.ExitError
}

// run runs the program to its end. An error says that it couldn't be started, or that ctx has ended it: at a time
// limit, and when the runner is interrupted, it ends with every process it has started. Another exit code than 0 is no
// error.
func (p *invocation) run(ctx context.Context) (*execution, error) {
	slog.InfoContext(ctx, "starting", "category", "exec", "command", p.command())
	path, err := p.find()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, p.args...)
	e := &execution{program: p}
	e.stdout.screen.hidden, e.stderr.screen.hidden = p.hidden, p.hidden
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = &e.stdout, &e.stderr
	if p.whole {
		cmd.Stdout = io.MultiWriter(&e.stdout, &e.all)
	}
	if p.stdin != "" {
		cmd.Stdin = strings.NewReader(p.stdin)
	}
	cmd.WaitDelay = pipeDelay
	tree := newProcTree(cmd)
	defer tree.close()
	cmd.Cancel = tree.kill

	span := sentry.StartSpan(ctx, "exec", sentry.WithDescription(p.path))
	defer span.Finish()
	start := time.Now()
	if err := tree.start(); err != nil {
		return nil, err
	}
	err = cmd.Wait()
	e.duration = time.Since(start)
	e.exit = cmd.ProcessState.ExitCode()
	slog.InfoContext(ctx, "ended", "category", "exec", "exit_code", e.exit, "stderr_bytes", e.stderr.written())
	switch {
	case errors.Is(err, exec.ErrWaitDelay): // it ended well
		e.leftRunning = true
		return e, nil
	case errors.As(err, &e.err):
		return e, ctx.Err()
	}
	return e, err
}

// filtered stands for a secret, as in Sentry.
const filtered = "[Filtered]"

// summary is what every program's task reports.
func (e *execution) summary() summary {
	if e == nil {
		return nil
	}
	sum := summary{
		"command":          e.program.command(),
		"exit_code":        e.exit,
		"duration_seconds": round(e.duration.Seconds()),
		"stdout":           e.stdout.String(),
		"stderr":           e.stderr.String(),
	}
	if e.leftRunning {
		sum["left_running"] = true
	}
	return sum
}

// messages is all that it said, for reading.
func (e *execution) messages() string {
	return e.stdout.text(readHead, readTail) + "\n" + e.stderr.text(readHead, readTail)
}

// lastLine is the last line that says something: what went wrong, mostly.
func (e *execution) lastLine() string {
	for _, text := range []string{e.stderr.text(readHead, readTail), e.stdout.text(readHead, readTail)} {
		lines := strings.Split(text, "\n")
		for _, line := range slices.Backward(lines) {
			if line = strings.TrimSpace(line); line != "" {
				return cut(line, maxMarked)
			}
		}
	}
	return ""
}

// judge is nil when the exit code is one of those that mean success, and otherwise the failure. prefix goes before its
// code.
func (e *execution) judge(prefix string, success []int) error {
	switch {
	case isSuccess(e.exit, success):
		return nil
	case e.err == nil: // exit code 0, where another was wanted
		return fail(prefix+"exit_0", nil, "exit code 0")
	case e.exit < 0:
		code := "signal"
		if status, ok := e.err.Sys().(syscall.WaitStatus); ok && status.Signal() >= 0 {
			code = fmt.Sprintf("signal_%d", status.Signal())
		}
		return fail(prefix+code, e.err, "ended by %s", strings.TrimSpace(e.err.Error()))
	}
	return fail(fmt.Sprintf("%sexit_%d", prefix, e.exit), e.err, "exit code %s", exitText(e.exit))
}

// isSuccess compares exit codes as Windows has them, where -1978335189 and 2316632107 are the same.
func isSuccess(exit int, success []int) bool {
	if len(success) == 0 {
		return exit == 0
	}
	return exit >= 0 && slices.ContainsFunc(success, func(c int) bool { return uint32(c) == uint32(exit) })
}

// exitText adds the form in which Windows documents its own codes.
func exitText(exit int) string {
	if exit > math.MaxInt32 {
		return fmt.Sprintf("%d (0x%08X)", exit, uint32(exit))
	}
	return fmt.Sprint(exit)
}

// file is a name in a list as this system writes it, relative to the list's folder.
func (p *params) file(name string) string {
	if runtime.GOOS != "windows" {
		name = strings.ReplaceAll(name, `\`, "/")
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	path := filepath.Join(p.folder, filepath.FromSlash(name))
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// executable is file for a program. One without a folder that doesn't stand beside the list may be in PATH.
func (p *params) executable(name string) string {
	path := p.file(name)
	if !strings.ContainsAny(name, `/\`) {
		if _, err := exec.LookPath(path); err != nil {
			if found, err := exec.LookPath(name); err == nil {
				return found
			}
		}
	}
	return path
}

// tool is the program that does the work of a type: what executable_path names, else the first of names that is found.
func (p *params) tool(names ...string) *invocation {
	if path := p.text("executable_path"); path != "" {
		return &invocation{path: p.executable(path)}
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return &invocation{path: name}
		}
	}
	return &invocation{path: names[0]}
}

// maxWhole is how much of an output is kept to be parsed, in bytes. What is longer is none of what these tools write.
const maxWhole = 16 << 20

// A cappedBuffer keeps the first maxWhole bytes.
type cappedBuffer struct{ bytes.Buffer }

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if room := maxWhole - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// jsonIn decodes the object in what a program wrote, in whatever encoding: some write a warning before it.
func jsonIn(text []byte, into any) error {
	if order, mark := utf16Order(text); order != nil {
		text = []byte(string(decodeUTF16(text[mark:len(text)-(len(text)-mark)%2], order)))
	}
	start := bytes.IndexByte(text, '{')
	if start < 0 {
		return errors.New("no JSON object in it")
	}
	return json.NewDecoder(bytes.NewReader(text[start:])).Decode(into)
}

// unreadable is the error of an output that isn't what it has to be. A program that failed has failed; otherwise the
// runner doesn't know what it said.
func (e *execution) unreadable(err error) error {
	if failed := e.judge("", nil); failed != nil {
		return e.say(failed)
	}
	return fmt.Errorf("read what %s wrote: %w", e.program.name(), err)
}

// say adds to a failure by exit code what the program said last.
func (e *execution) say(err error) error {
	var failure *sentryconfig.TaskFailure
	if line := e.lastLine(); line != "" && errors.As(err, &failure) {
		failure.Reason += ": " + line
	}
	return err
}

// errorOf is the exit of a program as a cause, nil when it was 0.
func errorOf(e *execution) error {
	if e.err == nil {
		return nil // not a nil *exec.ExitError in an interface
	}
	return e.err
}
