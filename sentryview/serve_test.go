package sentryview

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browserOf returns a client that has opened p.
func browserOf(t *testing.T, p *Page) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(b), "<h1>Issues") {
		t.Fatalf("status %d: %.300s", resp.StatusCode, b)
	}
	if resp.Request.URL.RawQuery != "" {
		t.Errorf("the token stays in the address bar: %s", resp.Request.URL)
	}
	return client
}

func baseOf(p *Page) string {
	base, _, _ := strings.Cut(p.URL, "?")
	return base
}

// TestToken: who doesn't know the token gets nothing, who opens the URL gets in, and the token is not shown again.
func TestToken(t *testing.T) {
	server := newServer(t)
	p, err := Open(Server(server))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	other, err := Open(Server(server))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	browserOf(t, p)

	token := func(u string) string {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Query().Get("token")
	}
	if len(token(p.URL)) < 26 {
		t.Errorf("a short token: %s", p.URL)
	}
	stranger := &http.Client{Transport: &http.Transport{}}
	defer stranger.CloseIdleConnections()
	for _, path := range []string{
		"", "style.css", "live", "report.txt", "?token=", "?token=x", "?token=" + token(other.URL),
	} {
		resp, err := stranger.Get(baseOf(p) + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
			t.Errorf("%q: status %d, cookies %v", path, resp.StatusCode, resp.Cookies())
		}
	}
	stranger.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := stranger.Get(baseOf(p) + "tasks?status=ok&token=" + token(p.URL))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if c := resp.Cookies(); len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode ||
		resp.Header.Get("Location") != "/tasks?status=ok" {
		t.Errorf("%v, to %q", c, resp.Header.Get("Location"))
	}
}

// TestRedirectStaysHere: a path that browsers take for a host is none in the answer to a token.
func TestRedirectStaysHere(t *testing.T) {
	p, err := Open(Server(newServer(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	base, query, _ := strings.Cut(p.URL, "?")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/example.com/", "/%2fexample.com", `\example.com`} {
		resp, err := client.Get(base + path + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if to := resp.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
			t.Errorf("%q leads to %q", path, to)
		}
	}
}

// TestClose: Close ends streams that are open, waits for them, and may be called again.
func TestClose(t *testing.T) {
	for name, source := range map[string]Source{"server": Server(newServer(t)), "outbox": Outbox(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(source)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := browserOf(t, p).Get(baseOf(p) + "live")
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			p.Close()
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("a stream that was cut looks whole")
			}
			_ = resp.Body.Close()
			if _, err := http.Get(p.URL); err == nil {
				t.Error("it still answers")
			}
		})
	}
}
