package scrub

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"
)

func attributesOf(attrs map[string]attribute.Value) string {
	m := make(map[string]any, len(attrs))
	for k, v := range attrs {
		m[k] = v.AsInterface()
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	text, list := attribute.StringValue, attribute.StringSliceValue
	for _, test := range []struct {
		name  string
		attrs map[string]attribute.Value
		want  string
	}{
		{"text", map[string]attribute.Value{"a": text("at /home/joanna.owner/x")}, `{"a":"at ~/x"}`},
		{"secret in a text", map[string]attribute.Value{"a": text("password=x")}, `{"a":"password=[Filtered]"}`},
		{"secret by name", map[string]attribute.Value{"api_key": text("x"), "token_count": text("3")}, `{"api_key":"[Filtered]","token_count":"3"}`},
		{"secret number", map[string]attribute.Value{"pin_code": attribute.IntValue(1234), "count": attribute.IntValue(3)}, `{"count":3,"pin_code":"[Filtered]"}`},
		{"secret list", map[string]attribute.Value{"tokens": list([]string{"a"}), "passwords": list([]string{"a", "b"})}, `{"passwords":"[Filtered]","tokens":["a"]}`},
		{"empty secret", map[string]attribute.Value{"password": text("")}, `{"password":""}`},
		{"list", map[string]attribute.Value{"a": list([]string{"x", "/home/joanna.owner"})}, `{"a":["x","~"]}`},
		{"arguments", map[string]attribute.Value{"a": list([]string{"tool", "--password", "x", "--verbose"})}, `{"a":["tool","--password","[Filtered]","--verbose"]}`},
		{"clean list", map[string]attribute.Value{"a": list([]string{"x"}), "b": attribute.BoolSliceValue([]bool{true})}, `{"a":["x"],"b":[true]}`},
		{"no numbers", map[string]attribute.Value{"a": attribute.Float64Value(math.NaN()), "b": attribute.Float64SliceValue([]float64{1, math.Inf(-1)}), "c": attribute.Float64Value(1.5)},
			`{"a":"NaN","b":["1","-Inf"],"c":1.5}`},
		{"name", map[string]attribute.Value{"of joanna.owner": attribute.BoolValue(true)}, `{"of [user]":true}`},
		{"the machine's name", map[string]attribute.Value{"server.address": text("other"), "sentry.server.address": text("x"), "host.name": text("y"), "user.email": text("a@b.c"), "url": text("http://box-1/")},
			`{"url":"http://[host]/"}`},
		{"release", map[string]attribute.Value{"sentry.release": text("joanna.owner@1"), "sentry.environment": text("of-box-1")}, `{"sentry.environment":"of-[host]","sentry.release":"joanna.owner@1"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := attributesOf(test.attrs)
			s := New(plantedConfig(false))
			l, m := &sentry.Log{Body: "b", Attributes: test.attrs}, &sentry.Metric{Name: "n", Attributes: test.attrs}
			s.Log(l)
			s.Metric(m)
			if got := attributesOf(l.Attributes); got != test.want {
				t.Errorf("log: %s, want %s", got, test.want)
			}
			if got := attributesOf(m.Attributes); got != test.want {
				t.Errorf("metric: %s, want %s", got, test.want)
			}
			if after := attributesOf(test.attrs); after != before {
				t.Errorf("the caller's map was changed to %s", after)
			}
			s.Log(l)
			if got := attributesOf(l.Attributes); got != test.want {
				t.Errorf("scrubbed twice: %s", got)
			}
		})
	}
	attrs := map[string]attribute.Value{"server.address": text("db.example"), "host.name": text("x")}
	New(plantedConfig(true)).Log(&sentry.Log{Attributes: attrs})
	if len(attrs) != 2 {
		t.Errorf("with personal data: %v", attrs)
	}
}

// What was formatted into a log's body comes beside it as well, without the names that show it to be a secret.
func TestLogParameters(t *testing.T) {
	t.Parallel()
	l := &sentry.Log{Body: "joanna.owner signed in with password=1234 after 3 tries",
		Attributes: map[string]attribute.Value{
			"sentry.message.template":     attribute.StringValue("%s signed in with password=%d after %d tries"),
			"sentry.message.parameters.0": attribute.StringValue("joanna.owner"),
			"sentry.message.parameters.1": attribute.IntValue(1234),
			"sentry.message.parameters.2": attribute.IntValue(3),
		}}
	New(plantedConfig(false)).Log(l)
	if want := "[user] signed in with password=[Filtered] after 3 tries"; l.Body != want {
		t.Errorf("body %q, want %q", l.Body, want)
	}
	for i, want := range []any{"[user]", Filtered, int64(3)} {
		if got := l.Attributes[fmt.Sprintf("sentry.message.parameters.%d", i)].AsInterface(); got != want {
			t.Errorf("parameter %d is %v, want %v", i, got, want)
		}
	}
}

// Every field that a log and a metric have, or will have.
func TestEveryFieldOfTelemetry(t *testing.T) {
	t.Parallel()
	attrs := map[string]attribute.Value{planted: attribute.StringValue(planted),
		"list": attribute.StringSliceValue([]string{planted})}
	var l sentry.Log
	fill(reflect.ValueOf(&l).Elem(), planted, 3)
	l.Attributes = attrs
	var m sentry.Metric
	fill(reflect.ValueOf(&m).Elem(), planted, 3)
	m.Attributes = attrs
	s := New(plantedConfig(false))
	s.Log(&l)
	s.Metric(&m)
	own := []string{"Level", "Type"} // Sentry's words
	for name, v := range map[string]any{"Log": l, "Metric": m} {
		for _, path := range fieldsWith(reflect.ValueOf(v), "", plantedSecret, plantedUser) {
			if !slices.Contains(own, path) {
				t.Errorf("%s.%s still tells", name, path)
			}
		}
	}
	for _, got := range []string{attributesOf(l.Attributes), attributesOf(m.Attributes)} {
		if want := `{"list":["~/x password=[Filtered]"],"~/x password=[Filtered]":"[Filtered]"}`; got != want {
			t.Errorf("attributes %s, want %s", got, want)
		}
	}
}

func TestTraceHeader(t *testing.T) {
	t.Parallel()
	header := map[string]string{"trace_id": "1a", "public_key": "box-1", "release": "svc-box-1@1", "sampled": "true",
		"environment": "production", "transaction": "GET /home/joanna.owner/x", "new": "joanna.owner"}
	New(plantedConfig(false)).TraceHeader(header)
	const want = "map[environment:production new:[user] public_key:box-1 release:svc-[host]@1 sampled:true " +
		"trace_id:1a transaction:GET ~/x]"
	if got := fmt.Sprint(header); got != want {
		// A route begins with its path; a home in it is one still.
		t.Errorf("got %s\nwant %s", got, want)
	}
}
