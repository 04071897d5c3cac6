package sentryview

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

// TestGuard: only a browser of this machine that asks for the page's own sake gets anything.
func TestGuard(t *testing.T) {
	h := Handler(Server(newServer(t)))
	for _, test := range []struct {
		name, method, host, site string
		local                    string // the connection's local address
		status                   int
	}{
		{"address", "GET", "127.0.0.1:80", "", "", 200},
		{"another of the loopback", "GET", "127.1.2.3", "none", "", 200},
		{"IPv6", "GET", "[::1]:8080", "same-origin", "", 200},
		{"name", "GET", "localhost:1", "", "127.0.0.1:1", 200},
		{"name in capitals", "GET", "LocalHost", "", "", 200},
		{"HEAD", "HEAD", "127.0.0.1", "", "[::1]:1", 200},
		{"POST", "POST", "127.0.0.1", "", "", 405},
		{"DELETE", "DELETE", "127.0.0.1", "", "", 405},
		{"OPTIONS", "OPTIONS", "127.0.0.1", "", "", 405},
		{"no host", "GET", "", "", "", 403},
		{"foreign name", "GET", "attacker.example", "", "", 403},
		{"name that is pointed here", "GET", "localhost.attacker.example:80", "", "", 403},
		{"name that looks like an address", "GET", "127.0.0.1.attacker.example", "", "", 403},
		{"port that is none", "GET", "localhost:80.attacker.example", "", "", 403},
		{"trailing dot", "GET", "localhost.", "", "", 403},
		{"network address", "GET", "192.168.1.2", "", "", 403},
		{"unspecified address", "GET", "0.0.0.0", "", "", 403},
		{"another site", "GET", "127.0.0.1", "cross-site", "", 403},
		{"another port", "GET", "127.0.0.1", "same-site", "", 403},
		{"over the network", "GET", "127.0.0.1", "", "192.168.1.2:80", 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/", nil)
			r.Host = test.host
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			if test.local != "" {
				address := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(test.local))
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, address))
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestEveryPage: each link leads to something, whatever the page, and no answer lacks a type.
func TestEveryPage(t *testing.T) {
	dir := t.TempDir()
	if err := sample.Outbox(dir); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]Source{"server": Server(filled(t)), "outbox": Outbox(dir)} {
		t.Run(name, func(t *testing.T) {
			n := crawl(t, Handler(source), func(path string, status int, body string, header http.Header) {
				if status != 200 && path != "/nothing" {
					t.Errorf("%s: status %d", path, status)
				}
				if header.Get("Content-Type") == "" {
					t.Errorf("%s has no type", path)
				}
				if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
					checkPage(t, path, body)
				}
			})
			if n < 60 {
				t.Errorf("only %d pages", n)
			}
		})
	}
}

// checkPage checks what holds for every page.
func checkPage(t *testing.T, path, body string) {
	t.Helper()
	if n := strings.Count(body, "<h1"); n != 1 {
		t.Errorf("%s has %d h1", path, n)
	}
	for _, forbidden := range []string{
		" style=", "<style", " onclick=", " onload=", "javascript:", "ZgotmplZ", "<no value>", "%!",
	} {
		if strings.Contains(withoutTexts(body), forbidden) {
			t.Errorf("%s has %q", path, forbidden)
		}
	}
	if strings.Count(body, "<script") != 1 {
		t.Errorf("%s has scripts of its own", path)
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(body, ` id="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		if seen[id] {
			t.Errorf("%s has two elements of ID %q", path, id)
		}
		seen[id] = true
	}
}

// withoutTexts is a page's markup: its tags, without what stands in between and without values of attributes.
func withoutTexts(body string) string {
	var b strings.Builder
	for _, part := range strings.Split(body, "<")[1:] {
		tag, _, _ := strings.Cut(part, ">")
		for i, piece := range strings.Split(tag, `"`) {
			if i%2 == 0 {
				b.WriteString(piece)
			}
		}
		b.WriteString("<")
	}
	return b.String()
}

// TestHostile: whatever was received, no page has markup, a control character or a sign that turns text around.
func TestHostile(t *testing.T) {
	server := newServer(t)
	taken, err := sample.Hostile(server)
	if err != nil || taken < 30 {
		t.Fatalf("%d taken, %v", taken, err)
	}
	dir := t.TempDir()
	closeOutbox, err := sample.HostileOutbox(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeOutbox() }()
	for name, source := range map[string]Source{"server": Server(server), "outbox": Outbox(dir)} {
		t.Run(name, func(t *testing.T) {
			attachments := 0
			crawl(t, Handler(source), func(path string, status int, body string, header http.Header) {
				if status != http.StatusOK && path != "/nothing" {
					t.Errorf("%s: status %d: %.300s", path, status, body)
				}
				if strings.HasPrefix(header.Get("Content-Type"), "application/octet-stream") {
					attachments++
				}
				checkHostile(t, path, body, header)
			})
			if attachments == 0 {
				t.Error("no attachments")
			}
		})
	}
}

// checkHostile: an answer over hostile events has no markup of theirs, no hidden characters, and no type but ours.
func checkHostile(t *testing.T, path, body string, header http.Header) {
	t.Helper()
	contentType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch contentType {
	case "text/html":
		checkPage(t, path, body)
		for _, markup := range []string{
			"<img", "<svg onload", "<iframe", "<base", "<meta http-equiv=refresh", "<a href=\"//",
		} {
			if strings.Contains(body, markup) {
				t.Errorf("%s has %q", path, markup)
			}
		}
	case "application/octet-stream":
		if name := header.Get("Content-Disposition"); !strings.HasPrefix(name, "attachment") ||
			strings.ContainsAny(name, "/\\<>\r\n") {
			t.Errorf("%s: %q", path, name)
		}
		return
	case "text/plain", "application/json", "text/css", "text/javascript", "image/svg+xml":
	default:
		t.Errorf("%s is of type %q", path, contentType)
	}
	if i := firstHidden([]byte(body)); i >= 0 {
		t.Errorf("%s has a hidden character at %d: %q", path, i, body[max(0, i-20):i+4])
	}
}

// TestMounted: the page works below any path.
func TestMounted(t *testing.T) {
	h := http.StripPrefix("/tools/sentry", Handler(Server(filled(t))))
	body := page(t, h, "/tools/sentry/")
	if !strings.Contains(body, `href="./style.css"`) {
		t.Error("the first page has no style sheet")
	}
	link := hrefs.FindStringSubmatch(body[strings.Index(body, `class="title`):])[1]
	body = page(t, h, "/tools/sentry/"+strings.TrimPrefix(link, "./"))
	if !strings.Contains(body, `href="./../style.css"`) {
		t.Error("an issue's page has another way to the style sheet")
	}
}

// TestLive: a page that is open hears of each arrival, and of the end; no request lasts longer than its server.
func TestLive(t *testing.T) {
	server := newServer(t)
	p, err := Open(Server(server))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	client := browserOf(t, p)
	resp, err := client.Get(baseOf(p) + "live")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return "ended"
	}
	first := next()
	if err := sample.One(server, "out of paper"); err != nil {
		t.Fatal(err)
	}
	if second := next(); second == first || !strings.HasPrefix(second, "data: ") {
		t.Errorf("after %q came %q", first, second)
	}
	server.Close()
	for line := next(); line != "event: end"; line = next() {
		if line == "ended" {
			t.Fatal("it ended without a word")
		}
	}
}
