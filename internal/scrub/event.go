package scrub

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// Event removes what is secret or personal from every place of e, cuts each place to what Sentry takes of it, and makes
// e's values safe, so that encoding e can't fail. Only e itself changes: maps, slices and structs that e points to may
// be shared with scopes and other events, and are copied before something in them changes. It never panics: a place
// that can't be scrubbed is replaced whole. Nothing is allocated when nothing changes.
//
// Without Config.PII the user keeps the ID and the data that the host program set, as texts that are scrubbed; name,
// mail and IP address go. Payloads of attachments and IDs stay as they are.
func (s *Scrubber) Event(e *sentry.Event) { s.EventBut(e, nil) }

// EventBut is Event for an e that may hold contexts of clean, the very maps, which [Scrubber.Contexts] has made and
// nobody has written to since: it doesn't look into them.
func (s *Scrubber) EventBut(e *sentry.Event, clean map[string]sentry.Context) {
	if e == nil {
		return
	}
	for p := range places {
		if p != placeContexts && p != placeBreadcrumbs {
			s.place(e, p, nil)
		}
	}
	if s.place(e, placeContexts, clean)+s.place(e, placeBreadcrumbs, nil) > maxDataBytes {
		s.place(e, placeShare, nil)
	}
}

// Contexts returns what Event makes of contexts that are not the host program's.
func (s *Scrubber) Contexts(contexts map[string]sentry.Context) map[string]sentry.Context {
	e := sentry.Event{Contexts: contexts}
	s.place(&e, placeContexts, nil)
	return e.Contexts
}

const (
	maxLineChars = 2048 // a line of source, a file's name: Relay keeps all, nobody reads it

	maxSpanDataBytes = 32 << 10
	maxSpanDataDepth = 16

	// maxDataBytes is the room for task data, extra and breadcrumb data together.
	maxDataBytes = 128 << 10
)

// The places of an event, in the order in which they are scrubbed.
const (
	placeTexts = iota
	placeTags
	placeExceptions
	placeThreads
	placeSpans
	placeRequest
	placeUser
	placeRest
	placeContexts
	placeBreadcrumbs
	placeShare
	places = placeBreadcrumbs + 1
)

// place scrubs one place of e, but for contexts of clean, and returns the bytes that its data takes at most.
func (s *Scrubber) place(e *sentry.Event, p int, clean map[string]sentry.Context) (bytes int) {
	defer func() {
		if recover() != nil {
			drop(e, p)
		}
	}()
	switch p {
	case placeTexts:
		s.texts(e)
	case placeTags:
		if tags, changed := s.tags(e.Tags); changed {
			e.Tags = tags
		}
	case placeExceptions:
		s.exceptions(e)
	case placeThreads:
		s.threads(e)
	case placeSpans:
		s.spans(e)
	case placeRequest:
		s.request(e)
	case placeUser:
		s.user(&e.User)
	case placeRest:
		s.rest(e)
	case placeContexts:
		return s.contexts(e, clean)
	case placeBreadcrumbs:
		return s.breadcrumbs(e)
	case placeShare:
		s.shareData(e)
	}
	return bytes
}

// failed stands where scrubbing failed: nothing goes out unread.
const failed = "[left out: scrubbing failed]"

func drop(e *sentry.Event, p int) {
	switch p {
	case placeTexts:
		e.Message, e.Transaction, e.ServerName, e.Fingerprint = failed, "", "", nil
	case placeTags:
		e.Tags = map[string]string{"scrubbing": "failed"}
	case placeExceptions:
		e.Exception = []sentry.Exception{{Type: "error", Value: failed}}
	case placeThreads:
		e.Threads = nil
	case placeSpans:
		e.Spans = nil
	case placeRequest:
		e.Request = nil
	case placeUser:
		e.User = sentry.User{}
	case placeRest:
		e.Modules, e.DebugMeta, e.Attachments = nil, nil, nil
	case placeContexts, placeShare:
		trace := e.Contexts["trace"]
		e.Contexts = map[string]sentry.Context{"scrubbing": {"value": failed}}
		if trace != nil {
			e.Contexts["trace"] = sentry.Context{"trace_id": trace["trace_id"], "span_id": trace["span_id"]}
		}
	case placeBreadcrumbs:
		e.Breadcrumbs = []*sentry.Breadcrumb{{Message: failed}}
	}
}

