package exception

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/syserr"
)

const (
	maxDetailNodes  = 64      // errors of a tree that are read; the details of more would not fit into a context
	maxDetailKeys   = 32      // for the same reason
	maxDetailBytes  = 1 << 10 // per text
	maxStderrBytes  = 4 << 10 // per command output: half from its beginning, half from its end
	maxCertificates = 5       // names in a certificate
)

// Details returns the context "error": what the errors in err's tree leave out of their messages, or mention only
// inside a text. Values are strings, ints, int64s and bools. If two errors use the same key, the inner one's gets a
// number. It returns nil when there are none. panicked returns the value of a panic for an error that stands for one.
func Details(err error, panicked func(error) (value any, is bool)) map[string]any {
	d := details{panicked: panicked}
	left := maxDetailNodes
	for n := range errtree.All(err) {
		d.look(n.Err)
		if left--; left == 0 {
			break
		}
	}
	return d.found
}

type details struct {
	panicked func(error) (value any, is bool)
	found    map[string]any
}

func (d *details) put(key string, value any) {
	if d.found == nil {
		d.found = make(map[string]any, 8)
	}
	free := key
	for n := 2; ; n++ {
		old, taken := d.found[free]
		if !taken {
			break
		}
		if old == value {
			return
		}
		free = key + "_" + strconv.Itoa(n)
	}
	if len(d.found) < maxDetailKeys {
		d.found[free] = value
	}
}

func (d *details) text(key, value string) {
	if value != "" {
		d.put(key, headAndTail(value, maxDetailBytes))
	}
}

func (d *details) number(key string, value int64) {
	if value != 0 {
		d.put(key, value)
	}
}

func (d *details) flag(key string, value bool) {
	if value {
		d.put(key, true)
	}
}

// look reads one error's fields. A nil pointer inside the error ends it early.
func (d *details) look(err error) {
	defer func() { _ = recover() }()
	switch e := err.(type) { //nolint:errorlint // the walk asks what err wraps
	case *fs.PathError:
		d.text("op", e.Op)
		d.text("path", e.Path)
	case *os.LinkError:
		d.text("op", e.Op)
		d.text("old_path", e.Old)
		d.text("new_path", e.New)
	case *os.SyscallError:
		d.text("syscall", e.Syscall)
	case syscall.Errno:
		d.put("errno", int64(e))
	case *exec.ExitError:
		d.exit(e)
	case *exec.Error:
		d.text("program", e.Name)
	case *url.Error:
		d.text("op", e.Op)
		d.text("url", e.URL)
	case *net.OpError:
		d.text("op", e.Op)
		d.text("net", e.Net)
		d.address("source", e.Source)
		d.address("addr", e.Addr)
	case *net.DNSError:
		d.text("host", e.Name)
		d.text("dns_server", e.Server)
		d.flag("not_found", e.IsNotFound)
		d.flag("timeout", e.IsTimeout)
		d.flag("temporary", e.IsTemporary)
	case *net.AddrError:
		d.text("addr", e.Addr)
	case *json.SyntaxError:
		d.number("offset", e.Offset)
	case *json.UnmarshalTypeError:
		d.text("field", e.Field)
		d.text("struct", e.Struct)
		d.text("value", e.Value)
		d.text("want", e.Type.String())
		d.number("offset", e.Offset)
	case *strconv.NumError:
		d.text("func", e.Func)
		d.text("value", e.Num)
	case *time.ParseError:
		d.text("value", e.Value)
		d.text("layout", e.Layout)
	default:
		if value, is := d.panicked(err); is {
			if _, is := value.(error); !is {
				d.text("panic_value_type", fmt.Sprintf("%T", value))
			}
			return
		}
		d.verification(err)
		d.methods(err)
	}
}

// verification reads why a certificate was rejected.
func (d *details) verification(err error) {
	switch e := err.(type) { //nolint:errorlint // as above
	case *tls.CertificateVerificationError:
		if len(e.UnverifiedCertificates) > 0 {
			d.certificate(e.UnverifiedCertificates[0])
		}
	case x509.UnknownAuthorityError:
		d.certificate(e.Cert)
	case x509.HostnameError:
		d.text("host", e.Host)
		d.certificate(e.Certificate)
	case x509.CertificateInvalidError:
		d.text("reason", e.Detail)
		d.certificate(e.Cert)
	}
}

// methods calls the methods that errors of other packages' clients have.
func (d *details) methods(err error) {
	if e, ok := err.(interface{ ErrorCode() string }); ok {
		d.text("code", e.ErrorCode())
	}
	if e, ok := err.(interface{ SQLState() string }); ok {
		d.text("sqlstate", e.SQLState())
	}
	if e, ok := err.(interface{ HTTPStatusCode() int }); ok {
		d.number("http_status", int64(e.HTTPStatusCode()))
	}
}

func (d *details) exit(e *exec.ExitError) {
	if len(e.Stderr) > 0 {
		if said := headAndTail(bytes.TrimSpace(e.Stderr), maxStderrBytes); said != "" {
			d.put("stderr", said)
		}
	}
	if e.ProcessState == nil {
		return
	}
	d.number("pid", int64(e.Pid()))
	if signal, ok := syserr.Signal(e.ProcessState); ok {
		d.number("signal", int64(signal))
		d.text("signal_name", signal.String())
	} else {
		d.put("exit_code", int64(e.ExitCode()))
	}
	d.text("user_time", e.UserTime().String())
	d.text("system_time", e.SystemTime().String())
}

func (d *details) address(key string, a net.Addr) {
	if a == nil {
		return
	}
	if v := reflect.ValueOf(a); v.Kind() != reflect.Pointer || !v.IsNil() {
		d.text(key, a.String())
	}
}

// certificate records what identifies a certificate, and whether a wrong clock is the cause.
func (d *details) certificate(c *x509.Certificate) {
	if c == nil || d.found["certificate_subject"] != nil { // a tls error wraps one of x509 with the same
		return
	}
	d.put("certificate_subject", headAndTail(c.Subject.String(), maxDetailBytes))
	d.text("certificate_issuer", c.Issuer.String())
	d.text("certificate_names", strings.Join(c.DNSNames[:min(len(c.DNSNames), maxCertificates)], " "))
	d.text("certificate_not_before", c.NotBefore.UTC().Format(time.RFC3339))
	d.text("certificate_not_after", c.NotAfter.UTC().Format(time.RFC3339))
}

// headAndTail cuts the middle out of s if it is longer than limit bytes, and makes it valid UTF-8. The result doesn't
// share memory with a larger s.
func headAndTail[T string | []byte](s T, limit int) string {
	if len(s) > limit {
		head, tail := limit/2, len(s)-limit/2
		for head > 0 && limit/2-head < utf8.UTFMax && !utf8.RuneStart(s[head]) {
			head--
		}
		for tail < len(s) && tail-(len(s)-limit/2) < utf8.UTFMax && !utf8.RuneStart(s[tail]) {
			tail++
		}
		cut := " … (" + strconv.Itoa(tail-head) + " bytes cut) … "
		return strings.ToValidUTF8(string(s[:head])+cut+string(s[tail:]), "�")
	}
	return strings.ToValidUTF8(string(s), "�")
}
