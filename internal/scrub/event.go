package scrub

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// What Sentry's ingest keeps of an event's parts, in characters unless it says bytes: measured with Relay's own normaliser
// (PyPI package sentry-relay 0.10.1), which cuts or drops what is longer.
const (
	maxMessage     = 8192
	maxTransaction = 200
	maxTag         = 200
	maxCategory    = 128
	maxType        = 256
	maxFunction    = 512
	maxUser        = 128
	maxEmail       = 75
	maxURL         = 256
	crumbBytes     = 2048
	crumbLevels    = 5
	// maxDataBytes is what breadcrumb data may take in an event, in bytes of JSON, beside task data and extra.
	maxDataBytes = 128 << 10
	// maxPlaceBytes is what is kept of a value that the host put into an event by itself, before it is fitted.
	maxPlaceBytes = 16 << 10
)

// Event removes from e, in place, what must not leave, makes every value one that JSON can hold, and cuts what Sentry would
// cut. Maps and pointers that e may share with a scope, a running span or other events are not written to but replaced.
func (s *Scrubber) Event(e *sentry.Event) {
	e.Message = s.text(e.Message, maxMessage)
	e.Transaction = s.text(e.Transaction, maxTransaction)
	e.ServerName = s.line(e.ServerName, maxTag)
	e.Logger = s.line(e.Logger, 64)
	e.Tags = s.tags(e.Tags)
	e.Modules = s.plain(e.Modules)
	for i, part := range e.Fingerprint {
		if clean := s.text(part, maxMessage); clean != part {
			if i >= 0 {
				e.Fingerprint = slices.Clone(e.Fingerprint) // it may be the scope's
			}
			e.Fingerprint[i] = clean
		}
	}
	for name, c := range e.Contexts {
		e.Contexts[name] = s.context(name, c)
	}
	s.breadcrumbs(e)
	for i := range e.Exception {
		x := &e.Exception[i]
		x.Type, x.Value, x.Module = s.text(x.Type, maxType), s.text(x.Value, maxMessage), s.text(x.Module, maxType)
		if x.Type == "" && x.Value == "" {
			x.Type = "error" // Sentry drops an exception without either
		}
		x.Stacktrace = s.stacktrace(x.Stacktrace)
		if m := x.Mechanism; m != nil {
			c := *m
			c.Description = s.text(c.Description, maxMessage)
			c.Data = s.fitted(c.Data, crumbBytes, crumbLevels)
			x.Mechanism = &c
		}
	}
	for i := range e.Threads {
		e.Threads[i].Name = s.text(e.Threads[i].Name, 1024)
		e.Threads[i].Stacktrace = s.stacktrace(e.Threads[i].Stacktrace)
	}
	for _, span := range e.Spans {
		s.span(span)
	}
	s.user(&e.User)
	if e.Request != nil {
		e.Request = s.request(*e.Request)
	}
	for i, a := range e.Attachments {
		if a == nil {
			continue
		}
		if name := s.Text(a.Filename); name != a.Filename {
			c := *a
			c.Filename = name
			if i == 0 {
				e.Attachments = slices.Clone(e.Attachments)
			}
			e.Attachments[i] = &c
		}
	}
}

// line is text for a place that takes no line break.
func (s *Scrubber) line(t string, limit int) string {
	if strings.ContainsAny(t, "\r\n") {
		t = strings.Join(strings.Fields(t), " ")
	}
	return strings.TrimSpace(s.text(t, limit))
}

// tags returns tags with values as Sentry takes them: not empty, 200 characters, no line break.
func (s *Scrubber) tags(tags map[string]string) map[string]string {
	owned := false
	for key, value := range tags {
		clean, name := s.line(value, maxTag), tagName(key)
		if s.SecretName(key) && value != "" {
			clean = Filtered
		}
		if clean == value && name == key && value != "" {
			continue
		}
		if !owned {
			tags, owned = maps.Clone(tags), true
		}
		delete(tags, key)
		if clean != "" && name != "" {
			tags[name] = clean
		}
	}
	return tags
}

// tagName makes a key of the characters that Sentry takes; it drops tags with others without a word.
func tagName(key string) string {
	valid := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:-", r)
	}
	if len(key) <= maxTag && strings.IndexFunc(key, func(r rune) bool { return !valid(r) }) < 0 {
		return key
	}
	key = strings.Map(func(r rune) rune {
		if valid(r) {
			return r
		}
		return '_'
	}, key)
	return key[:min(len(key), maxTag)]
}

