package sentryconfig_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// newClient makes a Client that reports to a server of its own.
func newClient(t *testing.T, opts sentryconfig.Options) (*sentryconfig.Client, *sentrytest.Server) {
	t.Helper()
	server := newServer(t)
	opts.DSN = server.DSN()
	client, err := sentryconfig.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(time.Minute) })
	return client, server
}

func flushClient(t *testing.T, client *sentryconfig.Client) {
	t.Helper()
	if !client.Flush(time.Minute) {
		t.Fatalf("Flush = false; stats %+v", client.Stats())
	}
}

// Each event and transaction reaches its own server, whatever the others do, in one folder or in memory.
func TestClientsSideBySide(t *testing.T) {
	shared := t.TempDir()
	for _, dir := range []string{"", shared} {
		t.Run(map[bool]string{true: "memory", false: "disk"}[dir == ""], func(t *testing.T) {
			const clients, tasks = 4, 25
			var wg sync.WaitGroup
			for i := range clients {
				name := fmt.Sprintf("client%d", i)
				client, server := newClient(t, sentryconfig.Options{OutboxDir: dir})
				wg.Go(func() {
					for range tasks {
						_ = client.RunTask(t.Context(), sentryconfig.Task{Type: name}, func(ctx context.Context) error {
							client.AddBreadcrumb(ctx, name, "", "", nil)
							return errors.New(name)
						})
					}
					if !client.Flush(time.Minute) {
						t.Errorf("%s: Flush = false; stats %+v", name, client.Stats())
					}
					for _, e := range append(server.WaitEvents(tasks, 0), server.WaitTransactions(tasks, 0)...) {
						if e.Tags["task_type"] != name || len(e.Breadcrumbs) > 1 {
							t.Errorf("event of %s, with %d breadcrumbs, at the server of %s", e.Tags["task_type"],
								len(e.Breadcrumbs), name)
						}
					}
					if n := len(server.Events()) + len(server.Transactions()); n != 2*tasks {
						t.Errorf("%s has %d events and transactions, want %d", name, n, 2*tasks)
					}
				})
			}
			wg.Wait()
		})
	}
}

// Two Clients of one DSN and one folder share what is there, and each can be closed and made again.
func TestClientsOfOneDSN(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	opts := sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}
	want := make(map[string]bool)
	for round := range 3 {
		var open []*sentryconfig.Client
		for range 3 {
			client, err := sentryconfig.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, client)
			want[string(client.CaptureTaskFailure(t.Context(), "x", fmt.Sprint(round), nil, nil))] = true
		}
		for _, client := range open {
			if !client.Close(time.Minute) {
				t.Errorf("Close = false; stats %+v", client.Stats())
			}
		}
	}
	for _, e := range server.WaitEvents(len(want), time.Minute) {
		delete(want, e.ID)
	}
	if len(want) > 0 {
		t.Errorf("not arrived: %v", want)
	}
}

