package scrub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

const (
	plantedSecret = "Hunter2Secret"
	plantedUser   = "joanna.owner"
	planted       = "/home/joanna.owner/x password=Hunter2Secret"
)

func plantedConfig(pii bool) Config {
	return Config{PII: pii, Homes: []string{"/home/" + plantedUser}, Users: []string{plantedUser},
		Hosts: []string{"box-1"}, Dirs: []string{"/srv/work/app"}}
}

// fill plants the text in every exported field that v can hold.
func fill(v reflect.Value, text string, levels int) {
	if levels == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(map[string]any{"list": []any{text, map[string]string{text: text}}, text: text,
				"error": errors.New(text), "struct": struct{ A, Password string }{text, text}}))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, levels-1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text, levels-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, text, levels-1)
		v.SetMapIndex(reflect.ValueOf(text).Convert(v.Type().Key()), element)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1e9, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text, levels-1)
			}
		}
	}
}

// fieldsWith returns the paths of the fields in v that hold one of the words.
func fieldsWith(v reflect.Value, path string, words ...string) (found []string) {
	switch v.Kind() {
	case reflect.String:
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(v.String(), word) }) {
			found = append(found, path)
		}
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			return fieldsWith(v.Elem(), path, words...)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fieldsWith(reflect.ValueOf(string(v.Bytes())), path, words...)
		}
		for i := range v.Len() {
			found = append(found, fieldsWith(v.Index(i), path+"[]", words...)...)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			found = append(found, fieldsWith(it.Key(), path+".key", words...)...)
			found = append(found, fieldsWith(it.Value(), path+".value", words...)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				found = append(found, fieldsWith(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), words...)...)
			}
		}
	}
	return found
}

func filledEvent(text string) *sentry.Event {
	e := new(sentry.Event)
	fill(reflect.ValueOf(e).Elem(), text, 12)
	e.Logs, e.Metrics = nil, nil // they have their own hooks
	for _, span := range e.Spans {
		span.TraceID, span.SpanID = sentry.TraceID{1}, sentry.SpanID{1}
	}
	return e
}

// What Sentry's or the protocol's own words are in stays; so does what is attached, and what the debugger needs to find
// the program. All else is scrubbed, every field that sentry-go has or will have.
var kept = []string{"EventID", "Platform", "Sdk.Name", "Sdk.Version", "Sdk.Integrations[]", "Sdk.Packages[].Name",
	"Sdk.Packages[].Version", "Attachments[].ContentType", "Attachments[].Payload",
	"Type", "TransactionInfo.Source", "CheckIn.ID", "CheckIn.MonitorSlug", "CheckIn.Status", "MonitorConfig.Timezone", "Spans[].Source", "Spans[].Origin",
	"DebugMeta.SdkInfo.SdkName", "DebugMeta.Images[].Type", "DebugMeta.Images[].ImageAddr", "DebugMeta.Images[].DebugID", "DebugMeta.Images[].CodeID",
	"DebugMeta.Images[].ImageVmaddr", "DebugMeta.Images[].UUID", "DebugMeta.Images[].Arch", "Exception[].Stacktrace.Frames[].StackStart",
	"Exception[].Stacktrace.Frames[].InstructionAddr", "Exception[].Stacktrace.Frames[].AddrMode", "Exception[].Stacktrace.Frames[].SymbolAddr", "Exception[].Stacktrace.Frames[].ImageAddr", "Exception[].Stacktrace.Frames[].Platform",
	"Threads[].Stacktrace.Frames[].InstructionAddr", "Threads[].Stacktrace.Frames[].AddrMode", "Threads[].Stacktrace.Frames[].SymbolAddr", "Threads[].Stacktrace.Frames[].ImageAddr", "Threads[].Stacktrace.Frames[].Platform"}

