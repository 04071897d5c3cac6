package sentryconfig_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		runChild(role)
		return
	}
	for _, env := range os.Environ() { // what the machine says must not change what the tests see
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "SENTRY_") ||
			strings.HasPrefix(name, "AUTOSERVICE_") {
			_ = os.Unsetenv(name)
		}
	}
	code := m.Run()
	if code == 0 {
		sentryconfig.Close(time.Second)
		if leaked := leakedGoroutines(); leaked != "" {
			println("goroutines outlive the tests:\n" + leaked)
			code = 1
		}
	}
	os.Exit(code)
}

// leakedGoroutines waits until no goroutine runs code of ours or of sentry-go, for at most five seconds, and returns
// the stacks of those that still do.
func leakedGoroutines() string {
	deadline := time.Now().Add(time.Minute)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var leaked []string
		for i, g := range strings.Split(string(buf), "\n\n") {
			if i > 0 && (strings.Contains(g, "autoservice/sentryconfig") ||
				strings.Contains(g, "getsentry/sentry-go")) {
				leaked = append(leaked, g)
			}
		}
		if len(leaked) == 0 {
			return ""
		}
		if time.Now().After(deadline) {
			return strings.Join(leaked, "\n\n")
		}
		runtime.Gosched()
	}
}

// newServer makes a server at which nothing may go wrong that the test doesn't ask for.
func newServer(t *testing.T) *sentrytest.Server {
	t.Helper()
	server := sentrytest.NewServer(t)
	t.Cleanup(func() {
		for _, err := range server.Refused() {
			t.Error(err)
		}
	})
	return server
}

// start makes a server and initialises the package to report to it.
func start(t *testing.T, opts sentryconfig.Options) *sentrytest.Server {
	t.Helper()
	server := newServer(t)
	initialise(t, server, opts)
	return server
}

func initialise(t *testing.T, server *sentrytest.Server, opts sentryconfig.Options) {
	t.Helper()
	opts.DSN = server.DSN()
	if err := sentryconfig.Init(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sentryconfig.Close(time.Minute)
		checkForms(t, server)
	})
}

// inOrder sorts what arrived by its time: later events pass one that a busy machine takes long to deliver.
func inOrder(events []sentrytest.Event) []sentrytest.Event {
	slices.SortStableFunc(events, func(a, b sentrytest.Event) int { return a.Time.Compare(b.Time) })
	return events
}

// one waits for exactly one event.
func one(t *testing.T, server *sentrytest.Server) sentrytest.Event {
	t.Helper()
	flush(t)
	events := server.WaitEvents(1, time.Minute)
	if len(events) != 1 {
		t.Fatalf("got %d events, want 1", len(events))
	}
	return events[0]
}

func flush(t *testing.T) {
	t.Helper()
	if !sentryconfig.Flush(time.Minute) {
		t.Fatalf("Flush = false; stats %+v", sentryconfig.ReadStats())
	}
}

func TestInitErrors(t *testing.T) {
	dsn := "http://0123456789abcdef0123456789abcdef@sentry.invalid/1"
	for _, test := range []struct {
		name string
		opts sentryconfig.Options
		want string
	}{
		{"DSN without key", sentryconfig.Options{DSN: "https://sentry.invalid/1"}, "Options.DSN is not a Sentry DSN"},
		{"DSN not a URL", sentryconfig.Options{DSN: "::"}, "Options.DSN"},
		{"DSN with a doubled slash", sentryconfig.Options{DSN: dsn[:len(dsn)-1] + "/1"}, "doubled slash"},
		{"DSN with a port that there is not", sentryconfig.Options{DSN: "https://key@sentry.invalid:65536/1"}, "port"},
		{"sample rate too high", sentryconfig.Options{DSN: dsn, TracesSampleRate: sentry.Set(1.5)}, "TracesSampleRate is 1.5"},
		{"sample rate negative", sentryconfig.Options{DSN: dsn, TracesSampleRate: sentry.Set(-0.1)}, "TracesSampleRate"},
		{"environment with slash", sentryconfig.Options{DSN: dsn, Environment: "a/b"}, "environment"},
		{"environment None", sentryconfig.Options{DSN: dsn, Environment: "None"}, "environment"},
		{"environment too long", sentryconfig.Options{DSN: dsn, Environment: strings.Repeat("x", 65)}, "environment"},
		{"release with line break", sentryconfig.Options{DSN: dsn, Release: "a\nb"}, "release"},
		{"relative outbox", sentryconfig.Options{DSN: dsn, OutboxDir: "outbox"}, "absolute"},
		{"crash reports without outbox", sentryconfig.Options{DSN: dsn, CrashReports: true}, "OutboxDir"},
		{"negative room", sentryconfig.Options{DSN: dsn, OutboxBytes: -1}, "OutboxBytes"},
		{"panicking hook", sentryconfig.Options{DSN: dsn, ClientOptions: func(*sentry.ClientOptions) { panic("boom") }}, "boom"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := sentryconfig.Init(test.opts)
			if err == nil {
				sentryconfig.Close(0)
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q doesn't say %q", err, test.want)
			}
			if strings.Contains(err.Error(), "0123456789abcdef") {
				t.Errorf("error %q shows the key", err)
			}
		})
	}
}