// A method reports to its Client; a package-level function to that of the task, and without one to the default.
func TestWhoseClient(t *testing.T) {
	standard := start(t, sentryconfig.Options{})
	a, serverA := newClient(t, sentryconfig.Options{})
	b, serverB := newClient(t, sentryconfig.Options{})
	background := context.Background()

	inA, taskA := a.CreateTaskSpan(background, "a", 0, 0, nil)
	inB, taskB := b.CreateTaskSpan(inA, "b", 0, 0, nil)
	sentryconfig.CaptureTaskFailure(background, "", "to the default", nil, nil)
	sentryconfig.CaptureTaskFailure(inA, "", "to a", nil, nil)
	sentryconfig.CaptureTaskFailure(inB, "", "to b", nil, nil)
	a.CaptureTaskFailure(inB, "", "method of a", nil, nil) // its own task is farther out in ctx
	b.CaptureTaskFailure(inA, "", "method of b", nil, nil)
	slog.New(sentryconfig.NewLogHandler(nil)).InfoContext(inB, "logged")
	slog.New(a.NewLogHandler(nil)).InfoContext(inB, "logged to a")
	_ = sentryconfig.RunTask(inA, sentryconfig.Task{Type: "inner"}, func(ctx context.Context) error {
		if sentryconfig.TaskSpanFromContext(ctx) == taskA {
			t.Error("no task of its own")
		}
		return errors.New("x")
	})
	sentryconfig.CaptureTaskFailure(inB, "", "second to b", nil, nil)
	a.CaptureTaskFailure(inA, "", "second to a", nil, nil)
	taskB.Finish()
	taskA.Finish()
	flush(t)
	flushClient(t, a)
	flushClient(t, b)
	for name, check := range map[string]struct {
		server             *sentrytest.Server
		want, transactions []string
	}{
		"default": {standard, []string{"unknown: to the default"}, nil},
		"a":       {serverA, []string{"a: to a", "a: method of a", "", "a: second to a"}, []string{"task.a"}},
		"b":       {serverB, []string{"b: to b", "unknown: method of b", "b: second to b"}, []string{"task.b"}},
	} {
		var got, transactions []string
		for _, e := range inOrder(check.server.Events()) {
			got = append(got, e.Message)
		}
		for _, e := range check.server.Transactions() {
			transactions = append(transactions, e.Transaction)
		}
		if fmt.Sprint(got) != fmt.Sprint(check.want) || fmt.Sprint(transactions) != fmt.Sprint(check.transactions) {
			t.Errorf("%s: %q and %q, want %q and %q", name, got, transactions, check.want, check.transactions)
		}
	}
	for name, e := range map[string]sentrytest.Event{"logged to a": inOrder(serverA.Events())[3],
		"logged": inOrder(serverB.Events())[2]} {
		if len(e.Breadcrumbs) != 1 || e.Breadcrumbs[0].Message != name {
			t.Errorf("breadcrumbs %v, want %q", e.Breadcrumbs, name)
		}
	}
	if outer, inner := serverA.Transactions()[0],
		serverB.Transactions()[0]; outer.Contexts["trace"]["trace_id"] != inner.Contexts["trace"]["trace_id"] {
		t.Error("b's task doesn't continue the trace of a's")
	}
}

// Tests run in parallel, each with a Client of its own, while the code under test calls package-level functions.
func TestParallel(t *testing.T) {
	runTask := func(ctx context.Context, name string) error { // the code under test
		sentryconfig.AddBreadcrumb(ctx, "step of "+name, "", "", nil)
		return sentryconfig.RunTask(ctx, sentryconfig.Task{Type: name}, func(ctx context.Context) error {
			sentryconfig.AddBreadcrumb(ctx, "inner step of "+name, "", "", nil)
			return &sentryconfig.TaskFailure{Reason: "out of order"}
		})
	}
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			client, server := newClient(t, sentryconfig.Options{})
			ctx, span := client.CreateTaskSpan(t.Context(), "test", 0, 0, nil)
			name := fmt.Sprintf("task%d", i)
			if err := runTask(ctx, name); err == nil {
				t.Error("no error")
			}
			span.Finish()
			flushClient(t, client)
			e := server.WaitEvents(1, 0)[0]
			if e.Message != name+": out of order" || len(e.Breadcrumbs) != 2 || len(server.Events()) != 1 ||
				len(server.Transactions()) != 1 {
				t.Errorf("%q with %d breadcrumbs, %d events, %d transactions", e.Message, len(e.Breadcrumbs),
					len(server.Events()),
					len(server.Transactions()))
			}
		})
	}
}

// A task begins with none of the breadcrumbs of others: those may be about other customers.
func TestTaskBeginsWithoutBreadcrumbs(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	for i := range 3 {
		slog.New(sentryconfig.NewLogHandler(nil)).Info("between tasks")
		sentry.AddBreadcrumb(&sentry.Breadcrumb{Message: "by sentry-go"})
		_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "x", Index: i},
			func(ctx context.Context) error {
				sentryconfig.AddBreadcrumb(ctx, "own", "", "", nil)
				inner := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "y"}, func(ctx context.Context) error {
					return errors.New("inner")
				})
				return errors.Join(inner, errors.New("x"))
			})
	}
	flush(t)
	for _, e := range server.WaitEvents(6, 0) {
		if len(e.Breadcrumbs) != 1 || e.Breadcrumbs[0].Message != "own" {
			t.Errorf("event of %s has breadcrumbs %v", e.Tags["task_type"], e.Breadcrumbs)
		}
	}
}

