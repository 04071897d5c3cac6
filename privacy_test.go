package sentryconfig_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A made-up person at a made-up machine. What names them is told by these words alone, so that they can be looked for.
const (
	personUser = "quillfeather"
	personHost = "workbox-8841"
	personDir  = "Kanzlei Zaunmüller"
	otherUser  = "penhaligon"
)

func personHome() string {
	if runtime.GOOS == "windows" {
		return `C:\People\` + personUser
	}
	return "/srv/people/" + personUser
}

// personalWords must not be in what is sent without SendPII, in any case and however escaped.
var personalWords = []string{personUser, personHost, "zaunmüller", otherUser}

// The keys below are made up; they are put together here so that no scanner of repositories takes them for real ones.
var (
	secretJWT   = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
	secretPEM   = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5\n-----END RSA " + "PRIVATE KEY-----"
	secretWords = []string{"opensesame", "dozjgnryp4j3", "miiepaibaakcaqea", "akiaq3egriyvoxaplw5t", "a1b2c3d4e5f6g7h8"}
)

// becomePerson makes this process one of the person's, as far as the environment tells: their home, name and machine,
// with the working folder in which their files lie. It returns that folder.
func becomePerson(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"HOME", "USERPROFILE"} {
		t.Setenv(name, personHome())
	}
	for _, name := range []string{"USER", "USERNAME", "LOGNAME"} {
		t.Setenv(name, personUser)
	}
	t.Setenv("COMPUTERNAME", strings.ToUpper(personHost))
	dir := filepath.Join(t.TempDir(), personDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	dir, err := os.Getwd() // as the process sees it: links resolved
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// telling is text that gives away all of the person and some secrets.
func telling(dir string) string {
	return strings.Join([]string{
		"open " + personHome() + "/files/tax.db: no such file",
		"cwd " + dir,
		"cd " + filepath.Join(dir, "sub"),
		`C:\Users\Orla Penhaligon\Desktop\x.txt`,
		"/home/" + otherUser + "/.ssh/config",
		"user " + personUser + " on " + personHost,
		secretText(),
	}, "; ")
}

func secretText() string {
	return "password=OpenSesame1; dial postgres://bob:OpenSesame2@db.example/app; Authorization: Bearer " +
		"OpenSesame3; jwt " + secretJWT + "; key AKIAQ3EGRIYVOXAPLW5T; " +
		"ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8; " + secretPEM
}

// innocent are values whose names only sound like secrets. They stay.
var innocent = map[string]any{"token_count": 17, "author": "keepsAuthor", "monkey": "keepsMonkey",
	"sort_key": "keepsSortKey", "keyboard": "keepsKeyboard",
	"passenger": "keepsPassenger", "max_tokens": 4096, "primary_key": "keepsPrimaryKey", "password_length": 12, "compass": "keepsCompass"}

// secretValues are values that are secret by their name alone.
func secretValues() map[string]any {
	m := map[string]any{}
	for i, name := range []string{"password", "Passwd", "SECRET", "apiToken", "api_key", "apikey", "API-KEY",
		"authorization", "cookie", "privateKey", "private_key", "credential",
		"dsn", "connectionString", "connection string", "client-secret", "dbPassword", "kundennummer", "KundenNummer"} {
		m[name] = fmt.Sprintf("OpenSesame-name-%d", i)
	}
	return m
}

type tellingError struct {
	Path, Password string
	err            error
}

func (e *tellingError) Error() string { return "load " + e.Path + ": password=" + e.Password }
func (e *tellingError) Unwrap() error { return e.err }

type tellingData struct {
	Path     string            `json:"path"`
	Password string            `json:"password"`
	Env      map[string]string `json:"env"`
	Args     []string          `json:"args"`
	Nested   []any             `json:"nested"`
}

func newTellingData(dir string) *tellingData {
	return &tellingData{
		Path: filepath.Join(dir, "list.json"), Password: "OpenSesame-struct",
		Env: map[string]string{"HOME": personHome(), "PATH": personHome() + "/bin:/usr/bin",
			"DB_PASSWORD": "OpenSesame-env"},
		Args: []string{"tool", "--password", "OpenSesame-arg", "--token=OpenSesame-arg2", "--home", personHome()},
		Nested: []any{map[string]any{"deep": []any{secretValues(), telling(dir)}, personHome() + "/key": 1,
			"name": "password", "value": "OpenSesame-pair"}},
	}
}

// tell plants the person and secrets in every place that an event, log or metric has.
func tell(t *testing.T, dir string) {
	t.Helper()
	text := telling(dir)
	ctx, span := sentryconfig.CreateTaskSpan(t.Context(), "repair "+personUser, 0, 2,
		map[string]any{"data": newTellingData(dir), "text": text, "innocent": innocent})
	span.SetTag("path", personHome()+"/x")
	span.SetTag("api_token", "OpenSesame-tag")
	span.SetTag(personUser, "as a key")
	span.SetData("text", text)
	span.SetData("secrets", secretValues())
	span.SetData("token", "OpenSesame-data")

	child := sentry.StartSpan(ctx, "exec "+personUser, sentry.WithDescription(text))
	child.SetTag("cwd", dir)
	child.SetTag("password", "OpenSesame-spantag")
	child.SetData("cmdline", []string{"tool", "--password", "OpenSesame-spanarg", personHome()})
	child.SetData("struct", newTellingData(dir))
	child.Finish()
	_, nested := sentryconfig.CreateTaskSpan(ctx, "nested", 0, 1, newTellingData(dir))
	nested.Finish()

	sentryconfig.AddBreadcrumb(ctx, text, "category "+personUser, "",
		map[string]any{"text": text, "secrets": secretValues(), "innocent": innocent, personHome(): dir})
	sentry.GetHubFromContext(ctx).AddBreadcrumb(&sentry.Breadcrumb{Type: personUser, Message: text,
		Data: map[string]any{"struct": newTellingData(dir)}}, nil)
	logger := slog.New(sentryconfig.NewLogHandler(nil))
	logger.With("token", "OpenSesame-with").WithGroup("login").InfoContext(ctx, text, "cookie", "OpenSesame-cookie",
		"path", dir,
		slog.Group("inner", "password", "OpenSesame-group", "user", personUser), "struct", newTellingData(dir),
		"author", "keepsAuthor")
	logger.WarnContext(ctx, "category too", "category", personUser+" logs")

	sentry.GetHubFromContext(ctx).ConfigureScope(func(s *sentry.Scope) {
		s.SetUser(sentry.User{ID: personUser, Username: personUser, Name: "Q. " + personUser, Email: personUser + "@" +
			personHost + ".example", IPAddress: "203.0.113.77",
			Data: map[string]string{"home": personHome(), "password": "OpenSesame-user", "user.email": personUser +
				"@x.example"}})
		s.SetContext("host "+personHost, sentry.Context{"text": text, "struct": newTellingData(dir), "type": "x"})
		s.SetContext("password", sentry.Context{"value": "OpenSesame-context"})
		s.SetContext("device", sentry.Context{"model": personHost + " of " + personUser})
		s.SetTag("host", strings.ToUpper(personHost)+".corp.example")
		s.SetFingerprint([]string{"{{ default }}", text})
		r, err := http.NewRequest(http.MethodPost,
			"https://bob:OpenSesame-url@"+personHost+"/home?access_token=OpenSesame-query&cwd="+url.QueryEscape(dir),
			strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Basic OpenSesame-header")
		r.Header.Set("X-Api-Key", "OpenSesame-header2")
		r.Header.Set("X-Forwarded-For", "203.0.113.77")
		r.Header.Set("Referer", "http://"+personHost+"/"+personUser)
		r.AddCookie(&http.Cookie{Name: "sid", Value: "OpenSesame-cookie"})
		r.RemoteAddr = "203.0.113.77:1234"
		s.SetRequest(r)
		s.SetRequestBody([]byte(text))
		s.AddAttachment(&sentry.Attachment{Filename: personHome() + "/report of " + personUser + ".txt",
			ContentType: "text/plain", Payload: []byte("what is attached is meant to be sent")})
	})

	_, statErr := os.Open(filepath.Join(personHome(), "tax.db"))
	exit := exitError(t, text)
	for _, err := range []error{
		errors.New(text),
		fmt.Errorf("run: %w", &tellingError{dir, "OpenSesame-error", fmt.Errorf("%s: %w", text, statErr)}),
		&url.Error{Op: "Get", URL: "https://bob:OpenSesame-err@" + personHost + "/?token=OpenSesame-err2",
			Err: errors.New(text)},
		errors.Join(exit, &fs.PathError{Op: "open", Path: filepath.Join(dir, "x"), Err: fs.ErrPermission}),
	} {
		if sentryconfig.CaptureTaskException(ctx, err, "", nil, map[string]any{"struct": newTellingData(dir),
			"secrets": secretValues(), personHome(): text, "token": "OpenSesame-extra",
			"innocent": innocent, "bytes": []byte(text), "raw": json.RawMessage(jsonOf(t, newTellingData(dir))), "text": jsonOf(t, newTellingData(dir)), "error": err}) == "" {
			t.Error("an exception was not captured")
		}
	}
	sentryconfig.CaptureTaskFailure(ctx, "", text, newTellingData(dir), map[string]any{"text": text})
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "panics", Data: newTellingData(dir)},
		func(context.Context) error { panic(text) })
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "panics"},
		func(context.Context) error { panic(newTellingData(dir)) })
	_ = sentryconfig.RunTask(ctx, sentryconfig.Task{Type: "fails"}, func(context.Context) error {
		return &sentryconfig.TaskFailure{Reason: text, Extra: map[string]any{"struct": newTellingData(dir)},
			Err: errors.New(text)}
	})
	hub := sentry.GetHubFromContext(ctx)
	hub.CaptureEvent(tellingEvent(dir))
	hub.CaptureMessage(text)
	hub.CaptureException(errors.New(text))
	hub.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "backup-" + personHost, Status: sentry.CheckInStatusOK,
		Duration: time.Second}, &sentry.MonitorConfig{Schedule: sentry.CrontabSchedule("0 * * * *")})

	host := sentry.StartTransaction(ctx, "GET /"+personUser, sentry.WithTransactionSource(sentry.SourceRoute))
	host.Finish()
	span.Finish()

	log := sentry.NewLogger(ctx)
	log.SetAttributes(attribute.String("cwd", dir))
	log.Error().String("text", text).String("password", "OpenSesame-log").StringSlice("args",
		[]string{"--password", "OpenSesame-logarg", personHome()}).
		String(personHome(), "as a key").Int("pin_code", 4711).Emit(text)
	log.Info().Emitf("user %s, password=%s", personUser, "OpenSesame-logf")
	meter := sentry.NewMeter(ctx)
	meter.Count("logins."+personUser, 1, sentry.WithAttributes(attribute.String("path", dir),
		attribute.String("token", "OpenSesame-metric"), attribute.StringSlice("texts", []string{text})))
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exitError is the error of a process that wrote text on its stderr.
func exitError(t *testing.T, text string) error {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"=complains", "CHILD_TEXT="+strings.ReplaceAll(text, "\n", " "))
	_, err = cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		t.Fatalf("the child ended with %v", err)
	}
	return err
}

// tellingEvent is an event that a program makes by itself, with every field that sentry-go encodes.
func tellingEvent(dir string) *sentry.Event {
	text := telling(dir)
	e := sentry.NewEvent()
	e.Level, e.Message, e.Transaction, e.Logger = sentry.LevelError, text, "visit "+personUser, "logger."+personUser
	e.ServerName = personHost + ".corp.example"
	e.Release, e.Dist, e.Environment = "svc-"+personHost+"@1", personUser, "of-"+personUser
	e.Fingerprint = []string{text, personUser}
	e.Tags = map[string]string{"home": personHome(), "password": "OpenSesame-eventtag", "dir": dir}
	e.Modules = map[string]string{"example.com/" + personUser + "/tool": "v1"}
	e.User = sentry.User{Email: personUser + "@x.example", IPAddress: "203.0.113.77"}
	e.DebugMeta = &sentry.DebugMeta{Images: []sentry.DebugMetaImage{{Type: "pe", CodeFile: personHome() + `\tool.exe`,
		DebugFile: dir + "/tool.pdb"}}}
	frame := sentry.Frame{Function: "main.run", Filename: personHome() + "/src/main.go",
		AbsPath: filepath.Join(dir, "main.go"), Package: personHome(), Module: personUser + "/main", Lineno: 1,
		PreContext: []string{text}, ContextLine: text, PostContext: []string{text},
		Vars: map[string]any{"password": "OpenSesame-vars", "struct": newTellingData(dir), "text": text}}
	handled := false
	e.Exception = []sentry.Exception{{Type: personUser + ".Error", Value: text, Module: personUser,
		Stacktrace: &sentry.Stacktrace{Frames: []sentry.Frame{frame}},
		Mechanism: &sentry.Mechanism{Type: personUser, Description: text,
			HelpLink: "https://x:OpenSesame-link@" + personHost + "/", Source: personUser, Handled: &handled,
			Data: map[string]any{"token": "OpenSesame-mechanism", "text": text}}}}
	e.Threads = []sentry.Thread{{ID: "1", Name: personUser + " " + text,
		Stacktrace: &sentry.Stacktrace{Frames: []sentry.Frame{frame}}}}
	e.Contexts["app"] = sentry.Context{"app_name": personUser, "password": "OpenSesame-app"}
	e.Contexts["trace"] = sentry.Context{"trace_id": strings.Repeat("1a", 16), "span_id": strings.Repeat("2b", 8),
		"op": personUser, "description": text, "data": map[string]any{"token": "OpenSesame-trace"}}
	e.Request = &sentry.Request{URL: "http://" + personHost + "/?token=OpenSesame-request", Method: "GET", Data: text,
		QueryString: "password=OpenSesame-query&a=" + personUser,
		Cookies:     "sid=OpenSesame-cookies", Headers: map[string]string{"Cookie": "sid=OpenSesame-cookie",
			"X-Auth-Token": "OpenSesame-token", "User-Agent": text},
		Env: map[string]string{"REMOTE_ADDR": "203.0.113.77", "SERVER_NAME": personHost,
			"DB_PASSWORD": "OpenSesame-env"}}
	e.Attachments = []*sentry.Attachment{{Filename: dir + "/x.txt", Payload: []byte("payload")}}
	return e
}

func tellingServerName(co *sentry.ClientOptions) {
	co.ServerName = strings.ToUpper(personHost) + ".corp.example"
}

// recordHeaders returns a function that returns the headers of all requests so far.
func recordHeaders(server *sentrytest.Server) func() string {
	var mu sync.Mutex
	var b strings.Builder
	server.Respond(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&b, r.URL, r.Header)
		return false
	})
	return func() string { mu.Lock(); defer mu.Unlock(); return b.String() }
}

// readings returns raw, an envelope, as a reader may come to see it: as it is, and each of its texts without the
// escapes of JSON and URLs. They are in lower case.
func readings(raw []byte) []string {
	list := []string{strings.ToLower(string(raw))}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			list = append(list, strings.ToLower(v), strings.ToLower(unescapeURL(v)))
			var inner any
			if strings.ContainsAny(v, `{["`) && json.Unmarshal([]byte(v), &inner) == nil {
				walk(inner)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				walk(k)
				walk(e)
			}
		}
	}
	for line := range strings.Lines(string(raw)) {
		var v any
		if json.Unmarshal([]byte(line), &v) == nil {
			walk(v)
		}
	}
	return list
}

