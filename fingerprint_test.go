package sentryconfig

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/grouping"
)

// classOf is the class of err where no context has ended.
func classOf(err error, user func(error) string, clean func(string) string) grouping.Class {
	rules := rulesFor(ending.Ending{}, user, clean)
	return rules.Class(err)
}

// provoked is an error that really happened, and what it is to be grouped by.
type provoked struct {
	name      string
	err       func(t *testing.T) error
	class     string
	text      bool // the class is a text
	condition string
}

func TestClassOfRealErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range append(realErrors(), platformErrors()...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.err(t)
			if err == nil {
				t.Fatal("the error didn't happen")
			}
			want := grouping.Class{Name: tt.class, Text: tt.text, Condition: tt.condition}
			for wrapping, wrapped := range map[string]error{
				"bare":   err,
				"%w":     fmt.Errorf("task 7: %w (gave up)", err),
				"Join":   errors.Join(err),
				"joined": errors.Join(errors.New("clean up"), fmt.Errorf("a: %w", fmt.Errorf("b: %w", err))),
				"task":   &TaskError{Err: &TaskFailure{Reason: "bad", Err: err}},
				"panic":  &PanicError{Value: err},
			} {
				if wrapping == "joined" && tt.text && tt.condition == "" {
					continue // the first text wins
				}
				if got := classOf(wrapped, nil, nil); got != want {
					t.Errorf("%s: classOf(%#v: %v) = %+v, want %+v", wrapping, err, err, got, want)
				}
			}
			c := classOf(err, nil, nil)
			class, condition := c.Name, c.Condition
			if class != tt.class || condition != tt.condition {
				t.Errorf("classify = %q, %q", class, condition)
			}
		})
	}
}

