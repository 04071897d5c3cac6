package outbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A dialer dials in a way that a test can change.
type dialer struct {
	instead atomic.Pointer[func(ctx context.Context, network, addr string) (net.Conn, error)]
}

func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if f := d.instead.Load(); f != nil {
		return (*f)(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (d *dialer) dial(f func(ctx context.Context, network, addr string) (net.Conn, error)) {
	if f == nil {
		d.instead.Store(nil)
		return
	}
	d.instead.Store(&f)
}

// dialAddr dials another address than asked for.
func dialAddr(other string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, other)
	}
}

// A listener that does what f does with each connection.
func listen(t *testing.T, f func(*net.TCPConn)) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		var open []net.Conn // a connection that nobody knows any more is closed
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			f(c.(*net.TCPConn))
			open = append(open, c)
		}
		for _, c := range open {
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// hear waits for a request to begin: what comes before is no answer.
func hear(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)) }

// closedPort is one where nobody listens, nor can meanwhile: a connection's own end.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), l.Close() })
	return conn.LocalAddr().String()
}

// status answers every envelope with a status, headers as "Name: value".
func status(code int, headers ...string) func(string, http.ResponseWriter, *http.Request) bool {
	return func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(code)
		return true
	}
}

// page answers 200, with a body.
func page(body string) func(string, http.ResponseWriter, *http.Request) bool {
	return func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, body)
		return true
	}
}