// unescapeURL undoes %XX where it is one.
func unescapeURL(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == '%' {
			var c byte
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); n == 1 && err == nil {
				b, i = append(b, c), i+2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// mustNotTell fails the test for each word that is in what the server got.
func mustNotTell(t *testing.T, server *sentrytest.Server, words ...string) {
	t.Helper()
	envelopes := server.Envelopes()
	if len(envelopes) == 0 {
		t.Fatal("nothing arrived")
	}
	seen := map[string]bool{}
	for _, e := range envelopes {
		for _, text := range readings(e.Raw) {
			for _, word := range words {
				if i := strings.Index(text, word); i >= 0 {
					from, to := max(0, i-80), min(len(text), i+len(word)+40)
					if where := strings.ToValidUTF8(text[from:to], ""); !seen[where] {
						seen[where] = true
						t.Errorf("%q was sent: …%s…", word, where)
					}
				}
			}
		}
	}
}

func TestNothingPersonalLeaves(t *testing.T) {
	dir := becomePerson(t)
	server := newServer(t)
	headers := recordHeaders(server)
	initialise(t, server, sentryconfig.Options{SendPII: sentry.Set(false), SecretKeys: []string{"kundennummer"},
		ClientOptions: tellingServerName, Release: "svc-" + personHost + "@1", Environment: "of-" + personUser})
	tell(t, dir)
	flush(t)
	mustNotTell(t, server, append(personalWords, secretWords...)...)
	mustNotTell(t, server, "203.0.113.77", strings.ToLower(jsonText(t, personHome())),
		strings.ToLower(jsonText(t, dir)))
	for _, word := range append(personalWords, secretWords...) {
		if strings.Contains(strings.ToLower(headers()), word) {
			t.Errorf("%q is in a request's header", word)
		}
	}
	if n := len(server.Events()); n != 11 {
		t.Errorf("%d events arrived, want 11", n)
	}
	for _, kind := range []string{"log", "trace_metric", "check_in", "attachment", "transaction"} {
		if len(server.Items(kind)) == 0 {
			t.Errorf("no %s arrived", kind)
		}
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(server.Events(), server.Transactions()...) {
		if e.ServerName == name {
			t.Errorf("server_name %q is the hostname", e.ServerName)
		}
		for context, keys := range map[string][]string{"device": {"name"}, "process": {"cwd", "executable", "cmdline"},
			"environment": {"executable_path"}} {
			for _, key := range keys {
				if v, ok := e.Contexts[context][key]; ok {
					t.Errorf("%s.%s = %v without SendPII", context, key, v)
				}
			}
		}
		for _, key := range []string{"username", "email", "ip_address", "name"} {
			if v, ok := e.User[key]; ok {
				t.Errorf("user.%s = %v without SendPII", key, v)
			}
		}
	}
	mustStayReadable(t, server)
}

func jsonText(t *testing.T, s string) string {
	t.Helper()
	return strings.Trim(jsonOf(t, s), `"`)
}

// mustStayReadable looks for what is no secret, in task data, extra, breadcrumbs.
func mustStayReadable(t *testing.T, server *sentrytest.Server) {
	t.Helper()
	var extra map[string]any
	for _, e := range server.Events() {
		if extra = e.Contexts["innocent"]; extra != nil {
			data, _ := e.Contexts["task"]["data"].(map[string]any)
			crumbs := 0
			for _, b := range e.Breadcrumbs {
				if fmt.Sprint(b.Data["innocent"]) == fmt.Sprint(extra) {
					crumbs++
				}
			}
			if fmt.Sprint(data["innocent"]) != fmt.Sprint(extra) || crumbs == 0 {
				t.Errorf("task data %v, %d breadcrumbs with the innocent values", data["innocent"], crumbs)
			}
			break
		}
	}
	for name, value := range innocent {
		if fmt.Sprint(extra[name]) != fmt.Sprint(value) {
			t.Errorf("%s = %v, want %v", name, extra[name], value)
		}
	}
}

func TestSecretsNeverLeave(t *testing.T) {
	dir := becomePerson(t)
	server := newServer(t)
	initialise(t, server, sentryconfig.Options{SecretKeys: []string{"kundennummer"}})
	sentryconfig.AwaitMachine(sentryconfig.Default())
	tell(t, dir)
	flush(t)
	mustNotTell(t, server, secretWords...)
	mustStayReadable(t, server)
	sentryconfig.CaptureTaskFailure(context.Background(), "plain", "in "+dir+" as "+personUser, nil, nil)
	flush(t)
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	events := server.Events()
	e := events[len(events)-1]
	if e.Message != "plain: in "+dir+" as "+personUser {
		t.Errorf("message %q: personal data may be sent", e.Message)
	}
	if e.ServerName != hostname {
		t.Errorf("server_name %q, want %q", e.ServerName, hostname)
	}
	if e.User["username"] == nil {
		t.Error("no user.username")
	}
	for _, want := range []struct{ context, key, value string }{
		{"device", "name", hostname}, {"process", "cwd", dir}, {"process", "executable", exe}, {"environment", "executable_path", exe},
	} {
		if got := e.Contexts[want.context][want.key]; got != want.value {
			t.Errorf("%s.%s = %v, want %q", want.context, want.key, got, want.value)
		}
	}
	if line, _ := e.Contexts["process"]["cmdline"].(string); !strings.HasPrefix(line, os.Args[0]) {
		t.Errorf("process.cmdline = %q", line)
	}
}

// Each form in which a text may name the person, and what is left of it.
func TestPersonalForms(t *testing.T) {
	dir := becomePerson(t)
	server := start(t, sentryconfig.Options{SendPII: sentry.Set(false)})
	type form struct{ name, text, want string }
	forms := []form{
		{"word", "user quillfeather logged in", "user [user] logged in"},
		{"word in capitals", "USER QUILLFEATHER.", "USER [user]."},
		{"part of a word", "quillfeathers are light", "quillfeathers are light"},
		{"host", "ping workbox-8841: no answer", "ping [host]: no answer"},
		{"host in capitals, with its domain", `lookup WORKBOX-8841.corp.example: no such host`, "lookup [host].corp.example: no such host"},
		{"UNC path of this host", `\\WORKBOX-8841\share\x`, `\\[host]\share\x`},
		{"UNC path of a user", `\\fs01\homes\quillfeather\x`, `\\fs01\homes\[user]\x`},
		{"UNC path of another's profile", `\\fs01\Users\Orla Penhaligon\x`, `\\fs01~\x`},
		{"mail address", "to quillfeather@mail.example", "to [user]@mail.example"},
		{"domain and user", `WORKBOX-8841\quillfeather denied`, `[host]\[user] denied`},
		{"user in a URL", "https://api.example/users/quillfeather?as=QuillFeather", "https://api.example/users/[user]?as=[user]"},
		{"Windows home", `C:\Users\Orla Penhaligon\Desktop`, `~\Desktop`},
		{"Windows home, other slashes and case", `c:/users/penhaligon/Desktop`, `~/Desktop`},
		{"Windows home, escaped", `{"path":"C:\\Users\\Orla Penhaligon\\x"}`, `{"path":"~\\x"}`},
		{"Windows home, escaped twice", `"{\"path\":\"C:\\\\Users\\\\Orla Penhaligon\\\\x\"}"`, `"{\"path\":\"~\\\\x\"}"`},
		{"Windows home, percent-encoded", `file:///C:/Users/Orla%20Penhaligon/x`, `file:///~/x`},
		{"Windows home, long form", `\\?\C:\Users\penhaligon\x`, `\\?\~\x`},
		{"Windows XP home", `C:\Documents and Settings\penhaligon\x`, `~\x`},
		{"Linux home", "/home/penhaligon/x", "~/x"},
		{"Linux home alone", "chdir /home/penhaligon: denied", "chdir ~: denied"},
		{"Mac home", "/Users/penhaligon/Library/x", "~/Library/x"},
		{"home in WSL", "/mnt/c/Users/penhaligon/x", "/mnt/c~/x"},
		{"home of everyone", `C:\Users\Public\x /Users/Shared/y`, `C:\Users\Public\x /Users/Shared/y`},
		{"route, not a home", "GET /api/home/overview /api/users/list", "GET /api/home/overview /api/users/list"},
	}
	for _, f := range []struct{ name, path, mark string }{{"own home", personHome(), "~"},
		{"working folder", dir, "[dir]"}} {
		slashes, scheme := filepath.ToSlash(f.path), "file:"
		path := slashes
		if runtime.GOOS == "windows" { // file:///C:/x
			path, scheme = "/"+slashes, "file:///"
		}
		forms = append(forms,
			form{f.name, "open " + f.path + "/x: denied", "open " + f.mark + "/x: denied"},
			form{f.name + " in capitals", strings.ToUpper(f.path), f.mark},
			form{f.name + " alone", "(" + f.path + ")", "(" + f.mark + ")"},
			form{f.name + " with backslashes", strings.ReplaceAll(slashes, "/", `\`) + `\x`, f.mark + `\x`},
			form{f.name + " in JSON", jsonOf(t, map[string]string{"p": f.path + "/x"}), `{"p":"` + f.mark + `/x"}`},
			form{f.name + " in a URL", "file://" + (&url.URL{Path: path}).EscapedPath() + "/x", scheme + f.mark + "/x"},
			form{f.name + " as a parameter", "?p=" + url.QueryEscape(slashes) + "%2Fx&n=1",
				"?p=" + f.mark + "%2Fx&n=1"},
		)
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			n := len(server.Events())
			sentryconfig.CaptureTaskFailure(t.Context(), "x", f.text, nil, nil)
			flush(t)
			events := server.WaitEvents(n+1, time.Minute)
			if got := strings.TrimPrefix(events[n].Message, "x: "); got != f.want {
				t.Errorf("%q was sent as\n %q, want\n %q", f.text, got, f.want)
			}
		})
	}
}

// sentry-go's check-ins pass none of its hooks.
// The hostname may be too short to be recognised in a text.
func TestNoServerNameByEitherSwitch(t *testing.T) {
	for name, opts := range map[string]sentryconfig.Options{
		"SendPII":        {SendPII: sentry.Set(false)},
		"SendDefaultPII": {ClientOptions: func(co *sentry.ClientOptions) { co.SendDefaultPII = false }}, //nolint:staticcheck // deprecated, and in use
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, opts)
			sentryconfig.CaptureTaskFailure(t.Context(), "a", "b", nil, nil)
			if e := one(t, server); e.ServerName != "" {
				t.Errorf("server_name %q", e.ServerName)
			}
		})
	}
}

func TestCheckInsWhileOff(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	sentryconfig.SetEnabled(false)
	sentry.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "off", Status: sentry.CheckInStatusOK}, nil)
	sentryconfig.SetEnabled(true)
	sentry.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "on", Status: sentry.CheckInStatusOK}, nil)
	flush(t)
	items := server.Items("check_in")
	if len(items) != 1 || !strings.Contains(string(items[0].Payload), `"on"`) {
		t.Errorf("check-ins %v", items)
	}
}

// What a process that died left behind passes the scrubber of the one that reports it.
func TestNothingPersonalSurvivesDeath(t *testing.T) {
	dir := becomePerson(t)
	server, outbox := newServer(t), t.TempDir()
	server.Respond(offline)
	if err := child(t, "crashes in private", server.DSN(), outbox).Run(); err == nil {
		t.Fatal("the child didn't crash")
	}
	server.Respond(nil)
	initialise(t, server, sentryconfig.Options{SendPII: sentry.Set(false), OutboxDir: outbox,
		SecretKeys: []string{"kundennummer"}, Release: "svc@1"})
	events := server.WaitEvents(3, time.Minute)
	mustNotTell(t, server, append(personalWords, secretWords...)...)
	mustNotTell(t, server, strings.ToLower(jsonText(t, dir)))
	kinds := map[string]int{}
	for _, e := range events {
		kinds[e.Tags["failure_type"]]++
		if e.Tags["failure_type"] == "task_interrupted" && !strings.Contains(fmt.Sprint(e.Contexts["task"]["data"]),
			"keepsAuthor") {
			t.Errorf("the interrupted task's data is gone: %v", e.Contexts["task"])
		}
	}
	if kinds["task_interrupted"] != 1 || kinds["process_crash"] != 1 || kinds[""] != 1 {
		t.Errorf("events by failure_type: %v", kinds)
	}
}

// What was stored while personal data might be sent isn't sent once it may not.
func TestStoredWithPersonalDataIsDropped(t *testing.T) {
	dir := becomePerson(t)
	server, outbox := newServer(t), t.TempDir()
	server.Respond(offline)
	if err := child(t, "crashes in public", server.DSN(), outbox).Run(); err == nil {
		t.Fatal("the child didn't crash")
	}
	server.Respond(nil)
	initialise(t, server, sentryconfig.Options{SendPII: sentry.Set(false), OutboxDir: outbox, Release: "svc@1"})
	events := server.WaitEvents(2, time.Minute)
	for end := time.Now().Add(time.Minute); sentryconfig.ReadStats().Dropped == 0 && time.Now().Before(end); {
		flush(t) // which waits for what this process knows of
	}
	if n := len(server.Events()); n != 2 {
		t.Errorf("%d events arrived, want the interrupted task and the crash: %v", n, events)
	}
	mustNotTell(t, server, append(personalWords, secretWords...)...)
	mustNotTell(t, server, strings.ToLower(jsonText(t, dir)))
	if stats := sentryconfig.ReadStats(); stats.Dropped == 0 {
		t.Errorf("what was stored with personal data isn't counted as dropped: %+v", stats)
	}
}

// privateChild stores an event, leaves a task running and crashes, all of it telling.
func privateChild(pii bool) {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	if err := sentryconfig.Init(sentryconfig.Options{DSN: os.Getenv("CHILD_DSN"), OutboxDir: os.Getenv("CHILD_OUTBOX"),
		Release: "child@1", CrashReports: true, SendPII: sentry.Set(pii),
		SecretKeys: []string{"kundennummer"}}); err != nil {
		panic(err)
	}
	text := telling(dir)
	ctx, _ := sentryconfig.CreateTaskSpan(context.Background(), "left by "+personUser, 0, 1,
		map[string]any{"data": newTellingData(dir), "author": "keepsAuthor"})
	sentryconfig.AddBreadcrumb(ctx, text, personUser, "", nil)
	sentryconfig.CaptureTaskException(ctx, errors.New(text), "", nil, nil)
	crashed := make(chan struct{})
	go func() {
		defer close(crashed)
		panic("crash of " + text)
	}()
	<-crashed
	select {}
}

func complainingChild() {
	fmt.Fprintln(os.Stderr, os.Getenv("CHILD_TEXT"))
	os.Exit(3)
}

func TestReadings(t *testing.T) {
	raw := []byte(`{"event_id":"x"}` + "\n" + `{"a":["Caf\u00e9",{"k%C3%A9y":"\"{\\\"in\\\":\\\"n\\u00e9r\\\"}\""}]}`)
	all := strings.Join(readings(raw), "\n")
	for _, want := range []string{"café", "kéy", "nér"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q isn't found in %s", want, all)
		}
	}
	if !utf8.ValidString(all) {
		t.Error("not UTF-8")
	}
}

// TestJournalTellsNothing: what is noted of a running task is scrubbed before it is on disk.
func TestJournalTellsNothing(t *testing.T) {
	dir := t.TempDir()
	client, _ := newClient(t, sentryconfig.Options{OutboxDir: dir})
	_, span := client.CreateTaskSpan(t.Context(), "send password=OpenSesame1", 0, 1, "password=OpenSesame2")
	defer span.Finish()
	noted := journal(t, dir)
	if strings.Contains(noted, "OpenSesame") || !strings.Contains(noted, "send password=[Filtered]") {
		t.Errorf("the journal has %s", noted)
	}
}
