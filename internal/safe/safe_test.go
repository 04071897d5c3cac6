package safe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

const roomy = 128 << 10

type (
	secret     string
	secretAt   struct{ Text string }
	brokenLog  struct{ Text string }
	endlessLog struct{ n int }
	selfLog    struct{ Name string }
	viaMarshal struct{ N int }
	badMarshal struct{ N int }
	viaText    struct{ a, b int }
	stringer   struct{ a int }
	stringerAt struct{ a int }
	panicky    struct{}
	SecretA    struct{ Text string }
	twoSecrets struct {
		SecretA
		secretAt `json:"t"`
		N        int
	}
	locked struct {
		mu   sync.Mutex
		Name string
	}
	myError struct{ Code int }
	bit     byte
	level   int
	Inner   struct {
		A int `json:"a"`
		B int
	}
	inner2 struct{ Hidden, B int }
	tagged struct {
		*Inner
		inner2
		Name    string    `json:"name"`
		Skip    string    `json:"-"`
		Dash    string    `json:"-,"`
		Empty   string    `json:"empty,omitempty"`
		Zero    time.Time `json:"zero,omitzero"`
		Quoted  int       `json:"quoted,string"`
		Odd     int       `json:"ba\"d"`
		private int
		Any     any            `json:"any"`
		Map     map[string]int `json:"map"`
	}
	tree struct {
		Name string
		Kids []*tree
		Up   *tree
	}
	pointerLoop *pointerLoop
)

