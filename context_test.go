package sentryconfig_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// contextKeys is the table of the system context: each key, and what its value must be like. A key that ends in "?" may
// be missing: not every platform, machine or moment tells it.
var contextKeys = map[string]map[string]func(any) bool{
	"os": {
		"name":    is(map[string]string{"windows": "Windows", "linux": "Linux", "darwin": "macOS"}[runtime.GOOS]),
		"version": text, "build": text, "kernel_version": text, "release": text, "platform": text,
		"architecture": text, "processor?": text,
		"distribution_name?": text, "distribution_version?": text, "distribution_pretty_name?": text,
	},
	"device": {
		"name?": text, "arch": is(runtime.GOARCH), "cpu_description?": text, "boot_time": momentBefore,
		"processor_count": is(float64(runtime.NumCPU())), "processor_frequency?": whole(1, 20_000),
		"memory_size": whole(1<<26, 1<<50), "free_memory": whole(1, 1<<50),
		"storage_size": whole(1<<20, 1<<60), "free_storage": whole(0, 1<<60),
	},
	"runtime": {
		"name": is("go"), "version": is(runtime.Version()), "compiler": is(runtime.Compiler),
		"gomaxprocs": is(float64(runtime.GOMAXPROCS(0))), "goroutines": whole(1, 1e6),
	},
	"app": {
		"app_name": text, "app_version?": text, "app_build?": text, "app_start_time": momentBefore,
		"app_memory": whole(1<<10, 1<<40),
	},
	"cpu": {
		"count_physical?": whole(1, 4096), "count_logical": is(float64(runtime.NumCPU())),
		"percent_used?": number(0, 100), "frequency_current_mhz?": number(1, 20_000),
	},
	"memory": {
		"total_gb": number(0.05, 1<<20), "available_gb": number(0, 1<<20), "used_gb": number(0, 1<<20),
		"percent_used": number(0, 100),
	},
	"process": {
		"pid": is(float64(os.Getpid())), "parent_pid": is(float64(os.Getppid())), "memory_mb": number(0.1, 1<<20),
		"cpu_percent?": number(0, 100), "threads?": whole(1, 1e6), "cwd?": text, "executable?": text, "cmdline?": text,
	},
	"environment": {"detected": text, "executable_path?": text},
	"system":      {"collected_at": momentBefore, "stale?": is(true)},
}

func is[T comparable](want T) func(any) bool { return func(v any) bool { return v == any(want) } }

func text(v any) bool {
	s, ok := v.(string)
	return ok && s != "" && s == strings.TrimSpace(s) && !strings.EqualFold(s, "unknown")
}

func number(from, to float64) func(any) bool {
	return func(v any) bool {
		n, ok := v.(float64)
		return ok && n >= from && n <= to && fmt.Sprintf("%.2f", n) == fmt.Sprintf("%.2f",
			float64(int64(n*100+0.5))/100)
	}
}

func whole(from, to float64) func(any) bool {
	return func(v any) bool {
		n, ok := v.(float64)
		return ok && n >= from && n <= to && n == float64(int64(n))
	}
}

func momentBefore(v any) bool {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && strings.HasSuffix(s, "Z") && t.Before(time.Now().Add(time.Second))
}

var diskKeys = map[string]func(any) bool{
	"device": text, "fstype": text, "total_gb": number(0.01, 1<<30), "used_gb": number(0, 1<<30),
	"free_gb": number(0, 1<<30), "percent_used": number(0, 100),
}

var personalKeys = map[string][]string{
	"device": {"name"}, "process": {"cwd", "executable", "cmdline"}, "environment": {"executable_path"},
}

// missingValues are the impersonal values that every machine knows and that e lacks: a busy machine is read late.
func missingValues(e sentrytest.Event) (missing []string) {
	for context, keys := range contextKeys {
		for key := range keys {
			_, there := e.Contexts[context][key]
			if !there && !strings.HasSuffix(key, "?") && !slices.Contains(personalKeys[context], key) {
				missing = append(missing, context+"."+key)
			}
		}
	}
	return missing
}

