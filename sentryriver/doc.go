// Package sentryriver reports the jobs of github.com/riverqueue/river to Sentry by sentryconfig: each job that fails
// for good is one event, its first failed attempt a warning, and each attempt a transaction of Sentry's Queues page, in
// the trace of whoever inserted it.
//
//	reporter := sentryriver.New(sentryriver.Options{})
//	config := reporter.Config(river.Config{Workers: workers, Queues: queues})
//	client, err := river.NewClient(riverpgxv5.New(pool), &config)
//
// A client that only inserts needs the same: the trace travels in the job's metadata, under the key sentry.
//
// # What is reported when
//
// See docs/engines.md of sentryconfig for the table. What River alone would hide: an attempt whose worker was killed is
// reported by the outbox of that worker, and by the attempt that follows River's rescue, under one event ID. A killed
// last attempt, which River discards without telling anybody, is reported by the outbox alone: set Options.OutboxDir to
// a folder that outlives the worker. Kinds without a worker and rows that can't be decoded reach no middleware; they
// are reported by the ErrorHandler that Config sets.
//
// # Shutdown
//
// Stop the river client first, then close the reporter's Client: client.Stop(ctx), then sentryconfig.Close. Jobs that
// River cancels then are cancelled tasks, which it runs again.
package sentryriver
