// Package sentryasynq reports the tasks of github.com/hibiken/asynq to Sentry by sentryconfig: each task that fails for
// good is one event, its first failed attempt a warning, and each attempt a transaction of Sentry's Queues page, in the
// trace of whoever enqueued it.
//
//	reporter := sentryasynq.New(sentryasynq.Options{})
//	srv := asynq.NewServer(redis, reporter.Config(asynq.Config{Concurrency: 10}))
//	mux := asynq.NewServeMux()
//	mux.Use(reporter.Middleware)
//
// On the other side a task is made by [NewTask], which is asynq.NewTask with the trace of its context, and enqueued by
// [Enqueue], or by asynq's own client.
//
// # What is reported when
//
// See docs/engines.md of sentryconfig for the table. What asynq alone would hide: a deadline or a lease that is over is
// reported at that moment, while the handler still runs. An attempt whose worker was killed is reported by the outbox
// of that worker, and by whichever server finds its lost lease, under one event ID. A killed last attempt, which asynq
// archives without telling anybody, is reported by the outbox alone, and so is a task without our ID in its headers:
// set Options.OutboxDir to a folder that outlives the worker.
//
// # Shutdown
//
// Shut the server down first, then close the reporter's Client: srv.Shutdown(), then sentryconfig.Close. Handlers that
// still run when the server gives up waiting are cancelled tasks, which asynq runs again.
package sentryasynq
