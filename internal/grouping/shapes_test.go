package grouping

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/textproto"
	"net/url"
	"reflect"
	"testing"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// The types below have the shapes of errors of real clients and libraries: the same kinds of fields and methods.

type mysqlError struct {
	Number   uint16
	SQLState [5]byte
	Message  string
}

func (e *mysqlError) Error() string { return e.Message }

type pgError struct{ Severity, Code, Message string }

func (e *pgError) Error() string    { return e.Message }
func (e *pgError) SQLState() string { return e.Code }

type grpcCode uint32

func (c grpcCode) String() string {
	return map[grpcCode]string{5: "NotFound", 14: "Unavailable"}[c]
}

type grpcStatus struct{ code grpcCode }

func (s *grpcStatus) Code() grpcCode { return s.code }

type grpcError struct{ s *grpcStatus }

func (e *grpcError) Error() string           { return "rpc error" }
func (e *grpcError) GRPCStatus() *grpcStatus { return e.s }

type googleError struct {
	Code    int
	Message string
	Errors  []struct{ Reason string }
	err     error
}

func (e *googleError) Error() string { return e.Message }
func (e *googleError) Unwrap() error { return e.err }

type sqliteNo int

func (n sqliteNo) Error() string { return "sqlite" }

type sqliteError struct {
	Code         sqliteNo
	ExtendedCode int
	err          string
}

func (e sqliteError) Error() string { return e.err }

type apiStatus struct {
	Status, Reason string
	Code           int32
}

type kubernetesError struct{ ErrStatus apiStatus }

func (e *kubernetesError) Error() string { return "kubernetes" }

type httpResponse struct{ StatusCode int }

type searchError struct{ Status int }

func (e *searchError) Error() string { return "search" }

type paymentError struct {
	Type           string
	HTTPStatusCode int
}

func (e *paymentError) Error() string { return e.Type }

type goAwayError struct {
	LastStreamID uint32
	ErrCode      grpcCode
}

func (e goAwayError) Error() string { return "go away" }

type remoteExit struct{ status *int } // SSH's

func (e *remoteExit) Error() string   { return "exited" }
func (e *remoteExit) ExitStatus() int { return *e.status }

type azureError struct {
	ErrorCode   string
	StatusCode  int
	RawResponse *httpResponse
}

func (e *azureError) Error() string { return "azure" }

type oauthError struct {
	Response *httpResponse
	Body     []byte
}

func (e *oauthError) Error() string { return "oauth" }

type writeError struct {
	Index, Code int
	Message     string
}

type writeException struct {
	WriteConcernError *writeError
	WriteErrors       []writeError
}

func (e writeException) Error() string { return "mongo" }

type RedisError string

func (e RedisError) Error() string { return string(e) }

type ldapError struct {
	Err        error
	ResultCode uint16
	MatchedDN  string
}

func (e *ldapError) Error() string { return "ldap" }
func (e *ldapError) Unwrap() error { return e.Err }

type amqpError struct {
	Code   int
	Reason string
}

func (e *amqpError) Error() string { return e.Reason }

type KafkaError int

func (e KafkaError) Error() string { return "kafka" }

type awsResponseError struct {
	Response *httpResponse
	Err      error
}

func (e *awsResponseError) Error() string       { return "aws" }
func (e *awsResponseError) Unwrap() error       { return e.Err }
func (e *awsResponseError) HTTPStatusCode() int { return e.Response.StatusCode }

type awsCode string

func (e awsCode) Error() string     { return "aws" }
func (e awsCode) ErrorCode() string { return string(e) }

type anyCode struct{ code any }

func (e anyCode) Error() string { return "any" }
func (e anyCode) Code() any     { return e.code }

type hostileCode struct{}

func (hostileCode) Error() string { return "hostile" }
func (hostileCode) Code() int     { panic("Code") }

