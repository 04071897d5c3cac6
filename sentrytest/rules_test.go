package sentrytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What Sentry takes but changes is taken, too, and complained about; what is just within a limit is not.
func TestFaults(t *testing.T) {
	t.Parallel()
	as := func(n int) string { return strings.Repeat("a", n) }
	umlauts := func(n int) string { return strings.Repeat("ä", n) }
	frames := func(n int) string {
		return `"stacktrace":{"frames":[` + strings.Repeat(`{"function":"f"},`, n-1) + `{"function":"f"}]}`
	}
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) } // n+1 levels
	// An object of so many values.
	many := func(n int, value string) string {
		var b strings.Builder
		for i := range n - 1 {
			fmt.Fprintf(&b, `"k%d":%q,`, i, value)
		}
		return "{" + b.String() + `"l":"` + value + `"}`
	}
	ago := func(age time.Duration) string {
		return `,"timestamp":"` + arrival.Add(-age).Format(time.RFC3339Nano) + `"`
	}
	for _, test := range []struct{ name, good, bad, want string }{
		{"tag value", `,"tags":{"a":"` + umlauts(200) + `"}`, `,"tags":{"a":"` + umlauts(201) + `"}`, "200 characters"},
		{"tag value with a line break", `,"tags":{"a":"b\tc"}`, `,"tags":{"a":"b\nc"}`, "line break"},
		{"tag value empty", `,"tags":{"a":null}`, `,"tags":{"a":""}`, "no value"},
		{"tag value blank", `,"tags":{"a":" b"}`, `,"tags":{"a":"  "}`, "no value"},
		{"tag key", `,"tags":{"` + as(200) + `":"b"}`, `,"tags":{"` + as(201) + `":"b"}`, "at most 200"},
		{"tag key empty", `,"tags":{"0":"b"}`, `,"tags":{"":"b"}`, "a key is made of"},
		{"tag key with a space", `,"tags":{"a.b:c-d_1":"b"}`, `,"tags":{"a b":"b"}`, "a key is made of"},
		{"tag key with an umlaut", `,"tags":{"A":"b"}`, `,"tags":{"ä":"b"}`, "a key is made of"},
		{"tag key reserved", `,"tags":{"releases":"a"}`, `,"tags":{"release":"a"}`, "keeps for itself"},
		{"tag key reserved too", `,"tags":{"dist_":"a"}`, `,"tags":{"user":"a"}`, "keeps for itself"},
		{"message", `,"message":"` + umlauts(8_392) + `"`, `,"message":"` + umlauts(8_393) + `"`, "message of 8393"},
		{"transaction", `,"transaction":"` + umlauts(200) + `"`, `,"transaction":"` + umlauts(201) + `"`, "transaction name of 201"},
		{"release length", `,"release":"` + as(200) + `"`, `,"release":"` + as(201) + `"`, "release of 201"},
		{"release", `,"release":"a@1.2+3-4"`, `,"release":"a/b"`, "release"},
		{"release blank", `,"release":" a"`, `,"release":" "`, "release"},
		{"release latest", `,"release":"latest1"`, `,"release":"Latest"`, "release"},
		{"release length in bytes", `,"release":"` + umlauts(100) + `"`, `,"release":"` + umlauts(101) + `"`, "release of 202"},
		{"release dots", `,"release":"..."`, `,"release":".."`, "release"},
		{"environment", `,"environment":"prod eu"`, `,"environment":"a/b"`, "environment"},
		{"environment None", `,"environment":"nones"`, `,"environment":"none"`, "environment"},
		{"environment length", `,"environment":"` + as(64) + `"`, `,"environment":"` + as(65) + `"`, "environment of 65"},
		{"environment length in bytes", `,"environment":"` + umlauts(32) + `"`, `,"environment":"` + umlauts(33) + `"`, "environment of 66"},
		{"environment with a backslash", `,"environment":"a|b"`, `,"environment":"a\\b"`, "environment"},
		{"dist characters", `,"dist":"a_b-c.d"`, `,"dist":"a+b"`, "dist"},
		{"mechanism type", `,"exception":[{"type":"T","mechanism":{"type":"` + as(128) + `"}}]`, `,"exception":[{"type":"T","mechanism":{"type":"` + as(129) + `"}}]`, "mechanism type of 129"},
		{"dist", `,"dist":"` + as(64) + `","release":"a"`, `,"dist":"` + as(65) + `","release":"a"`, "dist of 65"},
		{"logger", `,"logger":"` + as(64) + `"`, `,"logger":"` + as(65) + `"`, "logger of 65"},
		{"logger with a line break", `,"logger":"a b"`, `,"logger":"a\nb"`, "logger"},
		{"server name", `,"server_name":"` + as(200) + `"`, `,"server_name":"` + as(201) + `"`, "server_name of 201"},
		{"server name with a line break", `,"server_name":"a b"`, `,"server_name":"a\nb"`, "server_name"},
		{"level", `,"level":"warning"`, `,"level":"notice"`, "level"},
		{"user ID", `,"user":{"id":"` + umlauts(128) + `"}`, `,"user":{"id":"` + umlauts(129) + `"}`, "user.id of 129"},
		{"user name", `,"user":{"username":"` + as(128) + `"}`, `,"user":{"username":"` + as(129) + `"}`, "user.username of 129"},
		{"email", `,"user":{"email":"` + as(75) + `"}`, `,"user":{"email":"` + as(76) + `"}`, "user.email of 76"},
		{"IP address", `,"user":{"ip_address":"::1"}`, `,"user":{"ip_address":"localhost"}`, "ip_address"},
		{"IP address found by Sentry", `,"user":{"ip_address":"{{auto}}"}`, `,"user":{"ip_address":"auto"}`, "ip_address"},
		{"exception type", `,"exception":[{"type":"` + as(276) + `"}]`, `,"exception":[{"type":"` + as(277) + `"}]`, "type of 277"},
		{"exception value", `,"exception":[{"value":"` + umlauts(8_392) + `"}]`, `,"exception":[{"value":"` + umlauts(8_393) + `"}]`, "value of 8393"},
		{"exception empty", `,"exception":[{"value":"v"}]`, `,"exception":[{"type":"","value":""}]`, "exception 0"},
		{"exception's second", `,"exception":[{"type":"a"},{"type":"b"}]`, `,"exception":[{"type":"a"},{}]`, "exception 1"},
		{"mechanism", `,"exception":[{"type":"a","mechanism":{"type":"m"}}]`, `,"exception":[{"type":"a","mechanism":{"type":""}}]`, "mechanism"},
		{"frames", `,"exception":[{"type":"a",` + frames(250) + `}]`, `,"exception":[{"type":"a",` + frames(251) + `}]`, "251 frames"},
		{"frames of a thread", `,"threads":[{"id":1,` + frames(250) + `}]`, `,"threads":[{"id":1,` + frames(251) + `}]`, "251 frames"},
		{"breadcrumb message", `,"breadcrumbs":[{"message":"` + as(8_392) + `"}]`, `,"breadcrumbs":[{"message":"` + as(8_393) + `"}]`, "8393"},
		{"breadcrumb level", `,"breadcrumbs":[{"level":"fatal"}]`, `,"breadcrumbs":[{"level":"notice"}]`, "notice"},
		{"breadcrumb data", `,"breadcrumbs":[{"data":{"k":"` + as(2_048) + `"}}]`, `,"breadcrumbs":[{"data":{"k":"` + as(2_049) + `"}}]`, "2048"},
		{"breadcrumb levels", `,"breadcrumbs":[{"data":` + nested(4) + `}]`, `,"breadcrumbs":[{"data":` + nested(5) + `}]`, "6 levels"},
		{"context", `,"contexts":{"c":{"k":"` + as(8_188) + `"}}`, `,"contexts":{"c":{"k":"` + as(8_193) + `"}}`, "8192"},
		{"context by bytes", `,"contexts":{"c":{"k":"` + umlauts(4_094) + `"}}`, `,"contexts":{"c":{"k":"` + umlauts(8_193) + `"}}`, "8192"},
		{"context and its name", `,"contexts":{"` + as(100) + `":{"k":"` + as(8_089) + `"}}`, `,"contexts":{"` + as(100) + `":{"k":"` + as(8_090) + `"}}`, "8192"},
		{"context levels", `,"contexts":{"c":` + nested(6) + `}`, `,"contexts":{"c":` + nested(7) + `}`, "8 levels"},
		{"context levels in a list", `,"contexts":{"c":{"a":[[[[[1]]]]]}}`, `,"contexts":{"c":{"a":[[[[[[1]]]]]]}}`, "8 levels"},
		{"extra", `,"extra":{"k":"` + as(16_384) + `"}`, `,"extra":{"k":"` + as(16_385) + `"}`, "16384"},
		{"all extra", `,"extra":` + many(261, as(1_000)), `,"extra":` + many(262, as(1_000)), "262144"},
		{"context of numbers", `,"contexts":{"c":{"k":[` + strings.Repeat("7,", 4_093) + `7]}}`, `,"contexts":{"c":{"k":[` + strings.Repeat("7,", 4_096) + `7]}}`, "8192"},
		{"context of texts", `,"contexts":{"c":` + many(1_023, "aaaaa") + `}`, `,"contexts":{"c":` + many(1_025, "aaaaa") + `}`, "8192"},
		{"context of lists", `,"contexts":{"c":{"k":[` + strings.Repeat(`[],`, 2_727) + `[]]}}`, `,"contexts":{"c":{"k":[` + strings.Repeat(`[],`, 2_731) + `[]]}}`, "8192"},
		{"context of objects", `,"contexts":{"c":{"k":[` + strings.Repeat(`{"a":1},`, 1_636) + `true]}}`, `,"contexts":{"c":{"k":[` + strings.Repeat(`{"a":1},`, 1_640) + `true]}}`, "8192"},
		{"extra levels", `,"extra":` + nested(6), `,"extra":` + nested(7), "7 levels"},
		{"old", ago(maxEventAge), ago(maxEventAge + time.Second), "old"},
		{"ahead", ago(-maxAhead), ago(-maxAhead - time.Second), "ahead"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t)
			if status, answer := post(t, s, eventItem(test.good)); status != http.StatusOK {
				t.Errorf("within: status %d: %s", status, answer)
			}
			if faults := s.Refused(); len(faults) > 0 {
				t.Errorf("within: %v", faults)
			}
			bad := strings.ReplaceAll(eventItem(test.bad), testID, testTrace)
			if status, answer := post(t, s, bad); status != http.StatusOK || answer != `{"id":"`+testTrace+`"}` {
				t.Errorf("beyond: status %d: %s", status, answer)
			}
			if n := len(s.Events()); n != 2 {
				t.Errorf("%d events", n)
			}
			faults := s.Refused()
			if len(faults) != 1 || !strings.Contains(faults[0].Error(), test.want) ||
				!strings.Contains(faults[0].Error(), testTrace) {
				t.Errorf("beyond: %.300v, want one fault with %q", faults, test.want)
			}
		})
	}
}

