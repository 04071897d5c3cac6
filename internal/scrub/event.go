package scrub

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/safe"
)

// Event removes what is secret or personal from every place of e, cuts each place to what Sentry takes of it, and makes
// e's values safe, so that encoding e can't fail. Only e itself changes: maps, slices and structs that e points to may be shared
// with scopes and other events, and are copied before something in them changes. It never panics: a place that can't
// be scrubbed is replaced whole. Nothing is allocated when nothing changes.
//
// Without Config.PII the user keeps the ID and the data that the host program set, as texts that are scrubbed; name, mail
// and IP address go. Payloads of attachments and IDs stay as they are.
func (s *Scrubber) Event(e *sentry.Event) {
	if e == nil {
		return
	}
	for p := range places {
		if p != placeContexts && p != placeBreadcrumbs {
			s.place(e, p)
		}
	}
	if s.place(e, placeContexts)+s.place(e, placeBreadcrumbs) > maxDataBytes {
		s.place(e, placeShare)
	}
}

// What Sentry keeps of each place, in characters; longer values are cut by Relay, with a remark that the event is damaged.
const (
	maxMessageChars     = 8192
	maxTypeChars        = 256 // of an exception, and its module
	maxTransactionChars = 200
	maxTagChars         = 200 // key and value alike; a release too
	maxNameChars        = 64  // a logger's, a distribution's, an environment's
	maxMethodChars      = 32
	maxCategoryChars    = 128 // of a breadcrumb; its type, a span's op and a mechanism's type too
	maxFunctionChars    = 512
	maxUserChars        = 128
	maxMailChars        = 75
	maxURLChars         = 256
	maxThreadNameChars  = 1024
	maxQueryBytes       = 1024
	maxHeaderBytes      = 8192 // all of them together
	maxLineChars        = 2048 // a line of source, a file's name: Relay keeps all, nobody reads it

	maxFrames = 250 // of one stack trace

	maxContextName  = 180 // bytes: Relay writes it into the context
	maxContextBytes = 8192
	maxContextDepth = 7
	// maxCrumbBytes and maxCrumbDepth also hold for a frame's variables and a mechanism's data.
	maxCrumbBytes = 2048
	maxCrumbDepth = 5

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

// place scrubs one place of e and returns the bytes that its data takes at most.
func (s *Scrubber) place(e *sentry.Event, p int) (bytes int) {
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
		return s.contexts(e)
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
	e.Message = s.text(e.Message, maxMessageChars)
	e.Transaction = s.text(e.Transaction, maxTransactionChars)
	e.ServerName = s.line(e.ServerName, maxTagChars)
	e.Logger = s.line(e.Logger, maxNameChars)
	e.Release, e.Environment = s.release(e.Release), s.environment(e.Environment)
	e.Dist = name(e.Dist, s.short, distChar, maxNameChars)
	e.Level = level(e.Level, sentry.LevelError)
	e.Timestamp, e.StartTime = encodable(e.Timestamp), encodable(e.StartTime)
	if list, changed := s.lines(e.Fingerprint, maxMessageChars); changed {
		e.Fingerprint = list
	}
}

// identifier is Text for a release or an environment. One that is all of a name stays: a service often runs as a user of its
// own name, a machine is called staging, and events would no longer be found under it.
func (s *Scrubber) identifier(t string) string {
	name, _, _ := strings.Cut(t, "@")
	if s.personal != nil && s.personal.names(name) {
		return t
	}
	return s.short(t)
}

// release is identifier without what Relay drops a release for; environment the same.
func (s *Scrubber) release(t string) string {
	t = name(t, s.identifier, releaseChar, maxTagChars)
	if t == "." || t == ".." || strings.EqualFold(t, "latest") { // which Relay takes for no name
		t += "_"
	}
	return t
}

func (s *Scrubber) environment(t string) string {
	t = name(t, s.identifier, releaseChar, maxNameChars)
	if strings.EqualFold(t, "none") {
		t += "_"
	}
	return t
}

// name is t of allowed characters, after clean, and once more for what the others' replacements have brought together.
func name(t string, clean func(string) string, allowed func(rune) rune, maxBytes int) string {
	for range 2 {
		t = strings.Map(allowed, clean(t))
	}
	return strings.TrimSpace(cutBytes(strings.TrimSpace(t), maxBytes))
}

func releaseChar(r rune) rune {
	if r < ' ' || r == '/' || r == '\\' || r == '\x7f' {
		return '-'
	}
	return r
}

func distChar(r rune) rune {
	if r < utf8.RuneSelf && isTagByte(byte(r)) && r != ':' {
		return r
	}
	return '_'
}

// cutBytes returns the beginning of t, without a mark, for names that may not hold one and are counted in bytes.
func cutBytes(t string, limit int) string {
	if len(t) <= limit {
		return t
	}
	return t[:runeStart(t, limit)]
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

// line is text without line breaks and outer blanks.
func (s *Scrubber) line(t string, limit int) string {
	t = s.text(t, limit)
	if strings.ContainsAny(t, "\r\n") { // which may have kept a name and its value apart
		t = s.text(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(t), limit)
	}
	return strings.TrimSpace(t)
}

// lines returns what the texts of a list become.
func (s *Scrubber) lines(list []string, limit int) ([]string, bool) {
	out, changed := list, false
	for i, t := range list {
		nt, _ := s.known(t)
		if len(t) > limit {
			nt = s.text(t, limit)
		}
		if nt != t {
			if !changed {
				out, changed = slices.Clone(list), true
			}
			out[i] = nt
		}
	}
	return out, changed
}

// tags returns what an event's tags become: Relay drops those that don't follow its rules.
func (s *Scrubber) tags(tags map[string]string) (map[string]string, bool) {
	out, changed := tags, false
	for k, v := range tags {
		key, secret := s.known(k)
		if key != k && protocolKeys[k] {
			key = k
		}
		if valid := tagKey(key); valid != key { // what looked harmless may be a name and its secret now
			known, also := s.known(valid)
			key, secret = tagKey(known), secret || also
		}
		nv := Filtered
		if !secret {
			nv = s.line(v, maxTagChars)
		}
		if nv == v && key == k && v != "" {
			continue
		}
		if !changed {
			out, changed = maps.Clone(tags), true
		}
		if key == "" || nv == "" || v == "" {
			delete(out, k)
			continue
		}
		out[freeKey(out, k, key)] = nv
	}
	return out, changed
}

// tagKey makes key one that Relay takes; "" for none.
func tagKey(key string) string {
	valid := len(key) <= maxTagChars
	for i := 0; valid && i < len(key); i++ {
		valid = isTagByte(key[i])
	}
	if !valid {
		b := make([]byte, 0, len(key))
		for i := 0; i < len(key) && len(b) < maxTagChars-8; i++ { // freeKey may add to it
			if c := key[i]; isTagByte(c) {
				b = append(b, c)
			} else if len(b) > 0 && b[len(b)-1] != '_' {
				b = append(b, '_')
			}
		}
		key = strings.Trim(string(b), "_")
	}
	switch key {
	case "release", "dist", "environment", "user": // Relay keeps these for itself and drops them
		key += "_"
	}
	return key
}

func isTagByte(c byte) bool { return isAlnum(c) || c == '_' || c == '.' || c == ':' || c == '-' }

func (s *Scrubber) exceptions(e *sentry.Event) {
	var out []sentry.Exception
	for i := range e.Exception {
		old := &e.Exception[i]
		x := *old
		x.Type, x.Module = cutRunes(s.short(x.Type), maxTypeChars), cutRunes(s.short(x.Module), maxTypeChars)
		x.Value = s.text(x.Value, maxMessageChars)
		x.Stacktrace = s.stacktrace(x.Stacktrace)
		x.Mechanism = s.mechanism(x.Mechanism)
		if x.Type == "" && x.Value == "" {
			x.Type = "error" // Relay drops one without both
		}
		if x.Type == old.Type && x.Module == old.Module && x.Value == old.Value && x.Stacktrace == old.Stacktrace && x.Mechanism == old.Mechanism {
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

// short is Text for a text that probably comes again.
func (s *Scrubber) short(t string) string {
	t, _ = s.known(t)
	return t
}

func (s *Scrubber) mechanism(m *sentry.Mechanism) *sentry.Mechanism {
	if m == nil {
		return nil
	}
	kind := cutRunes(s.short(m.Type), maxCategoryChars)
	if kind == "" {
		kind = "generic" // Relay wants one
	}
	description, help, source := s.text(m.Description, maxMessageChars), s.text(m.HelpLink, maxMessageChars), s.text(m.Source, maxCategoryChars)
	if !strings.HasPrefix(help, "http") { // Relay takes nothing else
		help = ""
	}
	if strings.ContainsAny(source, " \r\n\t") {
		source = ""
	}
	data, changed, _ := s.walk(m.Data, maxCrumbBytes, maxCrumbDepth)
	if !changed && kind == m.Type && description == m.Description && help == m.HelpLink && source == m.Source {
		return m
	}
	n := *m
	n.Type, n.Description, n.HelpLink, n.Source, n.Data = kind, description, help, source, data
	return &n
}

func (s *Scrubber) threads(e *sentry.Event) {
	var out []sentry.Thread
	for i, old := range e.Threads {
		t := old
		t.ID, t.Name = s.short(t.ID), s.text(t.Name, maxThreadNameChars)
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
	if n := len(frames); n > maxFrames { // the middle goes, as at Relay: a recursion
		frames = slices.Concat(frames[:maxFrames/2], frames[n-maxFrames/2:])
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
	if !changed {
		return t
	}
	n := *t
	n.Frames = frames
	return &n
}

// frame scrubs f, a copy, and reports whether anything changed.
func (s *Scrubber) frame(f *sentry.Frame) (changed bool) {
	for _, t := range [...]struct {
		text  *string
		limit int
	}{
		{&f.Function, maxFunctionChars}, {&f.Symbol, maxFunctionChars}, {&f.Module, maxLineChars}, {&f.Filename, maxLineChars},
		{&f.AbsPath, maxLineChars}, {&f.Package, maxLineChars}, {&f.ContextLine, maxLineChars},
	} {
		if *t.text == "" {
			continue
		}
		n := *t.text
		if len(n) > maxCachedBytes {
			n = s.text(n, t.limit)
		} else {
			n, _ = s.known(n)
		}
		if n != *t.text {
			*t.text, changed = n, true
		}
	}
	for _, list := range [...]*[]string{&f.PreContext, &f.PostContext} {
		if n, differs := s.lines(*list, maxLineChars); differs {
			*list, changed = n, true
		}
	}
	if f.Vars != nil {
		if vars, differs, _ := s.walk(f.Vars, maxCrumbBytes, maxCrumbDepth); differs {
			f.Vars, changed = vars, true
		}
	}
	return changed
}

func (s *Scrubber) spans(e *sentry.Event) {
	var out []*sentry.Span
	for i, old := range e.Spans {
		if n := s.span(old); n != old || n == nil {
			if out == nil {
				out = slices.Clone(e.Spans)
			}
			out[i] = n
		}
	}
	if out != nil {
		e.Spans = slices.DeleteFunc(out, func(span *sentry.Span) bool { return span == nil })
	}
}

// span returns a copy of old, whose exported fields are all that is encoded, if anything changes.
func (s *Scrubber) span(old *sentry.Span) *sentry.Span {
	if old == nil {
		return nil
	}
	name, op := s.text(old.Name, maxMessageChars), cutRunes(s.short(old.Op), maxCategoryChars)
	description := s.text(old.Description, maxMessageChars)
	tags, tagsChanged := s.stringMap(old.Tags, maxTagChars)
	data, dataChanged, _ := s.walk(old.Data, maxSpanDataBytes, maxSpanDataDepth)
	start, end := encodable(old.StartTime), encodable(old.EndTime)
	if !tagsChanged && !dataChanged && name == old.Name && op == old.Op && description == old.Description && start.Equal(old.StartTime) && end.Equal(old.EndTime) {
		return old
	}
	return &sentry.Span{TraceID: old.TraceID, SpanID: old.SpanID, ParentSpanID: old.ParentSpanID, Name: name, Op: op, Description: description,
		Status: old.Status, Tags: tags, StartTime: start, EndTime: end, Data: data, Sampled: old.Sampled, Source: old.Source, Origin: old.Origin}
}

// addressHeaders name the sender of a request.
var addressHeaders = setOf("x-forwarded-for x-real-ip forwarded x-client-ip x-cluster-client-ip cf-connecting-ip true-client-ip fastly-client-ip x-original-forwarded-for remote-addr remote-user x-forwarded-user")

func (s *Scrubber) request(e *sentry.Event) {
	if e.Request == nil {
		return
	}
	r := *e.Request
	r.URL = s.text(r.URL, maxURLChars)
	r.Method = method(r.Method)
	r.Data = s.text(r.Data, maxMessageChars)
	r.QueryString = cutQuery(s.text(r.QueryString, maxMessageChars))
	r.Cookies = s.cookies(r.Cookies)
	r.Headers, _ = s.stringMap(r.Headers, maxMessageChars)
	r.Env, _ = s.stringMap(r.Env, maxMessageChars)
	r.Headers, r.Env = s.fitStrings(r.Headers, maxHeaderBytes), s.fitStrings(r.Env, maxHeaderBytes)
	if s.personal != nil {
		r.Headers = without(r.Headers, func(k string) bool { return addressHeaders[strings.ToLower(k)] })
		r.Env = without(r.Env, func(k string) bool { return strings.HasPrefix(k, "REMOTE_") })
	}
	e.Request = &r
}

// method returns m when it is one.
func method(m string) string {
	for i := range len(m) {
		if !isLetter(m[i]) && m[i] != '-' && m[i] != '_' {
			return ""
		}
	}
	if len(m) > maxMethodChars {
		return ""
	}
	return m
}

// cookies keeps the names, for Relay takes no cookies without.
func (s *Scrubber) cookies(t string) string {
	var out []string
	for cookie := range strings.SplitSeq(t, ";") {
		name, _, found := strings.Cut(cookie, "=")
		if name = s.line(strings.TrimSpace(name), maxCategoryChars); found && name != "" {
			out = append(out, name+"="+Filtered)
		}
	}
	return strings.Join(out[:min(len(out), maxCookies)], "; ")
}

const maxCookies = 32

// cutQuery leaves out the parameters of a query that are too much for Relay, which counts them as a list of pairs.
func cutQuery(t string) string {
	const pair = len(`["",""],`)
	room := maxQueryBytes
	for from := 0; from < len(t); {
		end := strings.IndexByte(t[from:], '&')
		if end < 0 {
			end = len(t) - from
		}
		if room -= end + pair; room < len(cutMark) {
			return t[:from] + cutMark
		}
		from += end + 1
	}
	return t
}

// fitStrings returns m, or a copy that takes at most maxBytes of JSON, the longest values cut.
func (s *Scrubber) fitStrings(m map[string]string, maxBytes int) map[string]string {
	bytes := 0
	for k, v := range m {
		bytes += len(k) + len(v) + len(`["",""],`)
	}
	if bytes <= maxBytes/maxEscape {
		return m
	}
	values := make(map[string]any, len(m))
	for k, v := range m {
		values[k] = v
	}
	fitted := s.fit(values, maxBytes-len(m)*len(`[],`), 2)
	out := make(map[string]string, len(fitted))
	for k, v := range fitted {
		if text, ok := v.(string); ok {
			out[k] = text
		}
	}
	return out
}

// without returns m, or a copy, without the keys that gone names.
func without(m map[string]string, gone func(string) bool) map[string]string {
	for k := range m {
		if gone(k) {
			m = maps.Clone(m)
			maps.DeleteFunc(m, func(k, _ string) bool { return gone(k) })
			break
		}
	}
	return m
}

func (s *Scrubber) user(u *sentry.User) {
	if u.IsEmpty() {
		return
	}
	if s.personal != nil {
		u.Email, u.IPAddress, u.Username, u.Name = "", "", "", ""
	}
	if u.IPAddress != "" && u.IPAddress != "{{auto}}" {
		// With its port it is not an address for Relay.
		if host, _, err := net.SplitHostPort(u.IPAddress); err == nil {
			u.IPAddress = host
		}
		if _, err := netip.ParseAddr(u.IPAddress); err != nil {
			u.IPAddress = ""
		}
	}
	u.ID, u.Username, u.Name = s.text(u.ID, maxUserChars), s.text(u.Username, maxUserChars), s.text(u.Name, maxUserChars)
	u.Email = s.text(u.Email, maxMailChars)
	u.Data, _ = s.stringMap(u.Data, maxMessageChars)
	if s.personal != nil {
		u.Data = without(u.Data, func(k string) bool { return isPersonalAttribute(strings.ToLower(k)) })
	}
}

func (s *Scrubber) rest(e *sentry.Event) {
	if s.personal != nil { // versions and names of modules hold no secrets
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

// contexts scrubs the contexts and returns the bytes of those that hold the host program's data.
func (s *Scrubber) contexts(e *sentry.Event) (bytes int) {
	out, changed := e.Contexts, false
	for name, c := range e.Contexts {
		text, secret := s.known(name)
		if reservedContexts[name] {
			text, secret = name, false
		}
		var n sentry.Context
		var differs bool
		switch {
		case c == nil:
		case secret:
			n, differs = sentry.Context{"value": Filtered}, true
		case name == "trace":
			n, differs = s.trace(c)
		default:
			var size int
			room := maxContextBytes - len(name) - 16
			if name == "os" || name == "runtime" || name == "browser" {
				room /= 2 // Relay adds a key of name and version together
			}
			n, differs, size = s.walk(c, room, maxContextDepth)
			if isData(name) {
				bytes += size
			}
		}
		if len(text) > maxContextName {
			text = text[:runeStart(text, maxContextName)]
		}
		if !differs && text == name && c != nil {
			continue
		}
		if !changed {
			out, changed = maps.Clone(e.Contexts), true
		}
		if c == nil {
			delete(out, name)
			continue
		}
		out[freeKey(out, name, text)] = n
	}
	e.Contexts = out
	return bytes
}

// isData reports whether a context holds data of the host program: those of the system don't grow.
func isData(name string) bool { return name == "task" || name == "error" || !reservedContexts[name] }

// trace scrubs the context trace, whose IDs are of sentry-go's own types.
func (s *Scrubber) trace(c sentry.Context) (sentry.Context, bool) {
	w := walker{s: s}
	out, changed := w.mapping(c, 1)
	if w.tooLarge() {
		w = walker{s: s}
		out, _ = w.mapping(safe.Map(c, maxContextBytes), 1)
		changed = true
	}
	for key, limit := range map[string]int{"op": maxCategoryChars, "description": maxLineChars} {
		if t, ok := out[key].(string); ok && len(t) > limit {
			if !changed {
				out, changed = maps.Clone(c), true
			}
			out[key] = cutRunes(t, limit)
		}
	}
	if data, ok := out["data"].(map[string]any); ok && w.bytes*maxEscape > maxContextBytes {
		if !changed {
			out, changed = maps.Clone(c), true
		}
		delete(out, "data")
		room := maxContextBytes - safe.Size(out) - len(`,"data":`)
		out["data"] = s.fit(data, max(room, minShareBytes), maxContextDepth-1)
	}
	return out, changed
}

func (s *Scrubber) breadcrumbs(e *sentry.Event) (bytes int) {
	out, changed := e.Breadcrumbs, false
	for i, old := range e.Breadcrumbs {
		n, size := s.breadcrumb(old)
		bytes += size
		if n == old && old != nil {
			continue
		}
		if !changed {
			out, changed = slices.Clone(e.Breadcrumbs), true
		}
		out[i] = n
	}
	if changed {
		e.Breadcrumbs = slices.DeleteFunc(out, func(b *sentry.Breadcrumb) bool { return b == nil })
	}
	return bytes
}

// breadcrumb returns old, which belongs to a scope, or what it becomes.
func (s *Scrubber) breadcrumb(old *sentry.Breadcrumb) (*sentry.Breadcrumb, int) {
	if old == nil {
		return nil, 0
	}
	message, category, kind := s.text(old.Message, maxMessageChars), cutRunes(s.short(old.Category), maxCategoryChars), cutRunes(s.short(old.Type), maxCategoryChars)
	severity, at := level(old.Level, sentry.LevelInfo), encodable(old.Timestamp)
	data, changed, bytes := old.Data, false, 0
	if data != nil {
		data, changed, bytes = s.walk(data, maxCrumbBytes, maxCrumbDepth)
	}
	if !changed && message == old.Message && category == old.Category && kind == old.Type && severity == old.Level && at.Equal(old.Timestamp) {
		return old, bytes
	}
	b := *old
	b.Message, b.Category, b.Type, b.Level, b.Timestamp, b.Data = message, category, kind, severity, at, data
	return &b, bytes
}

// shareData cuts task data, extra and breadcrumb data to maxDataBytes together: the data of the oldest breadcrumbs goes first,
// then the largest contexts are cut.
func (s *Scrubber) shareData(e *sentry.Event) {
	type sized struct {
		name  string
		bytes int
	}
	var list []sized
	total := 0
	for name, c := range e.Contexts {
		if isData(name) {
			size := safe.Size(c)
			total += size
			list = append(list, sized{name, size})
		}
	}
	crumbs := make([]int, len(e.Breadcrumbs))
	for i, b := range e.Breadcrumbs {
		crumbs[i] = safe.Size(b.Data)
		total += crumbs[i]
	}
	if total <= maxDataBytes {
		return
	}
	e.Breadcrumbs = slices.Clone(e.Breadcrumbs)
	for i, size := range crumbs {
		if total <= maxDataBytes {
			return
		}
		if size > len(cutData)+16 {
			b := *e.Breadcrumbs[i]
			b.Data = map[string]any{"cut": cutData}
			e.Breadcrumbs[i] = &b
			total -= size - len(cutData) - 10
		}
	}
	slices.SortFunc(list, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	e.Contexts = maps.Clone(e.Contexts)
	// The largest are cut to a common size, those that are smaller stay.
	share, room, rest := 0, maxDataBytes, len(list)
	for _, c := range slices.Backward(list) {
		if share = room / rest; c.bytes > share {
			break
		}
		room -= c.bytes
		rest--
	}
	dropped := 0
	for _, c := range list[:rest] {
		if share < minShareBytes {
			delete(e.Contexts, c.name)
			dropped++
			if total -= c.bytes; total <= maxDataBytes {
				break
			}
			continue
		}
		e.Contexts[c.name] = s.fit(e.Contexts[c.name], share, maxContextDepth)
	}
	if dropped > 0 {
		note(e, "contexts_left_out", dropped)
	}
}

const (
	cutData       = "left out: the data of this event is too large"
	minShareBytes = 256 // a context that is cut to less tells nothing
)

// noteContext says what Event and Shrink left out of an event.
const noteContext = "cut"

// note adds n to what e says was left out.
func note(e *sentry.Event, what string, n int) {
	old := e.Contexts[noteContext]
	c := make(sentry.Context, len(old)+1)
	maps.Copy(c, old)
	if before, ok := c[what].(int); ok {
		n += before
	}
	c[what] = n
	e.Contexts = maps.Clone(e.Contexts)
	if e.Contexts == nil {
		e.Contexts = make(map[string]sentry.Context, 1)
	}
	e.Contexts[noteContext] = c
}