func TestInitTwice(t *testing.T) {
	server := start(t, sentryconfig.Options{Release: "a@1", Environment: "production"})
	same := sentryconfig.Options{DSN: server.DSN(), Release: "a@1", Environment: "production"}
	if err := sentryconfig.Init(same); err != nil {
		t.Errorf("the same again: %v", err)
	}
	other := same // TestEveryOption has the others
	other.Release = "a@2"
	if err := sentryconfig.Init(other); !errors.Is(err, sentryconfig.ErrInitialized) {
		t.Errorf("another release: %v, want ErrInitialized", err)
	}
	if !sentryconfig.Close(time.Minute) {
		t.Error("Close = false")
	}
	if !sentryconfig.Close(time.Minute) {
		t.Error("second Close = false")
	}
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), Release: "a@2"}); err != nil {
		t.Errorf("after Close: %v", err)
	}
	id := sentryconfig.CaptureTaskException(t.Context(), errors.New("again"), "x", nil, nil)
	if e := one(t, server); e.ID != string(id) || e.Release != "a@2" {
		t.Errorf("event %s of release %q, want %s of a@2", e.ID, e.Release, id)
	}
}

// Every call works, or does nothing, in any order and with nothing.
func TestNothingPanics(t *testing.T) {
	calls := func() {
		for _, ctx := range []context.Context{nil, context.Background(), expired()} {
			sentryconfig.CaptureTaskException(ctx, nil, "", nil, nil)
			sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", nil, nil)
			sentryconfig.CaptureTaskFailure(ctx, "", "", nil, nil)
			sentryconfig.AddBreadcrumb(ctx, "", "", "", nil)
			_, span := sentryconfig.CreateTaskSpan(ctx, "", -1, 0, nil, nil)
			span.SetTag("", "")
			span.SetData("", nil)
			span.SetStatus(sentry.SpanStatusOK)
			span.Finish()
			span.Finish()
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{}, nil)
			_ = sentryconfig.RunTask(ctx, sentryconfig.Task{}, func(context.Context) error { return nil })
			sentryconfig.TaskSpanFromContext(ctx).Finish()
		}
		sentryconfig.ReadStats()
		slog.New(sentryconfig.NewLogHandler(nil)).Info("x", "k", make(chan int))
	}
	calls()
	sentryconfig.Flush(0)
	start(t, sentryconfig.Options{})
	calls()
	flush(t)
	sentryconfig.Close(time.Minute)
	calls()
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestReleaseDefaults(t *testing.T) {
	for _, test := range []struct{ name, sentry, version, want string }{
		{"SENTRY_RELEASE", "svc@7", "1.2", "svc@7"},
		{"AUTOSERVICE_VERSION", "", "1.2", "autoservice@1.2"},
		{"a branch", "feature/x", "", "feature-x"},
		{"a path", ` a\b` + "\n", "", "a-b"},
		{"a name that Sentry reserves", "latest", "1.2", "autoservice@1.2"},
		{"a version of a branch", "", " v1/x ", "autoservice@v1-x"},
		{"too long", strings.Repeat("x", 300), "", strings.Repeat("x", 200)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SENTRY_RELEASE", test.sentry)
			t.Setenv("AUTOSERVICE_VERSION", test.version)
			server := start(t, sentryconfig.Options{})
			sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
			if e := one(t, server); e.Release != test.want {
				t.Errorf("release %q, want %q", e.Release, test.want)
			}
		})
	}
}

