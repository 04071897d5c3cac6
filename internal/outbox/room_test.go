package outbox

import (
	"crypto/rand"
	"net/http"
	"testing"
	"time"
)

// TestRoomIsShared: what all processes hold together counts, and each makes room with what is its own.
func TestRoomIsShared(t *testing.T) {
	t.Parallel()
	const room, size, n = 1 << 20, 10 << 10, 100
	dir := t.TempDir()
	open := func() (Store, error) {
		return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: room})
	}
	record := func(i int) *Record { // packing gains nothing
		r := testRecord(i, 0)
		noise := make([]byte, size)
		_, _ = rand.Read(noise)
		r.Payload = append(r.Payload, noise...)
		return r
	}
	other, err := open()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n / 2 {
		if _, err := other.Put(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	s := &sink{}
	s.respond(status(http.StatusServiceUnavailable))
	o := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore, c.MaxBytes = open, room
		c.Client = &http.Client{Transport: memoryTransport(s)}
	})
	for i := range n {
		if !o.Put(record(n + i)) {
			t.Fatalf("event %d isn't held", i)
		}
	}
	st := o.Stats()
	if together := st.PendingBytes + other.Bytes(); together > room+room/16+size {
		t.Errorf("%d bytes wait, the room is for %d", together, room)
	}
	if st.DroppedBy[reasonCacheOverflow] == 0 || st.Pending+st.Dropped != n {
		t.Errorf("%+v", st)
	}
	if err := other.Close(); err != nil { // it leaves what waits
		t.Error(err)
	}
	s.respond(nil)
	o.Close(ended())
	next := openTest(t, "http://127.0.0.1/", func(c *Config) {
		c.OpenStore, c.MaxBytes = open, room
		c.Client = &http.Client{Transport: memoryTransport(s)}
	})
	if !next.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	if got, want := len(s.got()), n/2+int(st.Pending); got != want {
		t.Errorf("%d arrived, want %d", got, want)
	}
}
