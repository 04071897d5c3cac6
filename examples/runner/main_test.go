package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// The tests run the program as a user does: built, with a list, against a server.

// program is the built runner. Where there is no go command, as when the tests of another platform are run, the test
// binary stands in for it.
var program string

const (
	asProgram  = "RUNNER_TEST_AS_PROGRAM" // in the environment: the test binary is the runner
	roleParent = "test-role-parent"       // as first argument: a command that starts two more
	roleLeaf   = "test-role-leaf"         // one that lives until it is ended
	roleTalker = "test-role-talker"       // one that prints and exits with 3
)

func TestMain(m *testing.M) {
	if exit, played := playStandIn(); played {
		os.Exit(exit)
	}
	if len(os.Args) > 2 && os.Args[1] == roleParent {
		playParent(os.Args[2])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == roleLeaf {
		playLeaf(os.Args[2])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == roleTalker {
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		os.Exit(3)
	}
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "runner-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "runner.exe")
	if _, err := exec.LookPath("go"); err != nil {
		program, err = os.Executable()
		if err != nil {
			panic(err)
		}
		os.Setenv(asProgram, "1")
	} else if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build: %v\n%s", err, out))
	}
	return m.Run()
}

// outcome is what a run left behind.
type outcome struct {
	code   int
	stdout string
	stderr string
	report report
}

// environment is the tests' own without what would configure the runner.
func environment(t *testing.T) []string {
	t.Helper()
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "SENTRY_") || strings.HasPrefix(s, "AUTOSERVICE_")
	})
	return env
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a run that hangs is a failed test
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environment(t)
	return cmd
}

// execute runs the program with stdin as its standard input and expects it to exit with code. With another code than 2
// there must be a report.
func execute(t *testing.T, code int, stdin string, args ...string) *outcome {
	t.Helper()
	cmd := command(t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run the program: %v", err)
	}
	o := &outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	o.check(t, code)
	return o
}

func (o *outcome) check(t *testing.T, code int) {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %.2000s\nstderr: %.4000s", o.code, code, o.stdout, o.stderr)
	}
	if code == exitNotRun {
		if o.stdout != "" {
			t.Errorf("stdout of a list that wasn't run: %q", o.stdout)
		}
		return
	}
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	if err := dec.Decode(&o.report); err != nil {
		t.Fatalf("stdout is no report: %v\n%.2000s", err, o.stdout)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Errorf("stdout has more than a report: %v", err)
	}
	for i, r := range o.report.Results {
		if r.Index != i {
			t.Errorf("result %d has the index %d", i, r.Index)
		}
	}
	o.checkMarkers(t)
}

