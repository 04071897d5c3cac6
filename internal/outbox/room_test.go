package outbox

import (
	"crypto/rand"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestRoomIsShared: what all processes hold together counts, and each makes room with what is its own.
func TestRoomIsShared(t *testing.T) {
	t.Parallel()
	const room, size, n = 1 << 20, 10 << 10, 100
	dir := t.TempDir()
	open := func() (Store, error) {
		return OpenDisk(DiskConfig{Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: room})
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
	if together := st.PendingBytes + other.Bytes(); together > room+room/segmentParts+size {
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

// TestDoneRecordsLeaveTheDisk: while a server limits errors and takes all else, the folder holds little more than the
// errors.
func TestDoneRecordsLeaveTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk, err := OpenDisk(DiskConfig{Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	for i := range 2000 {
		r := testRecord(i, 1000)
		if i%40 > 0 {
			r = ofCategory(r, CategoryTransaction)
		}
		e, err := disk.Put(r)
		if err == nil && r.Category == CategoryTransaction {
			err = disk.Done(e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var used int64
	entries, err := os.ReadDir(disk.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			used += info.Size()
		}
	}
	if most := disk.Bytes() + 2*disk.segmentSize + slotSize; used > most {
		t.Errorf("%d bytes on disk for %d that wait, want at most %d", used, disk.Bytes(), most)
	}
}