// A nil Client and one without a DSN report nothing; the latter says why.
func TestNothingToReportTo(t *testing.T) {
	var none *sentryconfig.Client
	log := new(recorder)
	silent, err := sentryconfig.New(sentryconfig.Options{Logger: slog.New(log), OutboxDir: t.TempDir(),
		CrashReports: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.text(), "no DSN") {
		t.Errorf("logged %q", log.text())
	}
	if err := silent.Stats().LastError; err == nil || !strings.Contains(err.Error(), "$SENTRY_DSN") {
		t.Errorf("LastError is %v", err)
	}
	for name, client := range map[string]*sentryconfig.Client{"nil": none, "zero": {}, "without a DSN": silent} {
		ran := false
		client.SetEnabled(true)
		if id := client.CaptureTaskException(t.Context(), errors.New("x"), "", nil, nil); id != "" {
			t.Errorf("%s: ID %s", name, id)
		}
		if id := client.CaptureTaskFailure(nil, "", "", nil, nil); id != "" { //nolint:staticcheck // nil works
			t.Errorf("%s: ID %s", name, id)
		}
		ctx, span := client.CreateTaskSpan(nil, "", 0, 0, nil) //nolint:staticcheck // as above
		if ctx == nil || span != nil {
			t.Errorf("%s: context %v, span %v", name, ctx, span)
		}
		err := client.RunTask(t.Context(), sentryconfig.Task{}, func(context.Context) error { ran = true; panic("x") })
		if te := (*sentryconfig.TaskError)(nil); !ran || !errors.As(err, &te) || te.EventID != "" {
			t.Errorf("%s: RunTask: %v", name, err)
		}
		client.AddBreadcrumb(t.Context(), "x", "", "", nil)
		slog.New(client.NewLogHandler(nil)).Info("x")
		if !client.Flush(time.Minute) {
			t.Errorf("%s: Flush = false", name)
		}
	}
	for _, client := range []*sentryconfig.Client{none, {}} {
		if err := client.Reconfigure(sentryconfig.Options{}); err == nil {
			t.Error("a Client that isn't there was reconfigured")
		}
	}
	for _, span := range []*sentryconfig.TaskSpan{nil, {}} {
		span.SetTag("a", "b")
		span.SetData("a", 1)
		span.SetStatus(sentry.SpanStatusOK)
		span.Finish()
	}
	if !none.Close(0) || !silent.Close(0) || !silent.Close(0) {
		t.Error("Close = false")
	}
}

// A forgotten variable doesn't send a program's data to a project that isn't its own.
func TestDSNs(t *testing.T) {
	server := newServer(t)
	builtIn := sentryconfig.DefaultDSN
	t.Cleanup(func() { sentryconfig.DefaultDSN = builtIn })
	for _, test := range []struct {
		name              string
		option, environ   string
		set               bool // $SENTRY_DSN
		byDefault         string
		reports, explains bool
	}{
		{name: "nothing", byDefault: builtIn, explains: true},
		{name: "default, built in", option: "default", byDefault: builtIn, explains: true}, // this is a test binary
		{name: "default of the environment, built in", environ: "default", set: true, byDefault: builtIn, explains: true},
		{name: "the built-in value by itself", option: builtIn, byDefault: builtIn, explains: true},
		{name: "the program's own default", byDefault: server.DSN(), reports: true},
		{name: "asked for", option: "default", byDefault: server.DSN(), reports: true},
		{name: "asked for by the environment", environ: "default", set: true, byDefault: server.DSN(), reports: true},
		{name: "switched off by the environment", set: true, byDefault: server.DSN(), explains: true},
		{name: "the option wins", option: " " + server.DSN() + " ", set: true, byDefault: builtIn, reports: true},
		{name: "of the environment", environ: server.DSN(), set: true, byDefault: builtIn, reports: true},
		{name: "no default", byDefault: "", explains: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.set {
				t.Setenv("SENTRY_DSN", test.environ)
			}
			sentryconfig.DefaultDSN = test.byDefault
			if err := sentryconfig.Init(sentryconfig.Options{DSN: test.option}); err != nil {
				t.Fatal(err)
			}
			defer sentryconfig.Close(time.Minute)
			id := sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
			if (id != "") != test.reports || (sentryconfig.ReadStats().LastError != nil) != test.explains {
				t.Errorf("ID %q, LastError %v", id, sentryconfig.ReadStats().LastError)
			}
		})
	}
}

