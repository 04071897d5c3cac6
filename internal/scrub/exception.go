package scrub

import (
	"slices"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

func (s *Scrubber) exceptions(e *sentry.Event) {
	var out []sentry.Exception
	for i := range e.Exception {
		old := &e.Exception[i]
		x := *old
		x.Type = cutRunes(s.short(x.Type), protocol.MaxTypeChars)
		x.Module = cutRunes(s.short(x.Module), protocol.MaxTypeChars)
		x.Value = s.text(x.Value, protocol.MaxMessageChars)
		x.Stacktrace = s.stacktrace(x.Stacktrace)
		x.Mechanism = s.mechanism(x.Mechanism)
		if x.Type == "" && x.Value == "" {
			x.Type = "error" // Relay drops one without both
		}
		if x.Type == old.Type && x.Module == old.Module && x.Value == old.Value &&
			x.Stacktrace == old.Stacktrace && x.Mechanism == old.Mechanism {
			continue
		}
		if out == nil {
			out = slices.Clone(e.Exception)
		}
		out[i] = x
	}
	if out != nil {
		e.Exception = out
	}
}

func (s *Scrubber) mechanism(m *sentry.Mechanism) *sentry.Mechanism {
	if m == nil {
		return nil
	}
	kind := cutRunes(s.short(m.Type), protocol.MaxCategoryChars)
	if kind == "" {
		kind = "generic" // Relay wants one
	}
	description := s.label(m.Description, protocol.MaxMessageChars)
	help := s.label(m.HelpLink, protocol.MaxMessageChars)
	source := s.label(m.Source, protocol.MaxCategoryChars)
	if !strings.HasPrefix(help, "http") { // Relay takes nothing else
		help = ""
	}
	if strings.ContainsAny(source, " \r\n\t") {
		source = ""
	}
	data, changed, _ := s.walk(m.Data, protocol.MaxCrumbBytes, protocol.MaxCrumbDepth)
	number := max(m.ExceptionID, 0) // servers with a schema drop an event with one below 0
	if !changed && number == m.ExceptionID && kind == m.Type && description == m.Description && help == m.HelpLink &&
		source == m.Source {
		return m
	}
	n := *m
	n.ExceptionID = number
	n.Type, n.Description, n.HelpLink, n.Source, n.Data = kind, description, help, source, data
	return &n
}

func (s *Scrubber) threads(e *sentry.Event) {
	var out []sentry.Thread
	for i, old := range e.Threads {
		t := old
		t.ID, t.Name = s.short(t.ID), s.text(t.Name, protocol.MaxThreadNameChars)
		t.Stacktrace = s.stacktrace(t.Stacktrace)
		if t == old {
			continue
		}
		if out == nil {
			out = slices.Clone(e.Threads)
		}
		out[i] = t
	}
	if out != nil {
		e.Threads = out
	}
}

func (s *Scrubber) stacktrace(t *sentry.Stacktrace) *sentry.Stacktrace {
	if t == nil || len(t.Frames) == 0 { // Relay wants one
		return nil
	}
	frames, changed := t.Frames, false
	if n := len(frames); n > protocol.MaxFrames { // the middle goes, as at Relay: a recursion
		frames = slices.Concat(frames[:protocol.MaxFrames/2], frames[n-protocol.MaxFrames/2:])
		changed = true
	}
	for i := range frames {
		f := frames[i]
		if !s.frame(&f) {
			continue
		}
		if !changed {
			frames, changed = slices.Clone(frames), true
		}
		frames[i] = f
	}
	if !changed && t.FramesOmitted == nil {
		return t
	}
	n := *t
	n.Frames, n.FramesOmitted = frames, nil // Relay ignores what is omitted, servers with a schema drop the event
	return &n
}

// frame scrubs f, a copy, and reports whether anything changed.
func (s *Scrubber) frame(f *sentry.Frame) (changed bool) {
	for _, t := range [...]struct {
		text  *string
		limit int
	}{
		{&f.Function, protocol.MaxFunctionChars}, {&f.Symbol, protocol.MaxFunctionChars},
		{&f.Module, maxLineChars}, {&f.Filename, maxLineChars},
		{&f.AbsPath, maxLineChars}, {&f.Package, maxLineChars}, {&f.ContextLine, maxLineChars},
	} {
		if *t.text == "" {
			continue
		}
		if n := s.label(*t.text, t.limit); n != *t.text {
			*t.text, changed = n, true
		}
	}
	for _, list := range [...]*[]string{&f.PreContext, &f.PostContext} {
		if n, differs := s.lines(*list, maxLineChars); differs {
			*list, changed = n, true
		}
	}
	for _, n := range [...]*int{&f.Lineno, &f.Colno} {
		if *n < 0 { // Bugsink refuses the whole event
			*n, changed = 0, true
		}
	}
	if f.Vars != nil {
		if vars, differs, _ := s.walk(f.Vars, protocol.MaxCrumbBytes, protocol.MaxCrumbDepth); differs {
			f.Vars, changed = vars, true
		}
	}
	return changed
}
