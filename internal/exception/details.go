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
	"github.com/autoservice/sentryconfig/internal/grouping"
)

const (
	maxDetailNodes  = 64      // errors of a tree that are asked for details: more would not fit into a context
	maxDetailKeys   = 32      // the same
	maxDetailBytes  = 1 << 10 // of one text
	maxStderrBytes  = 4 << 10 // of what a command said, half from its beginning, half from its end
	maxCertificates = 5       // names of a certificate
)

// Details returns what the errors in err's tree keep out of their messages, or say in them unsorted: the context
// error. Values are strings, ints, int64s and bools. Where two errors use the same key, the inner one's gets a number.
// It returns nil when there is nothing to tell. panicked returns what a panic was called with, for the error that
// stands for one.
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

// look reads one error's fields. A nil pointer in an error ends it early.
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

// verification reads what is wrong with a certificate.
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

// methods asks the errors of other people's clients.
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
	if signal, ok := grouping.Signal(e.ProcessState); ok {
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

// certificate tells what a person needs to see which certificate it was, and whether the clock is what is wrong.
func (d *details) certificate(c *x509.Certificate) {
	if c == nil || d.found["certificate_subject"] != nil { // an error of package tls wraps one of x509 with the same
		return
	}
	d.put("certificate_subject", headAndTail(c.Subject.String(), maxDetailBytes))
	d.text("certificate_issuer", c.Issuer.String())
	d.text("certificate_names", strings.Join(c.DNSNames[:min(len(c.DNSNames), maxCertificates)], " "))
	d.text("certificate_not_before", c.NotBefore.UTC().Format(time.RFC3339))
	d.text("certificate_not_after", c.NotAfter.UTC().Format(time.RFC3339))
}

// headAndTail cuts the middle out of s when it has more than limit bytes, and makes it valid UTF-8. What it returns
// doesn't hold on to a larger s.
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