func (secret) LogValue() slog.Value       { return slog.StringValue("REDACTED") }
func (SecretA) LogValue() slog.Value      { return slog.StringValue("REDACTED") }
func (*secretAt) LogValue() slog.Value    { return slog.StringValue("REDACTED") }
func (brokenLog) LogValue() slog.Value    { panic("no") }
func (e endlessLog) LogValue() slog.Value { return slog.AnyValue(endlessLog{e.n + 1}) }
func (s *selfLog) LogValue() slog.Value   { return slog.AnyValue(*s) }
func (v viaMarshal) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"n":%d,"list":[1,2.5,null,"x\u00e9"],"big":18446744073709551615}`, v.N), nil
}
func (badMarshal) MarshalJSON() ([]byte, error) { return nil, errors.New("cannot") }
func (v viaText) MarshalText() ([]byte, error)  { return fmt.Appendf(nil, "%d/%d", v.a, v.b), nil }
func (s stringer) String() string               { return fmt.Sprintf("stringer %d", s.a) }
func (s *stringerAt) String() string            { return fmt.Sprintf("at %d", s.a) }
func (panicky) String() string                  { panic(errors.New("boom")) }
func (l *locked) String() string                { l.mu.Lock(); defer l.mu.Unlock(); return l.Name }
func (e *myError) Error() string                { return fmt.Sprintf("code %d", e.Code) }
func (e *myError) MarshalJSON() ([]byte, error) { return []byte(`{"never":"seen"}`), nil }
func (l level) String() string                  { return [...]string{"low", "high"}[l] }

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func TestValue(t *testing.T) {
	t.Parallel()
	when := time.Date(2025, 3, 4, 5, 6, 7, 890, time.UTC)
	var nilError *myError
	var loop pointerLoop
	loop = &loop
	var counter atomic.Int64
	counter.Store(42)
	var held atomic.Value
	held.Store("kept")
	held2 := &locked{Name: "n"}
	root := &tree{Name: "root"}
	root.Kids = []*tree{{Name: "kid", Up: root}}
	cyclicMap := map[string]any{"a": 1}
	cyclicMap["self"] = cyclicMap
	cyclicList := []any{1, nil}
	cyclicList[1] = cyclicList
	sum := [32]byte{1, 2}
	n := 7
	pn := &n

	tests := []struct {
		name string
		in   any
		want any
	}{
		{"nil", nil, nil},
		{"bool", true, true},
		{"string", "a", "a"},
		{"string not UTF-8", "a\xffb", "a\uFFFDb"},
		{"int", -5, int64(-5)},
		{"int8", int8(-5), int64(-5)},
		{"uint8", uint8(5), uint64(5)},
		{"max uint64", uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{"beyond 2^53", int64(1<<53 + 1), int64(1<<53 + 1)},
		{"uintptr", uintptr(9), uint64(9)},
		{"float64", 1.5, 1.5},
		{"float32", float32(0.1), 0.1},
		{"NaN", math.NaN(), "NaN"},
		{"+Inf", math.Inf(1), "+Inf"},
		{"-Inf", float32(math.Inf(-1)), "-Inf"},
		{"float that Relay reads as 0", 1e20, "1e+20"},
		{"large float", 1e21, 1e21},
		{"complex", complex(1, 2), "(1+2i)"},
		{"chan", make(chan int), "<chan int>"},
		{"nil chan", (chan int)(nil), nil},
		{"func", func(int) string { return "" }, "<func(int) string>"},
		{"unsafe.Pointer", unsafe.Pointer(pn), "<unsafe.Pointer>"},
		{"pointer", &pn, int64(7)},
		{"nil pointer", (*int)(nil), nil},
		{"pointer to itself", loop, "<cycle>"},
		{"named string", fs.FileMode(0o644), "-rw-r--r--"},
		{"named int", level(1), "high"},
		{"panic in String", level(9), "<panic in safe.level.String: runtime error: index out of range [9] with length 2>"},

		{"error", errors.New("oops"), "oops"},
		{"error by pointer, as a value too, before its JSON", myError{3}, "code 3"},
		{"nil error in an interface", error(nilError), nil},
		{"error chain", fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}), "read: open /x: file does not exist"},
		{"Marshaler", viaMarshal{1}, map[string]any{"n": int64(1), "list": []any{int64(1), 2.5, nil, "xé"}, "big": uint64(math.MaxUint64)}},
		{"failing Marshaler", badMarshal{}, "<error in safe.badMarshal.MarshalJSON: cannot>"},
		{"TextMarshaler", viaText{1, 2}, "1/2"},
		{"Stringer", stringer{4}, "stringer 4"},
		{"Stringer by pointer", []stringerAt{{4}}, []any{"at 4"}},
		{"panicking Stringer", panicky{}, "<panic in safe.panicky.String: boom>"},
		{"Stringer with a lock", held2, "n"},

		{"LogValuer", secret("pw"), "REDACTED"},
		{"LogValuer in a map", map[string]secret{"a": "pw"}, map[string]any{"a": "REDACTED"}},
		{"LogValuer as a key", map[secret]int{"pw": 1}, map[string]any{"REDACTED": int64(1)}},
		{"LogValuer by pointer, as a value", map[string]secretAt{"a": {"pw"}}, map[string]any{"a": "REDACTED"}},
		{"LogValuer by pointer, in a field", struct{ S secretAt }{secretAt{"pw"}}, map[string]any{"S": "REDACTED"}},
		{"embedded LogValuers, neither of which speaks for the whole", twoSecrets{SecretA{"pw"}, secretAt{"pw"}, 1},
			map[string]any{"SecretA": "REDACTED", "t": "<safe.secretAt>", "N": int64(1)}},
		{"panicking LogValuer hides", brokenLog{"pw"}, "<panic in safe.brokenLog.LogValue: no>"},
		{"endless LogValuer", endlessLog{}, "<safe.endlessLog.LogValue leads to itself>"},
		{"LogValuer that stands for its own value", &selfLog{"n"}, map[string]any{"Name": "n"}},
		{"nil LogValuer", (*secretAt)(nil), nil},
		{"slog.Value group", slog.GroupValue(slog.Int("a", 1), slog.Group("", slog.Bool("b", true)), slog.Any("s", secret("x")), slog.Attr{}),
			map[string]any{"a": int64(1), "b": true, "s": "REDACTED"}},
		{"slog.Attr", slog.Duration("d", time.Second), map[string]any{"d": "1s"}},
		{"[]slog.Attr", []slog.Attr{slog.Uint64("u", 1), slog.Time("t", when), slog.Float64("f", math.NaN())},
			map[string]any{"u": uint64(1), "t": "2025-03-04T05:06:07.00000089Z", "f": "NaN"}},

		{"time", when, "2025-03-04T05:06:07.00000089Z"},
		{"*time", &when, "2025-03-04T05:06:07.00000089Z"},
		{"duration", 1500 * time.Millisecond, "1.5s"},
		{"month", time.March, "March"},
		{"url", *mustURL("https://h/p?q=1"), "https://h/p?q=1"},
		{"*url", mustURL("https://h/p?q=1"), "https://h/p?q=1"},
		{"net.IP", net.IPv4(127, 0, 0, 1), "127.0.0.1"},
		{"netip.Addr", netip.MustParseAddr("::1"), "::1"},
		{"big.Int", *big.NewInt(12), int64(12)},
		{"huge big.Int", new(big.Int).Lsh(big.NewInt(1), 70), 1180591620717411303424.0},
		{"reflect.Type", reflect.TypeFor[map[string]int](), "map[string]int"},
		{"reflect.Value", reflect.ValueOf(map[string]int{"a": 1}), map[string]any{"a": int64(1)}},
		{"unexported field by reflection", reflect.ValueOf(stringer{4}).Field(0), int64(4)},
		{"json.Number", json.Number("12.5"), 12.5},
		{"json.Number not a number", json.Number("x"), "x"},
		{"json.RawMessage", json.RawMessage(` {"a": [1, "b\n"], "c": {}, "d": []} `), map[string]any{"a": []any{int64(1), "b\n"}, "c": map[string]any{}, "d": []any{}}},
		{"json.RawMessage by pointer", &[]json.RawMessage{json.RawMessage(`true`)}[0], true},
		{"broken json.RawMessage", json.RawMessage(`{"a": tru}`), `{"a": tru}`},
		{"bytes that are text", []byte("héllo\n"), "héllo\n"},
		{"bytes", []byte{10, 11, 0}, "<3 bytes: 0a0b00>"},
		{"many bytes", make([]byte, 1000), "<1,000 bytes: " + strings.Repeat("00", 32) + "…>"},
		{"byte array", sum, "<32 bytes: 0102" + strings.Repeat("00", 30) + ">"},
		{"bytes of a type of its own", []bit("ok"), "ok"},
		{"nil bytes", []byte(nil), nil},
		{"bytes.Buffer", bytes.NewBufferString("text"), "text"},
		{"atomic", &counter, int64(42)},
		{"atomic.Value", &held, "kept"},
		{"mutex", &sync.Mutex{}, map[string]any{}},

		{"map", map[string]any{"a": 1, "b": []any{nil}}, map[string]any{"a": int64(1), "b": []any{nil}}},
		{"nil map", map[string]any(nil), nil},
		{"map of strings", map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		{"strings", []string{"a"}, []any{"a"}},
		{"empty list", []int{}, []any{}},
		{"array", [2]int{1, 2}, []any{int64(1), int64(2)}},
		{"int keys", map[int]string{-1: "a"}, map[string]any{"-1": "a"}},
		{"text keys", map[viaText]int{{1, 2}: 3}, map[string]any{"1/2": int64(3)}},
		{"struct keys", map[struct{ A int }]int{{1}: 3}, map[string]any{`{"A":1}`: int64(3)}},
		{"keys of any kind", map[any]any{"a": 1, 2: "b", true: nil, 1.5: 0}, map[string]any{"a": int64(1), "2": "b", "true": nil, "1.5": int64(0)}},
		{"keys that fall together", map[any]int{"1": 5, 1: 5}, map[string]any{"1": int64(5), "1 (2)": int64(5)}},
		{"cyclic map", cyclicMap, map[string]any{"a": int64(1), "self": "<cycle>"}},
		{"cyclic list", cyclicList, []any{int64(1), "<cycle>"}},
		{"cyclic struct", root, map[string]any{"Name": "root", "Up": nil, "Kids": []any{map[string]any{"Name": "kid", "Kids": nil, "Up": "<cycle>"}}}},
		{"one value twice is no cycle", []any{pn, pn, root.Kids[:0]}, []any{int64(7), int64(7), []any{}}},
		{"struct by its JSON names", tagged{Inner: &Inner{A: 1, B: 2}, inner2: inner2{3, 4}, Name: "n", Skip: "s", Dash: "d", Quoted: 5, Odd: 6, private: 7},
			map[string]any{"a": int64(1), "Hidden": int64(3), "name": "n", "-": "d", "quoted": "5", "Odd": int64(6),
				"any": nil, "map": nil}},
		{"nil embedded pointer", tagged{Name: "n", Any: secret("x")},
			map[string]any{"Hidden": int64(0), "name": "n", "-": "", "quoted": "0", "Odd": int64(0), "any": "REDACTED",
				"map": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Value(tt.in, roomy)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Value = %#v, want %#v", got, tt.want)
			}
			check(t, got, roomy, maxLevels)
		})
	}
}

// TestStructLikeJSON compares the fields with those that encoding/json writes.
func TestStructLikeJSON(t *testing.T) {
	t.Parallel()
	type L3 struct{ X, Deep int }
	type L2a struct {
		L3
		X int `json:"x2"`
		Y int
	}
	type L2b struct {
		Y int
		Z int `json:"z"`
	}
	type L2c struct {
		Zed int `json:"zed"`
		W   int `json:"Y"`
	}
	type named struct{ Q int }
	type Recursive struct {
		A int
		*L2a
		Next *Recursive
	}
	for _, v := range []any{
		struct {
			L2a
			L2b
		}{},
		struct {
			L2a
			L2b
			L2c
		}{},
		struct {
			*L2b
			L2c `json:"sub"`
			named
			Z int
		}{},
		struct {
			L2a
			*L3
		}{L3: &L3{1, 2}},
		struct {
			named `json:"n"`
			L3    `json:",omitempty"`
			M     map[string]int `json:",omitempty"`
			P     *int           `json:"p,omitempty"`
			A     [0]int         `json:",omitempty"`
		}{},
		Recursive{L2a: &L2a{}, Next: &Recursive{}},
	} {
		t.Run(fmt.Sprintf("%T", v), func(t *testing.T) {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			want := Value(json.RawMessage(b), roomy)
			if got := Value(v, roomy); !reflect.DeepEqual(got, want) {
				t.Errorf("Value = %v, want %v", got, want)
			}
		})
	}
}

// TestValueCuts has what is too large for the room of 2,000 bytes.
func TestValueCuts(t *testing.T) {
	t.Parallel()
	const room = 2000
	giant := strings.Repeat("x", 1<<20)
	many := map[string]any{}
	for i := range 5000 {
		many[fmt.Sprintf("k%04d", i)] = i
	}
	deep := any("leaf")
	for range 50 {
		deep = []any{deep}
	}
	rec := make([]any, 1000)
	for i := range rec {
		rec[i] = map[string]any{"id": i, "name": "record"}
	}
	big := make([]int, 1<<20)
	small := map[string]any{"index": 3, "label": "short", "ok": true}
	with := func(v any) map[string]any {
		m := maps.Clone(small)
		m["big"] = v
		return m
	}
	tests := []struct {
		name string
		in   any
		has  string // in the JSON of big
		full int    // the least that is kept
	}{
		{"giant string", giant, "… (1,0", room * 8 / 10},
		{"giant quotes", strings.Repeat(`"`, 1<<20), "… (1,04", room * 8 / 10},
		{"giant garbage", strings.Repeat("\xff", 1<<20), "… (1,04", 40},
		{"giant bytes", []byte(giant), "… (1,04", room * 8 / 10},
		{"giant JSON string", json.RawMessage(`"` + giant + `"`), "bytes cut)", room * 8 / 10},
		{"giant JSON list", json.RawMessage("[" + strings.Repeat(`{"a":1},`, 1<<17) + "1]"), "more", room * 6 / 10},
		{"giant JSON object", json.RawMessage(`{"a":{"b":1,"c":[` + strings.Repeat(`"é\n",`, 1<<17) + "1]}}"), "more", room * 6 / 10},
		{"two giants", []string{giant, giant, "survives"}, `"survives"]`, room * 8 / 10},
		{"large list", big, "… 1,04", room * 6 / 10},
		{"large map", many, `"…":"4,`, room * 6 / 10},
		{"records", rec, "… 9", room * 6 / 10},
		{"deep", deep, "[… 1 elements]", 20},
		{"large among small", []any{big, many, "survives", rec, map[string]any{"tiny": "survives too"}}, `survives too`, room * 6 / 10},
		{"long key", map[string]any{strings.Repeat("k", 1000): 1}, "bytes cut)", 100},
		{"array", [4096]int{}, "more", room * 6 / 10},
		{"giant error", errors.New(giant), "… (1,04", room * 8 / 10},
		{"attributes", slog.GroupValue(slog.Any("big", big), slog.String("s", "survives")), `"survives"`, room * 6 / 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Value(with(tt.in), room).(map[string]any)
			check(t, got, room, maxLevels)
			for key, v := range small {
				if want := Value(v, room); got[key] != want {
					t.Errorf("%s = %v, want %v: short values survive", key, got[key], want)
				}
			}
			b, err := json.Marshal(got["big"])
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.ReplaceAll(string(b), `\u0026`, "&"), tt.has) {
				t.Errorf("big = %s, want it to contain %s", b, tt.has)
			}
			if n := Size(got); n < tt.full {
				t.Errorf("%d bytes are kept, want at least %d", n, tt.full)
			}
		})
	}
}