// readEverywhere captures an exception, a failure and a transaction, once the slowest probe has answered.
func readEverywhere(t *testing.T, opts sentryconfig.Options) []sentrytest.Event {
	t.Helper()
	server := start(t, opts)
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "read", 0, 1, nil)
	captureUntil(t, server, ctx, func(e sentrytest.Event) bool {
		return opts.SendSystemInfo.IsSet || len(missingValues(e)) == 0
	})
	sentryconfig.CaptureTaskFailure(ctx, "", "y", nil, nil)
	span.Finish()
	flush(t)
	events := server.Events()
	return append(events[len(events)-2:], server.WaitTransactions(1, time.Minute)...)
}

// captureUntil captures an error until its event, which it returns, is as ok wants it.
func captureUntil(t *testing.T, server *sentrytest.Server, ctx context.Context,
	ok func(sentrytest.Event) bool) sentrytest.Event {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		sentryconfig.CaptureTaskException(ctx, errors.New("x"), "", nil, nil)
		flush(t)
		events := server.Events()
		e := events[len(events)-1]
		if ok(e) {
			return e
		}
		if time.Now().After(deadline) {
			t.Fatalf("not yet as wanted: %v; missing: %q", e.Contexts, missingValues(e))
		}
	}
}

func TestContextTable(t *testing.T) {
	for _, pii := range []bool{true, false} {
		t.Run(fmt.Sprint("pii ", pii), func(t *testing.T) {
			for _, e := range readEverywhere(t, sentryconfig.Options{SendPII: sentry.Set(pii)}) {
				for context, keys := range contextKeys {
					got := e.Contexts[context]
					for key, check := range keys {
						name, optional := strings.CutSuffix(key, "?")
						value, there := got[name]
						personal := slices.Contains(personalKeys[context], name)
						switch {
						case personal && there != pii:
							t.Errorf("%s: %s.%s = %v", e.Type, context, name, value)
						case !there && !optional:
							t.Errorf("%s: %s.%s is missing", e.Type, context, name)
						case there && !check(value):
							t.Errorf("%s: %s.%s = %#v", e.Type, context, name, value)
						}
					}
					for key := range got {
						if keys[key] == nil && keys[key+"?"] == nil {
							t.Errorf("%s: %s.%s isn't in the table contextKeys", e.Type, context, key)
						}
					}
				}
				if _, stale := e.Contexts["system"]["stale"]; stale {
					t.Errorf("%s: stale", e.Type)
				}
				checkDisks(t, e.Contexts["disks"])
				device := e.Contexts["device"]
				if device["free_memory"].(float64) > device["memory_size"].(float64) ||
					device["free_storage"].(float64) > device["storage_size"].(float64) {
					t.Errorf("%s: more free than there is: %v", e.Type, device)
				}
				if rest := len(e.Contexts) - len(contextKeys) - 3; rest > 1 { // disks, task, trace, and error
					t.Errorf("%s: more contexts than expected: %v", e.Type, e.Contexts)
				}
			}
		})
	}
}

func checkDisks(t *testing.T, disks map[string]any) {
	t.Helper()
	if len(disks) == 0 || len(disks) > 26 {
		t.Errorf("%d disks", len(disks))
	}
	name := regexp.MustCompile(`^/`)
	if runtime.GOOS == "windows" {
		name = regexp.MustCompile(`^[A-Z]:$`)
	} else if disks["/"] == nil {
		t.Errorf("no / among the disks %v", disks)
	}
	for point, v := range disks {
		disk, _ := v.(map[string]any)
		if !name.MatchString(point) {
			t.Errorf("disk %q", point)
		}
		for key, check := range diskKeys {
			value, there := disk[key]
			if !there && (key == "fstype" || key == "device") && runtime.GOOS == "windows" {
				continue
			}
			if !there || !check(value) {
				t.Errorf("disk %s: %s = %#v", point, key, value)
			}
		}
		if len(disk) > len(diskKeys) {
			t.Errorf("disk %s: %v", point, disk)
		}
		total, _ := disk["total_gb"].(float64)
		used, _ := disk["used_gb"].(float64)
		free, _ := disk["free_gb"].(float64)
		if used+free > total+0.02 {
			t.Errorf("disk %s: %v GB used and %v free of %v", point, used, free, total)
		}
	}
}