func TestOffRecordsNothing(t *testing.T) {
	server := start(t, sentryconfig.Options{Enabled: sentry.Set(false)})
	ctx := context.Background()
	if id := sentryconfig.CaptureTaskException(ctx, errors.New("x"), "x", nil, nil); id != "" {
		t.Errorf("ID %q while off", id)
	}
	got, span := sentryconfig.CreateTaskSpan(ctx, "x", 0, 1, nil)
	if got != ctx || span != nil {
		t.Error("CreateTaskSpan while off returns something of its own")
	}
	sentry.CaptureMessage("plain sentry-go")
	err := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "p"}, func(context.Context) error { panic("boom") })
	var p *sentryconfig.PanicError
	if !errors.As(err, &p) || p.Value != "boom" || len(p.Stack) == 0 {
		t.Errorf("RunTask while off: %v, want a PanicError with a stack", err)
	}
	sentryconfig.SetEnabled(true)
	id := sentryconfig.CaptureTaskException(ctx, errors.New("on"), "x", nil, nil)
	if e := one(t, server); e.ID != string(id) {
		t.Errorf("got %s, want only %s", e.ID, id)
	}
}

func TestEnabledVariable(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	sentryconfig.Enabled = false
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "while off", nil, nil)
	sentryconfig.Enabled = true
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "while on", nil, nil)
	if e := one(t, server); e.Message != "x: while on" {
		t.Errorf("message %q", e.Message)
	}
}

// A task that was off at any time is dropped whole, and switching races with nothing.
func TestSwitchWhileTasksRun(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	_, span := sentryconfig.CreateTaskSpan(t.Context(), "half", 0, 1, nil)
	sentryconfig.SetEnabled(false)
	sentryconfig.SetEnabled(true)
	span.Finish()
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 200 {
				_ = sentryconfig.RunTask(context.Background(), sentryconfig.Task{Type: "whole"},
					func(ctx context.Context) error {
						if sentryconfig.TaskSpanFromContext(ctx) != nil { // else it would be a transaction of its own
							child := sentry.StartSpan(ctx, "exec")
							sentryconfig.AddBreadcrumb(ctx, "step", "", "", nil)
							child.Finish()
						}
						return nil
					})
			}
		}()
	}
	for i := range 200 {
		sentryconfig.SetEnabled(i%2 == 1)
	}
	for range 8 {
		<-done
	}
	sentryconfig.SetEnabled(true)
	flush(t)
	for _, tx := range server.Transactions() {
		if tx.Transaction != "task.whole" {
			t.Errorf("transaction %q arrived", tx.Transaction)
		}
		if n := len(tx.Spans); n != 1 {
			t.Errorf("a transaction has %d spans, want 1: it was half-way off", n)
		}
	}
}

func TestOffCallsAreFree(t *testing.T) {
	start(t, sentryconfig.Options{Enabled: sentry.Set(false)})
	ctx, err := context.Background(), errors.New("x")
	for name, call := range map[string]func(){
		"CaptureTaskException": func() { sentryconfig.CaptureTaskException(ctx, err, "x", nil, nil) },
		"CaptureTaskFailure":   func() { sentryconfig.CaptureTaskFailure(ctx, "x", "y", nil, nil) },
		"CreateTaskSpan":       func() { _, s := sentryconfig.CreateTaskSpan(ctx, "x", 0, 1, nil); s.Finish() },
		"AddBreadcrumb":        func() { sentryconfig.AddBreadcrumb(ctx, "x", "y", sentry.LevelInfo, nil) },
	} {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s: %v allocations while off", name, n)
		}
	}
}