func (s *Scrubber) plain(m map[string]string) map[string]string {
	owned := false
	for key, value := range m {
		clean := s.Text(value)
		if s.SecretName(key) && value != "" {
			clean = Filtered
		}
		if clean != value {
			if !owned {
				m, owned = maps.Clone(m), true
			}
			m[key] = clean
		}
	}
	return m
}

func (s *Scrubber) context(name string, c sentry.Context) sentry.Context {
	if name == "trace" { // sentry-go's own IDs stay as they are
		return s.trace(c)
	}
	clean, _ := s.walk(c, 0).(map[string]any)
	return safe.FitContext(clean)
}

func (s *Scrubber) trace(c sentry.Context) sentry.Context {
	owned := false
	put := func(key string, value any) {
		if !owned {
			c, owned = maps.Clone(c), true
		}
		c[key] = value
	}
	if d, ok := c["description"].(string); ok {
		if clean := s.text(d, maxMessage/2); clean != d {
			put("description", clean)
		}
	}
	if op, ok := c["op"].(string); ok {
		if clean := s.text(op, maxCategory); clean != op {
			put("op", clean)
		}
	}
	if data, ok := c["data"].(map[string]any); ok {
		put("data", s.fitted(data, maxPlaceBytes, 10))
	}
	return c
}

func (s *Scrubber) fitted(m map[string]any, bytes, levels int) map[string]any {
	if m == nil {
		return nil
	}
	clean, _ := s.walk(m, 0).(map[string]any)
	return safe.Fit(clean, bytes, levels)
}

// Value returns v without what is secret or personal in it; v itself when there is nothing. Maps and slices are not written
// to. What safe.Value can't have returned goes through it first.
func (s *Scrubber) Value(v any) any { return s.walk(v, 0) }

// maxLevels bounds the walk: what safe.Value returns is not that deep.
const maxLevels = 64

func (s *Scrubber) walk(v any, level int) any {
	if level > maxLevels {
		return "<too deep>"
	}
	switch v := v.(type) {
	case nil, bool, int, int64, uint64:
		return v
	case string:
		return s.text(v, maxPlaceBytes)
	case map[string]any:
		return s.walkMap(v, level)
	case []any:
		return s.walkList(v, level)
	}
	switch clean := safe.Value(v, maxPlaceBytes).(type) {
	case map[string]any, []any, string:
		return s.walk(clean, level+1)
	default:
		return clean
	}
}

func (s *Scrubber) walkMap(m map[string]any, level int) map[string]any {
	owned := false
	put := func(key string, value any) {
		if !owned {
			m, owned = maps.Clone(m), true
		}
		m[key] = value
	}
	pair := "" // {"name": "password", "value": …}
	for key, v := range m {
		if s.SecretName(key) {
			if text, ok := v.(string); v != nil && !(ok && (text == "" || text == Filtered)) {
				put(key, Filtered)
			}
			continue
		}
		if text, ok := v.(string); ok && (strings.EqualFold(key, "name") || strings.EqualFold(key, "key")) && s.SecretName(text) {
			pair = key
		}
		clean := s.walk(v, level+1)
		if changed(v, clean) {
			put(key, clean)
		}
		if name := s.Text(key); name != key { // a path as a key, for example
			put(name, m[key])
			delete(m, key)
		}
	}
	if pair != "" {
		for key, v := range m {
			if strings.EqualFold(key, "value") && v != nil {
				put(key, Filtered)
			}
		}
	}
	return m
}

func (s *Scrubber) walkList(list []any, level int) []any {
	owned := false
	secretNext := false
	for i, v := range list {
		clean := v
		if secretNext && v != nil {
			clean = Filtered
		} else {
			clean = s.walk(v, level+1)
		}
		text, _ := v.(string)
		flag := strings.TrimLeft(text, "-/")
		secretNext = flag != "" && (flag != text || len(list) == 2) && !strings.ContainsAny(flag, "=: ") && s.SecretName(flag)
		if changed(v, clean) {
			if !owned {
				list, owned = slices.Clone(list), true
			}
			list[i] = clean
		}
	}
	return list
}