func TestCodes(t *testing.T) {
	t.Parallel()
	notFound, three := &httpResponse{404}, 3
	tests := []struct {
		err  error
		want string
	}{
		{&mysqlError{Number: 1213}, "1213"},
		{&pgError{Code: "23505"}, "23505"},
		{&grpcError{&grpcStatus{14}}, "Unavailable"},
		{&grpcError{&grpcStatus{77}}, "77"},
		{&grpcError{}, ""},
		{&googleError{Code: 403, err: io.EOF}, "403"},
		{sqliteError{Code: 5}, "5"},
		{&kubernetesError{apiStatus{"Failure", "AlreadyExists", 409}}, "AlreadyExists"},
		{&kubernetesError{apiStatus{"Failure", "", 409}}, "409"},
		{&searchError{Status: 404}, "404"},
		{&paymentError{Type: "api_error", HTTPStatusCode: 503}, "503"},
		{goAwayError{LastStreamID: 7, ErrCode: 14}, "Unavailable"},
		{&azureError{ErrorCode: "BlobNotFound", StatusCode: 404}, "BlobNotFound"},
		{&azureError{StatusCode: 404, RawResponse: notFound}, "404"},
		{&oauthError{Response: notFound}, "404"},
		{&oauthError{}, ""},
		{writeException{WriteErrors: []writeError{{1, 11000, "dup"}}}, "11000"},
		{writeException{WriteConcernError: &writeError{0, 64, "late"}}, "64"},
		{writeException{}, ""},
		{RedisError("WRONGTYPE Operation against a key"), "WRONGTYPE"},
		{RedisError("connection lost"), ""},
		{&ldapError{ResultCode: 49}, "49"},
		{&textproto.Error{Code: 550, Msg: "no such user"}, "550"},
		{&amqpError{404, "NOT_FOUND - no queue"}, "404"},
		{&amqpError{0, "NOT_FOUND - no queue"}, ""},
		{KafkaError(5), "5"},
		{tls.AlertError(40), "40"},
		{base64.CorruptInputError(40), ""},
		{&awsResponseError{notFound, awsCode("NoSuchKey")}, "NoSuchKey"},
		{&awsResponseError{notFound, io.EOF}, "404"},
		{anyCode{"auth"}, "auth"},
		{anyCode{7}, "7"},
		{anyCode{nil}, ""},
		{hostileCode{}, ""},
		{&remoteExit{&three}, "3"},
		{&remoteExit{}, ""},
		{(*mysqlError)(nil), ""},
	}
	for _, tt := range tests {
		c := new(Rules).Class(fmt.Errorf("x: %w", tt.err))
		if want := reflect.TypeOf(tt.err).String(); c.Text || "*"+c.Name != want && c.Name != want ||
			c.Condition != tt.want {
			t.Errorf("%T %+v: %+v, want condition %q", tt.err, tt.err, c, tt.want)
		}
	}
}

type (
	withMessage struct { // pkg/errors and its kin
		cause error
		msg   string
	}
	withStack struct {
		error
		stack *[]uintptr
	}
	Marker struct{ err error } // backoff's and River's
	Traced struct {            // trace's
		Err      error
		Traces   []struct{ Path string }
		Messages []string
		Fields   map[string]any
	}
	Oops struct { // oops'
		err        error
		msg, owner string
		code       any
		stacktrace *struct{ span string }
	}
	RetryErrors []error // retry-go's
	aggregate   []error // Kubernetes'

	tagged struct { // cockroachdb's
		cause error
		keys  []string
	}
	marked struct { // protobuf's: its Unwrap method returns always the same
		text string
	}

	step struct {
		step string
		err  error
	}
	coded struct {
		code int
		err  error
	}
	LoadError struct {
		Path string
		Err  error
	}
	Explained struct {
		Message string
		Err     error
	}
)

func (e *withMessage) Error() string         { return e.msg + ": " + e.cause.Error() }
func (e *withMessage) Cause() error          { return e.cause }
func (e *withStack) Unwrap() error           { return e.error }
func (e *Marker) Error() string              { return e.err.Error() }
func (e *Marker) Unwrap() error              { return e.err }
func (e *Traced) Error() string              { return e.Err.Error() }
func (e *Traced) Unwrap() error              { return e.Err }
func (e Oops) Error() string                 { return e.err.Error() }
func (e Oops) Unwrap() error                 { return e.err }
func (e Oops) Code() any                     { return e.code }
func (e RetryErrors) Error() string          { return "all failed" }
func (e RetryErrors) WrappedErrors() []error { return e }
func (e aggregate) Error() string            { return "several" }
func (e aggregate) Errors() []error          { return e }
func (e *tagged) Error() string              { return e.cause.Error() }
func (e *tagged) Unwrap() error              { return e.cause }
func (e *marked) Error() string              { return e.text }
func (e *marked) Unwrap() error              { return errMark }
func (e *step) Error() string                { return e.step }
func (e *step) Unwrap() error                { return e.err }
func (e *coded) Error() string               { return "coded" }
func (e *coded) Unwrap() error               { return e.err }
func (e *LoadError) Error() string           { return "load" }
func (e *LoadError) Unwrap() error           { return e.Err }
func (e *Explained) Error() string           { return e.Message }
func (e *Explained) Unwrap() error           { return e.Err }

var errMark = errors.New("protobuf error")