func TestContextOff(t *testing.T) {
	for _, e := range readEverywhere(t, sentryconfig.Options{SendSystemInfo: sentry.Set(false)}) {
		for name := range contextKeys {
			if c := e.Contexts[name]; c != nil {
				t.Errorf("%s: context %s = %v without SendSystemInfo", e.Type, name, c)
			}
		}
		if e.Contexts["disks"] != nil || e.Contexts["task"] == nil {
			t.Errorf("%s: contexts %v", e.Type, e.Contexts)
		}
	}
}

// What the host program's scope sets wins, key by key, and is not changed.
func TestContextOfTheHostWins(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	theirs := sentry.Context{"arch": "abacus", "model": "desk"}
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, nil)
	hub := sentry.GetHubFromContext(ctx)
	hub.Scope().SetContext("device", theirs)
	hub.Scope().SetUser(sentry.User{Username: "operator"})
	event := captureUntil(t, server, ctx, func(e sentrytest.Event) bool { // the machine is read in parts
		return e.Contexts["device"]["processor_count"] != nil
	})
	span.Finish()
	for _, e := range append(server.WaitTransactions(1, time.Minute), event) {
		device := e.Contexts["device"]
		if device["arch"] != "abacus" || device["model"] != "desk" ||
			device["processor_count"] != float64(runtime.NumCPU()) {
			t.Errorf("%s: device %v", e.Type, device)
		}
		if e.User["username"] != "operator" {
			t.Errorf("%s: user %v", e.Type, e.User)
		}
	}
	if len(theirs) != 2 {
		t.Errorf("the host's context was changed: %v", theirs)
	}
}

// Relay counts a number's digits without an exponent: 5e-324 takes as much of a context as a paragraph does. The server
// complains of what it would drop.
func TestTinyAndHugeNumbers(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	data := map[string]any{"few": []any{math.SmallestNonzeroFloat64, -1e-200, 1e-7}}
	var many []float64
	for i := range 200 {
		many = append(many, 1.2345678901234567e-40/float64(i+1), -math.MaxFloat64/float64(i+1))
	}
	data["many"] = many
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "x", 0, 1, data)
	sentryconfig.AddBreadcrumb(ctx, "few", "", "", map[string]any{
		"a": 1e-300, "b": 1e-300, "c": 1e-300, "d": 1e-300, "e": 1e-300, "f": 1e-300, "g": 1e-300,
	})
	sentryconfig.AddBreadcrumb(ctx, "many", "", "", data)
	sentryconfig.CaptureTaskFailure(ctx, "x", "y", nil, map[string]any{"numbers": many, "short": 1})
	span.Finish()
	e := one(t, server)
	kept, _ := e.Contexts["task"]["data"].(map[string]any)
	if few, _ := kept["few"].([]any); len(few) != 3 || few[0] != math.SmallestNonzeroFloat64 {
		t.Errorf("task data %.500v", kept)
	}
	if e.Contexts["short"]["value"] != 1.0 {
		t.Errorf("context short %v", e.Contexts["short"])
	}
}

