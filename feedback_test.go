package sentryconfig_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// oneFeedback waits for exactly one.
func oneFeedback(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) sentrytest.Event {
	t.Helper()
	flushClient(t, client)
	all := server.Feedback()
	if len(all) != 1 || len(server.Events()) != 0 {
		t.Fatalf("%d feedback, %d events", len(all), len(server.Events()))
	}
	return all[0]
}

func TestCaptureFeedback(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{MaxPerMinute: 1})
	ctx, span := client.CreateTaskSpan(t.Context(), "backup", 0, 0, nil)
	defer span.Finish()
	shot := &sentry.Attachment{Filename: "screen.png", ContentType: "image/png",
		Payload: []byte("\x89PNG\r\n\x1a\n\x00\xff")}
	id := client.CaptureFeedback(ctx, sentryconfig.Feedback{
		EventID: "FC6D8C0C-43FC-4630-AD85-0EE518F1B9D0", Message: " It broke; password=hunter2\nagain ", Name: "Max",
		Email: "max@example.com", URL: "https://u:pw@example.com/x", Attachments: []*sentry.Attachment{nil, shot},
	})
	shot.Payload[0] = 'x'
	e := oneFeedback(t, client, server)
	said := e.Contexts["feedback"]
	if e.ID != string(id) || e.Type != "feedback" || e.Tag("task_type") != "backup" ||
		said["associated_event_id"] != "fc6d8c0c43fc4630ad850ee518f1b9d0" || said["name"] != "Max" ||
		said["contact_email"] != "max@example.com" || e.Contexts["trace"]["trace_id"] == nil {
		t.Errorf("feedback %s", e.Raw)
	}
	if strings.Contains(string(e.Raw), "hunter2") || strings.Contains(string(e.Raw), ":pw@") ||
		!strings.HasPrefix(e.Message, "It broke") || !strings.HasSuffix(e.Message, "\nagain") {
		t.Errorf("message %q, %s", e.Message, e.Raw)
	}
	if a := e.Attachments; len(a) != 1 || a[0].Filename != "screen.png" ||
		!bytes.Equal(a[0].Data, []byte("\x89PNG\r\n\x1a\n\x00\xff")) {
		t.Errorf("attachments %+v", a)
	}
}

func TestFeedbackPrivately(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{SendPII: sentry.Set(false)})
	client.CaptureFeedback(t.Context(), sentryconfig.Feedback{Message: "it broke in /home/max/x", Name: "Max Meier",
		Email: "meier@example.com"})
	e := oneFeedback(t, client, server)
	raw := string(e.Raw)
	if strings.Contains(raw, "/home/max") || strings.Contains(raw, "example.com") || strings.Contains(raw, "Meier") {
		t.Errorf("sent %s", raw)
	}
}

// Whatever is given, Sentry takes it, or nothing is sent.
func TestFeedbackRules(t *testing.T) {
	for name, test := range map[string]struct {
		feedback sentryconfig.Feedback
		want     int // characters, at most
	}{
		"empty":            {sentryconfig.Feedback{Name: "Max"}, 0},
		"blank":            {sentryconfig.Feedback{Message: " \n\t\u2003"}, 0},
		"NUL":              {sentryconfig.Feedback{Message: "a\x00b\xff"}, 4},
		"long":             {sentryconfig.Feedback{Message: strings.Repeat("a", 5000)}, 4096},
		"long, of umlauts": {sentryconfig.Feedback{Message: strings.Repeat("ä", 4097)}, 4096},
		"long, of secrets": {sentryconfig.Feedback{Message: strings.Repeat("password=ab ", 340)}, 4096},
		"longest":          {sentryconfig.Feedback{Message: strings.Repeat("a", 4096)}, 4096},
		"no event":         {sentryconfig.Feedback{Message: "m", EventID: "none"}, 1},
		"long names": {sentryconfig.Feedback{Message: "m", Name: strings.Repeat("n", 10000),
			Email: strings.Repeat("e", 10000), URL: strings.Repeat("u", 10000)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := newClient(t, sentryconfig.Options{}) // which fails the test when it refuses anything
			id := client.CaptureFeedback(t.Context(), test.feedback)
			if test.want == 0 {
				if id != "" {
					t.Errorf("ID %q", id)
				}
				return
			}
			e := oneFeedback(t, client, server)
			if n := utf8.RuneCountInString(e.Message); n > test.want || n < test.want/3 || e.ID != string(id) {
				t.Errorf("message of %d characters, want %d", n, test.want)
			}
		})
	}
}

// Feedback that is given offline is sent by the next process.
func TestFeedbackOffline(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	opts := sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}
	for round := range 2 {
		client, err := sentryconfig.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			f := sentryconfig.Feedback{Message: "offline",
				Attachments: []*sentry.Attachment{{Filename: "a.txt", Payload: []byte("b")}}}
			if client.CaptureFeedback(t.Context(), f) == "" {
				t.Error("not stored")
			}
			client.Close(0)
			server.Respond(nil)
			continue
		}
		if e := oneFeedback(t, client, server); e.Message != "offline" || len(e.Attachments) != 1 {
			t.Errorf("feedback %s", e.Raw)
		}
		client.Close(time.Minute)
	}
}

// Off, without a Client, after Close, with hooks and with a transport of the user's own it works or does nothing.
func TestFeedbackAnywhere(t *testing.T) {
	f := sentryconfig.Feedback{Message: "m"}
	var none *sentryconfig.Client
	if none.CaptureFeedback(t.Context(), f) != "" || sentryconfig.CaptureFeedback(t.Context(), f) != "" {
		t.Error("an ID without a Client")
	}
	client, server := newClient(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			if e.Type == "feedback" && e.Contexts["feedback"]["message"] == "drop" {
				return nil
			}
			return e
		}
	}})
	if client.CaptureFeedback(t.Context(), sentryconfig.Feedback{Message: "drop"}) != "" {
		t.Error("an ID for what a hook dropped")
	}
	if client.CaptureFeedback(nil, f) == "" { //nolint:staticcheck // a nil context is taken
		t.Error("a nil context")
	}
	client.SetEnabled(false)
	if client.CaptureFeedback(t.Context(), f) != "" {
		t.Error("an ID while off")
	}
	client.SetEnabled(true)
	oneFeedback(t, client, server)
	client.Close(time.Minute)
	if client.CaptureFeedback(t.Context(), f) != "" {
		t.Error("an ID after Close")
	}
	mock := &sentry.MockTransport{}
	own, _ := newClient(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }})
	id := own.CaptureFeedback(context.Background(), f)
	if events := mock.Events(); len(events) != 1 || events[0].EventID != id ||
		fmt.Sprint(events[0].Contexts["feedback"]) != "map[message:m]" {
		t.Errorf("the user's transport got %v", events)
	}
}