// checkMarkers compares the markers with the report: each task has begun and ended as the report says, once.
func (o *outcome) checkMarkers(t *testing.T) {
	t.Helper()
	begun, ended, states := map[int]bool{}, map[int]string{}, 0
	for line := range strings.Lines(o.stderr) {
		line = strings.TrimSuffix(line, "\n")
		if state, ok := strings.CutPrefix(line, "PROGRESS_JSON:"); ok {
			var s struct{ Completed, Total, Percent, Index int }
			if err := json.Unmarshal([]byte(state), &s); err != nil || s.Total != len(o.report.Results) ||
				s.Completed > s.Total || s.Percent > 100 {
				t.Errorf("%q: %v", line, err)
			}
			states++
			continue
		}
		marker, rest, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(marker, "TASK_") {
			continue
		}
		var index int
		if _, err := fmt.Sscanf(rest, "%d:", &index); err != nil || index < 0 || index >= len(o.report.Results) {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if marker == "TASK_START" {
			begun[index] = true
			continue
		}
		if ended[index] != "" {
			t.Errorf("task %d ended twice", index)
		}
		ended[index] = marker
	}
	want := map[string]string{statusSuccess: "TASK_OK", statusSkipped: "TASK_SKIP",
		statusFailure: "TASK_FAIL", statusError: "TASK_FAIL", statusCancelled: "TASK_FAIL"}
	for i, r := range o.report.Results {
		if ended[i] != want[r.Status] || begun[i] != (r.Status != statusSkipped) {
			t.Errorf("task %d: marker %s, begun %v, but status %s", i, ended[i], begun[i], r.Status)
		}
	}
	if want := len(begun) + len(ended); states != want {
		t.Errorf("%d lines of PROGRESS_JSON, want %d", states, want)
	}
}

func (o *outcome) statuses() string {
	var all []string
	for _, r := range o.report.Results {
		all = append(all, r.Status)
	}
	return strings.Join(all, " ")
}

// newServer makes a server that refuses nothing the test doesn't ask for.
func newServer(t *testing.T) *sentrytest.Server {
	t.Helper()
	server := sentrytest.NewServer(t)
	t.Cleanup(func() {
		for _, err := range server.Refused() {
			t.Error(err)
		}
	})
	return server
}

func writeList(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestSample(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	cmd := command(t)
	cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CACHE_HOME="+home, "LocalAppData="+home, "APPDATA="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	o := &outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	o.check(t, exitWell)
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("in the home folder: %v, %v", left, err)
	}
	if got, want := o.statuses(), "success failure error error error skipped"; got != want {
		t.Errorf("statuses %q, want %q", got, want)
	}
	if o.report.OverallStatus != "completed_with_errors" {
		t.Errorf("overall_status %q", o.report.OverallStatus)
	}
	for i, r := range o.report.Results {
		if (r.EventID != "") != (r.Status == statusFailure || r.Status == statusError) {
			t.Errorf("task %d: status %s, event ID %q", i, r.Status, r.EventID)
		}
		if r.Label == "" || r.Summary == nil {
			t.Errorf("task %d: label %q, summary %v", i, r.Label, r.Summary)
		}
	}
	for _, want := range []string{
		"4 issues", "5 transactions", "[disk_space, task_failure, below_limit]", "task.demo_panic", "-events FILE",
		"the sample list", "TASK_FAIL:1:disk_space - ", "TASK_SKIP:5:registry_repair - unknown task type\n",
	} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, o.stderr)
		}
	}
}