// changed reports whether walk made something else of a value.
func changed(before, after any) bool {
	switch b := before.(type) {
	case nil, bool, int, int64, uint64:
		return false
	case string:
		a, ok := after.(string)
		return !ok || a != b
	}
	return true // a map or a list may be the same, and is then put where it was
}

func (s *Scrubber) breadcrumbs(e *sentry.Event) {
	if len(e.Breadcrumbs) == 0 {
		return
	}
	room := maxDataBytes
	for _, name := range slices.Sorted(maps.Keys(e.Contexts)) {
		if name == "task" {
			room -= safe.Size(map[string]any(e.Contexts[name]))
		}
	}
	list := make([]*sentry.Breadcrumb, 0, len(e.Breadcrumbs)) // the scope's own must stay as they are
	for i := len(e.Breadcrumbs) - 1; i >= 0; i-- {            // the newest first: the oldest lose their data
		if e.Breadcrumbs[i] == nil {
			continue
		}
		b := *e.Breadcrumbs[i]
		b.Message, b.Category, b.Type = s.text(b.Message, maxMessage), s.line(b.Category, maxCategory), s.line(b.Type, maxCategory)
		b.Level = level(b.Level)
		if b.Data != nil {
			b.Data = s.fitted(b.Data, crumbBytes, crumbLevels)
			if room -= safe.Size(b.Data); room < 0 {
				b.Data = map[string]any{"…": "the data of this breadcrumb was cut, for the size of the event"}
			}
		}
		list = append(list, &b)
	}
	slices.Reverse(list)
	e.Breadcrumbs = list
}

func level(l sentry.Level) sentry.Level {
	switch l {
	case sentry.LevelDebug, sentry.LevelInfo, sentry.LevelWarning, sentry.LevelError, sentry.LevelFatal, "":
		return l
	}
	return sentry.LevelInfo // Sentry drops what it doesn't know
}

func (s *Scrubber) stacktrace(st *sentry.Stacktrace) *sentry.Stacktrace {
	if st == nil {
		return nil
	}
	frames := st.Frames
	owned := false
	for i := range frames {
		f := frames[i]
		f.Function, f.Filename, f.AbsPath = s.text(f.Function, maxFunction), s.Text(f.Filename), s.Text(f.AbsPath)
		f.ContextLine = s.Text(f.ContextLine)
		f.PreContext, f.PostContext = s.lines(f.PreContext), s.lines(f.PostContext)
		f.Vars = s.fitted(f.Vars, crumbBytes, crumbLevels)
		before := &frames[i]
		if f.Function == before.Function && f.Filename == before.Filename && f.AbsPath == before.AbsPath && f.ContextLine == "" && f.Vars == nil && f.PreContext == nil && f.PostContext == nil {
			continue
		}
		if !owned {
			frames, owned = slices.Clone(frames), true
		}
		frames[i] = f
	}
	if !owned {
		return st
	}
	c := *st
	c.Frames = frames
	return &c
}

func (s *Scrubber) lines(list []string) []string {
	var clean []string
	for _, line := range list {
		clean = append(clean, s.Text(line))
	}
	return clean
}

// span scrubs a finished span in place: sentry-go has handed it over, and holds no other reference that is read again.
func (s *Scrubber) span(span *sentry.Span) {
	if span == nil {
		return
	}
	span.Name, span.Description = s.text(span.Name, maxMessage), s.text(span.Description, maxMessage)
	span.Op = s.text(span.Op, maxCategory)
	if span.Data != nil {
		span.Data = s.fitted(span.Data, maxPlaceBytes, 10)
	}
	span.Tags = s.tags(span.Tags)
}

func (s *Scrubber) user(u *sentry.User) {
	if s.personal != nil { // an ID is the host's own choice of a name that tells nothing
		u.IPAddress, u.Username, u.Email, u.Name = "", "", "", ""
	}
	u.ID, u.Username, u.Name = s.text(u.ID, maxUser), s.text(u.Username, maxUser), s.text(u.Name, maxUser)
	u.Email = s.text(u.Email, maxEmail)
	u.Data = s.plain(u.Data)
}

func (s *Scrubber) request(r sentry.Request) *sentry.Request {
	r.URL, r.QueryString, r.Data = s.text(r.URL, maxURL), s.text(r.QueryString, maxMessage), s.text(r.Data, maxMessage)
	if r.Cookies != "" {
		r.Cookies = Filtered
	}
	r.Headers, r.Env = s.plain(r.Headers), s.plain(r.Env)
	if s.personal != nil {
		delete(r.Env, "REMOTE_ADDR")
	}
	return &r
}

