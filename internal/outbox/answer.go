package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A verdict is what an answer says about an envelope.
type verdict uint8

const (
	accepted    verdict = iota
	refused             // for good
	limited             // not now
	failed              // by the server: it, or the envelope, may be the reason
	unreachable         // no answer at all
	barred              // it's the way or the key that is refused, not the envelope
	unreadable          // not sent: the store can't read it now
	damaged             // not sent: the store will never read it
)

// judge says what a status means.
func judge(status int) verdict {
	switch status {
	case http.StatusTooManyRequests:
		return limited
	case http.StatusRequestTimeout:
		return failed
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusGone, http.StatusTeapot,
		http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusUnavailableForLegalReasons:
		return barred
	}
	switch status / 100 {
	case 2:
		return accepted
	case 3: // captive portals redirect
		return barred
	case 4:
		return refused
	}
	return failed
}

// blames says whether a status of 500 or more may be the envelope's doing. Gateways, and servers that are full,
// overloaded or behind a login, answer anything so; those from 520 on are Cloudflare's, for a server behind it.
func blames(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInsufficientStorage,
		statusBandwidthLimit, http.StatusNetworkAuthenticationRequired:
		return false
	}
	return status >= 500 && status < 520
}

// statusBandwidthLimit is what hosting providers answer once a site's traffic is used up.
const statusBandwidthLimit = 509

// errPage says that a success is none of Sentry's: a captive portal or a proxy shows a page.
var errPage = errors.New("the answer is not Sentry's: neither empty nor a JSON object")

// isSentrys says whether a body that begins now may be Sentry's: it is empty, or a JSON object. One that can't be read,
// or doesn't come, takes nothing back of what the status has said.
func isSentrys(body io.Reader) bool {
	var b [1]byte
	for range maxAnswer {
		n, err := body.Read(b[:])
		switch {
		case n == 0 && err != nil:
			return true
		case n == 1 && !strings.ContainsRune(" \t\r\n", rune(b[0])):
			return b[0] == '{'
		}
	}
	return false
}

// An answer is what became of an envelope that was sent.
type answer struct {
	verdict verdict
	status  int
	err     error // nil when accepted
	limits  limits
	date    time.Time // by the server's clock; zero without
	finish  func()    // reads the rest; nil: nothing to read
}

// maxAnswer is how much of an answer is read, so that its connection can be used again.
const maxAnswer = 64 << 10

// post sends an envelope of a category. It returns when the answer's head is there: the caller calls finish, if any.
func (o *Outbox) post(envelope []byte, c Category) (a answer) {
	defer func() {
		if v := recover(); v != nil { // in the user's http.RoundTripper
			a = answer{verdict: unreachable, err: fmt.Errorf("outbox: sending panicked: %v", v)}
		}
	}()
	body, err := newWireBody(envelope, time.Now())
	if err != nil {
		return answer{verdict: unreachable, err: fmt.Errorf("outbox: pack envelope: %w", err)}
	}
	ctx, cancel := context.WithTimeout(o.ctx, o.timing.request)
	var stop *time.Timer
	defer func() {
		if a.finish == nil {
			cancel()
			if stop != nil {
				stop.Stop()
			}
		}
	}()
	req, err := o.request(ctx, body)
	if err != nil {
		return answer{verdict: unreachable, err: fmt.Errorf("outbox: send: %w", err)}
	}
	resp, err := o.client.Do(req) //nolint:bodyclose // finish closes it
	if err != nil {
		body.release()
		// When the network has changed, idle connections are dead without knowing it: the next request shall not try them.
		o.closeIdle()
		return answer{verdict: judgeError(err), err: fmt.Errorf("outbox: send: %w", err)}
	}
	a = answer{verdict: judge(resp.StatusCode), status: resp.StatusCode}
	if a.verdict != accepted {
		a.err = fmt.Errorf("outbox: send to %s: HTTP status %s", req.URL.Host, resp.Status)
	}
	stop = time.AfterFunc(o.timing.drain, cancel)
	if a.verdict == accepted && !isSentrys(resp.Body) {
		a.verdict, a.err = barred, fmt.Errorf("outbox: send to %s: %w", req.URL.Host, errPage)
	}
	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date, now = date, date // a date to retry after is by the same clock
	}
	a.limits = answerLimits(resp.StatusCode, resp.Header, c, now)
	a.finish = func() {
		defer func() { _ = recover() }() // in the user's http.RoundTripper, whose body it is
		defer cancel()
		defer stop.Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // whatever it says: the status has said it
		_ = resp.Body.Close()
		body.release()
	}
	return a
}

func (o *Outbox) request(ctx context.Context, body *wireBody) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = body.reader(), int64(body.buf.Len())
	req.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	req.Header.Set("X-Sentry-Auth", o.cfg.Auth)
	req.Header.Set("User-Agent", o.cfg.UserAgent)
	// Not sent: it says that net/http may repeat the request when a kept-alive connection turns out to be closed.
	req.Header["X-Idempotency-Key"] = nil
	if body.packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// A proxyError is a proxy's answer when it doesn't let a request for https through.
type proxyError struct {
	status int
	text   string
}

func (e *proxyError) Error() string { return "the proxy answers with HTTP status " + e.text }

// JudgeProxy is for http.Transport.OnProxyConnectResponse. Without it net/http tells of a proxy that refuses by an
// error that is no more than the text of the proxy's status line, which each kind of proxy words as it likes.
func JudgeProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{answer.StatusCode, answer.Status}
}

// judgeError says what it means to get no answer. A proxy that doesn't let us through is one.
func judgeError(err error) verdict {
	var refusal *proxyError
	if errors.As(err, &refusal) {
		if judge(refusal.status) == barred {
			return barred
		}
		return unreachable
	}
	var wrapped *url.Error
	if !errors.As(err, &wrapped) {
		return unreachable
	}
	// The user's own client has no JudgeProxy.
	for _, status := range []int{
		http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound,
	} {
		if wrapped.Err.Error() == http.StatusText(status) {
			return barred
		}
	}
	return unreachable
}

// joinErrors is errors.Join that leaves a single error as it is.
func joinErrors(errs ...error) error {
	var found []error
	for _, err := range errs {
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}