func realErrors() []provoked {
	return []provoked{
		// Files.
		{"missing file", func(t *testing.T) error {
			_, err := os.Open(filepath.Join(t.TempDir(), "missing"))
			return err
		}, "fs.PathError", false, "not_exist"},
		{"folder that exists", func(t *testing.T) error { return os.Mkdir(t.TempDir(), 0o700) }, "fs.PathError", false, "exist"},
		{"folder that isn't empty", func(t *testing.T) error {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "file"))
			return os.Remove(dir)
		}, "fs.PathError", false, "exist"},
		{"rename of a missing file", func(t *testing.T) error {
			dir := t.TempDir()
			return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
		}, "os.LinkError", false, "not_exist"},
		{"link to a folder", func(t *testing.T) error { // forbidden to root, too
			dir := t.TempDir()
			return os.Link(dir, filepath.Join(dir, "link"))
		}, "os.LinkError", false, "permission"},
		{"read of a closed file", func(t *testing.T) error {
			name := filepath.Join(t.TempDir(), "file")
			writeFile(t, name)
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			_, err = f.Read(make([]byte, 1))
			return err
		}, "fs.PathError", false, "closed"},
		{"pipe nobody reads", func(t *testing.T) error {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			_ = r.Close()
			_, err = w.Write([]byte("x"))
			return err
		}, "fs.PathError", false, "closed"},
		{"closed io.Pipe", func(*testing.T) error {
			r, w := io.Pipe()
			_ = r.Close()
			_, err := w.Write([]byte("x"))
			return err
		}, "io: read/write on closed pipe", true, "closed"},
		{"end of file", func(*testing.T) error {
			_, err := strings.NewReader("").ReadByte()
			return err
		}, "EOF", true, ""},
		{"short read", func(*testing.T) error {
			_, err := io.ReadFull(strings.NewReader("x"), make([]byte, 2))
			return err
		}, "unexpected EOF", true, ""},
		{"invalid name in an fs.FS", func(t *testing.T) error {
			_, err := fs.ReadFile(os.DirFS(t.TempDir()), "../x")
			return err
		}, "fs.PathError", false, "invalid argument"},

		// The network.
		{"refused connection", func(t *testing.T) error {
			_, err := net.Dial("tcp", closedAddress(t))
			return err
		}, "net.OpError", false, "connection_refused"},
		{"request to nobody", func(t *testing.T) error {
			return get(t, http.DefaultClient, context.Background(), "http://"+closedAddress(t))
		}, "url.Error", false, "connection_refused"},
		{"reset connection", resetConnection, "net.OpError", false, "connection_reset"},
		{"read deadline", func(t *testing.T) error {
			c := silentConnection(t)
			_ = c.SetReadDeadline(time.Now().Add(-time.Second))
			_, err := c.Read(make([]byte, 1))
			return err
		}, "net.OpError", false, "timeout"},
		{"closed connection", func(t *testing.T) error {
			c := silentConnection(t)
			_ = c.Close()
			_, err := c.Write([]byte("x"))
			return err
		}, "net.OpError", false, "closed"},
		{"closed listener", func(t *testing.T) error {
			l := listen(t)
			_ = l.Close()
			_, err := l.Accept()
			return err
		}, "net.OpError", false, "closed"},
		{"dial after its deadline", func(t *testing.T) error {
			d := net.Dialer{Deadline: time.Now().Add(-time.Second)}
			_, err := d.Dial("tcp", closedAddress(t))
			return err
		}, "net.OpError", false, "timeout"},
		{"dial with a cancelled context", func(t *testing.T) error {
			var d net.Dialer
			_, err := d.DialContext(cancelled(), "tcp", closedAddress(t))
			return err
		}, "net.OpError", false, "canceled"},
		{"unknown host", func(t *testing.T) error {
			_, err := resolverWithoutNames(t).LookupHost(context.Background(), "host.invalid")
			return err
		}, "net.DNSError", false, "not_exist"},
		{"look-up with a cancelled context", func(t *testing.T) error {
			_, err := resolverWithoutNames(t).LookupHost(cancelled(), "host.invalid")
			return err
		}, "net.DNSError", false, "canceled"},
		{"address without port", func(*testing.T) error {
			_, err := net.Dial("tcp", "127.0.0.1")
			return err
		}, "net.OpError", false, "net.AddrError"},
		{"bad CIDR", func(*testing.T) error {
			_, _, err := net.ParseCIDR("10.0.0.0/x")
			return err
		}, "net.ParseError", false, ""},
		{"bad URL", func(*testing.T) error {
			_, err := url.Parse(same("http://a b"))
			return err
		}, "url.Error", false, "url.InvalidHostError"},
		{"client timeout", func(t *testing.T) error {
			return get(t, &http.Client{Timeout: 20 * time.Millisecond}, context.Background(), silentServer(t))
		}, "url.Error", false, "timeout"},
		{"request past its deadline", func(t *testing.T) error {
			ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
			defer cancel()
			return get(t, http.DefaultClient, ctx, silentServer(t))
		}, "url.Error", false, "timeout"},
		{"cancelled request", func(t *testing.T) error {
			return get(t, http.DefaultClient, cancelled(), silentServer(t))
		}, "url.Error", false, "canceled"},
		{"server that was shut down", func(t *testing.T) error {
			var s http.Server
			_ = s.Shutdown(context.Background())
			return s.Serve(listen(t))
		}, "http: Server closed", true, "closed"},
		{"body over its limit", func(*testing.T) error {
			_, err := io.ReadAll(http.MaxBytesReader(nil, io.NopCloser(strings.NewReader("xyz")), 1))
			return err
		}, "http.MaxBytesError", false, ""},
		{"bad certificate, request", func(t *testing.T) error {
			return get(t, http.DefaultClient, context.Background(), tlsServer(t).URL)
		}, "url.Error", false, "x509.UnknownAuthorityError"},
		{"alert of TLS, request", func(t *testing.T) error {
			s := tlsServer(t)
			c := s.Client()
			config := c.Transport.(*http.Transport).TLSClientConfig
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return get(t, c, context.Background(), s.URL)
		}, "url.Error", false, "tls: protocol version not supported"},
		{"bad certificate, connection", func(t *testing.T) error {
			_, err := tls.Dial("tcp", tlsServer(t).Listener.Addr().String(), &tls.Config{RootCAs: x509.NewCertPool()})
			return err
		}, "tls.CertificateVerificationError", false, ""},
		{"certificate of another host", func(t *testing.T) error {
			return tlsServer(t).Certificate().VerifyHostname("host.invalid")
		}, "x509.HostnameError", false, ""},
		{"TLS to a server without", func(t *testing.T) error {
			s := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(s.Close)
			_, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{ServerName: "localhost"})
			return err
		}, "tls.RecordHeaderError", false, ""},

		// Time.
		{"deadline of a context", func(*testing.T) error {
			ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
			defer cancel()
			return ctx.Err()
		}, "context deadline exceeded", true, "timeout"},
		{"cancelled context", func(*testing.T) error { return cancelled().Err() }, "context canceled", true, "canceled"},
		{"os.ErrDeadlineExceeded", func(*testing.T) error { return os.ErrDeadlineExceeded }, "i/o timeout", true, "timeout"},
		{"net.ErrClosed", func(*testing.T) error { return net.ErrClosed }, "use of closed network connection", true, "closed"},
		{"read deadline of net.Pipe", func(*testing.T) error {
			c, _ := net.Pipe()
			_ = c.SetReadDeadline(time.Now().Add(-time.Second))
			_, err := c.Read(make([]byte, 1))
			return err
		}, "net.OpError", false, "timeout"},

		// Processes.
		{"exit 3", func(t *testing.T) error { return helper("exit").Run() }, "exec.ExitError", false, "exit_3"},
		{"missing program", func(*testing.T) error { return exec.Command("no-such-program-here").Run() }, "exec.Error", false, "not_exist"},
		{"missing program, by its path", func(t *testing.T) error {
			return exec.Command(filepath.Join(t.TempDir(), "missing.exe")).Run()
		}, "fs.PathError", false, "not_exist"},

		// Documents.
		{"bad JSON", func(*testing.T) error { return json.Unmarshal([]byte(`{"a":}`), new(any)) }, "json.SyntaxError", false, ""},
		{"wrong JSON type", func(*testing.T) error { return json.Unmarshal([]byte(`"a"`), new(int)) }, "json.UnmarshalTypeError", false, ""},
		{"value without JSON", func(*testing.T) error {
			_, err := json.Marshal(same[any](make(chan int)))
			return err
		}, "json.UnsupportedTypeError", false, ""},
		{"bad XML", func(*testing.T) error { return xml.Unmarshal([]byte("<a><b></a>"), new(struct{})) }, "xml.SyntaxError", false, ""},
		{"bad CSV", func(*testing.T) error {
			_, err := csv.NewReader(strings.NewReader("a,b\nc\n")).ReadAll()
			return err
		}, "csv.ParseError", false, "wrong number of fields"},
		{"bad base64", func(*testing.T) error {
			_, err := base64.StdEncoding.DecodeString("!")
			return err
		}, "base64.CorruptInputError", false, ""},
		{"bad hex", func(*testing.T) error {
			_, err := hex.DecodeString("zz")
			return err
		}, "hex.InvalidByteError", false, ""},
		{"bad gzip", func(*testing.T) error {
			_, err := gzip.NewReader(strings.NewReader("0123456789"))
			return err
		}, "gzip: invalid header", true, ""},
		{"bad number", func(*testing.T) error {
			_, err := strconv.Atoi("x")
			return err
		}, "strconv.NumError", false, "invalid syntax"},
		{"bad time", func(*testing.T) error {
			_, err := time.Parse(time.RFC3339, "x")
			return err
		}, "time.ParseError", false, ""},
		{"odd hex", func(*testing.T) error {
			_, err := hex.DecodeString("abc")
			return err
		}, "encoding/hex: odd length hex string", true, ""},
		{"bad pattern", func(*testing.T) error {
			_, err := regexp.Compile(same("("))
			return err
		}, "syntax.Error", false, ""},
		{"template that fails", func(*testing.T) error {
			return template.Must(template.New("t").Parse("{{.A.B}}")).Execute(io.Discard, map[string]int{"A": 1})
		}, "template.ExecError", false, ""},
		{"no rows", func(*testing.T) error { return sql.ErrNoRows }, "sql: no rows in result set", true, ""},

		// Panics.
		{"index out of range", func(*testing.T) error {
			return panicOf(func() { _ = []int{}[one()] })
		}, "runtime.boundsError", false, ""},
		{"slice out of range", func(*testing.T) error {
			return panicOf(func() { _ = []int{}[one():] })
		}, "runtime.boundsError", false, ""},
		{"write to a nil map", func(*testing.T) error {
			return panicOf(func() { same(map[string]int(nil))["a"] = 1 })
		}, "assignment to entry in nil map", true, ""},
		{"failed type assertion", func(*testing.T) error {
			return panicOf(func() { _ = any(one()).(string) })
		}, "runtime.TypeAssertionError", false, ""},
		{"nil pointer", func(*testing.T) error {
			return panicOf(func() { _ = (*pointerError)(nil).text })
		}, "runtime error: invalid memory address or nil pointer dereference", true, ""},
		{"division by zero", func(*testing.T) error {
			return panicOf(func() { _ = 1 / (one() - 1) })
		}, "runtime error: integer divide by zero", true, ""},
		{"channel closed twice", func(*testing.T) error {
			return panicOf(func() { c := make(chan int); close(c); close(c) })
		}, "close of closed channel", true, ""},
		{"panic with nil", func(*testing.T) error {
			return panicOf(func() { panic(nil) })
		}, "runtime.PanicNilError", false, ""},
		{"panic with a text", func(*testing.T) error { return &PanicError{Value: "boom 7"} }, "panic: boom <n>", true, ""},
		{"panic with a number", func(*testing.T) error { return &PanicError{Value: 7} }, "panic: int <n>", true, ""},
		{"panic with a struct", func(*testing.T) error { return &PanicError{Value: struct{ A int }{7}} }, "panic: struct { A int }", true, ""},
		{"panic with a type of one's own", func(*testing.T) error { return &PanicError{Value: &Task{}} }, "panic: *sentryconfig.Task", true, ""},

		// Errors of a user's own.
		{"by value", func(*testing.T) error { return valueError{"x"} }, "sentryconfig.valueError", false, ""},
		{"by pointer", func(*testing.T) error { return &pointerError{"x"} }, "sentryconfig.pointerError", false, ""},
		{"nil pointer, pointer receiver", func(*testing.T) error { return (*pointerError)(nil) }, "sentryconfig.pointerError", false, ""},
		{"nil pointer, value receiver", func(*testing.T) error { return (*valueError)(nil) }, "sentryconfig.valueError", false, ""},
		{"nil pointer of the standard library", func(*testing.T) error { return (*fs.PathError)(nil) }, "fs.PathError", false, ""},
		{"pointer to a pointer", func(*testing.T) error {
			err := &pointerError{"x"}
			return pointerPointer{&err}
		}, "sentryconfig.pointerPointer", false, ""},
		{"local type", func(*testing.T) error {
			type localError struct{ error }
			return localError{io.EOF}
		}, "sentryconfig.localError", false, ""},
		{"type without a name", func(*testing.T) error { return struct{ error }{errors.New("no 7")} }, "no <n>", true, ""},
		{"string type", func(*testing.T) error { return constError("x") }, "sentryconfig.constError", false, ""},
		{"generic", func(*testing.T) error { return box[int]{} }, "sentryconfig.box[int]", false, ""},
		{"generic, pointer", func(*testing.T) error { return &box[Task]{} }, "sentryconfig.box[sentryconfig.Task]", false, ""},
		{"generic of another package's", func(*testing.T) error { return box[http.Header]{} }, "sentryconfig.box[http.Header]", false, ""},
		{"generic of generics", func(*testing.T) error { return box[map[string]*box[url.URL]]{} },
			"sentryconfig.box[map[string]*sentryconfig.box[url.URL]]", false, ""},
		{"generic of a local type", func(*testing.T) error {
			type local struct{}
			return box[local]{}
		}, "sentryconfig.box[sentryconfig.local]", false, ""},
		{"one that names its class", func(*testing.T) error { return namedError("Payment declined") }, "Payment declined", false, ""},
		{"one that names no class", func(*testing.T) error { return namedError("") }, "sentryconfig.namedError", false, ""},
		{"one whose class has lines", func(*testing.T) error { return namedError(" a\r\n b\t") }, "a b", false, ""},
		{"timeout of one's own", func(*testing.T) error { return timeoutError{} }, "sentryconfig.timeoutError", false, "timeout"},
		{"failure", func(*testing.T) error { return &TaskFailure{Reason: "disk C: at 97 %"} }, "disk <path> at <n>", true, ""},
		{"no text at all", func(*testing.T) error { return errors.New(" \n") }, "error", true, ""},

		// Trees.
		{"second branch means something", func(*testing.T) error {
			return errors.Join(errors.New("upload failed"), nil, fmt.Errorf("x: %w", syscall.ENOENT))
		}, "syscall.Errno", false, "not_exist"},
		{"first branch decides both", func(*testing.T) error {
			return errors.Join(errors.New("a"), errors.Join(&fs.PathError{Op: "open", Path: "x", Err: fs.ErrExist}),
				context.DeadlineExceeded)
		}, "fs.PathError", false, "exist"},
		{"two wrapped", func(*testing.T) error {
			return fmt.Errorf("%w: %w", errors.New("download failed"),
				&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
		}, "net.OpError", false, "connection_refused"},
		{"branches of texts", func(*testing.T) error {
			return errors.Join(fmt.Errorf("first %d", 1), errors.New("second"))
		}, "first <n>", true, ""},
		{"text with a condition", func(*testing.T) error {
			return errors.Join(errors.New("clean-up failed"), fs.ErrNotExist)
		}, "file does not exist", true, "not_exist"},
		{"wrapper of nothing", func(*testing.T) error {
			var none error
			return fmt.Errorf("x: %w", none)
		}, "x: %!w(<nil>)", true, ""},
		{"joined by a type of one's own", func(*testing.T) error {
			return groupError{errors.New("a"), fs.ErrPermission}
		}, "permission denied", true, "permission"},
		{"joined, with a place", func(*testing.T) error {
			return treeError{"place", []error{errors.New("a"), fs.ErrPermission}}
		}, "sentryconfig.treeError", false, "permission"},

		// Codes.
		{"code", func(*testing.T) error { return fmt.Errorf("x: %w", &codeError{code: "NoSuchKey"}) }, "sentryconfig.codeError", false, "NoSuchKey"},
		{"code before exit before condition", func(t *testing.T) error {
			return treeError{"place", []error{fs.ErrNotExist, helper("exit").Run(), &codeError{code: "A"},
				&codeError{code: "B"}}}
		}, "sentryconfig.treeError", false, "A"},
		{"exit before condition", func(t *testing.T) error {
			return treeError{"place", []error{fs.ErrNotExist, helper("exit").Run()}}
		}, "sentryconfig.treeError", false, "exit_3"},
		{"conditions in their order", func(*testing.T) error {
			return treeError{"place", []error{syscall.ENOSPC, context.Canceled, context.DeadlineExceeded,
				fs.ErrPermission}}
		}, "sentryconfig.treeError", false, "permission"},
		{"empty code", func(*testing.T) error { return &codeError{err: syscall.ECONNRESET} }, "sentryconfig.codeError", false, "connection_reset"},
		{"long code in lines", func(*testing.T) error { return &codeError{code: "x\ny" + strings.Repeat("é", 100)} },
			"sentryconfig.codeError", false, "x y" + strings.Repeat("é", 57)},
		{"SQLSTATE", func(*testing.T) error { return stateError("23505") }, "sentryconfig.stateError", false, "23505"},

		// What errors.Is and errors.As find by methods.
		{"Is", func(*testing.T) error { return isError2{fs.ErrPermission} }, "sentryconfig.isError2", false, "permission"},
		{"Is of a system error", func(*testing.T) error { return isError2{connectionRefused} }, "sentryconfig.isError2", false, "connection_refused"},
		{"As of a code", func(*testing.T) error { return asCodeError{} }, "sentryconfig.asCodeError", false, "Throttled"},
	}
}