// Log removes from l what must not leave. See https://develop.sentry.dev/sdk/telemetry/logs/ for its attributes.
func (s *Scrubber) Log(l *sentry.Log) {
	l.Body = s.Text(l.Body)
	l.Attributes = s.attributes(l.Attributes)
}

// Metric removes from m what must not leave.
func (s *Scrubber) Metric(m *sentry.Metric) { m.Attributes = s.attributes(m.Attributes) }

func (s *Scrubber) attributes(attrs map[string]attribute.Value) map[string]attribute.Value {
	owned := false
	for key, value := range attrs {
		if value.Type() != attribute.STRING {
			if value.Type() == attribute.INVALID || !s.SecretName(key) {
				continue
			}
		}
		text := value.AsString()
		clean := s.Text(text)
		personal := s.personal != nil && (key == "server.address" || key == "user.name" || key == "user.email" || key == "host.name")
		if s.SecretName(key) {
			clean = Filtered
		}
		if clean == text && !personal && value.Type() == attribute.STRING {
			continue
		}
		if !owned {
			attrs, owned = maps.Clone(attrs), true
		}
		if personal {
			delete(attrs, key)
			continue
		}
		attrs[key] = attribute.StringValue(clean)
	}
	return attrs
}

// Shrink cuts e until its JSON takes at most maxBytes: first the oldest breadcrumbs, then what the host added, then texts.
// What was cut is said in the context "cut".
func (s *Scrubber) Shrink(e *sentry.Event, maxBytes int) {
	const fixed = 16 << 10 // what is never cut: IDs, tags, the smallest contexts
	size := func() (n int) {
		n = fixed + len(e.Message)
		for _, c := range e.Contexts {
			n += safe.Size(map[string]any(c))
		}
		for _, b := range e.Breadcrumbs {
			n += len(b.Message) + safe.Size(b.Data) + 128
		}
		for _, x := range e.Exception {
			n += len(x.Value) + 256
			if x.Stacktrace != nil {
				n += 320 * len(x.Stacktrace.Frames)
			}
		}
		for _, t := range e.Threads {
			if t.Stacktrace != nil {
				n += 320 * len(t.Stacktrace.Frames)
			}
		}
		for _, span := range e.Spans {
			n += 512 + len(span.Description) + safe.Size(span.Data)
		}
		return n
	}
	cut := func(what string) {
		if e.Contexts == nil {
			e.Contexts = make(map[string]sentry.Context)
		}
		if e.Contexts["cut"] == nil {
			e.Contexts["cut"] = sentry.Context{"reason": "the event was larger than Sentry takes"}
		}
		e.Contexts["cut"][what] = true
	}
	for len(e.Breadcrumbs) > 0 && size() > maxBytes {
		e.Breadcrumbs = e.Breadcrumbs[(len(e.Breadcrumbs)+1)/2:]
		cut("breadcrumbs")
	}
	if size() > maxBytes {
		for i := range e.Threads {
			e.Threads[i].Stacktrace = nil
		}
		cut("threads")
	}
	for len(e.Spans) > 1 && size() > maxBytes {
		e.Spans = e.Spans[:len(e.Spans)/2]
		cut("spans")
	}
	for size() > maxBytes {
		largest := ""
		for name, c := range e.Contexts {
			if name != "trace" && name != "cut" && name != "task" && (largest == "" || safe.Size(map[string]any(c)) > safe.Size(map[string]any(e.Contexts[largest]))) {
				largest = name
			}
		}
		if largest == "" {
			break
		}
		delete(e.Contexts, largest)
		cut("context " + largest)
	}
	for i := 0; i < len(e.Exception) && size() > maxBytes; i++ {
		e.Exception[i].Value = cutRunes(e.Exception[i].Value, 512)
		if st := e.Exception[i].Stacktrace; st != nil && len(st.Frames) > 20 {
			e.Exception[i].Stacktrace = &sentry.Stacktrace{Frames: st.Frames[len(st.Frames)-20:]}
		}
		cut("exceptions")
	}
	if !utf8.ValidString(e.Message) || size() > maxBytes {
		e.Message = cutRunes(strings.ToValidUTF8(e.Message, "�"), 1024)
	}
}
