package sentryconfig_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/sentrytest"
)

const ownPackageName = "go:github.com/autoservice/sentryconfig"

// checkForms checks everything that a Client has sent to server against the forms that Relay, Bugsink in strict mode,
// sentry-cli and Spotlight all read. It looks at the bytes, since the server reads other forms as well.
func checkForms(t *testing.T, server *sentrytest.Server) {
	t.Helper()
	const enough = 1000 // a burst's events are all alike
	envelopes := server.Envelopes()
	for _, envelope := range envelopes[:min(len(envelopes), enough)] {
		if !hasOwnPackage(envelope.Header["sdk"]) {
			t.Errorf("envelope header without this module in sdk.packages: %v", envelope.Header)
		}
		checkNoNUL(t, "envelope header", envelope.Header)
		for _, item := range envelope.Items {
			checkNoNUL(t, "item header", item.Header)
			if item.Type == "attachment" {
				continue // bytes of the host program's
			}
			var payload map[string]any
			if err := json.Unmarshal(item.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			checkNoNUL(t, item.Type, payload)
			switch item.Type {
			case "event", "transaction":
				checkEventForms(t, item, payload)
			case "log", "trace_metric":
				if keys := slices.Collect(maps.Keys(payload)); fmt.Sprint(keys) != "[items]" {
					t.Errorf("%s: keys %q, want items alone", item.Type, keys)
				}
			case "check_in":
				contexts, _ := payload["contexts"].(map[string]any)
				trace, _ := contexts["trace"].(map[string]any)
				if id, _ := trace["trace_id"].(string); len(id) != 32 {
					t.Errorf("check-in without a trace: %s", item.Payload)
				}
			}
		}
	}
}

func checkEventForms(t *testing.T, item sentrytest.Item, e map[string]any) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s in %.3000s", item.Type, fmt.Sprintf(format, args...), item.Payload)
	}
	for _, name := range []string{"exception", "threads", "breadcrumbs"} {
		value, ok := e[name]
		if !ok {
			continue
		}
		object, _ := value.(map[string]any)
		list, _ := object["values"].([]any)
		if len(object) != 1 || len(list) == 0 {
			fault("%s is not an object with values alone", name)
		}
		for _, entry := range list {
			fields, ok := entry.(map[string]any)
			if !ok {
				fault("%s holds %v", name, entry)
			}
			for _, key := range []string{"id", "thread_id"} {
				if _, text := fields[key].(string); fields[key] != nil && !text {
					fault("%s: %s is not a text", name, key)
				}
			}
		}
	}
	if e["message"] != nil {
		fault("message at the top level")
	}
	entry, ok := e["logentry"].(map[string]any)
	if e["logentry"] != nil && (!ok || len(entry) != 1 || entry["message"] == "") {
		fault("logentry is not an object with a message alone")
	}
	if _, ok := e["spans"].([]any); ok != (item.Type == "transaction") {
		fault("spans: %v", e["spans"])
	}
	if request, ok := e["request"].(map[string]any); ok && request["cookies"] != nil {
		fault("request.cookies")
	}
	if e["check_in"] != nil || e["monitor_config"] != nil || e["user"] != nil && len(e["user"].(map[string]any)) == 0 {
		fault("fields of another kind of item, or an empty user")
	}
	if !hasOwnPackage(e["sdk"]) {
		fault("this module is not in sdk.packages")
	}
	tags, _ := e["tags"].(map[string]any)
	for _, name := range commonTagNames {
		if tags[name] == nil {
			fault("the common tag %s is missing", name)
		}
	}
}

func hasOwnPackage(sdk any) bool {
	fields, _ := sdk.(map[string]any)
	packages, _ := fields["packages"].([]any)
	return fields["name"] != nil && slices.ContainsFunc(packages, func(p any) bool {
		entry, _ := p.(map[string]any)
		version, _ := entry["version"].(string)
		return entry["name"] == ownPackageName && version != ""
	})
}

// checkNoNUL finds a NUL in any key or text of v.
func checkNoNUL(t *testing.T, where string, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "\x00") {
			t.Errorf("a NUL in %s: %.200q", where, v)
		}
	case []any:
		for _, entry := range v {
			checkNoNUL(t, where, entry)
		}
	case map[string]any:
		for key, value := range v {
			checkNoNUL(t, where, key)
			checkNoNUL(t, where+"."+strings.ReplaceAll(key, "\x00", "␀"), value)
		}
	}
}

