package sentryconfig_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// A continued trace keeps its decision whatever the rate is, at run time too, and errors are never sampled away.
func TestSampling(t *testing.T) {
	const trace = "0123456789abcdef0123456789abcdef-0123456789abcdef"
	for name, test := range map[string]struct {
		rate      float64
		header    string // sentry-trace; "" begins a trace
		reported  bool
		continued bool
	}{
		"all":                                {1, "", true, false},
		"none":                               {0, "", false, false},
		"sampled, at a rate of 0":            {0, trace + "-1", true, true},
		"not sampled, at a rate of 1":        {1, trace + "-0", false, true},
		"not decided, at a rate of 1":        {1, trace, true, true},
		"not decided, at a rate of 0":        {0, trace, false, true},
		"a header that is none of ours":      {1, "x", true, false},
		"a header that is none, at a rate 0": {0, "x", false, false},
	} {
		for _, when := range []string{"from the start", "reconfigured"} {
			t.Run(name+"/"+when, func(t *testing.T) {
				opts := sentryconfig.Options{TracesSampleRate: sentry.Set(test.rate)}
				if when == "reconfigured" {
					opts.TracesSampleRate = sentry.Set(1 - test.rate)
				}
				client, server := newClient(t, opts)
				opts.DSN, opts.TracesSampleRate = server.DSN(), sentry.Set(test.rate)
				if err := client.Reconfigure(opts); err != nil {
					t.Fatal(err)
				}
				task := sentryconfig.Task{Type: "backup"}
				if test.header != "" {
					task.SpanOptions = []sentry.SpanOption{sentry.ContinueFromHeaders(test.header, "")}
				}
				err := client.RunTask(t.Context(), task, func(ctx context.Context) error {
					_ = client.RunTask(ctx, sentryconfig.Task{Type: "inner"},
						func(context.Context) error { return nil })
					return errors.New("x")
				})
				var failed *sentryconfig.TaskError
				if !errors.As(err, &failed) || failed.EventID == "" {
					t.Errorf("error %v has no event", err)
				}
				flushClient(t, client)
				e := server.WaitEvents(1, time.Minute)[0]
				if id := e.Contexts["trace"]["trace_id"]; (id == trace[:32]) != test.continued {
					t.Errorf("the event's trace is %v", id)
				}
				list := server.Transactions()
				if (len(list) == 1) != test.reported {
					t.Fatalf("%d transactions", len(list))
				}
				if !test.reported {
					return
				}
				continued := list[0].Contexts["trace"]["trace_id"] == trace[:32]
				if continued != test.continued || len(list[0].Spans) != 1 {
					t.Errorf("transaction %s", list[0].Raw)
				}
			})
		}
	}
}