func TestWrappersByTheirBuild(t *testing.T) {
	t.Parallel()
	cause := &mysqlError{Number: 1213}
	want := Class{Name: "grouping.mysqlError", Condition: "1213"}
	for _, err := range []error{
		&withMessage{cause, "x"}, &withStack{cause, nil}, &Marker{cause}, &Traced{Err: cause},
		Oops{err: cause, msg: "x", owner: "ops", stacktrace: &struct{ span string }{"1"}},
		RetryErrors{cause, cause}, aggregate{io.EOF, cause}, &Marker{&Traced{Err: &Marker{cause}}},
		&tagged{cause, []string{"x"}},
	} {
		if got := new(Rules).Class(err); got != want {
			t.Errorf("%T: %+v, want %+v", err, got, want)
		}
	}
	for err, want := range map[error]Class{
		&step{"mount", cause}:         {Name: "grouping.step", Condition: "1213"},
		&coded{7, io.EOF}:             {Name: "grouping.coded"},
		&LoadError{"/a", fs.ErrExist}: {Name: "grouping.LoadError", Condition: "exist"},
		&Explained{"no", io.EOF}:      {Name: "grouping.Explained"},
		&Marker{errors.New("gone 7")}: {Name: "gone <n>", Text: true},
		&Marker{}:                     {Name: "grouping.Marker", Text: true},
	} {
		if got := new(Rules).Class(err); got != want {
			t.Errorf("%T: %+v, want %+v", err, got, want)
		}
	}
	want = Class{Name: "grouping.Oops", Condition: "auth"}
	if got := new(Rules).Class(Oops{err: io.EOF, code: "auth"}); got != want {
		t.Errorf("a wrapper with a code: %+v, want %+v", got, want)
	}
}

// TestTextsTogether wants the texts of several %w together where no type means anything: programs name the kind of
// problem in the first, and its cause in the second.
func TestTextsTogether(t *testing.T) {
	t.Parallel()
	errClaims, errExpired := errors.New("bad claims"), errors.New("expired")
	expired := fmt.Errorf("%w: %w", errClaims, errExpired)
	for _, err := range []error{
		expired, fmt.Errorf("task 7: %w", expired), errors.Join(expired, io.EOF), &withMessage{expired, "x"},
		fmt.Errorf("%w: %w", errors.New("request 7"), expired), errors.Join(errors.New("clean up"), expired),
	} {
		if got, want := new(Rules).Class(err), (Class{Name: "bad claims: expired", Text: true}); got != want {
			t.Errorf("%v: %+v, want %+v", err, got, want)
		}
	}
	for err, want := range map[error]Class{
		fmt.Errorf("%w: %w", errClaims, fs.ErrExist):          {"file already exists", true, "exist"},
		fmt.Errorf("%w: %w", errClaims, &mysqlError{}):        {"grouping.mysqlError", false, ""},
		errors.Join(errClaims, errExpired):                    {"bad claims", true, ""},
		fmt.Errorf("x: %w", &marked{"cannot parse field 7"}):  {"cannot parse field <n>", true, ""},
		errors.Join(errExpired, &marked{"no"}):                {"expired", true, ""},
		fmt.Errorf("%w: %w", errClaims, &marked{"no field"}):  {"bad claims: no field", true, ""},
		fmt.Errorf("%w: %w", &marked{"no"}, fs.ErrPermission): {"permission denied", true, "permission"},
	} {
		rules := Rules{Wrapper: func(err error) bool { return reflect.TypeOf(err) == reflect.TypeFor[*marked]() }}
		if got := rules.Class(err); got != want {
			t.Errorf("%v: %+v, want %+v", err, got, want)
		}
	}
}

// TestNothingToWrap wants a class of its own for a type of a package of errors that holds nothing: quic-go's
// qerr.IdleTimeoutError is net.ErrClosed to errors.Is, and no wrapper of it.
func TestNothingToWrap(t *testing.T) {
	t.Parallel()
	for want, b := range map[bool]*errtree.Build{
		false: {Name: "qerr.IdleTimeoutError", Package: "example.com/qerr", Exported: true, Wraps: true},
		true:  {Name: "errors.wrapper", Package: "example.com/errors", Wraps: true, Errors: true},
	} {
		if got := onlyWraps(b); got != want {
			t.Errorf("%s only wraps: %t", b.Name, got)
		}
	}
}

func TestCarriers(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"EOF":                        &url.Error{Op: "Get", URL: "x", Err: io.EOF},
		"stopped after <n> redirect": &url.Error{Op: "Get", URL: "x", Err: errors.New("stopped after 10 redirects")},
		"grouping.LoadError":         &url.Error{Op: "Get", URL: "x", Err: &url.Error{Err: &LoadError{"a", io.EOF}}},
		"1213":                       &url.Error{Op: "Get", URL: "x", Err: &mysqlError{Number: 1213}},
		"too_many_open_files":        &fs.PathError{Op: "open", Err: platformTooManyFiles},
		"":                           &url.Error{Op: "Get", URL: "x"},
		"no": &url.Error{Op: "Get", URL: "x", Err: &Marker{&net.OpError{Op: "remote error", // an alert of TLS
			Err: errors.New("no")}}},
	} {
		c := new(Rules).Class(err)
		if c.Condition != want || c.Text {
			t.Errorf("%v: %+v, want condition %q", err, c, want)
		}
	}
}