func TestEveryFieldOfAnEvent(t *testing.T) {
	for _, pii := range []bool{false, true} {
		t.Run(fmt.Sprint("pii ", pii), func(t *testing.T) {
			words := []string{plantedSecret}
			if !pii {
				words = append(words, plantedUser)
			}
			e := filledEvent(planted)
			if n := len(fieldsWith(reflect.ValueOf(e), "", words...)); n < 60 {
				t.Fatalf("planted in %d fields only", n)
			}
			New(plantedConfig(pii)).Event(e)
			for _, path := range fieldsWith(reflect.ValueOf(e), "", words...) {
				modules := pii && strings.HasPrefix(path, "Modules.") // versions hold no secrets
				if !slices.Contains(kept, path) && !modules {
					t.Errorf("%s still tells", path)
				}
			}
		})
	}
}

// What an event points to may be shared with scopes and other events.
func TestEventLeavesWhatIsShared(t *testing.T) {
	e, same := filledEvent(planted), filledEvent(planted)
	shared := *e
	New(plantedConfig(false)).Event(e)
	for i := range reflect.TypeFor[sentry.Event]().NumField() {
		f := reflect.TypeFor[sentry.Event]().Field(i)
		if !f.IsExported() || f.Name == "User" { // a struct of the event's own, its map is looked at below
			continue
		}
		a, b := reflect.ValueOf(shared).Field(i), reflect.ValueOf(*same).Field(i)
		if pa, pb := picture(t, a), picture(t, b); pa != pb {
			t.Errorf("%s was changed: %s\nwas %s", f.Name, pa, pb)
		}
	}
	if picture(t, reflect.ValueOf(shared.User.Data)) != picture(t, reflect.ValueOf(same.User.Data)) {
		t.Error("User.Data was changed")
	}
}

// picture writes v down, the fields that are encoded by their own methods included.
func picture(t *testing.T, v reflect.Value) string {
	t.Helper()
	if list, ok := v.Interface().([]*sentry.Span); ok {
		var b strings.Builder
		for _, s := range list {
			fmt.Fprint(&b, s.Name, s.Op, s.Description, s.Tags, picture(t, reflect.ValueOf(s.Data)))
		}
		return b.String()
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprintf("%+v", v.Interface())
	}
	return string(text)
}

