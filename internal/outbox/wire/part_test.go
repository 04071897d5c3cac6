package wire

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// machine is a part such as events have, the n-th.
func machine(n int) []byte {
	return []byte(strings.Repeat("x", n) + `"app":{"app_name":"` + strings.Repeat("a name and a value of the machine ", 40+n) + `"}`)
}

// unpackGzip reads all of packed, which must be one stream of gzip.
func unpackGzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	r.Multistream(false)
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// FuzzParts: whatever stands before and after a part, what is packed unpacks to what it was.
func FuzzParts(f *testing.F) {
	f.Add("{}\n{}\n{", "}}\n", 3)
	f.Add("{}", "", 0)
	f.Add("{}\n"+strings.Repeat("before ", 500), strings.Repeat("after ", 500), 7)
	f.Add("no header", "\x00\xff", 1)
	f.Fuzz(func(t *testing.T, before, after string, n int) {
		var parts Parts
		for i := range 1 + (n&7)%6 {
			parts.Note(machine(i))
		}
		part := machine(n & 7)
		for _, envelope := range [][]byte{
			[]byte(before + string(part) + after),
			[]byte(before + string(part[:len(part)-1]) + after), // not all of it
			[]byte(before + string(part) + after + string(part)),
		} {
			var packed, plain bytes.Buffer
			if err := parts.Deflate(&packed, envelope); err != nil {
				t.Fatal(err)
			}
			if err := Inflate(&plain, packed.Bytes()); err != nil || !bytes.Equal(plain.Bytes(), envelope) {
				t.Fatalf("%v: %q became %q", err, envelope, plain.Bytes())
			}
			now := time.Unix(1e9, 0)
			body, err := newWireBody(envelope, now, &parts)
			if err != nil {
				t.Fatal(err)
			}
			got := body.buf.Bytes()
			if body.packed {
				got = unpackGzip(t, got)
			}
			want := envelope
			if prefix := sentAtPrefix(envelope, now); prefix != "" {
				want = append([]byte(prefix), envelope[1:]...)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("sent %q, want %q", got, want)
			}
			body.release()
		}
	})
}

// TestPartsAreUsed: a part that was noted is not compressed again, and old ones are forgotten.
func TestPartsAreUsed(t *testing.T) {
	t.Parallel()
	var parts Parts
	noted := make([][]byte, maxParts+1)
	for i := range noted {
		noted[i] = machine(i)
		parts.Note(noted[i])
		parts.Note(noted[i])
	}
	for i, part := range noted {
		known, at := parts.find(append([]byte("{}\n"), part...))
		if i == 0 && known != nil {
			t.Error("the oldest of too many parts is still looked for")
		}
		if i > 0 && (known == nil || at != 3 || !bytes.Equal(known.plain, part)) {
			t.Errorf("part %d: found %v at %d", i, known != nil, at)
		}
	}
	parts.Note([]byte("short"))
	if known, _ := parts.find([]byte("short")); known != nil {
		t.Error("a short part is looked for")
	}
}

// TestPartsAtAServer: net/http and gzip read what is sent, from many senders at once, while the parts change.
func TestPartsAtAServer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%v, %v", err, r.Header)
			return
		}
		_, rest, _ := bytes.Cut(unpackGzip(t, packed), []byte("\n"))
		mu.Lock()
		got[string(rest)]++
		mu.Unlock()
	}))
	defer server.Close()
	e := Endpoint{URL: server.URL, Client: server.Client(), CloseIdle: func() {}, Timeout: time.Minute,
		Drain: time.Minute, Parts: new(Parts)}
	var group sync.WaitGroup
	var want sync.Map
	for i := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 20 {
				part := machine(random.IntN(6))
				e.Parts.Note(part)
				rest := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(3000)) + string(part) + "}}\n"
				want.Store(rest, true)
				if a := e.Post(t.Context(), []byte("{}\n"+rest), store.Category(0)); a.Err != nil {
					t.Error(a.Err)
				} else {
					a.Finish()
				}
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	want.Range(func(rest, _ any) bool {
		if got[rest.(string)] == 0 {
			t.Errorf("%.20q… didn't arrive as it was", rest)
		}
		delete(got, rest.(string))
		return true
	})
	if len(got) > 0 {
		t.Errorf("%d envelopes arrived that nobody sent", len(got))
	}
}

// BenchmarkPack is what the sender's packing costs, with a part and without.
func BenchmarkPack(b *testing.B) {
	part := machine(5)
	envelope := []byte("{}\n{}\n" + strings.Repeat(`{"filename":"a.go","lineno":12,"function":"main.f"},`, 40) + string(part) + "}}\n")
	for _, name := range []string{"whole", "part"} {
		b.Run(name, func(b *testing.B) {
			var parts Parts
			if name == "part" {
				parts.Note(part)
			}
			b.ReportAllocs()
			for b.Loop() {
				body, err := newWireBody(envelope, time.Time{}, &parts)
				if err != nil {
					b.Fatal(err)
				}
				body.release()
			}
		})
	}
}
