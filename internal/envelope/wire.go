package envelope

import (
	"encoding/hex"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// Events and transactions are encoded by hand, because encoding/json takes several times as long. TestEncoder and its
// neighbours compare the two, so a field that sentry-go adds is noticed.

// A wire builds JSON. Like sentry-go, it leaves out empty values.
type wire struct {
	b   []byte
	err error // the first error
}

// next starts an entry of the innermost list or object.
func (w *wire) next() {
	if last := w.b[len(w.b)-1]; last != '{' && last != '[' {
		w.b = append(w.b, ',')
	}
}

// key starts the member name of the innermost object. The name must not need escapes.
func (w *wire) key(name string) {
	w.next()
	w.b = append(append(append(w.b, '"'), name...), `":`...)
}

func (w *wire) bracket(c byte) { w.b = append(w.b, c) }

func (w *wire) value(v any) {
	b, err := safe.AppendJSON(w.b, v)
	if w.b = b; w.err == nil {
		w.err = err
	}
}

func (w *wire) text(name, v string) {
	if v != "" {
		w.key(name)
		w.b = safe.AppendString(w.b, v)
	}
}

func (w *wire) number(name string, n int) {
	if n != 0 {
		w.key(name)
		w.b = strconv.AppendInt(w.b, int64(n), 10)
	}
}

func (w *wire) flag(name string, v bool) {
	if v {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *wire) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.key(name)
	b, err := t.AppendText(append(w.b, '"'))
	if w.b = append(b, '"'); w.err == nil {
		w.err = err
	}
}

func (w *wire) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.bracket('[')
	for _, t := range list {
		w.next()
		w.b = safe.AppendString(w.b, t)
	}
	w.bracket(']')
}

func (w *wire) textMap(name string, m map[string]string) {
	if len(m) > 0 {
		w.key(name)
		w.value(m)
	}
}

func (w *wire) data(name string, m map[string]any) {
	if len(m) > 0 {
		w.key(name)
		w.value(m)
	}
}

// id writes the ID of a trace or a span.
func (w *wire) id(id []byte) { w.b = append(hex.AppendEncode(append(w.b, '"'), id), '"') }

// appendEvent appends the JSON of an event or a transaction.
func appendEvent(b []byte, e *sentry.Event) ([]byte, error) {
	w := wire{b: b}
	w.bracket('{')
	w.text("dist", e.Dist)
	w.text("environment", e.Environment)
	w.text("event_id", string(e.EventID))
	w.texts("fingerprint", e.Fingerprint)
	w.text("level", string(e.Level))
	w.text("platform", e.Platform)
	w.text("release", e.Release)
	w.text("server_name", e.ServerName)
	w.textMap("tags", e.Tags)
	w.time("timestamp", e.Timestamp)
	w.text("transaction", e.Transaction)
	w.text("logger", e.Logger)
	w.textMap("modules", e.Modules)
	if e.DebugMeta != nil {
		w.key("debug_meta")
		w.value(e.DebugMeta)
	}
	w.sdk(e.Sdk)
	if e.Message != "" { // at the top level, message holds the text of old log entries
		w.key("logentry")
		w.bracket('{')
		w.text("message", e.Message)
		w.bracket('}')
	}
	// None of the breadcrumbs is nil: the scrubber has removed those.
	w.list("breadcrumbs", len(e.Breadcrumbs), func(i int) { w.breadcrumb(e.Breadcrumbs[i]) })
	w.list("exception", len(e.Exception), func(i int) { w.exception(&e.Exception[i]) })
	w.list("threads", len(e.Threads), func(i int) { w.thread(&e.Threads[i]) })
	if e.Request != nil {
		w.request(e.Request)
	}
	if !e.User.IsEmpty() {
		w.user(&e.User)
	}
	switch ItemOf(e) {
	case protocol.Transaction:
		w.transaction(e)
	case protocol.Feedback:
		w.text("type", e.Type)
	}
	// Last, with the machine's contexts at their end: all events share those bytes; see outbox.Record.Shared.
	w.contexts(e.Contexts, SharedOf(e))
	w.bracket('}')
	return w.b, w.err
}

