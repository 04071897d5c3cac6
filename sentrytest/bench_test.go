package sentrytest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a client with much to tell sends: 10,000 events of about 6 KB, packed, over 8 connections.
const (
	burst       = 10_000
	connections = 8
)

// BenchmarkBurst compares, for a burst, what the server needs with somebody waiting for the last event, what a server
// that looks at nothing needs, and what parsing alone needs.
func BenchmarkBurst(b *testing.B) {
	bodies := make([][]byte, burst)
	for i := range bodies {
		bodies[i] = packEvent(i)
	}
	b.Run("server", func(b *testing.B) {
		for b.Loop() {
			s := NewServer(b)
			go sendAll(b, s.DSN(), bodies)
			s.WaitEvents(burst, time.Minute)
			s.Close()
		}
	})
	b.Run("discard", func(b *testing.B) {
		for b.Loop() {
			s := NewServer(b)
			s.Respond(func(int, http.ResponseWriter, *http.Request) bool { return true })
			sendAll(b, s.DSN(), bodies)
			s.Close()
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			parts(func(from, to int) {
				s := NewServer(b)
				r, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/api/1/envelope/?sentry_key="+s.key,
					nil)
				if err != nil {
					panic(err)
				}
				r.Header.Set("Content-Encoding", "gzip")
				for _, body := range bodies[from:to] {
					e, event, err := s.parse(r, body)
					if err != nil {
						panic(err)
					}
					s.keep(e, event)
				}
				s.Close()
			})
		}
	})
}

// parts runs f on one part of the burst for each connection, side by side.
func parts(f func(from, to int)) {
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() { f(burst*i/connections, burst*(i+1)/connections) })
	}
	wg.Wait()
}

func sendAll(b *testing.B, dsn string, bodies [][]byte) {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	target := "http://" + u.Host + "/api/1/envelope/?sentry_key=" + u.User.Username()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	parts(func(from, to int) {
		for _, body := range bodies[from:to] {
			r, err := http.NewRequest(http.MethodPost, target, bytes.NewReader(body))
			if err != nil {
				panic(err)
			}
			r.Header.Set("Content-Encoding", "gzip")
			response, err := client.Do(r)
			if err != nil {
				return // closed: the last event has arrived
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				b.Errorf("status %d", response.StatusCode)
			}
		}
	})
}

func packEvent(i int) []byte {
	var fields strings.Builder
	for c := range 10 {
		fmt.Fprintf(&fields, `"c%d":{"name":"value number %d","total_gb":%d.25,"used_gb":12.5,"path":"/var/lib/things/%d"},`, c, c, c, c)
	}
	var frames strings.Builder
	for f := range 15 {
		fmt.Fprintf(&frames, `{"function":"function%d","module":"example.com/service/part","abs_path":"/src/part/part.go","lineno":%d,"in_app":true},`, f, f)
	}
	var crumbs strings.Builder
	for c := range 15 {
		fmt.Fprintf(&crumbs, `{"message":"step number %d","category":"log","level":"info","data":{"n":%d},"timestamp":"2026-01-02T03:04:05.678Z"},`, c, c)
	}
	event := fmt.Sprintf(`{"event_id":"%032x","level":"error","tags":{"task_type":"ping","error_type":"net.OpError"},"contexts":{%s"os":{"name":"Linux"}},
		"exception":[{"type":"net.OpError","value":"dial tcp: refused","stacktrace":{"frames":[%s{"function":"main","in_app":true}]}}],
		"breadcrumbs":[%s{"message":"last"}]}`, i+1, fields.String(), frames.String(), crumbs.String())
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprintf(z, `{"event_id":"%032x"}`+"\n"+`{"type":"event","length":%d}`+"\n%s\n", i+1, len(event), event)
	z.Close()
	return packed.Bytes()
}
