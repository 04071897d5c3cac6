package scrub

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

func TestValueOfAnyKind(t *testing.T) {
	t.Parallel()
	deep := any("password=x")
	for range 20 {
		deep = []any{deep}
	}
	loop := map[string]any{"password": "x"}
	loop["loop"] = loop
	for _, test := range []struct {
		name string
		in   any
		want string // as JSON; "" when nothing changes
	}{
		{"nil", nil, ""},
		{"bool", true, ""},
		{"numbers", []any{int64(1), uint64(2), 3, 1.5, int8(4)}, ""},
		{"text", "/home/joanna.owner/x", `"~/x"`},
		{"clean", map[string]any{"a": []any{"b", map[string]string{"c": "d"}, []string{"e"}}}, ""},
		{"NaN", []any{math.NaN(), 1e300, math.Inf(-1)}, `["NaN",1e+300,"-Inf"]`},
		{"secret names", map[string]any{"password": "x", "n": map[string]any{"apiKey": 12, "api-token": []any{"a"}, "Cookie": map[string]any{"a": "b"}}}, `{"n":{"Cookie":"[Filtered]","api-token":"[Filtered]","apiKey":"[Filtered]"},"password":"[Filtered]"}`},
		{"empty secrets", map[string]any{"password": "", "token": nil, "secret": "[Filtered]"}, ""},
		{"configured names", map[string]any{"Kunden-Nummer": "4711", "kundennummern": "2"}, `{"Kunden-Nummer":"[Filtered]","kundennummern":"2"}`},
		{"map of strings", map[string]string{"token": "x", "a": "/home/joanna.owner", "joanna.owner": "b"}, `{"[user]":"b","a":"~","token":"[Filtered]"}`},
		{"pair", map[string]any{"name": "password", "value": "x"}, `{"name":"password","value":"[Filtered]"}`},
		{"pair of strings", map[string]string{"key": "password", "value": "x"}, `{"key":"password","value":"[Filtered]"}`},
		{"harmless pair", map[string]any{"name": "colour", "value": "x"}, ""},
		{"list of pairs", []any{[]any{"password", "x"}, []string{"token", "y"}, []any{"a", "b"}}, `[["password","[Filtered]"],["token","[Filtered]"],["a","b"]]`},
		{"arguments", []any{"tool", "--password", "x", "-token", "y", "/secret", "z", "--verbose"}, `["tool","--password","[Filtered]","-token","[Filtered]","/secret","[Filtered]","--verbose"]`},
		{"curl", []any{"/usr/bin/curl", "-u", "bob:hunter2", "--user", "bob"}, `["/usr/bin/curl","-u","[Filtered]","--user","bob"]`},
		{"curl as strings", []string{"curl.exe", "-s", "--user", "bob:hunter2"}, `["curl.exe","-s","--user","[Filtered]"]`},
		{"psexec", []any{`C:\Tools\PsExec.exe`, `\\pc7`, "-u", "bob", "-p", "hunter2", "cmd"}, `["C:\\Tools\\PsExec.exe","\\\\pc7","-u","bob","-p","[Filtered]","cmd"]`},
		{"mysql", []string{"mysql", "-u", "root", "-phunter2", "-p", "shop"}, `["mysql","-u","root","-p[Filtered]","-p","shop"]`},
		{"docker login", []string{"docker", "login", "-p", "hunter2"}, `["docker","login","-p","[Filtered]"]`},
		{"docker run", []any{"docker", "run", "-p", "80:80", 7, "-p"}, ""},
		{"schtasks", []string{"schtasks", "/create", "/RU", "bob", "/RP", "hunter2"}, `["schtasks","/create","/RU","bob","/RP","[Filtered]"]`},
		{"docker", []string{"docker", "run", "--user", "www:www"}, `["docker","run","--user","www:www"]`},
		{"arguments as strings", []string{"--password=x", "--api-key", "y", "--password", "--verbose"}, `["--password=[Filtered]","--api-key","[Filtered]","--password","--verbose"]`},
		{"names", map[string]any{"/home/joanna.owner/x": 1, "box-1": 2}, `{"[host]":2,"~/x":1}`},
		{"names that fall together", map[string]any{"joanna.owner": 1, "JOANNA.OWNER": 1}, `{"[user]":1,"[user]_":1}`},
		{"the protocol's names", map[string]any{"device": 1, "status": 2}, ""},
		{"a host's own kinds", map[string]any{"e": errors.New("token: abc123"), "s": struct{ Password, Path string }{"x", "/home/joanna.owner"}}, `{"e":"token: [Filtered]","s":{"Password":"[Filtered]","Path":"~"}}`},
		{"sentry-go's own kinds", map[string]any{"id": sentry.TraceID{1}, "status": sentry.SpanStatusOK}, ""},
		{"deep", deep, strings.Repeat("[", 20) + `"password=[Filtered]"` + strings.Repeat("]", 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := plantedConfig(false)
			c.SecretKeys = []string{"kundennummer"}
			s := New(c)
			before := fmt.Sprintf("%#v", test.in)
			got := s.Value(test.in)
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == "" {
				unchanged, err := json.Marshal(test.in)
				if err != nil {
					t.Fatal(err)
				}
				want = string(unchanged)
			}
			if string(text) != want {
				t.Errorf("got %s, want %s", text, want)
			}
			if after := fmt.Sprintf("%#v", test.in); after != before {
				t.Errorf("the value was changed to %s", after)
			}
			again, err := json.Marshal(s.Value(got))
			if err != nil || string(again) != string(text) {
				t.Errorf("scrubbed twice: %s, %v", again, err)
			}
		})
	}
	if text, err := json.Marshal(New(Config{PII: true}).Value(loop)); err != nil || strings.Contains(string(text), `"x"`) {
		t.Errorf("a map that holds itself: %.200s, %v", text, err)
	}
}