func TestDefaultClient(t *testing.T) {
	if sentryconfig.Default() != nil {
		t.Fatal("a default Client before Init")
	}
	a, serverA := newClient(t, sentryconfig.Options{})
	b, serverB := newClient(t, sentryconfig.Options{})
	t.Cleanup(func() { sentryconfig.SetDefault(nil) })
	for _, client := range []*sentryconfig.Client{a, b, a} {
		sentryconfig.SetDefault(client)
		if sentryconfig.Default() != client {
			t.Error("Default is another")
		}
		sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	}
	if sentry.CurrentHub().Client().IsEnabled() {
		t.Error("New has bound sentry.CurrentHub")
	}
	flushClient(t, a)
	flushClient(t, b)
	if a, b := len(serverA.Events()), len(serverB.Events()); a != 2 || b != 1 {
		t.Errorf("%d and %d events, want 2 and 1", a, b)
	}
	if err := sentryconfig.Init(sentryconfig.Options{DSN: serverB.DSN()}); !errors.Is(err,
		sentryconfig.ErrInitialized) {
		t.Errorf("Init beside a default Client: %v", err)
	}
	if !sentryconfig.Close(time.Minute) || sentryconfig.Default() != nil {
		t.Error("Close left the default Client")
	}
	if stats := sentryconfig.ReadStats(); stats.Delivered != 2 {
		t.Errorf("after Close: %+v", stats)
	}
	if id := a.CaptureTaskFailure(t.Context(), "x", "y", nil, nil); id != "" {
		t.Error("a closed Client captures")
	}
	if id := b.CaptureTaskFailure(t.Context(), "x", "y", nil, nil); id == "" {
		t.Error("Close has closed another Client, too")
	}
}

func TestOneCrashOutput(t *testing.T) {
	first, server := newClient(t, sentryconfig.Options{OutboxDir: t.TempDir(), CrashReports: true})
	second := sentryconfig.Options{DSN: server.DSN(), OutboxDir: t.TempDir(), CrashReports: true}
	if _, err := sentryconfig.New(second); err == nil || !strings.Contains(err.Error(), "CrashReports") {
		t.Errorf("a second one with CrashReports: %v", err)
	}
	first.Close(time.Minute)
	client, err := sentryconfig.New(second)
	if err != nil {
		t.Fatalf("once the first is closed: %v", err)
	}
	client.Close(0)
}

