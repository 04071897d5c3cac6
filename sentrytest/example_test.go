package sentrytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// cleanUp is the task under test. Yours is in your own package.
func cleanUp(ctx context.Context, path string) error {
	return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "temp_cleanup", Total: 1},
		func(ctx context.Context) error {
			sentryconfig.AddBreadcrumb(ctx, "looking for old files", "cleanup", sentry.LevelInfo, nil)
			return fmt.Errorf("list %s: %w", path, errors.ErrUnsupported)
		})
}

// A test of your own task. There the first lines are
//
//	func TestCleanUp(t *testing.T) {
//		server := sentrytest.NewServer(t)
//
// and a server of t's is closed by itself, fails the test when too little arrives in time, and fails it for whatever
// Sentry would refuse, cut or drop. Errors are t.Errorf instead of fmt.Println.
func Example() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
		fmt.Println(err)
		return
	}
	defer sentryconfig.Close(time.Second)

	if err := cleanUp(context.Background(), "/tmp"); err == nil {
		fmt.Println("no error")
	}

	for _, e := range server.WaitEvents(1, 5*time.Second) {
		fmt.Println(e.Title())
		fmt.Println(e.Level, e.Tag("task_type"), e.Fingerprint)
		fmt.Println(e.Breadcrumbs[0].Message)
	}
	for _, t := range server.WaitTransactions(1, 5*time.Second) {
		fmt.Println(t.Transaction, t.Contexts["trace"]["status"])
	}
	// Output:
	// error: list /tmp: unsupported operation
	// error temp_cleanup [temp_cleanup unsupported operation]
	// looking for old files
	// task.temp_cleanup internal_error
}

// newHub makes a hub of sentry-go's that reports to dsn and waits for each answer: the server takes what any client
// sends.
func newHub(dsn string) *sentry.Hub {
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: dsn, Transport: sentry.NewHTTPSyncTransport(), EnableTracing: true, TracesSampleRate: 1,
	})
	if err != nil {
		panic(err)
	}
	return sentry.NewHub(client, sentry.NewScope())
}

func ExampleNewServer() {
	server := sentrytest.NewServer(nil) // in a test: NewServer(t), and no Close
	defer server.Close()
	newHub(server.DSN()).CaptureMessage("hello")
	fmt.Println(server.Events()[0].Message)
	// Output: hello
}

func ExampleServer_DSN() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	dsn, err := sentry.NewDsn(server.DSN())
	fmt.Println(dsn.GetScheme(), dsn.GetHost(), dsn.GetProjectID(), err)
	// Output: http 127.0.0.1 1 <nil>
}

func ExampleServer_Close() {
	server := sentrytest.NewServer(nil)
	hub := newHub(server.DSN())
	hub.CaptureMessage("in time")
	server.Close()
	hub.CaptureMessage("too late") // nobody answers, as on a machine that is offline
	for _, e := range server.Events() {
		fmt.Println(e.Message)
	}
	// Output: in time
}

func ExampleServer_Events() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	hub.CaptureMessage("no answer")
	hub.CaptureException(errors.New("disk is full"))
	for _, e := range server.Events() {
		fmt.Println(e.Level, e.Title())
	}
	// Output:
	// info no answer
	// error *errors.errorString: disk is full
}

func ExampleServer_Transactions() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	ctx := sentry.SetHubOnContext(context.Background(), newHub(server.DSN()))
	transaction := sentry.StartTransaction(ctx, "backup")
	sentry.StartSpan(transaction.Context(), "copy").Finish()
	transaction.Finish()
	for _, t := range server.Transactions() {
		fmt.Println(t.Transaction, t.Spans[0].Op, len(t.Spans))
	}
	// Output: backup copy 1
}

func ExampleServer_WaitEvents() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	go newHub(server.DSN()).CaptureMessage("from the background")
	for _, e := range server.WaitEvents(1, 5*time.Second) {
		fmt.Println(e.Message)
	}
	fmt.Println(len(server.WaitEvents(2, time.Millisecond))) // NewServer(t) would fail the test here
	// Output:
	// from the background
	// 1
}

func ExampleServer_WaitEvent() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	go func() {
		hub.CaptureMessage("backup begun")
		hub.CaptureException(errors.New("disk is full"))
	}()
	e := server.WaitEvent(func(e sentrytest.Event) bool { return len(e.Exceptions) > 0 }, 5*time.Second)
	fmt.Println(e.Title()) // without such an event NewServer(t) would have failed the test
	// Output: *errors.errorString: disk is full
}