func TestServerGetsAll(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	o := execute(t, exitWell, "", "-parallel", "4", "-dsn", server.DSN())
	transactions := server.WaitTransactions(5, time.Minute)
	if len(transactions) != 5 {
		t.Errorf("%d transactions, want 5: none for a skipped task", len(transactions))
	}
	statuses := map[string]int{}
	for _, tr := range transactions {
		status, _ := tr.Contexts["trace"]["status"].(string)
		statuses[status]++
	}
	if statuses["ok"] != 1 || statuses["failed_precondition"] != 1 || statuses["internal_error"] != 2 ||
		statuses["deadline_exceeded"] != 1 {
		t.Errorf("statuses of the transactions: %v", statuses)
	}
	events := map[string]sentrytest.Event{}
	for _, e := range server.WaitEvents(4, time.Minute) {
		events[e.ID] = e
	}
	if len(events) != 4 {
		t.Fatalf("%d events, want 4: each trouble once", len(events))
	}
	for i, want := range map[int][]string{
		1: {"disk_space", "task_failure", "below_limit"},
		2: {"command", "exec.Error", "not_exist"},
		3: {"demo_panic", "runtime.boundsError", "main.newDemoPanic.func1"},
		4: {"command", "context deadline exceeded", "timeout"},
	} {
		r := o.report.Results[i]
		e, ok := events[r.EventID]
		if !ok {
			t.Errorf("task %d: its event %q hasn't arrived", i, r.EventID)
			continue
		}
		got := slices.Clone(e.Fingerprint)
		for n := range got { // a test binary calls the package by its folder
			got[n] = strings.Replace(got[n], "runner.", "main.", 1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("task %d: fingerprint %q, want %q", i, got, want)
		}
		if got := fmt.Sprint(e.Contexts["task"]["index"], e.Contexts["task"]["total"]); got != fmt.Sprint(i, 6) {
			t.Errorf("task %d: index and total %s", i, got)
		}
		if len(e.Breadcrumbs) == 0 {
			t.Errorf("task %d: no step before the trouble", i)
		}
	}
	if e := events[o.report.Results[1].EventID]; e.Contexts["result_summary"]["min_free_percent"] != 100.0 {
		t.Errorf("result_summary of the failure: %v", e.Contexts["result_summary"])
	}
	if e := events[o.report.Results[4].EventID]; e.Contexts["result_summary"]["exit_code"] == nil {
		t.Errorf("result_summary of the timeout: %v", e.Contexts["result_summary"])
	}
	if e := events[o.report.Results[3].EventID]; e.Level != "fatal" {
		t.Errorf("level of the panic: %s", e.Level)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list, statuses, overall string
		code                    int
	}{
		"array":                 {`[{"type":"system_info"},{"type":"demo_panic","index":0}]`, "success success", "success", exitWell},
		"one task":              {`{"type":"system_info","label":"x","other":1}`, "success", "success", exitWell},
		"object with metadata":  {`{"tasks":[{"type":"system_info"}],"name":5,"version":[1,{}]}`, "success", "success", exitWell},
		"byte order mark":       {"\xef\xbb\xbf" + `[{"type":"system_info"}]`, "success", "success", exitWell},
		"no tasks":              {`[]`, "", "skipped", exitFailed},
		"all skipped":           {`[{"type":"nobody"},{"type":"","timeout_seconds":"x"},{}]`, "skipped skipped skipped", "skipped", exitFailed},
		"all bad":               {`[{"type":"demo_panic"},{"type":"nobody"}]`, "error skipped", "failure", exitFailed},
		"some bad":              {`[{"type":"demo_panic"},{"type":"system_info"}]`, "error success", "completed_with_errors", exitFailed},
		"repeated names":        {`[{"type":"nobody","type":"system_info"}]`, "success", "success", exitWell},
		"null is absent":        {`[{"type":"demo_panic","index":null,"label":null}]`, "error", "failure", exitFailed},
		"values without sense":  {`[{"type":"ping","host":"127.0.0.1","port":0},{"type":"command","command":[]},{"type":"system_info","timeout_seconds":-1},{"type":"http_check","url":"file:///etc/passwd"},{"type":"disk_space"}]`, "error error error error error", "failure", exitFailed},
		"a time limit for ever": {`[{"type":"system_info","timeout_seconds":1e300}]`, "success", "success", exitWell},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, c.code, c.list, "-")
			if o.statuses() != c.statuses || o.report.OverallStatus != c.overall {
				t.Errorf("%q, %q; want %q, %q", o.statuses(), o.report.OverallStatus, c.statuses, c.overall)
			}
		})
	}
}