// TestServerFails has trouble of every kind begin, and end: nothing is lost, Flush tells the truth, and one warning is
// logged.
func TestServerFails(t *testing.T) {
	type world struct {
		*sink
		*dialer
		t *testing.T
	}
	hang := func(_ string, _ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client leave
		<-r.Context().Done()
		return true
	}
	for _, c := range []struct {
		name    string
		trouble func(w *world)
		want    string // in LastError
		once    bool   // a Flush that meets it answers at once
	}{
		{"refused", func(w *world) { w.dial(dialAddr(closedPort(w.t))) }, "refused", false},
		{"reset", func(w *world) {
			w.dial(dialAddr(listen(w.t, func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() })))
		}, "", false},
		{"accepts and closes", func(w *world) {
			w.dial(dialAddr(listen(w.t, func(c *net.TCPConn) { _ = c.Close() })))
		}, "", false},
		{"hangs at connect", func(w *world) {
			w.dial(func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
		}, "deadline", false},
		{"hangs after connect", func(w *world) { w.respond(hang) }, "deadline", false},
		{"hangs in the header", func(w *world) {
			w.dial(dialAddr(listen(w.t, func(c *net.TCPConn) {
				hear(c)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nDate:")
			})))
		}, "deadline", false},
		{"answers nonsense", func(w *world) {
			w.dial(dialAddr(listen(w.t, func(c *net.TCPConn) {
				hear(c)
				_, _ = io.WriteString(c, "220 smtp.invalid ESMTP\r\n")
				_ = c.Close()
			})))
		}, "", false},
		{"no such name", func(w *world) { w.dial(dialAddr("sentry.invalid:80")) }, "sentry.invalid", false},
		{"bad certificate", func(w *world) {
			w.dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
				secure := httptest.NewTLSServer(http.NotFoundHandler())
				secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				w.t.Cleanup(secure.Close)
				d := tls.Dialer{Config: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}}
				return d.DialContext(ctx, network, secure.Listener.Addr().String())
			})
		}, "certificate", false},
		{"500", func(w *world) { w.respond(status(500)) }, "500", false},
		{"502", func(w *world) { w.respond(status(502)) }, "502", false},
		{"503 with Retry-After", func(w *world) { w.respond(status(503, "Retry-After: 3600")) }, "503", false},
		{"504", func(w *world) { w.respond(status(504)) }, "504", false},
		{"408", func(w *world) { w.respond(status(408)) }, "408", false},
		{"401", func(w *world) { w.respond(status(401)) }, "401", true},
		{"403", func(w *world) { w.respond(status(403)) }, "403", true},
		{"404", func(w *world) { w.respond(status(404)) }, "404", true},
		{"402", func(w *world) { w.respond(status(402)) }, "402", true},
		{"405", func(w *world) { w.respond(status(405)) }, "405", true},
		{"410", func(w *world) { w.respond(status(410)) }, "410", true},
		{"418", func(w *world) { w.respond(status(418)) }, "418", true},
		{"421", func(w *world) { w.respond(status(421)) }, "421", true},
		{"425", func(w *world) { w.respond(status(425)) }, "425", true},
		{"451", func(w *world) { w.respond(status(451)) }, "451", true},
		{"a page", func(w *world) { w.respond(page("\n<!DOCTYPE html><title>Welcome</title>")) }, "not Sentry's", true},
		{"a text", func(w *world) { w.respond(page("It works!")) }, "not Sentry's", true},
		{"a list", func(w *world) { w.respond(page("[]")) }, "not Sentry's", true},
		{"captive portal", func(w *world) {
			portal := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				w.t.Error("a redirect was followed")
			}))
			w.t.Cleanup(portal.Close)
			w.respond(status(302, "Location: "+portal.URL))
		}, "302", true},
		{"permanent redirect", func(w *world) { w.respond(status(308, "Location: /elsewhere")) }, "308", true},
		{"proxy wants a login", func(w *world) { w.respond(status(407, "Proxy-Authenticate: Basic")) }, "407", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			overStores(t, func(t *testing.T, open func() (Store, error)) {
				w, hangs := &world{&sink{}, &dialer{}, t}, strings.HasPrefix(c.name, "hangs")
				server := httptest.NewServer(w.sink)
				defer server.Close()
				var logs logBook
				transport := &http.Transport{DialContext: w.DialContext, MaxIdleConnsPerHost: senders}
				o := openTest(t, server.URL, func(c *Config) {
					c.OpenStore, c.Logger = open, slog.New(&logs)
					c.Client, c.CloseIdle = &http.Client{Transport: transport}, transport.CloseIdleConnections
					if hangs {
						c.timing.request = 300 * time.Millisecond
					}
				})
				c.trouble(w)
				for i := range 5 {
					if !o.Put(testRecord(i, 2000*i)) {
						t.Fatal("Put: false")
					}
				}
				patience := 400 * time.Millisecond
				if c.once {
					patience = 20 * time.Second
				}
				start := time.Now()
				if o.Flush(within(patience)) {
					t.Error("Flush with trouble: true")
				}
				if took := time.Since(start); c.once && took > patience/2 {
					t.Errorf("Flush took %v", took)
				}
				eventually(t, "an error with "+c.want, func() bool { // a busy machine may have met none in that time
					err := o.Stats().LastError
					return err != nil && strings.Contains(err.Error(), c.want)
				})
				if s := o.Stats(); s.Pending != 5 || s.Dropped > 0 {
					t.Errorf("%+v, want 5 waiting", s)
				}
				// logged once all locks are free
				eventually(t, "a warning", func() bool { return logs.count("WARN") > 0 })

				w.respond(nil)
				w.dial(nil)
				transport.CloseIdleConnections()
				if !o.Flush(within(time.Minute)) {
					t.Errorf("Flush after the trouble: false; %v", o.Stats().LastError)
				}
				got := w.got()
				// a request may get through in the moment in which it is given up, and is sent again
				if hangs {
					slices.Sort(got)
					got = slices.Compact(got)
				}
				sameIDs(t, got, 5)
				w.check(t)
				if n := logs.count("WARN"); n != 1 {
					t.Errorf("%d warnings, want one: %q", n, logs.lines)
				}
				if s := o.Stats(); s.LastError != nil || s.Delivered != 5 || s.Pending != 0 {
					t.Errorf("after the trouble: %+v", s)
				}
			})
		})
	}
}

// TestProxyWantsLogin is about a proxy that is asked to let TLS through, where net/http gives an error and no answer.
func TestProxyWantsLogin(t *testing.T) {
	t.Parallel()
	s := &sink{}
	server := httptest.NewTLSServer(s)
	defer server.Close()
	var open atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open.Load() {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		from, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = io.Copy(to, buf); _ = to.Close() }()
		go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
	}))
	defer proxy.Close()
	proxyURL, _ := url.Parse(proxy.URL)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxyURL)
	o := openTest(t, server.URL, func(c *Config) {
		c.Client, c.CloseIdle = &http.Client{Transport: transport}, transport.CloseIdleConnections
	})
	o.Put(testRecord(0, 10))
	start := time.Now()
	if o.Flush(within(30*time.Second)) || time.Since(start) > 15*time.Second {
		t.Errorf("Flush with a proxy that refuses: true, or not at once: %v", time.Since(start))
	}
	if s := o.Stats(); s.Pending != 1 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	open.Store(true)
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %v", o.Stats().LastError)
	}
	sameIDs(t, s.got(), 1)
	s.check(t)
}

