package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/getsentry/sentry-go"
)

// maxCheckedBody is how much of an answer is read, in bytes: a check is no download.
const maxCheckedBody = 1 << 20

// newHTTPCheck asks for a URL: {url, expect_status, authorization}. Another status, or no answer, is a failure.
// Redirects are followed unless one is what is expected.
func newHTTPCheck(p *params) runFunc {
	target := p.text("url")
	expect := p.integer("expect_status")
	authorization := p.text("authorization")
	if u, err := url.Parse(target); err != nil {
		p.refuse("url: %w", err)
	} else if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		p.refuse("url is %q, want http://host or https://host", target)
	}
	p.will("request %s, want status %d", target, expect)
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "requesting", "category", "http", "url", target)
		span := sentry.StartSpan(ctx, "http.client", sentry.WithDescription("GET "+target))
		defer span.Finish()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", "sentryconfig-runner")
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		defer transport.CloseIdleConnections()
		client := http.Client{Transport: transport}
		if expect >= 300 && expect < 400 {
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}
		start := time.Now()
		resp, err := client.Do(req)
		sum := summary{"url": target, "expect_status": expect, "duration_ms": milliseconds(time.Since(start))}
		if err != nil {
			return sum, fail("no_answer", err, "no answer: %v", err)
		}
		defer func() { _ = resp.Body.Close() }()
		size, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxCheckedBody))
		sum["duration_ms"] = milliseconds(time.Since(start))
		sum["status"], sum["bytes"], sum["content_type"] = resp.StatusCode, size, resp.Header.Get("Content-Type")
		if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
			sum["certificate_expires"] = resp.TLS.PeerCertificates[0].NotAfter.UTC().Format(time.RFC3339)
		}
		slog.InfoContext(ctx, "answered", "category", "http", "status", resp.StatusCode, "bytes", size)
		span.Status = sentry.HTTPtoSpanStatus(resp.StatusCode)
		switch {
		case resp.StatusCode != expect:
			return sum, fail(fmt.Sprintf("status_%d", resp.StatusCode), nil,
				"status %d, want %d", resp.StatusCode, expect)
		case err != nil && !errors.Is(err, io.EOF):
			return sum, fail("broken_answer", fmt.Errorf("read the answer: %w", err), "the answer breaks off: %v", err)
		}
		return sum, nil
	}
}
