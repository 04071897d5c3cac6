package sentryconfig_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

// TestBurst: each of 10,000 captures that come as fast as they can arrives, once.
func TestBurst(t *testing.T) {
	many := 10_000
	if testing.Short() || raceDetector {
		many /= 10
	}
	for goroutines, n := range map[int]int{1: many / 5, 64: many} {
		t.Run(fmt.Sprintf("%d goroutines", goroutines), func(t *testing.T) {
			server := start(t, sentryconfig.Options{})
			ids := make([]string, n)
			next := make(chan int)
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := range next {
						id := sentryconfig.CaptureTaskException(context.Background(), errors.New("out of paper"),
							"print", map[string]any{"page": i}, nil)
						ids[i] = string(id)
					}
				})
			}
			for i := range n {
				next <- i
			}
			close(next)
			wg.Wait()
			began := time.Now()
			if !sentryconfig.Flush(3 * time.Minute) {
				t.Errorf("Flush: false; %+v", sentryconfig.ReadStats())
			}
			t.Logf("Flush took %v", time.Since(began))
			arrived := make(map[string]bool)
			for _, e := range server.Events() {
				arrived[e.ID] = true
			}
			for i, id := range ids {
				if id == "" || !arrived[id] {
					t.Fatalf("event %d (%q) is lost; %d arrived; %+v", i, id, len(arrived), sentryconfig.ReadStats())
				}
			}
			if stats := sentryconfig.ReadStats(); stats.Delivered != uint64(n) || stats.Dropped > 0 ||
				server.Duplicates() > 0 {
				t.Errorf("%+v, %d duplicates", stats, server.Duplicates())
			}
		})
	}
}

// TestWaysToTheServer: the proxy, certificates and clients of sentry-go's ClientOptions are what the sender uses.
func TestWaysToTheServer(t *testing.T) {
	var passed atomic.Int32
	count := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			passed.Add(1)
			h.ServeHTTP(w, r)
		})
	}
	// The request names its target.
	proxy := httptest.NewServer(count(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}))
	defer proxy.Close()
	for name, set := range map[string]func(*sentry.ClientOptions, *httptest.Server){
		"HTTPProxy":  func(o *sentry.ClientOptions, _ *httptest.Server) { o.HTTPProxy = proxy.URL },
		"HTTPSProxy": func(o *sentry.ClientOptions, _ *httptest.Server) { o.HTTPSProxy = proxy.URL },
		"CaCerts": func(o *sentry.ClientOptions, secure *httptest.Server) {
			o.Dsn = strings.Replace(o.Dsn, "http://", "https://", 1)
			o.Dsn = strings.Replace(o.Dsn, hostOf(o.Dsn), hostOf(secure.URL), 1)
			o.CaCerts = x509.NewCertPool()
			o.CaCerts.AddCert(secure.Certificate())
		},
		"HTTPClient": func(o *sentry.ClientOptions, _ *httptest.Server) {
			o.HTTPClient = &http.Client{Transport: counting{&passed}}
		},
		"HTTPTransport": func(o *sentry.ClientOptions, _ *httptest.Server) { o.HTTPTransport = counting{&passed} },
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			target, err := url.Parse("http://" + hostOf(server.DSN()))
			if err != nil {
				t.Fatal(err)
			}
			secure := httptest.NewTLSServer(count(httputil.NewSingleHostReverseProxy(target)))
			defer secure.Close()
			passed.Store(0)
			initialise(t, server, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) { set(o, secure) }})
			sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
			flush(t)
			if len(server.Events()) != 1 || passed.Load() != 1 {
				t.Errorf("%d events, %d of them on the way that was set", len(server.Events()), passed.Load())
			}
		})
	}
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// counting is a transport of the host program's own.
type counting struct{ n *atomic.Int32 }

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// TestUntrustedServer: a certificate that nobody vouches for is an error that can be read, and nothing is lost.
func TestUntrustedServer(t *testing.T) {
	server := newServer(t)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	dsn := strings.Replace(strings.Replace(server.DSN(), "http://", "https://", 1), hostOf(server.DSN()),
		hostOf(secure.URL), 1)
	initialise(t, server, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) { o.Dsn = dsn }})
	if sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil) == "" {
		t.Error("not captured")
	}
	for end := time.Now().Add(time.Minute); ; {
		if sentryconfig.Flush(300 * time.Millisecond) {
			t.Error("Flush: true")
		}
		stats := sentryconfig.ReadStats()
		if stats.Pending == 1 && stats.LastError != nil && strings.Contains(stats.LastError.Error(), "certificate") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", stats)
		}
	}
	sentryconfig.Close(0)
}