// TestRefusedEnvelopes: what the server refuses for good is dropped and counted, and the next goes on.
func TestRefusedEnvelopes(t *testing.T) {
	for _, code := range []int{400, 406, 409, 413, 415, 422, 431} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			overStores(t, func(t *testing.T, open func() (Store, error)) {
				s := &sink{}
				s.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
					if id == eventIDOf(1) {
						w.WriteHeader(code)
					}
					return id == eventIDOf(1)
				})
				server := httptest.NewServer(s)
				defer server.Close()
				var logs logBook
				o := openTest(t, server.URL, func(c *Config) { c.OpenStore, c.Logger = open, slog.New(&logs) })
				for i := range 3 {
					o.Put(testRecord(i, 100))
				}
				if !o.Flush(within(time.Minute)) {
					t.Error("Flush: false")
				}
				wantStats(t, o, Stats{Captured: 3, Delivered: 2, Dropped: 1,
					DroppedBy: map[string]uint64{reasonSendError: 1}})
				if got := s.got(); len(got) != 2 {
					t.Errorf("got %v", got)
				}
				if want := `"reason":"send_error","category":"error","quantity":1`; !strings.Contains(s.gotReports(), want) {
					t.Errorf("reports %q, want %s", s.gotReports(), want)
				}
				if logs.count("WARN", fmt.Sprint(code)) != 1 {
					t.Errorf("log: %q", logs.lines)
				}
			})
		})
	}
}

// TestPoison: an envelope that makes the server fail is given up after ten tries, while others are accepted; and one
// that breaks connections holds nobody else up.
func TestPoison(t *testing.T) {
	for name, poison := range map[string]func(http.ResponseWriter){
		"500": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"breaks the connection": func(w http.ResponseWriter) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			overStores(t, func(t *testing.T, open func() (Store, error)) {
				s := &sink{}
				var tries atomic.Int32
				s.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
					if id != eventIDOf(0) {
						return false
					}
					tries.Add(1)
					poison(w)
					return true
				})
				server := httptest.NewServer(s)
				defer server.Close()
				o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
				for i := range 30 {
					o.Put(testRecord(i, 100))
				}
				eventually(t, "the others arrive", func() bool { return len(s.got()) == 29 })
				if name != "500" {
					return // no answer says nothing about the envelope
				}
				for i := 30; o.Stats().Dropped == 0; i++ { // others go on being accepted
					if i > 1000 {
						t.Fatalf("not given up after %d tries", tries.Load())
					}
					o.Put(testRecord(i, 100))
					o.Flush(within(50 * time.Millisecond))
				}
				// Those during which no other was accepted don't count.
				if n := tries.Load(); n < maxFailures || n > 3*maxFailures {
					t.Errorf("given up after %d tries, want about %d", n, maxFailures)
				}
			})
		})
	}
}

