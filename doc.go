// Package sentryconfig reports errors and failed tasks to Sentry, for programs that work through tasks, one after
// another or concurrently. Errors are grouped by what went wrong in which kind of task. Each arrives with the steps
// before it and the state of the machine. Each task becomes a transaction with its duration. The package is built on
// [sentry-go], whose hubs, scopes and spans keep working beside it.
//
// # A whole program
//
//	func main() {
//		if err := sentryconfig.Init(sentryconfig.Options{DSN: "https://<key>@<host>/<project>"}); err != nil {
//			log.Print(err) // wrong options: the program runs without reporting
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
//   - [Init] once at the program's start, and [Close] at its end. [New] makes a separate [Client]: for a second
//     project, or for a test that runs in parallel with others.
//   - [RunTask] around each task: span, capture and status in one call. A returned error is reported as an exception.
//     If it is or wraps a *[TaskFailure], it is reported as a failure: the task ran to its end and found things not as
//     they should be. A panic is reported as an exception, and returned as an error. RunTask doesn't report errors that
//     follow from a cancelled context, or that Options.Expected accepts.
//   - [CreateTaskSpan], [CaptureTaskException] and [CaptureTaskFailure], the parts of RunTask, where it doesn't fit.
//   - [AddBreadcrumb] and [NewLogHandler] for the steps before an error. They make no events.
//   - [SetEnabled] to switch reporting off and on, [Reconfigure] with [LoadOptions] to apply changed settings.
//   - [CaptureFeedback] for a person's message about the program, [CaptureInterrupted] for engines that learn later
//     that an attempt never came back, [TraceHeaders] to continue a trace in another process.
//   - [ReadStats] for a health page, [PurgeOutbox] after an opt-out, [ExportOutbox] for a machine that is never online.
//
// # Which context goes where
//
// RunTask hands your function a context that carries the task; CreateTaskSpan returns one. Pass it to everything the
// task calls. Whatever is captured, logged or added with it belongs to that task and goes to the task's Client, and
// sentry.StartSpan(ctx, "exec") makes a child span. A call without a context of its own (nil, context.Background or
// context.TODO, as slog.Info has it) belongs to the only running task, if the program has never run two at once;
// otherwise to no task.
//
// # On and off
//
// A Client reports while the variable [Enabled] is true and the Client's own switch is on; Options.Enabled sets that
// switch at Init and Reconfigure, [SetEnabled] at any time. While reporting is off, the program behaves as if the
// package weren't there.
//
// # Concurrency, memory, errors
//
// All functions and methods are safe for concurrent use. Only the variables Enabled and [DefaultDSN] must be set while
// nothing else runs. Values are copied during the call; don't write to them until it returns. No call panics, whatever
// its arguments, and only [Flush] and [Close] wait for the network. An event ID is returned only for an event that the
// outbox holds. From then on the event survives an unreachable server, and with Options.OutboxDir the end of the
// process. The package's own errors go to Options.Logger and Stats.LastError.
//
// With a task engine, a [Job] in the [Task] says which attempt this is and what becomes of an error; docs/engines.md
// lists the adapters that fill it in. Package sentrytest is a Sentry server for tests. Package sentryview is a page
// that shows what was reported.
//
// [sentry-go]: https://docs.sentry.io/platforms/go/
package sentryconfig
