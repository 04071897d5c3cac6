package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// What an engine decides by the error, it says in Classify: here an order that isn't ready is put off, and no error.
func ExampleJob() {
	server, stop := exampleServer()
	defer stop()

	errNotReady := errors.New("not ready")
	job := &sentryconfig.Job{System: "ourqueue", Queue: "orders", ID: "18", Attempt: 2, MaxAttempts: 5,
		Classify: func(_ context.Context, err error) sentryconfig.Outcome {
			if errors.Is(err, errNotReady) {
				return sentryconfig.OutcomePostponed
			}
			return sentryconfig.OutcomeFailed // this engine never tries again
		}}
	task := sentryconfig.Task{Type: "ship", Job: job}
	for _, err := range []error{errNotReady, errors.New("address unknown")} {
		_ = sentryconfig.RunTask(context.Background(), task, func(context.Context) error { return err })
	}
	showIssues(server)
	// Output: 1 x error: address unknown ["ship" "address unknown"]
}

// A schedule that Sentry watches: it alerts when the nightly backup fails, takes too long, or doesn't begin.
func ExampleMonitor() {
	server, stop := exampleServer()
	defer stop()

	nightly := &sentryconfig.Monitor{Slug: "nightly-backup", Config: &sentry.MonitorConfig{
		Schedule: sentry.CrontabSchedule("30 2 * * *"), Timezone: "Europe/Berlin", MaxRuntime: 60}}
	_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "backup", Monitor: nightly},
		func(context.Context) error { return errors.New("the disk is full") })
	sentryconfig.Flush(5 * time.Second)
	for _, c := range server.CheckIns() {
		fmt.Println(c.MonitorSlug, c.Status)
	}
	// Output:
	// nightly-backup in_progress
	// nightly-backup error
}

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
	// Unordered output:
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
