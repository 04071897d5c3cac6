package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig"
)

func TestParseListErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		line  int
		field string
		want  string // part of the problem
	}{
		"empty":                    {"", 1, "", "is empty"},
		"blank":                    {" \n\t\n", 1, "", "is empty"},
		"only a byte order mark":   {"\xef\xbb\xbf", 1, "", "is empty"},
		"UTF-16 that breaks off":   {"\xff\xfe[\x00]", 1, "", "UTF-16"},
		"neither UTF-8 nor UTF-16": {"[{\"type\":\"x\",\n\"label\":\"J\xfcrgen\"}]", 2, "[0].label", "neither UTF-8"},
		"a comment":                {"[\n// mine\n{\"type\":\"x\"}]", 2, "[0]", "has a comment"},
		"a comment of a shell":     {"[{\"type\":\"x\"}\n# mine\n]", 2, "[1]", "has a comment"},
		"a text":                   {`"tasks"`, 1, "", "is a text, want a list of tasks"},
		"a number":                 {"\n\n 5", 3, "", "is a number"},
		"null":                     {"null", 1, "", "is null"},
		"neither task nor list":    {"{\n\"task\": []}", 1, "tasks", "is missing"},
		"tasks is a text":          {"{\n\n\"tasks\": \"x\"}", 3, "tasks", "is a text"},
		"tasks is null":            {`{"tasks":null}`, 1, "tasks", "is null"},
		"a task is a list":         {"[{},\n[]]", 2, "[1]", "is a list, want a task"},
		"a task is null":           {`{"tasks":[null]}`, 1, "tasks[0]", "is null"},
		"type is a number":         {"[\n{\"type\":\n5}]", 3, "[0].type", "is a number, want a text"},
		"label is a list":          {"{\"type\":\"x\",\n\"label\":[]}", 2, "label", "is a list, want a text"},
		"time limit is a text":     {"{\"tasks\":[{\"type\":\"system_info\",\n\"timeout_seconds\":\"5\"}]}", 2, "tasks[0].timeout_seconds", "is a text, want a number"},
		"command is a text":        {"[{\"type\":\"command\",\"label\":\"a\\nb\",\n\n\"command\":\"ls -l\"}]", 3, "[0].command", "is a text, want a list"},
		"an argument is a number": {"[{\"type\":\"command\",\"command\":[\"sleep\",\n5]}]", 2, "[0].command[1]",
			"is a number, want a text"},
		"apply is a text":             {`{"type":"temp_cleanup","apply":"yes"}`, 1, "apply", "want true or false"},
		"port is a fraction":          {`{"type":"ping","host":"h","port":80.5}`, 1, "port", "is a fraction"},
		"manifest of numbers":         {`{"type":"hash_files","path":"p","manifest":{"a":1}}`, 1, "manifest", "want an object of texts"},
		"sentry_config is a text":     {"{\"tasks\":[],\n\"sentry_config\":\"x\"}", 2, "sentry_config", "is a text"},
		"the last of repeated counts": {"{\"type\":\"x\",\"label\":\"a\",\n\"label\":1}", 2, "label", "is a number"},
		"a comma too many":            {"[\n{\"type\":\"x\"},\n]", 3, "[1]", "broken JSON"},
		"a comma missing":             {"{\"tasks\":[\n{\"type\":\"x\"\n\"label\":\"y\"}]}", 3, "tasks[0].type", "broken JSON"},
		"breaks off":                  {"{\"tasks\": [\n{\"type\": \"comm", 2, "tasks[0].type", "broken JSON"},
		"two lists":                   {"[]\n[]", 2, "", "broken JSON"},
		"a line break in a text":      {"[{\"type\":\"a\nb\"}]", 1, "[0].type", "broken JSON"},
		"too deep":                    {strings.Repeat("[", 20_000), 1, "", "broken JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseList([]byte(c.text), "list.json")
			var ie *inputError
			if !errors.As(err, &ie) {
				t.Fatalf("%v, want an *inputError", err)
			}
			if name == "too deep" {
				ie.field = "" // as deep as the list
			}
			if ie.line != c.line || ie.field != c.field || !strings.Contains(ie.problem, c.want) || ie.remedy == "" {
				t.Errorf("line %d, field %q: %s; remedy: %s\nwant line %d, field %q: …%s…",
					ie.line, ie.field, ie.problem, ie.remedy, c.line, c.field, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
		})
	}
}

func TestRemedyForOneArgumentIsTheWholeCommand(t *testing.T) {
	t.Parallel()
	_, err := parseList([]byte(`{"type":"command","command":["sleep",5]}`), "list.json")
	if want := `write "command": ["program", "argument"]`; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "field command[1]") {
		t.Errorf("%v, want field command[1] and %s", err, want)
	}
}

func TestNegativeTimeLimit(t *testing.T) {
	t.Parallel()
	l, err := parseList([]byte(`{"type":"system_info","timeout_seconds":-1}`), "list.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.tasks[0].run(t.Context()); err == nil ||
		!strings.HasSuffix(err.Error(), "timeout_seconds is -1, want 0 or more") {
		t.Errorf("%v", err)
	}
}

func TestConfigureNamesTheLine(t *testing.T) {
	t.Parallel()
	const list = `{"tasks":[],"sentry_config":{"environment":"x",` + "\n" + `"traces_sample_rate":"all"}}`
	l, err := parseList([]byte(list), "list.json")
	if err != nil {
		t.Fatal(err)
	}
	var opts sentryconfig.Options
	var ie *inputError
	if err := l.configure(&opts); !errors.As(err, &ie) || ie.line != 2 ||
		ie.field != "sentry_config.traces_sample_rate" {
		t.Errorf("%v", err)
	}
}

func FuzzParseList(f *testing.F) {
	for _, name := range []string{"sample.json", "sample_windows.json"} {
		text, err := samples.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"tasks":[{"type":"ping","port":1e9,"host":null}],"sentry_config":{"dsn":"x"}}`))
	f.Add([]byte("[{\"type\":\"command\",\n\"command\":[1]}]"))
	f.Add([]byte(`{"a":{"b":[1,{"c"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseList(text, "fuzz")
		if err != nil {
			var ie *inputError
			if !errors.As(err, &ie) || ie.remedy == "" || ie.line < 1 {
				t.Fatalf("%#v", err)
			}
			return
		}
		for i, task := range l.tasks {
			if task.index != i {
				t.Fatalf("task %d has the index %d", i, task.index)
			}
		}
		var opts sentryconfig.Options
		_ = l.configure(&opts)
	})
}
