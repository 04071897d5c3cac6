package sentrytest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
)

// checkIn is an envelope with a check-in with more fields.
func checkIn(fields string) string {
	return "{}\n" + item("check_in", `{"check_in_id":"`+testID+`","monitor_slug":"m","status":"ok"`+fields+`}`)
}

func TestCheckIns(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	payload := `{"check_in_id":"` + testID + `","monitor_slug":"nightly-1_a","status":"in_progress","duration":1.5,
		"release":"r","environment":"e","contexts":{"trace":{"trace_id":"` + testTrace + `"}},
		"monitor_config":{"schedule":{"type":"interval","value":2,"unit":"hour"},"checkin_margin":5}}`
	post(t, s, `{"trace":{"trace_id":"`+testID+`"}}`+"\n"+item("check_in", payload))
	post(t, s, `{"trace":{"trace_id":"`+testTrace+`"}}`+strings.TrimPrefix(checkIn(""), "{}"))
	post(t, s, checkIn(`,"duration":null,"monitor_config":null,"contexts":{"os":{}},"trace_id":"`+testTrace+`"`))
	post(t, s, checkIn(""))
	got := s.CheckIns()
	if len(got) != 4 {
		t.Fatalf("%d check-ins", len(got))
	}
	schedule := map[string]any{"type": "interval", "value": 2.0, "unit": "hour"}
	want := CheckIn{
		ID: testID, MonitorSlug: "nightly-1_a", Status: "in_progress", Duration: 1500 * time.Millisecond,
		Release: "r", Environment: "e", TraceID: testTrace, Received: arrival, Raw: []byte(payload),
		MonitorConfig: map[string]any{"schedule": schedule, "checkin_margin": 5.0},
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	for i, trace := range []string{testTrace, testTrace, "", ""} {
		if got[i].TraceID != trace {
			t.Errorf("check-in %d: trace %q, want %q", i, got[i].TraceID, trace)
		}
	}
	if c := got[2]; c.Duration != 0 || c.MonitorConfig != nil {
		t.Errorf("check-in with nulls: %+v", c)
	}
}

func TestCheckInRules(t *testing.T) {
	t.Parallel()
	slug := func(slug string) string { return strings.Replace(checkIn(""), `"m"`, `"`+slug+`"`, 1) }
	status := func(status string) string { return strings.Replace(checkIn(""), `"ok"`, `"`+status+`"`, 1) }
	schedule := func(s string) string { return checkIn(`,"monitor_config":{"schedule":` + s + `}`) }
	resized := func(body string) string { // with the length that the item now has
		_, payload, _ := strings.Cut(strings.TrimPrefix(body, "{}\n"), "\n")
		return "{}\n" + item("check_in", strings.TrimSuffix(payload, "\n"))
	}
	for _, test := range []struct{ name, good, bad, want string }{
		{"slug of 50", slug(strings.Repeat("a", 50)), slug(strings.Repeat("a", 51)), "monitor_slug"},
		{"slug's characters", slug("a-z_09"), slug("Nightly"), "monitor_slug"},
		{"slug with a space", slug("a"), slug("a b"), "monitor_slug"},
		{"slug with an umlaut", slug("a"), slug("ä"), "monitor_slug"},
		{"status in_progress", status("in_progress"), status("running"), "status"},
		{"status error", status("error"), status(""), "status"},
		{"status missed", status("missed"), status("OK"), "status"},
		{"status timeout", status("timeout"), status("unknown"), "status"},
		{"duration", checkIn(`,"duration":0`), checkIn(`,"duration":-0.1`), "duration"},
		{"duration's longest", checkIn(`,"duration":2147483`), checkIn(`,"duration":2147484`), "duration"},
		{"duration a text", checkIn(`,"duration":1e3`), checkIn(`,"duration":"1"`), "duration"},
		{"trace", checkIn(`,"contexts":{"trace":null}`), checkIn(`,"contexts":{"trace":{}}`), "trace_id"},
		{"short trace", checkIn(`,"contexts":{}`), checkIn(`,"contexts":{"trace":{"trace_id":"1"}}`), "trace_id"},
		{"crontab", schedule(`{"type":"crontab","value":"5 4 * * *"}`),
			schedule(`{"type":"crontab","value":5}`), "schedule"},
		{"interval", schedule(`{"type":"interval","value":1,"unit":"day"}`),
			schedule(`{"type":"interval","value":1,"unit":"second"}`), "schedule"},
		{"interval of 0", schedule(`{"type":"interval","value":7,"unit":"month"}`),
			schedule(`{"type":"interval","value":0,"unit":"day"}`), "schedule"},
		{"no schedule", checkIn(`,"monitor_config":null`), checkIn(`,"monitor_config":{}`), "schedule"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			if code, answer := post(t, s, resized(test.good)); code != http.StatusOK || len(s.CheckIns()) != 1 {
				t.Errorf("status %d, %d check-ins: %s", code, len(s.CheckIns()), answer)
			}
			code, answer := post(t, s, resized(test.bad))
			if code != http.StatusBadRequest || !strings.Contains(answer, test.want) || len(s.CheckIns()) != 1 {
				t.Errorf("beyond: status %d, %d check-ins: %s", code, len(s.CheckIns()), answer)
			}
			if refused := s.Refused(); len(refused) != 1 {
				t.Errorf("refused %v", refused)
			}
		})
	}
}

func TestCheckInsOfARealClient(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	hub := newHub(t, s, nil)
	id := hub.CaptureCheckIn(&sentry.CheckIn{
		MonitorSlug: "nightly", Status: sentry.CheckInStatusOK, Duration: 90 * time.Second,
	}, &sentry.MonitorConfig{Schedule: sentry.CrontabSchedule("5 4 * * *"), Timezone: "Europe/Berlin"})
	s.WaitItems("check_in", 1, time.Minute)
	c := s.CheckIns()[0]
	schedule := fmt.Sprint(c.MonitorConfig["schedule"])
	if c.ID != string(*id) || c.MonitorSlug != "nightly" || c.Status != "ok" || c.Duration != 90*time.Second ||
		c.Release != "sentrytest@1" || c.Environment != "test" || c.Received.IsZero() ||
		schedule != "map[type:crontab value:5 4 * * *]" || c.MonitorConfig["timezone"] != "Europe/Berlin" {
		t.Errorf("check-in %+v", c)
	}
}
