package sentryview

import (
	"fmt"
	"path"
	"strings"
)

// conditions says in plain words what the conditions of errors mean.
var conditions = map[string]string{
	"not_exist":           "what it asked for does not exist",
	"exist":               "what it was about to create exists already",
	"permission":          "access was denied",
	"timeout":             "it took too long",
	"canceled":            "it was cancelled",
	"closed":              "what it used was closed already",
	"connection_refused":  "nothing accepts connections at that address",
	"connection_reset":    "the other side dropped the connection",
	"unreachable":         "the network or the other machine can't be reached",
	"no_space":            "the disk is full",
	"read_only":           "what it wanted to write is read-only",
	"address_in_use":      "another program uses that address",
	"too_many_open_files": "too many files are open",
	"EOF":                 "the data ended too early",
}

// meaning says in plain words what a condition means.
func meaning(condition string) string {
	if text := conditions[condition]; text != "" {
		return text
	}
	if code, ok := strings.CutPrefix(condition, "exit_"); ok {
		return "a program that it started ended with exit code " + code
	}
	if number, ok := strings.CutPrefix(condition, "signal_"); ok {
		return "a program that it started was killed by signal " + number
	}
	if strings.HasPrefix(condition, "x509.") {
		return "the other side's certificate is not trusted"
	}
	if condition == "" {
		return ""
	}
	return "the code it got is " + condition
}

// sentence says what happened, so that people understand it who don't know the program.
func sentence(e *record) string {
	task := "The program"
	if t := taskType(e); t != "" {
		task = "The task " + t
		if p := place(e); p != "" {
			task += " (" + p + ")"
		}
	}
	if e.Tag("failure_type") == "process_crash" {
		return "The whole program crashed" + interrupted(e.Contexts["crash"]) + "."
	}
	what := happened(e)
	if e.Tag("will_retry") == "true" {
		what += " It will be tried again."
	}
	return task + " " + what
}

// happened is the sentence behind its subject.
func happened(e *record) string {
	switch e.Tag("failure_type") {
	case "task_status_failure":
		return "ran to its end and found things not as they should be."
	case "task_interrupted":
		return "never came back: " + interruption(e.Contexts["interrupted"])
	}
	if n := len(e.Fingerprint); n > 1 {
		switch e.Fingerprint[n-1] {
		case "task_stuck":
			return "runs for longer than it should."
		case "failure_rate":
			if e.Level == "info" {
				return "is well again: its failures are below the alarm rate."
			}
			return "fails more often than it should."
		}
	}
	if e.Type == "feedback" {
		return "got a message from a user."
	}
	if n := len(e.Exceptions); n > 0 {
		return failed(e)
	}
	return "reported a message."
}

func failed(e *record) string {
	outer := &e.Exceptions[len(e.Exceptions)-1]
	if m := outer.Mechanism; m != nil && m.Handled != nil && !*m.Handled {
		text := "panicked"
		if f := innermost(e); f != "" {
			text += " in " + f
		}
		return text + ", which is a mistake in the program."
	}
	if why := meaning(e.Tag("error_condition")); why != "" {
		return "ended with an error: " + why + "."
	}
	return "ended with an error."
}

// interruption says how a process ended that never told.
func interruption(death map[string]any) string {
	text := "its process ended while it ran"
	if pid, ok := death["pid"].(float64); ok {
		text = fmt.Sprintf("its process (PID %.0f) ended while it ran", pid)
	}
	switch restarted, known := death["machine_restarted"].(bool); {
	case restarted:
		text += ", and the machine was restarted"
	case known:
		text += ", though the machine was not restarted: it was killed or it crashed"
	}
	return text + "."
}

// interrupted names the tasks that a crash ended.
func interrupted(crash map[string]any) string {
	var names []string
	tasks, _ := crash["interrupted_tasks"].([]any)
	for _, t := range tasks {
		names = append(names, plain(t))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return " while the task " + names[0] + " ran"
	}
	return " while the tasks " + listed(names[:min(len(names), 10)]) + " ran"
}

// innermost is the function in which an error arose: the innermost of the program's own.
func innermost(e *record) string {
	for i := len(e.Exceptions) - 1; i >= 0; i-- {
		frames := e.Exceptions[i].Frames
		for j := len(frames) - 1; j >= 0; j-- {
			if frames[j].InApp {
				return shortName(frames[j].Module, frames[j].Function)
			}
		}
	}
	return ""
}

// shortName is a function with the last part of its package's path.
func shortName(module, function string) string {
	if module == "" {
		return function
	}
	return path.Base(module) + "." + function
}

// A part is a piece of a fingerprint, and why it is in it.
type part struct{ Value, Meaning string }

// groupedBy says what makes the events of an issue one issue.
func groupedBy(e *record) []part {
	if len(e.Fingerprint) == 0 {
		return []part{{"{{ default }}", "Sentry's own rule: type and stack trace, or the message"}}
	}
	var parts []part
	for i, value := range e.Fingerprint {
		parts = append(parts, part{value, partMeaning(e, i, value)})
	}
	return parts
}

func partMeaning(e *record, i int, value string) string {
	switch value {
	case "{{ default }}":
		return "Sentry's own rule: type and stack trace, or the message"
	case "task_failure":
		return "it ran to its end and failed"
	case "task_interrupted":
		return "its process died"
	case "process_crash":
		return "the whole process crashed"
	case "task_stuck":
		return "it runs too long"
	case "failure_rate":
		return "it fails too often"
	}
	switch {
	case i == 0 && value == taskType(e):
		return "type of the task"
	case value == e.Tag("error_type"):
		return "class of the error"
	case value == e.Tag("error_condition"):
		if why := meaning(value); !strings.HasSuffix(why, " "+value) {
			return "condition: " + why
		}
		return "condition: the code of the error"
	case value == e.Tag("failure_code"):
		return "code of the failure"
	case i == 2:
		return "the function it came from"
	case i == 1:
		return "class of the error"
	}
	return "set by the program"
}
