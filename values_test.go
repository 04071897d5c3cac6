package sentryconfig_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

type (
	badStringer  struct{ A any }
	badMarshaler struct{ A any }
	badError     struct{ A any }
	badText      struct{ A any }
	badLogValuer struct{ A any }
	version      struct{ major, minor int }
	money        int
	celsius      float64
	login        struct {
		User     string `json:"user"`
		Password secret `json:"key"`
	}
	secret string
	record struct {
		Name   string         `json:"name"`
		Next   *record        `json:"next,omitempty"`
		Any    any            `json:"any"`
		M      map[string]any `json:"m,omitempty"`
		Hidden string         `json:"-"`
		own    int
	}
)

func (badStringer) String() string                { panic("String") }
func (badMarshaler) MarshalJSON() ([]byte, error) { panic("MarshalJSON") }
func (badError) Error() string                    { panic("Error") }
func (badText) MarshalText() ([]byte, error)      { return nil, errors.New("no text") }
func (badLogValuer) LogValue() slog.Value         { panic("LogValue") }
func (v version) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "v%d.%d", v.major, v.minor), nil
}
func (m money) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"cents":%d}`, int(m)), nil }
func (c celsius) String() string             { return fmt.Sprintf("%.1f °C", float64(c)) }
func (secret) LogValue() slog.Value          { return slog.StringValue("hidden") }

// What a person expects to read in Sentry.
func TestValuesRead(t *testing.T) {
	when := time.Date(2025, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	link, err := url.Parse("https://api.example/v1?page=2")
	if err != nil {
		t.Fatal(err)
	}
	list := &record{Name: "a", Hidden: "h", own: 1}
	list.Next = list
	var nilError *fs.PathError
	for _, test := range []struct {
		name  string
		value any
		want  string // as JSON
	}{
		{"error", fmt.Errorf("read: %w", fs.ErrNotExist), `"read: file does not exist"`},
		{"nil error", nilError, `null`},
		{"stringer", celsius(21.5), `"21.5 °C"`},
		{"JSON marshaler", money(250), `{"cents":250}`},
		{"text marshaler", version{1, 2}, `"v1.2"`},
		{"text marshaler as a key", map[version]int{{1, 2}: 3}, `{"v1.2":3}`},
		{"time", when, `"2025-03-04T05:06:07+01:00"`},
		{"time by pointer", &when, `"2025-03-04T05:06:07+01:00"`},
		{"duration", 1500 * time.Millisecond, `"1.5s"`},
		{"bytes that are text", []byte("plain text"), `"plain text"`},
		{"bytes", []byte{0, 1, 0xfe}, `"<3 bytes: 0001fe>"`},
		{"raw JSON", json.RawMessage(`{"a":[1,true,null]}`), `{"a":[1,true,null]}`},
		{"broken raw JSON", json.RawMessage(`{"a":`), `"{\"a\":"`},
		{"URL", *link, `"https://api.example/v1?page=2"`},
		{"URL by pointer", link, `"https://api.example/v1?page=2"`},
		{"URL with a password", &url.URL{Scheme: "ftp", User: url.UserPassword("bob", "hunter2"), Host: "h"}, `"ftp://bob:[Filtered]@h"`},
		{"login of a URL", []any{url.UserPassword("bob", "hunter2"), url.User("bob")}, `["bob:xxxxx","bob"]`},
		{"address", netip.MustParseAddr("192.0.2.7"), `"192.0.2.7"`},
		{"LogValuer", login{"bob", "s3cr3t"}, `{"key":"hidden","user":"bob"}`},
		{"struct with a cycle", list, `{"any":null,"name":"a","next":"<cycle>"}`},
		{"NaN", []float64{math.NaN(), 1.5}, `["NaN",1.5]`},
		{"channel and function", []any{make(chan int), func() {}}, `["<chan int>","<func()>"]`},
		{"not UTF-8", "a\xffb", `"a�b"`},
		{"panicking String", badStringer{}, `"<panic in sentryconfig_test.badStringer.String: String>"`},
		{"panicking MarshalJSON", badMarshaler{}, `"<panic in sentryconfig_test.badMarshaler.MarshalJSON: MarshalJSON>"`},
		{"panicking Error", badError{}, `"<panic in sentryconfig_test.badError.Error: Error>"`},
		{"panicking LogValue", badLogValuer{}, `"<panic in sentryconfig_test.badLogValuer.LogValue: LogValue>"`},
		{"failing MarshalText", badText{}, `"<error in sentryconfig_test.badText.MarshalText: no text>"`},
		{"nil pointer", (*record)(nil), `null`},
		{"number beyond 2^53", int64(1<<53 + 1), `9007199254740993`},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)})
			ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "values", 0, 1, map[string]any{"v": test.value})
			span.SetData("v", test.value)
			sentryconfig.AddBreadcrumb(ctx, "step", "", "", map[string]any{"v": test.value})
			slog.New(sentryconfig.NewLogHandler(nil)).InfoContext(ctx, "step", "v", test.value)
			sentryconfig.CaptureTaskFailure(ctx, "", "y", map[string]any{"v": test.value},
				map[string]any{"wrapped": map[string]any{"v": test.value}})
			span.Finish()
			e := one(t, server)
			tx := server.WaitTransactions(1, time.Minute)[0]
			var wire struct {
				Contexts struct {
					Task    struct{ Data map[string]json.RawMessage }
					Wrapped map[string]json.RawMessage
					Trace   struct{ Data map[string]json.RawMessage }
				}
				Breadcrumbs struct {
					Values []struct{ Data map[string]json.RawMessage }
				}
			}
			check := func(place string, got json.RawMessage) {
				t.Helper()
				if text := compact(t, got); text != compact(t, json.RawMessage(test.want)) {
					t.Errorf("%s: %s, want %s", place, text, test.want)
				}
			}
			if err := json.Unmarshal(e.Raw, &wire); err != nil {
				t.Fatal(err)
			}
			check("task data", wire.Contexts.Task.Data["v"])
			check("extra", wire.Contexts.Wrapped["v"])
			if n := len(wire.Breadcrumbs.Values); n != 2 {
				t.Fatalf("%d breadcrumbs, want 2", n)
			}
			for _, b := range wire.Breadcrumbs.Values {
				check("breadcrumb", b.Data["v"])
			}
			if err := json.Unmarshal(tx.Raw, &wire); err != nil {
				t.Fatal(err)
			}
			check("task data of the transaction", wire.Contexts.Task.Data["v"])
			if test.want != `null` { // which sentry-go doesn't keep
				check("span data", wire.Contexts.Trace.Data["v"])
			}
		})
	}
}

// compact writes JSON without needless escapes; the sorted keys are the encoder's.
func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw == nil {
		return "nothing"
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return jsonOf(t, v)
}

// The value of a panic shows its fields by name, so that secrets among them are known.
func TestPanicValues(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"text", "boom", "panic: boom"},
		{"number", 7, "panic: 7"},
		{"struct", struct{ Password, User string }{"hunter2", "bob"}, `panic: {"Password":"[Filtered]","User":"bob"}`},
		{"LogValuer", secret("s3cr3t"), "panic: hidden"},
		{"stringer", celsius(20), "panic: 20.0 °C"},
		{"error", errors.New("password=hunter2 rejected"), "password=[Filtered] rejected"},
		{"panicking String", badStringer{}, "panic: <panic in sentryconfig_test.badStringer.String: String>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			err := sentryconfig.RunTask(t.Context(), sentryconfig.Task{Type: "x"},
				func(context.Context) error { panic(test.value) })
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("error %v", err)
			}
			e := one(t, server)
			if got := e.Exceptions[len(e.Exceptions)-1].Value; got != test.want {
				t.Errorf("exception %q, want %q", got, test.want)
			}
		})
	}
}

// The cost follows what is kept, not what is passed in.
func TestHugeValuesCostWhatIsKept(t *testing.T) {
	size, keys := 1<<30, 1_000_000
	if raceDetector {
		size, keys = 1<<25, 100_000
	}
	huge := make([]byte, size) // never touched
	large := make(map[int]int, keys)
	for i := range keys {
		large[i] = i
	}
	small := make(map[int]int)
	for i := range 1000 { // more than is kept
		small[i] = i
	}
	server := start(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false), TracesSampleRate: sentry.Set(0.0)})
	const captures = 5
	cost := func(v any) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range captures {
			ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, v)
			span.SetData("v", v)
			sentryconfig.AddBreadcrumb(ctx, "step", "", "", map[string]any{"v": v})
			if sentryconfig.CaptureTaskFailure(ctx, "", "y", v, map[string]any{"v": v}) == "" {
				t.Error("not captured")
			}
			span.Finish()
		}
		flush(t)
		runtime.ReadMemStats(&after)
		return int(after.TotalAlloc - before.TotalAlloc)
	}
	cost(small) // what is made once
	// What a server and a sender in the same process may happen to do: make a gzip.Writer when the pool of them is
	// empty, which it is at random under the race detector.
	other := 50_000
	if raceDetector {
		other = 1_000_000
	}
	for _, test := range []struct {
		name        string
		kept, whole any
	}{
		{"slice", huge[:1000], huge},
		{"slice of a type of its own", make([]int, 5000), make([]int, size/64)},
		{"map", small, large},
		{"both in a struct", record{Any: huge[:1000], M: map[string]any{"m": small}}, record{Any: huge, M: map[string]any{"m": large}}},
	} {
		kept, whole := cost(test.kept), cost(test.whole)
		whole = min(whole, cost(test.whole)) // a collection of garbage empties it, too
		if whole > 2*kept+captures*other {
			t.Errorf("%s: %d bytes for what is kept, %d for the whole", test.name, kept/captures, whole/captures)
		}
	}
	if n := len(server.Events()); n != 13*captures {
		t.Errorf("%d events arrived, want %d", n, 13*captures)
	}
}

// A valueMaker makes a value of any kind from bytes.
type valueMaker struct {
	bytes []byte
	made  []any // what cycles can lead back to
	level int
}

func (m *valueMaker) next() byte {
	if len(m.bytes) == 0 {
		return 0
	}
	b := m.bytes[0]
	m.bytes = m.bytes[1:]
	return b
}

func (m *valueMaker) text() string {
	n := int(m.next())
	s := string(m.bytes[:min(n%32, len(m.bytes))])
	m.bytes = m.bytes[len(s):]
	if n > 250 && s != "" {
		s = strings.Repeat(s, 10_000)
	}
	return s
}

func (m *valueMaker) value() any {
	m.level++
	defer func() { m.level-- }()
	kind := m.next() % 32
	if m.level > 12 {
		kind %= 18
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return m.next()%2 == 0
	case 2:
		return int(m.next())<<(m.next()%56) - 1
	case 3:
		return uint64(math.MaxUint64) >> (m.next() % 64)
	case 4:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5e-324, math.Copysign(0, -1)}[m.next()%6]
	case 5, 6:
		return m.text()
	case 7:
		return []byte(m.text())
	case 8:
		return json.RawMessage(m.text())
	case 9:
		return errors.New(m.text())
	case 10:
		return make(chan int, 1)
	case 11:
		return m.text
	case 12:
		return time.Unix(int64(m.next())<<(m.next()%56), 0).UTC()
	case 13:
		return complex(float64(m.next()), 1)
	case 14:
		return url.URL{Host: m.text(), RawQuery: m.text()}
	case 15:
		return []any{celsius(m.next()), money(m.next()), version{1, 2}, secret(m.text())}
	case 16:
		return make([]int, int(m.next())*1000)
	case 17:
		if n := len(m.made); n > 0 {
			return m.made[int(m.next())%n]
		}
		return struct{}{}
	case 18:
		return badStringer{m.value()}
	case 19:
		return badMarshaler{m.value()}
	case 20:
		return badError{m.value()}
	case 21:
		return badText{m.value()}
	case 22:
		return badLogValuer{m.value()}
	case 23, 24, 25:
		v := map[string]any{}
		m.made = append(m.made, v)
		for range m.next() % 12 {
			v[m.text()] = m.value()
		}
		return v
	case 26:
		v := map[any]any{}
		for range m.next() % 6 {
			if k := m.value(); k == nil || reflect.TypeOf(k).Comparable() && reflect.TypeOf(k).Kind() < reflect.Array {
				v[k] = m.value()
			}
		}
		return v
	case 27, 28:
		v := make([]any, m.next()%12)
		m.made = append(m.made, v)
		for i := range v {
			v[i] = m.value()
		}
		return v
	case 29, 30:
		v := &record{Name: m.text(), Hidden: m.text(), own: int(m.next())}
		m.made = append(m.made, v)
		v.Any = m.value()
		v.Next, _ = m.value().(*record)
		v.M, _ = m.value().(map[string]any)
		return v
	default:
		p := new(any)
		m.made = append(m.made, p)
		*p = m.value()
		return p
	}
}

// picture writes v down so that a change shows. What can't be compared is told by its kind, and it stops at cycles by
// depth.
func picture(v reflect.Value, levels int) string {
	if levels == 0 || !v.IsValid() {
		return "."
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return "&" + picture(v.Elem(), levels-1)
	case reflect.Map:
		sum := uint64(v.Len())
		for it := v.MapRange(); it.Next(); {
			h := uint64(17)
			for _, b := range []byte(picture(it.Key(), 3) + ":" + picture(it.Value(), levels-1)) {
				h = h*31 + uint64(b)
			}
			sum += h
		}
		return fmt.Sprint("map", sum)
	case reflect.Slice, reflect.Array:
		var b strings.Builder
		fmt.Fprint(&b, v.Len(), "[")
		for i := range min(v.Len(), 50) {
			b.WriteString(picture(v.Index(i), levels-1) + ",")
		}
		return b.String()
	case reflect.Struct:
		var b strings.Builder
		for i := range v.NumField() {
			b.WriteString(picture(v.Field(i), levels-1) + ";")
		}
		return b.String()
	case reflect.Chan, reflect.Func:
		return v.Type().String()
	case reflect.String:
		return v.String()
	}
	return fmt.Sprint(v)
}

// FuzzValues passes any value wherever one can be passed: nothing panics, every event arrives, and the value stays as
// it was.
func FuzzValues(f *testing.F) {
	for kind := range 32 {
		f.Add([]byte{byte(kind), 3, 'a', 'b', 'c', 5, 1, 'x', byte(kind + 1), 2, 'y', 'z', 29, 1, 'n', 0, 17, 0, 4, 0})
	}
	f.Add([]byte("\x17\x0b\x01a\x05\xff\xff\x01b\x1b\x04\x12\x05\x03abc\x13\x00\x14\x00\x15\x00\x01c\x16\x0a\x01d\x0b\x01e\x11\x00\x01f\x1f\x11\x01\x01g\x04\x00"))
	f.Add([]byte("\x1b\x0b\x1d\xff\xff\xff\x11\x00\x11\x00\x1d\x01n\x00\x00\x11\x01\x11\x00\x10\xff\x08\x07{\"a\":1}\x07\x03\x00\x01\x02\x1a\x05\x02\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<10 {
			return
		}
		m := &valueMaker{bytes: data}
		v := m.value()
		before := picture(reflect.ValueOf(v), 8)
		server := start(t, sentryconfig.Options{SendPII: sentry.Set(len(data)%2 == 0),
			SendSystemInfo: sentry.Set(false)})
		useEverywhere(t, v)
		flush(t)
		events := server.Events()
		if len(events) != 5 || len(server.Transactions()) != 2 {
			t.Errorf("%d events and %d transactions arrived, want 5 and 2", len(events), len(server.Transactions()))
		}
		for _, e := range events {
			checkEvent(t, e)
		}
		if after := picture(reflect.ValueOf(v), 8); after != before {
			t.Errorf("the value was changed: %.300s\nwas %.300s", after, before)
		}
	})
}

// useEverywhere passes v wherever a value can be passed: in five events and two transactions.
func useEverywhere(t *testing.T, v any) {
	t.Helper()
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "fuzz", 0, 1, v)
	span.SetData("v", v)
	child := sentry.StartSpan(ctx, "exec")
	child.SetData("v", v)
	child.Finish()
	sentryconfig.AddBreadcrumb(ctx, "step", "c", "", map[string]any{"v": v})
	slog.New(sentryconfig.NewLogHandler(nil)).InfoContext(ctx, "step", "v", v, slog.Group("g", "v", v))
	sentry.GetHubFromContext(ctx).Scope().SetContext("host", sentry.Context{"v": v})
	for _, id := range []sentry.EventID{
		sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", v, map[string]any{"v": v}),
		sentryconfig.CaptureTaskFailure(ctx, "", "y", nil, map[string]any{"v": v, "os": v}),
	} {
		if id == "" {
			t.Error("not captured")
		}
	}
	if err, ok := v.(error); ok {
		if sentryconfig.CaptureTaskException(ctx, err, "", nil, nil) == "" {
			t.Error("the value as an error isn't captured")
		}
	} else if sentryconfig.CaptureTaskFailure(ctx, "", "z", v, nil) == "" {
		t.Error("not captured")
	}
	if err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "fails", Data: v},
		func(context.Context) error {
			return &sentryconfig.TaskFailure{Reason: "r", Extra: map[string]any{"v": v}}
		}); err == nil {
		t.Error("no error")
	}
	if err := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "panics"},
		func(context.Context) error { panic(v) }); err == nil {
		t.Error("a panic without an error")
	}
	span.Finish()
}

func checkEvent(t *testing.T, e sentrytest.Event) {
	t.Helper()
	if len(e.Tags) == 0 || len(e.Fingerprint) == 0 || e.Contexts["task"] == nil {
		t.Errorf("event without its details: %.500s", e.Raw)
	}
	if e.Contexts["error"]["encoding"] != nil {
		t.Errorf("an event could not be encoded: %v", e.Contexts["error"])
	}
	var raw struct{ Contexts map[string]json.RawMessage }
	if err := json.Unmarshal(e.Raw, &raw); err != nil {
		t.Fatal(err)
	}
	for name, c := range raw.Contexts {
		if len(c) > 8192 {
			t.Errorf("context %s has %d bytes, Relay keeps 8192", name, len(c))
		}
	}
}
