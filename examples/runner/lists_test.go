package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// mistakesIn returns the mistakes of a list as "line field: problem".
func mistakesIn(t *testing.T, text string) []string {
	t.Helper()
	_, err := parseList([]byte(text), "list")
	if err == nil {
		return nil
	}
	var all mistakes
	if !errors.As(err, &all) {
		t.Fatalf("%v", err)
	}
	var said []string
	for _, m := range all {
		if m.remedy == "" {
			t.Errorf("no remedy: %v", m)
		}
		said = append(said, fmt.Sprintf("%d %s: %s", m.line, m.field, m.problem))
	}
	return said
}

func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "mistakes.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`2 tasks[0].type: is "commnad", did you mean "command"?`,
		`3 tasks[1].typ: means nothing here, did you mean "type"?`,
		`4 tasks[2].prt: is no parameter of ping, did you mean "port"?`,
		`5 tasks[3].min_free_percent: is a text, want a number`,
		`6 tasks[4].command: is a text, want a list`,
	}
	if got := mistakesIn(t, string(text)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	server := newServer(t)
	for _, flags := range [][]string{{}, {"-check"}, {"-dry-run"}} {
		args := append(flags, "-dsn", server.DSN(), filepath.Join("testdata", "mistakes.json"))
		o := execute(t, exitNotRun, "", args...)
		if lines := strings.Count(o.stderr, "\n"); lines != len(want) ||
			strings.Count(o.stderr, "remedy: ") != len(want) {
			t.Errorf("%q: %d lines, want %d: %s", flags, lines, len(want), o.stderr)
		}
	}
	if n := len(server.Transactions()); n > 0 {
		t.Errorf("%d tasks of a list with mistakes have run", n)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"type":"Ping","host":"h"}`:                                             `1 type: is "Ping", did you mean "ping"?`,
		`{"type":"disk-space","path":"/"}`:                                       `1 type: is "disk-space", did you mean "disk_space"?`,
		`{"type":"smartctl_reprot"}`:                                             `1 type: is "smartctl_reprot", did you mean "smartctl_report"?`,
		`{"type":"smartctl_reprot","executable_path":"smartctl"}`:                `1 type: is "smartctl_reprot", did you mean "smartctl_report"?`,
		`{"type":"virus_scan","executable_pth":"x"}`:                             `1 executable_pth: means nothing here, did you mean "executable_path"?`,
		`{"type":"virus_scan","executable_path":5}`:                              `1 executable_path: is a number, want a text`,
		`{"type":"virus_scan","executable_path":"x","agrs":[]}`:                  `1 agrs: is no parameter of virus_scan, did you mean "args"?`,
		`{"type":"virus_scan","executable_path":"x","args":"--quick"}`:           `1 args: is a text, want a list`,
		`{"type":"virus_scan","executable_path":"x","success_codes":[0,"1"]}`:    `1 success_codes[1]: is a text, want a number`,
		`{"type":"virus_scan","executable_path":"x","success_codes":[0.5]}`:      `1 success_codes[0]: is a fraction, want a whole number`,
		`{"type":"chkdsk"}`:                                                      `1 type: is "chkdsk", did you mean "chkdsk_scan"?`,
		`{"type":"system_info","timeout":5}`:                                     `1 timeout: is no parameter of system_info, did you mean "timeout_seconds"?`,
		`{"type":"system_info","Label":"x"}`:                                     `1 Label: is no parameter of system_info, did you mean "label"?`,
		`{"type":"temp_cleanup","path":"x","aply":true}`:                         `1 aply: is no parameter of temp_cleanup, did you mean "apply"?`,
		`{"type":"chkdsk_scan","mode":"raed_only"}`:                              `1 mode: is "raed_only", did you mean "read_only"?`,
		`{"type":"dism_health_check","actions":["scanhealth","restore_health"]}`: `1 actions[1]: is "restore_health", did you mean "restorehealth"?`,
		`{"tasks":[],"sentry_cnfig":{"enabled":false}}`:                          `1 sentry_cnfig: means nothing here, did you mean "sentry_config"?`,
		`{"tasks":[],"sentry_config":{"enabeld":false}}`:                         `1 sentry_config.enabeld: means nothing here, did you mean "enabled"?`,
		`{"tasks":[],"sentry_config":{"max_per_minutes":5}}`:                     `1 sentry_config.max_per_minutes: means nothing here, did you mean "max_per_minute"?`,
		`{"tasks":[],"sentry_config":{"stuckafter":"5m"}}`:                       `1 sentry_config.stuckafter: means nothing here, did you mean "stuck_after"?`,
		`{"tasks":[],"sentry_config":{"alert":[]}}`:                              `1 sentry_config.alert: means nothing here, did you mean "alerts"?`,
		`{"tasks":[],"sentry":{"enabled":false}}`:                                `1 sentry: means nothing here, did you mean "sentry_config"?`,
	} {
		if got := strings.Join(mistakesIn(t, text), "\n"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	for _, text := range []string{
		`{"type":"speed_test","executable_path":"..\\tools\\other.exe","args":[]}`, // a program of that name
		`{"type":"virus_scan","executable_path":"x","extra_args":[],"details":true,"width":5,"demo":"x","level":"high","options":[]}`,
		`{"type":"system_info","_timeout":5,"//":"mine","$schema":"x","level":1,"title":"x","ui_label":"y"}`,
		`{"type":"battery","executable_path":"x"}`,
		`{"type":"coffee_break","time":5,"lable":"x"}`,
		`{"tasks":[],"metadata":{"task":"x"},"name":"x","config":{}}`,
		`{"type":"registry_repair"}`, `{"type":"ram_test"}`, `{"type":"disk_scan"}`,
	} {
		if got := mistakesIn(t, text); got != nil {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestTechniciansList checks a list as technicians have it, and runs it.
func TestTechniciansList(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "technician.json")
	want := "success success failure failure error skipped skipped skipped error error skipped"
	if runtime.GOOS == "windows" {
		t.Skip("it would check and repair this machine")
	}
	server := newServer(t)
	o := execute(t, exitFailed, "", "-dsn", server.DSN(), path)
	got := o.statuses()
	for i, s := range o.report.Results { // what depends on this machine
		if i == 1 || i == 2 || i == 3 {
			want = replaceWord(want, i, s.Status)
		}
	}
	if got != want || o.report.OverallStatus != "completed_with_errors" {
		t.Errorf("%s, %q\nwant %q", o.report.OverallStatus, got, want)
	}
	for _, part := range []string{
		"TASK_SKIP:6:sfc_scan - needs Windows\n", "4 of 11 tasks were skipped:\n",
		"task 10 coffee_break: unknown task type\n",
	} {
		if !strings.Contains(o.stderr, part) {
			t.Errorf("stderr lacks %q", part)
		}
	}
	for _, e := range server.WaitEvents(3, sureWait) {
		if e.Tags["task_type"] == "virus_scan" && e.Tags["error_condition"] != "not_exist" {
			t.Errorf("a missing scanner: %v", e.Tags)
		}
	}
}

func replaceWord(text string, i int, word string) string {
	words := strings.Fields(text)
	words[i] = word
	return strings.Join(words, " ")
}

func TestEncodingsOfLists(t *testing.T) {
	t.Parallel()
	const text = "[\r\n{\"type\":\"nobody\",\"label\":\"Prüfung 日本\"}]\r\n"
	for name, list := range map[string]string{
		"UTF-8":                     text,
		"UTF-8 with a mark":         "\xef\xbb\xbf" + text,
		"UTF-16":                    "\xff\xfe" + string(utf16LE(text)),
		"UTF-16, big endian":        "\xfe\xff" + string(utf16BE(text)),
		"UTF-16 without a mark":     string(utf16LE(text)),
		"UTF-16, big, without mark": string(utf16BE(text)),
	} {
		l, err := parseList([]byte(list), "list")
		if err != nil || len(l.tasks) != 1 || l.tasks[0].label != "Prüfung 日本" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrong *inputError
	utf16 := []byte("\xff\xfe" + string(utf16LE("[\r\n{\"type\":5}]")))
	if _, err := parseList(utf16, "list"); !errors.As(err, &wrong) || wrong.line != 2 {
		t.Errorf("a mistake in UTF-16: %v", err)
	}
}

func TestCheckAndDryRun(t *testing.T) {
	t.Parallel()
	program := standIn(t, "backup", answer{Exit: 1})
	list := `[{"type":"backup","label":"Nightly","executable_path":` + toJSON(program) + `,"args":["--password","env:SECRET_OF_BACKUP","a b"],"odd":1},
		{"type":"ping","host":"example.com","port":0},
		{"type":"coffee_break"},
		{"type":"command","command":["no-such-program-anywhere"]}]`
	for flag, want := range map[string][]string{
		"-check": {"standard input: no mistakes in 4 tasks, 3 would run, 1 would be skipped\n",
			"1 ping: can't start: port is 0, want 1 to 65535\n", "2 coffee_break: would be skipped: unknown task type\n"},
		"-dry-run": {`0 backup "Nightly": would run ` + program + ` --password [Filtered] "a b"` + "\n", "0 backup \"Nightly\": would not look at odd\n",
			"3 command: would run no-such-program-anywhere, which can't be found or run here\n"},
	} {
		cmd := command(t, flag, writeList(t, list))
		cmd.Env = append(cmd.Env, "SECRET_OF_BACKUP=hunter2-of-backup")
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != exitFailed {
			t.Errorf("%s: exit code %d: one can't start", flag, code)
		}
		text := strings.ReplaceAll(string(out), cmd.Args[len(cmd.Args)-1], "standard input")
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", flag, part, text)
			}
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s tells a secret: %s", flag, text)
		}
	}
}

// TestTables checks the tables themselves: every example is a value of its own row, and no name is taken for another.
func TestTables(t *testing.T) {
	t.Setenv("HEALTH_TOKEN", "x")
	for kind, tt := range taskTypes {
		if other := closestType(kind); other != kind {
			t.Errorf("%s is taken for %s", kind, other)
		}
		text := `{"type":"` + kind + `"`
		for _, p := range tt.params {
			text += `,"` + p.name + `":` + p.example
		}
		l, err := parseList([]byte(text+"}"), "list")
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if task := l.tasks[0]; task.refused != nil || task.plan == "" && task.skip == "" || len(task.ignored) > 0 {
			t.Errorf("%s: %v, %q, %q", kind, task.refused, task.plan, task.ignored)
		}
	}
}

// TestDocumentation looks for every type, parameter and flag in the page and in -h.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind, tt := range taskTypes {
		if !strings.Contains(string(page), "| `"+kind+"` |") || kind != "demo_panic" && !strings.Contains(usage, `{"type": "`+kind+`"`) {
			t.Errorf("%s is not described: add it to the table in README.md, and to usage in flags.go", kind)
		}
		for _, p := range append(tt.params, programParams...) {
			if !strings.Contains(string(page), "`"+p.name+"`") && !strings.Contains(string(page), `"`+p.name+`"`) {
				t.Errorf("parameter %s of %s is not described: add it to README.md", p.name, kind)
			}
		}
	}
}
