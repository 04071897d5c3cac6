package sentrytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestIssues(t *testing.T) {
	t.Parallel()
	library := func(function string) string {
		return `,"stacktrace":{"frames":[{"module":"m","function":"f","in_app":true},{"module":"os","function":"` +
			function + `"}]}`
	}
	frames := func(function string) string {
		return `,"stacktrace":{"frames":[{"module":"runtime","function":"goexit"},{"module":"m","function":"` +
			function + `","in_app":true}]}`
	}
	for _, test := range []struct {
		name, a, b string
		same       bool
	}{
		{"fingerprint", `"fingerprint":["a","b"],"message":"1"`, `"fingerprint":["a","b"],"message":"other"`, true},
		{"other fingerprint", `"fingerprint":["a","b"]`, `"fingerprint":["a","c"]`, false},
		{"fingerprint divided otherwise", `"fingerprint":["a","b"]`, `"fingerprint":["a b"]`, false},
		{"fingerprint in other order", `"fingerprint":["a","b"]`, `"fingerprint":["b","a"]`, false},
		{"fingerprint and none", `"fingerprint":["a"],"message":"m"`, `"message":"m"`, false},
		{"default and none", `"fingerprint":["{{ default }}"],"message":"m"`, `"message":"m"`, true},
		{"default and empty", `"fingerprint":["{{default}}"],"message":"m"`, `"fingerprint":[],"message":"m"`, true},
		{"default of other messages", `"fingerprint":["{{ default }}"],"message":"m"`, `"fingerprint":["{{ default }}"],"message":"n"`, false},
		{"default and more", `"fingerprint":["{{ default }}","x"],"message":"m"`, `"fingerprint":["{{ default }}","x"],"message":"m"`, true},
		{"default and other things", `"fingerprint":["{{ default }}","x"],"message":"m"`, `"fingerprint":["{{ default }}","y"],"message":"m"`, false},
		{"default, other message", `"fingerprint":["{{ default }}","x"],"message":"m"`, `"fingerprint":["{{ default }}","x"],"message":"n"`, false},
		{"variable", `"fingerprint":["{{ error.type }}"],"exception":[{"type":"A","value":"1"}]`, `"fingerprint":["{{ error.type }}"],"exception":[{"type":"A","value":"other"}]`, true},
		{"variable of other value", `"fingerprint":["{{ tags.a }}"],"tags":{"a":"1"}`, `"fingerprint":["{{ tags.a }}"],"tags":{"a":"2"}`, false},
		{"no variable", `"fingerprint":["{{ what }}"],"message":"1"`, `"fingerprint":["{{ what }}"],"message":"other"`, true},
		{"message", `"message":"m"`, `"message":"m"`, true},
		{"other message", `"message":"m"`, `"message":"n"`, false},
		{"message with other numbers", `"message":"took 3 s, id 5f0c0d7e-1111-2222-3333-444455556666 at 10.0.0.1"`, `"message":"took 4 s, id 00000000-1111-2222-3333-444455556666 at 10.0.0.2"`, true},
		{"exception", `"exception":[{"type":"A","value":"v"}]`, `"exception":[{"type":"A","value":"v"}]`, true},
		{"other type", `"exception":[{"type":"A","value":"v"}]`, `"exception":[{"type":"B","value":"v"}]`, false},
		{"other value", `"exception":[{"type":"A","value":"v"}]`, `"exception":[{"type":"A","value":"w"}]`, false},
		{"other chain", `"exception":[{"type":"A"}]`, `"exception":[{"type":"C","value":"v"},{"type":"A"}]`, false},
		{"same stack, other value", `"exception":[{"type":"A","value":"v"` + frames("f") + `}]`, `"exception":[{"type":"A","value":"w"` + frames("f") + `}]`, true},
		{"same stack but for a library", `"exception":[{"type":"A","value":"v"` + library("f") + `}]`, `"exception":[{"type":"A","value":"v"` + library("g") + `}]`, true},
		{"fingerprint that looks like a default", `"fingerprint":["message","m"]`, `"message":"m"`, false},
		{"other stack", `"exception":[{"type":"A","value":"v"` + frames("f") + `}]`, `"exception":[{"type":"A","value":"v"` + frames("g") + `}]`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			for i, fields := range []string{test.a, test.b} {
				id := fmt.Sprintf("%032x", i+1)
				body := `{"event_id":"` + id + `"}` + "\n" + item("event", `{"event_id":"`+id+`",`+fields+`}`)
				if status, answer := post(t, s, body); status != http.StatusOK {
					t.Fatalf("status %d: %s", status, answer)
				}
			}
			want := 2
			if test.same {
				want = 1
			}
			issues := s.Issues()
			if len(issues) != want {
				t.Fatalf("%d issues, want %d: %+v", len(issues), want, issues)
			}
			n := 0
			for _, issue := range issues {
				n += len(issue.Events)
			}
			if n != 2 || len(issues[0].Fingerprint) == 0 {
				t.Errorf("%d events in the issues; fingerprint %q", n, issues[0].Fingerprint)
			}
		})
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		e    Event
		want string
	}{
		{"outermost exception", Event{Exceptions: []Exception{{Type: "Inner"}, {Type: "A", Value: "first\nsecond"}}, Message: "m"}, "A: first"},
		{"no value", Event{Exceptions: []Exception{{Type: "A"}}}, "A"},
		{"no type", Event{Exceptions: []Exception{{Value: "v"}}}, "v"},
		{"message", Event{Message: "\nfirst\r\nsecond"}, "first"},
		{"long message", Event{Message: strings.Repeat("ä", 101)}, strings.Repeat("ä", 97) + "..."},
		{"transaction", Event{Type: "transaction", Transaction: "t", Message: "m"}, "t"},
		{"nothing", Event{}, "<unlabeled event>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.e.Title(); got != test.want {
				t.Errorf("title %q, want %q", got, test.want)
			}
		})
	}
}