// A server of NewServer(t) fails the test where this one panics.
func ExampleServer_RequireNoEvents() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	sentry.StartTransaction(sentry.SetHubOnContext(context.Background(), hub), "backup").Finish()
	hub.Flush(5 * time.Second)
	server.RequireNoEvents() // a transaction is none

	hub.CaptureMessage("unexpected")
	defer func() {
		problem, _, _ := strings.Cut(fmt.Sprint(recover()), "\n") // the other lines name the events
		fmt.Println(problem)
	}()
	server.RequireNoEvents()
	// Output: sentrytest: 1 events, want none
}

func ExampleServer_CheckIns() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	nightly := &sentry.MonitorConfig{Schedule: sentry.CrontabSchedule("0 3 * * *")}
	id := hub.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "nightly", Status: sentry.CheckInStatusInProgress}, nightly)
	hub.CaptureCheckIn(&sentry.CheckIn{
		ID: *id, MonitorSlug: "nightly", Status: sentry.CheckInStatusOK, Duration: 90 * time.Second,
	}, nil)
	for _, c := range server.CheckIns() {
		fmt.Println(c.MonitorSlug, c.Status, c.Duration, c.ID == string(*id), c.MonitorConfig["schedule"])
	}
	// Output:
	// nightly in_progress 0s true map[type:crontab value:0 3 * * *]
	// nightly ok 1m30s true <nil>
}

func ExampleServer_Feedback() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	dsn, err := sentry.NewDsn(server.DSN())
	if err != nil {
		fmt.Println(err)
		return
	}
	const envelope = `{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc","dsn":%q}
{"type":"feedback"}
{"contexts":{"feedback":{"message":"It stops at 99 %%.","name":"Max"}}}
`
	answer, err := http.Post(dsn.GetAPIURL().String(), "", strings.NewReader(fmt.Sprintf(envelope, server.DSN())))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = answer.Body.Close()
	for _, e := range server.Feedback() {
		fmt.Println(e.Title(), e.Contexts["feedback"]["name"])
	}
	// Output: User Feedback: It stops at 99 %. Max
}

func ExampleServer_WaitTransactions() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	ctx := sentry.SetHubOnContext(context.Background(), newHub(server.DSN()))
	go sentry.StartTransaction(ctx, "backup").Finish()
	for _, t := range server.WaitTransactions(1, 5*time.Second) {
		fmt.Println(t.Transaction)
	}
	// Output: backup
}

func ExampleServer_WaitItems() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	ctx := sentry.SetHubOnContext(context.Background(), hub)
	sentry.NewLogger(ctx).Info().Emit("12 files deleted")
	hub.Flush(5 * time.Second)
	for _, item := range server.WaitItems("log", 1, 5*time.Second) {
		fmt.Println(item.Type, item.Header["item_count"])
	}
	// Output: log 1
}

func ExampleServer_Items() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	newHub(server.DSN()).CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "nightly", Status: sentry.CheckInStatusOK}, nil)
	for _, item := range server.Items("check_in") {
		fmt.Println(item.Type, len(item.Payload) > 0)
	}
	// Output: check_in true
}

func ExampleServer_Envelopes() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	hub.Scope().AddAttachment(&sentry.Attachment{Filename: "log.txt", Payload: []byte("…")})
	hub.CaptureMessage("with an attachment")
	for _, e := range server.Envelopes() {
		for _, item := range e.Items {
			fmt.Println(item.Type)
		}
	}
	// Output:
	// event
	// attachment
}

func ExampleServer_Issues() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	for _, host := range []string{"a", "b", "c"} {
		hub.WithScope(func(scope *sentry.Scope) {
			if host != "c" {
				scope.SetFingerprint([]string{"ping", "unreachable"})
			}
			hub.CaptureMessage("no answer from " + host)
		})
	}
	for _, issue := range server.Issues() {
		fmt.Println(len(issue.Events), issue.Fingerprint, issue.Title)
	}
	// Output:
	// 2 [ping unreachable] no answer from b
	// 1 [{{ default }}] no answer from c
}