func TestCutCounts(t *testing.T) {
	t.Parallel()
	// Cut twice, a string says how much is missing of the first.
	s := Value(strings.Repeat("é", 5000), 4000).(string)
	s = Value(s, 1000).(string)
	body, n, ok := parseCut(s)
	if !ok || len(body)+n != 10000 || strings.Trim(body, "é") != "" {
		t.Errorf("cut twice: %q", s)
	}
	list := Value(make([]int, 5000), 4000).([]any)
	list = Value(list, 1000).([]any)
	more, ok := parseMore(list[len(list)-1].(string), moreOpen, moreClose)
	if !ok || len(list)-1+more != 5000 {
		t.Errorf("list cut twice: %v", list[len(list)-1])
	}
	m := map[string]any{}
	for i := range 5000 {
		m[fmt.Sprint(i)] = i
	}
	m = Map(Map(m, 4000), 1000)
	more, ok = parseMore(m[markerKey].(string), "", moreKeysClose)
	if !ok || len(m)-1+more != 5000 {
		t.Errorf("map cut twice: %v with %d keys", m[markerKey], len(m))
	}
	m = map[string]any{markerKey: "1,000 more keys"}
	for i := range 5000 {
		m[fmt.Sprint(i)] = i
	}
	m = Map(m, 1000)
	more, ok = parseMore(m[markerKey].(string), "", moreKeysClose)
	if !ok || len(m)-1+more != 6000 {
		t.Errorf("large map that was cut before: %v with %d keys", m[markerKey], len(m))
	}
}

