package envelope

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/scrub"
)

// TestTraceHeader: a header is that of its own event, scrubbed, however many were encoded before it.
func TestTraceHeader(t *testing.T) {
	const secret = "hunter2secret"
	scrubber := scrub.New(scrub.Config{})
	enc := &Encoder{Scrubber: scrubber}
	headers := []map[string]string{
		{"trace_id": "0123456789abcdef0123456789abcdef"},
		{"public_key": "k"},
		{"trace_id": "a\"\n", "release": "r@1", "x": "password=" + secret},
	}
	for i := range 40 { // more than there are places
		headers = append(headers, map[string]string{"trace_id": fmt.Sprintf("%032x", i), "release": "r@1",
			"transaction": fmt.Sprintf("task.%d password=%s", i%20, secret), "sampled": "true"})
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for round := range 2 * len(headers) {
				entries := headers[round%len(headers)]
				want := maps.Clone(entries)
				scrubber.TraceHeader(want)
				b, err := enc.appendTrace([]byte("x"), maps.Clone(entries))
				var got map[string]string
				if err != nil || json.Unmarshal(b[1:], &got) != nil || !maps.Equal(got, want) {
					t.Errorf("%s of %v, %v", b, want, err)
				}
				if strings.Contains(string(b), secret) {
					t.Errorf("a secret has left: %s", b)
				}
			}
		})
	}
	all.Wait()
}

// TestSDKIsItsEvents: what is remembered of one event's SDK is not written into an event with another.
func TestSDKIsItsEvents(t *testing.T) {
	infos := []sentry.SdkInfo{
		{Name: "a", Version: "1", Integrations: []string{"x"}, Packages: []sentry.SdkPackage{{Name: "p", Version: "1"}}},
		{Name: "a", Version: "1", Integrations: []string{"y"}, Packages: []sentry.SdkPackage{{Name: "p", Version: "1"}}},
		{Name: "a", Version: "1", Integrations: []string{"y"}, Packages: []sentry.SdkPackage{{Name: "p", Version: "2"}}},
		{Name: "a", Version: "2", Integrations: []string{"y"}},
		{Name: "b", Version: "2", Integrations: []string{"y"}},
		{},
	}
	want := make(map[string]bool)
	for _, info := range infos {
		b := encodeSDK(info)
		if !json.Valid(b) {
			t.Errorf("%s", b)
		}
		want[string(b)] = true
		for range 2 {
			w := wire{b: []byte("{")}
			w.sdk(info)
			if got := string(w.b); got != `{"sdk":`+string(b) {
				t.Errorf("%s, want %s", got, b)
			}
		}
		if len(info.Integrations) > 0 {
			info.Integrations[0] += "…" // by a hook, after the event was encoded
			w := wire{b: []byte("{")}
			w.sdk(info)
			if !strings.Contains(string(w.b), "…") {
				t.Errorf("what was remembered is written: %s", w.b)
			}
		}
	}
	if len(want) != len(infos) {
		t.Errorf("%d forms of %d", len(want), len(infos))
	}
}