func TestLongContextNames(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	long := strings.Repeat("ü", 100)
	extra := map[string]any{"short": 1, "os": "mine", "extra_os": 2}
	for i := range 20 {
		extra[long+fmt.Sprint("…", i)] = i
	}
	for i := range 20 {
		extra[strings.Repeat("n", 179+i)] = i
	}
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, extra)
	e := one(t, server)
	values := 0
	for name, c := range e.Contexts {
		if len(name) > 180 {
			t.Errorf("a context's name has %d bytes: %q", len(name), name)
		}
		if c["value"] != nil {
			values++
		}
	}
	if values != len(extra) {
		t.Errorf("%d values of extra are there, want %d", values, len(extra))
	}
}

// Values of the host's under names that this package uses itself are renamed, those of rare events included.
func TestReservedNamesOfExtra(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	names := []string{"cut", "crash", "interrupted", "scrubbing", "client_os", "error", "task"}
	extra := make(map[string]any)
	for _, name := range names {
		extra[name] = "mine"
	}
	sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, extra)
	e := one(t, server)
	for _, name := range names {
		if got := e.Contexts["extra_"+name]["value"]; got != "mine" {
			t.Errorf("extra_%s is %v", name, got)
		}
	}
}

// vandalise writes to every map of an event's contexts, those inside them included.
func vandalise(m map[string]any) {
	for _, v := range m {
		if inner, ok := v.(map[string]any); ok {
			vandalise(inner)
		}
	}
	m["vandal"] = "was here"
}

// All events share the machine's contexts, encoded once. What a hook, or a Transport of the user's, writes into those
// of one event shows in that event and in no other.
func TestContextsOfOtherEventsStay(t *testing.T) {
	vandal := func(e *sentry.Event) *sentry.Event {
		if e.Message == "x: vandal" || e.Transaction == "task.vandal" {
			for _, c := range e.Contexts {
				vandalise(c)
			}
		}
		return e
	}
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return vandal(e) }
		o.BeforeSendTransaction = o.BeforeSend
	}})
	for _, name := range []string{"before", "vandal", "after"} {
		sentryconfig.CaptureTaskFailure(t.Context(), "x", name, nil, nil)
		_, span := sentryconfig.CreateTaskSpan(t.Context(), name, 0, 1, nil)
		span.Finish()
	}
	flush(t)
	events := append(server.WaitEvents(3, time.Minute), server.WaitTransactions(3, time.Minute)...)
	for _, e := range events {
		mine := e.Message == "x: vandal" || e.Transaction == "task.vandal"
		for name, c := range e.Contexts {
			if (c["vandal"] != nil) != mine {
				t.Errorf("%s%s: context %s: %v", e.Message, e.Transaction, name, c)
			}
			for key, v := range c {
				if inner, ok := v.(map[string]any); ok && (inner["vandal"] != nil) != mine {
					t.Errorf("%s%s: context %s, %s: %v", e.Message, e.Transaction, name, key, v)
				}
			}
		}
	}
}

// A Transport of the user's gets contexts of its own, too.
func TestContextsOfAnOwnTransport(t *testing.T) {
	mock := &sentry.MockTransport{}
	start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) { o.Transport = mock }})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	for range 2 {
		sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
		for _, e := range mock.Events() {
			if e.Contexts["os"]["name"] == nil || len(mock.Events()) == 2 && e == mock.Events()[1] &&
				e.Contexts["os"]["vandal"] != nil {
				t.Errorf("context os %v", e.Contexts["os"])
			}
			for _, c := range e.Contexts {
				vandalise(c)
			}
		}
	}
}

