// Package compare measures this module beside others that report errors: what the caller of a capture waits, and what
// arrives of a burst. It is a module of its own, so that nobody inherits what it is compared with.
//
//	go test -run '^$' -bench . -benchtime 100x .
//	go run ./burst
package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"time"

	"github.com/bugsnag/bugsnag-go/v2"
	"github.com/getsentry/sentry-go"
	"github.com/honeybadger-io/honeybadger-go"
	"github.com/rollbar/rollbar-go"

	"github.com/autoservice/sentryconfig"
)

// A Tool reports errors, by the defaults of its makers. It may be started once in a process.
type Tool struct {
	// Start has errors sent to the server at url by means of transport; nil is the tool's own.
	Start func(url string, transport http.RoundTripper) error
	// Capture reports an error with some data of a task, as an expected one of a program.
	Capture func(error)
	// Flush waits until what can be sent is sent, at most a minute.
	Flush func()
}

// Data is what goes with each error, where a tool takes that.
var Data = map[string]any{"drive": "C:", "limit": 10, "apply": true, "paths": []string{"a", "b", "c"}}

// ErrExample is what is captured.
var ErrExample = fmt.Errorf("read settings: %w", errors.New("no such setting"))

const (
	key     = "0123456789abcdef0123456789abcdef"
	release = "compare@1"
)

var quiet = log.New(io.Discard, "", 0)

// Names are the tools that New knows, ours first.
var Names = []string{"sentryconfig", "sentryconfig on disk", "sentry-go", "rollbar-go", "honeybadger-go", "bugsnag-go"}

// New returns the tool of that name. Dir is for what it keeps on disk.
func New(name, dir string) *Tool {
	switch name {
	case "sentryconfig":
		return ours("")
	case "sentryconfig on disk":
		return ours(dir)
	case "sentry-go":
		return plainSentry(nil)
	case "rollbar-go":
		return rollbarTool()
	case "honeybadger-go":
		return honeybadgerTool()
	case "bugsnag-go":
		return bugsnagTool()
	}
	return nil
}

func sentryDSN(url string) string { return "http://" + key + "@" + url[len("http://"):] + "/1" }

func ours(dir string) *Tool {
	var client *sentryconfig.Client
	return &Tool{
		Start: func(url string, transport http.RoundTripper) (err error) {
			client, err = sentryconfig.New(sentryconfig.Options{
				DSN: sentryDSN(url), Release: release, Environment: "compare", OutboxDir: dir,
				ClientOptions: func(o *sentry.ClientOptions) { o.HTTPTransport = transport },
			})
			return err
		},
		Capture: func(err error) { client.CaptureTaskException(context.Background(), err, "compare", Data, nil) },
		Flush:   func() { client.Flush(time.Minute) },
	}
}

// plainSentry is sentry-go with the contexts that this module adds, which it has in hand; a nil transport is its
// default.
func plainSentry(transport sentry.Transport) *Tool {
	var hub *sentry.Hub
	return &Tool{
		Start: func(url string, rt http.RoundTripper) error {
			contexts, err := systemContexts()
			if err != nil {
				return err
			}
			client, err := sentry.NewClient(sentry.ClientOptions{Dsn: sentryDSN(url), Release: release,
				Environment: "compare", Transport: transport, HTTPTransport: rt})
			if err != nil {
				return err
			}
			hub = sentry.NewHub(client, sentry.NewScope())
			for name, c := range contexts {
				hub.Scope().SetContext(name, c)
			}
			return nil
		},
		Capture: func(err error) {
			hub.WithScope(func(scope *sentry.Scope) {
				scope.SetTags(map[string]string{"task_type": "compare", "error_type": "x",
					"environment_detected": "development", "os_name": "Linux"})
				scope.SetContext("task", sentry.Context{"task_type": "compare", "data": Data})
				scope.SetFingerprint([]string{"compare", "x"})
				hub.CaptureException(err)
			})
		},
		Flush: func() { hub.Flush(time.Minute) },
	}
}

// systemContexts are those that this module gives an event on this machine.
func systemContexts() (map[string]sentry.Context, error) {
	mock := &sentry.MockTransport{}
	client, err := sentryconfig.New(sentryconfig.Options{DSN: sentryDSN("http://sentry.invalid"),
		ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }})
	if err != nil {
		return nil, err
	}
	defer client.Close(0)
	client.CaptureTaskFailure(context.Background(), "x", "y", nil, nil)
	contexts := maps.Clone(mock.Events()[0].Contexts)
	delete(contexts, "trace")
	delete(contexts, "task")
	return contexts, nil
}

func rollbarTool() *Tool {
	var client *rollbar.Client
	return &Tool{
		Start: func(url string, transport http.RoundTripper) error {
			client = rollbar.NewAsync(key, "compare", release, "", "")
			client.SetEndpoint(url + "/api/1/item/")
			if transport != nil {
				client.SetHTTPClient(&http.Client{Transport: transport})
			}
			client.SetLogger(&rollbar.SilentClientLogger{})
			client.Transport.SetPrintPayloadOnError(false)
			return nil
		},
		Capture: func(err error) { client.ErrorWithExtras(rollbar.ERR, err, maps.Clone(Data)) },
		Flush:   func() { client.Wait() },
	}
}

func honeybadgerTool() *Tool {
	var client *honeybadger.Client
	return &Tool{
		Start: func(url string, transport http.RoundTripper) error {
			before := http.DefaultTransport
			if transport != nil {
				http.DefaultTransport = transport // it takes no other
			}
			client = honeybadger.New(honeybadger.Configuration{APIKey: key, Env: "compare", Endpoint: url,
				Logger: quiet})
			http.DefaultTransport = before
			return nil
		},
		Capture: func(err error) { _, _ = client.Notify(err, honeybadger.Context(Data)) },
		Flush:   func() { client.Flush() },
	}
}

func bugsnagTool() *Tool {
	var notifier *bugsnag.Notifier
	last := make(chan struct{}, 1)
	return &Tool{
		Start: func(url string, transport http.RoundTripper) error {
			if transport == nil {
				transport = http.DefaultTransport
			}
			bugsnag.Configure(bugsnag.Configuration{APIKey: key, ReleaseStage: "compare", AppVersion: release,
				Endpoints: bugsnag.Endpoints{Notify: url, Sessions: url + "/sessions"}, AutoCaptureSessions: false,
				Transport: flushed{transport, last}, Logger: quiet, PanicHandler: func() {}})
			notifier = bugsnag.New()
			return nil
		},
		Capture: func(err error) { _ = notifier.Notify(err, bugsnag.MetaData{"task": Data}) },
		// It has no way to wait: what it holds is sent once a marker behind it is, which its queue must have room for.
		Flush: func() {
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
				_ = notifier.Notify(errors.New(marker))
				select {
				case <-last:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		},
	}
}

const marker = "the last one before a Flush"

// flushed is a transport that tells of a marker and keeps it from the server.
type flushed struct {
	http.RoundTripper
	last chan struct{}
}

func (f flushed) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte(marker)) {
		select {
		case f.last <- struct{}{}:
		default:
		}
		return Discard{}.RoundTrip(r)
	}
	return f.RoundTripper.RoundTrip(withBody(r, body))
}