func TestLoadOptions(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "app_settings.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	opts, err := sentryconfig.LoadOptions(write("\xef\xbb\xbf" + `{"other": 1, "sentry_enabled": true, "sentry": {
		"send_default_pii": false, "traces_sample_rate": 0.25, "environment": "prod", "dsn": "http://k@h.invalid/1", "release": "r",
		"outbox_dir": "/o", "crash_reports": true, "outbox_bytes": 5, "secret_keys": ["pin"], "max_per_minute": 9,
		"stuck_after": "1h30m", "alerts": [{"task_type": "backup", "window": "15m", "min_runs": 10, "max_failure_rate": 0.5}, {"window": "1h"}],
		"unknown": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if !opts.Enabled.Or(false) || opts.SendPII.Or(true) || opts.TracesSampleRate.Or(1) != 0.25 ||
		opts.Environment != "prod" ||
		opts.DSN != "http://k@h.invalid/1" || opts.Release != "r" || opts.OutboxDir != "/o" || !opts.CrashReports ||
		opts.OutboxBytes != 5 || len(opts.SecretKeys) != 1 || opts.SendSystemInfo.IsSet ||
		opts.MaxPerMinute != 9 || opts.StuckAfter != 90*time.Minute || !slices.Equal(opts.Alerts, []sentryconfig.Alert{
		{TaskType: "backup", Window: 15 * time.Minute, MinRuns: 10, MaxFailureRate: 0.5}, {Window: time.Hour}}) {
		t.Errorf("read %+v", opts)
	}
	for _, test := range []struct{ name, text, want string }{
		{"broken", `{"sentry": {`, "unexpected end"},
		{"wrong type", `{"sentry": {"send_default_pii": "no"}}`, `"send_default_pii"`},
		{"wrong switch", `{"sentry_enabled": "no"}`, `sentry_enabled`},
		{"wrong section", `{"sentry": []}`, "object"},
		{"nothing", " null\n", "object"},
		{"mistyped switch", `{"sentry_enable": false}`, `did you mean "sentry_enabled"`},
		{"switch in another case", `{"Sentry-Enabled": false}`, `did you mean "sentry_enabled"`},
		{"switch with a letter changed", `{"sentry_enebled": false}`, `did you mean "sentry_enabled"`},
		{"switch with two letters swapped", `{"sentry_enabeld": false}`, `did you mean "sentry_enabled"`},
		{"section in another case", `{"Sentry": {"enabled": false}}`, `did you mean "sentry"`},
		{"mistyped in the section", `{"sentry": {"send_pii": false}}`, `"send_pii": did you mean "send_default_pii"`},
		{"another notation", `{"sentry": {"sendDefaultPii": false}}`, `did you mean "send_default_pii"`},
		{"the field's own name", `{"sentry": {"SendPII": false}}`, `did you mean "send_default_pii"`},
		{"words by their case", `{"sentry": {"sendSysInfo": false}}`, `did you mean "send_system_info"`},
		{"a list", `[]`, "want a JSON object, not a JSON array"},
		{"a section that is a list", `{"sentry": [1]}`, "want a JSON object, not a JSON array"},
		{"the switch within", `{"sentry": {"sentry_enabled": false}}`, `did you mean "enabled"`},
		{"letters swapped in the section", `{"sentry": {"enabeld": false}}`, `"enabeld": did you mean "enabled"`},
		{"a letter short in the section", `{"sentry": {"enable": false}}`, `"enable": did you mean "enabled"`},
		{"an opt-out's letters swapped", `{"sentry": {"sned_system_info": false}}`, `did you mean "send_system_info"`},
		{"a case", `{"sentry": {"Outbox_Dir": "/o"}}`, `did you mean "outbox_dir"`},
		{"null, but mistyped", `{"sentry": {"pii": null}}`, `did you mean "send_default_pii"`},
		{"a part of the system", `{"sentry": {"send_system": false}}`, `did you mean "send_system_info"`},
		{"rate by environment", `{"sentry": {"traces_sample_rate": {"production": 2}}}`, `"traces_sample_rate": the rate of production is 2, want 0 to 1`},
		{"a limit that is no number", `{"sentry": {"max_per_minute": "9"}}`, `"max_per_minute": is a JSON string, want a whole number`},
		{"a switch that is a text", `{"sentry_enabled": "false"}`, `"sentry_enabled": is a JSON string, want true or false`},
		{"names that are no list", `{"sentry": {"secret_keys": "pin"}}`, `"secret_keys": is a JSON string, want a list`},
		{"a rate that is a text", `{"sentry": {"traces_sample_rate": "0.5"}}`, `is a JSON string, want a number`},
		{"a duration without a unit", `{"sentry": {"stuck_after": 10}}`, `is a JSON number, want a string, such as "10m"`},
		{"a duration of another kind", `{"sentry": {"stuck_after": "ten minutes"}}`, `"stuck_after": "ten minutes" is no duration`},
		{"no list of alerts", `{"sentry": {"alerts": {"window": "1m"}}}`, `"alerts"`},
		{"an unknown name in an alert", `{"sentry": {"alerts": [{"windows": "1m"}]}}`, `unknown field "windows"`},
		{"a window without a unit", `{"sentry": {"alerts": [{}, {"window": 5}]}}`, `window of alert 1: is a JSON number`},
		{"a limit in another notation", `{"sentry": {"maxPerMinute": 9}}`, `did you mean "max_per_minute"`},
		{"rates of another type", `{"sentry": {"traces_sample_rate": {"production": "all"}}}`, `"traces_sample_rate"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts, err := sentryconfig.LoadOptions(write(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want it to say %s", err, test.want)
			}
			if opts.Enabled.Or(true) {
				t.Error("the options of an unreadable file are enabled")
			}
		})
	}
	if opts, err := sentryconfig.LoadOptions(filepath.Join(t.TempDir(), "none.json")); err == nil ||
		opts.Enabled.Or(true) {
		t.Errorf("a missing file: %v, %+v", err, opts)
	}
	for text, want := range map[string]bool{
		`{"sentry_enabled": false, "sentry": {"enabled": true}}`: false,
		`{"sentry_enabled": true, "sentry": {"enabled": false}}`: false,
		`{"sentry": {"enabled": false}}`:                         false,
		`{}`:                                                     true,
	} {
		if opts, err := sentryconfig.LoadOptions(write(text)); err != nil || opts.Enabled.Or(true) != want {
			t.Errorf("%s: enabled %v, %v; want %v", text, opts.Enabled.Or(true), err, want)
		}
	}
}

// Names that mean nothing to us are the program's own; within the section they may be mistakes, of which the Logger
// hears.
func TestUnknownSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app_settings.json")
	text := `{"theme": "dark", "sentry_dashboard": 1, "sentry": {"retries": 3, "dsn": "http://k@sentry.invalid/1"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := sentryconfig.LoadOptions(path)
	if err != nil {
		t.Fatal(err)
	}
	log := new(recorder)
	opts.Logger = slog.New(log)
	client, err := sentryconfig.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(0)
	if said := log.text(); !strings.Contains(said, "retries") || strings.Contains(said, "theme") {
		t.Errorf("logged %q", said)
	}
	if err := opts.UnmarshalJSON([]byte(`{"max_age": 3}`)); err != nil {
		t.Fatal(err)
	}
	if err := client.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	if said := log.text(); !strings.Contains(said, "max_age") {
		t.Errorf("Reconfigure logged %q", said)
	}
}

func TestRatesByEnvironment(t *testing.T) {
	t.Setenv("AUTOSERVICE_ENV", "staging")
	for _, test := range []struct {
		name, text string
		want       float64
	}{
		{"its own environment", `{"traces_sample_rate": {"production": 0.1, "staging": 0.2}, "environment": "prod"}`, 0.1},
		{"the detected one", `{"traces_sample_rate": {"production": 0.1, "stage": 0.2}}`, 0.2},
		{"any other", `{"traces_sample_rate": {"production": 0.1, "*": 0.3}}`, 0.3},
		{"none", `{"traces_sample_rate": {"production": 0.1}}`, 1},
		{"nothing at all", `{"traces_sample_rate": {}}`, 1},
		{"never", `{"traces_sample_rate": {"staging": 0, "*": 1}}`, 0},
		{"a number", `{"traces_sample_rate": 0.5}`, 0.5},
	} {
		t.Run(test.name, func(t *testing.T) {
			var opts sentryconfig.Options
			if err := opts.UnmarshalJSON([]byte(test.text)); err != nil {
				t.Fatal(err)
			}
			if got := opts.TracesSampleRate.Or(-1); got != test.want {
				t.Errorf("rate %v, want %v", got, test.want)
			}
		})
	}
}
