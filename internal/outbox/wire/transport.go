package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// NewTransport returns a transport that keeps up to connections open between requests. An empty proxy means the one of
// the process's environment, nil roots mean the system's.
func NewTransport(proxy string, roots *x509.CertPool, connections int) *http.Transport {
	// Not a clone of http.DefaultTransport, which the host may change or replace.
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: judgeProxy,
		ForceAttemptHTTP2:      true, // even with roots
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        90 * time.Second,
	}
	if proxy != "" {
		t.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
	}
	if roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return t
}

// A proxyError is a proxy's answer when it doesn't let a request for https through.
type proxyError struct {
	status int
	text   string
}

func (e *proxyError) Error() string { return "the proxy answers with HTTP status " + e.text }

// judgeProxy is for http.Transport.OnProxyConnectResponse. Without it net/http tells of a proxy that refuses by an
// error that is no more than the text of the proxy's status line, which each kind of proxy words as it likes.
func judgeProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{answer.StatusCode, answer.Status}
}