func ExampleServer_Respond() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	server.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n > 0 {
			return false // the server takes it
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	hub := newHub(server.DSN())
	hub.CaptureMessage("first") // sentry-go gives up at once
	hub.CaptureMessage("second")
	for _, e := range server.Events() {
		fmt.Println(e.Message)
	}
	// Output: second
}

// Other ways to answer.
func ExampleServer_Respond_trouble() {
	server := sentrytest.NewServer(nil)
	defer server.Close() // ends what hangs
	server.Respond(func(n int, w http.ResponseWriter, r *http.Request) bool {
		switch n {
		case 0: // no more errors for a minute
			w.Header().Set("X-Sentry-Rate-Limits", "60:error:key")
			w.WriteHeader(http.StatusTooManyRequests)
		case 1: // cut the connection
			panic(http.ErrAbortHandler)
		default: // hang
			<-r.Context().Done()
		}
		return true
	})
}

func ExampleServer_Requests() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	hub := newHub(server.DSN())
	hub.CaptureMessage("first")
	hub.CaptureMessage("second") // sentry-go doesn't try while it is limited
	fmt.Println(server.Requests(), len(server.Events()))
	// Output: 1 0
}

func ExampleServer_Refused() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	hub.Scope().SetTag("file name", "a.txt")
	hub.CaptureMessage("hello")
	_, fault, _ := strings.Cut(server.Refused()[0].Error(), ": ") // before it, the event's ID
	fmt.Println(fault)
	// Output: tag "file name" = "a.txt": a key is made of letters, digits and _.:-; Sentry drops or renames it
}

func ExampleServer_Duplicates() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	event := sentry.NewEvent()
	event.EventID = "0123456789abcdef0123456789abcdef"
	hub.CaptureEvent(event)
	hub.CaptureEvent(event) // again, as after an answer that was lost
	fmt.Println(len(server.Events()), server.Duplicates())
	// Output: 1 1
}

func ExampleServer_ClientReports() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	hub.Client().AddEventProcessor(func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		if e.Message == "nobody wants to know" {
			return nil
		}
		return e
	})
	hub.CaptureMessage("nobody wants to know")
	hub.CaptureMessage("hello")
	hub.Flush(5 * time.Second)
	fmt.Println(server.ClientReports())
	// Output: map[event_processor:map[error:1]]
}

func ExampleEvent_Tag() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	hub := newHub(server.DSN())
	hub.Scope().SetTag("task_type", "backup")
	hub.CaptureMessage("hello")
	fmt.Println(server.Events()[0].Tag("task_type"))
	// Output: backup
}

func ExampleEvent_Title() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	newHub(server.DSN()).CaptureException(fmt.Errorf("backup: %w", errors.New("disk is full")))
	fmt.Println(server.Events()[0].Title())
	// Output: *fmt.wrapError: backup: disk is full
}

func ExampleEvent_Duration() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	ctx := sentry.SetHubOnContext(context.Background(), newHub(server.DSN()))
	transaction := sentry.StartTransaction(ctx, "backup")
	transaction.StartTime = transaction.StartTime.Add(-time.Minute)
	transaction.EndTime = transaction.StartTime.Add(time.Minute)
	transaction.Finish()
	fmt.Println(server.Transactions()[0].Duration())
	// Output: 1m0s
}

// What waits in an outbox, or was exported from one, can be read without a server.
func ExampleParseEnvelope() {
	waiting := `{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}
{"type":"event"}
{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc","message":"disk_check: 3 reallocated sectors","level":"error"}
`
	_, event, err := sentrytest.ParseEnvelope([]byte(waiting))
	fmt.Println(event.Title(), err)
	// Output: disk_check: 3 reallocated sectors <nil>
}

func ExampleGroupEvents() {
	for _, issue := range sentrytest.GroupEvents([]sentrytest.Event{
		{Message: "timeout after 3 s"}, {Message: "timeout after 4 s"}, {Message: "disk full"},
	}) {
		fmt.Println(len(issue.Events), issue.Title)
	}
	// Output:
	// 2 timeout after 4 s
	// 1 disk full
}

// A page that shows what has arrived learns of news without asking again and again.
func ExampleServer_Arrivals() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	next := server.Arrivals()
	hub := newHub(server.DSN())
	hub.CaptureMessage("hello")
	<-next
	fmt.Println(server.Events()[0].Message)
	// Output: hello
}
