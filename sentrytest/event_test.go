package sentrytest

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestEventForms(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	for _, test := range []struct {
		name, fields string
		get          func(e *Event) any
		want         any
	}{
		{"message", `,"message":"m"`, func(e *Event) any { return e.Message }, "m"},
		{"message as an object", `,"message":{"message":"a %s","formatted":"a b"}`, func(e *Event) any { return e.Message }, "a b"},
		{"message not formatted", `,"message":{"message":"a"}`, func(e *Event) any { return e.Message }, "a"},
		{"log entry", `,"logentry":{"formatted":"l"},"message":"m"`, func(e *Event) any { return e.Message }, "l"},
		{"message null", `,"message":null`, func(e *Event) any { return e.Message }, ""},
		{"time", `,"timestamp":"2026-01-02T03:04:05.678Z"`, func(e *Event) any { return e.Time }, moment},
		{"time with a zone", `,"timestamp":"2026-01-02T05:04:05.678+02:00"`, func(e *Event) any { return e.Time.UTC() }, moment},
		{"time without a zone", `,"timestamp":"2026-01-02T03:04:05.678"`, func(e *Event) any { return e.Time }, moment},
		{"time in seconds", `,"timestamp":1767323045.678`, func(e *Event) any { return e.Time }, moment},
		{"time null", `,"timestamp":null`, func(e *Event) any { return e.Time.IsZero() }, true},
		{"tags", `,"tags":{"a":"b"}`, func(e *Event) any { return e.Tags }, map[string]string{"a": "b"}},
		{"tags of other kinds", `,"tags":{"a":1.5,"b":true,"c":null,"d":"e"}`, func(e *Event) any { return e.Tags }, map[string]string{"a": "1.5", "b": "true", "d": "e"}},
		{"tags as pairs", `,"tags":[["a","b"],null,["c",7]]`, func(e *Event) any { return e.Tags }, map[string]string{"a": "b", "c": "7"}},
		{"contexts", `,"contexts":{"os":{"name":"x","n":2},"gone":null}`, func(e *Event) any { return e.Contexts["os"] }, map[string]any{"name": "x", "n": 2.0}},
		{"breadcrumbs", `,"breadcrumbs":[{"message":"a","category":"c","level":"info","data":{"n":1},"timestamp":1767323045.678}]`,
			func(e *Event) any { return e.Breadcrumbs },
			[]Breadcrumb{{Message: "a", Category: "c", Level: "info", Data: map[string]any{"n": 1.0}, Time: moment}}},
		{"breadcrumbs as values", `,"breadcrumbs":{"values":[{"message":"a"},{"message":"b"}]}`,
			func(e *Event) any { return e.Breadcrumbs }, []Breadcrumb{{Message: "a"}, {Message: "b"}}},
		{"exceptions", `,"exception":[{"type":"i"},{"type":"o","value":"v","module":"m","stacktrace":{"frames":[{"function":"f","lineno":3,"in_app":true}]},
			"mechanism":{"type":"panic","handled":false,"source":"s","exception_id":0,"data":{"a":1}}}]`,
			func(e *Event) any {
				x := e.outermost()
				return fmt.Sprint(x.Type, x.Value, x.Module, x.Frames, x.Mechanism.Type, *x.Mechanism.Handled)
			},
			"ovm" + fmt.Sprint([]Frame{{Function: "f", Line: 3, InApp: true}}) + "panicfalse"},
		{"exceptions as values", `,"exception":{"values":[{"type":"o"}]}`, func(e *Event) any { return e.Exceptions }, []Exception{{Type: "o"}}},
		{"no exceptions", ``, func(e *Event) any { return e.outermost() }, Exception{}},
		{"threads", `,"threads":{"values":[{"id":7,"crashed":true,"stacktrace":{"frames":[{"function":"f"}]}},{"id":"main","name":"n","current":true,"stacktrace":null}]}`,
			func(e *Event) any { return e.Threads },
			[]Thread{{ID: "7", Crashed: true, Frames: []Frame{{Function: "f"}}}, {ID: "main", Name: "n", Current: true}}},
		{"thread IDs on both sides", `,"threads":[{"id":18446744073709551615},{"id":"7"}],"exception":[{"type":"A","thread_id":7},
			{"type":"B","thread_id":"7"},{"type":"C","thread_id":null},{"type":"D","thread_id":18446744073709551615}]`,
			func(e *Event) any {
				ids := []string{e.Threads[0].ID, e.Threads[1].ID}
				for _, x := range e.Exceptions {
					ids = append(ids, x.ThreadID)
				}
				return ids
			}, []string{"18446744073709551615", "7", "7", "7", "", "18446744073709551615"}},
		{"breadcrumbs null", `,"breadcrumbs":{"values":null},"threads":{},"exception":null`,
			func(e *Event) any { return len(e.Breadcrumbs) + len(e.Threads) + len(e.Exceptions) }, 0},
		{"an only exception", `,"exception":{"type":"A","value":"v"}`,
			func(e *Event) any { return e.Exceptions }, []Exception{{Type: "A", Value: "v"}}},
		{"log entry not formatted", `,"logentry":{"message":"l"}`, func(e *Event) any { return e.Message }, "l"},
		{"log entry a text", `,"logentry":"l"`, func(e *Event) any { return e.Message }, "l"},
		{"log entry without a text", `,"logentry":{},"message":"m"`, func(e *Event) any { return e.Message }, "m"},
		{"user and the like", `,"user":{"id":"u"},"extra":{"x":[1]},"sdk":{"name":"s"},"server_name":"h","release":"r","environment":"e","platform":"go","logger":"l","dist":"d"`,
			func(e *Event) any {
				return fmt.Sprintln(e.User, e.Extra, e.SDK, e.ServerName, e.Release, e.Environment, e.Platform,
					e.Logger, e.Dist)
			}, "map[id:u] map[x:[1]] map[name:s] h r e go l d\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, err := parseEvent(typeEvent, []byte(`{"event_id":"`+testID+`"`+test.fields+`}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := test.get(e); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestTransactionForms(t *testing.T) {
	t.Parallel()
	e, err := parseEvent(typeTransaction, []byte(`{"event_id":"`+testID+`","transaction":"t"`+times+trace+
		`,"spans":[{"trace_id":"`+testTrace+`","span_id":"`+testSpan+`","op":"o","tags":[["a","b"]],"data":{"n":1},"start_timestamp":1000.5,"timestamp":"1970-01-01T00:16:41Z"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if e.Type != "transaction" || e.Duration() != 1500*time.Millisecond || e.Title() != "t" {
		t.Errorf("%s %q of %v", e.Type, e.Title(), e.Duration())
	}
	if s := e.Spans[0]; s.Op != "o" || s.Tags["a"] != "b" || s.Data["n"] != 1.0 ||
		s.Time.Sub(s.Start) != 500*time.Millisecond {
		t.Errorf("span %+v", s)
	}
}
