package sentryview

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Page is served on a loopback address of its own, to who knows its URL.
type Page struct {
	// URL is where it is: to be opened in a browser of this machine. It holds a random token, which the browser keeps
	// as a cookie and which no other page, program or user knows.
	URL string

	server http.Server
	token  string
	cookie string // its name: cookies know no ports
	next   http.Handler
	cancel context.CancelFunc
	served chan struct{}
	mu     sync.Mutex
	closed bool
	taking sync.WaitGroup
}

// Open serves the page of src until Close. It fails when no loopback address can be had.
func Open(src Source) (*Page, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if listener, err = net.Listen("tcp6", "[::1]:0"); err != nil {
			return nil, fmt.Errorf("sentryview: %w", err)
		}
	}
	address := listener.Addr().(*net.TCPAddr)
	ctx, cancel := context.WithCancel(context.Background())
	p := &Page{
		token: rand.Text(), cookie: "sentryview-" + strconv.Itoa(address.Port),
		next: Handler(src), cancel: cancel, served: make(chan struct{}),
	}
	p.URL = "http://" + address.String() + "/?token=" + p.token
	p.server.Handler = guard(http.HandlerFunc(p.admit))
	p.server.ReadHeaderTimeout = 10 * time.Second
	p.server.ErrorLog = log.New(io.Discard, "", 0) // of connections that broke, which concern nobody
	p.server.BaseContext = func(net.Listener) context.Context { return ctx }
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // ends with ErrServerClosed
	}()
	return p, nil
}

// Close ends the page and its connections, and waits until its last request has ended. A second Close does nothing.
func (p *Page) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.server.Close() // nothing to do about an error
	p.cancel()           // after it, lest a stream that is cut looks whole
	<-p.served
	p.taking.Wait()
}

// admit lets pass who brings the token: in the URL, which becomes a cookie, or as that cookie.
func (p *Page) admit(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	p.taking.Add(1)
	p.mu.Unlock()
	defer p.taking.Done()

	if r.URL.Query().Has("token") && p.knows(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{
			Name: p.cookie, Value: p.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		query := r.URL.Query()
		query.Del("token") // out of the address bar and the history
		// A path that begins with two slashes would lead to another host.
		to := url.URL{Path: path.Clean("/" + strings.TrimLeft(r.URL.Path, `/\`)), RawQuery: query.Encode()}
		w.Header().Set("Location", to.RequestURI())
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(p.cookie); err != nil || !p.knows(c.Value) {
		http.Error(w, "Open the address that the program has printed: it holds a token that lets you in.",
			http.StatusForbidden)
		return
	}
	p.next.ServeHTTP(w, r)
}

func (p *Page) knows(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(p.token)) == 1
}
