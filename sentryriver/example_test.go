package sentryriver_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A worker: what River does with a job is done by hand here, for want of a PostgreSQL.
func ExampleNew() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
		fmt.Println(err)
	}
	defer sentryconfig.Close(10 * time.Second)

	reporter := sentryriver.New(sentryriver.Options{})
	config := reporter.Config(river.Config{}) // for river.NewClient
	fmt.Println(len(config.Middleware), "middleware")

	job := &rivertype.JobRow{ID: 17, Kind: "send_mail", Queue: "default", Attempt: 5, MaxAttempts: 5,
		ScheduledAt: time.Now()}
	fmt.Println(reporter.Work(context.Background(), job,
		func(context.Context) error { return errors.New("mailbox full") }))
	sentryconfig.Flush(10 * time.Second)
	for _, e := range server.Events() {
		fmt.Println(e.Level, e.Contexts["task"]["id"], e.Fingerprint)
	}
	// Output:
	// 1 middleware
	// mailbox full
	// error 17 [send_mail mailbox full]
}
