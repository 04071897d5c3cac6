// Package sentryconfig reports the errors and failed tasks of a Go service runner to Sentry: a program that works
// through tasks, one after another or side by side. Every error is grouped by what went wrong in which kind of task,
// and arrives with the steps before it and the state of the machine; every task becomes a transaction with its
// duration. Built on
// [sentry-go], whose hubs, scopes and spans work as usual beside it.
//
// # A whole program
//
//	func main() {
//		if err := sentryconfig.Init(sentryconfig.Options{DSN: "https://<key>@<host>/<project>"}); err != nil {
//			log.Print(err) // the options are wrong; the program works without reporting
//		}
//		defer sentryconfig.Close(2 * time.Second)
//		slog.SetDefault(slog.New(sentryconfig.NewLogHandler(slog.NewTextHandler(os.Stderr, nil))))
//
//		tasks := []sentryconfig.Task{{Type: "disk_check", Index: 0, Total: 1, Data: map[string]any{"disk": "C:"}}}
//		for _, task := range tasks {
//			if err := sentryconfig.RunTask(context.Background(), task, checkDisk); err != nil {
//				slog.Error("task", "error", err) // reported already
//			}
//		}
//	}
//
//	func checkDisk(ctx context.Context) error {
//		sentryconfig.AddBreadcrumb(ctx, "reading SMART data", "disk", "", nil)
//		return &sentryconfig.TaskFailure{Code: "bad_sectors", Reason: "3 reallocated sectors"}
//	}
//
// # What to call when
//
//   - [Init] once, at the program's start, and [Close] at its end. [New] makes a [Client] of its own: for a second project, or
//     for a test that runs beside others.
//   - [RunTask] around each task: span, capture and status in one call. An error is an exception; an error that is or wraps a
//     *[TaskFailure] is a failure, which says that the task ran to its end and found things not as they should be; a panic is
//     an exception that comes back as an error. What follows from a cancelled context is no trouble, nor is what
//     Options.Expected accepts.
//   - Where RunTask doesn't fit, its parts: [CreateTaskSpan], [CaptureTaskException], [CaptureTaskFailure].
//   - [AddBreadcrumb] and [NewLogHandler] for the steps before: they make no events.
//   - [SetEnabled] to stop and go on, [Reconfigure] with [LoadOptions] for settings that change while tasks run.
//   - [CaptureFeedback] for what a person says of the program, [CaptureInterrupted] for engines that tell afterwards that an
//     attempt never came back, [TraceHeaders] to continue a trace elsewhere.
//   - [ReadStats] for a health page, [PurgeOutbox] after an opt-out, [ExportOutbox] for a machine that is never online.
//
// # Which context goes where
//
// RunTask and CreateTaskSpan return a context that carries the task. Pass it to everything the task calls: what is
// captured, logged or added with it belongs to that task and is reported to its Client, and sentry.StartSpan(ctx,
// "exec") makes a child span. A call with no context of its own (nil, context.Background or context.TODO, as slog.Info
// has it) belongs to the only running task of a program that never ran two at once, otherwise to no task.
//
// # On and off
//
// A Client reports while the variable [Enabled] is true and its own switch is on; Options.Enabled sets that switch at
// Init and Reconfigure, [SetEnabled] at any time. While it is off, the program behaves as if the package weren't there.
//
// # Concurrency, memory, errors
//
// Every function and method may be called from many goroutines at once; only the variables Enabled and [DefaultDSN] are
// to be set while nothing else runs. Values are copied during the call and must not be written to until it returns. No
// call panics, whatever it is given, and none waits for the network. An event ID is returned only for an event that the
// outbox holds: from then on it survives a server that can't be reached, and with Options.OutboxDir the end of the
// process. Errors of the package's own go to Options.Logger and Stats.LastError.
//
// Where tasks come from a task engine, a [Job] in the [Task] says which attempt this is and what becomes of an error;
// docs/engines.md names the adapters that fill it in. Package sentrytest is a Sentry server for tests, and package
// sentryview a page that shows what was reported.
//
// [sentry-go]: https://docs.sentry.io/platforms/go/
package sentryconfig