// TestLimits: a limit for one category holds up no other; errors wait however long it lasts, the rest is dropped and
// counted when it lasts longer than 5 minutes.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name      string
		answer    func(string, http.ResponseWriter, *http.Request) bool
		delivered int // of three errors and three transactions, after the first answer
		pending   uint64
		dropped   uint64
	}{
		{"200 limits transactions for a day", headersOf(200, "X-Sentry-Rate-Limits: 86400:transaction;span"), 3, 0, 3},
		{"200 limits transactions for a minute", headersOf(200, "X-Sentry-Rate-Limits: 60:transaction:key"), 3, 3, 0},
		{"200 limits errors for a day", headersOf(200, "X-Sentry-Rate-Limits: 86400:error:key"), 4, 2, 0},
		{"429 without a word", headersOf(429), 0, 6, 0},
		{"429 for errors", headersOf(429, "X-Sentry-Rate-Limits: 3600:error:key"), 3, 3, 0},
		{"429 for all, for long", headersOf(429, "Retry-After: 3600"), 0, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			overStores(t, func(t *testing.T, open func() (Store, error)) {
				s := &sink{}
				var first atomic.Bool
				s.respond(func(id string, w http.ResponseWriter, r *http.Request) bool {
					return !first.Swap(true) && c.answer(id, w, r)
				})
				server := httptest.NewServer(s)
				defer server.Close()
				var on atomic.Bool
				o := openTest(t, server.URL, func(cfg *Config) { cfg.OpenStore = open })
				on.Store(true)
				// The first answer comes before the rest is there.
				o.Put(testRecord(0, 10))
				eventually(t, "the first answer", func() bool { return s.count() > 0 && len(o.flyingNow()) == 0 })
				dropped := uint64(0)
				for i := 1; i < 6; i++ {
					r := testRecord(i, 10)
					if i > 2 {
						r = ofCategory(r, CategoryTransaction)
					}
					if !o.Put(r) {
						dropped++
					}
				}
				o.Flush(within(5 * time.Second)) // at once, since limits outlast it; or all is delivered
				st := o.Stats()
				if len(s.got()) != c.delivered || st.Pending != c.pending || st.Dropped != c.dropped ||
					dropped != c.dropped {
					t.Errorf("delivered %d, %+v; want delivered %d, pending %d, dropped %d",
						len(s.got()), st, c.delivered, c.pending, c.dropped)
				}
				if c.dropped > 0 && st.DroppedBy[reasonLimited] != c.dropped {
					t.Errorf("dropped by %v", st.DroppedBy)
				}
			})
		})
	}
}

// headersOf answers with a status and headers, and has the sink take the envelope if the status says so.
func headersOf(code int, headers ...string) func(string, http.ResponseWriter, *http.Request) bool {
	return func(id string, w http.ResponseWriter, r *http.Request) bool {
		if code == http.StatusOK {
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Add(name, value)
			}
			return false
		}
		return status(code, headers...)(id, w, r)
	}
}

func (o *Outbox) flyingNow() []*item {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*item(nil), o.queue.flying...)
}

// TestSlowBody: the status has said it all, so a body that never ends delays only its connection.
func TestSlowBody(t *testing.T) {
	overStores(t, func(t *testing.T, open func() (Store, error)) {
		s := &sink{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.ServeHTTP(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		defer server.Close()
		o := openTest(t, server.URL, func(c *Config) { c.OpenStore = open })
		for i := range 20 {
			o.Put(testRecord(i, 10))
		}
		if !o.Flush(within(time.Minute)) {
			t.Error("Flush: false")
		}
		sameIDs(t, s.got(), 20)
	})
}

// TestDeadConnections: when the network has changed, kept-alive connections are dead without knowing it. That costs one
// request, not one for each of them.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	s := &sink{}
	server := httptest.NewServer(s)
	defer server.Close()
	var dead atomic.Bool
	var died atomic.Int32
	hold := make(chan struct{})
	s.respond(func(string, http.ResponseWriter, *http.Request) bool { <-hold; return false })
	transport := &http.Transport{MaxIdleConnsPerHost: senders,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &mortal{Conn: c, dead: &dead, young: dead.Load(), died: func() { died.Add(1) }}, err
		}}
	o := openTest(t, server.URL, func(c *Config) {
		c.Client, c.CloseIdle = &http.Client{Transport: transport}, transport.CloseIdleConnections
		c.timing.retry, c.timing.retryMax = 10*time.Millisecond, 10*time.Millisecond
	})
	const n = perSender * senders
	for i := range n {
		o.Put(testRecord(i, 10))
	}
	eventually(t, "all connections are in use", func() bool { return s.count() == senders })
	close(hold)
	if !o.Flush(within(time.Minute)) {
		t.Fatal("Flush: false")
	}
	dead.Store(true)
	o.endpoint.Timeout = 300 * time.Millisecond
	o.Put(testRecord(n, 10))
	eventually(t, "the next arrives", func() bool { return slices.Contains(s.got(), eventIDOf(n)) })
	if n := died.Load(); n != 1 {
		t.Errorf("%d dead connections were tried, want 1", n)
	}
}

// mortal swallows what is written once it is dead, unless it was made after that. died is called the first time.
type mortal struct {
	net.Conn
	dead  *atomic.Bool
	young bool
	died  func()
	once  sync.Once
}

func (m *mortal) Write(b []byte) (int, error) {
	if m.dead.Load() && !m.young {
		m.once.Do(m.died)
		return len(b), nil
	}
	return m.Conn.Write(b)
}
