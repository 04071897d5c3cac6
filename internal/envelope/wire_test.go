package envelope

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/scrub"
)

// plainEvent is a sentry.Event without its MarshalJSON.
type plainEvent sentry.Event

// omitted leaves out the field that it shadows.
type omitted = *struct{}

// A wireEvent is an event or a transaction. Its own fields shadow those of sentry-go.
type wireEvent struct {
	*plainEvent

	SDK         sentry.SdkInfo                `json:"sdk"`
	LogEntry    wireMessage                   `json:"logentry,omitzero"`
	Breadcrumbs wireValues[sentry.Breadcrumb] `json:"breadcrumbs,omitzero"`
	Exception   wireValues[wireException]     `json:"exception,omitzero"`
	Threads     wireValues[sentry.Thread]     `json:"threads,omitzero"`
	Request     *wireRequest                  `json:"request,omitempty"`
	User        *sentry.User                  `json:"user,omitempty"`

	// Of transactions alone.
	Type            string                  `json:"type,omitempty"`
	StartTime       time.Time               `json:"start_timestamp,omitzero"`
	Spans           *[]*plainSpan           `json:"spans,omitempty"`
	TransactionInfo *sentry.TransactionInfo `json:"transaction_info,omitempty"`

	Contexts      omitted `json:"contexts,omitempty"` // written by themselves
	Message       omitted `json:"message,omitempty"`  // a text at the top level is for log entries of old
	CheckIn       omitted `json:"check_in,omitempty"`
	MonitorConfig omitted `json:"monitor_config,omitempty"`
}

type wireMessage struct {
	Message string `json:"message"`
}

// wireValues is how a list of an event's parts is written. The scrubber has removed entries that were nil.
type wireValues[T any] struct {
	Values []*T `json:"values"`
}

func (v wireValues[T]) IsZero() bool { return len(v.Values) == 0 }

// A wireException names its thread by a text, as the thread itself does.
type wireException struct {
	*sentry.Exception
	ThreadID uint64 `json:"thread_id,omitempty,string"`
}

// A wireRequest has its cookies among the headers alone: servers with a schema refuse a text of them.
type wireRequest struct {
	*sentry.Request
	Cookies omitted `json:"cookies,omitempty"`
}

// plainSpan is a sentry.Span without its MarshalJSON, which may write what was encoded before the span was scrubbed.
type plainSpan sentry.Span

// appendByReflection is what appendEvent was before it was written by hand: encoding/json does it all.
func appendByReflection(b []byte, e *sentry.Event) ([]byte, error) {
	w := wireEvent{plainEvent: (*plainEvent)(e), SDK: sdkByReflection(e), LogEntry: wireMessage{e.Message}}
	w.Breadcrumbs.Values = e.Breadcrumbs
	for i := range e.Exception {
		w.Exception.Values = append(w.Exception.Values, &wireException{&e.Exception[i], e.Exception[i].ThreadID})
	}
	for i := range e.Threads {
		w.Threads.Values = append(w.Threads.Values, &e.Threads[i])
	}
	if e.Request != nil {
		w.Request = &wireRequest{Request: e.Request}
	}
	if !e.User.IsEmpty() {
		w.User = &e.User
	}
	if ItemOf(e) == protocol.Transaction {
		spans := make([]*plainSpan, len(e.Spans))
		for i, s := range e.Spans {
			spans[i] = (*plainSpan)(s)
		}
		w.Type, w.StartTime, w.Spans, w.TransactionInfo = e.Type, e.StartTime, &spans, e.TransactionInfo
	}
	if len(e.Contexts) == 0 {
		return appendJSON(b, &w)
	}
	// The contexts are most of an event, and nearly all of them texts and numbers, which need no reflection.
	b = append(b, `{"contexts":`...)
	b, err := appendJSON(b, e.Contexts)
	if err != nil {
		return b, err
	}
	rest := len(b)
	if b, err = appendJSON(b, &w); err != nil {
		return b, err
	}
	if b[rest+1] == '}' { // nothing but contexts
		return append(b[:rest], '}'), nil
	}
	b[rest] = ','
	return b, nil
}

// A filler makes values of any type, the same for the same source of numbers.
type filler struct{ r *rand.Rand }

var fillTexts = []string{"", "", "a", "x y", "é\u2028世界", "\"\\\n\t\x01\x7f<&>", "\x00", `\u0000`, "\xff\xfe",
	"C:\\Users\\x",
	strings.Repeat("long ", 40)}

func (f filler) text() string { return fillTexts[f.r.IntN(len(fillTexts))] }