type (
	valueError     struct{ text string }
	pointerError   struct{ text string }
	pointerPointer struct{ err **pointerError }
	constError     string
	namedError     string
	stateError     string
	timeoutError   struct{}
	box[T any]     struct{ _ *T }
	groupError     []error
	isError2       struct{ target error }
	asCodeError    struct{}
	treeError      struct {
		place string
		errs  []error
	}
	codeError struct {
		code string
		err  error
	}
)

func (e valueError) Error() string     { return e.text }
func (e *pointerError) Error() string  { return e.text }
func (e pointerPointer) Error() string { return (*e.err).text }
func (e constError) Error() string     { return string(e) }
func (e namedError) Error() string     { return "named" }
func (e namedError) ErrorClass() string {
	return string(e)
}
func (e stateError) Error() string    { return "ERROR: duplicate key" }
func (e stateError) SQLState() string { return string(e) }
func (timeoutError) Error() string    { return "too late" }
func (timeoutError) Timeout() bool    { return true }
func (box[T]) Error() string          { return "box" }
func (e treeError) Error() string     { return "tree" }
func (e treeError) Unwrap() []error   { return e.errs }
func (e groupError) Error() string    { return "group" }
func (e groupError) Unwrap() []error  { return e }
func (e isError2) Error() string      { return "is" }
func (e isError2) Is(target error) bool {
	return target == e.target
}
func (asCodeError) Error() string { return "as" }
func (asCodeError) As(target any) bool {
	coded, ok := target.(*interface{ ErrorCode() string })
	if ok {
		*coded = &codeError{code: "Throttled"}
	}
	return ok
}
func (e *codeError) Error() string     { return "code" }
func (e *codeError) ErrorCode() string { return e.code }
func (e *codeError) Unwrap() error     { return e.err }

