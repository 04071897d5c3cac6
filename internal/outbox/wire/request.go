// Package wire speaks Sentry's protocol: it packs an envelope, posts it, and says what the answer means.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

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

// An Answer is what became of an envelope that was sent.
type Answer struct {
	Verdict Verdict
	Status  int   // 0 without an answer
	Err     error // nil when accepted
	Limits  Limits
	Date    time.Time // by the server's clock; zero without
	Finish  func()    // reads the rest, so that the connection can be used again; nil: nothing to read
}

// An Endpoint is where envelopes are posted. Its fields are not changed while it is used.
type Endpoint struct {
	URL       string
	Auth      string        // the value of X-Sentry-Auth
	UserAgent string        // of each request
	Client    *http.Client  // follows no redirects
	CloseIdle func()        // closes the client's idle connections, without a panic
	Timeout   time.Duration // of a request as a whole
	Parts     *Parts        // that envelopes have in common; may be nil
	Drain     time.Duration // for reading an answer's body, whose status has said all, for the sake of its connection
}

// maxAnswer is how much of an answer is read, so that its connection can be used again.
const maxAnswer = 64 << 10

// Post sends an envelope of a category. It returns when the answer's head is there: the caller calls Finish, if any.
// A panic of the client's RoundTripper counts as no answer. envelope isn't kept.
func (e *Endpoint) Post(ctx context.Context, envelope []byte, c store.Category) (a Answer) {
	defer func() {
		if v := recover(); v != nil { // in the user's http.RoundTripper
			a = Answer{Verdict: Unreachable, Err: fmt.Errorf("outbox: sending panicked: %v", v)}
		}
	}()
	body, err := newWireBody(envelope, time.Now(), e.Parts)
	if err != nil {
		return Answer{Verdict: Unreachable, Err: fmt.Errorf("outbox: pack envelope: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	var stop *time.Timer
	defer func() {
		if a.Finish == nil {
			cancel()
			if stop != nil {
				stop.Stop()
			}
		}
	}()
	req, err := e.request(ctx, body)
	if err != nil {
		return Answer{Verdict: Unreachable, Err: fmt.Errorf("outbox: send: %w", err)}
	}
	resp, err := e.Client.Do(req) //nolint:bodyclose // Finish closes it
	if err != nil {
		body.release()
		// When the network has changed, idle connections are dead without knowing it: the next request shall not try
		// them.
		e.CloseIdle()
		return Answer{Verdict: judgeError(err), Err: fmt.Errorf("outbox: send: %w", err)}
	}
	a = Answer{Verdict: judge(resp.StatusCode), Status: resp.StatusCode}
	if a.Verdict != Accepted {
		a.Err = fmt.Errorf("outbox: send to %s: HTTP status %s", req.URL.Host, resp.Status)
	}
	stop = time.AfterFunc(e.Drain, cancel)
	if a.Verdict == Accepted && !isSentrys(resp.Body) {
		a.Verdict, a.Err = Rejected, fmt.Errorf("outbox: send to %s: %w", req.URL.Host, errPage)
	}
	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.Date, now = date, date // a date to retry after is by the same clock
	}
	a.Limits = answerLimits(resp.StatusCode, resp.Header, c, now)
	a.Finish = func() {
		defer func() { _ = recover() }() // in the user's http.RoundTripper, whose body it is
		defer cancel()
		defer stop.Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // whatever it says: the status has said it
		_ = resp.Body.Close()
		body.release()
	}
	return a
}

func (e *Endpoint) request(ctx context.Context, body *wireBody) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = body.reader(), int64(body.buf.Len())
	req.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	req.Header.Set("X-Sentry-Auth", e.Auth)
	req.Header.Set("User-Agent", e.UserAgent)
	// Not sent: it says that net/http may repeat the request when a kept-alive connection turns out to be closed.
	req.Header["X-Idempotency-Key"] = nil
	if body.packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}