// fill sets v, which can be set. Half of what may be empty is.
func (f filler) fill(v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		if f.r.IntN(3) > 0 {
			zone := time.FixedZone("x", f.r.IntN(24*60)*60-12*3600)
			v.Set(reflect.ValueOf(time.Unix(f.r.Int64N(4e9), f.r.Int64N(1e9)).In(zone)))
		}
		return
	case sentry.SpanStatus:
		v.SetUint(uint64(f.r.IntN(20))) // some of them unknown
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(f.r.IntN(2) == 0)
	case reflect.Int, reflect.Int64, reflect.Int8:
		v.SetInt(int64([]int{0, 1, -1, 100}[f.r.IntN(4)]))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint([]uint64{0, 1, 7, 200}[f.r.IntN(4)])
	case reflect.Float64:
		v.SetFloat([]float64{0, 1.5, -1e-9, 1e22, 123456789}[f.r.IntN(5)])
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth)
		}
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[any]() && depth < 8 {
			kinds := []any{nil, "", "", 1, int64(-5), uint64(1) << 63, 2.5, true, map[string]any(nil), []any(nil),
				map[string]string(nil), []string(nil), sentry.TraceID{}, sentry.SpanID{}, sentry.SpanStatusOK}
			if kind := kinds[f.r.IntN(len(kinds))]; kind != nil {
				n := reflect.New(reflect.TypeOf(kind)).Elem()
				n.Set(reflect.ValueOf(kind))
				if kind != uint64(1)<<63 {
					f.fill(n, depth+1)
				}
				v.Set(n)
			}
		}
	case reflect.Pointer:
		if f.r.IntN(2) == 0 || v.Type() == reflect.TypeFor[*sentry.Breadcrumb]() ||
			v.Type() == reflect.TypeFor[*sentry.Span]() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := f.r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n))
			for i := range n - 1 {
				f.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if n := f.r.IntN(4); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				f.fill(key, depth+1)
				f.fill(value, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), depth+1)
			}
		}
	}
}

func filledEvent(seed uint64) *sentry.Event {
	f := filler{rand.New(rand.NewPCG(seed, 1))}
	e := new(sentry.Event)
	f.fill(reflect.ValueOf(e).Elem(), 0)
	e.Type = []string{"", "transaction", "something"}[f.r.IntN(3)]
	if f.r.IntN(2) == 0 && e.Contexts != nil {
		trace := sentry.Context{"trace_id": sentry.TraceID{1}, "span_id": sentry.SpanID{2},
			"status": sentry.SpanStatus(f.r.IntN(20))}
		f.fill(reflect.ValueOf(&e.Contexts).Elem(), 1)
		if e.Contexts != nil {
			e.Contexts["trace"] = trace
		}
	}
	return e
}