// contexts writes m. It replaces the mark by the bytes of system.
func (w *wire) contexts(m map[string]sentry.Context, system *Shared) {
	if len(m) == 0 {
		return
	}
	w.key("contexts")
	w.bracket('{')
	var room [16]string // enough for most events
	names := room[:0]
	for name := range m {
		if system == nil || name != markName {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w.next()
		w.b = append(safe.AppendString(w.b, name), ':')
		if name == "trace" {
			w.trace(m[name])
			continue
		}
		w.value(m[name])
	}
	if system != nil {
		w.next()
		w.b = append(w.b, system.json...)
	}
	w.bracket('}')
}

// trace writes the context trace, whose values have sentry-go's own types.
func (w *wire) trace(c sentry.Context) {
	if c == nil {
		w.value(nil)
		return
	}
	var room [16]string
	keys := room[:0]
	for key := range c {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	w.bracket('{')
	for _, key := range keys {
		w.next()
		w.b = append(safe.AppendString(w.b, key), ':')
		switch v := c[key].(type) {
		case sentry.TraceID:
			w.id(v[:])
		case sentry.SpanID:
			w.id(v[:])
		case sentry.SpanStatus:
			w.status(v)
		default:
			w.value(v)
		}
	}
	w.bracket('}')
}

// status writes s in sentry-go's form.
func (w *wire) status(s sentry.SpanStatus) {
	if t := s.String(); t != "" {
		w.b = safe.AppendString(w.b, t)
	} else {
		w.b = append(w.b, "null"...)
	}
}

// An encodedSDK is the data of sentry-go about itself, and what is written of it.
type encodedSDK struct {
	info sentry.SdkInfo
	json []byte
}

// newestSDK is that of the newest event: all events of a client have the same.
var newestSDK atomic.Pointer[encodedSDK]

// sdk writes sentry-go's data about itself, and this module.
func (w *wire) sdk(sdk sentry.SdkInfo) {
	w.key("sdk")
	known := newestSDK.Load()
	if known == nil || sdk.Name != known.info.Name || sdk.Version != known.info.Version ||
		!slices.Equal(sdk.Integrations, known.info.Integrations) || !slices.Equal(sdk.Packages, known.info.Packages) {
		sdk.Integrations, sdk.Packages = slices.Clone(sdk.Integrations), slices.Clone(sdk.Packages)
		known = &encodedSDK{sdk, encodeSDK(sdk)}
		newestSDK.Store(known)
	}
	w.b = append(w.b, known.json...)
}

// encodeSDK fills in what is missing: a hook may have built a new event.
func encodeSDK(sdk sentry.SdkInfo) []byte {
	if sdk.Name == "" || sdk.Version == "" {
		sdk.Name, sdk.Version = "sentry.go", sentry.SDKVersion
	}
	w := wire{b: []byte{'{'}}
	w.text("name", sdk.Name)
	w.text("version", sdk.Version)
	w.texts("integrations", sdk.Integrations)
	w.key("packages")
	w.bracket('[')
	for _, p := range sdk.Packages {
		w.sdkPackage(p)
	}
	if len(sdk.Packages) == 0 {
		w.sdkPackage(sentry.SdkPackage{Name: "sentry-go", Version: sentry.SDKVersion})
	}
	w.sdkPackage(thisModule())
	w.bracket(']')
	w.bracket('}')
	return w.b
}

func (w *wire) sdkPackage(p sentry.SdkPackage) {
	w.next()
	w.bracket('{')
	w.text("name", p.Name)
	w.text("version", p.Version)
	w.bracket('}')
}

// list writes a list inside an event, unless it is empty, in the form that all servers read: {"values": […]}.
func (w *wire) list(key string, n int, part func(i int)) {
	if n == 0 {
		return
	}
	w.key(key)
	w.b = append(w.b, `{"values":[`...)
	for i := range n {
		w.next()
		part(i)
	}
	w.b = append(w.b, `]}`...)
}

func (w *wire) breadcrumb(b *sentry.Breadcrumb) {
	w.bracket('{')
	w.text("type", b.Type)
	w.text("category", b.Category)
	w.text("message", b.Message)
	w.data("data", b.Data)
	w.text("level", string(b.Level))
	w.time("timestamp", b.Timestamp)
	w.bracket('}')
}

// exception writes the thread ID as a string, as threads do.
func (w *wire) exception(x *sentry.Exception) {
	w.bracket('{')
	w.text("type", x.Type)
	w.text("value", x.Value)
	w.text("module", x.Module)
	w.stacktrace(x.Stacktrace)
	if m := x.Mechanism; m != nil {
		w.mechanism(m)
	}
	if x.ThreadID != 0 {
		w.text("thread_id", strconv.FormatUint(x.ThreadID, 10))
	}
	w.bracket('}')
}

func (w *wire) mechanism(m *sentry.Mechanism) {
	w.key("mechanism")
	w.bracket('{')
	w.key("type")
	w.b = safe.AppendString(w.b, m.Type)
	w.text("description", m.Description)
	w.text("help_link", m.HelpLink)
	w.text("source", m.Source)
	if m.Handled != nil {
		w.key("handled")
		w.b = strconv.AppendBool(w.b, *m.Handled)
	}
	if m.ParentID != nil {
		w.key("parent_id")
		w.b = strconv.AppendInt(w.b, int64(*m.ParentID), 10)
	}
	w.key("exception_id")
	w.b = strconv.AppendInt(w.b, int64(m.ExceptionID), 10)
	w.flag("is_exception_group", m.IsExceptionGroup)
	w.data("data", m.Data)
	w.bracket('}')
}

func (w *wire) thread(t *sentry.Thread) {
	w.bracket('{')
	w.text("id", t.ID)
	w.text("name", t.Name)
	w.stacktrace(t.Stacktrace)
	w.flag("crashed", t.Crashed)
	w.flag("current", t.Current)
	w.bracket('}')
}

func (w *wire) stacktrace(t *sentry.Stacktrace) {
	if t == nil {
		return
	}
	w.key("stacktrace")
	w.bracket('{')
	if len(t.Frames) > 0 {
		w.key("frames")
		w.bracket('[')
		for i := range t.Frames {
			w.next()
			w.frame(&t.Frames[i])
		}
		w.bracket(']')
	}
	if len(t.FramesOmitted) > 0 {
		w.key("frames_omitted")
		w.value(t.FramesOmitted)
	}
	w.bracket('}')
}

func (w *wire) frame(f *sentry.Frame) {
	w.bracket('{')
	w.text("function", f.Function)
	w.text("symbol", f.Symbol)
	w.text("module", f.Module)
	w.text("filename", f.Filename)
	w.text("abs_path", f.AbsPath)
	w.number("lineno", f.Lineno)
	w.number("colno", f.Colno)
	w.texts("pre_context", f.PreContext)
	w.text("context_line", f.ContextLine)
	w.texts("post_context", f.PostContext)
	w.key("in_app")
	w.b = strconv.AppendBool(w.b, f.InApp)
	w.data("vars", f.Vars)
	w.text("package", f.Package)
	w.text("instruction_addr", f.InstructionAddr)
	w.text("addr_mode", f.AddrMode)
	w.text("symbol_addr", f.SymbolAddr)
	w.text("image_addr", f.ImageAddr)
	w.text("platform", f.Platform)
	w.flag("stack_start", f.StackStart)
	w.bracket('}')
}

// request leaves out cookies, which the headers contain: servers with a schema reject them as a string.
func (w *wire) request(r *sentry.Request) {
	w.key("request")
	w.bracket('{')
	w.text("url", r.URL)
	w.text("method", r.Method)
	w.text("data", r.Data)
	w.text("query_string", r.QueryString)
	w.textMap("headers", r.Headers)
	w.textMap("env", r.Env)
	w.bracket('}')
}

func (w *wire) user(u *sentry.User) {
	w.key("user")
	w.bracket('{')
	w.text("id", u.ID)
	w.text("email", u.Email)
	w.text("ip_address", u.IPAddress)
	w.text("username", u.Username)
	w.text("name", u.Name)
	w.textMap("data", u.Data)
	w.bracket('}')
}

// transaction writes the fields that only transactions have.
func (w *wire) transaction(e *sentry.Event) {
	w.text("type", e.Type)
	w.time("start_timestamp", e.StartTime)
	w.key("spans")
	w.bracket('[')
	for _, s := range e.Spans {
		w.next()
		w.span(s)
	}
	w.bracket(']')
	if e.TransactionInfo != nil {
		w.key("transaction_info")
		w.bracket('{')
		w.text("source", string(e.TransactionInfo.Source))
		w.bracket('}')
	}
}

// span writes the exported fields only: sentry-go may have encoded the others before the span was scrubbed.
func (w *wire) span(s *sentry.Span) {
	if s == nil {
		w.value(nil)
		return
	}
	w.bracket('{')
	w.key("trace_id")
	w.id(s.TraceID[:])
	w.key("span_id")
	w.id(s.SpanID[:])
	if s.ParentSpanID != (sentry.SpanID{}) {
		w.key("parent_span_id")
		w.id(s.ParentSpanID[:])
	}
	w.text("name", s.Name)
	w.text("op", s.Op)
	w.text("description", s.Description)
	if s.Status != sentry.SpanStatusUndefined {
		w.key("status")
		w.status(s.Status)
	}
	w.textMap("tags", s.Tags)
	w.time("start_timestamp", s.StartTime)
	w.time("timestamp", s.EndTime)
	w.data("data", s.Data)
	w.text("origin", string(s.Origin))
	w.bracket('}')
}