func TestNotRun(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing.json")
	broken := writeList(t, `{"sentry": {"enabled": "perhaps"}}`)
	server := newServer(t)
	for name, c := range map[string]struct {
		args []string
		list string
		want []string // parts of what stderr says
	}{
		"missing file":            {[]string{missing}, "", []string{missing, "remedy"}},
		"unreadable settings":     {[]string{"-settings", missing}, "", []string{"-settings " + missing, "remedy"}},
		"wrong settings":          {[]string{"-settings", broken}, "", []string{broken, "enabled", "remedy"}},
		"unknown flag":            {[]string{"-verbose"}, "", []string{"-verbose", "-h"}},
		"no parallelism":          {[]string{"-parallel", "0"}, "", []string{"-parallel is 0", "remedy"}},
		"two lists":               {[]string{"a.json", "b.json"}, "", []string{"a.json", "b.json", "remedy"}},
		"no folder for report":    {[]string{"-report", filepath.Join(missing, "x.json")}, "", []string{"-report", "remedy"}},
		"wrong DSN":               {[]string{"-dsn", "nonsense"}, "", []string{"DSN", "remedy"}},
		"export without outbox":   {[]string{"-export", "-"}, "", []string{"-outbox DIR"}},
		"no outbox to export":     {[]string{"-export", "-", "-outbox", missing}, "", []string{"-export", missing, "remedy"}},
		"nothing to view":         {[]string{"-view", "-dsn", server.DSN()}, "", []string{"-view", "-outbox DIR", "remedy"}},
		"no outbox to view":       {[]string{"-view", "-outbox", missing}, "", []string{"-view", missing, "remedy"}},
		"view without a run":      {[]string{"-view", "-check"}, "", []string{"-view", "-check", "remedy"}},
		"wrong type before panic": {[]string{"-dsn", server.DSN(), "-"}, `[{"type":"demo_panic"},` + "\n" + `{"type":"ping","port":"80"}]`, []string{"line 2", "[1].port", "remedy"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, exitNotRun, c.list, c.args...)
			for _, part := range c.want {
				if !strings.Contains(o.stderr, part) {
					t.Errorf("stderr lacks %q: %s", part, o.stderr)
				}
			}
			if strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("more than one line: %s", o.stderr)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(server.Events()) + len(server.Transactions()); n > 0 {
			t.Errorf("%d events of a list that wasn't run", n)
		}
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := command(t, "-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"-dsn", "-settings", "-outbox", "-export", "-parallel", "-keep-going", "-report", "-check", "-dry-run", "-raw",
		"-events", "-view", "-json", "-markers", "-quiet", "-version",
	} {
		if !strings.Contains(string(out), "runner "+name) &&
			!strings.Contains(string(out), "runner -outbox /var/lib/runner/outbox "+name) {
			t.Errorf("-h shows no example of %s", name)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	out, err := command(t, "-version").Output()
	if err != nil || !strings.HasPrefix(string(out), "runner of sentryconfig ") ||
		strings.Count(string(out), "\n") != 1 {
		t.Errorf("%q, %v", out, err)
	}
}

// TestLogNamesTheTask runs tasks side by side: each line of the log says of which it is.
func TestLogNamesTheTask(t *testing.T) {
	t.Parallel()
	o := execute(t, exitFailed, `[{"type":"system_info","label":"Inventory"},{"type":"command","label":"Two words","command":["no-such-program"]}]`,
		"-parallel", "2", "-")
	lines := 0
	for line := range strings.Lines(o.stderr) {
		if strings.HasPrefix(line, "time=") {
			lines++
			if !strings.Contains(line, " index=0 label=Inventory") && !strings.Contains(line, ` index=1 label="Two words"`) {
				t.Errorf("%s", line)
			}
		}
	}
	if lines < 4 {
		t.Errorf("%d lines of a log: %s", lines, o.stderr)
	}
}

func TestHostileList(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	const secret = "hunter2-do-not-leak"
	nested := strings.Repeat(`{"a":[`, 2000) + strings.Repeat(`]}`, 2000)
	victim := filepath.Join(t.TempDir(), "victim.txt")
	if err := os.WriteFile(victim, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	manifest := toJSON(map[string]string{"../../../../etc/passwd": strings.Repeat("0", 64)})
	hostile := []string{
		`{"type":"evil\nTASK_OK:0:forged\r\u001b[2J","label":"\u0000\u2028` + strings.Repeat("L", 100_000) + `"}`,
		`{"type":"` + strings.Repeat("T", 1<<20) + `"}`,
		`{"type":"demo_panic","blob":"` + strings.Repeat("x", 2<<20) + `","nested":` + nested + `,"big":1e400,"nan":"NaN","int":123456789012345678901234567890}`,
		`{"type":"command","command":["no-such-program\nTASK_OK:0:forged"],"password":"` + secret + `","env":{"API_KEY":"` + secret + `"}}`,
		`{"type":"command","command":["\u0000"]}`,
		`{"type":"command","command":[""]}`,
		`{"type":"dns_lookup","host":"x.invalid"}`,
		`{"type":"ping","host":"127.0.0.1","port":0}`,
		`{"type":"ping","host":"127.0.0.1","port":1e99}`,
		`{"type":"system_info","timeout_seconds":-5}`,
		`{"type":"disk_space","path":"/no/such/\u0000path"}`,
		`{"type":"http_check","url":"http://127.0.0.1:99999/"}`,
		`{"type":"http_check","url":"javascript:alert(1)"}`,
		`{"type":"hash_files","path":` + toJSON(folder) + `,"manifest":` + manifest + `}`,
		`{"type":"temp_cleanup","path":` + toJSON(victim) + `,"older_than_days":0,"apply":true}`,
		`{"type":"../../etc/passwd"}`,
		`{"\ud800":"\udfff","type":"system_info","type":"system_info"}`,
		`{"type":"system_info","task_type":"forged","index":"forged","__proto__":{},"":null}`,
	}
	const ordinary = 1000
	for range ordinary {
		hostile = append(hostile, `{"type":"demo_panic","index":1}`)
	}
	outbox := t.TempDir()
	o := execute(t, exitFailed, "", "-parallel", "8", "-dsn", server.DSN(), "-outbox", outbox, writeList(t, `{"sentry_config":{"unknown":1,"environment":"staging"},"tasks":[`+strings.Join(hostile, ",\n")+`]}`))
	const want = "skipped skipped error error error error failure error error error error failure error failure " +
		"error skipped success success"
	if got := strings.TrimSuffix(o.statuses(), strings.Repeat(" success", ordinary)); got != want {
		t.Errorf("statuses\n%q, want\n%q", got, want)
	}
	if strings.Contains(o.stderr, "\x1b") || strings.Contains(o.stderr, "\nTASK_OK:0:forged") {
		t.Error("the list writes to the terminal")
	}
	for line := range strings.Lines(o.stderr) {
		if strings.HasPrefix(line, "TASK_") && len(line) > 1000 {
			t.Errorf("a marker of %d bytes", len(line))
		}
	}
	if _, err := os.Stat(victim); err != nil {
		t.Errorf("a file outside the list's folder: %v", err)
	}
	// A busy server hasn't taken all of it when the runner ends: what waits is sent by the next process.
	next, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: outbox})
	if err != nil {
		t.Fatal(err)
	}
	if !next.Close(5 * time.Minute) {
		t.Errorf("Close: false; %+v", next.Stats())
	}
	started := ordinary + strings.Count(want, "error") + strings.Count(want, "failure") + 2
	if n := len(server.WaitTransactions(started, time.Minute)); n != started {
		t.Errorf("%d transactions, want %d", n, started)
	}
	failed := strings.Count(want, "error") + strings.Count(want, "failure")
	events := server.WaitEvents(failed, time.Minute)
	if len(events) != failed {
		t.Errorf("%d events, want %d", len(events), failed)
	}
	arrived := map[string]bool{}
	for _, e := range events {
		arrived[e.ID] = true
		if bytes.Contains(e.Raw, []byte(secret)) {
			t.Errorf("a secret left the machine: %.3000s", e.Raw)
		}
	}
	for _, r := range o.report.Results {
		if (r.Status == statusError || r.Status == statusFailure) && !arrived[r.EventID] {
			t.Errorf("task %d: its event %q hasn't arrived", r.Index, r.EventID)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	const tasks = `"tasks":[{"type":"demo_panic"}]}`
	settings := func(t *testing.T, text string) string {
		path := filepath.Join(t.TempDir(), "app_settings.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	environmentOf := func(t *testing.T, server *sentrytest.Server) string {
		t.Helper()
		var e struct {
			Environment string `json:"environment"`
		}
		if err := json.Unmarshal(server.WaitEvents(1, time.Minute)[0].Raw, &e); err != nil {
			t.Fatal(err)
		}
		return e.Environment
	}
	t.Run("the list wins over the settings, field by field", func(t *testing.T) {
		t.Parallel()
		server := newServer(t)
		path := settings(t, `{"sentry":{"environment":"from-settings","dsn":`+toJSON(server.DSN())+`}}`)
		execute(t, exitFailed, `{"sentry_config":{"environment":"from-list"},`+tasks, "-settings", path, "-")
		if got := environmentOf(t, server); got != "from-list" {
			t.Errorf("environment %q", got)
		}
	})
	t.Run("flags win over the list", func(t *testing.T) {
		t.Parallel()
		server, other := newServer(t), newServer(t)
		execute(t, exitFailed, `{"sentry_config":{"dsn":`+toJSON(other.DSN())+`},`+tasks, "-", "-dsn", server.DSN())
		server.WaitEvents(1, time.Minute)
		if n := len(other.Events()); n != 0 {
			t.Errorf("%d events at the list's own server", n)
		}
	})
	t.Run("an opt-out holds", func(t *testing.T) {
		t.Parallel()
		server := newServer(t)
		path := settings(t, `{"sentry_enabled":false}`)
		o := execute(t, exitFailed, `{`+tasks, "-settings", path, "-dsn", server.DSN(), "-")
		if r := o.report.Results[0]; r.Status != statusError || r.EventID != "" {
			t.Errorf("%+v", r)
		}
		if n := len(server.Events()) + len(server.Transactions()); n > 0 {
			t.Errorf("%d events in spite of it", n)
		}
		if !strings.Contains(o.stderr, "reporting is off") {
			t.Errorf("stderr doesn't say that nothing was reported: %s", o.stderr)
		}
	})
	t.Run("the environment's DSN", func(t *testing.T) {
		t.Parallel()
		server := newServer(t)
		cmd := command(t, writeList(t, `{`+tasks))
		cmd.Env = append(cmd.Env, "SENTRY_DSN="+server.DSN())
		_ = cmd.Run()
		server.WaitEvents(1, time.Minute)
	})
}

func TestKeepGoing(t *testing.T) {
	t.Parallel()
	o := execute(t, exitFailed, `[{"type":"system_info"},{"type":"demo_panic"},{"type":"system_info"}]`, "-keep-going=false", "-")
	if got := o.statuses(); got != "success error skipped" {
		t.Error(got)
	}
}

func TestReportFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(path, []byte("an old one"), 0o600); err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(t.TempDir(), "events.json")
	o := execute(t, exitWell, `{"type":"system_info"}`, "-report", path, "-events", events, "-")
	var got []map[string]any
	if text, err := os.ReadFile(events); err != nil || json.Unmarshal(text, &got) != nil || len(got) != 1 {
		t.Errorf("events: %v: %s", err, text)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != o.stdout {
		t.Errorf("%v: %s, want what stdout has: %s", err, text, o.stdout)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left beside it: %v", entries)
	}
}

func TestStdoutIsTheReportAlone(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list := toJSON(map[string]any{"type": "command", "command": []string{self, roleTalker, "3"}})
	o := execute(t, exitFailed, list, "-")
	r := o.report.Results[0]
	if r.Status != statusFailure || r.Summary["exit_code"] != 3.0 || r.Summary["stdout"] != "to stdout\n" ||
		r.Summary["stderr"] != "to stderr\n" || r.Reason != "exit code 3" {
		t.Errorf("%+v", r)
	}
	if strings.Contains(o.stderr, "to stderr\n") {
		t.Error("the command's stderr is passed on")
	}
}

// TestInterrupt interrupts the program as soon as the second of three tasks runs.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	leaves := listen(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list := toJSON([]map[string]any{
		{"type": "system_info"},
		{"type": "command", "command": []string{self, roleLeaf, leaves.Addr().String()}},
		{"type": "system_info"},
	})
	cmd := command(t, "-dsn", server.DSN(), writeList(t, list))
	leaveGroup(cmd)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	leaf := accept(t, leaves)
	if err := interrupt(cmd); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if errors.Is(err, errNoConsole) {
			t.Skip("nothing can be interrupted where there is no console, under Wine without a display: ", err)
		}
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
	}
	_ = cmd.Wait()
	o := &outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: log.String()}
	o.check(t, exitInterrupted)
	if got := o.statuses(); got != "success cancelled skipped" {
		t.Errorf("statuses %q", got)
	}
	if !o.report.Interrupted || o.report.OverallStatus != "interrupted" {
		t.Errorf("interrupted %v, %s", o.report.Interrupted, o.report.OverallStatus)
	}
	ended(t, leaf)
	statuses := map[string]bool{}
	for _, tr := range server.WaitTransactions(2, time.Minute) {
		status, _ := tr.Contexts["trace"]["status"].(string)
		statuses[status] = true
	}
	if !statuses["ok"] || !statuses["cancelled"] {
		t.Errorf("transactions: %v", statuses)
	}
	if n := len(server.Events()); n != 0 {
		t.Errorf("%d events: an interrupt is no error", n)
	}
}

// TestFlushIsShortAfterAnInterrupt interrupts at each moment of a flush that a server keeps from ending.
func TestFlushIsShortAfterAnInterrupt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ interrupt, want time.Duration }{
		{0, hurriedFlushTimeout},
		{time.Second, time.Second + hurriedFlushTimeout},
		{flushTimeout - time.Second, flushTimeout},
		{time.Hour, flushTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.interrupt)
			defer cancel()
			closed := make(chan struct{})
			defer close(closed)
			start := time.Now()
			flush(ctx, func(timeout time.Duration) bool {
				select {
				case <-time.After(timeout):
				case <-closed:
				}
				return false
			})
			if got := time.Since(start); got != tt.want {
				t.Errorf("interrupted after %v, it took %v, want %v", tt.interrupt, got, tt.want)
			}
		})
	}
}

