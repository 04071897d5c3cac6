package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// The examples of docs/grouping.md.

// An HTTPError is an answer of a server other than success.
type HTTPError struct {
	URL    string
	Status int
}

func (e *HTTPError) Error() string   { return fmt.Sprintf("GET %s: HTTP status %d", e.URL, e.Status) }
func (e *HTTPError) StatusCode() int { return e.Status }

func fetch(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch prices: %w", &HTTPError{url, resp.StatusCode})
	}
	return nil
}

// A QueryError says which query failed; its code is what the database says.
type QueryError struct {
	Query string
	Code  string // SQLSTATE
	Err   error
}

func (e *QueryError) Error() string { return "query " + e.Query + ": " + e.Err.Error() }
func (e *QueryError) Unwrap() error { return e.Err }

// ErrQuotaExceeded says that the customer's plan allows no more.
var ErrQuotaExceeded = errors.New("quota exceeded")

// offlineServer answers without a network.
type offlineServer func(*http.Request) (*http.Response, error)

func (f offlineServer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func Example_groupingByCode() {
	server, stop := exampleServer()
	defer stop()
	ctx := context.Background()

	for _, status := range []int{401, 503, 503} {
		client := &http.Client{Transport: offlineServer(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}, nil
		})}
		err := fetch(client, "https://example.com/prices")
		sentryconfig.CaptureTaskException(ctx, err, "prices", nil, nil)
	}
	err := &QueryError{Query: "insert user", Code: "23505", Err: errors.New("duplicate key")}
	sentryconfig.CaptureTaskException(ctx, err, "import", nil, nil)

	sentryconfig.Flush(10 * time.Second)
	for _, issue := range server.Issues() {
		fmt.Println(len(issue.Events), "x", issue.Fingerprint)
	}
	// Unordered output:
	// 1 x [prices sentryconfig_test.HTTPError 401]
	// 2 x [prices sentryconfig_test.HTTPError 503]
	// 1 x [import sentryconfig_test.QueryError 23505]
}

func Example_groupingByHand() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	err := sentryconfig.Init(sentryconfig.Options{
		DSN: server.DSN(),
		ErrorClass: func(err error) string {
			if err == ErrQuotaExceeded {
				return "quota exceeded"
			}
			return "" // leaves it to the package
		},
		Expected: func(err error) bool {
			return errors.Is(err, context.Canceled)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sentryconfig.Close(10 * time.Second)
	ctx := context.Background()

	err = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "disk"}, func(context.Context) error {
		return &sentryconfig.TaskFailure{Reason: "disk C: at 97 %", Code: "disk_full"}
	})
	fmt.Println(err)
	err = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "upload"}, func(ctx context.Context) error {
		sentry.GetHubFromContext(ctx).Scope().SetFingerprint([]string{"upload", "customer's server"})
		return errors.New("the server said: come back tomorrow")
	})
	fmt.Println(err)
	sentryconfig.CaptureTaskException(ctx, fmt.Errorf("upload: %w", ErrQuotaExceeded), "upload", nil, nil)

	sentryconfig.Flush(10 * time.Second)
	for _, issue := range server.Issues() {
		fmt.Printf("%q\n", issue.Fingerprint)
	}
	// Unordered output:
	// disk: disk C: at 97 %
	// upload: the server said: come back tomorrow
	// ["disk" "task_failure" "disk_full"]
	// ["upload" "customer's server"]
	// ["upload" "quota exceeded"]
}
