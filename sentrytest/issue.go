package sentrytest

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// defaultFingerprint is the part of a fingerprint that stands for Sentry's own grouping.
const defaultFingerprint = "{{ default }}"

// An Issue is a group of events that Sentry shows as one.
type Issue struct {
	Fingerprint []string // the first event's, unchanged; {{ default }} if it had none
	Title       string   // the newest event's
	Events      []Event  // in order of arrival
}

// Issues groups the events as Sentry does, in the order of their first events. Events belong to one issue if their
// fingerprints are equal, after variables such as {{ default }}, {{ error.type }} and {{ message }} are filled in. A
// missing fingerprint, and {{ default }}, mean the types and stack traces of the exceptions; without stack traces the
// types and messages; without exceptions the message. Numbers, addresses and the like in messages are ignored.
func (s *Server) Issues() []Issue { return GroupEvents(s.Events()) }

// GroupEvents groups events as [Server.Issues] does, in the given order.
func GroupEvents(events []Event) []Issue {
	var issues []Issue
	places := make(map[string]int)
	for _, e := range events {
		key := e.groupKey()
		i, ok := places[key]
		if !ok {
			i = len(issues)
			places[key] = i
			fingerprint := e.Fingerprint
			if len(fingerprint) == 0 {
				fingerprint = []string{defaultFingerprint}
			}
			issues = append(issues, Issue{Fingerprint: fingerprint})
		}
		issues[i].Title = e.Title()
		issues[i].Events = append(issues[i].Events, e)
	}
	return issues
}

// maxTitle limits a message in a title, in characters; Sentry cuts longer ones.
const maxTitle = 100

// Title returns the title that Sentry shows for the event: type and first line of the outermost exception, first line
// of the message, or the name of the transaction. The title of feedback begins with "User Feedback: ".
func (e Event) Title() string {
	x := e.outermost()
	value := cutTitle(x.Value)
	switch {
	case e.Type == typeTransaction:
		return e.Transaction
	case e.Type == typeFeedback:
		return "User Feedback: " + cutTitle(e.Message)
	case x.Type != "" && value != "":
		return x.Type + ": " + value
	case x.Type != "":
		return x.Type
	case value != "":
		return value
	case e.Message != "":
		return cutTitle(e.Message)
	}
	return "<unlabeled event>"
}

func cutTitle(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if len(line) <= maxTitle {
		return line
	}
	if runes := []rune(line); len(runes) > maxTitle {
		return string(runes[:maxTitle-3]) + "..."
	}
	return line
}

// groupKey returns a key that is equal for events of the same issue only.
func (e *Event) groupKey() string {
	fingerprint := e.Fingerprint
	if len(fingerprint) == 0 {
		fingerprint = []string{defaultFingerprint}
	}
	if len(fingerprint) == 1 && variable(fingerprint[0]) == "default" {
		return "default" + quoted(e.defaultGroup()) // {{ default }} alone is the same as none
	}
	parts := make([]string, 0, len(fingerprint))
	for _, part := range fingerprint {
		parts = append(parts, e.fill(part)...)
	}
	return "fingerprint" + quoted(parts)
}

// quoted joins parts into a string that no other parts give.
func quoted(parts []string) string {
	var b []byte
	for _, part := range parts {
		b = append(b, ' ')
		b = strconv.AppendQuote(b, part)
	}
	return string(b)
}

// variable returns the name in {{ name }}, "" for any other part.
func variable(part string) string {
	name, ok := strings.CutPrefix(strings.TrimSpace(part), "{{")
	name, closed := strings.CutSuffix(name, "}}")
	if name = strings.TrimSpace(name); !ok || !closed || strings.ContainsAny(name, " {}") {
		return ""
	}
	return name
}

// fill returns the value of a part of a fingerprint.
func (e *Event) fill(part string) []string {
	name := variable(part)
	value := ""
	switch name {
	case "":
		return []string{part}
	case "default":
		return append([]string{defaultFingerprint}, e.defaultGroup()...)
	case "error.type", "type":
		value = e.outermost().Type
	case "error.value", "value":
		value = e.outermost().Value
	case "message":
		if value = e.Message; value == "" {
			value = e.outermost().Value
		}
	case "transaction":
		value = e.Transaction
	case "level":
		value = e.Level
	case "logger":
		value = e.Logger
	default:
		tag, ok := strings.CutPrefix(name, "tags.")
		if !ok {
			return []string{part}
		}
		value = e.Tags[tag]
	}
	if value == "" {
		value = "<no-" + strings.ReplaceAll(name, ".", "-") + ">"
	}
	return []string{value}
}

// defaultGroup returns what Sentry groups by without a fingerprint.
func (e *Event) defaultGroup() []string {
	if len(e.Exceptions) == 0 {
		return []string{"message", withoutParameters(e.Message)}
	}
	traced := false
	for _, x := range e.Exceptions {
		traced = traced || len(x.Frames) > 0
	}
	var group []string
	for _, x := range e.Exceptions {
		group = append(group, "exception", x.Type)
		if !traced {
			group = append(group, withoutParameters(x.Value))
		}
		for _, f := range groupFrames(x.Frames) {
			place := f.Module
			if place == "" {
				place = f.Filename
			}
			group = append(group, "frame", place, f.Function, strings.TrimSpace(f.ContextLine))
		}
	}
	return group
}

// groupFrames returns the frames that count: those of the program itself, or all if it has none.
func groupFrames(frames []Frame) []Frame {
	var own []Frame
	for _, f := range frames {
		if f.InApp {
			own = append(own, f)
		}
	}
	if own == nil {
		return frames
	}
	return own
}

// parameters matches what varies between messages of one kind.
var parameters = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.Join([]string{
		`[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+`,                                     // e-mail address
		`\b[a-z][a-z0-9+.-]*://[^\s"'<>]+`,                                               // URL
		`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`,               // UUID
		`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`,                                         // IP address
		`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b`, // date
		`\b0x[0-9a-f]+\b`,
		`\b[0-9a-f]{32}\b|\b[0-9a-f]{40}\b`,         // checksums
		`\b\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d)?\b`, // number, duration
	}, "|"))
})

func withoutParameters(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return parameters().ReplaceAllString(text, "<parameter>")
}