func TestValueIsACopy(t *testing.T) {
	t.Parallel()
	type rec struct {
		B []byte
		M map[string]any
		L []string
	}
	in := map[string]any{"r": &rec{B: []byte("bytes"), M: map[string]any{"a": []any{1}}, L: []string{"x"}},
		"raw": json.RawMessage(`["text"]`)}
	got := Value(in, roomy)
	want := fmt.Sprint(got)
	r := in["r"].(*rec)
	copy(r.B, "XXXXX")
	copy(in["raw"].(json.RawMessage), `["XXXX"]`)
	r.M["a"].([]any)[0] = "X"
	r.M["b"] = "X"
	r.L[0] = "X"
	if fmt.Sprint(got) != want {
		t.Errorf("the copy changed with the value: %v, was %v", got, want)
	}
}

// TestCost looks at allocations, which tell what was looked at whatever the machine does.
func TestCost(t *testing.T) {
	size := 1 << 30 // bytes, never touched
	if raceEnabled {
		size = 1 << 24 // the detector touches them all
	}
	huge := make([]int32, size/4)
	text := unsafe.String((*byte)(unsafe.Pointer(&huge[0])), size)
	keys := make(map[int]int, 1_000_000)
	for i := range 1_000_000 {
		keys[i] = i
	}
	small := make(map[int]int)
	for i := range 4000 {
		small[i] = i
	}
	base := testing.AllocsPerRun(1, func() { Value(small, 1<<16) })
	for name, v := range map[string]any{
		"slice":   huge,
		"strings": []string{text, text},
		"bytes":   unsafe.Slice((*byte)(unsafe.Pointer(&huge[0])), size),
		"map":     keys,
		"nested":  map[string]any{"a": []any{keys, huge, keys}, "b": keys},
	} {
		t.Run(name, func(t *testing.T) {
			got := testing.AllocsPerRun(1, func() { Value(v, 1<<16) })
			if got > 8*base {
				t.Errorf("%.0f allocations, the kept part alone takes some %.0f", got, base)
			}
		})
	}
}

func TestTypicalTaskDataIsCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties the pools that this is about")
	}
	m := typical()
	if n := testing.AllocsPerRun(100, func() { Value(m, roomy) }); n > 6 {
		t.Errorf("%.0f allocations, want at most 6", n)
	}
	safe := Map(m, roomy)
	if n := testing.AllocsPerRun(100, func() { fitContext(safe); Size(safe) }); n != 0 {
		t.Errorf("Fit and Size of what fits take %.0f allocations, want none", n)
	}
}

func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("what is tried here is a data race, which the detector rightly reports")
	}
	type node struct {
		L []*node
		P *node
	}
	n := &node{P: &node{}}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				n.L = make([]*node, 50)
				n.P = nil
				n.L = nil
				n.P = &node{L: make([]*node, 50), P: n}
			}
		}
	}()
	for range 2000 {
		check(t, Value(n, 4000), 4000, maxLevels)
	}
	close(stop)
	<-done
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		nil, true, false, "", "a\"<\u2028\x00é\n\x7f", int64(-10), int64(math.MinInt64), uint64(math.MaxUint64), 7,
		uint32(9),
		0.1, 1.0, -2.5e-6, 1e20, 123456789.125,
		map[string]any(nil), map[string]any{}, map[string]any{"a": 1, "b<": []any{}}, []any(nil),
		[]any{nil, "x", []any{1}},
		map[string]string{"a": "b"}, []string{"a", ""}, []int{1, 2, 3}, time.Second,
	} {
		safe := Value(v, roomy)
		b, err := json.Marshal(safe)
		if err != nil {
			t.Fatal(err)
		}
		if n := Size(safe); n < len(b) || n > len(b)+1 {
			t.Errorf("Size(%#v) = %d, its JSON has %d bytes: %s", safe, n, len(b), b)
		}
		if n, m := Size(v), Size(safe); v != nil && n != m && reflect.ValueOf(v).Kind() != reflect.Map &&
			reflect.ValueOf(v).Kind() != reflect.Slice {
			t.Errorf("Size(%#v) = %d, after Value %d", v, n, m)
		}
	}
	// As Relay counts.
	for f, want := range map[float64]int{-2.5e-9: len("-0.0000000025"), 1e300: 301, math.SmallestNonzeroFloat64: 326} {
		if n := Size(f); n != want {
			t.Errorf("Size(%v) = %d, want %d", f, n, want)
		}
	}
	loop := map[string]any{}
	loop["a"], loop["b"] = loop, loop
	if Size(loop) <= 0 {
		t.Error("Size of a cyclic map")
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	check(t, Value(f, roomy), roomy, maxLevels)
	check(t, Value(reflect.ValueOf(f), roomy), roomy, maxLevels)
	check(t, Value(t, roomy), roomy, maxLevels)
	check(t, Value(slog.Default(), roomy), roomy, maxLevels)
	check(t, Value(&net.OpError{}, roomy), roomy, maxLevels)
}