// The cost of what is much too large is bounded.
func TestValueTooLarge(t *testing.T) {
	t.Parallel()
	many := make(map[string]any)
	for i := range 40_000 {
		many[fmt.Sprint("key", i)] = "token=x"
	}
	list := make([]any, 1_000_000)
	e := &sentry.Event{Contexts: map[string]sentry.Context{
		"a": many, "b": {"list": list, "text": strings.Repeat("password=secret1 ", 1<<17)},
	}}
	New(plantedConfig(false)).Event(e)
	for name, c := range e.Contexts {
		text, err := json.Marshal(c)
		if err != nil || len(text) > protocol.MaxContextBytes || len(text) < 64 {
			t.Errorf("context %s: %d bytes, %v", name, len(text), err)
		}
		if strings.Contains(string(text), "token=x") || strings.Contains(string(text), "secret1") {
			t.Errorf("context %s still tells: %.200s", name, text)
		}
	}
	if text, err := json.Marshal(New(plantedConfig(false)).Value(many)); err != nil || len(text) > 2*maxForeignBytes ||
		strings.Contains(string(text), "token=x") {
		t.Errorf("a value: %d bytes %.200s, %v", len(text), text, err)
	}
}

// TestTakenNamesAreLinear: names that become one, as those of a map by token do, don't make each other longer and
// longer.
func TestTakenNamesAreLinear(t *testing.T) {
	t.Parallel()
	const keys = 20_000
	m := make(map[string]any, keys)
	for i := range keys {
		m[fmt.Sprintf("AKIA%016d", i)] = i
	}
	w := walker{s: New(Config{PII: true})}
	out, _ := w.mapping(m, 1)
	long := 0
	for key, v := range out {
		if !strings.HasPrefix(key, Filtered) || v == nil {
			t.Fatalf("%q: %v", key, v)
		}
		long += len(key)
	}
	if len(out) != keys || long > keys*len(Filtered+"_20000") {
		t.Errorf("%d names of %d bytes together", len(out), long)
	}
}
