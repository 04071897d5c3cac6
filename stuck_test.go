package sentryconfig_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// functionsOf are the functions of a thread's stack, the innermost last.
func functionsOf(th sentrytest.Thread) string {
	var names []string
	for _, f := range th.Frames {
		names = append(names, f.Function)
	}
	return strings.Join(names, " ")
}

// threadsWith returns the threads that have a function on their stack.
func threadsWith(e sentrytest.Event, function string) (threads []sentrytest.Thread) {
	for _, th := range e.Threads {
		if strings.Contains(functionsOf(th), function) {
			threads = append(threads, th)
		}
	}
	return threads
}

//go:noinline
func hangAtHelper(release chan struct{}) { <-release }

//go:noinline
func hangAlone(release chan struct{}) { <-release }

//go:noinline
func unrelatedWork(release chan struct{}) { <-release }

func TestStuck(t *testing.T) {
	opts := sentryconfig.Options{StuckAfter: 10 * time.Minute, TracesSampleRate: sentry.Set(0.0)}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { unrelatedWork(release) })
		wg.Go(func() {
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "backup", Index: 1, Total: 3, Data: "C:"},
				func(ctx context.Context) error {
					client.AddBreadcrumb(ctx, "copying", "", "", nil)
					var helpers sync.WaitGroup
					helpers.Go(func() { hangAtHelper(release) })
					_ = client.RunTask(ctx, sentryconfig.Task{Type: "copy"}, func(context.Context) error {
						hangAlone(release)
						return nil
					})
					helpers.Wait()
					return nil
				})
		})
		time.Sleep(10*time.Minute - time.Second)
		flushClient(t, client)
		if n := len(server.Events()); n != 0 {
			t.Fatalf("%d events before it is stuck", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		flushClient(t, client)
		events := server.WaitEvents(2, time.Minute)
		for _, e := range events {
			taskType := e.Tag("task_type")
			if e.Level != "warning" || e.Message != taskType+": stuck" || e.Transaction != "task."+taskType ||
				fmt.Sprintf("%q", e.Fingerprint) != fmt.Sprintf("%q", []string{taskType, "task_stuck"}) {
				t.Errorf("event %s", e.Raw)
			}
			if len(threadsWith(e, "hangAlone")) != 1 || len(threadsWith(e, "hangAtHelper")) != 1 ||
				len(threadsWith(e, "unrelatedWork")) != 0 || !strings.Contains(functionsOf(e.Threads[0]), "hangAlone") {
				for _, th := range e.Threads {
					t.Log(th.Name, functionsOf(th))
				}
				t.Errorf("%d threads of %s", len(e.Threads), taskType)
			}
		}
		outer := events[0]
		task := outer.Contexts["task"]
		if outer.Tag("task_type") != "backup" || task["data"] != "C:" || fmt.Sprint(task["index"]) != "1" ||
			task["began"] != "2000-01-01T00:00:00Z" || task["stuck_after"] != "10m" ||
			fmt.Sprint(task["running"]) != "[map[type:copy]]" ||
			len(outer.Breadcrumbs) != 1 || outer.Breadcrumbs[0].Message != "copying" {
			t.Errorf("event %s", outer.Raw)
		}
		time.Sleep(time.Hour)
		close(release)
		wg.Wait()
		flushClient(t, client)
		if n := len(server.Events()); n != 2 {
			t.Errorf("%d events of two stuck tasks", n)
		}
	})
}

// Tasks that are done in time are no trouble, however many run one after another; nor is there any without the limit.
func TestNotStuck(t *testing.T) {
	for _, after := range []time.Duration{0, time.Minute} {
		opts := sentryconfig.Options{StuckAfter: after, TracesSampleRate: sentry.Set(0.0)}
		inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
			for range 10 {
				_, span := client.CreateTaskSpan(t.Context(), "quick", 0, 0, nil)
				time.Sleep(59 * time.Second)
				span.Finish()
			}
			_, span := client.CreateTaskSpan(t.Context(), "slow", 0, 0, nil)
			time.Sleep(time.Hour)
			span.Finish()
			flushClient(t, client)
			if n, want := len(server.Events()), map[bool]int{true: 1}[after > 0]; n != want {
				t.Errorf("StuckAfter %v: %d events, want %d", after, n, want)
			}
		})
	}
}