// decoded is what JSON says. Invalid bytes are the same however they are replaced.
func decoded(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func sameJSON(t *testing.T, e *sentry.Event) {
	t.Helper()
	got, err := appendEvent(nil, e)
	whole := *e
	spellOut(&whole)
	want, wantErr := appendByReflection(nil, &whole)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("error %v, encoding/json's %v", err, wantErr)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(decoded(t, got), decoded(t, want)) {
		t.Fatalf("JSON\n%s\nencoding/json's\n%s", got, want)
	}
	order := topKeys(t, want)
	if rest, found := bytes.CutPrefix(order, []byte("contexts ")); found { // they are written last now
		order = append(rest, "contexts "...)
	}
	if !bytes.Equal(topKeys(t, got), order) {
		t.Fatalf("order of fields\n%s\nencoding/json's\n%s", got, want)
	}
}

// topKeys are the names of an object's members in their order.
func topKeys(t *testing.T, b []byte) (names []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	_, _ = d.Token()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(append(names, key.(string)...), ' ')
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// FuzzEncoder: an event written by hand says what encoding/json writes, whatever is in it.
func FuzzEncoder(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { sameJSON(t, filledEvent(seed)) })
}

// TestEncoder: so does one with each field set, its machine's contexts encoded before.
func TestEncoder(t *testing.T) {
	scrubber := scrub.New(scrub.Config{})
	snapshot := map[string]sentry.Context{"os": {"name": "Linux"}, "system": {"collected_at": "today"},
		"disks": {"/": map[string]any{"free_gb": 1.5}}}
	system := NewShared(scrubber.Contexts(snapshot))
	event := func(contexts map[string]sentry.Context) *sentry.Event {
		e := filledEvent(1)
		e.Contexts = contexts
		return e
	}
	check := func(e *sentry.Event, name string, marked bool) {
		t.Helper()
		if (SharedOf(e) == system) != marked {
			t.Errorf("%s: the machine's bytes are used: %v", name, !marked)
		}
		sameJSON(t, e)
		scrubber.EventBut(e, system.Marks())
		if (SharedOf(e) == system) != marked {
			t.Errorf("%s: after scrubbing, the machine's bytes are used: %v", name, !marked)
		}
		sameJSON(t, e)
	}
	for _, contexts := range []map[string]sentry.Context{nil, {}, {"task": {"n": 1}, "zoo": {"x": "y"}}} {
		e := event(contexts)
		system.AddTo(e, false)
		check(e, "alone", true)
		e = event(contexts)
		delete(e.Contexts, markName)
		system.AddTo(e, true)
		sameJSON(t, e)
		system.Reclaim(e)
		check(e, "after a hook that changed nothing", true)
	}
	for name, c := range map[string]sentry.Context{"os": {"name": "CP/M"}, "system": {"x": 1}, "disks": nil} {
		e := event(map[string]sentry.Context{name: c})
		system.AddTo(e, false)
		check(e, "with a context "+name+" of the host's", false)
		if want := map[string]any{"os": "CP/M", "system": "Linux",
			"disks": "Linux"}[name]; e.Contexts["os"]["name"] != want {
			t.Errorf("contexts %v", e.Contexts)
		}
	}
	for name, change := range map[string]func(*sentry.Event){
		"a value":       func(e *sentry.Event) { e.Contexts["os"]["name"] = "CP/M" },
		"a deep value":  func(e *sentry.Event) { e.Contexts["disks"]["/"].(map[string]any)["free_gb"] = 2 },
		"another value": func(e *sentry.Event) { e.Contexts["os"]["x"] = []int{1} },
		"one less":      func(e *sentry.Event) { delete(e.Contexts, "os") },
		"all gone":      func(e *sentry.Event) { e.Contexts = nil },
	} {
		e := event(nil)
		system.AddTo(e, true)
		change(e)
		system.Reclaim(e)
		check(e, "after a hook: "+name, false)
	}
}

func sdkByReflection(e *sentry.Event) sentry.SdkInfo {
	sdk := e.Sdk
	if sdk.Name == "" || sdk.Version == "" {
		sdk.Name, sdk.Version = "sentry.go", sentry.SDKVersion
	}
	if len(sdk.Packages) == 0 {
		sdk.Packages = []sentry.SdkPackage{{Name: "sentry-go", Version: sentry.SDKVersion}}
	}
	sdk.Packages = append(slices.Clip(sdk.Packages), thisModule())
	return sdk
}

// TestEncoderKnowsEveryField: a field that sentry-go adds must be written, or left out on purpose.
func TestEncoderKnowsEveryField(t *testing.T) {
	for _, kind := range []string{"", "transaction"} {
		e := new(sentry.Event)
		setEverything(reflect.ValueOf(e).Elem(), 0)
		e.Type = kind
		sameJSON(t, e)
	}
}

// setEverything leaves nothing in v empty.
func setEverything(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1e9, 5)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int8:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	case reflect.Float64:
		v.SetFloat(2.5)
	case reflect.Array:
		for i := range v.Len() {
			setEverything(v.Index(i), depth+1)
		}
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf("any"))
		}
	case reflect.Pointer:
		if depth < 10 {
			v.Set(reflect.New(v.Type().Elem()))
			setEverything(v.Elem(), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		setEverything(v.Index(0), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		setEverything(key, depth+1)
		setEverything(value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				setEverything(v.Field(i), depth+1)
			}
		}
	}
}

// TestEveryKindHasAForm: an event that says it is of a kind becomes an item of that kind, whose payload is its own.
func TestEveryKindHasAForm(t *testing.T) {
	keys := map[string]string{"event": "event_id", "transaction": "spans", "check_in": "check_in_id", "log": "items",
		"trace_metric": "items", "feedback": "contexts"}
	for _, item := range append(protocol.Items[:], *protocol.Feedback) {
		if item.Type == "" {
			continue
		}
		e := new(sentry.Event)
		setEverything(reflect.ValueOf(e).Elem(), 0)
		e.Type, e.Contexts[FeedbackContext] = item.Type, sentry.Context{"message": "m"}
		if got := ItemOf(e); got.Type != item.Type {
			t.Errorf("an event of the type %s becomes an item of the type %s: add the kind to ItemOf",
				item.Type, got.Type)
		}
		var payload map[string]any
		b, err := appendPayload(nil, e)
		if err == nil {
			err = json.Unmarshal(b, &payload)
		}
		if key := keys[item.Type]; err != nil || payload[key] == nil {
			t.Errorf("%s: %v, want the key %q in %.200s: write its form in appendPayload, and name a key of it here",
				item.Type, err, key, b)
		}
	}
}