// The limits of an event's age, to the second.
func TestAge(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, test := range []struct {
		itemType string
		age      time.Duration
		want     string
	}{
		{typeEvent, 0, ""},
		{typeEvent, 30 * 24 * time.Hour, ""},
		{typeEvent, 30*24*time.Hour + second, "old"},
		{typeEvent, -time.Minute, ""},
		{typeEvent, -time.Minute - second, "ahead"},
		{typeTransaction, 5 * 24 * time.Hour, ""},
		{typeTransaction, 5*24*time.Hour + second, "old"},
		{typeTransaction, -time.Minute, ""},
		{typeTransaction, -time.Minute - second, "ahead"},
	} {
		e := Event{Type: test.itemType, Time: arrival.Add(-test.age)}
		if got := e.ageFault(arrival); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s, age %v: %q, want %q", test.itemType, test.age, got, test.want)
		}
	}
	if got := (&Event{}).ageFault(arrival); got != "" {
		t.Errorf("no time: %q", got)
	}
}

// Sentry moves the times of an event by what sent_at is off, if that is much.
func TestSentAt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		off  time.Duration
		want int
	}{{0, 0}, {maxDrift, 0}, {maxDrift + time.Second, 1}, {-maxDrift, 0}, {-maxDrift - time.Second, 1}} {
		s := newTestServer(t)
		header := fmt.Sprintf(`{"event_id":%q,"sent_at":%q}`, testID, arrival.Add(-test.off).Format(time.RFC3339Nano))
		if status, answer := post(t, s,
			header+"\n"+item("event", `{"event_id":"`+testID+`"}`)); status != http.StatusOK {
			t.Errorf("%v: status %d: %s", test.off, status, answer)
		}
		if faults := s.Refused(); len(faults) != test.want {
			t.Errorf("%v: %v, want %d faults", test.off, faults, test.want)
		}
	}
}