// reportEverything makes an event of each kind, by this package and by plain sentry-go calls. Each text ends in suffix.
func reportEverything(t *testing.T, suffix string) {
	t.Helper()
	data := map[string]any{"key" + suffix: []any{"value" + suffix, map[string]any{"deep" + suffix: suffix}}}
	task := sentryconfig.Task{Type: "print" + suffix, Index: 1, Total: 3, Data: data}
	err := sentryconfig.RunTask(t.Context(), task, func(ctx context.Context) error {
		child := sentry.StartSpan(ctx, "exec"+suffix, sentry.WithDescription("describe"+suffix))
		child.SetData("data"+suffix, "value"+suffix)
		child.SetTag("tag", "value"+suffix)
		child.Finish()
		sentryconfig.AddBreadcrumb(ctx, "step"+suffix, "category"+suffix, sentry.LevelInfo, data)
		scope := sentry.GetHubFromContext(ctx).Scope()
		scope.SetTag("tag"+suffix, "value"+suffix)
		scope.AddAttachment(&sentry.Attachment{
			Filename: "log" + suffix + ".bin", ContentType: "text/plain" + suffix, Payload: []byte{0, 1, 0}})
		err := fmt.Errorf("wrapped%s: %w", suffix, errors.New("out of paper"+suffix))
		sentryconfig.CaptureTaskException(ctx, err, "", nil, map[string]any{"extra" + suffix: data,
			"text": "value" + suffix})
		scope.ClearAttachments()
		sentryconfig.CaptureTaskFailure(ctx, "", "reason"+suffix, data, nil)
		log := sentry.NewLogger(ctx)
		log.Info().String("attribute"+suffix, "value"+suffix).Emitf("body"+suffix+" %s", "parameter"+suffix)
		meter := sentry.NewMeter(ctx)
		meter.Count("pages"+suffix, 1, sentry.WithAttributes(attribute.String("attribute"+suffix, "value"+suffix)))
		slug := &sentry.CheckIn{MonitorSlug: "nightly" + suffix, Status: sentry.CheckInStatusOK, Duration: time.Second}
		sentry.GetHubFromContext(ctx).CaptureCheckIn(slug, &sentry.MonitorConfig{
			Schedule: sentry.CrontabSchedule("0 * * * *"), Timezone: "Europe/Berlin" + suffix})
		panic("panic" + suffix)
	})
	if err == nil {
		t.Fatal("no error")
	}
	_, empty := sentryconfig.CreateTaskSpan(t.Context(), "empty"+suffix, 0, 1, nil)
	empty.Finish()
	reportPlainly(t, suffix)
}

// reportPlainly makes an event of each kind by sentry-go's calls alone.
func reportPlainly(t *testing.T, suffix string) {
	t.Helper()
	hub := sentry.CurrentHub().Clone()
	scope := hub.Scope()
	texts := map[string]string{"k" + suffix: "v" + suffix}
	scope.SetUser(sentry.User{ID: "7" + suffix, Username: "max" + suffix, Data: texts})
	scope.SetContext("mine"+suffix, sentry.Context{"k" + suffix: "v" + suffix})
	scope.SetFingerprint([]string{"f" + suffix})
	request, err := http.NewRequest(http.MethodPost, "http://shop.example/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.RawQuery = "q=" + suffix
	request.Header = http.Header{"Cookie": {"a=b" + suffix}, "X-Thing": {"v" + suffix}}
	scope.SetRequest(request)
	hub.CaptureException(errors.New("plain" + suffix))
	hub.CaptureMessage("plain message" + suffix)
	hub.CaptureEvent(&sentry.Event{Message: "whole" + suffix, Logger: "logger" + suffix, ServerName: "server" + suffix})
	hub.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "plain" + suffix, Status: sentry.CheckInStatusInProgress}, nil)
	ctx := sentry.SetHubOnContext(t.Context(), hub)
	tx := sentry.StartTransaction(ctx, "plain transaction"+suffix, sentry.WithOpName("op"+suffix))
	tx.SetData("k"+suffix, "v"+suffix)
	tx.StartChild("child" + suffix).Finish()
	tx.Finish()
}

