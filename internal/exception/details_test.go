package exception

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

type (
	stateError string
	codeError  struct {
		code string
		err  error
	}
	panicError struct{ value any }
)

func (e stateError) Error() string     { return "ERROR: duplicate key" }
func (e stateError) SQLState() string  { return string(e) }
func (e *codeError) Error() string     { return "code" }
func (e *codeError) ErrorCode() string { return e.code }
func (e *codeError) Unwrap() error     { return e.err }
func (panicError) Error() string       { return "panic" }

func detailsOf(err error) map[string]any {
	return Details(err, func(err error) (any, bool) {
		p, is := err.(panicError) //nolint:errorlint // the walk asks what err wraps
		return p.value, is
	})
}

const speakerVariable = "SENTRYCONFIG_SPEAKER"

// speaker is a command that says much and fails.
func speaker() *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSpeaker$")
	cmd.Env = append(os.Environ(), speakerVariable+"=1")
	return cmd
}

// TestSpeaker is the program that other tests run; by itself it tests nothing.
func TestSpeaker(*testing.T) {
	if os.Getenv(speakerVariable) != "" {
		fmt.Fprintf(os.Stderr, "first line\n%s\nlast line\n", bytes.Repeat([]byte("x"), 20_000))
		os.Exit(4)
	}
}

func get(t *testing.T, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever the environment says.
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func tlsServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// closedAddress is one where nobody listens: a connection's own end is taken, but no listener.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

func TestErrorDetails(t *testing.T) {
	t.Parallel()
	_, output := speaker().Output()
	certificate := get(t, tlsServer(t).URL)
	address := closedAddress(t)
	tests := []struct {
		name string
		err  error
		want map[string]any // those that matter; nil: there are none at all
	}{
		{"text", errors.New("x"), nil},
		{"path", fmt.Errorf("x: %w", &fs.PathError{Op: "open", Path: "/a", Err: syscall.ENOENT}),
			map[string]any{"op": "open", "path": "/a", "errno": int64(syscall.ENOENT)}},
		{"link", &os.LinkError{Op: "rename", Old: "/a", New: "/b", Err: fs.ErrExist}, map[string]any{"op": "rename", "old_path": "/a", "new_path": "/b"}},
		{"request", get(t, "http://"+address+"/x?y=1"),
			map[string]any{"op": "Get", "url": "http://" + address + "/x?y=1", "op_2": "dial", "net": "tcp",
				"addr": address}},
		{"exit", output, map[string]any{"exit_code": int64(4)}},
		{"DNS", &net.DNSError{Name: "a.invalid", Server: "127.0.0.1:53", IsNotFound: true},
			map[string]any{"host": "a.invalid", "dns_server": "127.0.0.1:53", "not_found": true}},
		{"JSON", json.Unmarshal([]byte("[1,"), new(any)), map[string]any{"offset": int64(3)}},
		{"JSON type", json.Unmarshal([]byte(`{"a":"x"}`), new(struct {
			A int `json:"a"`
		})), map[string]any{"field": "a", "value": "string", "want": "int"}},
		{"certificate", certificate, map[string]any{"certificate_subject": "O=Acme Co", "certificate_names": "example.com *.example.com"}},
		{"code", &codeError{code: "A", err: stateError("42")}, map[string]any{"code": "A", "sqlstate": "42"}},
		{"panic", panicError{7}, map[string]any{"panic_value_type": "int"}},
		{"long", &fs.PathError{Op: "open", Path: strings.Repeat("é", 5000), Err: fs.ErrExist}, map[string]any{"op": "open"}},
		{"invalid", &fs.PathError{Op: "a\xffb"}, map[string]any{"op": "a�b"}},
		{"nil", (*fs.PathError)(nil), nil},
		{"nil fields", errors.Join(&net.OpError{}, &exec.ExitError{}, x509.UnknownAuthorityError{}, &tls.CertificateVerificationError{}), nil},
	}
	if detailsOf(nil) != nil {
		t.Error("details of nil")
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := detailsOf(tt.err)
			if tt.want == nil && got != nil {
				t.Fatalf("got %v, want none", got)
			}
			for key, want := range tt.want {
				if got[key] != want {
					t.Errorf("%s = %#v, want %#v (%v)", key, got[key], want, got)
				}
			}
			if _, ok := got["type"]; ok {
				t.Error("has the reserved key type")
			}
			encoded, err := json.Marshal(got)
			if err != nil {
				t.Error(err)
			}
			if len(encoded) > 8<<10 {
				t.Errorf("%d bytes", len(encoded))
			}
			for key, value := range got {
				switch v := value.(type) {
				case string:
					if !utf8.ValidString(v) {
						t.Errorf("%s is invalid UTF-8", key)
					}
				case int64, bool:
				default:
					t.Errorf("%s is a %T", key, value)
				}
			}
		})
	}
	stderr, _ := detailsOf(fmt.Errorf("x: %w", output))["stderr"].(string)
	if !strings.HasPrefix(stderr, "first line\nxxx") || !strings.HasSuffix(stderr, "xxx\nlast line") ||
		!strings.Contains(stderr, "bytes cut") ||
		len(stderr) < maxStderrBytes || len(stderr) > maxStderrBytes+50 {
		t.Errorf("stderr is %d bytes: %.20q", len(stderr), stderr)
	}
}

func TestErrorDetailsAreBounded(t *testing.T) { // not parallel: it measures what is allocated
	var many []error
	for i := range 1000 {
		many = append(many, &fs.PathError{Op: strconv.Itoa(i), Path: strconv.Itoa(i), Err: syscall.Errno(i)})
	}
	if got := detailsOf(errors.Join(many...)); len(got) != maxDetailKeys {
		t.Errorf("%d keys", len(got))
	}
	huge := &exec.ExitError{Stderr: bytes.Repeat([]byte("x"), 64<<20)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = detailsOf(huge)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for 64 MiB of stderr", n)
	}
}
