package recipes

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/autoservice/sentryconfig"
)

// Publish gives messages the trace of ctx.
func Publish(ctx context.Context, p message.Publisher, topic string, messages ...*message.Message) error {
	for _, m := range messages {
		for key, value := range sentryconfig.TraceHeaders(ctx) {
			m.Metadata.Set(key, value)
		}
	}
	return p.Publish(topic, messages...)
}

// Middleware is a Watermill middleware that makes a task of each message. Put it above middleware.Retry: a message that
// fails here has used up its retries there.
func Middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) (produced []*message.Message, err error) {
		job := &sentryconfig.Job{System: "watermill", Queue: message.SubscribeTopicFromCtx(m.Context()), ID: m.UUID,
			Attempt: 1, MaxAttempts: 1, Size: len(m.Payload),
			Trace: m.Metadata.Get("sentry-trace"), Baggage: m.Metadata.Get("baggage")}
		task := sentryconfig.Task{Type: message.HandlerNameFromCtx(m.Context()), Job: job}
		failed := sentryconfig.RunTask(m.Context(), task, func(ctx context.Context) (err error) {
			m.SetContext(ctx)
			produced, err = h(m)
			return err
		})
		var of *sentryconfig.TaskError
		if errors.As(failed, &of) {
			return produced, of.Err
		}
		return produced, failed
	}
}
