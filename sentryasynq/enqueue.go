package sentryasynq

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"strconv"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
)

const system = "asynq"

// The headers of a task. asynq keeps them through all attempts.
const (
	headerTrace   = sentry.SentryTraceHeader
	headerBaggage = sentry.SentryBaggageHeader
	headerID      = "sentry-task-id" // an ID of ours: asynq tells nobody the task's own when its lease is lost
	headerDue     = "sentry-due"     // when the task may run first, in milliseconds since 1970
)

// NewTask is asynq.NewTask with headers: the trace of ctx, which the worker continues, the time, from which it tells
// how long the task has waited, and an ID by which a lost attempt is known. Give ProcessIn and ProcessAt here rather
// than to Enqueue: the wait begins when the task is due. Make a new task for each time that one is enqueued. Tasks for
// asynq.Scheduler, which enqueues one again and again, are made by asynq.NewTask: each begins a trace of its own.
func NewTask(ctx context.Context, typename string, payload []byte, opts ...asynq.Option) *asynq.Task {
	headers := make(map[string]string, 4)
	maps.Copy(headers, sentryconfig.TraceHeaders(ctx))
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	headers[headerID] = hex.EncodeToString(id[:])
	headers[headerDue] = strconv.FormatInt(dueAt(time.Now(), opts).UnixMilli(), 10)
	return asynq.NewTaskWithHeaders(typename, payload, headers, opts...)
}

// dueAt returns when a task with these options may run first.
func dueAt(now time.Time, opts []asynq.Option) time.Time {
	due := now
	for _, opt := range opts {
		switch v := opt.Value().(type) {
		case time.Time:
			if opt.Type() == asynq.ProcessAtOpt && v.After(now) {
				due = v
			}
		case time.Duration:
			if opt.Type() == asynq.ProcessInOpt && v > 0 {
				due = now.Add(v)
			}
		}
	}
	return due
}

func dueTime(headers map[string]string) (time.Time, bool) {
	ms, err := strconv.ParseInt(headers[headerDue], 10, 64)
	return time.UnixMilli(ms), err == nil && ms > 0
}

// Enqueue is c.EnqueueContext with a span queue.publish, where ctx carries a transaction. Options and errors are
// asynq's.
func Enqueue(ctx context.Context, c *asynq.Client, t *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if sentry.SpanFromContext(ctx) == nil {
		return c.EnqueueContext(ctx, t, opts...)
	}
	span := sentry.StartSpan(ctx, "queue.publish", sentry.WithDescription(t.Type()),
		sentry.WithSpanOrigin("auto.queue."+system))
	defer span.Finish()
	span.SetData("messaging.system", system)
	span.SetData("messaging.message.body.size", len(t.Payload()))
	info, err := c.EnqueueContext(ctx, t, opts...)
	if err != nil {
		span.Status = sentry.SpanStatusInternalError
		return info, err
	}
	span.SetData("messaging.message.id", info.ID)
	span.SetData("messaging.destination.name", info.Queue)
	span.Status = sentry.SpanStatusOK
	return info, nil
}