// TestForms: whatever makes an event, its JSON has the forms that every server reads.
func TestForms(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	reportEverything(t, "")
	flush(t)
	for itemType, n := range map[string]int{
		"event": 6, "transaction": 3, "check_in": 2, "log": 1, "trace_metric": 1, "attachment": 1,
	} {
		if got := len(server.Items(itemType)); got != n {
			t.Errorf("%d items of type %s, want %d", got, itemType, n)
		}
	}
	for _, tx := range server.Transactions() {
		if n := map[string]int{"task.print": 1, "task.empty": 0,
			"plain transaction": 1}[tx.Transaction]; len(tx.Spans) != n {
			t.Errorf("%s: %d spans, want %d", tx.Transaction, len(tx.Spans), n)
		}
	}
	checkForms(t, server)
}

// TestCheckInTrace: a check-in names the trace of the task that it was captured in, as the task's transaction does.
func TestCheckInTrace(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "backup", 0, 1, nil)
	checkIn := &sentry.CheckIn{ID: "0123456789abcdef0123456789abcdef", MonitorSlug: "nightly",
		Status: sentry.CheckInStatusError, Duration: 1500 * time.Millisecond}
	sentry.GetHubFromContext(ctx).CaptureCheckIn(checkIn, &sentry.MonitorConfig{
		Schedule: sentry.IntervalSchedule(2, sentry.MonitorScheduleUnitHour), CheckInMargin: 3, MaxRuntime: 4,
		Timezone: "UTC", FailureIssueThreshold: 5, RecoveryThreshold: 6})
	span.Finish()
	flush(t)
	trace := server.WaitTransactions(1, time.Minute)[0].Contexts["trace"]["trace_id"]
	items := server.Items("check_in")
	if len(items) != 1 {
		t.Fatalf("%d check-ins", len(items))
	}
	var got, want any
	if err := json.Unmarshal(items[0].Payload, &got); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"check_in_id":"0123456789abcdef0123456789abcdef","monitor_slug":"nightly","status":"error",
		"duration":1.5,"release":"autoservice@dev","environment":"development","contexts":{"trace":{"trace_id":%q}},
		"monitor_config":{"schedule":{"type":"interval","value":2,"unit":"hour"},"checkin_margin":3,"max_runtime":4,
		"timezone":"UTC","failure_issue_threshold":5,"recovery_threshold":6}}`, trace)
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("check-in %v\nwant %v", got, want)
	}
	for _, e := range server.Envelopes() {
		if dsc, _ := e.Header["trace"].(map[string]any); e.Items[0].Type == "check_in" && dsc["trace_id"] != trace {
			t.Errorf("envelope header of the check-in: trace %v, want trace_id %v", e.Header["trace"], trace)
		}
	}
}

// TestNULs: databases of servers don't take a NUL, in whatever place of an event the user put it.
func TestNULs(t *testing.T) {
	server := start(t, sentryconfig.Options{Release: "r\x00@1", SendSystemInfo: sentry.Set(false)})
	reportEverything(t, "\x00")
	flush(t)
	if n := len(server.Items("event")); n != 6 {
		t.Errorf("%d events, want 6", n)
	}
	checkForms(t, server)
	all := ""
	for _, e := range server.Envelopes() {
		all += string(e.Raw)
	}
	for _, text := range []string{"print", "out of paper", "wrapped", "reason", "step", "category", "describe", "data",
		"panic", "extra", "deep", "value", "attribute", "body", "parameter", "pages", "max", "mine", "f", "plain",
		"plain message", "whole", "logger", "server", "plain transaction", "op", "child", "exec", "log"} {
		if !strings.Contains(all, text+"\ufffd") {
			t.Errorf("%q isn't followed by U+FFFD anywhere", text)
		}
	}
	// A slug takes neither.
	if checkIns := server.CheckIns(); len(checkIns) == 0 || checkIns[0].MonitorSlug != "nightly" {
		t.Errorf("check-ins %+v", checkIns)
	}
}

// TestTextThatShowsANUL: the text of six characters that JSON writes a NUL with is a text like others.
func TestTextThatShowsANUL(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	data := map[string]any{`\u0000`: json.RawMessage(`"raw \u0000"`)}
	sentryconfig.CaptureTaskFailure(t.Context(), "x", `json \u0000, \\u0000`+"\\\x00", data, nil)
	e := one(t, server)
	if want := `x: json \u0000, \\u0000\` + "\ufffd"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	if got := fmt.Sprint(e.Contexts["task"]["data"]); got != `map[\u0000:raw `+"\ufffd]" {
		t.Errorf("data %q", got)
	}
}

// TestOddHooks: an event is well formed whatever a hook makes of it.
func TestOddHooks(t *testing.T) {
	for name, hook := range map[string]func(*sentry.Event){
		"nil entries": func(e *sentry.Event) {
			e.Breadcrumbs, e.Spans = []*sentry.Breadcrumb{nil}, []*sentry.Span{nil}
			e.Exception, e.Threads, e.Attachments = []sentry.Exception{}, []sentry.Thread{}, []*sentry.Attachment{nil}
			e.Contexts["none"] = nil
		},
		"nothing": func(e *sentry.Event) {
			*e = sentry.Event{EventID: e.EventID, Timestamp: e.Timestamp, Tags: e.Tags}
		},
		"other type": func(e *sentry.Event) { e.Type = "strange" },
		"type log":   func(e *sentry.Event) { e.Type = "log" },
		"logs":       func(e *sentry.Event) { e.Logs = []sentry.Log{{Body: "x"}} },
		"metrics":    func(e *sentry.Event) { e.Metrics = []sentry.Metric{{Name: "x"}} },
		"a check-in": func(e *sentry.Event) { e.CheckIn, e.MonitorConfig = &sentry.CheckIn{}, &sentry.MonitorConfig{} },
		"its JSON":   func(e *sentry.Event) { e.Tags["secret"] = "password=hunter2"; e.MakeSerializationSafe() },
		"threads":    func(e *sentry.Event) { e.Threads = []sentry.Thread{{ID: "7"}, {}}; e.Exception[0].ThreadID = 7 },
		"spans":      func(e *sentry.Event) { e.Spans = []*sentry.Span{{Op: "x"}}; e.StartTime = e.Timestamp },
		"no SDK":     func(e *sentry.Event) { e.Sdk = sentry.SdkInfo{} },
		"cookies":    func(e *sentry.Event) { e.Request = &sentry.Request{Cookies: "a=b"} },
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
				o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { hook(e); return e }
			}})
			if sentryconfig.CaptureTaskException(t.Context(), errors.New("out of paper"), "print", nil, nil) == "" {
				t.Error("no ID")
			}
			e := one(t, server)
			if name != "nil entries" && name != "nothing" && len(e.Exceptions) == 0 || e.Type != "event" {
				t.Errorf("type %q without its exception: %s", e.Type, e.Raw)
			}
			if bytes.Contains(e.Raw, []byte("hunter2")) || bytes.Contains(e.Raw, []byte("null")) {
				t.Errorf("%s", e.Raw)
			}
		})
	}
}

// TestOddEventID: servers refuse an event with an ID that is none, and the ID returned is that of the event.
func TestOddEventID(t *testing.T) {
	for given, want := range map[sentry.EventID]string{
		"F2DFA9A0-3B5B-4E1C-8D2A-0123456789AB": "f2dfa9a03b5b4e1c8d2a0123456789ab", "order 7": "", "": "",
	} {
		server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
			o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { e.EventID = given; return e }
		}})
		id := sentryconfig.CaptureTaskException(t.Context(), errors.New("out of paper"), "print", nil, nil)
		if e := one(t, server); string(id) != e.ID || want != "" && e.ID != want {
			t.Errorf("%q: returned %q, sent %q", given, id, e.ID)
		}
		sentryconfig.Close(time.Minute)
	}
}

// commonTagNames are the tags of every event.
var commonTagNames = []string{"environment_detected", "os_name"}

// TestCommonTags: the tags of every event don't go over those that the scope set, nor into a map of the caller's.
func TestCommonTags(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	hub := sentry.CurrentHub().Clone()
	own := map[string]string{"mine": "1"}
	hub.CaptureEvent(&sentry.Event{Message: "x", Tags: own})
	if len(own) != 1 {
		t.Errorf("the caller's tags became %v", own)
	}
	tags := one(t, server).Tags
	if tags["mine"] != "1" || tags["environment_detected"] != "development" {
		t.Errorf("tags %v", tags)
	}
	delete(tags, "mine")
	if names := slices.Sorted(maps.Keys(tags)); !slices.Equal(names, slices.Sorted(slices.Values(commonTagNames))) {
		t.Errorf("every event has the tags %q: name them in commonTagNames, in internal/protocol/names.go and in "+
			"docs/events.md", names)
	}
	for i, name := range commonTagNames { // each may be the host's, one after the other and at last all of them
		hub.Scope().SetTag(name, "HostOS")
		hub.CaptureMessage("y")
		flush(t)
		tags = server.WaitEvents(i+2, time.Minute)[i+1].Tags
		for j, other := range commonTagNames {
			if tags[other] == "" || (tags[other] == "HostOS") != (j <= i) {
				t.Errorf("with %s of the host's: tags %v", name, tags)
			}
		}
	}
}

// TestURLOfAPrivateRequest: what stands for the machine's name in a URL leaves it one.
func TestURLOfAPrivateRequest(t *testing.T) {
	server := start(t, sentryconfig.Options{SendPII: sentry.Set(false)})
	// As of a machine with a longer name than this one may have.
	scrubbed := &sentry.Request{URL: "http://[host]:8080/a"}
	sentry.CurrentHub().Clone().CaptureEvent(&sentry.Event{Message: "x", Request: scrubbed})
	if raw := one(t, server).Raw; !bytes.Contains(raw, []byte(`"url":"http://host:8080/a"`)) {
		t.Errorf("%s", raw)
	}
}

// TestEventsOfEarlierVersions: what an earlier version left in an outbox, in sentry-go's own forms, is sent as it is.
func TestEventsOfEarlierVersions(t *testing.T) {
	server, dir := newServer(t), t.TempDir()
	old := &sentry.Event{EventID: "0123456789abcdef0123456789abcdef", Timestamp: time.Now(), Message: "old",
		Exception:   []sentry.Exception{{Type: "T", Value: "v", ThreadID: 7}},
		Breadcrumbs: []*sentry.Breadcrumb{{Message: "step"}}, Threads: []sentry.Thread{{ID: "7"}}}
	body, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	payload := fmt.Appendf(nil, `{"event_id":%q,"sdk":{"name":"sentry.go","version":"0.50.0"}}`+"\n"+
		`{"type":"event","length":%d}`+"\n%s\n", old.EventID, len(body), body)
	disk, err := outbox.OpenDisk(outbox.DiskConfig{Dir: dir, DSN: server.DSN()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = disk.Put(&outbox.Record{
		Time: old.Timestamp, EventID: string(old.EventID), Items: 1, PII: true, Payload: payload})
	if err := errors.Join(err, disk.Close()); err != nil {
		t.Fatal(err)
	}
	if err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN(), OutboxDir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sentryconfig.Close(time.Minute) })
	e := one(t, server)
	if !bytes.Equal(e.Raw, body) || e.Message != "old" || len(e.Exceptions) != 1 || len(e.Breadcrumbs) != 1 {
		t.Errorf("%s\nwant %s", e.Raw, body)
	}
}

// TestEventsThatAreTooLarge: an event is cut until Sentry takes it, whether it can be compressed or not. The server
// refuses one that is larger.
func TestEventsThatAreTooLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, text := range map[string]func() string{
		"compressible": func() string { return strings.Repeat("abcdefg ", 1000) },
		"random": func() string {
			b := make([]byte, 8000)
			for i := range b {
				b[i] = "0123456789 ;:,.-_!?()<>abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[random.IntN(74)]
			}
			return string(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "large", 0, 1, nil)
			var errs []error
			for range 100 {
				sentryconfig.AddBreadcrumb(ctx, text(), "", "", nil)
				errs = append(errs, errors.New(text()))
				sentry.StartSpan(ctx, "child", sentry.WithDescription(text())).Finish()
			}
			if sentryconfig.CaptureTaskException(ctx, errors.Join(errs...), "", nil, nil) == "" {
				t.Error("no ID")
			}
			sentryconfig.CaptureTaskFailure(ctx, "", text(), nil, nil)
			span.Finish()
			flush(t)
			if n := len(server.WaitEvents(2, time.Minute)) + len(server.WaitTransactions(1, time.Minute)); n != 3 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// A text that is attached is scrubbed; what is no text is the host's.
func TestTextAttachmentsAreScrubbed(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	hub := sentry.CurrentHub().Clone()
	payload := []byte("password=OpenSesame1")
	hub.Scope().AddAttachment(&sentry.Attachment{Filename: "a.log", ContentType: "text/plain", Payload: payload})
	hub.Scope().AddAttachment(&sentry.Attachment{Filename: "a.bin", Payload: payload})
	hub.CaptureMessage("x")
	e := one(t, server)
	if len(e.Attachments) != 2 {
		t.Fatalf("%d attachments", len(e.Attachments))
	}
	if got := string(e.Attachments[0].Data); got != "password=[Filtered]" {
		t.Errorf("the text was sent as %q", got)
	}
	if got := string(e.Attachments[1].Data); got != string(payload) {
		t.Errorf("the other was sent as %q", got)
	}
}
