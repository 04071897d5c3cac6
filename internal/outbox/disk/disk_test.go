package disk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

func openTestDisk(dir string) (*Store, error) {
	return Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 64 << 20})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventIDOf(i int) string { return fmt.Sprintf("%032x", i) }

// testRecord makes the ith event, of about size bytes.
func testRecord(i, size int) *store.Record {
	id := eventIDOf(i)
	return &store.Record{
		Time: time.Now(), EventID: id, Category: protocol.CategoryError, Items: 1, PII: true,
		Payload: []byte(`{"event_id":"` + id + `"}` + "\n" + `{"type":"event","length":` + fmt.Sprint(size) + "}\n" +
			filler(i, size) + "\n"),
	}
}

func ofCategory(r *store.Record, c store.Category) *store.Record { r.Category = c; return r }

// filler packs about as well as an event does.
func filler(i, size int) string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, uint64(i)))
	for b.Len() < size {
		fmt.Fprintf(&b, `{"function":"work%d","module":"github.com/example/runner/tasks","lineno":%d,"in_app":true},`,
			random.IntN(100), random.IntN(1000))
	}
	return b.String()[:size]
}

// adopted returns what a look of s finds.
func adopted(s store.Store) (entries []*store.Entry, err error) {
	_, err = s.Adopt(context.Background(), func(found []*store.Entry) { entries = append(entries, found...) })
	return entries, err
}
