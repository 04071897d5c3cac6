package sentryasynq_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// silentServer is a Sentry that looks at nothing, so that a benchmark doesn't measure it, and returns its DSN.
func silentServer(b *testing.B) string {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "http://0123456789abcdef0123456789abcdef@", 1) + "/1"
}
