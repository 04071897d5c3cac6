package sentrycron_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrycron"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func ExampleAddFunc() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
		fmt.Println(err)
	}
	defer sentryconfig.Close(10 * time.Second)

	c := cron.New()
	id, err := sentrycron.AddFunc(c, "CRON_TZ=Europe/Berlin 30 4 * * *", "nightly-backup",
		func(context.Context) error { return errors.New("disk full") })
	if err != nil {
		fmt.Println(err)
	}
	c.Entry(id).WrappedJob.Run() // as the scheduler does at half past four

	sentryconfig.Flush(10 * time.Second)
	for _, issue := range server.Issues() {
		fmt.Println(issue.Title)
	}
	for _, checkIn := range server.CheckIns() {
		fmt.Println(checkIn.MonitorSlug, checkIn.Status)
	}
	// Output:
	// error: disk full
	// nightly-backup in_progress
	// nightly-backup error
}
