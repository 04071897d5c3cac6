package recipes

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/autoservice/sentryconfig"
)

// PublishMsg publishes to JetStream with the trace of ctx.
func PublishMsg(ctx context.Context, js jetstream.JetStream, subject string, data []byte) error {
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{}}
	for key, value := range sentryconfig.TraceHeaders(ctx) {
		m.Header.Set(key, value)
	}
	_, err := js.PublishMsg(ctx, m)
	return err
}

// Consume makes a task of each message of a consumer, whose MaxDeliver is maxDeliver.
func Consume(c jetstream.Consumer, maxDeliver int, run func(context.Context, jetstream.Msg) error) (
	jetstream.ConsumeContext, error) {
	return c.Consume(func(m jetstream.Msg) {
		job := &sentryconfig.Job{System: "nats", MaxAttempts: maxDeliver, Size: len(m.Data()),
			Trace: m.Headers().Get("sentry-trace"), Baggage: m.Headers().Get("baggage")}
		if meta, err := m.Metadata(); err == nil {
			job.Queue, job.ID = meta.Stream, fmt.Sprint(meta.Stream, "/", meta.Sequence.Stream)
			job.Attempt = int(meta.NumDelivered)
			if job.Attempt == 1 {
				job.Wait = time.Since(meta.Timestamp)
			}
		}
		err := sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: m.Subject(), Job: job},
			func(ctx context.Context) error { return run(ctx, m) })
		if err != nil {
			_ = m.Nak() // it is delivered again anyway, only later
			return
		}
		_ = m.Ack() // as above
	})
}