func TestReconfigure(t *testing.T) {
	log := new(recorder)
	dir := t.TempDir()
	client, server := newClient(t, sentryconfig.Options{OutboxDir: dir, Logger: slog.New(log)})
	opts := sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}
	must := func(change func(*sentryconfig.Options)) {
		t.Helper()
		change(&opts)
		if err := client.Reconfigure(opts); err != nil {
			t.Fatal(err)
		}
	}
	capture := func() sentrytest.Event {
		t.Helper()
		before := len(server.Events())
		err := fmt.Errorf("pin=%d: %w", before, errors.ErrUnsupported)
		client.CaptureTaskException(t.Context(), err, "x", map[string]any{"pin": "open-sesame"}, nil)
		flushClient(t, client)
		return server.WaitEvents(before+1, 0)[before]
	}
	transaction := func() bool {
		t.Helper()
		before := len(server.Transactions())
		_, span := client.CreateTaskSpan(t.Context(), "x", 0, 0, nil)
		span.Finish()
		flushClient(t, client)
		return len(server.Transactions()) > before
	}

	sentryconfig.AwaitMachine(client)
	if e := capture(); e.Contexts["process"]["cmdline"] == nil || e.User["username"] == nil ||
		!strings.Contains(string(e.Raw), "open-sesame") {
		t.Errorf("at first: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.SendPII = sentry.Set(false) })
	sentryconfig.AwaitMachine(client)
	e := capture()
	if e.Contexts["process"]["pid"] == nil || e.Contexts["process"]["cmdline"] != nil || e.User["username"] != nil ||
		e.ServerName != "" {
		t.Errorf("without personal data: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.SendPII = sentry.Set(true) })
	sentryconfig.AwaitMachine(client)
	if e := capture(); e.Contexts["process"]["cmdline"] == nil || e.ServerName == "" {
		t.Errorf("with personal data again: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.SecretKeys = []string{"pin"} })
	if e := capture(); strings.Contains(string(e.Raw), "open-sesame") {
		t.Errorf("a secret: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.SendSystemInfo = sentry.Set(false) })
	if e := capture(); e.Contexts["process"] != nil {
		t.Errorf("without the system: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.SendSystemInfo = sentry.Set(true) })
	sentryconfig.AwaitMachine(client)
	if e := capture(); e.Contexts["process"] == nil {
		t.Errorf("with the system again: %s", e.Raw)
	}
	must(func(o *sentryconfig.Options) { o.ErrorClass = func(error) string { return "mine" } })
	if e := capture(); e.Tags["error_type"] != "mine" {
		t.Errorf("class %q", e.Tags["error_type"])
	}
	if !transaction() {
		t.Error("no transaction at a rate of 1")
	}
	must(func(o *sentryconfig.Options) { o.TracesSampleRate = sentry.Set(0.0) })
	if transaction() {
		t.Error("a transaction at a rate of 0")
	}
	must(func(o *sentryconfig.Options) { o.Enabled = sentry.Set(false) })
	if client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil) != "" {
		t.Error("captured while off")
	}
	must(func(o *sentryconfig.Options) { o.Enabled = sentry.Set(true) })
	capture()

	for name, change := range map[string]func(*sentryconfig.Options){
		"DSN":          func(o *sentryconfig.Options) { o.DSN = "http://0123@sentry.invalid/1" },
		"Environment":  func(o *sentryconfig.Options) { o.Environment = "staging" },
		"Release":      func(o *sentryconfig.Options) { o.Release = "a@2" },
		"OutboxDir":    func(o *sentryconfig.Options) { o.OutboxDir = "" },
		"OutboxBytes":  func(o *sentryconfig.Options) { o.OutboxBytes = 1 << 20 },
		"CrashReports": func(o *sentryconfig.Options) { o.CrashReports = true },
		"TracesSampleRate is 7": func(o *sentryconfig.Options) {
			o.TracesSampleRate = sentry.Set(7.0)
		},
		"MaxPerMinute is -1": func(o *sentryconfig.Options) { o.MaxPerMinute = -1 },
		"StuckAfter is -1s":  func(o *sentryconfig.Options) { o.StuckAfter = -time.Second },
		"Alerts[1].Window is 0s": func(o *sentryconfig.Options) {
			o.Alerts = []sentryconfig.Alert{{Window: time.Hour}, {}}
		},
		"Alerts[0].MinRuns is -1": func(o *sentryconfig.Options) {
			o.Alerts = []sentryconfig.Alert{{Window: time.Hour, MinRuns: -1}}
		},
		"Alerts[0].MaxFailureRate is 60": func(o *sentryconfig.Options) {
			o.Alerts = []sentryconfig.Alert{{Window: time.Hour, MaxFailureRate: 60}}
		},
	} {
		other := opts
		other.Enabled = sentry.Set(false)
		change(&other)
		if err := client.Reconfigure(other); err == nil || !strings.Contains(err.Error(), name) ||
			!strings.HasPrefix(err.Error(), "sentryconfig: ") {
			t.Errorf("%s: %v", name, err)
		}
		if client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil) == "" {
			t.Errorf("%s: something was changed all the same", name)
		}
	}
}

// What waits with personal data is not sent once the user has withdrawn it.
func TestReconfigureWhileEventsWait(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		client, server := newClient(t, sentryconfig.Options{OutboxDir: dir})
		server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		client.CaptureTaskFailure(t.Context(), "x", "before", nil, nil)
		for client.Stats().LastError == nil { // until it was tried once, and waits
			runtime.Gosched()
		}
		opts := sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir, SendPII: sentry.Set(false)}
		if err := client.Reconfigure(opts); err != nil {
			t.Fatal(err)
		}
		id := client.CaptureTaskFailure(t.Context(), "x", "after", nil, nil)
		server.Respond(nil)
		client.Flush(time.Minute)
		if events := server.WaitEvents(1, time.Minute); len(events) != 1 || events[0].ID != string(id) {
			t.Errorf("%d events, the first %q; want one of ID %s", len(events), events[0].Message, id)
		}
		if n := client.Stats().DroppedBy["before_send"]; n != 1 {
			t.Errorf("dropped %v, want 1 before_send", client.Stats().DroppedBy)
		}
	}
}

// What ClientOptions took away stays away.
func TestReconfigureUnderClientOptions(t *testing.T) {
	client, server := newClient(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.SendDefaultPII = false //nolint:staticcheck // what hosts set
		o.TracesSampleRate = 0
	}})
	if err := client.Reconfigure(sentryconfig.Options{DSN: server.DSN(), SecretKeys: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	_ = client.RunTask(t.Context(), sentryconfig.Task{Type: "x"},
		func(context.Context) error { return errors.New("x") })
	flushClient(t, client)
	if e := server.WaitEvents(1, 0)[0]; e.User["username"] != nil || e.Contexts["process"]["cmdline"] != nil ||
		len(server.Transactions()) > 0 {
		t.Errorf("personal data or a transaction: %s", e.Raw)
	}
}

// Stats are for health pages, which write them as JSON.
func TestStatsJSON(t *testing.T) {
	client, _ := newClient(t, sentryconfig.Options{DSN: "x"})
	client.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
	stats := client.Stats()
	for _, err := range []error{nil, errors.New("the disk is full")} {
		stats.LastError = err
		text, jsonErr := json.Marshal(map[string]any{"sentry": stats})
		var got struct {
			Sentry struct {
				Captured  int
				DroppedBy map[string]int
				LastError *string
			}
		}
		if jsonErr != nil || json.Unmarshal(text, &got) != nil || got.Sentry.Captured != 1 ||
			got.Sentry.DroppedBy == nil {
			t.Errorf("%s, %v", text, jsonErr)
		}
		if err == nil != (got.Sentry.LastError == nil) || err != nil && *got.Sentry.LastError != err.Error() {
			t.Errorf("%s", text)
		}
	}
}

// callbacks are all that a user can hand over, each of which calls the whole API, panics, or both.
func callbacks(f func()) sentryconfig.Options {
	return sentryconfig.Options{
		Expected:   func(error) bool { f(); return false },
		ErrorClass: func(error) string { f(); return "" },
		Logger:     slog.New(callbackHandler{f}),
		ClientOptions: func(o *sentry.ClientOptions) {
			o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { f(); return e }
			o.BeforeSendTransaction = o.BeforeSend
			o.BeforeBreadcrumb = func(b *sentry.Breadcrumb,
				_ *sentry.BreadcrumbHint) *sentry.Breadcrumb {
				f()
				return b
			}
			o.TracesSampler = func(sentry.SamplingContext) float64 { f(); return 1 }
		},
	}
}

type callbackHandler struct{ f func() }

func (h callbackHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h callbackHandler) Handle(context.Context, slog.Record) error { h.f(); return nil }
func (h callbackHandler) WithAttrs([]slog.Attr) slog.Handler        { h.f(); return h }
func (h callbackHandler) WithGroup(string) slog.Handler             { h.f(); return h }

// No callback of the user's can hang a call by calling back, nor bring the program down by a panic.
func TestCallbacks(t *testing.T) {
	for name, end := range map[string]func(){"return": func() {}, "panic": func() { panic("callback") }} {
		t.Run(name, func(t *testing.T) {
			server, dir := newServer(t), t.TempDir()
			var client *sentryconfig.Client
			var mu sync.Mutex
			inside := false
			opts := callbacks(func() {
				mu.Lock()
				again, c := inside, client
				inside = true
				mu.Unlock()
				if again {
					return
				}
				defer func() {
					mu.Lock()
					inside = false
					mu.Unlock()
				}()
				_ = sentryconfig.Init(sentryconfig.Options{})
				sentryconfig.Close(0)
				_, _ = c.Stats(), c.Reconfigure(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir})
				c.CaptureTaskFailure(context.Background(), "callback", "x", nil, nil)
				_ = c.RunTask(context.Background(), sentryconfig.Task{Type: "callback"},
					func(context.Context) error { return errors.New("x") })
				c.AddBreadcrumb(context.Background(), "x", "", "", nil)
				c.Flush(0)
				c.SetEnabled(true)
				_ = sentryconfig.PurgeOutbox(t.TempDir())
				end()
			})
			opts.DSN, opts.OutboxDir = server.DSN(), dir
			made, err := sentryconfig.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			client = made
			mu.Unlock()
			for range 3 {
				err := made.RunTask(t.Context(), sentryconfig.Task{Type: "x"}, func(ctx context.Context) error {
					made.AddBreadcrumb(ctx, "x", "", "", nil)
					slog.New(made.NewLogHandler(nil)).InfoContext(ctx, "x")
					return errors.New("x")
				})
				if te := (*sentryconfig.TaskError)(nil); !errors.As(err, &te) || te.EventID == "" {
					t.Errorf("RunTask: %#v", err)
				}
			}
			made.Close(time.Minute)
			n := 0
			for _, e := range server.Events() {
				if e.Tags["task_type"] == "x" {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%d events, want 3", n)
			}
		})
	}
}

// A recorder is a Logger's handler that keeps what it gets.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := rec.Level.String() + " " + rec.Message
	rec.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	r.lines = append(r.lines, line)
	return nil
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}
