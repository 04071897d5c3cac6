package sentryview

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

func TestMain(m *testing.M) {
	sample.Main()
	os.Exit(m.Run())
}

// newServer returns a server that ends with the test. What is wrong with the events that it takes is no concern here.
func newServer(t testing.TB) *sentrytest.Server {
	t.Helper()
	server := sentrytest.NewServer(nil)
	t.Cleanup(server.Close)
	return server
}

// filled returns a server that has got the sample.
func filled(t testing.TB) *sentrytest.Server {
	t.Helper()
	server := newServer(t)
	if err := sample.Fill(server); err != nil {
		t.Fatal(err)
	}
	return server
}

// get asks h for a page.
func get(t testing.TB, h http.Handler, path string) (status int, body string, header http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b), w.Result().Header
}

// page is get for a page that must be there.
func page(t testing.TB, h http.Handler, path string) string {
	t.Helper()
	status, body, _ := get(t, h, path)
	if status != http.StatusOK {
		t.Fatalf("%s: status %d: %.300s", path, status, body)
	}
	return body
}

var hrefs = regexp.MustCompile(` (?:href|src|action)="([^"]*)"`)

// crawl follows the links of h's pages and calls seen with each answer, but for downloads of the outbox and streams.
func crawl(t testing.TB, h http.Handler, seen func(path string, status int, body string, header http.Header)) (n int) {
	t.Helper()
	done := map[string]bool{}
	todo := []string{"/", "/tasks", "/waiting", "/report.txt", "/nothing", "/?q=%22%3E%3Cscript%3E&level=x&page=7"}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if done[path] {
			continue
		}
		done[path] = true
		status, body, header := get(t, h, path)
		seen(path, status, body, header)
		if !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range hrefs.FindAllStringSubmatch(body, -1) {
			link := strings.ReplaceAll(strings.ReplaceAll(m[1], "&amp;", "&"), "&#43;", "+")
			if strings.HasPrefix(link, "#") {
				continue
			}
			req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			to, err := req.URL.Parse(link)
			if err != nil {
				t.Errorf("%s links to %q: %v", path, link, err)
				continue
			}
			if to.Host != "127.0.0.1" || to.Scheme != "http" {
				t.Errorf("%s leads away, to %q", path, link)
			}
			if to.Path == "/export.tar" {
				continue
			}
			to.Fragment = ""
			todo = append(todo, to.RequestURI())
		}
	}
	return len(done)
}
