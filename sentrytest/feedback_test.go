package sentrytest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// feedback is an envelope with feedback: its context and more of the payload.
func feedback(context, more string) string {
	return `{"event_id":"` + testID + `"}` + "\n" + item("feedback",
		`{"event_id":"`+testID+`","contexts":{"feedback":{`+context+`},"os":{"name":"x"}}`+more+`}`)
}

func TestFeedback(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	body := feedback(`"message":"It broke.\nAgain.","name":"Max","contact_email":"max@example.com",
		"url":"https://example.com","associated_event_id":"`+testTrace+`"`, `,"type":"feedback","tags":{"task_type":"backup"},"timestamp":"`+
		arrival.Format(time.RFC3339)+`"`) +
		`{"type":"attachment","length":3,"filename":"log.txt","content_type":"text/plain"}` + "\na\nb\n"
	for range 2 {
		if status, answer := post(t, s, body); status != http.StatusOK || answer != `{"id":"`+testID+`"}` {
			t.Fatalf("status %d: %s", status, answer)
		}
	}
	all := s.Feedback()
	if len(all) != 1 || len(s.Events())+len(s.Transactions())+len(s.Issues()) != 0 || s.Duplicates() != 1 {
		t.Fatalf("%d feedback, %d events, %d duplicates", len(all), len(s.Events()), s.Duplicates())
	}
	e := all[0]
	c := e.Contexts["feedback"]
	if e.Type != "feedback" || e.ID != testID || e.Message != "It broke.\nAgain." || e.Tag("task_type") != "backup" ||
		e.Title() != "User Feedback: It broke." || e.Header["event_id"] != testID {
		t.Errorf("feedback %+v", e)
	}
	if c["name"] != "Max" || c["contact_email"] != "max@example.com" || c["associated_event_id"] != testTrace {
		t.Errorf("context %v", c)
	}
	if a := e.Attachments; len(a) != 1 || a[0].Filename != "log.txt" || string(a[0].Data) != "a\nb" {
		t.Errorf("attachments %+v", a)
	}
	s.RequireNoEvents()
}

func TestFeedbackRules(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return `"message":"` + strings.Repeat("ä", n) + `"` }
	for _, test := range []struct{ name, body, want string }{ // want: "" is taken
		{"message alone", feedback(`"message":"m"`, ""), ""},
		{"longest message", feedback(long(4_096), ""), ""},
		{"no names", feedback(`"message":"m","name":null,"contact_email":"","associated_event_id":""`, ""), ""},
		{"payload of another type", feedback(`"message":"m"`, `,"type":"default"`), ""},
		{"too long", feedback(long(4_097), ""), "message of 4097"},
		{"no message", feedback(`"name":"Max"`, ""), "no message"},
		{"empty message", feedback(`"message":""`, ""), "no message"},
		{"blank message", feedback(`"message":" \n\t"`, ""), "no message"},
		{"message a number", feedback(`"message":1`, ""), "message is no text"},
		{"name a number", feedback(`"message":"m","name":1`, ""), "name is no text"},
		{"no context", `{"event_id":"` + testID + `"}` + "\n" + item("feedback", `{"message":"m"}`), "no message"},
		{"another event's ID", feedback(`"message":"m","associated_event_id":"12"`, ""), "associated_event_id"},
		{"payload of a transaction", feedback(`"message":"m"`, `,"type":"transaction"`), "payload of type"},
		{"as an event", strings.Replace(feedback(`"message":"m"`, `,"type":"feedback"`), `"feedback"`, `"event"`, 1),
			"payload of type"},
		{"with an event", feedback(`"message":"m"`, "") + item("event", `{}`), "second one"},
		{"twice", feedback(`"message":"m"`, "") + item("feedback", `{}`), "second one"},
		{"without an ID", "{}\n" + item("feedback", `{"contexts":{"feedback":{"message":"m"}}}`), "event_id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			status, answer := post(t, s, test.body)
			taken := 0
			if test.want == "" {
				taken = 1
			}
			n := len(s.Feedback())
			if (status == http.StatusOK) != (taken == 1) || n != taken || !strings.Contains(answer, test.want) {
				t.Errorf("status %d, %d feedback: %s", status, len(s.Feedback()), answer)
			}
			if refused := s.Refused(); test.name != "longest message" && len(refused) != 1-taken {
				t.Errorf("refused %v", refused)
			}
		})
	}
}