// same hides from linters that a value is wrong.
//
//go:noinline
func same[T any](v T) T { return v }

func one() int { return len(os.Args[:1]) }

func panicOf(f func()) (err error) {
	defer func() { err = recover().(error) }()
	f()
	return nil
}

func writeFile(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// closedAddress is one where nobody listens: a connection's own end is taken, but no listener.
func closedAddress(t *testing.T) string {
	t.Helper()
	return silentConnection(t).LocalAddr().String()
}

// silentConnection is a connection to somebody who says nothing.
func silentConnection(t *testing.T) net.Conn {
	t.Helper()
	c, _ := connection(t)
	return c
}

func connection(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l := listen(t)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// resetConnection returns what a read from a connection says that the other side has reset. Under Wine that is at times
// told as its end: then it tries another connection.
func resetConnection(t *testing.T) (err error) {
	for range 100 {
		client, server := connection(t)
		_ = server.(*net.TCPConn).SetLinger(0) // closing resets
		_ = server.Close()
		_ = client.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err = client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			break
		}
	}
	return err
}

func get(t *testing.T, client *http.Client, ctx context.Context, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	if c.Transport == nil {
		c.Transport = &http.Transport{Proxy: nil, DisableKeepAlives: true} // whatever the environment says
	}
	resp, err := c.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

// silentServer is an HTTP server that answers when the test is over.
func silentServer(t *testing.T) string {
	t.Helper()
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(over) })
	return s.URL
}

func tlsServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// resolverWithoutNames asks a DNS server that knows no name.
func resolverWithoutNames(t *testing.T) *net.Resolver {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answerNoSuchName(c)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}}
}

// answerNoSuchName answers the questions on c, each after its length in two bytes.
func answerNoSuchName(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, message); err != nil || len(message) < 12 {
			return
		}
		end := 12 // after the header come the name's labels, then type and class
		for end < len(message) && message[end] != 0 {
			end += int(message[end]) + 1
		}
		answer := message[:min(len(message), end+5)]
		answer[2], answer[3] = 0x81, 0x83 // a response: no such name
		clear(answer[6:12])
		binary.BigEndian.PutUint16(length[:], uint16(len(answer)))
		if _, err := c.Write(append(length[:], answer...)); err != nil {
			return
		}
	}
}

const helperVariable = "SENTRYCONFIG_FINGERPRINT_HELPER"

// helper is a command that does what TestFingerprintHelper knows under this name.
func helper(what string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFingerprintHelper$")
	cmd.Env = append(os.Environ(), helperVariable+"="+what)
	return cmd
}

// TestFingerprintHelper is the program that other tests run; by itself it tests nothing.
func TestFingerprintHelper(t *testing.T) {
	switch os.Getenv(helperVariable) {
	case "exit":
		os.Exit(3)
	case "wait":
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
}

func TestClassOfNil(t *testing.T) {
	t.Parallel()
	if c := classOf(nil, func(error) string { return "x" }, nil); c.Name != "" || c.Condition != "" {
		t.Errorf("classOf(nil) = %+v", c)
	}
}

func TestUserErrorClass(t *testing.T) {
	t.Parallel()
	notFound := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	tests := []struct {
		name string
		user func(error) string
		err  error
		want grouping.Class
	}{
		{"outermost", func(error) string { return "Any" }, fmt.Errorf("x: %w", notFound), grouping.Class{Name: "Any", Text: false, Condition: "not_exist"}},
		{"inner, from outside", func(err error) string {
			if e, ok := err.(*pointerError); ok {
				return "pointer " + e.text
			}
			return ""
		}, fmt.Errorf("a: %w", fmt.Errorf("b: %w", &pointerError{"x"})), grouping.Class{Name: "pointer x", Text: false,
			Condition: ""}},
		{"leaves it to us", func(error) string { return "" }, notFound, grouping.Class{Name: "fs.PathError", Text: false, Condition: "not_exist"}},
		{"only spaces", func(error) string { return " \n" }, notFound, grouping.Class{Name: "fs.PathError", Text: false, Condition: "not_exist"}},
		{"for a text", func(err error) string { return map[bool]string{true: "quota"}[err.Error() == "over quota"] },
			errors.New("over quota"), grouping.Class{Name: "quota", Text: false, Condition: ""}},
		{"an error names its own", func(error) string { return "Any" }, namedError("Own"), grouping.Class{Name: "Own", Text: false, Condition: ""}},
		{"panics", func(err error) string { panic("user's") }, notFound, grouping.Class{Name: "fs.PathError", Text: false, Condition: "not_exist"}},
		{"too long, invalid", func(error) string { return strings.Repeat("ä", 300) + "\xff" }, notFound,
			grouping.Class{Name: strings.Repeat("ä", grouping.MaxName), Text: false, Condition: "not_exist"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := classOf(tt.err, tt.user, nil); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, "fs.PathError"},
		{box[int]{}, "sentryconfig.box[int]"},
		{namedError("quota"), "quota"},
		{namedError("disk is full"), "disk is full"},
		{namedError("db-quota"), "db-quota"},
		{errors.New("timeout after 3 s"), "error"},
		{errors.New("quota"), "error"},
		{errors.New("db-quota"), "error"},
		{errors.New("db.Quota"), "error"},
		{errors.New("worker3"), "error"},
		{errors.New(""), "error"},
		{io.EOF, "error"},
	} {
		if got := titleOf(classOf(tt.err, nil, nil)); got != tt.want {
			t.Errorf("title of %q: %q, want %q", tt.err, got, tt.want)
		}
	}
}

// hostileError panics in every method it has.
type hostileError struct{}

func (hostileError) Error() string      { panic("Error") }
func (hostileError) ErrorClass() string { panic("ErrorClass") }
func (hostileError) ErrorCode() string  { panic("ErrorCode") }
func (hostileError) SQLState() string   { panic("SQLState") }
func (hostileError) HTTPStatusCode() int {
	panic("HTTPStatusCode")
}
func (hostileError) Unwrap() error { panic("Unwrap") }
func (hostileError) Is(error) bool { panic("Is") }
func (hostileError) As(any) bool   { panic("As") }
func (hostileError) Timeout() bool { panic("Timeout") }

// selfError may wrap itself.
type selfError struct{ next error }

func (e *selfError) Error() string { return "self" }
func (e *selfError) Unwrap() error { return e.next }

type wideError int

func (wideError) Error() string { return "wide" }
func (n wideError) Unwrap() []error {
	children := make([]error, n)
	for i := range children {
		children[i] = n
	}
	return children
}

func TestClassOfHostileErrors(t *testing.T) {
	t.Parallel()
	self := &selfError{}
	self.next = self
	turns := &TaskError{}
	turns.Err = &TaskFailure{Reason: "round", Err: turns}
	deep := error(&pointerError{"bottom"})
	for i := range 900 {
		deep = &TaskError{Task: Task{Type: strconv.Itoa(i)}, Err: deep}
	}
	deeper := errors.New("bottom")
	for range 100_000 {
		deeper = &TaskFailure{Reason: "level 7", Err: deeper}
	}
	texts := make([]error, 100_000)
	for i := range texts {
		texts[i] = errors.New("one of many")
	}
	nested := errors.New("leaf 1")
	for range 100_000 {
		nested = errors.Join(nested)
	}
	tests := []struct {
		name string
		err  error
		want grouping.Class
	}{
		{"panics", hostileError{}, grouping.Class{Name: "sentryconfig.hostileError", Text: false, Condition: ""}},
		{"panics, pointer", &hostileError{}, grouping.Class{Name: "sentryconfig.hostileError", Text: false, Condition: ""}},
		{"panics, nil", (*hostileError)(nil), grouping.Class{Name: "sentryconfig.hostileError", Text: false, Condition: ""}},
		{"panics within", &TaskError{Err: hostileError{}}, grouping.Class{Name: "sentryconfig.hostileError", Text: false, Condition: ""}},
		{"nil of ours", (*TaskFailure)(nil), grouping.Class{Name: "sentryconfig.TaskFailure", Text: true, Condition: ""}},
		{"nil panic of ours", (*PanicError)(nil), grouping.Class{Name: "sentryconfig.PanicError", Text: true, Condition: ""}},
		{"text that panics", &PanicError{Value: panicsAsString{}}, grouping.Class{Name: "sentryconfig.PanicError", Text: true, Condition: ""}},
		{"wraps itself", self, grouping.Class{Name: "self", Text: true, Condition: ""}},
		{"wraps itself, two steps", turns.Err, grouping.Class{Name: "round", Text: true, Condition: ""}},
		{"deep", deep, grouping.Class{Name: "sentryconfig.pointerError", Text: false, Condition: ""}},
		{"deeper than looked at", deeper, grouping.Class{Name: "level <n>", Text: true, Condition: ""}},
		{"wide", errors.Join(texts...), grouping.Class{Name: "one of many", Text: true, Condition: ""}},
		{"wide and deep", wideError(50), grouping.Class{Name: "sentryconfig.wideError", Text: false, Condition: ""}},
		{"nested joins", nested, grouping.Class{Name: "leaf <n>", Text: true, Condition: ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if got := classOf(tt.err, nil, nil); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			_ = exception.Details(tt.err, panicValue)
			// Without an end to the walk it would take ages, a walk takes milliseconds, and more on a busy machine.
			if d := time.Since(start); d > time.Minute {
				t.Errorf("took %v", d)
			}
		})
	}
}

type panicsAsString struct{}

func (panicsAsString) String() string { panic("String") }

func TestMessagesFallTogether(t *testing.T) {
	t.Parallel()
	inner := func(n int) error { return fmt.Errorf("device %d is busy", n) }
	tests := []struct {
		name string
		a, b error
	}{
		{"number", errors.New("timeout after 3 s"), errors.New("timeout after 4 s")},
		{"duration", fmt.Errorf("timeout after %v", 3*time.Second), fmt.Errorf("timeout after %v", 90*time.Second)},
		{"digits", errors.New("job 7 failed"), errors.New("job 12345678 failed")},
		{"path", errors.New("can't read /var/log/a.log"), errors.New("can't read /home/me/b")},
		{"path, platform", errors.New("can't read /var/log/a.log"), errors.New(`can't read C:\Program Files\b.log`)},
		{"address", errors.New("no answer from 10.0.0.1:80"), errors.New("no answer from [fe80::2]:8080")},
		{"host", errors.New("no answer from a.example.com"), errors.New("no answer from 192.168.1.17")},
		{"UUID", errors.New("no user 550e8400-e29b-41d4-a716-446655440000"), errors.New("no user 123e4567-e89b-12d3-a456-426614174000")},
		{"hex", errors.New("bad checksum 9f86d081"), errors.New("bad checksum cafe0123cafe0123")},
		{"pointer", errors.New("fault at 0x10"), errors.New("fault at 0xc0000ff000")},
		{"quoted", errors.New(`no service "Spooler"`), errors.New(`no service "Windows Update"`)},
		{"quoted otherwise", errors.New(`no service 'Spooler'`), errors.New(`no service "Windows Update"`)},
		{"URL", errors.New("bad answer from https://a.b/c?d"), errors.New("bad answer from http://x")},
		{"wrapping line", fmt.Errorf("step one: %w", inner(1)), fmt.Errorf("%w while in step %d", fmt.Errorf("x: %w", inner(2)), 2)},
		{"wrapped or not", inner(1), fmt.Errorf("step: %w", inner(2))},
		{"wrapped by a task", inner(1), &TaskError{Task: Task{Type: "x"}, Err: inner(3)}},
		{"joined or not", inner(1), errors.Join(nil, inner(2))},
		{"line in a file", errors.New("config.yaml:3: bad indent"), errors.New("/etc/other.yml:17:4: bad indent")},
		{"line breaks", errors.New("a\r\nb"), errors.New("a b")},
		{"list", errors.New("no ids 1, 2, 3"), errors.New("no ids 4")},
		{"time", errors.New("locked since 2024-01-02T15:04:05Z"), errors.New("locked since 2025-11-12T01:02:03+02:00")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a, b := classOf(tt.a, nil, nil), classOf(tt.b, nil, nil); a != b || !a.Text {
				t.Errorf("%+v\n%+v", a, b)
			}
		})
	}
}

func TestMessagesStayApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a, b error
	}{
		{"words", errors.New("printer is offline"), errors.New("printer is out of paper")},
		{"one word", errors.New("read failed after 3 s"), errors.New("write failed after 3 s")},
		{"fields", errors.New("user.name is missing"), errors.New("user.mail is missing")},
		{"unit", errors.New("3 files left"), errors.New("3 folders left")},
		{"either side of a slash", errors.New("want text/html"), errors.New("want text/plain")},
		{"what is quoted and what isn't", errors.New(`no service "x"`), errors.New(`no user "x"`)},
		{"root, not wrapper", fmt.Errorf("step: %w", errors.New("disk is full")), fmt.Errorf("step: %w", errors.New("disk is gone"))},
		{"type and text", io.EOF, &pointerError{"EOF"}},
		{"types of one text", valueError{"x"}, &pointerError{"x"}},
		{"missing and forbidden", &fs.PathError{Op: "open", Err: syscall.ENOENT}, &fs.PathError{Op: "open", Err: syscall.EACCES}},
		{"codes", &codeError{code: "A"}, &codeError{code: "B"}},
		{"instances", box[int]{}, box[string]{}},
		{"placeholders", errors.New("no answer from 10.0.0.1"), errors.New("no answer from 10")},
		{"panics", &PanicError{Value: "a"}, errors.New("a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a, b := classOf(tt.a, nil, nil), classOf(tt.b, nil, nil); a == b {
				t.Errorf("both are %+v", a)
			}
		})
	}
}

