package compat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// openFiles counts this process's open files, 0 where the system doesn't tell.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// TestNothingOutlivesClose looks for goroutines and open files after Close, with a server that answers, one that hangs
// and one that is away, over both stores, with tasks that still run.
func TestNothingOutlivesClose(t *testing.T) {
	sentrytest.NewServer(t).Close() // the runtime opens files of its own for the first connection
	for name, respond := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"answers": nil,
		"hangs": func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // before that net/http doesn't notice that the client has gone
			<-r.Context().Done()
			return true
		},
		"away": func(int, http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		for _, store := range []string{"memory", "disk"} {
			t.Run(name+"/"+store, func(t *testing.T) {
				files := openFiles()
				server := sentrytest.NewServer(t)
				server.Respond(respond)
				opts := sentryconfig.Options{DSN: server.DSN()}
				if store == "disk" {
					opts.OutboxDir, opts.CrashReports = t.TempDir(), true
				}
				before := goleak.IgnoreCurrent()
				for range 3 {
					if err := sentryconfig.Init(opts); err != nil {
						t.Fatal(err)
					}
					ctx, _ := sentryconfig.CreateTaskSpan(context.Background(), "left_running", 0, 1, nil)
					for range 20 {
						_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "fails"},
							func(context.Context) error { return errors.New("x") })
					}
					sentryconfig.Flush(20 * time.Millisecond)
					sentryconfig.Close(0)
				}
				if err := goleak.Find(before); err != nil { // the server's own end with the connections to it
					t.Error(err)
				}
				server.Close()
				if n := openFiles(); n > files {
					t.Errorf("%d files are open, %d before", n, files)
				}
			})
		}
	}
}
