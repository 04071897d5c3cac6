package compare

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// A Server takes what any of the tools sends, and counts it.
type Server struct {
	*httptest.Server
	events atomic.Int64
}

// NewServer returns a Server that listens on a port of this machine's. The caller closes it.
func NewServer() *Server {
	s := &Server{}
	s.Server = httptest.NewServer(s)
	return s
}

// Events is how many errors have arrived.
func (s *Server) Events() int64 { return s.events.Load() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	sent, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/envelope/"):
		s.events.Add(int64(bytes.Count(sent, []byte("\n{\"type\":\"event\"")))) // reports of losses come this way, too
	case strings.HasSuffix(path, "/notices"):
		s.events.Add(1)
		w.WriteHeader(http.StatusCreated)
	case path == "/", strings.HasSuffix(path, "/item/"):
		s.events.Add(1)
	}
	_, _ = io.WriteString(w, "{}")
}
