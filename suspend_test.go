package sentryconfig

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
)

// A machine that was suspended for hours doesn't make every task stuck, on systems whose clock goes on meanwhile.
func TestSuspendedIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mock := &sentry.MockTransport{}
		client, err := New(Options{DSN: "http://0123456789abcdef0123456789abcdef@sentry.invalid/1",
			StuckAfter: 10 * time.Minute, TracesSampleRate: sentry.Set(0.0),
			ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close(time.Minute)
		const night = 3 * time.Hour
		fellAsleep := time.Now().Add(5 * time.Minute)
		client.clock = clock.New(func() time.Duration { return min(max(time.Since(fellAsleep), 0), night) })
		_, span := client.CreateTaskSpan(t.Context(), "backup", 0, 0, nil)
		defer span.Finish()
		time.Sleep(night + 10*time.Minute - time.Second)
		synctest.Wait()
		if n := len(mock.Events()); n != 0 {
			t.Fatalf("%d events of a task that has worked for 10 minutes less a second", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(mock.Events()); n != 1 {
			t.Fatalf("%d events of a task that has worked for 10 minutes", n)
		}
		if began := mock.Events()[0].Contexts["task"]["began"]; began != "2000-01-01T00:00:00Z" {
			t.Errorf("began %v", began)
		}
	})
}