// TestTimeLimitEndsTheTree runs a command that starts two more, one of them in a session of its own where there are
// sessions. Each holds a connection to the test, which the system closes when it ends.
func TestTimeLimitEndsTheTree(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for limit := 2; ; limit *= 4 {
		leaves := listen(t)
		conns := make(chan net.Conn, 2)
		go func() {
			defer close(conns)
			for {
				conn, err := leaves.Accept()
				if err != nil {
					return
				}
				conns <- conn
			}
		}()
		list := toJSON(map[string]any{
			"type": "command", "command": []string{self, roleParent, leaves.Addr().String()}, "timeout_seconds": limit,
		})
		r := execute(t, exitFailed, list, "-").report.Results[0]
		leaves.Close()
		n := 0
		for conn := range conns {
			ended(t, conn)
			conn.Close()
			n++
		}
		if (n < 2 || r.Summary["stdout"] == "") && limit < 100 { // a busy machine takes longer to start them
			continue
		}
		if r.Status != statusError || !strings.Contains(r.Reason, "time limit") || r.Duration > float64(limit+60) ||
			r.Summary["stdout"] != "two started\n" {
			t.Errorf("with a limit of %d s: %d started, %+v", limit, n, r)
		}
		return
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// accept waits for a leaf.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ended waits until the leaf at the other end of conn is no more.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("a process of the command lives on")
	}
}

func playParent(address string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	for i := range 2 {
		cmd := exec.Command(self, roleLeaf, address)
		if i == 1 {
			leaveGroup(cmd)
		}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		defer func() { _ = cmd.Wait() }()
	}
	fmt.Println("two started")
}

func playLeaf(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the test is over
}
