package outbox

import (
	"net/http"
	"testing"
)

// BenchmarkPut is what a capture costs: with a server that takes all, and with none.
func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name string
		disk bool
		away bool
	}{{"memory", false, false}, {"memory/away", false, true}, {"disk", true, false}, {"disk/away", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			s := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.away {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			dir := b.TempDir()
			o := openTest(b, "http://127.0.0.1/", func(cfg *Config) {
				cfg.Client = &http.Client{Transport: memoryTransport(s)}
				*cfg.timing = defaultTiming
				if c.disk {
					cfg.OpenStore = func() (Store, error) { return openTestDisk(dir) }
				}
			})
			r := testRecord(1, 500) // too small to be packed
			b.ReportAllocs()
			for b.Loop() {
				o.Put(r)
			}
			b.StopTimer()
			o.Close(ended())
		})
	}
}