// TestPanicDetails: what a panic was called with goes by its type, unless it is an error, which has details of its own.
func TestPanicDetails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string
	}{{7, "map[panic_value_type:int]"}, {&fs.PathError{Op: "open"}, "map[op:open]"}} {
		if got := fmt.Sprint(exception.Details(&PanicError{Value: tt.value}, panicValue)); got != tt.want {
			t.Errorf("details of a panic with %v: %s, want %s", tt.value, got, tt.want)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	path := fmt.Errorf("load: %w", fmt.Errorf("open settings: %w", &fs.PathError{Op: "open", Path: "/etc/app.json",
		Err: syscall.ENOENT}))
	request := &url.Error{Op: "Get", URL: "https://example.com", Err: &net.OpError{Op: "dial", Net: "tcp",
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	for _, bb := range []struct {
		name string
		err  error
	}{
		{"path", path},
		{"request", request},
		{"text", fmt.Errorf("step: %w", errors.New("no answer from 10.0.0.1:80 after 3 s"))},
		{"long_text", errors.New(strings.Repeat("no answer from 10.0.0.1:80 after 3 s ", 30_000))},
		{"user", &pointerError{"x"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = classOf(bb.err, nil, nil)
			}
		})
		b.Run(bb.name+"/details", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = exception.Details(bb.err, panicValue)
			}
		})
	}
}
