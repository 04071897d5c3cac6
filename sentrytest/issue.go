package sentrytest

import "strings"

// An Issue is a group of events with one fingerprint.
type Issue struct {
	Fingerprint []string
	Title       string // of the first event
	Events      []Event
}

// Issues groups the events as Sentry does: by fingerprint; where there is none, or where it says {{ default }}, by the types
// and stack traces of the exceptions, else by the message. They come in the order of their first events.
func (s *Server) Issues() []Issue {
	var issues []Issue
	place := make(map[string]int)
	for _, e := range s.Events() {
		fingerprint := e.group()
		group := strings.Join(fingerprint, "\x00")
		i, ok := place[group]
		if !ok {
			i = len(issues)
			place[group] = i
			issues = append(issues, Issue{Fingerprint: fingerprint, Title: e.Title()})
		}
		issues[i].Events = append(issues[i].Events, e)
	}
	return issues
}

func (e Event) group() []string {
	if len(e.Fingerprint) == 0 {
		return e.defaultGroup()
	}
	var group []string
	for _, part := range e.Fingerprint {
		if strings.ReplaceAll(part, " ", "") == "{{default}}" {
			group = append(group, e.defaultGroup()...)
		} else {
			group = append(group, part)
		}
	}
	return group
}

func (e Event) defaultGroup() []string {
	var group []string
	for _, x := range e.Exceptions {
		group = append(group, x.Type)
		if len(x.Frames) == 0 {
			group = append(group, x.Value)
		}
		for _, f := range x.Frames {
			if f.InApp {
				group = append(group, f.Module+"."+f.Function)
			}
		}
	}
	if group == nil {
		group = []string{e.Message}
	}
	return group
}
