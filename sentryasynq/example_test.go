package sentryasynq_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A worker: what asynq does with a task is done by hand here, for want of a Redis.
func ExampleNew() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
		fmt.Println(err)
	}
	defer sentryconfig.Close(10 * time.Second)

	reporter := sentryasynq.New(sentryasynq.Options{})
	_ = reporter.Config(asynq.Config{Concurrency: 10}) // for asynq.NewServer
	mux := asynq.NewServeMux()
	mux.Use(reporter.Middleware)
	mux.HandleFunc("send_mail", func(context.Context, *asynq.Task) error {
		return fmt.Errorf("no such customer: %w", asynq.SkipRetry)
	})

	task := sentryasynq.NewTask(context.Background(), "send_mail", []byte(`{"customer": 17}`))
	fmt.Println(mux.ProcessTask(context.Background(), task))
	sentryconfig.Flush(10 * time.Second)
	for _, issue := range server.Issues() {
		fmt.Println(issue.Title, issue.Fingerprint)
	}
	// Output:
	// no such customer: skip retry for the task
	// error: no such customer [send_mail no such customer]
}

// The enqueuing side: the worker continues the trace of ctx.
func ExampleEnqueue() {
	enqueue := func(ctx context.Context, client *asynq.Client) error {
		task := sentryasynq.NewTask(ctx, "send_mail", []byte(`{"customer": 17}`), asynq.MaxRetry(5))
		_, err := sentryasynq.Enqueue(ctx, client, task, asynq.Queue("mail"))
		return err
	}
	client := asynq.NewClient(asynq.RedisClientOpt{Network: "unix", Addr: "/nowhere"})
	defer client.Close()
	fmt.Println(enqueue(context.Background(), client) != nil)
	// Output: true
}