// TestHostsDefaultTransport: what the host program does with http.DefaultTransport is its own affair. It isn't
// parallel, as it changes that.
func TestHostsDefaultTransport(t *testing.T) {
	var passed atomic.Int32
	before := http.DefaultTransport
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) { // as instrumentation does
		passed.Add(1)
		return before.RoundTrip(r)
	})
	defer func() { http.DefaultTransport = before }()
	server := start(t, sentryconfig.Options{})
	sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
	one(t, server)
	if passed.Load() > 0 {
		t.Error("the package's requests pass the host's instrumentation")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// noNetwork has every request fail at once.
func noNetwork(o *sentry.ClientOptions) {
	o.HTTPTransport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
}

// TestProxyWords: a proxy that wants a login is known by its status, however it words that.
func TestProxyWords(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer func() { _ = proxy.Close(); <-done }()
	go func() {
		defer close(done)
		for {
			c, err := proxy.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4<<10))
			_, _ = io.WriteString(c, "HTTP/1.1 407 authenticationrequired\r\nContent-Length: 0\r\n\r\n")
			_ = c.Close()
		}
	}()
	if err := sentryconfig.Init(sentryconfig.Options{
		DSN:           "https://0123456789abcdef0123456789abcdef@sentry.invalid/1",
		ClientOptions: func(o *sentry.ClientOptions) { o.HTTPSProxy = "http://" + proxy.Addr().String() },
	}); err != nil {
		t.Fatal(err)
	}
	defer sentryconfig.Close(0)
	sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
	began := time.Now()
	if sentryconfig.Flush(5*time.Minute) || time.Since(began) > time.Minute {
		t.Errorf("Flush: true, or not at once: %v", time.Since(began))
	}
	if stats := sentryconfig.ReadStats(); stats.Pending != 1 || stats.LastError == nil ||
		!strings.Contains(stats.LastError.Error(), "407") {
		t.Errorf("%+v", stats)
	}
}

// TestOffAtInit: Options.Enabled false holds for what earlier processes left from the first moment of Init on.
func TestOffAtInit(t *testing.T) {
	dir := t.TempDir()
	server := newServer(t)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir, ClientOptions: noNetwork})
	sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
	sentryconfig.Close(0)

	asked := make(chan struct{}, 1)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir, Enabled: sentry.Set(false),
		ClientOptions: func(o *sentry.ClientOptions) {
			o.HTTPTransport = roundTripper(func(*http.Request) (*http.Response, error) {
				asked <- struct{}{}
				return nil, errors.New("no network")
			})
			o.Integrations = func(list []sentry.Integration) []sentry.Integration { // Init takes its time
				select {
				case <-asked:
					t.Error("the backlog is sent while reporting is to be off")
				case <-time.After(200 * time.Millisecond):
				}
				return list
			}
		}})
	sentryconfig.Close(0)
	initialise(t, server, sentryconfig.Options{OutboxDir: dir})
	one(t, server)
}

// TestSwitchedOffDuringFlush: a Flush that can't succeed any more doesn't wait.
func TestSwitchedOffDuringFlush(t *testing.T) {
	var once sync.Once
	start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.HTTPTransport = roundTripper(func(*http.Request) (*http.Response, error) {
			once.Do(func() { time.AfterFunc(50*time.Millisecond, func() { sentryconfig.SetEnabled(false) }) })
			return nil, errors.New("no network")
		})
	}})
	defer sentryconfig.Close(0)
	sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
	began := time.Now()
	if sentryconfig.Flush(5 * time.Minute) {
		t.Error("Flush: true")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("Flush took %v", took)
	}
	if n := sentryconfig.ReadStats().Pending; n != 1 {
		t.Errorf("%d wait", n)
	}
}

// TestCloseTellsOfLogs: what sentry-go has collected and not yet handed over counts as captured.
func TestCloseTellsOfLogs(t *testing.T) {
	for range 20 { // whether Flush gets hold of it is up to chance
		start(t, sentryconfig.Options{ClientOptions: noNetwork})
		sentry.NewLogger(context.Background()).Info().Emit("out of paper")
		if sentryconfig.Close(0) {
			t.Fatal("Close with a log that is lost: true")
		}
	}
}