func typical() map[string]any {
	return map[string]any{
		"command": "backup --full", "path": "/var/lib/data", "retries": 3, "timeout_seconds": 30.5, "verify": true, "label": "nightly backup",
	}
}

// check fails the test unless v is safe: of the promised kinds, encodable, within the room and the levels.
func check(tb testing.TB, v any, room, levels int) {
	tb.Helper()
	if err := checkKinds(v, levels); err != nil {
		tb.Errorf("%v in %#v", err, v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		tb.Errorf("json.Marshal: %v", err)
	}
	if room = max(room, minBytes); len(b) > room {
		tb.Errorf("%d bytes of JSON, want at most %d: %.300s", len(b), room, b)
	}
}

func checkKinds(v any, levels int) error {
	switch x := v.(type) {
	case nil, bool, int, int64, uint64:
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("float %v", x)
		}
	case string:
		if x != strings.ToValidUTF8(x, "?") {
			return fmt.Errorf("string %q is not UTF-8", x)
		}
	case []any:
		if levels == 0 {
			return errors.New("too many levels")
		}
		for _, e := range x {
			if err := checkKinds(e, levels-1); err != nil {
				return err
			}
		}
	case map[string]any:
		if levels == 0 {
			return errors.New("too many levels")
		}
		for k, e := range x {
			if k != strings.ToValidUTF8(k, "?") {
				return fmt.Errorf("key %q is not UTF-8", k)
			}
			if err := checkKinds(e, levels-1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("kind %T", v)
	}
	return nil
}
