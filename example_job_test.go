package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/autoservice/sentryconfig"
)

// A queue of one's own: the enqueuer's trace travels with the message, and the worker says which attempt this is.
func ExampleTraceHeaders() {
	server, stop := exampleServer()
	defer stop()

	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "order", 0, 0, nil)
	message := sentryconfig.TraceHeaders(ctx) // stored with the message
	span.Finish()

	for attempt := 1; attempt <= 3; attempt++ {
		job := &sentryconfig.Job{System: "ourqueue", Queue: "mail", ID: "17", Attempt: attempt, MaxAttempts: 3,
			Trace: message["sentry-trace"], Baggage: message["baggage"]}
		_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "send_mail", Job: job},
			func(context.Context) error { return errors.New("mailbox full") })
	}
	showIssues(server)
	for _, e := range server.Events() {
		fmt.Println(e.Level, e.Contexts["task"]["attempt"])
	}
	// Output:
	// 2 x error: mailbox full ["send_mail" "mailbox full"]
	// warning 1
	// error 3
}

// An engine finds an attempt that never came back.
func ExampleCaptureInterrupted() {
	server, stop := exampleServer()
	defer stop()

	job := &sentryconfig.Job{System: "ourqueue", Queue: "mail", ID: "17", Attempt: 1, MaxAttempts: 3}
	id := sentryconfig.CaptureInterrupted(context.Background(), sentryconfig.Task{Type: "send_mail", Job: job})
	again := sentryconfig.CaptureInterrupted(context.Background(), sentryconfig.Task{Type: "send_mail", Job: job})
	fmt.Println(id == again)
	showIssues(server)
	// Output:
	// true
	// 1 x send_mail: interrupted ["send_mail" "task_interrupted"]
}

func ExampleOutcome_String() {
	fmt.Println(sentryconfig.OutcomeFailed, sentryconfig.OutcomeRetriedQuietly, sentryconfig.OutcomePostponed)
	// Output: failed retried postponed
}
