package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// A task that runs isn't taken for an interrupted one while other Clients come and go in its folder.
func TestClientsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	server := newServer(t)
	mk := func() *sentryconfig.Client {
		c, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := mk()
	ctx, span := a.CreateTaskSpan(t.Context(), "long", 0, 1, nil)
	for i := range 5 {
		b := mk()
		bctx, bspan := b.CreateTaskSpan(ctx, fmt.Sprint("b", i), 0, 1, nil)
		_ = b.RunTask(bctx, sentryconfig.Task{Type: "in b"}, func(context.Context) error { return errors.New("b") })
		if !b.Flush(time.Minute) {
			t.Errorf("%+v", b.Stats())
		}
		c := mk()
		c.CaptureTaskFailure(t.Context(), "c", "c", nil, nil)
		c.Close(time.Minute)
		bspan.Finish()
		b.Close(time.Minute)
	}
	sentryconfig.AddBreadcrumb(ctx, "x", "", "", nil)
	span.Finish()
	if !a.Close(time.Minute) {
		t.Errorf("%+v", a.Stats())
	}
	n := map[string]int{}
	for _, e := range server.Events() {
		n[e.Title()]++
	}
	for _, e := range server.Transactions() {
		n[e.Transaction]++
	}
	if len(n) != 2+1+5 || n["c: c"] != 5 || n["task.long"] != 1 {
		t.Error(n)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
		t.Error(left)
	}
}

// Clients that share a folder, inside bubbles and outside, side by side.
func TestParallelInBubbles(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			body := func(t *testing.T) {
				for round := range 3 {
					c, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir})
					if err != nil {
						t.Fatal(err)
					}
					_ = c.RunTask(t.Context(), sentryconfig.Task{Type: fmt.Sprint("t", i)},
						func(ctx context.Context) error {
							sentryconfig.AddBreadcrumb(ctx, "crumb", "", "", nil)
							var wg sync.WaitGroup
							for k := range 3 {
								wg.Go(func() {
									_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: fmt.Sprint("t", i)},
										func(ctx context.Context) error {
											s := sentry.StartSpan(ctx, "s")
											defer s.Finish()
											return fmt.Errorf("inner%c", 'a'+k)
										})
								})
							}
							wg.Wait()
							return errors.New("outer")
						})
					if round == 1 && i%3 == 0 {
						c.SetEnabled(false)
						c.SetEnabled(true)
					}
					if !c.Close(time.Minute) {
						t.Errorf("%+v", c.Stats())
					}
				}
			}
			if i%2 == 0 {
				synctest.Test(t, body)
			} else {
				body(t)
			}
			if n, m := len(server.Events()), len(server.Transactions()); n != 12 || m != 3 {
				t.Errorf("%d events, %d transactions", n, m)
			}
			for _, e := range server.Events() {
				if e.Tags["task_type"] != fmt.Sprint("t", i) || len(e.Breadcrumbs) != 1 {
					t.Errorf("%v %v", e.Tags, e.Breadcrumbs)
				}
			}
			for _, tx := range server.Transactions() {
				if len(tx.Spans) != 6 {
					t.Errorf("%d spans", len(tx.Spans))
				}
			}
		})
	}
}

// Clients that share a folder are closed in any order, and the default one by its own method.
func TestCloseInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	server := newServer(t)
	mk := func() *sentryconfig.Client {
		c, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := 0
	for i := range 6 {
		cs := []*sentryconfig.Client{mk(), mk(), mk()}
		for _, c := range cs {
			if c.CaptureTaskFailure(context.Background(), "x", "y", nil, nil) != "" {
				want++
			}
		}
		ctx, span := cs[0].CreateTaskSpan(context.Background(), "open", 0, 1, nil)
		order := [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}[i]
		for n, k := range order {
			if !cs[k].Close(time.Minute) {
				t.Errorf("Close %v %d: %+v", order, n, cs[k].Stats())
			}
		}
		if id := sentryconfig.CaptureTaskFailure(ctx, "", "late", nil, nil); id != "" {
			t.Error("captured with a task of a closed Client")
		}
		span.SetTag("a", "b")
		span.Finish()
		sentryconfig.SetDefault(cs[0])
		sentryconfig.CaptureTaskFailure(context.Background(), "", "late", nil, nil)
		if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()}); err != nil {
			t.Errorf("Init after the default Client was closed by its method: %v", err)
		}
		if sentryconfig.CaptureTaskFailure(context.Background(), "x", "default", nil, nil) != "" {
			want++
		}
		sentryconfig.Close(time.Minute)
		sentryconfig.SetDefault(nil)
	}
	if got := len(server.Events()); got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