// Workers side by side run one function: the stack is that of the one that hangs.
func TestStuckAmongMany(t *testing.T) {
	opts := sentryconfig.Options{StuckAfter: time.Minute, TracesSampleRate: sentry.Set(0.0)}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		release := make(chan struct{})
		var wg sync.WaitGroup
		work := func(hang func(chan struct{})) {
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "work"}, func(context.Context) error {
				hang(release)
				return nil
			})
		}
		for i := range 9 {
			wg.Go(func() {
				if i == 4 {
					work(hangAlone)
					return
				}
				time.Sleep(30 * time.Second) // these began later
				work(unrelatedWork)
			})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		flushClient(t, client)
		e := server.WaitEvents(1, time.Minute)[0]
		if len(e.Threads) != 1 || len(threadsWith(e, "hangAlone")) != 1 ||
			!strings.Contains(string(e.Raw), `"current":true`) {
			t.Errorf("%d threads: %s", len(e.Threads), e.Raw)
		}
		close(release)
		wg.Wait()
	})
}

type machine struct{ release chan struct{} }

func (m *machine) clean(context.Context) error { <-m.release; return nil }

//go:noinline
func beginElsewhere(client *sentryconfig.Client, ctx context.Context) *sentryconfig.TaskSpan {
	_, span := client.CreateTaskSpan(ctx, "elsewhere", 0, 0, nil)
	return span
}

// The function of a task is known by a method value, and by who called CreateTaskSpan; where it has returned, all
// goroutines are shown.
func TestStuckFunctions(t *testing.T) {
	opts := sentryconfig.Options{StuckAfter: time.Minute, TracesSampleRate: sentry.Set(0.0)}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { unrelatedWork(release) })
		wg.Go(func() {
			_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "method"}, (&machine{release}).clean)
		})
		wg.Go(func() {
			_, span := client.CreateTaskSpan(t.Context(), "span", 0, 0, nil)
			defer span.Finish()
			hangAlone(release)
		})
		wg.Go(func() {
			defer beginElsewhere(client, t.Context()).Finish()
			hangAtHelper(release)
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		flushClient(t, client)
		for _, e := range server.WaitEvents(3, time.Minute) {
			want := map[string]string{
				"method": "(*machine).clean", "span": "hangAlone", "elsewhere": "hangAtHelper"}[e.Tag("task_type")]
			all := e.Tag("task_type") == "elsewhere"
			if len(threadsWith(e, want)) != 1 ||
				(len(threadsWith(e, "unrelatedWork")) == 1) != all || !all && len(e.Threads) != 1 {
				for _, th := range e.Threads {
					t.Log(th.Name, functionsOf(th))
				}
				t.Errorf("%s: %d threads", e.Tag("task_type"), len(e.Threads))
			}
		}
		close(release)
		wg.Wait()
	})
}

// StuckAfter holds at run time for tasks that run already; one that was switched off isn't reported, nor after Close.
func TestStuckReconfigured(t *testing.T) {
	opts := sentryconfig.Options{TracesSampleRate: sentry.Set(0.0)}
	inBubble(t, opts, func(t *testing.T, client *sentryconfig.Client, server *sentrytest.Server) {
		opts.DSN = server.DSN()
		_, early := client.CreateTaskSpan(t.Context(), "early", 0, 0, nil)
		defer early.Finish()
		time.Sleep(time.Hour)
		opts.StuckAfter = 2 * time.Hour
		if err := client.Reconfigure(opts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		_, off := client.CreateTaskSpan(t.Context(), "off", 0, 0, nil)
		defer off.Finish()
		client.SetEnabled(false)
		client.SetEnabled(true)
		_, later := client.CreateTaskSpan(t.Context(), "later", 0, 0, nil)
		defer later.Finish()
		opts.StuckAfter = 20 * time.Minute
		if err := client.Reconfigure(opts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		_, last := client.CreateTaskSpan(t.Context(), "last", 0, 0, nil)
		defer last.Finish()
		client.Close(time.Minute)
		time.Sleep(time.Hour)
		var types []string
		for _, e := range server.Events() {
			types = append(types, e.Tag("task_type"))
		}
		if fmt.Sprint(types) != "[later]" {
			t.Errorf("stuck: %v", types)
		}
	})
}
