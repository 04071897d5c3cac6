package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A viewed run is one with a page. Its output is read as it comes.
type viewed struct {
	cmd    *exec.Cmd
	stdout io.Reader
	lines  *bufio.Scanner // of stderr
	log    strings.Builder
	client *http.Client
	page   string // its address without the token
}

// view starts the program with -view and opens its page.
func view(t *testing.T, args ...string) *viewed {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewed{client: &http.Client{Jar: jar, Timeout: time.Minute}}
	v.cmd = command(t, append([]string{"-view"}, args...)...)
	leaveGroup(v.cmd)
	if v.stdout, err = v.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := v.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.lines = bufio.NewScanner(stderr)
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.cmd.Process.Kill() })
	address := v.until(t, `http://(127\.0\.0\.1|\[::1\]):\d+/\?token=\w+`)
	v.page, _, _ = strings.Cut(address, "?")
	v.get(t, "?token="+address[strings.Index(address, "=")+1:])
	return v
}

// until reads stderr until a line matches, and returns the match.
func (v *viewed) until(t *testing.T, pattern string) string {
	t.Helper()
	for re := regexp.MustCompile(pattern); v.lines.Scan(); {
		v.log.WriteString(v.lines.Text() + "\n")
		if found := re.FindString(v.lines.Text()); found != "" {
			return found
		}
	}
	t.Fatalf("stderr lacks %s:\n%s", pattern, v.log.String())
	return ""
}

func (v *viewed) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := v.client.Get(v.page + path)
	if err != nil {
		t.Fatalf("%v\n%s", err, v.log.String())
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	return string(text)
}

// waitFor follows the page's changes until it has text.
func (v *viewed) waitFor(t *testing.T, path, text string) {
	t.Helper()
	changes, err := v.client.Get(v.page + "live")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = changes.Body.Close() }()
	for lines := bufio.NewScanner(changes.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(v.get(t, path), text) {
			return
		}
	}
	t.Fatalf("%q doesn't come up", text)
}

// end interrupts the program and returns its exit code.
func (v *viewed) end(t *testing.T) int {
	t.Helper()
	if err := interrupt(v.cmd); errors.Is(err, errNoConsole) {
		t.Skip("nothing can be interrupted where there is no console, under Wine without a display: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, v.stdout)
	for v.lines.Scan() {
		v.log.WriteString(v.lines.Text() + "\n")
	}
	_ = v.cmd.Wait()
	return v.cmd.ProcessState.ExitCode()
}

// held makes a task that runs until release is called.
func held(t *testing.T) (task string, release func()) {
	t.Helper()
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return `{"type":"http_check","url":"` + server.URL + `"}`, func() { close(done) }
}

// TestView looks at the page while a task runs and when all have ended.
func TestView(t *testing.T) {
	t.Parallel()
	task, release := held(t)
	last := `{"type":"disk_space","path":".","min_free_percent":100}`
	v := view(t, writeList(t, `[{"type":"demo_panic"},`+task+`,`+last+`]`))
	v.waitFor(t, "", "index out of range") // the second task runs
	release()
	var r report
	if err := json.NewDecoder(v.stdout).Decode(&r); err != nil || r.OverallStatus != statusSomeBad {
		t.Errorf("report: %v, %q", err, r.OverallStatus)
	}
	v.until(t, `stays until Ctrl-C`)
	for path, text := range map[string]string{"": "below_limit", "tasks": "disk_space"} {
		if page := v.get(t, path); !strings.Contains(page, text) {
			t.Errorf("/%s lacks %q", path, text)
		}
	}
	if code := v.end(t); code != exitFailed {
		t.Errorf("exit code %d, want that of the run, %d", code, exitFailed)
	}
	for _, wrong := range []string{"Stopping", "add -view"} {
		if strings.Contains(v.log.String(), wrong) {
			t.Errorf("it says %q: %s", wrong, v.log.String())
		}
	}
}

// TestViewOfAnInterruptedRun interrupts the run: the page ends with it.
func TestViewOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	task, _ := held(t)
	v := view(t, writeList(t, `[{"type":"demo_panic"},`+task+`]`))
	v.waitFor(t, "", "index out of range")
	if code := v.end(t); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if strings.Contains(v.log.String(), "stays until") {
		t.Errorf("it asks for another Ctrl-C: %s", v.log.String())
	}
}

// TestViewOfAnOutbox looks at what waits, without a list and while one runs.
func TestViewOfAnOutbox(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return true
	})
	outbox := filepath.Join(t.TempDir(), "outbox")
	task, release := held(t)
	v := view(t, "-dsn", server.DSN(), "-outbox", outbox, writeList(t, `[{"type":"demo_panic"},`+task+`]`))
	v.waitFor(t, "waiting", "demo_panic")
	release()
	v.until(t, `stays until Ctrl-C`)
	if code := v.end(t); code != exitFailed {
		t.Errorf("exit code %d of the run, want %d", code, exitFailed)
	}

	requests := server.Requests()
	alone := view(t, "-outbox", outbox)
	if page := alone.get(t, ""); !strings.Contains(page, "index out of range") {
		t.Errorf("/ lacks the error: %s", page)
	}
	if code := alone.end(t); code != exitWell || strings.Contains(alone.log.String(), "TASK_") {
		t.Errorf("exit code %d, want %d, and no task: %s", code, exitWell, alone.log.String())
	}
	if n := server.Requests() - requests; n != 0 {
		t.Errorf("%d requests of a run that only looks", n)
	}
}