// What is kept of the machine is by the settings of its time: none of it goes out after Reconfigure has changed them.
func TestContextsAfterReconfigure(t *testing.T) {
	server := newServer(t)
	opts := sentryconfig.Options{DSN: server.DSN(), SendPII: sentry.Set(true)}
	initialise(t, server, opts)
	wait := func(n int) sentrytest.Event {
		t.Helper()
		sentryconfig.CaptureTaskFailure(t.Context(), "x", "y", nil, nil)
		flush(t)
		return server.WaitEvents(n, time.Minute)[n-1]
	}
	sentryconfig.AwaitMachine(sentryconfig.Default())
	if e := wait(1); e.Contexts["process"]["cwd"] == nil || e.Contexts["os"]["name"] == "[Filtered]" {
		t.Fatalf("contexts %v", e.Contexts)
	}
	opts.SecretKeys = []string{"name", "total_gb"}
	if err := sentryconfig.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	sentryconfig.AwaitMachine(sentryconfig.Default())
	if e := wait(2); e.Contexts["os"]["name"] != "[Filtered]" || e.Contexts["memory"]["total_gb"] != "[Filtered]" {
		t.Errorf("after SecretKeys: %v, %v", e.Contexts["os"], e.Contexts["memory"])
	}
	opts.SecretKeys, opts.SendPII = nil, sentry.Set(false)
	if err := sentryconfig.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	sentryconfig.AwaitMachine(sentryconfig.Default())
	if e := wait(3); e.Contexts["process"]["cwd"] != nil || e.Contexts["os"]["name"] == "[Filtered]" {
		t.Errorf("after SendPII: %v, %v", e.Contexts["process"], e.Contexts["os"])
	}
	opts.SendSystemInfo = sentry.Set(false)
	if err := sentryconfig.Reconfigure(opts); err != nil {
		t.Fatal(err)
	}
	if e := wait(4); e.Contexts["os"] != nil || e.Contexts["system"] != nil {
		t.Errorf("after SendSystemInfo: %v", e.Contexts)
	}
}

// An event that must be cut has the machine's contexts as values, which can be cut like others.
func TestContextsOfAnEventThatIsCut(t *testing.T) {
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			for i := range 400 { // more than can be sent, and than is cut before the contexts are
				x := sentry.Exception{Type: "x", Value: strings.Repeat(fmt.Sprint(i, " "), 2000)}
				e.Exception = append(e.Exception, x)
			}
			return e
		}
	}})
	sentryconfig.CaptureTaskException(t.Context(), errors.New("x"), "x", nil, nil)
	e := one(t, server)
	if e.Contexts["cut"] == nil || e.Contexts["trace"] == nil {
		t.Errorf("contexts %v", e.Contexts)
	}
	for name := range e.Contexts["cut"] {
		if name, ok := strings.CutPrefix(name, "context "); ok && e.Contexts[name] != nil {
			t.Errorf("context %s is said to be cut, and is there", name)
		}
	}
}

// An event of the host program's may be captured again, by this Client, another one or sentry-go's own: nothing of how
// it was sent stays in it.
func TestEventCapturedAgain(t *testing.T) {
	server, mock := start(t, sentryconfig.Options{}), &sentry.MockTransport{}
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: server.DSN(), Transport: mock})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sentryconfig.AwaitMachine(sentryconfig.Default())
	e := &sentry.Event{Message: "again", Contexts: map[string]sentry.Context{"mine": {"n": 1}}}
	for range 2 {
		sentry.CaptureEvent(e)
		client.CaptureEvent(e, nil, nil)
		e.EventID = ""
	}
	flush(t)
	for _, sent := range server.WaitEvents(2, time.Minute) {
		if sent.Contexts["os"]["name"] == nil || len(sent.Contexts["system"]) == 0 ||
			sent.Contexts["system"][""] != nil {
			t.Errorf("contexts %v", sent.Contexts)
		}
	}
	for _, sent := range mock.Events() {
		if c := sent.Contexts["system"]; c[""] != nil {
			t.Errorf("context system %v", c)
		}
	}
}

// So may one that MaxPerMinute has held back.
func TestEventHeldBackIsLeftAsItWas(t *testing.T) {
	start(t, sentryconfig.Options{MaxPerMinute: 1})
	for range 3 {
		e := &sentry.Event{Message: "again", Fingerprint: []string{"x"}, Contexts: map[string]sentry.Context{}}
		sentry.CaptureEvent(e)
		if c := e.Contexts["system"]; c[""] != nil {
			t.Fatalf("context system %v", c)
		}
	}
}