func (s *Scrubber) texts(e *sentry.Event) {
	e.Message = s.text(e.Message, protocol.MaxMessageChars)
	e.Transaction = s.label(e.Transaction, protocol.MaxTransactionChars)
	e.ServerName = s.line(e.ServerName, protocol.MaxTagChars)
	e.Logger = s.line(e.Logger, protocol.MaxNameChars)
	e.Release, e.Environment = s.release(e.Release), s.environment(e.Environment)
	e.Dist = name(e.Dist, s.short, distChar, protocol.MaxNameChars)
	e.Level = level(e.Level, sentry.LevelError)
	e.Timestamp, e.StartTime = encodable(e.Timestamp), encodable(e.StartTime)
	if e.Type == "transaction" {
		e.StartTime, e.Timestamp = interval(e.StartTime, e.Timestamp, time.Time{})
	}
	if list, changed := s.lines(e.Fingerprint, protocol.MaxMessageChars); changed {
		e.Fingerprint = list
	}
}

// level returns l when Sentry knows it.
func level(l, otherwise sentry.Level) sentry.Level {
	switch l {
	case "", sentry.LevelDebug, sentry.LevelInfo, sentry.LevelWarning, sentry.LevelError, sentry.LevelFatal:
		return l
	case "warn":
		return sentry.LevelWarning
	}
	return otherwise
}

// encodable returns t when encoding/json can write it: it fails for years of more than four digits.
func encodable(t time.Time) time.Time {
	if year := t.Year(); year < 0 || year > 9999 {
		return time.Time{}
	}
	return t
}

// interval returns a start and an end that Relay takes, which drops a whole transaction for a span of it that lacks one
// of them or ends before it starts. Without either both are otherwise.
func interval(start, end, otherwise time.Time) (time.Time, time.Time) {
	start, end = encodable(start), encodable(end)
	if end.IsZero() {
		end = start
	}
	if end.IsZero() {
		end = otherwise
	}
	// Round leaves the wall clock's time alone, which is what Relay compares: that clock may have been set back.
	if start.IsZero() || start.Round(0).After(end.Round(0)) {
		start = end
	}
	return start, end
}

// line is text without line breaks and outer blanks.
func (s *Scrubber) line(t string, limit int) string {
	t = s.label(t, limit)
	// A line break may have kept a name and its value apart.
	if strings.IndexByte(t, '\n') >= 0 || strings.IndexByte(t, '\r') >= 0 {
		t = s.text(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(t), limit)
	}
	return strings.TrimSpace(t)
}

// lines returns what the texts of a list become.
func (s *Scrubber) lines(list []string, limit int) ([]string, bool) {
	out, changed := list, false
	for i, t := range list {
		if nt := s.label(t, limit); nt != t {
			if !changed {
				out, changed = slices.Clone(list), true
			}
			out[i] = nt
		}
	}
	return out, changed
}

// short is Text for a text that probably comes again.
func (s *Scrubber) short(t string) string {
	t, _ = s.known(t)
	return t
}

// label is text for a text that probably comes again.
func (s *Scrubber) label(t string, limit int) string {
	if len(t) > min(limit, maxCachedBytes) {
		return s.text(t, limit)
	}
	return cutRunes(s.short(t), limit)
}

func (s *Scrubber) rest(e *sentry.Event) {
	if s.Personal() { // versions and names of modules hold no secrets
		out := e.Modules
		for k, v := range e.Modules {
			nk, nv := s.short(k), s.short(v)
			if nk == k && nv == v {
				continue
			}
			if len(out) == len(e.Modules) && reflect.ValueOf(out).Pointer() == reflect.ValueOf(e.Modules).Pointer() {
				out = maps.Clone(e.Modules)
			}
			out[freeKey(out, k, nk)] = nv
		}
		e.Modules = out
	}
	if e.DebugMeta != nil {
		d := *e.DebugMeta
		d.Images = slices.Clone(d.Images)
		for i := range d.Images {
			image := &d.Images[i]
			image.CodeFile, image.DebugFile = s.short(image.CodeFile), s.short(image.DebugFile)
		}
		e.DebugMeta = &d
	}
	var attachments []*sentry.Attachment
	for i, a := range e.Attachments {
		if a == nil {
			continue
		}
		if name := s.Text(a.Filename); name != a.Filename {
			if attachments == nil {
				attachments = slices.Clone(e.Attachments)
			}
			n := *a
			n.Filename = name
			attachments[i] = &n
		}
	}
	if attachments != nil {
		e.Attachments = attachments
	}
}
