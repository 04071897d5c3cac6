// Package sentryconfig reports the errors and failed tasks of a service runner to Sentry: a program that works through
// tasks, one after another or side by side. Every error is grouped by what went wrong in which kind of task and comes
// with the steps before it and the state of the machine; every task comes with its duration.
//
// Five calls are its heart:
//
//	[Init]                  once, at the start
//	[CreateTaskSpan]        around each task
//	[AddBreadcrumb]         for the steps of a task
//	[CaptureTaskException]  for an error that ended or disturbed a task
//	[CaptureTaskFailure]    for a task that ran to its end and found things not as they should be
//
// [RunTask] combines the last four. [NewLogHandler] makes breadcrumbs of what a program logs with log/slog anyway. Only
// these calls, and sentry-go's own, make events: nothing is hooked into the program behind its back.
//
// What is captured is kept in an outbox until the server has taken it; with Options.OutboxDir, on disk, across restarts.
// No call waits for the network. No call panics, with whatever values and in whatever order, before [Init] or after
// [Close]. Secrets are filtered from everything that leaves; see Options.SendPII for personal data.
//
// Where tasks come from a task engine, a [Job] in the [Task] says which attempt this is and what becomes of an error;
// docs/engines.md names the adapters that fill it in.
//
// Package sentrytest has a Sentry server for tests.
package sentryconfig
