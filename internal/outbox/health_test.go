package outbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
)

// TestHealthIsTold: what is dropped, and the last error, can be read in the outbox's folder; also that it is over.
func TestHealthIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var sink sink
	answer := status(http.StatusRequestEntityTooLarge)
	sink.respond(answer)
	server := httptest.NewServer(&sink)
	defer server.Close()
	o := openTest(t, server.URL, func(cfg *Config) {
		cfg.OpenStore = func() (Store, error) { return openTestDisk(dir) }
	})
	told := func() store.Health {
		projects, err := disk.Look(dir)
		must(t, err)
		if len(projects) != 1 || len(projects[0].Left) != 1 {
			t.Fatalf("%+v", projects)
		}
		return projects[0].Left[0].Health
	}
	o.Put(testRecord(1, 100))
	eventually(t, "a refused event is told", func() bool {
		h := told()
		return h.Dropped[reasonSendError] == 1 && strings.Contains(h.Error, "413") && !h.ErrorAt.IsZero() &&
			h.Solved.IsZero()
	})
	first := told().ErrorAt
	o.Discard("sample_rate", CategoryError, 7)
	eventually(t, "what never came to the outbox is told", func() bool { return told().Dropped["sample_rate"] == 7 })
	if h := told(); !h.ErrorAt.Equal(first) || h.Dropped[reasonSendError] != 1 {
		t.Errorf("%+v", h)
	}
	sink.respond(nil)
	o.Put(testRecord(2, 100))
	eventually(t, "that it is over is told", func() bool { return !told().Solved.IsZero() })
	if h := told(); !strings.Contains(h.Error, "413") || !h.ErrorAt.Equal(first) || h.Solved.Before(first) {
		t.Errorf("%+v", h)
	}
}

// TestEvictionIsTold: an outbox that is full while nothing can be sent tells what it drops at once, not at its next
// try.
func TestEvictionIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := deadServer(t, func(cfg *Config) {
		cfg.MaxBytes = 256 << 10
		cfg.timing.retry, cfg.timing.retryMax = time.Hour, time.Hour
		cfg.OpenStore = func() (Store, error) { return openTestDisk(dir) }
	})
	o.Put(testRecord(0, 10))
	eventually(t, "the request fails", func() bool { return o.Stats().LastError != nil })
	for i := 0; o.Stats().Dropped < 5; i++ {
		o.Put(noisyRecord(i, 10<<10))
	}
	eventually(t, "drops are told", func() bool {
		projects, err := disk.Look(dir)
		must(t, err)
		return projects[0].Left[0].Health.Dropped[reasonCacheOverflow] >= 5
	})
}
