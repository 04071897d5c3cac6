package sentryconfig

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestNoteEndsWithTheTransaction: the step that stores a task's transaction ends its note, whether the task has a span
// or not: at no moment would a kill lose both, or report both. Where a hook drops the transaction, nobody has ended it.
func TestNoteEndsWithTheTransaction(t *testing.T) {
	for name, test := range map[string]struct {
		asked, drops bool
	}{"plain": {}, "with a span": {asked: true}, "plain, dropped": {drops: true}, "dropped": {true, true}} {
		t.Run(name, func(t *testing.T) {
			server, dir := sentrytest.NewServer(t), t.TempDir()
			server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			})
			opts := Options{DSN: server.DSN(), OutboxDir: dir, ClientOptions: func(o *sentry.ClientOptions) {
				o.BeforeSendTransaction = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
					if test.drops {
						return nil
					}
					return e
				}
			}}
			c := opened(t, opts)
			ctx, task := c.CreateTaskSpan(context.Background(), "short", 0, 1, nil)
			var over bool
			if test.asked {
				sentry.SpanFromContext(ctx)
				over = task.end(sentry.SpanStatusOK, "", task.slot)
			} else {
				over = task.sendWithout(sentry.SpanStatusOK, "", task.slot)
			}
			if over == test.drops {
				t.Errorf("over: %v", over)
			}
			killed := t.TempDir() // what a kill would leave now
			if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			server.Respond(nil)
			opts.OutboxDir = killed
			if next := opened(t, opts); !next.Flush(time.Minute) {
				t.Errorf("Flush: false: %+v", next.Stats())
			}
			interrupted, sent := len(server.Events()), len(server.Transactions())
			if test.drops && (interrupted != 1 || sent != 0) || !test.drops && (interrupted != 0 || sent != 1) {
				t.Errorf("%d interrupted, %d transactions", interrupted, sent)
			}
		})
	}
}

func opened(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(time.Minute) })
	return c
}