// TestNoNumbers: sentry-go's logs and metrics may hold numbers that JSON doesn't know.
func TestNoNumbers(t *testing.T) {
	server := start(t, sentryconfig.Options{})
	ctx := context.Background()
	sentry.NewLogger(ctx).Info().Float64("dpi", math.NaN()).Emit("out of paper")
	sentry.NewLogger(ctx).Info().Emit("and of ink")
	meter := sentry.NewMeter(ctx)
	meter.Gauge("ink", math.Inf(1))
	meter.Gauge("paper", 1)
	flush(t)
	if stats := sentryconfig.ReadStats(); stats.Dropped > 0 {
		t.Errorf("%+v", stats)
	}
	text := ""
	for _, e := range server.Envelopes() {
		text += string(e.Raw)
	}
	for _, want := range []string{"out of paper", `"NaN"`, "and of ink", `"paper"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestEventOfAnotherType: a type that a hook invents doesn't make the event something that no server knows.
func TestEventOfAnotherType(t *testing.T) {
	server := start(t, sentryconfig.Options{ClientOptions: func(o *sentry.ClientOptions) {
		o.BeforeSend = func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
			e.Type = "error"
			return e
		}
	}})
	sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
	one(t, server)
}

// TestNoClientReports: ClientOptions.DisableClientReports is the user's last word.
func TestNoClientReports(t *testing.T) {
	for _, disabled := range []bool{false, true} {
		set := func(o *sentry.ClientOptions) { o.DisableClientReports = disabled }
		server := start(t, sentryconfig.Options{ClientOptions: set})
		server.Respond(func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
			return n == 0
		})
		sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
		flush(t)
		if stats := sentryconfig.ReadStats(); stats.DroppedBy["send_error"] != 1 {
			t.Errorf("%+v", stats)
		}
		if reported := len(server.ClientReports()) > 0; reported == disabled {
			t.Errorf("disabled %v, reported %v", disabled, reported)
		}
		sentryconfig.Close(0)
	}
}

// TestCloseBeforeAServerThatHangs: Close(0) returns at once and leaves nothing behind, however far the requests have
// come.
func TestCloseBeforeAServerThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{}, 64)
	var server sync.WaitGroup
	defer func() { _ = l.Close(); server.Wait() }()
	server.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			server.Go(func() {
				_, _ = c.Read(make([]byte, 1))
				began <- struct{}{}
				_, _ = io.Copy(io.Discard, c) // until the client leaves
				_ = c.Close()
			})
		}
	})
	const key = "0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct {
		dsn string
		set func(*sentry.ClientOptions)
	}{
		"answer":        {"http://" + key + "@" + l.Addr().String() + "/1", nil},
		"TLS handshake": {"https://" + key + "@" + l.Addr().String() + "/1", nil},
		"proxy": {"https://" + key + "@sentry.invalid/1", func(o *sentry.ClientOptions) {
			o.HTTPSProxy = "http://" + l.Addr().String()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dir := range []string{"", t.TempDir()} {
				before := sendingGoroutines()
				if err := sentryconfig.Init(sentryconfig.Options{DSN: c.dsn, OutboxDir: dir,
					ClientOptions: c.set}); err != nil {
					t.Fatal(err)
				}
				for range 1000 {
					sentryconfig.CaptureTaskFailure(context.Background(), "print", "out of paper", nil, nil)
				}
				<-began
				start := time.Now()
				if sentryconfig.Close(0) {
					t.Error("Close: true")
				}
				if took := time.Since(start); took > 20*time.Second { // a request that isn't ended takes 30 s
					t.Errorf("Close(0) took %v", took)
				}
				for deadline := time.Now().Add(time.Minute); sendingGoroutines() > before; runtime.Gosched() {
					if time.Now().After(deadline) {
						t.Fatal("goroutines that send are left")
					}
				}
			}
		})
	}
}

// sendingGoroutines counts the goroutines of HTTP clients and outboxes.
func sendingGoroutines() (n int) {
	buf := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "net/http.(*Transport)") || strings.Contains(g, "net/http.(*persistConn)") ||
			strings.Contains(g, "/internal/outbox") {
			n++
		}
	}
	return n
}