func TestCleanEventCostsNothing(t *testing.T) {
	// Two texts with the same place in the cache would push each other out.
	var texts []string
	places := make(map[uint64]bool)
	for i := 0; len(texts) < 4; i++ {
		text := fmt.Sprint("text", i)
		if place := maphash.String(cacheSeed, text) % cachePlaces; !places[place] {
			places[place], texts = true, append(texts, text)
		}
	}
	a, b, c, d := texts[0], texts[1], texts[2], texts[3]
	e := &sentry.Event{Message: "open file: denied", Level: sentry.LevelError, Tags: map[string]string{a: "x"},
		Contexts: map[string]sentry.Context{a: {b: []any{"x", 1}, c: map[string]any{d: "/var/lib"}}},
		Breadcrumbs: []*sentry.Breadcrumb{{Message: "step", Type: a, Category: b, Level: sentry.LevelInfo,
			Data: map[string]any{c: int64(1)}}},
		Exception: []sentry.Exception{{Type: a, Value: "open", Mechanism: &sentry.Mechanism{Type: b},
			Stacktrace: &sentry.Stacktrace{Frames: []sentry.Frame{{Function: b, Module: c, Filename: d}}}}}}
	s := New(plantedConfig(false))
	if n := testing.AllocsPerRun(50, func() { s.Event(e) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestEventLimits(t *testing.T) {
	long := strings.Repeat("ä", 20_000)
	e := filledEvent(long)
	e.Exception[0].Stacktrace.Frames = slices.Repeat(e.Exception[0].Stacktrace.Frames, 400)
	New(plantedConfig(true)).Event(e)
	for _, test := range []struct {
		name  string
		text  string
		limit int
	}{
		{"Message", e.Message, 8192}, {"Transaction", e.Transaction, 200}, {"ServerName", e.ServerName, 200}, {"Logger", e.Logger, 64},
		{"Exception.Type", e.Exception[0].Type, 256}, {"Exception.Value", e.Exception[0].Value, 8192}, {"Function", e.Exception[0].Stacktrace.Frames[0].Function, 512},
		{"Mechanism.Type", e.Exception[0].Mechanism.Type, 128}, {"Thread.Name", e.Threads[0].Name, 1024}, {"Span.Op", e.Spans[0].Op, 128}, {"Request.URL", e.Request.URL, 256},
		{"User.ID", e.User.ID, 128}, {"User.Email", e.User.Email, 75}, {"Breadcrumb.Category", e.Breadcrumbs[0].Category, 128}, {"Breadcrumb.Message", e.Breadcrumbs[0].Message, 8192},
	} {
		if n := utf8.RuneCountInString(test.text); n > test.limit || n < test.limit-1 ||
			!strings.HasSuffix(test.text, cutMark) {
			t.Errorf("%s has %d characters, want %d and a mark at the end", test.name, n, test.limit)
		}
	}
	if n := len(e.Exception[0].Stacktrace.Frames); n != protocol.MaxFrames {
		t.Errorf("%d frames, want %d", n, protocol.MaxFrames)
	}
	for k, v := range e.Tags {
		if len(k) > 200 || utf8.RuneCountInString(v) > 200 {
			t.Errorf("a tag of %d and %d bytes", len(k), len(v))
		}
	}
	for name, c := range e.Contexts {
		text, err := json.Marshal(c)
		if err != nil || len(text) > protocol.MaxContextBytes || len(name) > protocol.MaxContextName {
			t.Errorf("a context of %d bytes under a name of %d: %v", len(text), len(name), err)
		}
	}
}

func TestEventDetails(t *testing.T) {
	ctx := func(c sentry.Context) *sentry.Event {
		return &sentry.Event{Contexts: map[string]sentry.Context{"x": c}}
	}
	tags := func(m map[string]string) *sentry.Event { return &sentry.Event{Tags: m} }
	for _, test := range []struct {
		name string
		in   *sentry.Event
		want string // the JSON of what is looked at
		at   func(*sentry.Event) any
	}{
		{"tag with a line break", tags(map[string]string{"a": " b\r\nc\n"}), `{"a":"b c"}`, func(e *sentry.Event) any { return e.Tags }},
		{"tag without a value", tags(map[string]string{"a": "", "b": " ", "c": "1"}), `{"c":"1"}`, func(e *sentry.Event) any { return e.Tags }},
		{"tag with an odd name", tags(map[string]string{"größe in cm": "1", "ü": "2"}), `{"gr_e_in_cm":"1"}`, func(e *sentry.Event) any { return e.Tags }},
		{"tag without a name", tags(map[string]string{"": "x", "a": "1"}), `{"a":"1"}`, func(e *sentry.Event) any { return e.Tags }},
		{"frame with a negative line", &sentry.Event{Exception: []sentry.Exception{{Type: "x", Stacktrace: &sentry.Stacktrace{
			Frames: []sentry.Frame{{Function: "f", Lineno: -1, Colno: -2}, {Function: "g", Lineno: 3, Colno: 4}}}}}}, `[0,0,3,4]`,
			func(e *sentry.Event) any {
				f := e.Exception[0].Stacktrace.Frames
				return []int{f[0].Lineno, f[0].Colno, f[1].Lineno, f[1].Colno}
			}},
		{"tag of Relay's own", tags(map[string]string{"environment": "x"}), `{"environment_":"x"}`, func(e *sentry.Event) any { return e.Tags }},
		{"secret tag", tags(map[string]string{"api_token": "x", "token_count": "3"}), `{"api_token":"[Filtered]","token_count":"3"}`, func(e *sentry.Event) any { return e.Tags }},
		{"release and environment", &sentry.Event{Release: "svc-box-1@2", Environment: "of-joanna.owner"}, `["svc-[host]@2","of-[user]"]`, func(e *sentry.Event) any { return []string{e.Release, e.Environment} }},
		{"release of a service with a user of its own", &sentry.Event{Release: plantedUser + "@2", Environment: "box-1"}, `["joanna.owner@2","box-1"]`,
			func(e *sentry.Event) any { return []string{e.Release, e.Environment} }},
		{"names that Relay takes for none", &sentry.Event{Release: "Latest", Environment: "none"}, `["Latest_","none_"]`, func(e *sentry.Event) any { return []string{e.Release, e.Environment} }},
		{"release and environment that Relay takes for none", &sentry.Event{Release: " a/b\\c@1\n", Environment: strings.Repeat("e", 70)}, `["a-b-c@1-","` + strings.Repeat("e", 64) + `"]`,
			func(e *sentry.Event) any { return []string{e.Release, e.Environment} }},
		{"logger and distribution", &sentry.Event{Logger: " a\r\nb ", Dist: "1.2-ü/x"}, `["a b","1.2-__x"]`, func(e *sentry.Event) any { return []string{e.Logger, e.Dist} }},
		{"empty stack traces", &sentry.Event{Exception: []sentry.Exception{{Type: "x", Stacktrace: &sentry.Stacktrace{}}}, Threads: []sentry.Thread{{ID: "1", Stacktrace: &sentry.Stacktrace{}}}}, `true`,
			func(e *sentry.Event) any { return e.Exception[0].Stacktrace == nil && e.Threads[0].Stacktrace == nil }},
		{"mechanism", &sentry.Event{Exception: []sentry.Exception{{Type: "x", Mechanism: &sentry.Mechanism{Type: "y", HelpLink: "see the manual", Source: "errors 0"}}}}, `["",""]`,
			func(e *sentry.Event) any {
				return []string{e.Exception[0].Mechanism.HelpLink, e.Exception[0].Mechanism.Source}
			}},
		{"the machine in the URL of a request", &sentry.Event{Request: &sentry.Request{URL: "http://box-1:8080/a"}}, `{"url":"http://host:8080/a"}`,
			func(e *sentry.Event) any { return e.Request }},
		{"method, cookies and query of a request", &sentry.Event{Request: &sentry.Request{Method: "GET 1", Cookies: "theme=dark; x=y", QueryString: "a=1&b=" + strings.Repeat("x", 2000) + "&c=2"}},
			`{"query_string":"a=1\u0026…"}`, func(e *sentry.Event) any { return e.Request }},
		{"headers together", &sentry.Event{Request: &sentry.Request{Headers: map[string]string{"A": strings.Repeat("x", 6000), "B": strings.Repeat("y", 6000), "C": "z"}}}, `[true,true,"z"]`, func(e *sentry.Event) any {
			h := e.Request.Headers
			return []any{len(h["A"])+len(h["B"]) < 8192, len(h["A"]) > 3900, h["C"]}
		}},
		{"unknown level", &sentry.Event{Level: "loud"}, `"error"`, func(e *sentry.Event) any { return e.Level }},
		{"warn", &sentry.Event{Level: "warn"}, `"warning"`, func(e *sentry.Event) any { return e.Level }},
		{"time that JSON can't say", &sentry.Event{Timestamp: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, `true`, func(e *sentry.Event) any { return e.Timestamp.IsZero() }},
		{"exception without anything", &sentry.Event{Exception: []sentry.Exception{{}}}, `"error"`, func(e *sentry.Event) any { return e.Exception[0].Type }},
		{"nil breadcrumbs and spans", &sentry.Event{Breadcrumbs: []*sentry.Breadcrumb{nil, {Message: "a"}, nil}, Spans: []*sentry.Span{nil}, Attachments: []*sentry.Attachment{nil}}, `[1,0]`,
			func(e *sentry.Event) any { return []int{len(e.Breadcrumbs), len(e.Spans)} }},
		{"NaN", ctx(sentry.Context{"a": math.NaN(), "b": []any{math.Inf(1)}}), `{"a":"NaN","b":["+Inf"]}`, func(e *sentry.Event) any { return e.Contexts["x"] }},
		{"a host's own types", ctx(sentry.Context{"f": func() {}, "e": errors.New("password=x y"), "t": time.Unix(0, 0).UTC()}), `{"e":"password=[Filtered] y","f":"\u003cfunc()\u003e","t":"1970-01-01T00:00:00Z"}`,
			func(e *sentry.Event) any { return e.Contexts["x"] }},
		{"nil context", &sentry.Event{Contexts: map[string]sentry.Context{"x": nil}}, `0`, func(e *sentry.Event) any { return len(e.Contexts) }},
		{"context under a secret name", &sentry.Event{Contexts: map[string]sentry.Context{"password": {"a": "b"}}}, `{"value":"[Filtered]"}`, func(e *sentry.Event) any { return e.Contexts["password"] }},
		{"names of contexts that fall together", &sentry.Event{Contexts: map[string]sentry.Context{"at box-1": {"a": 1}, "at BOX-1": {"a": 1}}}, `2`, func(e *sentry.Event) any { return len(e.Contexts) }},
		{"IP address with port", &sentry.Event{User: sentry.User{IPAddress: "203.0.113.7:80"}}, `""`, func(e *sentry.Event) any { return e.User.IPAddress }},
		{"user's data", &sentry.Event{User: sentry.User{ID: "7", Email: "a@b.c", Data: map[string]string{"plan": "gold", "user.email": "a@b.c", "pin": "1", "token": "x"}}},
			`{"id":"7","data":{"pin":"1","plan":"gold","token":"[Filtered]"}}`, func(e *sentry.Event) any { return e.User }},
		{"headers", &sentry.Event{Request: &sentry.Request{Cookies: "a=b", Headers: map[string]string{"Authorization": "Basic x", "X-Forwarded-For": "203.0.113.7", "Accept": "*/*"}, Env: map[string]string{"REMOTE_ADDR": "203.0.113.7", "A": "b"}}},
			`{"headers":{"Accept":"*/*","Authorization":"[Filtered]"},"env":{"A":"b"}}`, func(e *sentry.Event) any { return e.Request }},
	} {
		t.Run(test.name, func(t *testing.T) {
			New(plantedConfig(false)).Event(test.in)
			got, err := json.Marshal(test.at(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	New(Config{}).Event(nil)
}

// TestTimesOfTransactions: Relay drops a transaction without its times, or with a span that lacks one or ends before it
// starts, or that has no ID.
func TestTimesOfTransactions(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	later := noon.Add(time.Hour)
	never := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ start, end, wantStart, wantEnd time.Time }{
		"in order":         {noon, later, noon, later},
		"the same":         {noon, noon, noon, noon},
		"no start":         {time.Time{}, later, later, later},
		"no end":           {noon, time.Time{}, noon, noon},
		"ends before":      {later, noon, noon, noon},
		"unwritable start": {never, noon, noon, noon},
		"neither":          {time.Time{}, time.Time{}, noon, noon},
	} {
		t.Run(name, func(t *testing.T) {
			span := &sentry.Span{TraceID: sentry.TraceID{1}, SpanID: sentry.SpanID{1}, StartTime: test.start,
				EndTime: test.end}
			e := &sentry.Event{Type: "transaction", StartTime: noon, Timestamp: noon,
				Spans: []*sentry.Span{{Op: "no ID"}, span}}
			New(plantedConfig(false)).Event(e)
			if len(e.Spans) != 1 {
				t.Fatalf("%d spans", len(e.Spans))
			}
			if s := e.Spans[0]; !s.StartTime.Equal(test.wantStart) || !s.EndTime.Equal(test.wantEnd) {
				t.Errorf("span from %v to %v, want %v to %v", s.StartTime, s.EndTime, test.wantStart, test.wantEnd)
			}
			if !span.StartTime.Equal(test.start) || !span.EndTime.Equal(test.end) {
				t.Error("the caller's span has changed")
			}
			if test.start.IsZero() && test.end.IsZero() {
				return // sentry-go gives an event its time
			}
			e = &sentry.Event{Type: "transaction", StartTime: test.start, Timestamp: test.end}
			New(plantedConfig(false)).Event(e)
			if !e.StartTime.Equal(test.wantStart) || !e.Timestamp.Equal(test.wantEnd) {
				t.Errorf("transaction from %v to %v, want %v to %v",
					e.StartTime, e.Timestamp, test.wantStart,
					test.wantEnd)
			}
		})
	}
}

// TestUnknownStatus: Relay and sentry-cli have different words for it, and both take none.
func TestUnknownStatus(t *testing.T) {
	given := sentry.Context{"status": sentry.SpanStatusUnknown, "op": "task"}
	e := &sentry.Event{Type: "transaction", Contexts: map[string]sentry.Context{"trace": given},
		Spans: []*sentry.Span{{TraceID: sentry.TraceID{1}, SpanID: sentry.SpanID{1}, Status: sentry.SpanStatusUnknown}}}
	New(plantedConfig(false)).Event(e)
	if status, has := e.Contexts["trace"]["status"]; has || e.Spans[0].Status != sentry.SpanStatusUndefined {
		t.Errorf("statuses %v and %v", status, e.Spans[0].Status)
	}
	if len(given) != 2 {
		t.Error("the caller's context has changed")
	}
}

// TestNumberOfAnException: servers with a schema drop an event with one below 0.
func TestNumberOfAnException(t *testing.T) {
	given := &sentry.Mechanism{Type: "generic", ExceptionID: -1}
	e := &sentry.Event{Exception: []sentry.Exception{{Type: "x", Mechanism: given}}}
	New(plantedConfig(false)).Event(e)
	if n := e.Exception[0].Mechanism.ExceptionID; n != 0 || given.ExceptionID != -1 {
		t.Errorf("exception_id %d, the caller's %d", n, given.ExceptionID)
	}
}

// TestFramesOmitted: Relay ignores the field, and servers with a schema drop an event that has it.
func TestFramesOmitted(t *testing.T) {
	given := &sentry.Stacktrace{Frames: []sentry.Frame{{Function: "f"}}, FramesOmitted: []uint{1, 2}}
	e := &sentry.Event{Exception: []sentry.Exception{{Type: "x", Stacktrace: given}}}
	New(plantedConfig(false)).Event(e)
	if st := e.Exception[0].Stacktrace; st.FramesOmitted != nil || len(st.Frames) != 1 || given.FramesOmitted == nil {
		t.Errorf("stack trace %+v, the caller's %+v", st, given)
	}
}

// TestAddressWithZone: Relay takes an IP address alone.
func TestAddressWithZone(t *testing.T) {
	for given, want := range map[string]string{
		"fe80::1%eth0": "fe80::1", "[fe80::1%eth0]:80": "fe80::1", "::1": "::1", "no address": "",
	} {
		e := &sentry.Event{User: sentry.User{IPAddress: given}}
		New(plantedConfig(true)).Event(e)
		if e.User.IPAddress != want {
			t.Errorf("%q became %q, want %q", given, e.User.IPAddress, want)
		}
	}
}

// Task data, extra and breadcrumb data together get 128 KiB: the oldest breadcrumbs' goes first, and the task is kept.
func TestEventShares(t *testing.T) {
	text := strings.Repeat("some words ", 700) // 7.7 KB, what a context holds at most
	e := &sentry.Event{Contexts: map[string]sentry.Context{
		"task": {"task_type": "x", "data": "short"}, "os": {"name": "Linux"},
	}}
	for i := range 20 {
		e.Contexts[fmt.Sprint("extra", i)] = sentry.Context{"value": text}
	}
	for i := range 100 {
		e.Breadcrumbs = append(e.Breadcrumbs,
			&sentry.Breadcrumb{Message: fmt.Sprint(i), Data: map[string]any{"text": text[:1900]}})
	}
	New(plantedConfig(false)).Event(e)
	total := 0
	for name, c := range e.Contexts {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if name != "os" {
			total += len(b)
		}
	}
	whole := 0
	for _, b := range e.Breadcrumbs {
		data, err := json.Marshal(b.Data)
		if err != nil {
			t.Fatal(err)
		}
		if total += len(data); b.Data["cut"] == nil {
			whole++
		}
	}
	if total > maxDataBytes*11/10 {
		t.Errorf("%d bytes of data, want at most %d", total, maxDataBytes)
	}
	if len(e.Breadcrumbs) != 100 || e.Breadcrumbs[0].Data["cut"] == nil {
		t.Errorf("%d breadcrumbs, the oldest has %v", len(e.Breadcrumbs), e.Breadcrumbs[0].Data)
	}
	if fmt.Sprint(e.Contexts["task"]) != "map[data:short task_type:x]" {
		t.Errorf("task is %v", e.Contexts["task"])
	}
	t.Logf("%d bytes of data, %d breadcrumbs with theirs", total, whole)
}

func TestShrink(t *testing.T) {
	text := strings.Repeat("some words ", 700)
	contexts := map[string]sentry.Context{
		"task": {"task_type": "x"}, "trace": {"trace_id": "1"}, "big": {"value": text},
	}
	trace := &sentry.Stacktrace{Frames: make([]sentry.Frame, 250)}
	e := &sentry.Event{Message: text, Contexts: contexts,
		Exception: []sentry.Exception{{Type: "x", Value: text, Stacktrace: trace}}}
	for range 100 {
		e.Breadcrumbs = append(e.Breadcrumbs, &sentry.Breadcrumb{Message: text})
	}
	shared := e.Exception
	New(Config{PII: true}).Shrink(e, 40<<10)
	body, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 40<<10 {
		t.Errorf("%d bytes, want at most %d", len(body), 40<<10)
	}
	if e.Contexts["task"] == nil || e.Contexts["trace"] == nil || e.Contexts["cut"]["breadcrumbs"] != true {
		t.Errorf("contexts %v", e.Contexts)
	}
	if len(shared[0].Stacktrace.Frames) != 250 {
		t.Error("the exception, which may be shared, was changed")
	}
}

// FuzzEvent scrubs events of any texts and values: it never panics, what it leaves can be encoded, and scrubbing again
// changes nothing.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{"", planted, "\xff\xfe", "a=b&token=x", `{"password":"x"}`, "line\nbreak\r\n", strings.Repeat("x", 300), `C:\Users\joanna.owner\x`, "[Filtered]", "[user]", "\x00", "…", "-----BEGIN RSA " + "PRIVATE KEY-----\nMII"} {
		f.Add(seed, seed, uint16(0))
		f.Add("password", seed, uint16(0xffff))
	}
	f.Add("password", " pAss\x03:00", uint16(0))                                              // which becomes a name with a secret
	f.Add(" pAss\u0475", planted, uint16(0))                                                  // likewise as a tag's
	f.Add("", strings.Repeat("x", protocol.MaxNameChars-1)+" y", uint16(0))                   // a blank at the end once it is cut
	f.Add("", "password=\rH", uint16(0))                                                      // a name and a value once a line break is a blank
	f.Add("", "a=;"+strings.Repeat("x", protocol.MaxCategoryChars)+"y=", uint16(0))           // cookies
	f.Add("", strings.Repeat("x", protocol.MaxUserChars-20)+" password=hunter2 t", uint16(0)) // cut in what stands for a secret
	f.Add("-", "/home/joa/home/n", uint16(104))                                               // a home in a home
	scrubbers := []*Scrubber{New(plantedConfig(false)), New(plantedConfig(true))}
	f.Fuzz(func(t *testing.T, name, text string, bits uint16) {
		for _, s := range scrubbers {
			e := filledEvent(text)
			e.Level, e.Type = sentry.LevelError, ""
			e.CheckIn, e.MonitorConfig = nil, nil
			var value any = text
			for i, wrap := range []func(any) any{
				func(v any) any { return map[string]any{name: v, "other": 1.5} },
				func(v any) any { return []any{v, name, nil, int64(1)} },
				func(v any) any { return map[string]string{name: text} },
				func(v any) any { return []string{name, text} },
				func(v any) any { return struct{ Name, Value any }{name, v} },
				func(v any) any { return &v },
				func(v any) any { return errors.New(name + text) },
				func(v any) any { return math.NaN() },
				func(v any) any { return map[string]any{"name": name, "value": v} },
				func(v any) any { return json.RawMessage(text) },
			} {
				if bits>>i&1 == 1 {
					value = wrap(value)
				}
			}
			e.Contexts = map[string]sentry.Context{name: {name: value, "text": text},
				"trace": {"trace_id": name, "op": text, "data": map[string]any{name: value}}}
			e.Breadcrumbs = []*sentry.Breadcrumb{{Message: text, Category: name, Level: sentry.Level(name),
				Data: map[string]any{name: value}}, nil}
			e.Tags[name] = text
			e.User.IPAddress = text
			if bits>>10&1 == 1 {
				e.Contexts["loop"] = sentry.Context{}
				e.Contexts["loop"]["loop"] = e.Contexts["loop"]
			}
			s.Event(e)
			first, err := e.MarshalJSON()
			if err != nil {
				t.Fatalf("%v", err)
			}
			if !json.Valid(first) {
				t.Fatalf("invalid JSON: %s", first)
			}
			s.Event(e)
			second, err := e.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first, second) {
				i := 0
				for i < len(first) && i < len(second) && first[i] == second[i] {
					i++
				}
				t.Errorf("scrubbing again changes %.300s\ninto %.300s", first[max(0, i-60):], second[max(0, i-60):])
			}
		}
	})
}

// What is too large to be walked through is cut first, and then scrubbed like all else.
func TestHugeTrace(t *testing.T) {
	data := map[string]any{"password": plantedSecret, "big": strings.Repeat("x", 2<<20)}
	for i := range 100 {
		data["key"+strconv.Itoa(i)] = planted
	}
	e := &sentry.Event{Contexts: map[string]sentry.Context{
		"trace": {"trace_id": sentry.TraceID{1}, "data": data}, "task": {"data": data},
	}}
	New(plantedConfig(false)).Event(e)
	b, err := e.MarshalJSON()
	if err != nil || len(b) > 2*protocol.MaxContextBytes {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for _, word := range []string{plantedSecret, plantedUser} {
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("%q is in %.2000s", word, b)
		}
	}
}

// The beginning of a name that was cut may be the name of a secret.
func TestCutNames(t *testing.T) {
	// which takes more room in JSON and is cut to what is short enough for a name
	long := "token" + strings.Repeat("\x01b", 300)
	for name, c := range map[string]sentry.Context{
		"task":  {long: "x", "other": strings.Repeat("y", 9000)},
		"trace": {"data": map[string]any{long: "x", "other": strings.Repeat("y", 9000)}},
	} {
		e := &sentry.Event{Contexts: map[string]sentry.Context{name: c}}
		s := New(plantedConfig(true))
		s.Event(e)
		first, _ := e.MarshalJSON()
		s.Event(e)
		if second, _ := e.MarshalJSON(); !bytes.Equal(first, second) {
			t.Errorf("%s: %.300s, then %.300s", name, first, second)
		}
	}
}

// A context that came from elsewhere, such as a journal, may be one level too deep for Relay, which would make text of
// it.
func TestContextLevels(t *testing.T) {
	for depth := 5; depth < 10; depth++ {
		c := sentry.Context{"password": "x"} // which the walk doesn't enter
		for range depth - 1 {
			c = sentry.Context{"inner": c}
		}
		e := &sentry.Event{Contexts: map[string]sentry.Context{"task": c}}
		New(Config{PII: true}).Event(e)
		levels := 1 // of values
		for inner := any(e.Contexts["task"]); ; levels++ {
			m, ok := inner.(map[string]any)
			if !ok {
				break
			}
			if inner = m["inner"]; inner == nil {
				inner = m["password"]
			}
		}
		if levels > protocol.MaxContextDepth || depth < protocol.MaxContextDepth && levels != depth+1 {
			t.Errorf("%d maps: %d levels", depth, levels)
		}
	}
}

// TestReleasesInTurn: what is remembered of one event's release and environment isn't taken for another's.
func TestReleasesInTurn(t *testing.T) {
	s := New(Config{})
	for _, name := range []string{"a", "b/c", "b-c", "latest", "a", ""} {
		e := &sentry.Event{Release: name, Environment: name}
		fresh := *e
		s.Event(e)
		New(Config{}).Event(&fresh)
		if e.Release != fresh.Release || e.Environment != fresh.Environment {
			t.Errorf("%q: %q and %q, want %q and %q", name, e.Release, e.Environment, fresh.Release, fresh.Environment)
		}
	}
}
