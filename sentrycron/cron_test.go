package sentrycron_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/robfig/cron/v3"
	"go.uber.org/goleak"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrycron"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bench is a scheduler whose functions the tests run at once.
type bench struct {
	cron   *cron.Cron
	sentry *sentrytest.Server
	client *sentryconfig.Client
	log    bytes.Buffer
}

func newBench(t *testing.T, opts ...cron.Option) *bench {
	b := &bench{cron: cron.New(opts...), sentry: sentrytest.NewServer(t)}
	client, err := sentryconfig.New(sentryconfig.Options{DSN: b.sentry.DSN(),
		Logger: slog.New(slog.NewTextHandler(&b.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	t.Cleanup(func() { client.Close(time.Minute) })
	return b
}

// add adds run by spec and runs it once.
func (b *bench) add(t *testing.T, spec, slug string, run func(context.Context) error, opts ...sentrycron.Option) {
	t.Helper()
	id, err := sentrycron.AddFunc(b.cron, spec, slug, run, append(opts, sentrycron.WithClient(b.client))...)
	if err != nil {
		t.Fatal(err)
	}
	b.cron.Entry(id).WrappedJob.Run()
	if !b.client.Flush(time.Minute) {
		t.Fatal("not delivered")
	}
}

func succeed(context.Context) error { return nil }

func TestSchedules(t *testing.T) {
	seconds := cron.WithParser(cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month |
		cron.Dow | cron.Descriptor))
	for _, test := range []struct{ spec, schedule, zone string }{
		{"30 4 * * *", "map[type:crontab value:30 4 * * *]", "Asia/Tokyo"},
		{"CRON_TZ=Europe/Berlin 30  4 ? * MON-FRI", "map[type:crontab value:30 4 * * MON-FRI]", "Europe/Berlin"},
		{"TZ=UTC @midnight", "map[type:crontab value:@daily]", "UTC"},
		{"@hourly", "map[type:crontab value:@hourly]", "Asia/Tokyo"},
		{"@every 90m", "map[type:interval unit:minute value:90]", "Asia/Tokyo"},
		{"@every 90s", "", ""},
		{"@every 10s", "", ""},
		{"15 30 4 * * *", "", ""},
	} {
		t.Run(test.spec, func(t *testing.T) {
			tokyo, err := time.LoadLocation("Asia/Tokyo")
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, seconds, cron.WithLocation(tokyo))
			b.add(t, test.spec, "nightly", succeed)
			list := b.sentry.CheckIns()
			if test.schedule == "" {
				if n := strings.Count(b.log.String(), "no monitor"); len(list) > 0 || n != 1 {
					t.Errorf("%d check-ins, log %s", len(list), b.log.String())
				}
				return
			}
			if len(list) != 2 || len(b.sentry.Refused()) > 0 {
				t.Fatalf("%d check-ins, refused %v", len(list), b.sentry.Refused())
			}
			config := list[0].MonitorConfig
			if fmt.Sprint(config["schedule"]) != test.schedule || config["timezone"] != test.zone {
				t.Errorf("monitor %v", config)
			}
		})
	}
}

// TestRuns: each run is a task of its own, whatever becomes of it.
func TestRuns(t *testing.T) {
	for name, test := range map[string]struct {
		run            func(context.Context) error
		level, checkIn string
	}{
		"ok":    {succeed, "", "ok"},
		"error": {func(context.Context) error { return errors.New("disk full") }, "error", "error"},
		"panic": {func(context.Context) error { panic("boom") }, "fatal", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.add(t, "@daily", "nightly", test.run)
			b.add(t, "@daily", "nightly", test.run)
			events, list, runs := b.sentry.Events(), b.sentry.CheckIns(), b.sentry.Transactions()
			if len(list) != 4 || list[1].Status != test.checkIn || list[0].ID != list[1].ID ||
				list[1].ID == list[3].ID || list[1].Duration == 0 {
				t.Errorf("check-ins %+v", list)
			}
			if len(runs) != 2 || runs[0].Contexts["trace"]["trace_id"] == runs[1].Contexts["trace"]["trace_id"] {
				t.Errorf("%d runs", len(runs))
			}
			if (test.level == "") != (len(events) == 0) || len(events) > 0 && events[0].Level != test.level {
				t.Errorf("events %v", events)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.add(t, "@daily", "nightly", func(ctx context.Context) error { return ctx.Err() }, nil,
		sentrycron.WithContext(ctx), sentrycron.WithTimezone("Europe/Paris"),
		sentrycron.WithMonitor(sentry.MonitorConfig{CheckInMargin: 5, MaxRuntime: 30}))
	list := b.sentry.CheckIns()
	b.sentry.RequireNoEvents()
	if len(list) != 1 || list[0].MonitorConfig["timezone"] != "Europe/Paris" ||
		list[0].MonitorConfig["checkin_margin"] != 5.0 {
		t.Errorf("check-ins %+v", list)
	}
	if _, err := sentrycron.AddFunc(b.cron, "nonsense", "nightly", succeed); err == nil || b.log.Len() > 0 {
		t.Errorf("error %v, log %s", err, b.log.String())
	}
}

// TestByTheClock: the scheduler's own runs are reported as well.
func TestByTheClock(t *testing.T) {
	b := newBench(t)
	ran := make(chan struct{}, 1)
	_, err := sentrycron.AddFunc(b.cron, "@every 1s", "often", func(context.Context) error {
		select {
		case ran <- struct{}{}:
		default:
		}
		panic("boom")
	}, sentrycron.WithClient(b.client))
	if err != nil {
		t.Fatal(err)
	}
	b.cron.Start()
	<-ran
	<-b.cron.Stop().Done()
	b.sentry.WaitEvents(1, time.Minute)
}
